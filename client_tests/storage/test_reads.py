"""Reads of many who come back at once, on both databases: all are answered, by few trips."""

import asyncio
from collections.abc import Awaitable, Iterator

import pytest
from sqlalchemy import Pool, event
from sqlalchemy.exc import DBAPIError

from client_tests.storage.conftest import make_thread, send
from server.domain.errors import NotFoundError
from server.storage.database import Database
from server.storage.threads import Head

STORM = 2_000
USERS = 8


@pytest.fixture
def checkouts() -> Iterator[list[object]]:
    """Every checkout of a connection, of any pool."""
    seen: list[object] = []

    def note(connection: object, _record: object, _proxy: object) -> None:
        seen.append(connection)

    event.listen(Pool, "checkout", note)
    yield seen
    event.remove(Pool, "checkout", note)


async def test_storm_of_reads_is_answered_whole_by_few_checkouts(database: Database, checkouts: list[object]) -> None:
    """Each of 2,000 gets what it would have got alone; the pool gives out a connection for every ten or more."""
    users = [str(number) for number in range(USERS)]
    thread_id = await make_thread(database, *users)
    await send(database, thread_id, "1", "uno", "dos", "tres")

    def ask(number: int) -> Awaitable[Head]:
        user = users[number % USERS]
        return database.read(lambda work: work.threads.heads(user, [thread_id])[thread_id])

    alone = [await ask(number) for number in range(USERS)]
    checkouts.clear()
    answers = await asyncio.gather(*(ask(number) for number in range(STORM)))
    assert answers == [alone[number % USERS] for number in range(STORM)]
    assert 0 < len(checkouts) < STORM / 10
    assert database.reader.depth == 0


async def test_storm_of_reads_holds_up_no_write(database: Database) -> None:
    """A message that is sent meanwhile is stored before the reads are done, and reads that come later see it."""
    thread_id = await make_thread(database, "1", "2")
    storm = [
        asyncio.create_task(database.read(lambda work: work.threads.heads("1", [thread_id]))) for _ in range(STORM // 4)
    ]
    await asyncio.sleep(0)
    await send(database, thread_id, "1", "hola")
    assert not all(task.done() for task in storm)
    thread = await database.read(lambda work: work.threads.get(thread_id, "1"))
    assert thread.last_seq == 1
    await asyncio.gather(*storm)


async def test_read_refused_in_a_shared_trip_spoils_no_other(database: Database) -> None:
    """Also one whose statement the database itself refuses."""
    thread_id = await make_thread(database, "1", "2")
    jobs = [
        lambda work: work.threads.get(thread_id, "1").id,
        lambda work: work.threads.get("no such thread", "1"),
        lambda work: work._connection.exec_driver_sql("SELECT 1/0").scalar(),  # NULL to SQLite, an error to PostgreSQL
    ]
    outcomes = await asyncio.gather(*(database.read(jobs[n % 3]) for n in range(300)), return_exceptions=True)
    assert set(outcomes[0::3]) == {thread_id}
    assert {type(outcome) for outcome in outcomes[1::3]} == {NotFoundError}
    assert {type(outcome) for outcome in outcomes[2::3]} in ({type(None)}, {DBAPIError})
