"""From a `DATABASE_URL` to a database, and its migrations."""

import asyncio
from pathlib import Path
from urllib.parse import unquote, urlsplit

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from server.storage.database import Database
from server.storage.postgres import PostgresDatabase, postgres_engine
from server.storage.sqlite import SqliteDatabase, sqlite_engine

MIGRATIONS = Path(__file__).parent / "migrations"


def open_database(url: str, *, sqlite_synchronous: str = "FULL") -> Database:
    """Open the database that a URL names: `sqlite:///path` or `postgres(ql)://...`.

    Raises:
        ValueError: the URL is of neither kind.
    """
    if is_sqlite(url):
        return SqliteDatabase(sqlite_path(url), synchronous=sqlite_synchronous)
    if is_postgres(url):
        return PostgresDatabase(url)
    raise ValueError("DATABASE_URL must begin with sqlite:/// or postgres(ql)://")


def is_sqlite(url: str) -> bool:
    """Tell whether a URL names an SQLite file."""
    return url.startswith("sqlite:///")


def is_postgres(url: str) -> bool:
    """Tell whether a URL names a PostgreSQL database."""
    return url.startswith(("postgres://", "postgresql://"))


def sqlite_path(url: str) -> Path:
    """Return the file of an SQLite URL: `sqlite:///relative` or `sqlite:////absolute`."""
    return Path(unquote(urlsplit(url).path)[1:])


def migrate(url: str) -> None:
    """Bring a database's tables up to date; safe to repeat, and for several processes at once."""
    if is_sqlite(url):
        engine = sqlite_engine(sqlite_path(url), synchronous="FULL", begin="BEGIN IMMEDIATE", connections=1)
        with engine.begin() as connection:
            _upgrade(connection)
        engine.dispose()
    else:
        asyncio.run(_migrate_postgres(url))


async def _migrate_postgres(url: str) -> None:
    engine = postgres_engine(url)
    async with engine.begin() as connection:
        # Any fixed number: one migration at a time, whoever starts it.
        await connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7305801)")
        await connection.run_sync(_upgrade)
    await engine.dispose()


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
