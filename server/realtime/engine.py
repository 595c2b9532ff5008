"""The Engine.IO server: python-engineio's, with sessions, requests and heartbeats of our own (ADR 0012)."""

import asyncio
import base64
import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import engineio
from aiohttp import web
from engineio.async_drivers import aiohttp as engine_aiohttp

from server.contract.errors import DRAINING_CLOSE_CODE
from server.domain.ids import new_secret
from server.realtime import json
from server.realtime.deadlines import Deadlines
from server.realtime.frames import Encoded
from server.realtime.handshakes import Handshake, Request, answer_to
from server.realtime.session import PARSE_ERROR, SEPARATOR, PollError, Probe, Session
from server.realtime.websocket import MAX_QUEUE_BYTES, MAX_QUEUE_PACKETS, WebSocket, WebSockets

LAST_POLL_S = 2.0
LAST_EVENTS_S = 5.0
UPGRADE_TIMEOUT_S = 10.0
POST_TIMEOUT_S = 10.0

TRANSPORT_UNKNOWN, SESSION_UNKNOWN, BAD_METHOD, BAD_REQUEST, FORBIDDEN, VERSION_UNSUPPORTED = range(6)
"""Codes of refused requests, as the reference implementation (engine.io for Node) has them."""

_MESSAGES = {
    TRANSPORT_UNKNOWN: "Transport unknown",
    SESSION_UNKNOWN: "Session ID unknown",
    BAD_METHOD: "Bad handshake method",
    BAD_REQUEST: "Bad request",
    FORBIDDEN: "Forbidden",
    VERSION_UNSUPPORTED: "Unsupported protocol version",
}

Relay = Callable[[web.Request, str], Awaitable[web.StreamResponse | None]]
"""Answers a request for a session of another worker; None if there is no such worker."""
Admit = Callable[[Request, str], web.Response | None]
"""Asked at each handshake, with the id of the session to be; an answer refuses it."""
Receiver = Callable[[Session, Any], None]


class EngineServer(engineio.AsyncServer):
    """The server.

    `tag` begins the id of every session made here; a request for a session with another tag is handed to `relay`, if
    there is one. `admit` may refuse a handshake, and `left` is told the id of each session that is gone. `receive`
    takes the messages of clients; without it they are an event of the application. `opened` is told of each session
    and of its request; without it that is an event too, and who opens a session may be refused.
    """

    def __init__(
        self,
        *args: Any,
        max_queue_packets: int = MAX_QUEUE_PACKETS,
        max_queue_bytes: int = MAX_QUEUE_BYTES,
        websocket_deflate: bool = False,
        keeps_environ: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.tag = ""
        self.relay: Relay | None = None
        self.admit: Admit = lambda _request, _sid: None
        self.left: Callable[[str], None] = lambda _sid: None
        self.receive: Receiver = self._receive
        self.opened: Callable[[Session, dict[str, Any]], None] | None = None
        self.websockets = WebSockets(
            max_message_bytes=self.max_http_buffer_size,
            max_queue_packets=max_queue_packets,
            max_queue_bytes=max_queue_bytes,
            deflate=websocket_deflate,
        )
        self._keeps_environ = keeps_environ
        self._pings: Deadlines[Session] = Deadlines(self.ping_interval, self._ping)
        self._pongs: Deadlines[Session] = Deadlines(self.ping_timeout, self._miss_pong)
        self._upgrades_due: Deadlines[Probe] = Deadlines(UPGRADE_TIMEOUT_S, self._give_up)
        self._tasks: set[asyncio.Task[Any]] = set()

    def on(self, event: str, handler: Callable[..., Any] | None = None) -> Any:
        """Register a handler; one for `message` takes the place of `receive`."""
        if event == "message":
            self.receive = self._receive
        return super().on(event, handler)

    def generate_id(self) -> str:
        """Return a new id."""
        return self.tag + new_secret()

    def attach(self, app: web.Application, engineio_path: str = "engine.io") -> None:
        """Serve at a path of an application, whatever the method: what is wrong is answered by the protocol's rules."""
        app.router.add_route("*", f"/{engineio_path.strip('/')}/", self.handle_request)

    # --- Requests

    async def handle_request(self, request: web.Request) -> web.StreamResponse:
        """Answer a request; a WebSocket handshake is answered by taking the connection over."""
        if not self._is_allowed_origin(request):
            return self._refuse(request, FORBIDDEN)
        if request.method == "OPTIONS":
            return web.Response(headers=self._cors(request))
        if (mistake := self._mistake(request)) is not None:
            return self._refuse(request, mistake)
        transport, sid = request.query["transport"], request.query.get("sid")
        if sid is None:
            return await self._open(request, transport)
        session = self.sockets.get(sid)
        if session is None and self.relay is not None and not sid.startswith(self.tag):
            return await self.relay(request, sid) or self._refuse(request, SESSION_UNKNOWN)
        return await self._go_on(request, transport, session)

    def open_at_once(self, request: Handshake) -> bool:
        """Open a session on the WebSocket that is asked for; False, and nothing done, if not all is well with it."""
        if self.opened is None or self._keeps_environ or not self._is_allowed_origin(request):
            return False
        if self._mistake(request) is not None or request.query["transport"] != "websocket" or "sid" in request.query:
            return False
        try:
            answer = answer_to(request.headers, deflate=self.websockets.deflate)
        except web.HTTPBadRequest:
            return False
        sid = self.generate_id()
        if self.admit(request, sid) is not None:
            return False
        session = self.sockets[sid] = Session(self, sid)
        self.opened(session, {})
        self._welcome(session, "websocket")
        self.websockets.begin(request.transport, answer, partial(self._begin, session))
        return True

    def _mistake(self, request: Request) -> int | None:
        query = request.query
        if query.get("transport") not in self.transports:
            return TRANSPORT_UNKNOWN
        if request.method not in {"GET", "POST"} or "j" in query:  # no JSONP: a script may come from any page
            return BAD_REQUEST
        if "sid" in query:
            return None
        if query.get("EIO") != "4":
            return VERSION_UNSUPPORTED
        return None if request.method == "GET" else BAD_METHOD

    async def _go_on(self, request: web.Request, transport: str, session: Session | None) -> web.StreamResponse:
        if session is None or not session.connected:
            return self._refuse(request, SESSION_UNKNOWN)
        if transport == "websocket":
            if request.method != "GET" or not self.allow_upgrades:
                return self._refuse(request, BAD_REQUEST)
            return self.websockets.accept(request, lambda websocket: self._begin_probe(session, websocket))
        if session.upgraded or (session.closing and not session.close_waits):
            return self._refuse(request, BAD_REQUEST)
        if request.method == "POST":
            return await self._post(request, session)
        return await self._poll(request, session)

    async def _open(self, request: web.Request, transport: str) -> web.StreamResponse:
        if transport == "websocket" and request.headers.get("Upgrade", "").lower() != "websocket":
            return self._refuse(request, BAD_REQUEST)
        sid = self.generate_id()
        if (refusal := self.admit(request, sid)) is not None:
            return refusal
        session = self.sockets[sid] = Session(self, sid)
        if self.opened is not None:
            self.opened(session, self._environ(request))
        else:
            accepted = await self._trigger_event("connect", sid, self._environ(request), run_async=False)
            if accepted is not None and accepted is not True:
                self._forget(session)
                return web.json_response(accepted or "Unauthorized", status=401, dumps=json.dumps)
        self._welcome(session, transport)
        if transport == "polling":
            session.connected = True
            return await self._poll(request, session, self._cookie_headers(sid))
        try:
            return self.websockets.accept(request, partial(self._begin, session))
        finally:
            if not session.connected:  # it is no handshake, or the client is gone
                session.close(self.reason.TRANSPORT_ERROR)

    def _welcome(self, session: Session, transport: str) -> None:
        self._pings.add(session)
        opening = {
            "sid": session.sid,
            "upgrades": ["websocket"] if transport == "polling" and self._upgradable else [],
            "pingInterval": round((self.ping_interval + self.ping_interval_grace_period) * 1000),
            "pingTimeout": round(self.ping_timeout * 1000),
            "maxPayload": self.max_http_buffer_size,
        }
        session.send(Encoded(b"0" + json.dumps(opening).encode()))

    @property
    def _upgradable(self) -> bool:
        return self.allow_upgrades and "websocket" in self.transports

    def _begin(self, session: Session, websocket: WebSocket) -> Session:
        session.open_websocket(websocket)
        return session

    def _begin_probe(self, session: Session, websocket: WebSocket) -> Probe:
        probe = session.probe(websocket)
        if not websocket.closing:
            self._upgrades_due.add(probe)
        return probe

    def _give_up(self, probe: Probe) -> None:
        if probe.websocket.listener is probe:
            probe.end()

    async def _poll(
        self, request: web.Request, session: Session, headers: dict[str, str] | None = None
    ) -> web.StreamResponse:
        try:
            payload = await session.poll()
        except PollError:
            return self._refuse(request, BAD_REQUEST)
        if request.transport is None or request.transport.is_closing():
            session.lose_poll()
        response = web.Response(
            body=payload,
            content_type="text/plain",
            charset="UTF-8",
            headers={**self._cors(request), **(headers or {}), "Cache-Control": "no-store"},
        )
        if session.closing and not session.close_waits:  # it comes back, to another process should this one be going
            response.force_close()
        if self.http_compression and len(payload) >= self.compression_threshold:
            response.enable_compression()
        return response

    async def _post(self, request: web.Request, session: Session) -> web.StreamResponse:
        try:
            async with asyncio.timeout(POST_TIMEOUT_S):
                body = await self._read(request)
        except (TimeoutError, ConnectionError, web.RequestPayloadError):
            session.close(self.reason.TRANSPORT_ERROR)
            return self._refuse(request, BAD_REQUEST)
        if body is None:
            session.close(self.reason.TRANSPORT_ERROR)
            return self._refuse(request, BAD_REQUEST, status=413)
        try:
            packets = body.decode().split(SEPARATOR.decode())
        except UnicodeDecodeError:
            session.close(PARSE_ERROR)
            return self._refuse(request, BAD_REQUEST)
        for packet in packets:
            if session.throttled:
                await session.until_idle()
            self._receive_polled(session, packet)
            if session.closing:
                break
        if session.closing and packets[-1:] != ["1"]:
            return self._refuse(request, BAD_REQUEST)
        return web.Response(text="ok", content_type="text/html", headers=self._cors(request))

    def _receive_polled(self, session: Session, packet: str) -> None:
        if not packet.startswith("b"):
            session.on_text(packet)
            return
        try:
            data = base64.b64decode(packet[1:], validate=True)
        except ValueError:
            session.close(PARSE_ERROR)
            return
        session.on_binary(data)

    async def _read(self, request: web.Request) -> bytes | None:
        """Return the body, however it is cut or encoded; None if it is too large."""
        limit = self.max_http_buffer_size
        if (request.content_length or 0) > limit:
            return None
        parts, size = [], 0
        async for part in request.content.iter_any():
            size += len(part)
            if size > limit:
                return None
            parts.append(part)
        return b"".join(parts)

    def _refuse(self, request: web.Request, code: int, *, status: int = 400) -> web.Response:
        body = {"code": code, "message": _MESSAGES[code]}
        return web.json_response(body, status=status, headers=self._cors(request), dumps=json.dumps)

    def _cookie_headers(self, sid: str) -> dict[str, str]:
        if not self.cookie:
            return {}
        attributes = (
            self.cookie if isinstance(self.cookie, dict) else {"name": self.cookie, "path": "/", "SameSite": "Lax"}
        )
        return {"Set-Cookie": self._generate_sid_cookie(sid, attributes)}

    def _environ(self, request: Request) -> dict[str, Any]:
        """Return what connect handlers are told of the request; kept as long as the session, unless told otherwise."""
        if not self._keeps_environ:
            return {}
        environ: dict[str, Any] = engine_aiohttp.translate_request(request)
        environ["REMOTE_ADDR"] = request.remote or ""
        return environ

    # --- Origins

    def _is_allowed_origin(self, request: Request) -> bool:
        origin = request.headers.get("Origin")
        return origin is None or self.cors_allowed_origins == [] or self._allows(origin, request)

    def _allows(self, origin: str, request: Request) -> bool:
        allowed = self.cors_allowed_origins
        if allowed is None:
            # The same host and port. Not the scheme, since TLS may end at a proxy; and not what a header claims that
            # anyone may send (X-Forwarded-Host).
            with suppress(ValueError):
                return urlsplit(origin).netloc.lower() == request.headers.get("Host", "").lower()
            return False
        if callable(allowed):
            takes_environ = len(inspect.signature(allowed).parameters) > 1
            return bool(allowed(origin, self._environ(request)) if takes_environ else allowed(origin))
        return "*" in allowed or origin in ([allowed] if isinstance(allowed, str) else allowed)

    def _cors(self, request: web.Request) -> dict[str, str]:
        origin = request.headers.get("Origin")
        if origin is None or self.cors_allowed_origins == [] or not self._allows(origin, request):
            return {}
        headers = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        if request.method == "OPTIONS":
            headers["Access-Control-Allow-Methods"] = "OPTIONS, GET, POST"
        if asked := request.headers.get("Access-Control-Request-Headers"):
            headers["Access-Control-Allow-Headers"] = asked
        if self.cors_credentials:
            headers["Access-Control-Allow-Credentials"] = "true"
        return headers

    # --- Messages

    async def send(self, sid: str, data: Any) -> None:
        """Send a message: text, bytes, or a list or dict as JSON. One for a session that is gone is dropped."""
        self.send_now(sid, data)

    def send_now(self, sid: str, data: Any) -> None:
        """Send a message; never waits."""
        session = self.sockets.get(sid)
        if session is not None:
            session.send(encode_message(data))

    async def send_packet(self, sid: str, pkt: Any) -> None:
        """Send a packet of python-engineio's."""
        session = self.sockets.get(sid)
        if session is not None:
            encoded = pkt.encode()
            session.send(Encoded(encoded.encode() if isinstance(encoded, str) else encoded, binary=pkt.binary))

    async def disconnect(self, sid: str | None = None) -> None:
        """Close a session, or all."""
        for session in list(self.sockets.values()) if sid is None else filter(None, [self.sockets.get(sid)]):
            session.close(self.reason.SERVER_DISCONNECT)

    def _receive(self, session: Session, data: Any) -> None:
        async def handle() -> None:
            await self._trigger_event("message", session.sid, data, run_async=False)

        session.lane.submit(lambda done: self.run(handle(), done))

    # --- Heartbeats

    def alive(self, session: Session) -> None:
        """A session answered its ping."""
        self._pongs.discard(session)
        if not session.closing:
            self._pings.add(session)

    def _ping(self, session: Session) -> None:
        session.ping()
        self._pongs.add(session)

    def _miss_pong(self, session: Session) -> None:
        if session.throttled:  # its answer may be among what is not read yet
            self._pongs.add(session)
        else:
            session.close(self.reason.PING_TIMEOUT)

    # --- The end

    def finish(self, session: Session, reason: str) -> None:
        """Do what is left to do for a session that is closing."""
        self._pings.discard(session)
        self._pongs.discard(session)
        self.run(self._finish(session, reason))

    async def _finish(self, session: Session, reason: str) -> None:
        if session.busy:
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_EVENTS_S):
                    await session.until_idle()
        await self._trigger_event("disconnect", session.sid, reason, run_async=False)
        if session.close_waits:
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_POLL_S):
                    await session.told()
        self._forget(session)

    def _forget(self, session: Session) -> None:
        session.closed = True
        self._pings.discard(session)
        self.sockets.pop(session.sid, None)
        self.left(session.sid)
        session.let_go()

    async def shutdown(self) -> None:
        """Close all sessions and wait until they are gone, for a few seconds at most."""
        for session in list(self.sockets.values()):
            session.close(self.reason.SERVER_DISCONNECT, DRAINING_CLOSE_CODE)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LAST_POLL_S)
        await self.websockets.closed()
        for deadlines in (self._pings, self._pongs, self._upgrades_due):
            deadlines.close()

    def run(self, work: Any, done: Callable[[], None] | None = None) -> None:
        """Run a coroutine in the background; `done` is called when it ended, however."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        if done is not None:
            task.add_done_callback(lambda _: done())

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.logger.error("background task failed", exc_info=task.exception())


def encode_message(data: Any) -> Encoded:
    """Return an Engine.IO MESSAGE packet."""
    if isinstance(data, bytes | bytearray):
        return Encoded(bytes(data), binary=True)
    text = data if isinstance(data, str) else json.dumps(data) if isinstance(data, dict | list) else str(data)
    return Encoded(b"4" + text.encode())
