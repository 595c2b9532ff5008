"""Connections that only listen, so light that a test can hold thousands of them."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from client_tests.clients import Clients
from client_tests.engine.raw import CLOSE, TEXT, frame

USERS = 100
AT_ONCE = 100
"""So many connect at the same time."""


@dataclass(eq=False)
class Quiet(asyncio.Protocol):
    """A plain WebSocket that only listens, and costs next to nothing."""

    path: str
    welcomed: asyncio.Future[None]
    closed: asyncio.Future[float]
    events: list[dict[str, Any]] = field(default_factory=list)
    close_code: int | None = None
    _buffer: bytes = b""
    _is_open: bool = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Shake hands."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(
            f"GET {self.path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Read frames."""
        self._buffer += data
        if not self._is_open and b"\r\n\r\n" in self._buffer:
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101"), head
            self._is_open = True
        while self._is_open and (read := _read_frame(self._buffer)) is not None:
            opcode, payload, self._buffer = read
            self._take(opcode, payload)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note when."""
        del exc
        if not self.closed.done():
            self.closed.set_result(asyncio.get_running_loop().time())

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT:
            self.events.append(json.loads(payload))
            if not self.welcomed.done():
                self.welcomed.set_result(None)
        elif opcode == CLOSE:
            self.close_code = int.from_bytes(payload[:2], "big")
            self.closed.set_result(asyncio.get_running_loop().time())
            self.transport.write(frame(CLOSE, payload))


def _read_frame(data: bytes) -> tuple[int, bytes, bytes] | None:
    """Return the opcode and payload of the first frame, and what follows; None if it is not all there."""
    if len(data) < 4:
        return None
    size, start = (data[1], 2) if data[1] < 126 else (int.from_bytes(data[2:4], "big"), 4)
    if len(data) < start + size:
        return None
    return data[0] & 0xF, data[start : start + size], data[start + size :]


async def connect_quietly(url: str, clients: Clients, count: int) -> list[Quiet]:
    """Open many connections of many users, and wait until each has its first event."""
    loop = asyncio.get_running_loop()
    host, port = url.removeprefix("http://").split(":")
    tokens = [clients.token(1_000 + user) for user in range(USERS)]
    gate = asyncio.Semaphore(AT_ONCE)

    async def connect(number: int) -> Quiet:
        async with gate:
            path = f"/ws/notifications/?token={tokens[number % USERS]}"
            quiet = Quiet(path, loop.create_future(), loop.create_future())
            await loop.create_connection(lambda: quiet, host, int(port))
            await quiet.welcomed
            return quiet

    return await asyncio.gather(*(connect(number) for number in range(count)))
