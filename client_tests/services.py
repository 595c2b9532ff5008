"""Real servers for the tests, started as children on free loopback ports and ended by their own process id.

A missing binary is an error that names the Debian package: a test that needs it fails, it is not skipped.

    with redis_server() as redis, postgres_server() as postgres:
        serve(redis_url=redis.url, database_url=postgres.create_database())
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

LOOPBACK = "127.0.0.1"
READY_S = 20.0
STOP_S = 10.0
POLL_S = 0.01


class ServiceError(RuntimeError):
    """A server is not installed, did not start or did not become ready."""


@dataclass
class _Child:
    """One server process, its folder and its log; it can be stopped and started again on the same port."""

    command: list[str]
    folder: Path
    stop_signal: signal.Signals
    process: subprocess.Popen[bytes] = field(init=False)

    def spawn(self, *, ready: Callable[[], bool]) -> None:
        with (self.folder / "server.log").open("ab") as log:
            # cwd "/": another user's process may not be able to stand in ours.
            self.process = subprocess.Popen(self.command, cwd="/", stdout=log, stderr=log)
        deadline = time.monotonic() + READY_S
        while not ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.end()
                raise ServiceError(f"{self.command[0]} did not become ready:\n{self.log_tail()}")
            time.sleep(POLL_S)

    def end(self) -> None:
        """End this very process: politely, then not."""
        if self.process.poll() is None:
            self.signal_family(signal.SIGCONT)  # a frozen process hears nothing else
            self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def signal_family(self, number: signal.Signals) -> list[psutil.Process]:
        """Send a signal to the process, then to those that it started and that did not end meanwhile; return these."""
        self.process.send_signal(number)
        reached = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.send_signal(number)
                reached.append(child)
        return reached

    def log_tail(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")[-2000:]


@dataclass
class RedisServer:
    """A running Redis that a test may stop, start again, freeze and thaw."""

    port: int
    _child: _Child

    @property
    def url(self) -> str:
        """What REDIS_URL takes."""
        return f"redis://{LOOPBACK}:{self.port}/4"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process that runs now (a new one after each `start`)."""
        return self._child.process

    def start(self) -> None:
        """Start it (again), empty, on the same port, and return when it answers."""
        self._child.spawn(ready=self._answers)

    def stop(self) -> None:
        """End it: connections are closed and new ones refused."""
        self._child.end()

    def kill(self) -> None:
        """SIGKILL: it has no time to say goodbye."""
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        """Leave it deaf: connections stay open, and nothing is answered."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it was frozen."""
        self.process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


@contextmanager
def redis_server(port: int | None = None, *more: str) -> Iterator[RedisServer]:
    """Run a Redis without persistence, with `more` flags; gone at the end with its folder."""
    binary = _find("redis-server", package="redis-server")
    port = port or free_port()
    with _scratch_folder("redis") as folder:
        flags = ["--save", "", "--appendonly", "no", "--dir", str(folder), "--bind", LOOPBACK]
        server = RedisServer(port, _Child([binary, "--port", str(port), *flags, *more], folder, signal.SIGTERM))
        server.start()
        try:
            yield server
        finally:
            server.stop()


@dataclass
class PostgresServer:
    """A running PostgreSQL; every test takes a database of its own from it."""

    port: int
    _bin: Path
    _child: _Child

    @property
    def url(self) -> str:
        """What DATABASE_URL takes, for the database that every cluster has."""
        return self._url("postgres")

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The postmaster."""
        return self._child.process

    def start(self) -> None:
        """Start it (again) on the same port, and return when it takes connections."""
        self._child.spawn(ready=self._answers)

    def stop(self) -> None:
        """End it: sessions are cut off, what is committed stays."""
        self._child.end()

    def kill(self) -> None:
        """SIGKILL: all at once, as a crash of the machine; what is committed is there when it is started again."""
        children = self._child.signal_family(signal.SIGSTOP)  # none is started or ends meanwhile
        for process in (self.process, *children):
            process.kill()
        psutil.wait_procs(children, STOP_S)
        self.process.wait(STOP_S)

    def freeze(self) -> None:
        """Leave it deaf, with all its sessions: connections stay open, new ones too, and nothing is answered."""
        self._child.signal_family(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it was frozen."""
        self._child.signal_family(signal.SIGCONT)

    def create_database(self, template: str = "template0") -> str:
        """Create an empty database (or a copy of `template`) with a fresh name and return its URL."""
        name = f"test_{secrets.token_hex(8)}"
        self._tool("createdb", "--template", template, name)
        return self._url(name)

    def drop_database(self, url: str) -> None:
        """Drop the database of this URL, even if something is still connected to it."""
        self._tool("dropdb", "--force", url.rpartition("/")[2])

    def _url(self, database: str) -> str:
        return f"postgresql://postgres@{LOOPBACK}:{self.port}/{database}"

    def _tool(self, tool: str, *arguments: str) -> None:
        address = ["--host", LOOPBACK, "--port", str(self.port), "--username", "postgres"]
        _run([str(self._bin / tool), *address, *arguments])

    def _answers(self) -> bool:
        # Not a bare connect: while it starts up it accepts connections only to refuse them.
        command = [str(self._bin / "pg_isready"), "--quiet", "--host", LOOPBACK, "--port", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0


@contextmanager
def postgres_server(*, survives_kill: bool = False) -> Iterator[PostgresServer]:
    """Run a PostgreSQL cluster that trades every durability for speed; gone at the end with its folder.

    With `survives_kill` what it said to have committed is still there after `kill` (not after a power cut).
    """
    binaries = _postgres_bin()
    with _scratch_folder("postgres") as folder:
        as_postgres = _drop_root(folder)
        data, port = folder / "data", free_port()
        cluster = ["--pgdata", str(data), "--username", "postgres", "--auth", "trust", "--no-sync"]
        _run([*as_postgres, str(binaries / "initdb"), *cluster, "--encoding", "UTF8", "--locale", "C.UTF-8"])
        options = {
            "listen_addresses": LOOPBACK,
            "unix_socket_directories": str(folder),
            "max_connections": "200",
            "fsync": "off",
            "synchronous_commit": "on" if survives_kill else "off",
            "full_page_writes": "off",
        }
        settings = [flag for name, value in options.items() for flag in ("-c", f"{name}={value}")]
        where = ["-D", str(data), "-p", str(port)]
        command = [*as_postgres, str(binaries / "postgres"), *where, "-F", *settings]
        # SIGINT is PostgreSQL's "fast" shutdown; SIGTERM would wait for every session to leave.
        server = PostgresServer(port, binaries, _Child(command, folder, signal.SIGINT))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def free_port() -> int:
    """Return a loopback port that nothing listens on.

    Below the range from which the system takes outgoing ports: there, a client that keeps calling a stopped
    server can be given the server's own port, connect to itself, and keep the server from coming back.
    """
    for _ in range(100):
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise ServiceError("no free port between 20000 and 32000")


@contextmanager
def _scratch_folder(name: str) -> Iterator[Path]:
    # Not pytest's tmp_path: its parents are closed to the user that PostgreSQL runs as.
    folder = Path(tempfile.mkdtemp(prefix=f"verihome-{name}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _drop_root(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: return the prefix that runs a command as its own user instead."""
    if os.geteuid() != 0:
        return []
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        raise ServiceError("no user postgres: apt-get install postgresql") from None
    os.chown(folder, user.pw_uid, user.pw_gid)
    ids = ["--reuid", "postgres", "--regid", str(user.pw_gid), "--clear-groups"]
    # setpriv becomes the command, so the child's process id is the server's own.
    return [_find("setpriv", package="util-linux"), *ids, "--"]


def _postgres_bin() -> Path:
    """Return the folder of the newest PostgreSQL; Debian keeps it off PATH."""
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(installed, key=lambda path: float(path.parts[-3]), default=None)
    return (newest or Path(_find("initdb", package="postgresql"))).parent


def _find(binary: str, *, package: str) -> str:
    path = shutil.which(binary)
    if path is None:
        raise ServiceError(f"{binary} is not installed: apt-get install {package}")
    return path


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ServiceError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
