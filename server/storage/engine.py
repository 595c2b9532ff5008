"""From a `DATABASE_URL` to a database, and its migrations."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from server.domain.errors import UnavailableError
from server.storage.database import Database, is_away
from server.storage.postgres import PostgresDatabase, postgres_engine
from server.storage.sqlite import SqliteDatabase, sqlite_engine
from server.storage.writer import ANSWER_WITHIN_S

MIGRATIONS = Path(__file__).parent / "migrations"

Answer = TypeVar("Answer")


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
    """Bring a database's tables up to date; safe to repeat, and for several processes at once.

    Raises:
        UnavailableError: it cannot be reached or written; the cause says why.
    """
    try:
        if is_sqlite(url):
            _ask_sqlite(url, _upgrade, begin="BEGIN IMMEDIATE")
        else:
            asyncio.run(_ask_postgres(url, _upgrade_in_turn))
    except Exception as error:
        if is_away(error):
            raise UnavailableError from error
        raise


def is_behind(url: str) -> bool:
    """Tell whether a database lacks migrations of this version.

    False if it cannot be asked: the server waits for it. False if it is newer: a deploy is under way.
    """
    try:
        if is_sqlite(url):
            return not sqlite_path(url).exists() or _ask_sqlite(url, _is_behind)
        return asyncio.run(_ask_postgres(url, _is_behind, ANSWER_WITHIN_S))
    except Exception as error:
        if is_away(error):
            return False
        raise


def _ask_sqlite(url: str, ask: Callable[[Connection], Answer], begin: str = "BEGIN") -> Answer:
    engine = sqlite_engine(sqlite_path(url), synchronous="FULL", begin=begin, connections=1)
    try:
        with engine.begin() as connection:
            return ask(connection)
    finally:
        engine.dispose()


async def _ask_postgres(url: str, ask: Callable[[Connection], Answer], timeout_s: float | None = None) -> Answer:
    engine = postgres_engine(url)
    try:
        async with asyncio.timeout(timeout_s), engine.begin() as connection:
            return await connection.run_sync(ask)
    finally:
        await engine.dispose()


def _upgrade_in_turn(connection: Connection) -> None:
    # Any fixed number: one migration at a time, whoever starts it.
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7305801)")
    _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _is_behind(connection: Connection) -> bool:
    current = MigrationContext.configure(connection).get_current_revision()
    _newest, *older = [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()]
    return current is None or current in older
