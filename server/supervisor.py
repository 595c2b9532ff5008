"""Several workers behind one port: starts them, restarts those that die, and passes on the end (ADR 0013).

The supervisor opens the listening socket, and the workers inherit it: each accepts what it can, and one that is
draining just stops to. It serves nothing itself, and holds one end of a pipe that no worker ever reads from: when the
supervisor dies, however, the pipe ends, and the workers with it.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import structlog

from server.realtime.relay import Worker
from server.settings import Settings, SettingsError
from server.storage.engine import is_postgres

MAX_WORKERS = 64
BACKLOG = 4096
STOP_AFTER_DRAIN_S = 14.0
"""Longer than a worker takes once it has sent its clients away; with `DRAIN_S`, less than Heroku or systemd wait."""
LASTED_S = 5.0
"""A worker that lived longer than this worked: its end is a new trouble."""
FIRST_RESTART_S = 0.2
MAX_RESTART_S = 10.0
TICK_S = 1.0

LISTEN_FDS = "VERIHOME_LISTEN_FDS"
ALIVE_FD = "VERIHOME_ALIVE_FD"

log = structlog.get_logger()


def supervise(settings: Settings, count: int) -> int:
    """Serve with `count` workers until SIGTERM or SIGINT; returns the exit status.

    Raises:
        SettingsError: these settings are not for several processes, or the port cannot be had.
    """
    if not 1 <= count <= MAX_WORKERS:
        raise SettingsError(f"--workers must be from 1 to {MAX_WORKERS}")
    if settings.redis_url is None and not is_postgres(settings.database_url):
        raise SettingsError("--workers needs REDIS_URL or a PostgreSQL: else the workers would not hear one another")
    with ExitStack() as until_the_end:
        # A folder which nobody else may enter.
        folder = until_the_end.enter_context(tempfile.TemporaryDirectory(prefix="verihome-workers-"))
        try:
            listening = [until_the_end.enter_context(_listen(*address)) for address in _addresses(settings)]
        except OSError as error:
            raise SettingsError(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}") from None
        shown = "localhost" if settings.host == "0.0.0.0" else settings.host  # noqa: S104
        port = listening[0].getsockname()[1]
        log.info("serving", url=f"http://{shown}:{port}", workers=count, demo=settings.demo)
        return Supervisor(count, Path(folder), listening, settings.drain_s + STOP_AFTER_DRAIN_S).run()


def _addresses(settings: Settings) -> list[tuple[int, Any]]:
    """Return what a host name stands for: as asyncio does for a single process, all of it (`localhost`: both)."""
    found = socket.getaddrinfo(settings.host or None, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((int(family), address) for family, _, _, _, address in found))


def _listen(family: int, address: Any) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    listening.settimeout(0)
    return listening


class _Child:
    """The process of one worker, or the time when the next one is due."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.process: subprocess.Popen[bytes] | None = None
        self.began = 0.0
        self.due = 0.0
        self.failures = 0
        self.status = 0


class Supervisor:
    """Keeps workers running."""

    def __init__(self, count: int, folder: Path, listening: Sequence[socket.socket], stop_within_s: float) -> None:
        self._stop_within_s = stop_within_s
        self._children = [_Child(Worker(number, count, folder)) for number in range(count)]
        self._listening = listening
        self._stopping = False
        self._some_were_ready = False
        self._alive_read, self._alive_write = os.pipe()

    def run(self) -> int:
        """Run until told to stop; 0 if all workers then ended well."""
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(woken, False)
        before = signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        try:
            return self._run(lambda: _sleep(woken))
        finally:
            signal.set_wakeup_fd(before)
            for descriptor in (woken, wake, self._alive_read, self._alive_write):
                os.close(descriptor)

    def _run(self, sleep: Callable[[], None]) -> int:
        while not self._stopping:
            for child in self._children:
                self._look_after(child)
            if not self._some_were_ready and all(child.failures for child in self._children):
                status = self._children[-1].status
                log.error("no worker could start", status=status)
                self._end_all()
                return status if status > 0 else 1
            sleep()
        return self._end_all()

    def _stop(self, _number: int, _frame: object) -> None:
        self._stopping = True

    def _look_after(self, child: _Child) -> None:
        now = time.monotonic()
        self._some_were_ready = self._some_were_ready or child.worker.http_path.exists()
        if child.process is not None and child.process.poll() is None:
            return
        if child.process is not None and not child.due:
            self._plan_restart(child, now)
        if now >= child.due:
            try:
                self._start(child, now)
            except OSError as error:
                if not self._some_were_ready:
                    raise
                # No memory, or too many processes, for now.
                log.warning("worker not started", worker=child.worker.number, error=error.strerror)
                child.due = now + MAX_RESTART_S

    def _plan_restart(self, child: _Child, now: float) -> None:
        assert child.process is not None  # noqa: S101 - it has ended
        child.status = child.process.returncode
        child.failures = 1 if now - child.began > LASTED_S else child.failures + 1
        wait_s = min(FIRST_RESTART_S * 2 ** (child.failures - 1), MAX_RESTART_S)
        child.due = now + wait_s
        log.warning("worker ended", worker=child.worker.number, status=child.status, restarts_in_s=round(wait_s, 1))

    def _start(self, child: _Child, now: float) -> None:
        worker = child.worker
        for path in (worker.http_path, worker.handover_path):
            path.unlink(missing_ok=True)
        listening = [each.fileno() for each in self._listening]
        child.process = subprocess.Popen(
            [sys.executable, "-m", "server", "serve"],
            env={
                **os.environ,
                "VERIHOME_WORKER": f"{worker.number}/{worker.count}",
                "VERIHOME_WORKER_FOLDER": str(worker.folder),
                LISTEN_FDS: ",".join(map(str, listening)),
                ALIVE_FD: str(self._alive_read),
            },
            pass_fds=(*listening, self._alive_read),
            start_new_session=True,  # a Ctrl-C is for the supervisor, which passes it on
        )
        child.began, child.due = now, 0.0

    def _end_all(self) -> int:
        running = [child.process for child in self._children if child.process and child.process.poll() is None]
        for process in running:
            process.terminate()
        until = time.monotonic() + self._stop_within_s
        status = 0
        for process in running:
            try:
                ended = process.wait(max(0.0, until - time.monotonic()))
                if ended not in (0, -signal.SIGTERM):  # that: one which had not begun to serve
                    status = 1
            except subprocess.TimeoutExpired:
                log.warning("worker killed: it did not end in time", pid=process.pid)
                process.kill()
                process.wait()
                status = 1
        return status


def _sleep(woken: int) -> None:
    """Sleep until a signal comes, or a moment."""
    import select  # noqa: PLC0415 - the supervisor alone needs it

    select.select([woken], [], [], TICK_S / 5)
    try:
        while os.read(woken, 1024):
            pass
    except BlockingIOError:
        pass


# --- In a worker


def inherited_sockets() -> list[socket.socket]:
    """Return the listening sockets that the supervisor opened."""
    return [socket.socket(fileno=int(number)) for number in os.environ[LISTEN_FDS].split(",")]


def end_with_supervisor() -> None:
    """Let this process end as on SIGTERM when its supervisor is no more."""
    alive = int(os.environ[ALIVE_FD])

    def ended() -> None:
        loop.remove_reader(alive)
        log.warning("the supervisor is gone: this worker ends")
        os.kill(os.getpid(), signal.SIGTERM)

    loop = asyncio.get_running_loop()
    loop.add_reader(alive, ended)
