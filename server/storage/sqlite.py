"""SQLite: one writer thread with its own connection, and a few reading threads.

SQLite has no row locks. Two writing connections of one process would only wait for each other, so all writes of the
process go through one thread, a batch at a time in one `BEGIN IMMEDIATE` transaction with a savepoint for each segment.
Several processes may share a file: `busy_timeout` lets them take turns. With `synchronous=FULL` (the default) a commit
survives a power cut; group commit pays for the fsync.
"""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import QueuePool

from server.storage.database import Database
from server.storage.reader import Job
from server.storage.writer import ANSWER_WITHIN_S, Work, segments

READERS = 4
BUSY_TIMEOUT_MS = 1_500
"""Less than `ANSWER_WITHIN_S`: whoever waits is refused with the reason, and the next in the queue has a chance."""


class SqliteDatabase(Database):
    """A file, or several processes' file."""

    def __init__(self, path: Path, *, synchronous: str = "FULL") -> None:
        super().__init__(READERS)
        self._write_engine = sqlite_engine(path, synchronous=synchronous, begin="BEGIN IMMEDIATE", connections=1)
        self._read_engine = sqlite_engine(path, synchronous=synchronous, begin="BEGIN", connections=READERS)
        self._writer: Connection | None = None
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
        return await asyncio.get_running_loop().run_in_executor(self._write_thread, self._commit_batch, works)

    def _commit_batch(self, works: Sequence[Work]) -> list[Any]:
        batch = list(segments(works))
        outcomes: list[Any] = []
        with self._unavailable_when_away(), self._writing() as connection:
            if len(batch) == 1:  # the transaction itself is its savepoint
                return self._run_segment(connection, batch[0])
            for segment in batch:
                outcomes += self._try_segment(connection, segment)
        return outcomes

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Begin a transaction on the one connection. It is kept: to ask the pool for it costs a tenth of a commit."""
        connection = self._writer or self._write_engine.connect()
        self._writer = None  # unless all goes well
        try:
            with connection.begin():
                yield connection
        except BaseException:
            connection.close()
            raise
        self._writer = connection

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
            async with asyncio.timeout(ANSWER_WITHIN_S):
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
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
