"""PostgreSQL: each segment of a batch is a transaction of its own.

A transaction that held the locks of many threads in the order of arrival could dead-lock with another process; a run of
messages locks its threads in id order, and a single job locks one thread, so none can. Reads run beside, in autocommit:
each statement sees what is committed, and callers read a thread's `rev` before its rows.
"""

import ssl
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from server.storage.database import Database
from server.storage.reader import Job
from server.storage.writer import Work, segments

CONNECTIONS = 10
READS_AT_ONCE = 8
"""The other connections are for writing."""
CONNECT_TIMEOUT_S = 2
COMMAND_TIMEOUT_S = 10


class PostgresDatabase(Database):
    """A PostgreSQL server that any number of processes share."""

    def __init__(self, url: str) -> None:
        super().__init__(READS_AT_ONCE)
        self._engine = postgres_engine(url)
        self._reader = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    async def _read(self, jobs: Sequence[Job]) -> Sequence[Any]:
        with self._unavailable_when_away():
            async with self._reader.connect() as connection:
                return await connection.run_sync(self._run_jobs, jobs)

    async def close(self) -> None:
        """Commit what is queued and close all connections."""
        await super().close()
        await self._engine.dispose()

    async def _commit(self, works: Sequence[Work]) -> Sequence[Any]:
        outcomes: list[Any] = []
        for segment in segments(works):
            outcomes += await self._try_segment(segment)
        return outcomes

    async def _try_segment(self, segment: Sequence[Work]) -> list[Any]:
        try:
            async with self._engine.begin() as connection:
                return await connection.run_sync(self._run_segment, segment)
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait for it
            return list(self._refused(error, segment))


def postgres_engine(url: str) -> AsyncEngine:
    """Return an asyncpg engine for a URL as Heroku and libpq write it (`postgres://...?sslmode=require`)."""
    dsn, connect_args = asyncpg_dsn(url)
    return create_async_engine(
        dsn,
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_timeout=CONNECT_TIMEOUT_S,
        pool_pre_ping=False,
        connect_args={"timeout": CONNECT_TIMEOUT_S, "command_timeout": COMMAND_TIMEOUT_S, **connect_args},
    )


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
