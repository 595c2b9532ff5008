"""A supervisor with its workers, and connections to a worker of one's choice."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from client_tests.engine.raw import POLLING, WAIT_S, Wire, until
from client_tests.harness import ENVIRONMENT, ROOT, ServerProcess
from client_tests.services import LOOPBACK, RedisServer, free_port
from server.storage.engine import migrate

WORKERS = 3
START_S = 20
END_S = 15
ENGINE = "/socket.io/"


@dataclass
class Standing:
    """A supervisor that several tests use, and leave as it was."""

    url: str
    process: subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def standing(redis_session: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """A supervisor with its workers for the tests of a module: Python takes seconds to start so often."""
    folder = tmp_path_factory.mktemp("workers")
    url, log, port = f"sqlite:///{folder}/test.db", folder / "server.log", free_port()
    migrate(url)
    settings = {"DATABASE_URL": url, "REDIS_URL": redis_session.url, "PORT": str(port)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "server", "serve", "--workers", str(WORKERS)],
            cwd=ROOT,
            env={**os.environ, **ENVIRONMENT, **settings},
            stdout=output,
            stderr=output,
        )
    deadline = time.monotonic() + START_S
    while log.read_text().count("worker ready") < WORKERS and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    yield Standing(f"http://{LOOPBACK}:{port}", process)
    process.terminate()
    process.wait(END_S)
    print(log.read_text()[-3000:])  # noqa: T201 - shown when a test failed


@pytest.fixture
async def served(sqlite_url: str, redis: RedisServer, tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A supervisor with its workers, on one SQLite file, to end or kill."""
    log = tmp_path / "server.log"
    server = await ServerProcess.start(
        {"DATABASE_URL": sqlite_url, "REDIS_URL": redis.url}, "--workers", str(WORKERS), log=log
    )
    await until(lambda: log.read_text().count("worker ready") == WORKERS, START_S)
    yield server
    if server.process.returncode is None:
        await server.terminate()
    print(log.read_text()[-3000:])  # noqa: T201 - shown when the test failed


@pytest.fixture(autouse=True)
def _close_wires() -> Iterator[None]:
    yield
    Wire.close_all()


def children(server: ServerProcess | Standing) -> list[int]:
    """Return the process ids of the workers."""
    found = subprocess.run(["pgrep", "-P", str(server.process.pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def process_of(server: ServerProcess | Standing, worker: str) -> int:
    """Return the process id of a worker."""
    said = f"VERIHOME_WORKER={int(worker, 16)}/"
    return next(pid for pid in children(server) if said in Path(f"/proc/{pid}/environ").read_text())


def open_descriptors(server: ServerProcess | Standing) -> int:
    """Return how many descriptors the workers hold."""
    return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in children(server))


async def until_gone(pids: list[int]) -> None:
    """Wait until processes are no more."""
    await until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), END_S)


async def end_together(server: ServerProcess, after_s: float = 0.05) -> int:
    """Send SIGTERM to the workers and, a moment later, to the supervisor, as systemd does; return the exit status."""
    for pid in children(server):
        os.kill(pid, signal.SIGTERM)
    await asyncio.sleep(after_s)
    return await server.terminate()


class Kept(Wire):
    """A connection that is kept, and so stays with the worker that took it; `sid` is a session of that worker."""

    sid: str

    @classmethod
    async def anywhere(cls, url: str) -> "Kept":
        """Connect to some worker, and open a session there."""
        kept = await cls.connect(url)
        assert isinstance(kept, Kept)
        status, body = await kept.ask("GET", f"{ENGINE}?{POLLING}")
        assert status == 200, body
        kept.sid = json.loads(body[1:])["sid"]
        return kept

    @property
    def worker(self) -> str:
        """The number of the worker, as in the tag."""
        return self.sid.partition(".")[0]

    async def ask(self, method: str, target: str, body: bytes = b"", *headers: str) -> tuple[int, str]:
        """Make a request."""
        await self.begin(method, target, body, *headers)
        return await self.read_response()

    async def begin(self, method: str, target: str, body: bytes = b"", *headers: str) -> None:
        """Send a request, and do not wait for its answer."""
        sized = (f"Content-Length: {len(body)}",) if body else ()
        head = "\r\n".join((f"{method} {target} HTTP/1.1", "Host: x", *sized, *headers))
        await self.send(f"{head}\r\n\r\n".encode() + body)


def polling(sid: str) -> str:
    """Return where a session is polled."""
    return f"{ENGINE}?{POLLING}&sid={sid}"


async def pairs(url: str, count: int) -> list[tuple[Kept, Kept]]:
    """Return pairs of connections of which the second is to another worker than the first."""
    made: list[tuple[Kept, Kept]] = []
    lonely: list[Kept] = []
    async with asyncio.timeout(WAIT_S * 4):
        while len(made) < count:
            new = await Kept.anywhere(url)
            other = next((kept for kept in lonely if kept.worker != new.worker), None)
            if other is None:
                lonely.append(new)
            else:
                lonely.remove(other)
                made.append((other, new))
    for kept in lonely:
        kept.close()
    return made
