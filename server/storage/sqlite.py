"""SQLite: one writer thread with its own connection, and a few reading threads.

SQLite has no row locks. Two writing connections of one process would only wait for each other, so all writes of the
process go through one thread, a batch at a time in one `BEGIN IMMEDIATE` transaction with a savepoint for each segment.
Several processes may share a file: `busy_timeout` lets them take turns. With `synchronous=FULL` (the default) a commit
survives a power cut; group commit pays for the fsync.

A batch of messages that is not large is committed on the event loop, where it costs less than handing it to a thread
and the interpreter's lock back and forth. It is committed there as on NORMAL, which waits for no disk. On FULL a thread
then syncs the log, which is what SQLite would have done, before anybody is answered. What might wait on the loop goes
to the thread as a whole: other jobs, a file that another process is writing to, a disk that proves slow, checkpoints.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import QueuePool

from server.domain.errors import UnavailableError
from server.storage.append import Append, NewMessage
from server.storage.append_io import SqliteLoopAppendIo
from server.storage.database import Database
from server.storage.patience import patient
from server.storage.reader import Job
from server.storage.writer import ANSWER_WITHIN_S, Work, segments

READERS = 4
BUSY_TIMEOUT_MS = 1_500
"""Less than `ANSWER_WITHIN_S`: whoever waits is refused with the reason, and the next in the queue has a chance."""
CACHE_KIB = 16 * 1024
"""More costs more: a commit that has split a page walks through all of the cache, while the file is below 1 GiB."""
CHECKPOINT_PAGES = 16_000
"""So long may the log be (64 MiB) before a commit of the thread copies it into the file."""

MAX_ON_LOOP = 200
"""Messages of a batch that is committed on the event loop."""
SLOW_COMMIT_S = 0.05
"""A commit there that takes longer is one that waited for the disk: the thread takes over for `SLOW_FOR_S`."""
SLOW_FOR_S = 5.0
ROWS_A_CHECKPOINT = 9_000
"""So many rows are changed between checkpoints, which copy a page once however often it was written (30 to 80 MiB)."""

sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)
"""Waits until a file is on the disk."""

_SYNCING = {"FULL", "EXTRA"}
_PRIMARY_CODE = 0xFF
"""What is left of an extended result code is what kind of error it is."""


class SqliteDatabase(Database):
    """A file, or several processes' file."""

    def __init__(self, path: Path, *, synchronous: str = "FULL") -> None:
        super().__init__(READERS)
        self._write_engine = sqlite_engine(path, synchronous=synchronous, begin="BEGIN IMMEDIATE", connections=1)
        self._read_engine = sqlite_engine(path, synchronous=synchronous, begin="BEGIN", connections=READERS + 1)
        self._writer: Connection | None = None
        self._is_set_for_loop: bool | None = None
        self._synchronous = synchronous
        self._log_path = f"{path}-wal"
        self._on_loop_from_s = 0.0
        self._checkpointed_rows = 0
        self._checkpointing: asyncio.Future[None] | None = None
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-write")
        self._read_threads = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-read")

    async def close(self) -> None:
        """Commit what is queued, end the threads and close the file."""
        await super().close()
        self._write_thread.submit(self._let_go)
        self._write_thread.shutdown()
        self._read_threads.shutdown()
        self._write_engine.dispose()
        self._read_engine.dispose()

    def _let_go(self) -> None:
        if self._writer is not None:
            self._writer.close()

    async def _commit(self, works: Sequence[Work]) -> Sequence[Any]:
        loop = asyncio.get_running_loop()
        if self._checkpointing is not None and self._checkpointing.done():
            # Only if nothing is committed until all is copied the log begins anew. Little is left.
            self._checkpointing = None
            await loop.run_in_executor(self._write_thread, self._checkpoint)
        began_s = loop.time()
        if self._belongs_on_loop(works, began_s):
            outcomes = self._commit_on_loop(cast("Sequence[NewMessage]", works))
            if loop.time() - began_s > SLOW_COMMIT_S:
                self._on_loop_from_s = loop.time() + SLOW_FOR_S
            if outcomes is not None:
                if self._synchronous in _SYNCING:
                    await loop.run_in_executor(self._write_thread, self._sync_log)
                return outcomes
        return await loop.run_in_executor(self._write_thread, self._commit_batch, works)

    def _belongs_on_loop(self, works: Sequence[Work], now_s: float) -> bool:
        return (
            len(works) <= MAX_ON_LOOP
            and now_s >= self._on_loop_from_s
            and all(isinstance(work, NewMessage) for work in works)
        )

    def _commit_on_loop(self, batch: Sequence[NewMessage]) -> Sequence[Any] | None:
        """Commit messages without ever waiting; None if somebody else is writing."""
        with self._unavailable_when_away():
            try:
                with self._writing(on_loop=True) as connection:
                    outcomes = Append(connection, self._audiences, SqliteLoopAppendIo(connection)).run(batch)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & _PRIMARY_CODE == sqlite3.SQLITE_BUSY:
                    return None
                raise
            self._checkpoint_in_time(connection)
            return outcomes

    def _sync_log(self) -> None:
        with self._unavailable_when_away():
            log = os.open(self._log_path, os.O_RDWR)  # anew each time: it cannot be another file than SQLite's
            try:
                sync(log)
            finally:
                os.close(log)

    def _checkpoint_in_time(self, connection: Connection) -> None:
        rows = _driver(connection).total_changes
        if rows - self._checkpointed_rows >= ROWS_A_CHECKPOINT and self._checkpointing is None:
            self._checkpointed_rows = rows
            loop = asyncio.get_running_loop()
            self._checkpointing = loop.run_in_executor(self._write_thread, self._checkpoint)

    def _checkpoint(self) -> None:
        """Copy what is committed into the file, on a connection of its own: commits go on meanwhile."""
        with suppress(UnavailableError), self._unavailable_when_away(), self._read_engine.connect() as connection:
            _driver(connection).execute("PRAGMA wal_checkpoint(PASSIVE)").close()

    def _commit_batch(self, works: Sequence[Work]) -> list[Any]:
        batch = list(segments(works))
        outcomes: list[Any] = []
        with self._unavailable_when_away(), self._writing(on_loop=False) as connection:
            if len(batch) == 1:  # the transaction itself is its savepoint
                return self._run_segment(connection, batch[0])
            for segment in batch:
                outcomes += self._try_segment(connection, segment)
        return outcomes

    @contextmanager
    def _writing(self, *, on_loop: bool) -> Iterator[Connection]:
        """Begin a transaction on the one connection. It is kept: to ask the pool for it costs a tenth of a commit."""
        connection = self._writer
        if connection is None:
            connection, self._is_set_for_loop = self._write_engine.connect(), None
        self._writer = None  # unless all goes well
        try:
            if on_loop != self._is_set_for_loop:
                self._set_for(connection, on_loop=on_loop)
            driver = _driver(connection)
            driver.execute("BEGIN IMMEDIATE")
            yield connection
            driver.execute("COMMIT")
            if connection.in_transaction():  # what SQLAlchemy believes, if any statement went by way of it
                connection.commit()
        except BaseException:
            connection.close()  # takes back what is not committed
            raise
        self._writer = connection

    def _set_for(self, connection: Connection, *, on_loop: bool) -> None:
        """Set for what a commit may wait: another process, the disk, a checkpoint."""
        patience_ms, checkpoint_pages = (0, 0) if on_loop else (BUSY_TIMEOUT_MS, CHECKPOINT_PAGES)
        synchronous = "NORMAL" if on_loop and self._synchronous in _SYNCING else self._synchronous
        for pragma in (
            f"busy_timeout={patience_ms}",
            f"synchronous={synchronous}",
            f"wal_autocheckpoint={checkpoint_pages}",
        ):
            _driver(connection).execute(f"PRAGMA {pragma}").close()
        self._is_set_for_loop = on_loop

    def _try_segment(self, connection: Connection, segment: Sequence[Work]) -> list[Any]:
        try:
            with connection.begin_nested():
                return self._run_segment(connection, segment)
        except Exception as error:
            driver: Any = connection.connection.driver_connection
            if not driver.in_transaction:
                raise  # SQLite took back the whole batch (the disk is full): what came before is lost with it
            return list(self._refused(error, segment))

    async def _read(self, jobs: Sequence[Job]) -> Sequence[Any]:
        with self._unavailable_when_away():
            async with patient(ANSWER_WITHIN_S):
                return await asyncio.get_running_loop().run_in_executor(self._read_threads, self._read_batch, jobs)

    def _read_batch(self, jobs: Sequence[Job]) -> list[Any]:
        with self._read_engine.connect() as connection:
            return self._run_jobs(connection, jobs)


def sqlite_engine(path: Path, *, synchronous: str, begin: str, connections: int) -> Engine:
    """Return an engine whose transactions begin as told (Python's own transaction control is switched off)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        connect_args={"check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
            f"cache_size=-{CACHE_KIB}",
            f"wal_autocheckpoint={CHECKPOINT_PAGES}",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        driver = _driver(connection)
        if not driver.in_transaction:  # the writer begins without SQLAlchemy
            driver.execute(begin).close()

    return engine


def _driver(connection: Connection) -> Any:
    """Return the `sqlite3` connection beneath."""
    return connection.connection.driver_connection
