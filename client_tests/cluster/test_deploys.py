"""A process that is told to go: its clients are answered, told, and sent away one after another."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from client_tests.answers import ok
from client_tests.clients import Clients
from client_tests.cluster.conftest import Spawn
from client_tests.engine.raw import CLOSE, TEXT, Polling, ask, frame
from client_tests.functional.conftest import open_thread
from client_tests.harness import SERVICE_TOKEN, ServerProcess
from server.contract.operations import MESSAGING, NOTIFICATIONS

QUIET = 2_000
USERS = 100
EXIT_WITHIN_S = 10.0
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


async def connect_quietly(server: ServerProcess, clients: Clients, count: int) -> list[Quiet]:
    """Open many connections of many users, and wait until each has its first event."""
    loop = asyncio.get_running_loop()
    host, port = server.url.removeprefix("http://").split(":")
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


async def test_sigterm_with_2000_connections_sends_them_away_one_after_another(spawn: Spawn, clients: Clients) -> None:
    """It accepts nobody and says so, goes on for those who are there, and ends with 0 in time."""
    server = await spawn()
    thread_id = await open_thread(clients.http_raw(server.url, SERVICE_TOKEN), 1, 2)
    quiet = await connect_quietly(server, clients, QUIET)
    sender, hearer = await clients.plain(server.url, 1), await clients.socket(server.url, 2)
    async with aiohttp.ClientSession() as kept:
        await (await kept.get(f"{server.url}/readyz")).read()
        began = asyncio.get_running_loop().time()
        ending = asyncio.create_task(server.terminate())
        first = await quiet[0].closed
        async with kept.get(f"{server.url}/readyz") as response:  # on a connection that was there before
            assert (response.status, (await response.json())["draining"]) == (503, True)
        with pytest.raises(aiohttp.ClientConnectorError):
            await ask(kept, "GET", f"{server.url}/healthz")
    for number in range(20):
        await ok(sender.call("send_message", {"thread_id": thread_id, "content": str(number)}))
    await hearer.heard("new_message", count=20)
    assert not hearer.all("connection_closing")
    assert await ending == 0
    took_s = asyncio.get_running_loop().time() - began
    closed_at = [await client.closed for client in quiet]
    assert took_s < EXIT_WITHIN_S, took_s
    assert {client.close_code for client in quiet} == {1012}
    assert max(closed_at) - first > QUIET / 400 * 0.8
    busiest = max(sum(at <= other < at + 1 for other in closed_at) for at in closed_at[::50])
    assert busiest < 700, busiest
    last = [client.events[-1] for client in quiet]
    assert {(told["type"], told["code"], told["retryable"]) for told in last} == {
        ("connection_closing", "draining", True)
    }
    after_ms = [told["reconnect_after_ms"] for told in last]
    assert 500 <= min(after_ms) < 600
    assert 1_400 < max(after_ms) <= 1_500
    for client in (sender, hearer):
        assert (await client.heard("connection_closing"))["code"] == "draining"


async def test_sigterm_between_two_polls_is_told_by_the_next(spawn: Spawn, clients: Clients) -> None:
    """Who polls is told by events and a CLOSE packet, and no DISCONNECT packet, on the connection it has."""
    server = await spawn()
    url = f"{server.url}/socket.io/"
    async with aiohttp.ClientSession() as session:
        client = await Polling.open(session, url)
        for namespace in (MESSAGING, NOTIFICATIONS):
            await client.send(f"40{namespace},{json.dumps({'token': clients.token(1)})}")
        await client.messages(4)
        watch = await clients.plain(server.url, 2)
        ending = asyncio.create_task(server.terminate())
        await asyncio.wait_for(watch.closed.wait(), 5)  # so all are told by now
        polled: list[str] = []
        while "1" not in polled:
            answer = await client.get()
            assert answer.status == 200, answer
            polled += answer.packets
        assert [text.partition(",")[0] for text in polled] == [f"42{MESSAGING}", f"42{NOTIFICATIONS}", "1"]
        assert all('"connection_closing"' in text and '"draining"' in text for text in polled[:2])
        assert await ending == 0


async def test_drain_of_zero_seconds_is_at_once(spawn: Spawn, clients: Clients) -> None:
    """`DRAIN_S=0`: everybody goes together."""
    server = await spawn(DRAIN_S="0")
    quiet = await connect_quietly(server, clients, 300)
    assert await server.terminate() == 0
    closed_at = [await client.closed for client in quiet]
    assert {client.close_code for client in quiet} == {1012}
    assert max(closed_at) - min(closed_at) < 0.5
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await ask(session, "GET", f"{server.url}/healthz")
