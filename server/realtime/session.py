"""One Engine.IO session: polled, upgraded to a WebSocket, or on one from the start (Engine.IO protocol 4).

Packets for a client on a WebSocket go straight to it. Only while it polls, or is about to upgrade, do they wait in a
queue of the session, which is bounded.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from server.realtime.frames import Encoded
from server.realtime.lanes import Lane
from server.realtime.volatile import HeldBack
from server.realtime.websocket import SLOW_CONSUMER, WebSocket, WebSockets

PARSE_ERROR = "parse error"
INVALID_CLOSE_CODE = 4400
SEPARATOR = b"\x1e"
MAX_POLLED_PACKETS = 16
"""python-engineio's client takes no more in one answer to a poll, and fails."""

_CLOSE, _PING, _NOOP = Encoded(b"1"), Encoded(b"2"), Encoded(b"6")
_PROBE_ANSWER = Encoded(b"3probe")


class Host(Protocol):
    """What a session needs of its server."""

    reason: Any
    websockets: WebSockets
    receive: Callable[["Session", Any], None]

    def alive(self, session: "Session") -> None:
        """The client answered a heartbeat."""

    def finish(self, session: "Session", reason: str) -> None:
        """The session is closing."""


class PollError(Exception):
    """A poll that must not be: the session ends, or has ended."""


class Session:
    """One client. Attributes without a docstring are those of python-engineio's socket, and mean the same."""

    __slots__ = (
        "_close_waits",
        "_fetched",
        "_held",
        "_lane",
        "_poll",
        "_probe",
        "_queue",
        "_queued_bytes",
        "_server",
        "closed",
        "closing",
        "connected",
        "session",
        "sid",
        "upgraded",
        "upgrading",
        "websocket",
    )

    def __init__(self, server: Host, sid: str) -> None:
        self._server = server
        self.sid = sid
        self.session: dict[str, Any] = {}
        self.connected = False
        self.upgrading = False
        self.upgraded = False
        self.closing = False
        self.closed = False
        self.websocket: WebSocket | None = None
        self._lane: Lane | None = None
        self._probe: Probe | None = None
        self._queue: deque[Encoded] | None = None
        self._queued_bytes = 0
        self._held: HeldBack | None = None
        self._poll: asyncio.Future[None] | None = None
        self._close_waits = False
        self._fetched: asyncio.Future[None] | None = None

    @property
    def lane(self) -> Lane:
        """The order of this client's events."""
        if self._lane is None:
            self._lane = Lane(self._throttle)
        return self._lane

    @property
    def throttled(self) -> bool:
        """Whether nothing is read from the client until its events have been handled."""
        return self._lane is not None and self._lane.full

    @property
    def busy(self) -> bool:
        """Whether events that came are not handled yet."""
        return self._lane is not None and self._lane.busy

    @property
    def polling(self) -> bool:
        """Whether a poll waits for packets."""
        return self._poll is not None

    @property
    def backed_up(self) -> bool:
        """Whether the client reads, or fetches, more slowly than it is sent to."""
        if self.websocket is not None:
            return self.websocket.backed_up
        return len(self._queue or ()) > MAX_POLLED_PACKETS

    @property
    def close_waits(self) -> bool:
        """Whether the session is closed by the server, and a poll is yet to be told."""
        return self._close_waits

    async def until_idle(self) -> None:
        """Wait until the events that came are handled."""
        if self._lane is not None:
            await self._lane.idle()

    async def settle(self) -> None:
        """Read nothing more, and wait until the events that came are handled."""
        if self.websocket is not None:
            self.websocket.pause_reading()
        await self.until_idle()

    # --- To the client

    def send(self, message: Encoded) -> None:
        """Send a packet; never waits. A client that does not fetch what waits for it is dropped."""
        if self.websocket is not None:
            self.websocket.write(message)
        elif not self.closing:
            if message.key is not None and (self._held or self._queue_exceeds(0.5)):
                self._hold_back(message)
            else:
                self._enqueue(message)
            if self._queue_exceeds(1) or len(self._held or ()) > self._server.websockets.max_queue_packets:
                self._queue = self._held = None
                self.close(SLOW_CONSUMER)
            else:
                self.release_poll()

    def _queue_exceeds(self, part: float) -> bool:
        """Tell whether more waits for the client than this part of what may."""
        limits, packets = self._server.websockets, len(self._queue or ())
        return packets > limits.max_queue_packets * part or self._queued_bytes > limits.max_queue_bytes * part

    def _hold_back(self, message: Encoded) -> None:
        """Keep a volatile message until the client caught up."""
        if self._held is None:
            self._held = HeldBack()
        self._held.keep(message)

    def ping(self) -> None:
        """Send a heartbeat."""
        self.send(_PING)

    async def poll(self) -> bytes:
        """Return what waits for the client, or wait for something.

        Raises:
            PollError: another poll is waiting; the session is closed by that.
        """
        if self._poll is not None:
            self.close(self._server.reason.TRANSPORT_ERROR)
            raise PollError
        if not self._queue and not (self.closing or self.upgrading or self.upgraded):
            self._poll = asyncio.get_running_loop().create_future()
            try:
                await self._poll
            except asyncio.CancelledError:
                self.close(self._server.reason.TRANSPORT_CLOSE)
                raise
            finally:
                self._poll = None
        return self._take()

    def _take(self) -> bytes:
        if self.upgrading or self.upgraded:
            return _NOOP.payload  # what waits, waits for the WebSocket
        if self._queue:
            return SEPARATOR.join(message.polled for message in self._dequeue())
        if not self._close_waits:
            return _NOOP.payload
        # Alone: the official client drops what shares a payload with the CLOSE packet.
        self.forget_close()
        return _CLOSE.payload

    def lose_poll(self) -> None:
        """End the session: what went with its last poll is lost, and the client must know that it has to catch up."""
        self.close(self._server.reason.TRANSPORT_ERROR)

    def _dequeue(self) -> list[Encoded]:
        queue = self._queue or deque()
        messages = [queue.popleft() for _ in range(min(len(queue), MAX_POLLED_PACKETS))]
        self._queued_bytes -= sum(len(message.payload) for message in messages)
        while self._held and not self._queue_exceeds(0.5):
            self._enqueue(self._held.take())
        return messages

    def forget_close(self) -> None:
        """The client has been told that the session is closed, or need not be."""
        self._close_waits = False
        if self._fetched is not None and not self._fetched.done():
            self._fetched.set_result(None)

    async def told(self) -> None:
        """Wait until the client has fetched the CLOSE packet, if one waits for it."""
        if self._close_waits:
            self._fetched = asyncio.get_running_loop().create_future()
            await self._fetched

    def _enqueue(self, message: Encoded) -> None:
        if self._queue is None:
            self._queue = deque()
        self._queue.append(message)
        self._queued_bytes += len(message.payload)

    def release_poll(self) -> None:
        """Answer the poll that waits, whatever there is for it."""
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(None)

    # --- From the client

    def on_text(self, text: str) -> None:
        """Take a packet."""
        kind = text[:1]
        if kind == "4":
            self._server.receive(self, text[1:])
        elif kind == "3":
            self._server.alive(self)
        elif kind == "1":
            self.close(self._server.reason.CLIENT_DISCONNECT)
        elif kind != "5" or not self.upgraded:  # a late UPGRADE does no harm
            self.close(PARSE_ERROR, INVALID_CLOSE_CODE)

    def on_binary(self, data: bytes) -> None:
        """Take a binary message."""
        self._server.receive(self, data)

    def on_pong(self) -> None:
        """Nothing: Engine.IO has heartbeats of its own."""

    def on_end(self, code: int, reason: str) -> None:
        """The WebSocket is gone."""
        del code
        self.close(SLOW_CONSUMER if reason == SLOW_CONSUMER else self._server.reason.TRANSPORT_CLOSE)

    def _throttle(self, throttled: bool) -> None:  # noqa: FBT001 - a callback with one meaning
        if self.websocket is not None:
            if throttled:
                self.websocket.pause_reading()
            else:
                self.websocket.resume_reading()

    # --- Transports

    def open_websocket(self, websocket: WebSocket) -> None:
        """Go on over a WebSocket: from the start, or after an upgrade."""
        self.websocket = websocket
        self.connected = self.upgraded = True
        self.upgrading = False
        self._probe = None
        websocket.listener = self
        if self._lane is not None and self._lane.full:
            websocket.pause_reading()
        queue, self._queue, self._queued_bytes = self._queue, None, 0
        held, self._held = self._held, None
        for message in (*(queue or ()), *(held or HeldBack()).values()):
            websocket.write(message)
        self.release_poll()

    def probe(self, websocket: WebSocket) -> "Probe":
        """Let a WebSocket try to take over from polling."""
        probe = Probe(self, websocket)
        if self.upgrading or self.upgraded or self._probe is not None or self.closing:
            websocket.close()
        else:
            self._probe = probe
        return probe

    def probed(self) -> None:
        """The WebSocket works: let the client stop to poll."""
        self.upgrading = True
        self.release_poll()

    def probe_failed(self, probe: "Probe") -> None:
        """Go on polling."""
        if self._probe is probe:
            self._probe = None
            self.upgrading = False
            if self._queue:
                self.release_poll()

    # --- The end

    def close(self, reason: str, code: int = 1000) -> None:
        """End the session; never waits. The application hears of it once the events that came are handled."""
        if self.closing:
            return
        self.closing = True
        by_server = reason == self._server.reason.SERVER_DISCONNECT
        if self.websocket is not None:
            self.websocket.close(code, reason)
        elif by_server and self.connected:
            self._close_waits = True
        else:
            self._queue = None
        if self._probe is not None:
            if by_server and self._probe.probed:
                self._probe.close_with = code, reason
            else:
                self._probe.end()
            self._probe, self.upgrading = None, False
        self.release_poll()
        self._server.finish(self, reason)

    def let_go(self) -> None:
        """The session is gone: refer to nothing that refers to it, so that no garbage has to be collected."""
        self.websocket = self._lane = None


class Probe:
    """A WebSocket that is to take over from polling: `2probe`, `3probe`, and `5` once the client no longer polls."""

    __slots__ = ("_session", "close_with", "probed", "websocket")

    def __init__(self, session: Session, websocket: WebSocket) -> None:
        self._session = session
        self.probed = False
        self.close_with: tuple[int, str] | None = None
        """How to close once the client is here. The official one no longer polls by now: it could not be told
        otherwise, and would wait for its ping time-out if this WebSocket failed."""
        self.websocket = websocket

    def on_text(self, text: str) -> None:
        """Take a step of the upgrade."""
        if not self.probed and text == "2probe":
            self.probed = True
            self.websocket.write(_PROBE_ANSWER)
            self._session.probed()
        elif self.probed and text == "5":
            self._session.open_websocket(self.websocket)
            if self.close_with is not None:
                self._session.forget_close()
                self.websocket.close(*self.close_with)
        else:
            self.end()

    def on_binary(self, data: bytes) -> None:
        """Nothing binary belongs to an upgrade."""
        del data
        self.end()

    def on_pong(self) -> None:
        """Nothing."""

    def on_end(self, code: int, reason: str) -> None:
        """The WebSocket is gone before it was of use."""
        del code, reason
        self._session.probe_failed(self)

    def end(self) -> None:
        """Give up; polling goes on."""
        self.websocket.close()
        self._session.probe_failed(self)
