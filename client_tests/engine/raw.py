"""Raw clients: what goes over the wire is written and read by hand."""

import asyncio
import base64
import json
import os
import re
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

import aiohttp

WAIT_S = 5.0
"""How long anything may take that is to happen."""

SETTLE_S = 0.06
"""How long a request is given to arrive where it waits."""

SEPARATOR = "\x1e"
POLLING = "EIO=4&transport=polling"
WEBSOCKET = "EIO=4&transport=websocket"

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FINAL = 0x80

Message = str | bytes


async def until(condition: Callable[[], object], seconds: float = WAIT_S) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.005)


# --- Polling ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    text: str

    @property
    def packets(self) -> list[str]:
        """The Engine.IO packets of a payload."""
        return self.text.split(SEPARATOR)


async def ask(session: aiohttp.ClientSession, method: str, url: str, **options: Any) -> Answer:
    """Make one HTTP request."""
    async with asyncio.timeout(WAIT_S), session.request(method, url, **options) as response:
        return Answer(response.status, await response.text())


def handshake(packet: str) -> dict[str, Any]:
    """Read an OPEN packet."""
    assert packet.startswith("0{"), packet
    return dict(json.loads(packet[1:]))


def as_message(packet: str) -> Message | None:
    """Return what a polled packet says: text, bytes, or None if it is no MESSAGE."""
    if packet.startswith("b"):
        return base64.b64decode(packet[1:], validate=True)
    return packet[1:] if packet.startswith("4") else None


class Polling:
    """An Engine.IO session by polling. `url` is the address of the engine."""

    def __init__(self, session: aiohttp.ClientSession, url: str, sid: str) -> None:
        self._session = session
        self._url = url
        self.sid = sid
        self._waiting: list[Message] = []

    @classmethod
    async def open(cls, session: aiohttp.ClientSession, url: str) -> "Polling":
        """Open a session."""
        answer = await ask(session, "GET", f"{url}?{POLLING}")
        assert answer.status == 200, answer
        client = cls(session, url, handshake(answer.packets[0])["sid"])
        client._keep(answer.packets[1:])
        return client

    async def get(self) -> Answer:
        """Poll once."""
        return await ask(self._session, "GET", f"{self._url}?{POLLING}&sid={self.sid}")

    async def post(self, body: Message) -> Answer:
        """Send a payload."""
        return await ask(self._session, "POST", f"{self._url}?{POLLING}&sid={self.sid}", data=body)

    async def send(self, *packets: str) -> None:
        """Send packets, which must be taken."""
        answer = await self.post(SEPARATOR.join(packets))
        assert (answer.status, answer.text) == (200, "ok")

    async def pending(self) -> "asyncio.Task[Answer]":
        """Poll, and return while the poll waits."""
        poll = asyncio.create_task(self.get())
        await asyncio.sleep(SETTLE_S)
        assert not poll.done(), poll.result()
        return poll

    async def messages(self, count: int) -> list[Message]:
        """Poll until there are so many messages; answers pings. What comes beyond these, the next call returns."""
        async with asyncio.timeout(WAIT_S):
            while len(self._waiting) < count:
                answer = await self.get()
                assert answer.status == 200, (answer, self._waiting)
                if "2" in answer.packets:
                    await self.send("3")
                self._keep(answer.packets)
        found, self._waiting = self._waiting[:count], self._waiting[count:]
        return found

    def _keep(self, packets: list[str]) -> None:
        self._waiting += [message for packet in packets if (message := as_message(packet)) is not None]


async def gone(client: Polling) -> None:
    """Assert that a polling session is no more: the next poll, or at last the one after a CLOSE, is refused."""
    async with asyncio.timeout(WAIT_S):
        answer = await client.get()
        if answer.status == 200:
            assert answer.packets[-1] in {"1", "6"}, answer
            answer = await client.get()
        assert answer.status == 400, answer


# --- WebSocket by aiohttp --------------------------------------------------------------------------------------

Ws = aiohttp.ClientWebSocketResponse


async def dial(session: aiohttp.ClientSession, url: str, sid: str = "", **options: Any) -> Ws:
    """Open a WebSocket; with a session id, to upgrade it."""
    address = f"{url}?{WEBSOCKET}" + (f"&sid={sid}" if sid else "")
    async with asyncio.timeout(WAIT_S):
        return await session.ws_connect(address, max_msg_size=0, **options)


async def open_ws(session: aiohttp.ClientSession, url: str, **options: Any) -> tuple[Ws, str]:
    """Open a session by WebSocket; return it with the session id."""
    ws = await dial(session, url, **options)
    return ws, handshake(await ws.receive_str(timeout=WAIT_S))["sid"]


async def receive(ws: Ws) -> Message:
    """Return the next frame; answers the server's pings."""
    async with asyncio.timeout(WAIT_S):
        while True:
            message = await ws.receive()
            assert message.type in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}, (message, ws.close_code)
            if message.data != "2":
                return bytes(message.data) if message.type is aiohttp.WSMsgType.BINARY else str(message.data)
            await ws.send_str("3")


async def closed(ws: Ws) -> int | None:
    """Read until the server closes; return the close code."""
    async with asyncio.timeout(WAIT_S):
        while (await ws.receive()).type in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
            pass
    return ws.close_code


async def silent(ws: Ws, seconds: float = 0.3) -> None:
    """Assert that nothing arrives for a while."""
    with suppress(TimeoutError):
        raise AssertionError(await ws.receive(timeout=seconds))


async def upgrade(session: aiohttp.ClientSession, url: str, client: Polling) -> Ws:
    """Upgrade a polling session that has no poll waiting."""
    ws = await dial(session, url, client.sid)
    await ws.send_str("2probe")
    assert await receive(ws) == "3probe"
    await ws.send_str("5")
    return ws


# --- Socket.IO packets -----------------------------------------------------------------------------------------

_PACKET = re.compile(r"4(\d)(?:(\d+)-)?(/[^,{\[]*)?,?(\d+)?(.*)", re.DOTALL)


@dataclass(frozen=True)
class Packet:
    """A Socket.IO packet as it came, without its attachments."""

    type: int
    attachments: int
    namespace: str
    id: int | None
    data: Any


def packet(text: Message) -> Packet:
    """Read the text of a Socket.IO packet (as a WebSocket frame: with the 4 of its MESSAGE)."""
    assert isinstance(text, str), text
    found = _PACKET.fullmatch(text)
    assert found, text
    kind, attachments, namespace, ack_id, data = found.groups()
    return Packet(
        int(kind),
        int(attachments or 0),
        namespace or "/",
        None if ack_id is None else int(ack_id),
        json.loads(data) if data else None,
    )


def restored(value: Any, attachments: list[bytes]) -> Any:
    """Put attachments where their placeholders are."""
    if isinstance(value, list):
        return [restored(item, attachments) for item in value]
    if isinstance(value, dict):
        if value.get("_placeholder"):
            return attachments[value["num"]]
        return {key: restored(item, attachments) for key, item in value.items()}
    return value


# --- Bare TCP --------------------------------------------------------------------------------------------------


def frame(opcode: int, payload: bytes = b"", *, final: bool = True, masked: bool = True, reserved: int = 0) -> bytes:
    """Return a WebSocket frame, good or bad."""
    size = len(payload)
    head = bytes([(FINAL if final else 0) | reserved | opcode])
    flag = 0x80 if masked else 0
    if size < 126:
        head += bytes([flag | size])
    elif size < 1 << 16:
        head += bytes([flag | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([flag | 127]) + size.to_bytes(8, "big")
    if not masked:
        return head + payload
    mask = os.urandom(4)
    pad = (mask * (size // 4 + 1))[:size]
    return head + mask + (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(size, "big")


class Wire:
    """A TCP connection: anything can be sent over it, and nothing need be read."""

    _made: ClassVar[list[socket.socket]] = []

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = b""
        self._made.append(sock)

    @classmethod
    def close_all(cls) -> None:
        """Close what was made so far."""
        while cls._made:
            cls._made.pop().close()

    @classmethod
    async def connect(cls, url: str, *, receive_buffer: int | None = None) -> "Wire":
        """Connect to a server; with a small buffer the system holds little of what is not read."""
        host, port = url.split("/")[2].split(":")
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        await asyncio.get_running_loop().sock_connect(sock, (host, int(port)))
        return cls(sock)

    @classmethod
    async def websocket(cls, url: str, query: str = WEBSOCKET, **options: Any) -> "Wire":
        """Connect and open a WebSocket; what comes after the handshake is to be read."""
        wire = await cls.connect(url, **options)
        path = "/" + url.split("/", 3)[3]
        await wire.send(
            f"GET {path}?{query} HTTP/1.1\r\nHost: {url.split('/')[2]}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        head = await wire.read_until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head  # the answer to that key (RFC 6455 1.3)
        return wire

    async def send(self, data: Message) -> None:
        """Send bytes."""
        raw = data.encode() if isinstance(data, str) else data
        await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(self._sock, raw), WAIT_S)

    async def send_text(self, *texts: str) -> None:
        """Send text frames, all at once."""
        await self.send(b"".join(frame(TEXT, text.encode()) for text in texts))

    async def read_until(self, end: bytes) -> bytes:
        """Read up to some bytes, inclusive."""
        while end not in self._buffer:
            await self._fill()
        found, _, self._buffer = self._buffer.partition(end)
        return found + end

    async def read(self, size: int) -> bytes:
        """Read so many bytes."""
        while len(self._buffer) < size:
            await self._fill()
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found

    async def read_frame(self) -> tuple[int, bytes]:
        """Read a frame; return its opcode and payload. Servers do not mask."""
        first, second = await self.read(2)
        size = second
        if second >= 126:
            size = int.from_bytes(await self.read(2 if second == 126 else 8), "big")
        return first & 0xF, await self.read(size)

    async def read_response(self) -> tuple[int, str]:
        """Read an HTTP response with a known length; return its status and body."""
        head = (await self.read_until(b"\r\n\r\n")).decode()
        length = re.search(r"(?i)content-length: *(\d+)", head)
        body = await self.read(int(length[1]) if length else 0)
        return int(head.split()[1]), body.decode()

    async def close_code(self) -> int | None:
        """Read on until a Close frame or the end comes; return the code of the Close frame, None if there is none."""
        try:
            while True:
                opcode, payload = await self.read_frame()
                if opcode == CLOSE:
                    return int.from_bytes(payload[:2], "big") if payload else 1005
        except ConnectionError:
            return None

    async def end(self) -> None:
        """Read on until the server ends the connection."""
        with suppress(ConnectionError):
            while True:
                self._buffer = b""
                await self._fill()

    def half_close(self) -> None:
        """Send no more."""
        self._sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Leave."""
        self._sock.close()

    def abort(self) -> None:
        """Leave with a reset, as when a machine loses its network or power."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    async def _fill(self) -> None:
        got = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._sock, 1 << 16), WAIT_S)
        if not got:
            raise ConnectionResetError("the server ended the connection")
        self._buffer += got
