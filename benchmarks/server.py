"""The server under test: a child process on one core, with its CPU time and memory read from /proc."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.population import SECRET
from client_tests.services import LOOPBACK, PostgresServer, free_port

ROOT = Path(__file__).parent.parent
READY_S = 20.0
STOP_S = 15.0

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")
"""Nothing else of the caller's environment configures the server under test."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Which core serves and which one loads; the same set for both where there is only one."""

    server: frozenset[int]
    generator: frozenset[int]

    @classmethod
    def choose(cls) -> "Cores":
        """Give the first allowed core to the server and the others to the generator (and PostgreSQL)."""
        allowed = sorted(os.sched_getaffinity(0))
        if len(allowed) == 1:
            return cls(frozenset(allowed), frozenset(allowed))
        return cls(frozenset(allowed[:1]), frozenset(allowed[1:]))


@dataclass
class ServerProcess:
    """A running server."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(
        cls, cores: Cores, folder: Path, environment: Mapping[str, str], module: tuple[str, ...] = ("server", "serve")
    ) -> "ServerProcess":
        """Start `python -m MODULE...` on the server's core and return when it answers."""
        port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        env = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        env |= {"HOST": LOOPBACK, "PORT": str(port), "JWT_SECRET": SECRET, "PYTHONPATH": str(ROOT), **environment}
        log = folder / "server.log"
        # A child inherits the affinity, and so do all the threads that it will have.
        os.sched_setaffinity(0, cores.server)
        try:
            with log.open("wb") as output:
                command = [sys.executable, "-m", *module]
                process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output)
        finally:
            os.sched_setaffinity(0, cores.generator)
        server = cls(port, process, log)
        server._until_ready()
        return server

    def cpu_s(self) -> float:
        """Return the CPU seconds used so far, user and system, of all threads."""
        return _cpu_s(self.process.pid)

    def rss_kib(self) -> int:
        """Return the resident memory in KiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def commits(self) -> tuple[int, int]:
        """Return how many writes and how many batches of them were committed so far."""
        lines = self._get("/metrics").splitlines()
        values = {name: value for name, _, value in (line.partition(" ") for line in lines)}
        return int(float(values["verihome_writes_total"])), int(float(values["verihome_write_batches_total"]))

    def stop(self) -> None:
        """End it as a deployment would."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _until_ready(self) -> None:
        deadline = time.monotonic() + READY_S
        while True:
            try:
                self._get("/healthz")
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.process.kill()
                    raise RuntimeError(f"the server did not start:\n{self.log.read_text()[-2000:]}") from None
                time.sleep(0.05)
            else:
                return

    def _get(self, path: str) -> str:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()


def postgres_cpu_s(postgres: PostgresServer) -> float:
    """Return the CPU seconds of a PostgreSQL so far: the postmaster, its children, and those that ended."""
    pid = postgres.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return _cpu_s(pid, ended_children=True) + sum(_cpu_s(int(child)) for child in children)


@contextmanager
def durable(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """Restart the tests' PostgreSQL, which never waits for the disk, as one that does: its own defaults."""
    postgres.stop()
    safe = ("fsync=on", "synchronous_commit=on", "full_page_writes=on")
    # The last of several settings holds.
    postgres._child.command += [flag for setting in safe for flag in ("-c", setting)]  # noqa: SLF001
    postgres.start()
    yield postgres


def _cpu_s(pid: int, *, ended_children: bool = False) -> float:
    # Fields 14 to 17 of proc(5): utime, stime, cutime, cstime; the name in field 2 may hold spaces.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
    return sum(int(ticks) for ticks in fields[: 4 if ended_children else 2]) / _TICKS_PER_S
