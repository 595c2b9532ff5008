"""PostgreSQL: each segment of a batch is a transaction of its own.

A transaction that held the locks of many threads in the order of arrival could dead-lock with another process; a run of
messages locks its threads in id order, and a single job locks one thread, so none can. Reads run beside, in autocommit:
each statement sees what is committed, and callers read a thread's `rev` before its rows.

A server that is frozen, or behind a network that is cut, answers nothing and breaks no connection. A read is given up
after `ANSWER_WITHIN_S` by breaking its connection; then a breaker refuses reads at once until one is answered. A
write is not given up so soon: whether it is stored is known only by its answer, and others must hear of it if it is.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from server.domain.errors import UnavailableError
from server.storage.append import Appended, NewMessage
from server.storage.append_io import append_io
from server.storage.breaker import Breaker
from server.storage.database import GAVE_WAY, Database, is_away, sqlstate
from server.storage.messages import MessageRepository
from server.storage.patience import Patience
from server.storage.reader import Job
from server.storage.writer import ANSWER_WITHIN_S, Work, segments

CONNECTIONS = 10
READS_AT_ONCE = 8
"""The other connections are for writing."""
CONNECT_TIMEOUT_S = 5
WRITE_TIMEOUT_S = 30
"""So long is a server's answer to a write waited for: callers are told much sooner that it is not known."""
ASK_AGAIN_S = 0.25


class PostgresDatabase(Database):
    """A PostgreSQL server that any number of processes share."""

    def __init__(self, url: str) -> None:
        super().__init__(READS_AT_ONCE)
        self._engine = postgres_engine(url, command_timeout_s=WRITE_TIMEOUT_S)
        self._reader = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._breaker = Breaker()

    async def close(self) -> None:
        """Commit what is queued and close all connections."""
        await super().close()
        await self._engine.dispose()

    async def _read(self, jobs: Sequence[Job]) -> Sequence[Any]:
        self._breaker.check()
        cut = _Cut()
        patience = Patience(ANSWER_WITHIN_S, cut.now)
        try:
            outcomes = await self._trip(jobs, cut)
            if _is_of_dead_connection(outcomes[-1]) and not patience.ended:
                done = outcomes[:-1]
                outcomes = [*done, *await self._trip(jobs[len(done) :], cut)]
        finally:
            patience.cancel()
            self._breaker.note(timed_out=patience.ended)
        return outcomes

    async def _trip(self, jobs: Sequence[Job], cut: "_Cut") -> Sequence[Any]:
        with self._unavailable_when_away():
            async with asyncio.timeout(None) as limit:
                cut.what = lambda: limit.reschedule(0)
                connection = await self._reader.connect()
                # From here on a cancelled query would first wait for the server; a broken connection does not.
                cut.what = lambda: _break(connection)
            try:
                return await connection.run_sync(self._run_jobs, jobs)
            finally:
                cut.what = None
                await connection.close()

    async def _commit(self, works: Sequence[Work]) -> Sequence[Any]:
        outcomes: list[Any] = []
        for segment in segments(works):
            try:
                outcomes += await self._write_segment(segment)
            except Exception as error:  # noqa: BLE001 - it belongs to those who wait for it
                outcomes += self._refused(error, segment)
                if is_away(error) and sqlstate(error) not in GAVE_WAY:
                    # Each of the others would wait in vain likewise.
                    return outcomes + [UnavailableError()] * (len(works) - len(outcomes))
        return outcomes

    async def _write_segment(self, segment: Sequence[Work]) -> list[Any]:
        async with self._engine.connect() as connection:
            transaction = await connection.begin()
            outcomes = await connection.run_sync(self._run_segment, segment)
            try:
                await transaction.commit()
            except Exception as error:
                if not is_away(error) or not isinstance(segment[0], NewMessage):
                    raise
                self._warn(error)
            else:
                return outcomes
        return await self._find_out(segment, outcomes)  # type: ignore[arg-type]

    async def _find_out(self, segment: Sequence[NewMessage], outcomes: Sequence[Any]) -> list[Any]:
        """Return which messages are stored, of a commit that was not answered; others must hear of them.

        Raises:
            TimeoutError: the database did not come back in time.
        """
        async with asyncio.timeout(WRITE_TIMEOUT_S):
            while True:
                try:
                    async with self._engine.begin() as connection:
                        stored = await connection.run_sync(_stored, segment)
                except Exception as error:
                    if not is_away(error):
                        raise
                    await asyncio.sleep(ASK_AGAIN_S)
                else:
                    return [_found(outcome, stored) for outcome in outcomes]


class _Cut:
    """What ends a read that takes too long: `what`, at present."""

    def __init__(self) -> None:
        self.what: Callable[[], None] | None = None

    def now(self) -> None:
        """Cut it off."""
        if self.what is not None:
            self.what()


def _is_of_dead_connection(outcome: Any) -> bool:
    cause = outcome.__cause__ if isinstance(outcome, UnavailableError) else None
    return isinstance(cause, DBAPIError) and cause.connection_invalidated


def _stored(connection: Connection, segment: Sequence[NewMessage]) -> set[str]:
    # The lock makes this wait for the very transaction, in case that it still goes on over there.
    list(append_io(connection).lock_threads(sorted({new.thread_id for new in segment})))
    return set(MessageRepository(connection).by_ids([new.id for new in segment]))


def _found(outcome: Any, stored: set[str]) -> Any:
    is_lost = isinstance(outcome, Appended) and outcome.created and outcome.message.id not in stored
    return UnavailableError() if is_lost else outcome


def postgres_engine(url: str, command_timeout_s: float | None = None) -> AsyncEngine:
    """Return an asyncpg engine for a URL as Heroku and libpq write it (`postgres://...?sslmode=require`)."""
    dsn, connect_args = asyncpg_dsn(url)
    engine = create_async_engine(
        dsn,
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_timeout=CONNECT_TIMEOUT_S,
        pool_pre_ping=False,
        connect_args={"timeout": CONNECT_TIMEOUT_S, "command_timeout": command_timeout_s, **connect_args},
    )
    event.listen(engine.sync_engine, "checkout", _refuse_dead)
    return engine


def _refuse_dead(connection: Any, _record: Any, _proxy: Any) -> None:
    """Have the pool make a new connection for one that the server has closed: that is known without asking it."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _break(connection: AsyncConnection) -> None:
    sync = connection.sync_connection
    if sync is not None and not sync.invalidated:
        driver: Any = sync.connection.driver_connection
        driver.terminate()


def asyncpg_dsn(url: str) -> tuple[str, dict[str, Any]]:
    """Rewrite a URL for SQLAlchemy's asyncpg dialect, which knows neither `postgres://` nor `sslmode`.

    `require` encrypts without checking the certificate, as libpq does (Heroku's is self-signed); `verify-ca` and
    `verify-full` check it.
    """
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    mode = query.get("sslmode", [""])[0]
    args: dict[str, Any] = {}
    if mode in ("allow", "prefer", "require"):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        args["ssl"] = context if mode == "require" else mode
    elif mode in ("verify-ca", "verify-full"):
        context = ssl.create_default_context()
        context.check_hostname = mode == "verify-full"
        args["ssl"] = context
    elif mode == "disable":
        args["ssl"] = False
    return urlunsplit(("postgresql+asyncpg", parts.netloc, parts.path, "", "")), args
