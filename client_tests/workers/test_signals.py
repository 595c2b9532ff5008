"""SIGTERM, to one and to all: nothing cuts a shutdown short, and what ended well is told as that."""

import asyncio
import os
import signal
from pathlib import Path

from client_tests.clients import Clients, make_token
from client_tests.engine.raw import Wire, until
from client_tests.harness import SECRET, ServerProcess
from client_tests.quiet import connect_quietly
from client_tests.services import RedisServer
from client_tests.workers.conftest import children, end_together


async def test_sigterm_to_all_processes_at_once_is_a_clean_end(served: ServerProcess) -> None:
    """That is what systemd and Heroku do, and the supervisor then sends it once more to those who drain already."""
    # One that does not answer the Close frame: so the shutdown takes its time.
    stubborn = await Wire.websocket(served.url + "/ws/messaging/", f"token={make_token(SECRET, 1)}")
    await stubborn.read_frame()
    assert await end_together(served) == 0
    assert await stubborn.close_code() == 1012
    assert children(served) == []


async def test_sigterm_to_the_supervisor_sends_the_clients_of_all_workers_away(
    served: ServerProcess, clients: Clients
) -> None:
    """Told, closed with 1012, each worker at its own pace, and all end well."""
    quiet = await connect_quietly(served.url, clients, 600)
    began = asyncio.get_running_loop().time()
    assert await served.terminate() == 0
    assert asyncio.get_running_loop().time() - began < 10
    await asyncio.gather(*(client.closed for client in quiet))
    assert {(client.close_code, client.events[-1]["type"]) for client in quiet} == {(1012, "connection_closing")}


async def test_second_sigterm_does_not_cut_the_shutdown_short(sqlite_url: str, tmp_path: Path) -> None:
    """Of a server without workers neither."""
    server = await ServerProcess.start({"DATABASE_URL": sqlite_url}, log=tmp_path / "server.log")
    stubborn = await Wire.websocket(server.url + "/ws/messaging/", f"token={make_token(SECRET, 1)}")
    await stubborn.read_frame()
    server.process.send_signal(signal.SIGTERM)
    assert await stubborn.close_code() == 1012
    assert await server.terminate() == 0


async def test_sigterm_while_workers_start_is_a_clean_end(sqlite_url: str, redis: RedisServer, tmp_path: Path) -> None:
    """A worker that had not begun to serve has nothing to do before it ends."""
    log = tmp_path / "server.log"
    server = await ServerProcess.start({"DATABASE_URL": sqlite_url, "REDIS_URL": redis.url}, "--workers", "3", log=log)
    for pid in children(server):
        os.kill(pid, signal.SIGKILL)
    await until(lambda: log.read_text().count("worker ended") == 3)
    await until(lambda: len(children(server)) == 3)  # just started again
    assert await server.terminate() == 0
