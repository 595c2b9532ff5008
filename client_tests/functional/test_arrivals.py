"""Handshakes that are answered before aiohttp: by the same rules, and everything else is aiohttp's."""

import asyncio
from urllib.parse import urlsplit

import pytest

from client_tests.answers import until
from client_tests.conftest import Start
from client_tests.harness import Server

PATH = "/socket.io/?EIO=4&transport=websocket"
ORIGIN = "https://page.example"
LINES = (
    "Host: chat.example",
    "Connection: keep-alive, Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


def request(*more: str, path: str = PATH, lines: tuple[str, ...] = LINES) -> bytes:
    """Write a handshake down."""
    return "\r\n".join((f"GET {path} HTTP/1.1", *lines, *more, "", "")).encode()


async def ask(server: Server, *parts: bytes) -> str:
    """Send a request, in parts or not, and return the head of the answer with what the session begins with."""
    silent = server.runner.arrivals.silent
    where = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        *first_parts, last = parts
        for part in first_parts:
            await until(lambda: len(silent) == 1)
            writer.write(part)
            await until(lambda: not silent)  # it has been read
        writer.write(last)
        async with asyncio.timeout(5):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            return head + (await reader.readuntil(b"}")).decode(errors="replace") if " 101 " in head else head
    finally:
        writer.close()


def aiohttp_requests(server: Server) -> int:
    """Return how many requests aiohttp was given."""
    assert server.runner.aiohttp is not None
    return server.runner.aiohttp.requests_count


@pytest.mark.parametrize(
    "more",
    [
        (),
        ("Origin: http://chat.example",),
        (f"Origin: {ORIGIN}", "Cookie: a=b; c=d", "User-Agent: Mozilla/5.0 (X11; Linux x86_64)"),
        ("X-Forwarded-For: 203.0.113.7",),
        ("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits", "X-Empty:"),
    ],
)
async def test_plain_handshake_is_answered_without_aiohttp(start: Start, more: tuple[str, ...]) -> None:
    """It gets its WebSocket and its session, and aiohttp is not asked."""
    server = await start(ALLOWED_ORIGINS=ORIGIN)
    answer = await ask(server, request(*more))
    assert answer.startswith("HTTP/1.1 101 Switching Protocols\r\n")
    assert "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer
    assert '0{"sid":"' in answer
    assert aiohttp_requests(server) == 0


@pytest.mark.parametrize(
    "parts",
    [
        (request()[:9], request()[9:]),
        (request()[:-2], request()[-2:]),
        (request(path=f"{PATH}&name=Jos%C3%A9"),),
        (request("X-Name: \xe9"),),
        (request("X-Twice: 1", "x-twice: 2"),),
        (request(f"X-Long: {'x' * 8_000}"),),
        (request().replace(b"Upgrade: websocket\r\n", b"Upgrade: WebSocket\r\nContent-Length: 0\r\n"),),
    ],
)
async def test_unusual_handshake_is_answered_by_aiohttp_alike(server: Server, parts: tuple[bytes, ...]) -> None:
    """What comes in pieces, or is not of the plainest kind, is let in as well."""
    answer = await ask(server, *parts)
    assert answer.startswith("HTTP/1.1 101 ")
    assert '0{"sid":"' in answer
    assert aiohttp_requests(server) == 1


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (request("Origin: https://elsewhere.example"), 403),
        (request("Origin: null"), 403),
        (request(path="/socket.io/?EIO=3&transport=websocket"), 400),
        (request(path="/socket.io/?EIO=4&transport=carrier-pigeon"), 400),
        (request(path="/socket.io/?EIO=4&transport=polling&transport=websocket"), 200),
        (request(path=f"{PATH}&sid=nobody"), 400),
        (request(path=f"{PATH}&j=0"), 400),
        (request(lines=LINES[:2] + LINES[3:]), 400),
        (request(lines=(*LINES[:4], "Sec-WebSocket-Key: short")), 400),
        (request(lines=(*LINES[:3], "Sec-WebSocket-Version: 8", LINES[4])), 400),
        (request(path="/healthz"), 200),
        (request() + request(), 101),
        (request().replace(b"\r\nHost:", b"\r\n Host:"), 400),
        (b"GET /socket.io/ HTTP/1.1\n\n", 400),
        (b"nonsense\r\n\r\n", 400),
    ],
)
async def test_what_is_wrong_is_refused_by_aiohttp(server: Server, asked: bytes, status: int) -> None:
    """Nothing is refused, or served, but by the rules that hold for every request."""
    assert f" {status} " in (await ask(server, asked)).partition("\r\n")[0]
    assert server.parts.limits.refused["address"] == 0


async def test_address_limit_counts_the_forwarded_address(start: Start) -> None:
    """Behind a trusted proxy each client has places of its own; a refusal is counted once."""
    server = await start(CONNECTIONS_PER_ADDRESS="1", TRUSTED_PROXIES="127.0.0.1")
    where = urlsplit(server.url)
    answer, first = await asyncio.open_connection(where.hostname, where.port)
    first.write(request("X-Forwarded-For: 203.0.113.7"))
    assert b" 101 " in await asyncio.wait_for(answer.readline(), 5)
    assert " 429 " in await ask(server, request("X-Forwarded-For: 203.0.113.7"))
    assert " 101 " in await ask(server, request("X-Forwarded-For: 203.0.113.8"))
    assert server.parts.limits.refused["address"] == 1
    first.close()


async def test_who_asks_for_nothing_is_closed_at_shutdown(start: Start) -> None:
    """A connection on which nothing came does not outlive the server."""
    server = await start()
    where = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    await until(lambda: len(server.runner.arrivals.silent) == 1)
    await server.stop()
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
