"""The official JavaScript clients as children of a test, with the interface of `client_tests.clients`."""

import asyncio
import itertools
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self, TypeVar

from client_tests.clients import Ears, Event, make_token
from server.contract.operations import MESSAGING, OPERATIONS

HERE = Path(__file__).parent
MAX_LINE_BYTES = 16 * 1024 * 1024
ANSWER_S = 15.0
EXIT_S = 5.0

Operation = tuple[str, Any]
Script = TypeVar("Script", bound="NodeScript")


class NodeScript(Ears):
    """A Node script that speaks JSON lines. What it reports is heard like an event."""

    script: str

    def __init__(self) -> None:
        super().__init__()
        self.by_namespace: dict[str, list[tuple[str, Event]]] = {}
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._ids = itertools.count()

    async def start(self) -> Self:
        """Start Node."""
        assert (HERE / "node_modules").is_dir(), "run `make .venv/.stamp-js` (npm ci in client_tests/js) first"
        self._process = await asyncio.create_subprocess_exec(
            "node",
            self.script,
            cwd=HERE,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=MAX_LINE_BYTES,
        )
        self._reader = asyncio.create_task(self._read())
        return self

    async def close(self) -> None:
        """Leave, and end Node."""
        if self._process.returncode is None:
            await self._ask("disconnect")
            assert self._process.stdin is not None
            self._process.stdin.close()
        await asyncio.wait_for(self._reader, EXIT_S)
        await asyncio.wait_for(self._process.wait(), EXIT_S)

    def heard_on(self, namespace: str) -> list[tuple[str, Event]]:
        """Return what one namespace reported, in order."""
        return self.by_namespace.get(namespace, [])

    async def _ask(self, command: str, **fields: Any) -> Any:
        request_id = next(self._ids)
        answer = self._answers[request_id] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": request_id, "cmd": command, **fields}).encode() + b"\n")
        return await asyncio.wait_for(answer, ANSWER_S)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._take(json.loads(line))
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(ConnectionError("Node ended"))

    def _take(self, line: dict[str, Any]) -> None:
        if "report" in line:
            payload = line["payload"] if line["payload"] is not None else {}
            self.by_namespace.setdefault(line.get("namespace", ""), []).append((line["report"], payload))
            self.note(line["report"], payload)
            return
        answer = self._answers.pop(line["id"])
        if answer.done():  # the test gave up waiting
            return
        if "failure" in line:
            answer.set_exception(RuntimeError(line["failure"]))
        else:
            answer.set_result(line["answer"])


class JsClient(NodeScript):
    """The official Socket.IO client on some namespaces.

    Beside the server's events it hears its own: `connect`, `disconnect {reason}`, `connect_error {message, data}`,
    `transport {name}` (at first and after the upgrade), `engine_close {reason, code}`, `reconnect {attempt}`.
    """

    script = "client.mjs"

    def __init__(self, url: str, token: str | None) -> None:
        super().__init__()
        self.url = url
        self.token = token
        self._namespaces: tuple[str, ...] = ()
        self._auth: dict[str, Any] = {}

    async def connect(
        self, *namespaces: str, transports: list[str] | None = None, reconnection: bool = True, **auth: Any
    ) -> "JsClient":
        """Connect and wait for the first event of every namespace."""
        await self.dial(*namespaces, transports=transports, reconnection=reconnection, **auth)
        await self.heard("connection_established", count=len(self._namespaces))
        return self

    async def dial(
        self, *namespaces: str, transports: list[str] | None = None, reconnection: bool = True, **auth: Any
    ) -> "JsClient":
        """Begin to connect and wait for nothing. Without `reconnection` it comes back only by `dial_again`."""
        self._namespaces = namespaces or (MESSAGING,)
        self._auth = auth
        await self.renew(self.token)
        options = {"reconnection": reconnection} | ({} if transports is None else {"transports": transports})
        await self._ask("connect", url=self.url, namespaces=self._namespaces, options=options)
        return self

    async def renew(self, token: str | None) -> None:
        """Use another token from the next connection on."""
        self.token = token
        await self._ask("auth", value=self._auth if token is None else {"token": token, **self._auth})

    async def call(self, op: str, payload: Any = None, namespace: str | None = None) -> Event:
        """Ask an operation and return its envelope."""
        answer = await self._ask("emit", namespace=namespace or self._somewhere(op), op=op, payload=payload, ack=True)
        return dict(answer)

    async def emit(self, op: str, payload: Any = None, namespace: str | None = None) -> None:
        """Ask an operation without an ack."""
        await self._ask("emit", namespace=namespace or self._somewhere(op), op=op, payload=payload, ack=False)

    async def burst(self, operations: list[Operation], *, ack: bool = True, namespace: str = MESSAGING) -> list[Event]:
        """Emit all in one tick; return their envelopes if acks are asked for."""
        return await self._ask("burst", namespace=namespace, operations=operations, ack=ack) or []

    async def forge(self, name: str, *args: Any, ack: bool, namespace: str = MESSAGING) -> Any:
        """Send an event whose name the client reserves for itself."""
        return await self._ask("forge", namespace=namespace, name=name, args=args, ack=ack)

    async def cut(self) -> None:
        """Lose the transport, as a network does."""
        cuts = len(self.all("disconnect"))
        await self._ask("cut")
        await self.heard("disconnect", count=cuts + len(self._namespaces))

    async def trail(self) -> dict[str, str]:
        """Return the `pid` and `offset` with which the client would come back."""
        return dict(await self._ask("trail"))

    async def dial_again(self, url: str | None = None) -> None:
        """Come back, to another address if one is given; returns when every namespace is connected."""
        before = len(self.all("connect"))
        await self._ask("dialAgain", url=url)
        await self.heard("connect", count=before + len(self._namespaces))

    async def disconnect(self) -> None:
        """Leave all namespaces; Node lives on."""
        await self._ask("disconnect")

    def _somewhere(self, op: str) -> str:
        """The first of the asked-for namespaces that offers an operation."""
        offered = OPERATIONS[op].namespaces if op in OPERATIONS else frozenset(self._namespaces)
        return next(namespace for namespace in self._namespaces if namespace in offered)


class JsPlainClient(NodeScript):
    """A plain WebSocket in JavaScript (`ws`), for messages exactly as the source document writes them."""

    script = "plain.mjs"

    async def connect(self, url: str) -> "JsPlainClient":
        """Connect and wait for the first event."""
        await self._ask("connect", url=url.replace("http", "ws", 1))
        await self.heard("connection_established")
        return self

    async def send(self, message: dict[str, Any]) -> None:
        """Send a message as it is."""
        await self._ask("send", message=message)


class JsClients:
    """Makes JavaScript clients and closes them at the end: `async with JsClients(SECRET) as js`."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def token(self, user_id: str | int, **claims: Any) -> str:
        """Return a token for a user."""
        return make_token(self._secret, user_id, **{"name": f"User {user_id}", **claims})

    async def idle(self, url: str, token: str | None) -> JsClient:
        """Return an official client that has not begun to connect, with any token."""
        return await self._started(JsClient(url, token))

    async def socket(
        self, url: str, user_id: str | int, *namespaces: str, transports: list[str] | None = None, **auth: Any
    ) -> JsClient:
        """Connect the official client (`/messaging` unless namespaces are named)."""
        client = await self.idle(url, self.token(user_id))
        return await client.connect(*namespaces, transports=transports, **auth)

    async def plain(self, url: str, user_id: str | int, path: str) -> JsPlainClient:
        """Connect a plain WebSocket with the token in the address."""
        client = await self._started(JsPlainClient())
        return await client.connect(f"{url}{path}?token={self.token(user_id)}")

    async def _started(self, client: Script) -> Script:
        self._stack.push_async_callback((await client.start()).close)
        return client
