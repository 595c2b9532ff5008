"""Appending: numbers without gaps, retries that are one message, and a refusal that harms nobody else."""

import asyncio
import uuid
from typing import NoReturn

import pytest

from client_tests.storage.conftest import all_messages, get_thread, make_thread, new_message, send
from server.domain.errors import NotFoundError, UnavailableError
from server.storage.append import Appended
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork
from server.storage.writer import Writer

USERS = ("1", "2", "3")
Pair = tuple[Database, Database]


@pytest.mark.parametrize("processes", [1, 2])
async def test_append_concurrently_numbers_without_gaps(pair: Pair, processes: int) -> None:
    """Each thread's seq and rev count up by one, whichever process and user wrote."""
    thread_ids = [await make_thread(pair[0], *USERS) for _ in range(4)]
    news = [new_message(thread_ids[n % 4], USERS[n % 3], str(n)) for n in range(200)]
    outcomes = await asyncio.gather(*(pair[n % processes].append(new) for n, new in enumerate(news)))
    for thread_id in thread_ids:
        rows = await all_messages(pair[0], thread_id)
        assert [row.seq for row in rows] == list(range(1, 51))
        assert [row.rev for row in rows] == list(range(2, 52))
        thread = await get_thread(pair[1], thread_id, "1")
        assert (thread.last_seq, thread.rev, thread.last_message) == (50, 51, rows[-1])
        told = [outcome.message for outcome in outcomes if outcome.message.thread_id == thread_id]
        assert {row.id: (row.seq, row.rev, row.content) for row in rows} == {
            message.id: (message.seq, message.rev, message.content) for message in told
        }


@pytest.mark.parametrize("processes", [1, 2])
async def test_append_by_one_sender_keeps_the_order(pair: Pair, processes: int) -> None:
    """What one sender writes over one process is stored in the order in which it was handed over."""
    thread_id = await make_thread(pair[0], *USERS)
    news = [new_message(thread_id, USERS[n % 3], str(n)) for n in range(120)]
    await asyncio.gather(*(pair[n % processes].append(new) for n, new in enumerate(news)))
    rows = await all_messages(pair[0], thread_id)
    for process in range(processes):
        mine = [int(row.content) for row in rows if int(row.content) % processes == process]
        assert mine == list(range(process, 120, processes))


async def test_append_by_stranger_is_not_found_and_harms_nobody(database: Database) -> None:
    """A stranger and an unknown thread are refused; what was sent beside them is stored."""
    thread_id = await make_thread(database, "1", "2")
    await make_thread(database, "3", "4")
    before = database.writer.batches
    outcomes = await asyncio.gather(
        database.append(new_message(thread_id, "1", "a")),
        database.append(new_message(thread_id, "3", "intruder")),
        database.append(new_message("no such thread", "1", "lost")),
        database.append(new_message("no such thread", None, "lost")),
        database.append(new_message(thread_id, "2", "b")),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [Appended, *[NotFoundError] * 3, Appended]
    rows = await all_messages(database, thread_id)
    assert [(row.seq, row.content) for row in rows] == [(1, "a"), (2, "b")]
    assert database.writer.batches == before + 1


async def test_append_returns_who_hears_it(database: Database) -> None:
    """The audience is everyone in the thread, the sender included."""
    thread_id = await make_thread(database, *USERS)
    (first,) = await send(database, thread_id, "2")
    assert sorted(first.audience) == list(USERS)
    assert (first.message.sender_name, first.message.kind, first.created) == ("2", "user", True)


@pytest.mark.parametrize("together", [True, False])
async def test_append_retry_returns_the_first_message(database: Database, together: bool) -> None:
    """A retry, in the same batch or a later one, is answered with the first message and its first content."""
    thread_id = await make_thread(database, *USERS)
    key = str(uuid.uuid4())
    news = [new_message(thread_id, "1", content, key) for content in ("first", "second", "third")]
    if together:
        outcomes = await asyncio.gather(*(database.append(new) for new in news))
    else:
        outcomes = [await database.append(new) for new in news]
    assert [outcome.created for outcome in outcomes] == [True, False, False]
    assert {(outcome.message.id, outcome.message.content, outcome.message.seq) for outcome in outcomes} == {
        (news[0].id, "first", 1)
    }
    (after,) = await send(database, thread_id, "1")
    assert (after.message.seq, after.message.rev) == (2, 3)


async def test_append_retry_racing_on_two_processes_stores_one_row(pair: Pair) -> None:
    """Two processes that get the same retry at once store one row, and seq stays without a gap."""
    thread_id = await make_thread(pair[0], "1", "2")
    keys = [str(uuid.uuid4()) for _ in range(10)]
    outcomes = await asyncio.gather(
        *(pair[n % 2].append(new_message(thread_id, "1", str(n), keys[n // 4])) for n in range(40))
    )
    assert sum(outcome.created for outcome in outcomes) == len(keys)
    rows = await all_messages(pair[0], thread_id)
    assert [row.seq for row in rows] == list(range(1, 11))
    assert sorted(str(row.client_message_id) for row in rows) == sorted(keys)
    for n in range(0, 40, 4):
        assert len({outcome.message.id for outcome in outcomes[n : n + 4]}) == 1


async def test_append_same_client_id_of_others_is_another_message(database: Database) -> None:
    """A client_message_id belongs to its sender and thread."""
    one, two = await make_thread(database, *USERS), await make_thread(database, *USERS)
    key = str(uuid.uuid4())
    places = [(one, "1"), (one, "2"), (two, "1"), (one, None)]
    for wave in range(2):
        outcomes = await asyncio.gather(
            *(database.append(new_message(thread_id, sender, f"{wave}", key)) for thread_id, sender in places)
        )
        assert [outcome.created for outcome in outcomes] == [wave == 0] * 4
        assert len({outcome.message.id for outcome in outcomes}) == 4
        assert {outcome.message.content for outcome in outcomes} == {"0"}


async def test_append_as_system_has_no_sender_and_is_unread_by_all(database: Database) -> None:
    """A message of the system is unread for everyone, and its retry is deduplicated like any other's."""
    thread_id = await make_thread(database, *USERS)
    key = str(uuid.uuid4())
    outcomes = [await database.append(new_message(thread_id, None, content, key)) for content in ("a", "b")]
    assert [outcome.created for outcome in outcomes] == [True, False]
    message = outcomes[1].message
    assert (message.kind, message.sender_id, message.sender_name, message.content) == ("system", None, None, "a")
    assert [(await get_thread(database, thread_id, user)).unread_count for user in USERS] == [1, 1, 1]


async def test_append_by_one_who_read_all_moves_their_position(database: Database) -> None:
    """A sender with nothing unread has read their own message."""
    thread_id = await make_thread(database, "1", "2")
    await send(database, thread_id, "1", "a", "b")
    thread = await get_thread(database, thread_id, "1")
    assert (thread.participants[0].read_seq, thread.unread_count) == (2, 0)


async def test_append_by_one_with_unread_leaves_their_position(database: Database) -> None:
    """A sender who has not read the others has still not; their own message does not count as unread."""
    thread_id = await make_thread(database, "1", "2")
    await send(database, thread_id, "1", "a")
    await send(database, thread_id, "2", "b", "c")
    thread = await get_thread(database, thread_id, "2")
    assert (thread.participants[1].read_seq, thread.unread_count) == (0, 1)
    assert thread.participants[1].rev == 1, "sending is no receipt"


async def test_append_with_a_clock_behind_never_moves_activity_back(database: Database) -> None:
    """The activity of a thread only grows, whatever the clocks of processes say."""
    thread_id = await make_thread(database, "1", created_at=10**12)
    (sent,) = await send(database, thread_id, "1")
    assert sent.message.sent_at < 10**12
    assert (await get_thread(database, thread_id, "1")).activity_at == 10**12


async def test_append_concurrently_shares_commits(database: Database) -> None:
    """What waits while a batch is committed is committed together."""
    thread_id = await make_thread(database, *USERS)
    before = database.writer.batches
    await asyncio.gather(*(database.append(new_message(thread_id, "1")) for _ in range(300)))
    assert database.writer.batches - before <= 3


async def test_append_to_a_full_queue_is_unavailable_and_loses_nothing(database: Database) -> None:
    """What is over the limit is refused at once; all that was accepted is stored."""
    thread_id = await make_thread(database, "1")
    database.writer = Writer(database._commit, max_queued=5)
    news = [new_message(thread_id, "1", str(n)) for n in range(20)]
    outcomes = await asyncio.gather(*(database.append(new) for new in news), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Appended] * 5 + [UnavailableError] * 15
    assert [row.content for row in await all_messages(database, thread_id)] == list("01234")


async def test_write_that_raises_leaves_its_neighbours_committed(database: Database) -> None:
    """A job that fails half-way takes back what it did, and nothing else of the batch."""
    thread_id = await make_thread(database, "1")

    def fail(work: UnitOfWork) -> NoReturn:
        work.users.create_missing(["half"], 1)
        raise LookupError("on purpose")

    before = database.writer.batches
    outcomes = await asyncio.gather(
        database.append(new_message(thread_id, "1", "a")),
        database.write(fail),
        database.write(lambda work: work.users.create_missing(["whole"], 1)),
        database.append(new_message(thread_id, "1", "b")),
        return_exceptions=True,
    )
    assert database.writer.batches == before + 1
    assert isinstance(outcomes[1], LookupError)
    assert [row.content for row in await all_messages(database, thread_id)] == ["a", "b"]
    assert set(await database.read(lambda work: work.users.get_many(["half", "whole"]))) == {"whole"}


async def test_write_that_breaks_a_constraint_leaves_its_neighbours_committed(database: Database) -> None:
    """An error of the database itself does not poison the batch."""
    thread_id = await make_thread(database, "1")
    first = new_message(thread_id, "1", "a")
    await database.append(first)
    outcomes = await asyncio.gather(
        database.append(first),  # the same primary key again
        database.write(lambda work: work.users.create_missing(["9"], 1)),
        return_exceptions=True,
    )
    assert isinstance(outcomes[0], Exception)
    assert not isinstance(outcomes[0], UnavailableError), "no retry would help"
    assert await database.read(lambda work: work.users.get("9")) is not None
    (after,) = await send(database, thread_id, "1")
    assert after.message.seq == 2


async def test_append_whose_caller_is_cancelled_stands(database: Database) -> None:
    """A caller that goes away disturbs nobody, and its message is stored."""
    thread_id = await make_thread(database, "1")
    gone = database.writer.submit(new_message(thread_id, "1", "gone"))
    gone.cancel()
    await send(database, thread_id, "1", "here")
    assert [row.content for row in await all_messages(database, thread_id)] == ["gone", "here"]
