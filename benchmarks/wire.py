"""A client cheap enough not to be what is measured.

It speaks as much of WebSocket (RFC 6455), Engine.IO v4 and Socket.IO v5 as the server makes it speak, straight on a TCP
transport: no tasks, no queues, no objects for frames. Frames that a client sends must be masked; a key of zeros masks
and leaves the payload as it is.
"""

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import Any

import orjson

MESSAGING = "/messaging"
NAMESPACES = (MESSAGING, "/threads", "/notifications", "/presence")

_UPGRADE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_TEXT, _CLOSE = 0x81, 0x88
_NEW_MESSAGE = b'42/messaging,["new_message",'
_ACK = b"43/messaging,"
_ESTABLISHED = b'["connection_established",'

Heard = Callable[["Client", dict[str, Any], int], None]
"""A client heard a message (as the contract describes it) at a time in ns."""
Answered = Callable[["Client", int, dict[str, Any], int], None]
"""A client's operation with this ack id was answered with an envelope at a time in ns."""
Fault = Callable[[str], None]


def text_frame(payload: bytes) -> bytes:
    """Return a client's text frame, masked with zeros; up to 65,535 bytes."""
    size = len(payload)
    if size < 126:
        return bytes((_TEXT, 0x80 | size, 0, 0, 0, 0)) + payload
    return b"\x81\xfe" + size.to_bytes(2, "big") + b"\0\0\0\0" + payload


_PONG = text_frame(b"3")


class Client(asyncio.Protocol):
    """One Socket.IO connection. `ready` is done when every namespace said `connection_established`."""

    __slots__ = (
        "_missing",
        "_namespaces",
        "_rest",
        "_transport",
        "_upgraded",
        "answered",
        "closing",
        "fault",
        "heard",
        "in_flight",
        "last_ack_id",
        "last_seq",
        "ready",
        "room",
        "template",
        "token",
    )

    def __init__(
        self, token: str, namespaces: Sequence[str], *, heard: Heard, answered: Answered, fault: Fault
    ) -> None:
        self.token = token
        self._namespaces = namespaces
        self._missing = len(namespaces)
        self._rest = b""
        self._upgraded = False
        self._transport: asyncio.Transport
        self.heard, self.answered, self.fault = heard, answered, fault
        self.closing = False
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # What the load knows about this client; kept here because looking it up would cost more.
        self.room: Any = None
        self.template = b""
        self.last_seq = 0
        self.last_ack_id = 0
        self.in_flight: dict[int, int] = {}

    def send(self, payload: bytes) -> None:
        """Send an Engine.IO packet."""
        self._transport.write(text_frame(payload))

    def close(self) -> None:
        """Drop the connection without a word."""
        self.closing = True
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]
        host, port = transport.get_extra_info("peername")[:2]
        self._transport.write(_UPGRADE % f"{host}:{port}".encode())

    def connection_lost(self, exc: Exception | None) -> None:
        """A connection that the server ends is a fault."""
        if not self.closing:
            self._fail(f"connection lost: {exc}")

    def data_received(self, data: bytes) -> None:
        """Take whole frames out of what arrived, and keep the rest."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        at, end = 0, len(data)
        if not self._upgraded:
            at = self._read_upgrade(data)
        while end - at >= 2:
            size, body = data[at + 1], at + 2
            if size >= 126:
                body += 2 if size == 126 else 8
                if body > end:
                    break
                size = int.from_bytes(data[at + 2 : body], "big")
            if body + size > end:
                break
            self._frame(data[at], data[body : body + size])
            at = body + size
        if at < end:
            self._rest = data[at:]

    def _read_upgrade(self, data: bytes) -> int:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return 0
        if not data.startswith(b"HTTP/1.1 101"):
            self._fail(f"no upgrade: {data[:60]!r}")
            return len(data)
        self._upgraded = True
        return end + 4

    def _frame(self, opcode: int, payload: bytes) -> None:
        if payload.startswith(_NEW_MESSAGE):
            now = perf_counter_ns()
            self.heard(self, orjson.loads(payload[len(_NEW_MESSAGE) : -1])["message"], now)
        elif payload.startswith(_ACK):
            now = perf_counter_ns()
            bracket = payload.index(b"[")
            self.answered(self, int(payload[len(_ACK) : bracket]), orjson.loads(payload[bracket:])[0], now)
        elif opcode != _TEXT:
            self._fail("closed by the server" if opcode == _CLOSE else f"frame 0x{opcode:x}")
        else:
            self._control(payload)

    def _control(self, payload: bytes) -> None:
        if payload == b"2":
            self._transport.write(_PONG)
        elif payload.startswith(b"0{"):
            for namespace in self._namespaces:
                self.send(f'40{namespace},{{"token":"{self.token}"}}'.encode())
        elif payload.startswith(b"42") and _ESTABLISHED in payload:
            self._missing -= 1
            if self._missing == 0 and not self.ready.done():
                self.ready.set_result(None)
        elif payload.startswith((b"44", b"41")) or b'["error",' in payload or b'["connection_closing",' in payload:
            self._fail(payload[:200].decode(errors="replace"))

    def _fail(self, why: str) -> None:
        if self.closing:
            return
        self.fault(why)
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(why))
