"""Clients that never read, on the whole product: they cost little, are dropped, and their neighbours do not notice."""

import asyncio
import base64
import json
import os
import socket
import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from client_tests.answers import ok
from client_tests.clients import Clients, PlainClient, make_token
from client_tests.functional.conftest import open_thread
from client_tests.harness import SECRET, SERVICE_TOKEN, ServerProcess
from server.contract.operations import MESSAGING
from server.storage.engine import migrate

SILENT = 100
GIVE_UP_S = 30.0
MAX_GROWTH_MB = 150
LARGE = "😀" * 4_000
"""16 KB as JSON."""


@pytest.fixture
async def process(sqlite_url: str, tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """The server as a process of its own, so that its memory can be measured."""
    migrate(sqlite_url)
    server = await ServerProcess.start({"DATABASE_URL": sqlite_url}, log=tmp_path / "server.log")
    yield server
    await server.end()


def connect_silently(url: str, user: int) -> socket.socket:
    """Join `/messaging` over a WebSocket, and never read again."""
    host, port = url.removeprefix("http://").split(":")
    silent = socket.socket()
    silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    silent.connect((host, int(port)))
    key = base64.b64encode(os.urandom(16)).decode()
    silent.sendall(
        f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    payload = f"40{MESSAGING}," + json.dumps({"token": make_token(SECRET, user)})
    silent.sendall(bytes((0x81, 0x80 | 126)) + len(payload).to_bytes(2, "big") + bytes(4) + payload.encode())
    return silent


async def latencies(client: PlainClient, thread_id: str, count: int) -> list[float]:
    """Send one message after the other, and return how long each took, in ms."""
    found = []
    for _ in range(count):
        began = time.perf_counter()
        await ok(client.call("send_message", {"thread_id": thread_id, "content": "¿Sigue libre?"}))
        found.append((time.perf_counter() - began) * 1000)
    return found


def p99(values: list[float]) -> float:
    """Return the 99th percentile."""
    return statistics.quantiles(values, n=100)[98]


async def test_hundred_clients_that_never_read(process: ServerProcess, clients: Clients) -> None:
    """All are dropped, memory stays bounded, and who shares the server with them is answered all the while."""
    service = clients.http_raw(process.url, SERVICE_TOKEN)
    group = await open_thread(service, *range(1, SILENT + 1))
    quiet = await open_thread(service, 901, 902)
    neighbour = await clients.plain(process.url, 901)
    hearer = await clients.plain(process.url, 902)
    before = await latencies(neighbour, quiet, 100)
    silent = [connect_silently(process.url, user) for user in range(1, SILENT + 1)]
    server = psutil.Process(process.process.pid)

    async def connections() -> int:
        return int((await ok(service.call("get_stats")))["active_connections"])

    async with asyncio.timeout(GIVE_UP_S):
        while await connections() < SILENT + 2:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    rss = peak = server.memory_info().rss
    during: list[float] = []
    try:
        async with asyncio.timeout(GIVE_UP_S):
            while await connections() > 2:
                posts = [
                    service.call("post_message", {"thread_id": group, "sender_id": 1, "content": LARGE})
                    for _ in range(5)
                ]
                *answers, some = await asyncio.gather(*posts, latencies(neighbour, quiet, 5))
                assert all(answer["ok"] for answer in answers)
                during += some
                peak = max(peak, server.memory_info().rss)
    finally:
        for each in silent:
            each.close()
    growth_mb = (peak - rss) / 1e6
    figures = f"p99 {p99(before):.1f} ms before, {p99(during):.1f} ms during; memory grew by {growth_mb:.0f} MB"
    print(figures)  # noqa: T201 - what is measured, is not asserted
    assert growth_mb < MAX_GROWTH_MB, figures
    await hearer.heard("new_message", count=len(before) + len(during))
