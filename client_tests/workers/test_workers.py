"""Several workers behind one port: sessions work wherever their requests land, and what dies comes back."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys

import aiohttp
import pytest
from aiohttp import ClientSession, TCPConnector

from client_tests.answers import ok
from client_tests.clients import Clients, make_token
from client_tests.functional.conftest import open_thread
from client_tests.harness import ENVIRONMENT, ROOT, SECRET, SERVICE_TOKEN, ServerProcess
from client_tests.js import HERE as JS
from client_tests.services import free_port
from client_tests.workers.conftest import WORKERS, Standing, children, until_gone
from server.realtime.relay import PEER_HEADER

VISITS = 60


def wandering() -> ClientSession:
    """A client each of whose requests is a connection of its own, and so reaches any worker."""
    return ClientSession(connector=TCPConnector(force_close=True))


async def test_polling_session_works_whichever_worker_its_requests_reach(standing: Standing) -> None:
    """Each request of a session is answered by the session's worker, binary-safe and in order."""
    url = f"{standing.url}/socket.io/?EIO=4&transport=polling"
    tags: set[str] = set()
    async with wandering() as http:
        for user in range(1, 13):
            opened = json.loads((await (await http.get(url)).text())[1:])
            sid = opened["sid"]
            tags.add(sid.split(".")[0])
            body = "40/messaging," + json.dumps({"token": make_token(SECRET, user)})
            answer = await http.post(f"{url}&sid={sid}", data=body)
            assert (answer.status, await answer.text()) == (200, "ok")
            heard = ""
            async with asyncio.timeout(5):
                while "connection_established" not in heard:
                    heard += await (await http.get(f"{url}&sid={sid}")).text()
            assert heard.startswith("40/messaging,")
            assert await (await http.post(f"{url}&sid={sid}", data="1")).text() == "ok"
    assert len(tags) > 1, "all sessions were made by one worker"


async def test_session_of_no_worker_is_unknown(standing: Standing) -> None:
    """A session id that names no worker, or one that has forgotten it, is refused; nothing hangs."""
    async with wandering() as http, asyncio.timeout(10):
        for sid in ("0.gone", "2.gone", "9.none", "none", "f" * 64):
            url = f"{standing.url}/socket.io/?EIO=4&sid={sid}"
            for _ in range(3):
                answer = await http.get(f"{url}&transport=polling")
                assert answer.status == 400
                assert sid not in await answer.text()
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await http.ws_connect(f"{url}&transport=websocket")
            assert refused.value.status == 400


async def test_official_client_connects_every_time(standing: Standing) -> None:
    """Polling first, then the upgrade, from whichever worker to whichever."""
    node = await asyncio.create_subprocess_exec(
        "node", "many.mjs", standing.url, make_token(SECRET, 1), str(VISITS), "6", cwd=JS, stdout=subprocess.PIPE
    )
    printed, _ = await asyncio.wait_for(node.communicate(), 60)
    assert json.loads(printed) == {"ok": VISITS, "upgraded": VISITS, "errors": {}}


async def test_clients_of_different_workers_hear_each_other(served: ServerProcess, clients: Clients) -> None:
    """And `/metrics` and `/stats` count the clients of all, whichever worker is asked."""
    thread_id = await open_thread(clients.http_raw(served.url, SERVICE_TOKEN), 1, 2)
    ears = [await clients.socket(served.url, 2, transports=["websocket"]) for _ in range(9)]
    speaker = await clients.socket(served.url, 1)
    await ok(speaker.call("send_message", {"thread_id": thread_id, "content": "a todos"}))
    for ear in ears:
        assert (await ear.heard("new_message"))["message"]["content"] == "a todos"
    async with wandering() as http:
        for _ in range(5):
            stats = (await (await http.get(f"{served.url}/api/v1/stats")).json())["data"]
            assert (stats["active_connections"], stats["total_messages_sent"]) == (len(ears) + 1, 1)
            lines = (await (await http.get(f"{served.url}/metrics")).text()).splitlines()
            connections = [line for line in lines if line.startswith("verihome_connections{")]
            assert sum(float(line.split()[-1]) for line in connections) == len(ears) + 1
            assert len(connections) == WORKERS
            assert "verihome_messages_total 1.0" in lines


async def test_internal_routes_and_headers_are_for_workers_alone(standing: Standing) -> None:
    """Who comes over the network neither asks one worker alone nor says whom they are."""
    async with wandering() as http:
        for path in ("/internal/metrics", "/internal/stats"):
            assert (await http.get(standing.url + path)).status == 404
        forged = {"X-Forwarded-For": "203.0.113.9", PEER_HEADER: "127.0.0.1"}
        assert (await http.get(f"{standing.url}/metrics", headers=forged)).status == 403


async def test_worker_that_dies_is_started_again(served: ServerProcess, clients: Clients) -> None:
    """The others go on; a client of the dead one comes back."""
    before = children(served)
    assert len(before) == WORKERS
    os.kill(before[0], signal.SIGKILL)
    async with asyncio.timeout(20):
        while len(now := children(served)) < WORKERS or before[0] in now:  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.05)
    for _ in range(6):
        await ok((await clients.socket(served.url, 1)).call("ping"))


async def test_sigterm_ends_all_and_exits_well(served: ServerProcess, clients: Clients) -> None:
    """Clients are told, no worker is left, and the status is 0."""
    client = await clients.socket(served.url, 1)
    workers = children(served)
    assert await served.terminate() == 0
    await client.heard("connection_closing")
    await until_gone(workers)


async def test_workers_end_with_their_supervisor(served: ServerProcess) -> None:
    """A supervisor that is killed leaves nobody behind who holds the port."""
    workers = children(served)
    await served.kill()
    await until_gone(workers)


def run(database_url: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program with the settings of tests."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **ENVIRONMENT, "DATABASE_URL": database_url, "PORT": str(free_port()), **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_workers_need_redis(sqlite_url: str) -> None:
    """Without it they would not hear one another."""
    ended = run(sqlite_url, "-m", "server", "serve", "--workers", "2", REDIS_URL="")
    assert ended.returncode == 2
    assert "REDIS_URL" in ended.stderr


@pytest.mark.parametrize("count", ["0", "-1", "65"])
def test_number_of_workers_is_sensible(sqlite_url: str, count: str) -> None:
    """Neither none nor a hundred."""
    ended = run(sqlite_url, "-m", "server", "serve", "--workers", count, REDIS_URL="redis://127.0.0.1:1")
    assert (ended.returncode, "--workers must be from 1 to 64" in ended.stderr) == (2, True)


def test_port_that_is_taken_is_told(sqlite_url: str) -> None:
    """As one line, not as a traceback of each worker."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        arguments = ("-m", "server", "serve", "--workers", "2")
        ended = run(sqlite_url, *arguments, REDIS_URL="redis://127.0.0.1:1", HOST="127.0.0.1", PORT=port)
    assert ended.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr


def test_workers_that_cannot_start_end_the_supervisor(sqlite_url: str) -> None:
    """With their status, instead of trying for ever."""
    program = """
import sys
from server.__main__ import main
sys.executable = "/bin/false"
sys.exit(main(["serve", "--workers", "2"]))
"""
    ended = run(sqlite_url, "-c", program, REDIS_URL="redis://127.0.0.1:1")
    assert ended.returncode == 1
    assert "no worker could start" in ended.stderr + ended.stdout
