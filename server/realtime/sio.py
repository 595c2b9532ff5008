"""The Socket.IO server: python-socketio's, on an engine of our own (ADR 0004, 0012).

What differs from the stock server, beside the engine:

- packets are parsed as they come, and are bounded: attachments, ack ids, namespaces;
- the events of one client are handled in order, on a lane of its own, without holding up its heartbeats or acks;
- a session that joins no namespace is closed in time, and a connect handler that fails leaves nothing behind;
- every event with an ack id is answered, also when its handler fails;
- clients cannot emit what the server says of itself (`connect`, `disconnect`, ...).

python-socketio has no type hints: this module, `engine.py`, `managers.py` and `namespaces/base.py` are the seam to
typed code.
"""

import re
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, Literal

import orjson
import socketio
from aiohttp import web
from socketio import packet as socket_packet

from server.contract.envelope import Envelope, failure
from server.contract.errors import BINARY_CLOSE_CODE, ERROR_ROWS
from server.domain.errors import InvalidPayloadError, NotFoundError
from server.realtime import json
from server.realtime.deadlines import Deadlines
from server.realtime.engine import EngineServer, encode_message
from server.realtime.frames import Encoded
from server.realtime.lanes import Done
from server.realtime.managers import LocalManager
from server.realtime.recovery import Recovery
from server.realtime.session import PARSE_ERROR, Session

MAX_FRAME_BYTES = 256 * 1024
PING_INTERVAL_S = 25
PING_TIMEOUT_S = 20
CONNECT_TIMEOUT_S = 45
MAX_ATTACHMENTS = 10
MAX_OP_CHARS = 64
MAX_ACK_ID = 10**15

CONNECT_TIMEOUT = "connect timeout"
RESERVED_EVENTS = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)
"""What no client may emit (the reference implementation's list)."""

_PACKET_HEAD = re.compile(r"2(?:(/[^,]*),)?(\d{1,15})?")
"""An EVENT packet up to its JSON: namespace and ack id (Socket.IO protocol v5)."""

_EVENT_HEAD = re.compile(r"2(?:(/[^,?]*),)?(\d{1,15})?(?=\[)")
"""The same of a packet that is well-formed up to there."""

_UNREADABLE = (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError)
"""What reading a malformed packet may raise."""

_CONNECT_HEAD = re.compile(r"0(?:(/[^,?]*),)?(?=\{)")
"""A CONNECT packet with an object, well-formed up to there."""

_LONG_ID = re.compile(r"\d(?:\d+-)?(?:/[^,]*,)?\d{16}")

Answer = Callable[[Envelope], None]


class EnvelopeNamespace(socketio.AsyncNamespace, ABC):
    """A namespace whose operations are all answered with an envelope."""

    @abstractmethod
    async def let_in(self, sid: str, auth: Any) -> dict[str, Any] | None:
        """Let a client in; or return why not, as its CONNECT_ERROR packet is to say it."""

    @abstractmethod
    def let_out(self, sid: str) -> None:
        """A client that was let in is gone."""

    async def trigger_event(self, event: str, *args: Any) -> None:
        """Take what comes from python-socketio's own methods: that it disconnects a client."""
        if event == "disconnect":
            self.let_out(args[0])

    @abstractmethod
    def is_concurrent(self, name: object) -> bool:
        """Tell whether an operation may overlap others of its client."""

    @abstractmethod
    def begin(self, sid: str, name: object, arguments: list[Any], answer: Answer) -> None:
        """Begin an operation, whose turn it is; `answer` is called once, at once or later. Never raises."""

    @abstractmethod
    def refuse(self, sid: str, error: Exception) -> Envelope:
        """Describe an error in the client's language."""

    @abstractmethod
    async def on_connected(self, sid: str) -> None:
        """The client has its CONNECT packet: what is sent now, it hears."""


class RealtimeServer(socketio.AsyncServer):
    """The Socket.IO server."""

    default_locale: Literal["es", "en"] = "es"
    manager_initialized: bool

    def __init__(self, *args: Any, connect_timeout: float = CONNECT_TIMEOUT_S, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.eio.receive = self._receive
        self.eio.opened = self._begin_session
        self._reads_text = self.packet_class is socket_packet.Packet
        self._unjoined: Deadlines[Session] = Deadlines(connect_timeout, self._time_out)
        self._enveloped: dict[str, EnvelopeNamespace] = {}
        self.recovery: Recovery | None = None
        """What lets connections go on where they broke; None: nothing does."""

    def _engineio_server_class(self) -> type[EngineServer]:
        return EngineServer

    def register_namespace(self, namespace_handler: Any) -> None:
        """Let a handler have all events of its namespace."""
        super().register_namespace(namespace_handler)
        if isinstance(namespace_handler, EnvelopeNamespace):
            self._enveloped[namespace_handler.namespace] = namespace_handler

    def attach(self, app: web.Application, socketio_path: str = "socket.io") -> None:
        """Serve at a path of an application, and close all clients when it shuts down."""
        super().attach(app, socketio_path)
        app.on_shutdown.append(self._shut_down_with)

    async def _shut_down_with(self, _app: web.Application) -> None:
        await self.shutdown()

    # --- For the application

    def engine_sid_of(self, sid: str, namespace: str) -> str | None:
        """Return the Engine.IO session of a connection; None once it is gone."""
        if namespace not in self.manager.rooms:
            return None
        found: str | None = self.manager.eio_sid_from_sid(sid, namespace)
        return found

    def send_now(self, sid: str, namespace: str, event: str, *arguments: Any) -> None:
        """Send an event to one connection; never waits."""
        self._send_now(sid, namespace, f"42{_prefix(namespace)}{json.dumps([event, *arguments])}")

    def send_disconnect(self, sid: str, namespace: str) -> None:
        """Send a DISCONNECT packet, after which the official client does not come back by itself."""
        if self.recovery is not None:
            self.recovery.ended(sid)
        self._send_now(sid, namespace, f"41{_prefix(namespace)}")

    def move(self, sid: str, namespace: str, room: str, *, enter: bool) -> None:
        """Let a connection enter or leave a room of this process."""
        if self.engine_sid_of(sid, namespace) is None:
            return
        if enter:
            self.manager.basic_enter_room(sid, namespace, room)
        else:
            self.manager.basic_leave_room(sid, namespace, room)
        if self.recovery is not None:
            self.recovery.moved(sid, room, enter=enter)

    def close_transport(self, engine_sid: str, close_code: int) -> None:
        """Send what was written and close a client's transport, without a DISCONNECT packet; never waits."""
        session = self.eio.sockets.get(engine_sid)
        if session is not None:
            session.close(self.reason.SERVER_DISCONNECT, close_code)

    async def shutdown(self) -> None:
        """Close all clients (stock closes none), and wait until they are gone."""
        await self.eio.shutdown()
        self._unjoined.close()

    def _send_now(self, sid: str, namespace: str, text: str) -> None:
        session = self.eio.sockets.get(self.engine_sid_of(sid, namespace))
        if session is not None:
            session.send(Encoded(text.encode()))

    async def _send_packet(self, eio_sid: str, pkt: Any) -> None:
        session = self.eio.sockets.get(eio_sid)
        if session is not None:
            if self.recovery is not None and pkt.packet_type == socket_packet.CONNECT:
                pid = self.recovery.pid_of(pkt.data["sid"])
                pkt.data |= {} if pid is None else {"pid": pid}
            encoded = pkt.encode()
            for part in encoded if isinstance(encoded, list) else [encoded]:
                session.send(encode_message(part))

    # --- What clients send

    def _receive(self, session: Session, data: str | bytes) -> None:
        """Take a Socket.IO packet, or an attachment of one."""
        try:
            head = _EVENT_HEAD.match(data) if self._reads_text and isinstance(data, str) else None
            if head is not None and session.sid not in self._binary_packet:  # nearly all of what comes
                ack_id = int(head[2]) if head[2] else None
                self._take_event(session, head[1] or "/", ack_id, orjson.loads(data[head.end() :]))
                return
            head = _CONNECT_HEAD.match(data) if self._reads_text and isinstance(data, str) else None
            if head is not None and session.sid not in self._binary_packet:
                auth = json.loads(data[head.end() :])
                self._in_turn(session, partial(self._handle_connect, session.sid, head[1] or "/", auth))
                return
            packet = self._read(session, data)
            if packet is not None:
                self._take(session, packet)
        except _UNREADABLE:
            self._refuse_packet(session, data)

    def _read(self, session: Session, data: str | bytes) -> Any:
        """Return a packet once it is complete.

        Raises:
            ValueError and others of `_UNREADABLE`: it is malformed, or too large.
        """
        waiting = self._binary_packet.get(session.sid)
        if waiting is not None:
            return self._attach(session, waiting, data)
        packet = self.packet_class(encoded_packet=data)
        if packet.id is not None and (packet.id > MAX_ACK_ID or _LONG_ID.match(str(data))):
            raise ValueError("ack id too long")
        if packet.packet_type in {socket_packet.BINARY_EVENT, socket_packet.BINARY_ACK}:
            if packet.attachment_count > MAX_ATTACHMENTS:
                raise ValueError("too many attachments")
            if self.manager.sid_from_eio_sid(session.sid, packet.namespace or "/") is None:
                raise ValueError("binary packet before CONNECT")
            if packet.attachment_count:
                self._binary_packet[session.sid] = packet
                return None
        return packet

    def _attach(self, session: Session, packet: Any, data: str | bytes) -> Any:
        if not isinstance(data, bytes):
            raise TypeError("an attachment is due")
        if sum(map(len, packet.attachments)) + len(data) > self.eio.max_http_buffer_size:
            raise ValueError("attachments too large")
        if not packet.add_attachment(data):
            return None
        del self._binary_packet[session.sid]
        return packet

    def _take(self, session: Session, packet: Any) -> None:
        kind, namespace, data = packet.packet_type, packet.namespace or "/", packet.data
        if kind in {socket_packet.EVENT, socket_packet.BINARY_EVENT}:
            self._take_event(session, namespace, packet.id, data)
        elif kind in {socket_packet.ACK, socket_packet.BINARY_ACK}:
            # Not on the lane: a handler that is running may be waiting for it.
            if packet.id is None or not isinstance(data, list):
                raise ValueError("malformed ACK")
            self.eio.run(self._handle_ack(session.sid, namespace, packet.id, data))
        elif kind == socket_packet.CONNECT:
            if data is not None and not isinstance(data, dict):
                raise ValueError("malformed CONNECT")
            self._in_turn(session, partial(self._handle_connect, session.sid, namespace, data))
        elif kind == socket_packet.DISCONNECT:
            self._in_turn(session, partial(self._leave, session.sid, namespace))
        else:
            raise ValueError("a client sends no such packet")

    def _take_event(self, session: Session, namespace: str, ack_id: int | None, data: Any) -> None:
        if not isinstance(data, list) or not data:
            raise ValueError("malformed EVENT")
        handler = self._enveloped.get(namespace)
        if handler is not None:
            start = partial(self._begin_operation, handler, session, ack_id, data)
            session.lane.submit(start, concurrent=handler.is_concurrent(data[0]))
            return
        if not isinstance(data[0], str | int) or isinstance(data[0], bool) or data[0] in RESERVED_EVENTS:
            raise ValueError("not the name of an event")
        self._in_turn(session, partial(self._handle_event, session.sid, namespace, ack_id, data))

    def _in_turn(self, session: Session, handle: Callable[[], Any]) -> None:
        session.lane.submit(lambda done: self.eio.run(handle(), done))

    def _refuse_packet(self, session: Session, data: str | bytes) -> None:
        """Answer a packet that could not be read if it can be told whose it was; else close the transport."""
        self._binary_packet.pop(session.sid, None)
        head = _PACKET_HEAD.match(data) if isinstance(data, str) else None
        namespace = (head[1] or "/") if head else "/"
        sid = self.manager.sid_from_eio_sid(session.sid, namespace)
        handler = self.namespace_handlers.get(namespace)
        if head is None or sid is None or not isinstance(handler, EnvelopeNamespace):
            code = BINARY_CLOSE_CODE if isinstance(data, bytes) else ERROR_ROWS[InvalidPayloadError].close_code
            session.close(PARSE_ERROR, code)
            return
        envelope = handler.refuse(sid, InvalidPayloadError({"packet": ["Not a Socket.IO packet."]}))
        self._answer(session, namespace, int(head[2]) if head[2] else None, "", envelope)

    # --- Operations and events

    def _begin_operation(
        self, handler: EnvelopeNamespace, session: Session, ack_id: int | None, data: list[Any], done: Done
    ) -> None:
        namespace = handler.namespace
        sid = self.manager.sid_from_eio_sid(session.sid, namespace)
        if sid is None:
            done()
            return

        # Not a function of its own, which would take an object for each name that it knows.
        answer = partial(self._answer_and_end, done, session, namespace, ack_id, data[0])
        handler.begin(sid, data[0], data[1:], answer)

    @classmethod
    def _answer_and_end(
        cls, done: Done, session: Session, namespace: str, ack_id: int | None, op: object, envelope: Envelope
    ) -> None:
        cls._answer(session, namespace, ack_id, op, envelope)
        done()

    @staticmethod
    def _answer(session: Session, namespace: str, ack_id: int | None, op: object, envelope: Envelope) -> None:
        if ack_id is not None:
            session.send(Encoded(b"%b%d[%b]" % (_ack_head(namespace), ack_id, orjson.dumps(envelope))))
        elif envelope["ok"]:
            return
        else:
            error = {"op": str(op)[:MAX_OP_CHARS], **envelope["error"]}
            text = f"42{_prefix(namespace)}{json.dumps(['error', error])}"
            session.send(Encoded(text.encode()))

    async def _handle_event(self, eio_sid: str, namespace: str, id: int | None, data: list[Any]) -> None:  # noqa: A002
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace)
        if not self.manager.is_connected(sid, namespace):
            return
        try:
            result = await self._trigger_event(data[0], namespace, sid, *data[1:])
            if id is not None and result is not self.not_handled:
                await self._acknowledge(eio_sid, namespace, id, result)
        except Exception:
            self.logger.exception("handler of an event failed")
            if id is not None:
                error = {"code": "internal", "message": "The event could not be handled."}
                await self._acknowledge(eio_sid, namespace, id, {"error": error})

    async def _acknowledge(self, eio_sid: str, namespace: str, ack_id: int, result: Any) -> None:
        values = [] if result is None else list(result) if isinstance(result, tuple) else [result]
        await self._send_packet(eio_sid, self.packet_class(socket_packet.ACK, values, namespace, ack_id))

    # --- Coming and going

    def _begin_session(self, session: Session, environ: dict[str, Any]) -> None:
        if not self.manager_initialized:
            self.manager_initialized = True
            self.manager.initialize()
        self.environ[session.sid] = environ
        self._unjoined.add(session)

    async def _handle_connect(self, eio_sid: str, namespace: str, data: Any) -> None:
        session = self.eio.sockets.get(eio_sid)
        if session is None or session.closing:
            return
        if not self._is_known(namespace):
            await self._send_packet(eio_sid, self._unknown_namespace(namespace))
            return
        if self.manager.sid_from_eio_sid(eio_sid, namespace) is not None:
            return  # it is there already
        handler = self.namespace_handlers.get(namespace)
        try:
            if isinstance(handler, EnvelopeNamespace):
                await self._let_in(handler, session, data)
            else:
                await super()._handle_connect(eio_sid, namespace, data)
        except Exception:
            self.logger.exception("connect handler failed")
            await self._fail_connect(eio_sid, namespace)
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace)
        if sid is None:
            return
        self._unjoined.discard(session)
        if session.closed:  # it left while it was let in, and its disconnect has been handled before
            await self._handle_disconnect(eio_sid, namespace, self.reason.TRANSPORT_CLOSE)
        elif isinstance(handler, EnvelopeNamespace):
            try:
                await handler.on_connected(sid)
            except Exception:
                self.logger.exception("connection not begun")
                session.close(self.reason.TRANSPORT_ERROR)

    async def _let_in(self, handler: EnvelopeNamespace, session: Session, auth: Any) -> None:
        """Do what the stock server does for a CONNECT packet, where all that it asks is known."""
        manager, namespace, sid = self.manager, handler.namespace, self.eio.generate_id()
        for room in (None, sid):
            manager.basic_enter_room(sid, namespace, room, eio_sid=session.sid)
        entering = manager.pending_connect.setdefault(namespace, set())  # the stock one takes a list
        entering.add(sid)
        refusal = await handler.let_in(sid, auth)
        if refusal is not None:
            session.send(Encoded(f"44{_prefix(namespace)}{json.dumps(refusal)}".encode()))
            manager.basic_disconnect(sid, namespace)
            return
        pid = None if self.recovery is None else self.recovery.pid_of(sid)
        answer = {"sid": sid} if pid is None else {"sid": sid, "pid": pid}
        session.send(Encoded(f"40{_prefix(namespace)}{json.dumps(answer)}".encode()))
        entering.discard(sid)

    async def _fail_connect(self, eio_sid: str, namespace: str) -> None:
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace)
        if sid is not None:
            await self.manager.disconnect(sid, namespace, ignore_queue=True)
        error = {"message": "Connection refused by server"}
        await self._send_packet(eio_sid, self.packet_class(socket_packet.CONNECT_ERROR, error, namespace))

    async def _handle_disconnect(self, eio_sid: str, namespace: str, reason: str | None = None) -> None:
        handler = self.namespace_handlers.get(namespace)
        if isinstance(handler, EnvelopeNamespace):
            self._let_out(handler, eio_sid)
        else:
            await super()._handle_disconnect(eio_sid, namespace, reason)
        session = self.eio.sockets.get(eio_sid)
        if session is not None and not session.closing and not self._has_joined(eio_sid):
            self._unjoined.add(session)

    def _let_out(self, handler: EnvelopeNamespace, eio_sid: str) -> None:
        namespace = handler.namespace
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace)
        if not self.manager.is_connected(sid, namespace):
            return  # it is still being let in
        self._binary_packet.pop(eio_sid, None)
        try:
            handler.let_out(sid)
        except Exception:  # it must not stay in the tables, nor the other namespaces without hearing of it
            self.logger.exception("disconnect handler failed")
        self.manager.basic_disconnect(sid, namespace)

    async def _leave(self, eio_sid: str, namespace: str) -> None:
        """A client sent DISCONNECT: it does not mean to come back where it was."""
        if self.recovery is not None and (sid := self.manager.sid_from_eio_sid(eio_sid, namespace)) is not None:
            self.recovery.ended(sid)
        await self._handle_disconnect(eio_sid, namespace, self.reason.CLIENT_DISCONNECT)

    def _has_joined(self, eio_sid: str) -> bool:
        return any(self.manager.sid_from_eio_sid(eio_sid, name) for name in self.manager.get_namespaces())

    def _time_out(self, session: Session) -> None:
        session.close(CONNECT_TIMEOUT)

    def _is_known(self, namespace: str) -> bool:
        return (
            namespace in self.namespace_handlers
            or namespace in self.handlers
            or self.namespaces == "*"
            or namespace in self.namespaces
        )

    def _unknown_namespace(self, namespace: str) -> Any:
        if not any(isinstance(handler, EnvelopeNamespace) for handler in self.namespace_handlers.values()):
            error_data = {"message": "Invalid namespace"}
            return self.packet_class(socket_packet.CONNECT_ERROR, error_data, namespace)
        error = NotFoundError({"namespaces": sorted(self.namespace_handlers)})
        envelope = failure(error, locale=self.default_locale, request_id=uuid.uuid4().hex)
        refusal = {"message": envelope["error"]["message"], "data": envelope}
        return self.packet_class(socket_packet.CONNECT_ERROR, refusal, namespace)

    async def _trigger_event(self, event: str, namespace: str, *args: Any) -> Any:
        try:
            return await super()._trigger_event(event, namespace, *args)
        except Exception:
            if event != "disconnect":
                raise
            # A handler that fails must not keep the connection in the tables, nor the other namespaces from hearing.
            self.logger.exception("disconnect handler failed")

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        session = self.eio.sockets.get(eio_sid)
        if session is not None:
            self._unjoined.discard(session)
        self._binary_packet.pop(eio_sid, None)
        for namespace in tuple(self.manager.get_namespaces()):
            if self.manager.sid_from_eio_sid(eio_sid, namespace) is not None:
                await self._handle_disconnect(eio_sid, namespace, reason)
        self.environ.pop(eio_sid, None)
        self._binary_packet.pop(eio_sid, None)


def _prefix(namespace: str) -> str:
    return "" if namespace == "/" else f"{namespace},"


@lru_cache(maxsize=64)
def _ack_head(namespace: str) -> bytes:
    """Return an ACK packet up to its id."""
    return b"43" + _prefix(namespace).encode()


def create_server(**kwargs: Any) -> RealtimeServer:
    """Return a server without namespaces.

    Takes the arguments of `socketio.AsyncServer`, and

    - `connect_timeout`: seconds that a session may live without having joined any namespace (45);
    - `max_queue_packets`, `max_queue_bytes`: what may wait for one client before it is dropped (1,000; 1 MiB);
    - `websocket_deflate`: compress large messages for clients that offer it (False);
    - `keeps_environ`: keep the request of each session for `get_environ` (True; a few KiB each).
    """
    defaults: dict[str, Any] = {
        "async_mode": "aiohttp",
        "json": json,
        "max_http_buffer_size": MAX_FRAME_BYTES,
        "ping_interval": PING_INTERVAL_S,
        "ping_timeout": PING_TIMEOUT_S,
    }
    given = defaults | kwargs
    given.setdefault("client_manager", LocalManager())
    return RealtimeServer(**given)
