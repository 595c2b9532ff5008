"""A database that is away: told within seconds as `unavailable`, and forgotten once it is back."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing

import pytest

from client_tests.services import PostgresServer, postgres_server
from client_tests.storage.conftest import make_thread, make_users, new_message
from server.domain.errors import UnavailableError
from server.storage import sqlite
from server.storage.database import Database
from server.storage.engine import migrate, open_database, sqlite_path
from server.storage.unit_of_work import UnitOfWork

TOLD_WITHIN_S = 5.0


@pytest.fixture(scope="module")
def mortal() -> Iterator[PostgresServer]:
    """A PostgreSQL of this module's own, to stop."""
    with postgres_server() as server:
        yield server


@pytest.fixture
async def on_mortal(mortal: PostgresServer) -> AsyncIterator[Database]:
    """A migrated database on it."""
    url = mortal.create_database()
    await asyncio.to_thread(migrate, url)
    database = open_database(url)
    yield database
    await database.close()


def operations(database: Database, thread_id: str) -> list[Callable[[], Awaitable[object]]]:
    """One call of each way to use a database."""
    return [
        database.ping,
        lambda: database.read(lambda work: work.threads.get(thread_id, "1")),
        lambda: database.write(lambda work: work.users.seen(["1"], 1)),
        lambda: database.append(new_message(thread_id, "1")),
    ]


async def assert_away(database: Database, thread_id: str) -> None:
    """Every way says so in time."""
    for operation in operations(database, thread_id):
        async with asyncio.timeout(TOLD_WITHIN_S):
            with pytest.raises(UnavailableError):
                await operation()


async def test_postgres_stopped_is_unavailable_until_it_is_back(mortal: PostgresServer, on_mortal: Database) -> None:
    """While it is stopped every call is refused in time; started again, all work, and nothing was stored meanwhile."""
    thread_id = await make_thread(on_mortal, "1")
    await asyncio.gather(*(on_mortal.ping() for _ in range(20)))  # fill the pool with connections that will be dead
    await asyncio.to_thread(mortal.stop)
    await assert_away(on_mortal, thread_id)
    await asyncio.to_thread(mortal.start)
    for operation in operations(on_mortal, thread_id):
        await operation()
    thread = await on_mortal.read(lambda work: work.threads.get(thread_id, "1"))
    assert thread.last_seq == 1


async def test_postgres_restarted_unnoticed_fails_at_most_once(mortal: PostgresServer, on_mortal: Database) -> None:
    """A pool of dead connections costs one refused call, not one for each connection."""
    await asyncio.gather(*(on_mortal.ping() for _ in range(20)))
    await asyncio.to_thread(mortal.stop)
    await asyncio.to_thread(mortal.start)
    outcomes = [await asyncio.gather(on_mortal.ping(), return_exceptions=True) for _ in range(20)]
    failures = [outcome for (outcome,) in outcomes if outcome is not None]
    assert [type(failure) for failure in failures] in ([], [UnavailableError])


async def test_postgres_session_ended_by_the_server_is_unavailable(postgres_url: str) -> None:
    """A connection that is cut in the middle of a job is a passing trouble, and the next call works."""
    database = open_database(postgres_url)
    cut = "SELECT pg_terminate_backend(pg_backend_pid())"
    for use in (database.read, database.write):
        with pytest.raises(UnavailableError):
            await use(lambda work: work._connection.exec_driver_sql(cut))
        await database.ping()
    await database.close()


async def test_postgres_unreachable_address_is_unavailable() -> None:
    """A server that does not answer at all is given up in time."""
    database = open_database("postgresql://127.0.0.1:9/none")
    await assert_away(database, "t")
    await database.close()


async def test_sqlite_locked_by_another_process_is_unavailable(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writes that wait longer than the busy time-out are refused; reads go on; afterwards all work."""
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 50)
    database = open_database(sqlite_url, sqlite_synchronous="OFF")
    thread_id = await make_thread(database, "1")
    with closing(sqlite3.connect(sqlite_path(sqlite_url), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UnavailableError):
            await database.append(new_message(thread_id, "1"))
        with pytest.raises(UnavailableError):
            await database.write(lambda work: work.users.seen(["1"], 1))
        await database.ping()
        other.execute("ROLLBACK")
    for operation in operations(database, thread_id):
        await operation()
    thread = await database.read(lambda work: work.threads.get(thread_id, "1"))
    assert thread.last_seq == 1
    await database.close()


async def test_sqlite_locked_for_a_moment_waits(sqlite_url: str) -> None:
    """A lock that is released within the busy time-out is waited for."""
    database = open_database(sqlite_url, sqlite_synchronous="OFF")
    thread_id = await make_thread(database, "1")
    with closing(sqlite3.connect(sqlite_path(sqlite_url), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        waiting = database.writer.submit(new_message(thread_id, "1"))
        await database.ping()
        assert not waiting.done()
        other.execute("ROLLBACK")
        stored = await waiting
    assert stored.message.seq == 1
    await database.close()


async def test_postgres_deadlock_is_unavailable(postgres_url: str) -> None:
    """Of two transactions that wait for each other one is ended, and may be tried again."""
    database = open_database(postgres_url)
    await make_users(database, "1", "2")
    await database.close()
    both_hold = threading.Barrier(2, timeout=5)

    async def lock(first: str, second: str) -> Exception | None:
        def job(work: UnitOfWork) -> None:
            work.users.seen([first], 1)
            both_hold.wait()
            work.users.seen([second], 1)

        database = open_database(postgres_url)
        (outcome,) = await asyncio.gather(database.write(job), return_exceptions=True)
        await database.close()
        return outcome

    # The barrier blocks an event loop, so each has a thread and a loop of its own.
    outcomes = await asyncio.gather(
        *(asyncio.to_thread(asyncio.run, lock(*order)) for order in (("1", "2"), ("2", "1")))
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "UnavailableError"]
