"""Logs: one line an entry, whatever a client writes, and no tokens."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from client_tests.clients import Clients
from client_tests.harness import ROOT, SECRET, SERVICE_TOKEN, ServerProcess

FORGED = 'x\n{"event": "forged"}\r\n\x1b[31mred\x1b[0m\u2028end'

PROGRAM = """
import logging, sys
import structlog
from server.logs import set_up_logs
set_up_logs(sys.argv[1])
structlog.get_logger().info("ours", value=sys.argv[2])
logging.getLogger("aiohttp.server").warning("theirs %s", sys.argv[2])
try:
    raise ValueError(sys.argv[2])
except ValueError:
    structlog.get_logger().exception("failed")
    logging.getLogger("asyncio").exception("failed too")
logging.getLogger("engineio.server").error("packet %s", sys.argv[2])
"""


def log_lines(level: str) -> list[dict[str, Any]]:
    """Log a value that tries to be an entry of its own, in a process of its own; return the entries."""
    command = [sys.executable, "-c", PROGRAM, level, FORGED]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, timeout=20)
    assert done.stdout == ""
    assert "\x1b" not in done.stderr
    return [json.loads(line) for line in done.stderr.split("\n") if line]


def test_log_of_a_value_with_line_breaks_stays_one_line() -> None:
    """Nobody can write an entry of their own; the value itself is kept. Engine.IO's packets are not logged."""
    lines = log_lines("INFO")
    assert [line["event"] for line in lines] == ["ours", f"theirs {FORGED}", "failed", "failed too"]
    assert lines[0]["value"] == FORGED
    assert all(line["timestamp"].endswith("Z") and line["level"] for line in lines)
    assert [line["exception"][0]["exc_type"] for line in lines[2:]] == ["ValueError", "ValueError"]
    assert not [line for line in lines[2:] for frame in line["exception"][0]["frames"] if "locals" in frame]


def test_log_below_the_level_is_left_out() -> None:
    """LOG_LEVEL decides."""
    assert "ours" not in [line["event"] for line in log_lines("WARNING")]


@pytest.fixture
async def chatty(tmp_path: Path, sqlite_url: str) -> AsyncIterator[tuple[ServerProcess, Path]]:
    """A server process that logs all it can, and its log."""
    log = tmp_path / "server.log"
    process = await ServerProcess.start({"DATABASE_URL": sqlite_url, "LOG_LEVEL": "DEBUG"}, log=log)
    yield process, log
    await process.end()


async def malformed(url: str, request: bytes) -> None:
    """Send bytes that are no proper request, and wait for the server to hang up."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(request)
    await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()


async def test_log_of_requests_holds_no_token_and_no_text(chatty: tuple[ServerProcess, Path], clients: Clients) -> None:
    """However a token travels, refused requests and malformed ones included, it is not in the log; nor are messages."""
    process, log = chatty
    url = process.url
    secret_text = "a message that nobody else may read"
    plain = await clients.plain(url, 1)
    socket = await clients.socket(url, 2)
    created = await socket.call("create_thread", {"kind": "direct", "participant_ids": [1]})
    sent = {"thread_id": created["data"]["id"], "content": secret_text}
    assert (await socket.call("send_message", sent))["ok"]
    await plain.heard("new_message")
    bad = await clients.plain_raw(url, "a-bad-token.with.dots")
    await asyncio.wait_for(bad.closed.wait(), 5)
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {SERVICE_TOKEN}"}) as session:
        for path in ("/api/v1/threads", "/nothing", "/ws/messaging/"):
            async with session.get(f"{url}{path}?token={plain.token}") as response:
                assert response.status < 500
    target = f"/ws/messaging/?token={plain.token}".encode()
    for request in (
        b"GET " + target + b" HTTP/9.9.9\r\n\r\n",
        b"G\x00T " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nBad Header\x00: " + plain.token.encode() + b"\r\n\r\n",
        b"GET " + target + b"&pad=" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ):
        await malformed(url, request)
    await process.terminate()
    text = log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert "/nothing" in {line.get("path") for line in lines}, "requests were not logged at all"
    for token in (plain.token, socket.token, "a-bad-token", SERVICE_TOKEN, SECRET, secret_text):
        assert token not in text
    assert not re.search(r"eyJ[\w-]{10}", text), "a part of a token"
