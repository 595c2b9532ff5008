"""The database as services see it: `append` a message, `write` a job, `read` a job.

A job is a function of a `UnitOfWork`. It may run in another thread: it must not touch anything but its arguments, and
return a plain value.
"""

import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from server.domain.errors import UnavailableError
from server.storage.append import Append, Appended, NewMessage
from server.storage.audiences import Audiences
from server.storage.reader import Job, Reader
from server.storage.unit_of_work import UnitOfWork
from server.storage.writer import Late, Work, Writer

T = TypeVar("T")

AWAY = (OperationalError, sqlite3.OperationalError, InterfaceError, PoolTimeoutError, OSError, TimeoutError)
WARN_EVERY_S = 10.0

log = structlog.get_logger()


class Database(ABC):
    """Common to SQLite and PostgreSQL: the write queue and what a job is."""

    def __init__(self, reads_at_once: int) -> None:
        self.writer = Writer(self._commit)
        self.reader = Reader(self._read, reads_at_once)
        self._audiences = Audiences()
        self._warned_at = float("-inf")

    async def append(self, message: NewMessage) -> Appended:
        """Store a message; returns once it is committed, together with others that came at the same time.

        Raises:
            NotFoundError: there is no such thread, or the sender is not in it.
            UnavailableError: the database is away, or the queue is full. The message may yet be stored; sent again with
                the same `client_message_id` it is not stored twice.
        """
        return await self.writer.submit(message)  # type: ignore[no-any-return]

    def append_then(self, message: NewMessage, settle: Callable[[Appended | Late | Exception], None]) -> None:
        """Store a message as `append` does; `settle` is called with the outcome, without a task or future for it.

        It is called again with `Late`, after an `UnavailableError`, if the message is stored after all.

        Raises:
            UnavailableError: the queue is full; `settle` is not called.
        """
        self.writer.put(message, settle)

    async def write(self, job: Callable[[UnitOfWork], T], tell: Callable[[T], None] | None = None) -> T:
        """Run a job in a transaction, in turn with all other writes of this process.

        `tell` is called with its result once it is stored, in the order of commits: also if the caller has gone, or
        was told `UnavailableError` since the answer was late.

        Raises:
            UnavailableError: the database is away, or the queue is full.
        """
        return await self.writer.submit(job, tell)  # type: ignore[no-any-return]

    async def read(self, job: Callable[[UnitOfWork], T]) -> T:
        """Run a job that only reads, beside the writes; with others that wait at the same time, on one connection.

        Raises:
            UnavailableError: the database is away.
        """
        return await self.reader.submit(job)  # type: ignore[no-any-return]

    @abstractmethod
    async def _read(self, jobs: Sequence[Job]) -> Sequence[Any]:
        """Run jobs in order on one connection (see `reader.Trip`)."""

    @abstractmethod
    async def _commit(self, works: Sequence[Work]) -> Sequence[Any]:
        """Run works in order and commit them; each gets its result or the exception that refuses it."""

    async def ping(self) -> None:
        """Check that the database answers.

        Raises:
            UnavailableError: it does not.
        """
        await self.read(lambda work: work.users.get(""))

    async def close(self) -> None:
        """Commit what is queued and let go of all connections."""
        await self.writer.close()
        await self.reader.close()

    @contextmanager
    def _unavailable_when_away(self) -> Iterator[None]:
        """Turn an error of a database that is away into `UnavailableError`."""
        try:
            yield
        except Exception as error:
            if is_away(error):
                self._warn(error)
                raise UnavailableError from error
            raise

    def _refused(self, error: Exception, segment: Sequence[Work]) -> list[Exception]:
        """Return one outcome for every work of a segment that failed as a whole."""
        if is_away(error):
            self._warn(error)
            error = UnavailableError()
        return [error] * len(segment)

    def _warn(self, error: Exception) -> None:
        if time.monotonic() - self._warned_at > WARN_EVERY_S:
            self._warned_at = time.monotonic()
            # Only the driver's own words: SQLAlchemy's would quote the statement and its values.
            log.warning("database away", error=repr(getattr(error, "orig", None) or error)[:300])

    def _run_jobs(self, connection: Connection, jobs: Sequence[Job]) -> list[Any]:
        outcomes: list[Any] = []
        for job in jobs:
            try:
                with self._unavailable_when_away():
                    outcomes.append(job(UnitOfWork(connection)))
            except UnavailableError as error:  # the connection is not to be trusted any more
                return [*outcomes, error]
            except Exception as error:  # noqa: BLE001 - it belongs to who waits for it
                outcomes.append(error)
        return outcomes

    def _run_segment(self, connection: Connection, segment: Sequence[Work]) -> list[Any]:
        first = segment[0]
        if isinstance(first, NewMessage):
            return list(Append(connection, self._audiences).run(segment))  # type: ignore[arg-type]
        return [first(UnitOfWork(connection))]


GAVE_WAY = ("40001", "40P01")
"""PostgreSQL ended a transaction for the sake of another: serialization failure, deadlock."""
AWAY_STATES = ("08", "25006", "53", "57P", "58")
"""How PostgreSQL's codes begin of: connection lost, standby, no resources (disk, ...), going down, I/O error."""


def is_away(error: Exception) -> bool:
    """Tell whether an error means that the database cannot be reached now: there are many ways."""
    code = sqlstate(error)
    if code.startswith(AWAY_STATES) or code in GAVE_WAY:
        return True
    return isinstance(error, AWAY) or (isinstance(error, DBAPIError) and error.connection_invalidated)


def sqlstate(error: Exception) -> str:
    """Return PostgreSQL's code of an error; empty if it has none. The driver's own may stand behind two wrappings."""
    found: BaseException | None = error
    while found is not None:
        code = getattr(found, "sqlstate", None)
        if code:
            return str(code)
        found = getattr(found, "orig", None) or found.__cause__
    return ""
