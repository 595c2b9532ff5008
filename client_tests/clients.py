"""Clients for the three transports, with one interface: `call` an operation, `heard` an event."""

import asyncio
import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import jwt
import socketio

from server.contract.operations import MESSAGING, NOTIFICATIONS, OPERATIONS, PRESENCE, THREADS

HEARD_S = 10.0
Event = dict[str, Any]

DEFAULT_TRANSPORTS = os.environ.get("TEST_TRANSPORTS", "").split() or None
"""What clients use of whom a test does not say it: `TEST_TRANSPORTS=polling` or `=websocket`; else the client's own."""

PLAIN_PATHS = {
    MESSAGING: "/ws/messaging/",
    THREADS: "/ws/messaging/thread/{thread_id}/",
    NOTIFICATIONS: "/ws/notifications/",
    PRESENCE: "/ws/user-status/",
}


def make_token(secret: str, user: str | int, **claims: Any) -> str:
    """Return a token as Django SimpleJWT makes it; `claims` add to and override its claims, None removes one."""
    now = int(time.time())
    payload = {"token_type": "access", "user_id": user, "iat": now, "exp": now + 3600, "jti": uuid.uuid4().hex}
    payload = {key: value for key, value in {**payload, **claims}.items() if value is not None}
    return jwt.encode(payload, secret, "HS256")


@dataclass
class Ears:
    """What a client heard, in order."""

    events: list[tuple[str, Event]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, name: str, payload: Event) -> None:
        """Remember an event."""
        self.events.append((name, payload))
        self._news.set()

    def all(self, name: str) -> list[Event]:
        """Return the payloads of all events of a name so far."""
        return [payload for heard, payload in self.events if heard == name]

    async def heard(self, name: str, matches: Callable[[Event], bool] = lambda _: True, count: int = 1) -> Event:
        """Wait until `count` matching events were heard; return the last of these."""
        async with asyncio.timeout(HEARD_S):
            while True:
                found = [payload for payload in self.all(name) if matches(payload)]
                if len(found) >= count:
                    return found[count - 1]
                self._news.clear()
                await self._news.wait()


class SocketClient(Ears):
    """python-socketio's client on some namespaces."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__()
        self.url = url
        self.token = token
        self.sio = socketio.AsyncClient(reconnection=False)

    async def connect(self, *namespaces: str, transports: list[str] | None = None, **auth: Any) -> "SocketClient":
        """Connect and wait for the first event of every namespace."""
        wanted = list(namespaces or (MESSAGING,))
        for namespace in wanted:
            self.sio.on("*", self._note, namespace=namespace)
            self.sio.on("connect_error", self._refused, namespace=namespace)
        await self.sio.connect(
            self.url,
            # This client's handlers take one argument: no offsets behind the payloads.
            auth={"token": self.token, "recovery": False, **auth},
            namespaces=wanted,
            transports=transports or DEFAULT_TRANSPORTS,
            wait_timeout=5,
        )
        await self.heard("connection_established", count=len(wanted))
        return self

    async def call(self, op: str, payload: Any = None, namespace: str | None = None) -> Event:
        """Ask an operation and return its envelope."""
        where = namespace or self._somewhere(op)
        return dict(await self.sio.call(op, payload, namespace=where, timeout=10))

    async def emit(self, op: str, payload: Any = None, namespace: str | None = None) -> None:
        """Ask an operation without an ack."""
        await self.sio.emit(op, payload, namespace=namespace or self._somewhere(op))

    async def close(self) -> None:
        """Leave."""
        await self.sio.disconnect()
        await self.sio.shutdown()

    def _somewhere(self, op: str) -> str:
        """The first of the joined namespaces that offers an operation."""
        offered = OPERATIONS[op].namespaces if op in OPERATIONS else self.sio.namespaces
        return next(namespace for namespace in self.sio.connection_namespaces if namespace in offered)

    async def _note(self, name: str, payload: Event | None = None) -> None:
        self.note(name, payload or {})

    async def _refused(self, payload: Event) -> None:
        self.note("connect_error", payload)


class PlainClient(Ears):
    """A plain WebSocket, as the source document's clients use it. `close_code` is set once it is closed."""

    def __init__(self, url: str, token: str | None) -> None:
        super().__init__()
        self.url = url
        self.token = token
        self.close_code: int | None = None
        self.closed = asyncio.Event()
        self._session = aiohttp.ClientSession()
        self._refs = 0

    async def connect(self, namespace: str = MESSAGING, thread_id: str = "", **options: Any) -> "PlainClient":
        """Connect by `?token=` and begin to listen."""
        path = PLAIN_PATHS[namespace].format(thread_id=thread_id)
        query = {"token": self.token} if self.token is not None else {}
        self.ws = await self._session.ws_connect(f"{self.url}{path}", params=query, max_msg_size=0, **options)
        self._reader = asyncio.create_task(self._read())
        return self

    async def call(self, op: str, payload: Any = None, _namespace: str | None = None) -> Event:
        """Ask an operation with a `ref` and return its envelope."""
        self._refs += 1
        ref = self._refs
        await self.ws.send_json({"type": op, **(payload or {}), "ref": ref})
        ack = dict(await self.heard("ack", lambda heard: heard["ref"] == ref))
        assert ack.pop("op") == op
        ack.pop("ref")
        return ack

    async def emit(self, op: str, payload: Any = None, _namespace: str | None = None) -> None:
        """Ask an operation without a `ref`."""
        await self.ws.send_json({"type": op, **(payload or {})})

    async def close(self) -> None:
        """Leave."""
        await self.ws.close()
        await self._reader
        await self._session.close()

    async def _read(self) -> None:
        async for frame in self.ws:
            message = frame.json()
            self.note(message.pop("type"), message)
        self.close_code = self.ws.close_code
        self.closed.set()


class HttpClient:
    """The HTTP API, by the operation table."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        self.session = aiohttp.ClientSession(headers=headers)

    async def call(self, op: str, payload: Any = None, _namespace: str | None = None) -> Event:
        """Ask an operation and return its envelope."""
        return (await self.request(op, payload))[1]

    async def request(self, op: str, payload: Any = None, **headers: str) -> tuple[int, Event]:
        """Ask an operation and return the status and the envelope."""
        row = OPERATIONS[op]
        fields = dict(payload or {})
        path = row.path
        for name in list(fields):
            if f"{{{name}}}" in path:
                path = path.replace(f"{{{name}}}", str(fields.pop(name)))
        in_query = row.method in ("GET", "DELETE")
        query = [
            (key, item) for key, value in fields.items() for item in (value if isinstance(value, list) else [value])
        ]
        async with self.session.request(
            row.method,
            f"{self.url}/api/v1{path}",
            params=query if in_query else None,
            json=None if in_query else fields,
            headers=headers,
        ) as response:
            return response.status, await response.json()

    async def close(self) -> None:
        """Leave."""
        await self.session.close()


class Clients:
    """Makes clients of any kind and closes them at the end."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._made: list[SocketClient | PlainClient | HttpClient] = []

    def token(self, user_id: str | int, **claims: Any) -> str:
        """Return a token for a user."""
        return make_token(self._secret, user_id, **claims)

    async def socket(
        self, url: str, user_id: str | int, *namespaces: str, transports: list[str] | None = None, **auth: Any
    ) -> SocketClient:
        """Connect by Socket.IO (`/messaging` unless namespaces are named)."""
        client = SocketClient(url, self.token(user_id, name=f"User {user_id}"))
        self._made.append(client)
        return await client.connect(*namespaces, transports=transports, **auth)

    async def plain(self, url: str, user_id: str | int, namespace: str = MESSAGING, thread_id: str = "") -> PlainClient:
        """Connect by a plain WebSocket and wait for the first event."""
        client = await self.plain_raw(url, self.token(user_id, name=f"User {user_id}"), namespace, thread_id)
        await client.heard("connection_established")
        return client

    async def plain_raw(
        self, url: str, token: str | None, namespace: str = MESSAGING, thread_id: str = "", **options: Any
    ) -> PlainClient:
        """Connect by a plain WebSocket with any token, and wait for nothing."""
        client = PlainClient(url, token)
        self._made.append(client)
        return await client.connect(namespace, thread_id, **options)

    def http(self, url: str, user_id: str | int) -> HttpClient:
        """Return an HTTP client of a user."""
        return self.http_raw(url, self.token(user_id, name=f"User {user_id}"))

    def http_raw(self, url: str, token: str | None) -> HttpClient:
        """Return an HTTP client with any token."""
        client = HttpClient(url, token)
        self._made.append(client)
        return client

    async def close(self) -> None:
        """Close all of them."""
        for client in self._made:
            await client.close()
