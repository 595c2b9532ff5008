"""WebSockets, from the handshake on: no task, no timer and no queue for a connection that is idle.

aiohttp reads the request and parses frames; once the handshake is answered the connection belongs to a `WebSocket`,
an asyncio protocol of our own, and aiohttp lets go of its request (ADR 0012). Frames for one connection that are
written within one turn of the event loop leave in one write.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Protocol, cast

import structlog
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web
from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader

from server.contract.errors import SLOW_CONSUMER_CLOSE_CODE
from server.realtime.deadlines import Deadlines
from server.realtime.frames import PING, PONG, Encoded, close_frame, frame
from server.realtime.handshakes import Answer, answer_to
from server.realtime.volatile import HeldBack

CLOSE_TIMEOUT_S = 2.0
MAX_QUEUE_PACKETS = 1_000
MAX_QUEUE_BYTES = 1 << 20
SLOW_CONSUMER = "slow consumer"

_MASKED = 0x80
_HEADER_BYTES = 2
_NEVER_SENT = {1005, 1006, 1015}
"""Codes that only tell a program what happened to it (RFC 6455 7.4.1)."""
_WRITE_AT_ONCE_BYTES = 64 * 1024
_READ_AT_ONCE_BYTES = 16 * 1024
"""So much is parsed before a listener that asked for a pause gets it."""

_TEXT, _BINARY = WSMsgType.TEXT, WSMsgType.BINARY

log = structlog.get_logger()


class Listener(Protocol):
    """Whoever uses a WebSocket."""

    def on_text(self, text: str) -> None:
        """A text message came."""

    def on_binary(self, data: bytes) -> None:
        """A binary message came."""

    def on_pong(self) -> None:
        """A ping was answered."""

    def on_end(self, code: int, reason: str) -> None:
        """It ended, though not by `close`: nothing more comes, and nothing more can be sent. Called once at most.

        The code is the peer's, or ours: 1006 for a connection that was lost, 1002, 1007 or 1009 for frames that must
        not be, 4413 with `SLOW_CONSUMER` for a client that does not read.
        """


class Sender(Protocol):
    """A session: it has a WebSocket, or finds another way."""

    @property
    def websocket(self) -> "WebSocket | None":
        """Where its messages go."""
        ...

    def send(self, message: Encoded) -> None:
        """Send a message; never waits."""


class WebSockets:
    """All WebSockets of a server, and what they share."""

    def __init__(
        self,
        *,
        max_message_bytes: int,
        max_queue_packets: int = MAX_QUEUE_PACKETS,
        max_queue_bytes: int = MAX_QUEUE_BYTES,
        deflate: bool = False,
    ) -> None:
        self.max_message_bytes = max_message_bytes
        self.max_queue_packets = max_queue_packets
        self.max_queue_bytes = max_queue_bytes
        self.deflate = deflate
        self.open: set[WebSocket] = set()
        self.closing: Deadlines[WebSocket] = Deadlines(CLOSE_TIMEOUT_S, WebSocket.abort)
        self._dirty: list[WebSocket] = []

    def accept(
        self, request: web.Request, listen: Callable[["WebSocket"], Listener], protocols: Iterable[str] = ()
    ) -> web.StreamResponse:
        """Answer the handshake and take the connection over; what the handler of the request then returns.

        `listen` is not called for a client that is gone already.

        Raises:
            HTTPBadRequest: it is no WebSocket handshake (RFC 6455 4.2.1).
        """
        answer = answer_to(request.headers, protocols, deflate=self.deflate)
        transport, unread = detach(request)
        if transport is not None and not transport.is_closing():
            websocket = self.begin(transport, answer, listen)
            if unread:
                websocket.data_received(unread)
        return TakenOver(request)

    def begin(
        self, transport: asyncio.Transport, answer: Answer, listen: Callable[["WebSocket"], Listener]
    ) -> "WebSocket":
        """Answer a handshake, and take the connection over."""
        websocket = WebSocket(self, transport, deflates=answer.deflates)
        self.open.add(websocket)
        transport.write(answer.head)
        transport.set_protocol(cast("asyncio.Protocol", websocket))
        websocket.listener = listen(websocket)
        websocket.flush()  # now, so that uvloop sends it with the answer
        websocket.start_reading()
        return websocket

    def make_dirty(self, websocket: "WebSocket") -> None:
        """Flush a WebSocket once this turn of the event loop is over."""
        if not self._dirty:
            asyncio.get_running_loop().call_soon(self._flush)
        self._dirty.append(websocket)

    def write_all(self, sessions: Iterable[Sender], message: Encoded) -> None:
        """Send a message to many. What `WebSocket.write` does, without two calls for each: this is the fan-out."""
        if message.key is not None:  # those who are behind may have to hear it later
            for session in sessions:
                session.send(message)
            return
        frame, dirty = message.frame, self._dirty
        for session in sessions:
            websocket = session.websocket
            if websocket is None or websocket.deflates or websocket.closing:
                session.send(message)
                continue
            out = websocket.out
            if not out:
                if not dirty:
                    asyncio.get_running_loop().call_soon(self._flush)
                dirty.append(websocket)
            out.append(frame)

    async def closed(self, timeout_s: float = CLOSE_TIMEOUT_S + 0.5) -> None:
        """Wait until all are closed; those that are not by then are aborted."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_s
        while self.open and loop.time() < until:  # noqa: ASYNC110 - at shutdown only; an event for each would cost memory
            await asyncio.sleep(0.01)
        for websocket in tuple(self.open):
            websocket.abort()
        self.closing.close()

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        for websocket in dirty:
            out, transport = websocket.out, websocket.transport
            if len(out) != 1 or websocket.closing or websocket._paused or transport is None:  # noqa: SLF001
                websocket.flush()
            else:  # a fan-out: one frame for each of many
                transport.write(out.pop())


class WebSocket(WebSocketDataQueue):
    """One WebSocket: an asyncio protocol, and what aiohttp's reader puts its messages into, in one object."""

    __slots__ = (
        "_ended",
        "_held",
        "_is_masked",
        "_late_bytes",
        "_late_packets",
        "_paused",
        "_reader",
        "_reading",
        "_shared",
        "_unread",
        "closing",
        "deflates",
        "listener",
        "out",
        "transport",
    )

    def __init__(self, shared: WebSockets, transport: asyncio.Transport, *, deflates: bool) -> None:
        # The queue that this class extends is not initialised: nothing is ever queued in it.
        if not hasattr(self, "_limit"):  # aiohttp without its C extension, where these are no fields of a struct
            self._size = self._limit = 0
            self._stalled_reader = None
        self._shared = shared
        self._reader: WebSocketReader | None = WebSocketReader(
            self, shared.max_message_bytes + 1, deflates, decode_text=True
        )
        self.out: list[bytes] = []
        self._paused = False
        self._held: HeldBack | None = None
        self._late_packets = 0
        self._late_bytes = 0
        self._ended = False
        self._is_masked = False
        self._reading = True
        self._unread = b""
        self.transport: asyncio.Transport | None = transport
        self.deflates = deflates
        self.closing = False
        self.listener: Listener

    @property
    def backed_up(self) -> bool:
        """Whether the client reads more slowly than it is written to."""
        return self._paused and not self.closing

    # --- What the owner does

    def write(self, message: Encoded) -> None:
        """Send a message; never waits. Nothing happens once it is closing."""
        if self.closing:
            return
        if self._paused and message.key is not None:
            self._hold_back(message)
            return
        out = self.out
        if not out:
            self._shared.make_dirty(self)
        out.append(message.compressed_frame if self.deflates else message.frame)

    def ping(self) -> None:
        """Send a ping frame."""
        self._write_now(frame(PING, b""))

    def close(self, code: int = WSCloseCode.OK, reason: str = "") -> None:
        """Send what was written, and close; never waits. The listener is not told of the end any more."""
        if self.closing:
            return
        self._ended = True
        self.flush()
        if not self.closing:  # as it is if what was written was too much
            self._begin_closing(code, reason)

    def abort(self) -> None:
        """End the connection at once."""
        self._ended = self.closing = True
        if self.transport is not None:
            self.transport.abort()

    def start_reading(self) -> None:
        """Read, unless the listener asked for a pause already."""
        if self._reading and self.transport is not None:
            self.transport.resume_reading()

    def pause_reading(self) -> None:
        """Read nothing until `resume_reading`; up to 16 KiB that are read already may still come."""
        self._reading = False
        if self.transport is not None and not self.closing:
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._reading = True
        if self._unread:
            unread, self._unread = self._unread, b""
            self.data_received(unread)
        if self._reading and self.transport is not None and not self.closing:
            self.transport.resume_reading()

    def flush(self) -> None:
        """Hand what was written to the transport; a client that does not read is dropped."""
        out, self.out = self.out, []
        if not out or self.closing or self.transport is None:
            return
        if not self._paused:
            data = out[0] if len(out) == 1 else b"".join(out)
            if len(data) <= _WRITE_AT_ONCE_BYTES:  # nearly always
                self.transport.write(data)
                return
        written = 0
        while written < len(out) and not self._paused:
            written = self._write_some(out, written)
        if written < len(out):
            self._write_late(out[written:])

    def _write_some(self, out: list[bytes], first: int) -> int:
        """Write as many frames as make a good size, and return which is next: the client may be slower than we are."""
        size, end = 0, first
        while end < len(out) and size < _WRITE_AT_ONCE_BYTES:
            size += len(out[end])
            end += 1
        assert self.transport is not None  # noqa: S101 - see flush
        self.transport.write(b"".join(out[first:end]))
        return end

    def _write_late(self, frames: list[bytes]) -> None:
        """Write what has to wait for a client that reads slowly; if that is too much, drop the client."""
        assert self.transport is not None  # noqa: S101 - see flush
        data, shared = b"".join(frames), self._shared
        self._late_packets += len(frames)
        self._late_bytes += len(data)
        waiting = self.transport.get_write_buffer_size() + len(data)
        # How many of them are gone by now, nobody says: as many as of their bytes, in proportion.
        packets = self._late_packets * min(waiting / self._late_bytes, 1)
        if waiting > shared.max_queue_bytes or packets > shared.max_queue_packets:
            self._end(SLOW_CONSUMER_CLOSE_CODE, SLOW_CONSUMER)
        else:
            self.transport.write(data)

    def _hold_back(self, message: Encoded) -> None:
        """Keep a volatile message until the client caught up; as many as it may have packets waiting."""
        if self._held is None:
            self._held = HeldBack()
        self._held.keep(message)
        if len(self._held) > self._shared.max_queue_packets:
            self._end(SLOW_CONSUMER_CLOSE_CODE, SLOW_CONSUMER)

    # --- asyncio's protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Not called: the connection was made before it was ours."""

    def data_received(self, data: bytes) -> None:
        """Parse what came; the listener is called from within."""
        if self._unread:
            data, self._unread = self._unread + data, b""
        if not self._is_masked:
            # A client must mask its frames (RFC 6455 5.1). The reader does not ask; one that does not, never does.
            if len(data) < _HEADER_BYTES:
                self._unread = data
                return
            self._is_masked = True
            if not data[1] & _MASKED:
                self._end(WSCloseCode.PROTOCOL_ERROR, "frames must be masked")
                return
        for start in range(0, len(data), _READ_AT_ONCE_BYTES):
            if not self._reading:
                self._unread = data[start:]
                return
            if self._reader is None:
                return
            self._reader.feed_data(data[start : start + _READ_AT_ONCE_BYTES])

    def eof_received(self) -> bool:
        """Close too when the client does."""
        return False

    def pause_writing(self) -> None:
        """The client reads more slowly than we write."""
        self._paused = True

    def resume_writing(self) -> None:
        """It caught up."""
        self._paused = False
        self._late_packets = 0
        self._late_bytes = 0
        held, self._held = self._held, None
        for message in held.values() if held else ():
            self.write(message)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        del exc
        self.transport = None
        self._reader = None
        self.out.clear()
        self._held = None
        self._unread = b""
        self._shared.open.discard(self)
        self._shared.closing.discard(self)
        self.closing = True
        self._tell_end(WSCloseCode.ABNORMAL_CLOSURE, "connection lost")

    # --- aiohttp's reader

    def feed_data(self, data: Any, size: int) -> None:
        """Take a message from the reader."""
        del size
        if self.closing and data.type is not WSMsgType.CLOSE:
            return
        kind = data.type
        if kind is _TEXT:
            self.listener.on_text(data.data)
        elif kind is _BINARY:
            self.listener.on_binary(data.data)
        elif kind is WSMsgType.PING:
            self._write_now(frame(PONG, data.data))
        elif kind is WSMsgType.PONG:
            self.listener.on_pong()
        else:
            self._receive_close(data)

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        """Close a connection on which came what must not (RFC 6455 7.1.7)."""
        del exc_cause
        code = getattr(exc, "code", None)
        if code is None:
            log.error("websocket message not handled", exc_info=exc)
        self._end(code or WSCloseCode.INTERNAL_ERROR, str(exc) if code else "internal error")

    def _receive_close(self, message: WSMessage) -> None:
        if self.closing:  # the answer to our own
            if self.transport is not None:
                self.transport.close()
            return
        self.flush()
        code = WSCloseCode.PROTOCOL_ERROR if message.data in _NEVER_SENT else message.data or WSCloseCode.OK
        self._end(code, message.extra or "")
        if self.transport is not None:
            self.transport.close()  # once the answer is sent

    # --- Ending

    def _end(self, code: int, reason: str) -> None:
        if not self.closing:
            self.out.clear()
            self._begin_closing(code, reason)
        self._tell_end(code, reason)

    def _begin_closing(self, code: int, reason: str) -> None:
        self.closing = True
        if self.transport is not None:
            self._shared.closing.add(self)
            self.transport.write(close_frame(code, reason))
            # The client's own Close frame is still to come, behind what it sent before; and reading may be paused.
            self._reading = True
            self.transport.resume_reading()
            if self._unread:
                asyncio.get_running_loop().call_soon(self.data_received, b"")

    def _tell_end(self, code: int, reason: str) -> None:
        if not self._ended:
            self._ended = True
            try:
                self.listener.on_end(code, reason)
            except Exception:  # those who come after it in this turn must not suffer
                log.exception("end of a websocket not handled")

    def _write_now(self, data: bytes) -> None:
        if not self.closing:
            if not self.out:
                self._shared.make_dirty(self)
            self.out.append(data)


def detach(request: web.Request) -> tuple[asyncio.Transport | None, bytes]:
    """Let aiohttp forget the connection of a request, and return it with what has been read of it and not parsed.

    None if the client is gone. What the handler of the request returns is `TakenOver`.
    """
    http = cast("Any", request.protocol)  # aiohttp's own attributes: see test_stock.py
    transport, unread = http.transport, bytes(http._message_tail)  # noqa: SLF001
    http.transport = None  # so that it is left alone
    http.connection_lost(None)
    return transport, unread


class TakenOver(web.StreamResponse):
    """What a handler returns for a connection that is a WebSocket by now: nothing is left to do."""

    def __init__(self, request: web.Request) -> None:
        super().__init__(status=101)
        self._req = request

    @property
    def prepared(self) -> bool:
        """The handshake is answered already."""
        return True

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write nothing."""
        del request

    async def write_eof(self, data: bytes = b"") -> None:
        """Write nothing."""
        del data
