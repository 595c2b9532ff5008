"""SQLite without room: refused as `unavailable`, nothing acked is lost, and it goes on when there is room again."""

import asyncio
import resource
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from client_tests.storage.conftest import all_messages, make_thread, new_message
from server.domain.errors import UnavailableError
from server.storage.append import Appended
from server.storage.database import Database
from server.storage.engine import open_database, sqlite_path
from server.storage.unit_of_work import UnitOfWork

LONG = "x" * 20_000
BATCHES = 40
BATCH = 8


def limit_pages(work: UnitOfWork, more: int | None) -> None:
    """Let the file grow by so many pages from now on; None: without a limit."""
    pages = work._connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    limit = 1_000_000 if more is None else pages + more
    work._connection.exec_driver_sql(f"PRAGMA max_page_count={limit}").close()


@pytest.fixture
def small_files(sqlite_url: str) -> Iterator[Callable[[int | None], None]]:
    """Limits how many bytes any file of this process may have beyond those of the database; None: no limit."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    base = sqlite_path(sqlite_url).stat().st_size

    def limit(more: int | None) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, before if more is None else (base + more, before[1]))

    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def send_until_refused(database: Database, thread_id: str, *, jobs: bool) -> list[Appended]:
    """Send batches, with a job and a short message behind if `jobs`, until some are refused; returns what was acked."""
    acked: list[Appended] = []
    for _ in range(BATCHES):
        calls: list[Awaitable[Any]] = [database.append(new_message(thread_id, "1", LONG)) for _ in range(BATCH)]
        if jobs:
            calls.append(database.write(lambda work: work.users.seen(["1"], 1)))
            calls.append(database.append(new_message(thread_id, "1", "short: there is room for it")))
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        acked += [outcome for outcome in outcomes if isinstance(outcome, Appended)]
        failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if failures:
            assert {type(failure) for failure in failures} == {UnavailableError}
            return acked
    raise AssertionError("there was room all the time")


async def assert_whole(database: Database, thread_id: str, acked: list[Appended], url: str) -> None:
    """All that was acked is there once, numbered without gaps, and nothing that was refused; the file is sound."""
    stored = await all_messages(database, thread_id)
    assert {message.id for message in stored} == {outcome.message.id for outcome in acked}
    assert [message.seq for message in stored] == list(range(1, len(stored) + 1))
    with closing(sqlite3.connect(sqlite_path(url))) as other:
        assert other.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("jobs", [False, True], ids=["messages", "with jobs"])
async def test_append_to_a_full_file_is_unavailable_until_there_is_room(sqlite_url: str, *, jobs: bool) -> None:
    """What is acked is stored, what is refused is not, in the midst of a batch too."""
    database = open_database(sqlite_url)
    thread_id = await make_thread(database, "1")
    await database.write(lambda work: limit_pages(work, 100))
    acked = await send_until_refused(database, thread_id, jobs=jobs)
    await assert_whole(database, thread_id, acked, sqlite_url)
    await database.close()
    database = open_database(sqlite_url)  # its connections know of no limit
    acked.append(await database.append(new_message(thread_id, "1", LONG)))
    await assert_whole(database, thread_id, acked, sqlite_url)
    await database.close()


@pytest.mark.parametrize("jobs", [False, True], ids=["messages", "with jobs"])
async def test_append_to_a_full_disk_goes_on_by_itself_when_there_is_room(
    sqlite_url: str, small_files: Callable[[int | None], None], *, jobs: bool
) -> None:
    """The system refuses to write: nothing has to be restarted afterwards, and reads work meanwhile."""
    database = open_database(sqlite_url)
    thread_id = await make_thread(database, "1")
    small_files(600_000)
    acked = await send_until_refused(database, thread_id, jobs=jobs)
    with pytest.raises(UnavailableError):
        await asyncio.gather(*(database.append(new_message(thread_id, "1", LONG)) for _ in range(50)))
    await database.ping()
    small_files(None)
    acked.append(await database.append(new_message(thread_id, "1", LONG)))
    stored = {message.id for message in await all_messages(database, thread_id)}
    assert {outcome.message.id for outcome in acked} <= stored
    await database.close()
    with closing(sqlite3.connect(sqlite_path(sqlite_url))) as other:
        assert other.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_append_in_a_batch_that_sqlite_takes_back_is_refused(sqlite_url: str) -> None:
    """After some errors SQLite ends the transaction by itself: nothing of it is acked, nothing stored outside of it."""
    database = open_database(sqlite_url)
    thread_id = await make_thread(database, "1")

    def no_room(work: UnitOfWork) -> None:
        work._connection.exec_driver_sql("ROLLBACK").close()
        raise sqlite3.OperationalError("database or disk is full")

    outcomes = await asyncio.gather(
        database.append(new_message(thread_id, "1")),
        database.write(no_room),
        database.append(new_message(thread_id, "1")),
        return_exceptions=True,
    )
    assert {type(outcome) for outcome in outcomes} == {UnavailableError}
    await assert_whole(database, thread_id, [], sqlite_url)
    await database.append(new_message(thread_id, "1"))
    await database.close()
