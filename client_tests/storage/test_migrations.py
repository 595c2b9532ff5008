"""Migrations: they make the tables of `tables.py`, on both databases, however often and by however many."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from client_tests.harness import ROOT, SECRET
from client_tests.services import PostgresServer
from server.domain.models import Preferences
from server.storage.engine import MIGRATIONS, is_behind, is_sqlite, migrate, sqlite_path
from server.storage.postgres import postgres_engine
from server.storage.sqlite import sqlite_engine
from server.storage.tables import metadata
from server.storage.users import UserRepository

T = TypeVar("T")

TABLES = {*metadata.tables, "alembic_version"}


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind without any tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/new/empty.db"
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    url = postgres.create_database()
    yield url
    postgres.drop_database(url)


def run(url: str, job: Callable[[Connection], T]) -> T:
    """Run a job in a transaction."""
    if is_sqlite(url):
        engine = sqlite_engine(sqlite_path(url), synchronous="OFF", begin="BEGIN IMMEDIATE", connections=1)
        try:
            with engine.begin() as connection:
                return job(connection)
        finally:
            engine.dispose()
    return asyncio.run(_run_on_postgres(url, job))


async def _run_on_postgres(url: str, job: Callable[[Connection], T]) -> T:
    engine = postgres_engine(url)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(job)
    finally:
        await engine.dispose()


def table_names(url: str) -> set[str]:
    """Return the names of all tables."""
    return set(run(url, lambda connection: inspect(connection).get_table_names()))


def differences(connection: Connection) -> list[Any]:
    """Return what Alembic would change to make the tables as declared."""
    options = {"compare_type": True, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


# SQLAlchemy cannot reflect an index on an expression from SQLite; the tests below ask the database itself for it.
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
def test_migrate_makes_the_declared_tables(empty_url: str) -> None:
    """The migrations and `tables.py` say the same, and Alembic would notice if they did not."""
    migrate(empty_url)
    assert table_names(empty_url) == TABLES
    assert run(empty_url, differences) == []
    run(empty_url, lambda connection: connection.execute(text("DROP INDEX ix_participants_rev")))
    run(empty_url, lambda connection: connection.execute(text("ALTER TABLE users ADD COLUMN extra TEXT")))
    assert sorted(change[0] for change in run(empty_url, differences)) == ["add_index", "remove_column"]


def index_sql(connection: Connection, name: str) -> str:
    """Return the statement that makes an index."""
    query = (
        "SELECT sql FROM sqlite_master WHERE name = :name"
        if connection.dialect.name == "sqlite"
        else "SELECT indexdef FROM pg_indexes WHERE indexname = :name"
    )
    return str(connection.execute(text(query), {"name": name}).scalar_one())


def test_migrate_makes_the_index_on_client_message_ids(empty_url: str) -> None:
    """The index that makes a retry one message is unique, counts the system as a sender, and skips messages without."""
    migrate(empty_url)
    sql = run(empty_url, lambda connection: index_sql(connection, "uq_messages_client_message_id")).lower()
    assert sql.startswith("create unique index")
    assert "coalesce(sender_id, ''" in sql
    assert "client_message_id is not null" in sql


@pytest.mark.parametrize("name", ["ix_participants_untold", "ix_notifications_unread"])
def test_migrate_makes_partial_indexes(empty_url: str, name: str) -> None:
    """Indexes of what is seldom so hold only that."""
    migrate(empty_url)
    assert " where " in run(empty_url, lambda connection: index_sql(connection, name)).lower()


def test_migrate_again_changes_nothing(empty_url: str) -> None:
    """A second run leaves the rows and the version as they are."""
    migrate(empty_url)
    row = {"kind": "jti", "value": "a", "created_at": 1}
    run(empty_url, lambda connection: connection.execute(metadata.tables["revocations"].insert(), row))
    version = run(empty_url, _version)
    migrate(empty_url)
    assert run(empty_url, _version) == version
    assert run(empty_url, lambda connection: connection.execute(text("SELECT value FROM revocations")).scalar()) == "a"


def _upgrade_to_first(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")


def test_migrate_of_the_first_version_keeps_its_rows(empty_url: str) -> None:
    """People of before have the settings that new people have, and the old version can go on adding some."""
    if is_sqlite(empty_url):
        sqlite_path(empty_url).parent.mkdir(parents=True)
    run(empty_url, _upgrade_to_first)
    insert = "INSERT INTO users (id, display_name, search_name, locale, created_at) VALUES (:id, 'Ana', 'ana', 'en', 1)"
    run(empty_url, lambda connection: connection.execute(text(insert), {"id": "1"}))
    migrate(empty_url)
    run(empty_url, lambda connection: connection.execute(text(insert), {"id": "2"}))
    for user_id in ("1", "2"):
        chosen = run(empty_url, lambda connection, key=user_id: UserRepository(connection).preferences(key))
        assert chosen == Preferences(locale="en")


def _version(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def test_downgrade_takes_all_tables_back(empty_url: str) -> None:
    """Down to nothing, and up again."""
    migrate(empty_url)
    run(empty_url, _downgrade)
    assert table_names(empty_url) == {"alembic_version"}
    migrate(empty_url)
    assert table_names(empty_url) == TABLES


def _downgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.downgrade(config, "base")


async def _in_a_process(url: str, command: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server", command),
        env={**os.environ, "DATABASE_URL": url, "JWT_SECRET": SECRET, "DEMO": "0"},
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, errors.decode()


async def test_migrate_by_several_processes_at_once_succeeds(empty_url: str) -> None:
    """Processes that are deployed together may all migrate."""
    ended = await asyncio.gather(*(_in_a_process(empty_url, "migrate") for _ in range(3)))
    assert [status for status, _ in ended] == [0] * 3, ended
    assert await asyncio.to_thread(table_names, empty_url) == TABLES


def test_a_database_is_behind_until_it_is_migrated(empty_url: str) -> None:
    """Nothing, something old, all; and a version that is newer than this one."""
    assert is_behind(empty_url)
    if is_sqlite(empty_url):
        assert not sqlite_path(empty_url).exists()  # asking makes no file
        sqlite_path(empty_url).parent.mkdir(parents=True)
    run(empty_url, _upgrade_to_first)
    assert is_behind(empty_url)
    migrate(empty_url)
    assert not is_behind(empty_url)
    run(empty_url, lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    assert not is_behind(empty_url)


def test_a_database_that_does_not_answer_is_not_behind() -> None:
    """The server starts and waits for it; it is asked for two seconds."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        assert not is_behind(f"postgres://x@127.0.0.1:{silent.getsockname()[1]}/x")
        assert time.monotonic() - began < 8  # it says 2; the machine may pause


async def test_serve_says_that_migrate_is_due(empty_url: str) -> None:
    """Instead of serving errors; nothing migrates by itself but the demo."""
    status, errors = await _in_a_process(empty_url, "serve")
    assert (status, "run `python -m server migrate`" in errors) == (2, True), errors


async def test_migrate_says_that_there_is_no_database() -> None:
    """One line, no traceback."""
    status, errors = await _in_a_process("postgres://x@127.0.0.1:1/x", "migrate")
    assert (status, errors.count("\n")) == (2, 1)
    assert errors.startswith("verihome: the database cannot be reached: ")
