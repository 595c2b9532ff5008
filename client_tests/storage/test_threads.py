"""Threads: paging, who may see them, and the one direct thread of two people about one subject."""

import asyncio
import base64
import json

import pytest
from sqlalchemy.exc import IntegrityError

from client_tests.storage.conftest import get_thread, make_thread, make_users, new_thread, send
from server.domain.errors import InvalidPayloadError, NotFoundError
from server.domain.models import Subject
from server.storage.cursors import encode_cursor
from server.storage.database import Database
from server.storage.threads import Head


def forge(position: object) -> str:
    """Write what a cursor holds, as only the server should."""
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


FORGED = (
    "x",
    "ñ",
    "====",
    forge({}),
    forge([]),
    forge([1]),
    forge([1, 2]),
    forge(["1", "a"]),
    forge([True, "a"]),
    forge([1.0, "a"]),
    forge([10**30, "a"]),
    forge([2**63, "a"]),
    forge([-(2**63) - 1, "a"]),
    forge([1, "\x00"]),
    forge([1, "\ud800"]),
    forge([1, "a", "b"]),
    base64.urlsafe_b64encode(b"[" * 5_000).decode(),
    base64.urlsafe_b64encode(b"\xff\xfe").decode(),
)
FLAT = Subject("property", "7", "A flat", "/properties/7", None)


async def test_page_with_equal_activity_shows_every_thread_once(database: Database) -> None:
    """Threads of the same moment are neither skipped nor repeated between pages."""
    thread_ids = {await make_thread(database, "1", created_at=5) for _ in range(7)}
    newest = await make_thread(database, "1", created_at=6)
    await make_thread(database, "2", created_at=7)
    found: list[str] = []
    cursor = None
    while True:
        at = cursor
        page = await database.read(lambda work, at=at: work.threads.page("1", at, 3))
        found += [thread.id for thread in page.threads]
        cursor = page.next_cursor
        if cursor is None:
            break
        assert len(page.threads) == 3
    assert found == [newest, *sorted(thread_ids, reverse=True)]


async def test_page_after_a_message_begins_with_its_thread(database: Database) -> None:
    """The thread that was written in last comes first, with its last message and the unread of all threads."""
    first, second = [await make_thread(database, "1", "2") for _ in range(2)]
    await send(database, second, "2", "a")
    await send(database, first, "2", "b", "c")
    page = await database.read(lambda work: work.threads.page("1", None, 10))
    assert [(thread.id, thread.unread_count) for thread in page.threads] == [(first, 2), (second, 1)]
    assert [thread.last_message.content for thread in page.threads if thread.last_message] == ["c", "a"]
    assert (page.total_unread, page.next_cursor) == (3, None)


async def test_page_with_a_forged_cursor_is_invalid(database: Database) -> None:
    """A cursor that the server did not make is refused, never an internal error."""
    for cursor in FORGED:
        with pytest.raises(InvalidPayloadError) as caught:
            await database.read(lambda work, cursor=cursor: work.threads.page("1", cursor, 3))
        assert caught.value.details.keys() == {"cursor"}


async def test_page_with_a_cursor_of_ones_own_making_shows_only_ones_own(database: Database) -> None:
    """A well-formed cursor gives access to nothing."""
    await make_thread(database, "2")
    mine = await make_thread(database, "1")
    page = await database.read(lambda work: work.threads.page("1", encode_cursor(2**62, "z"), 10))
    assert [thread.id for thread in page.threads] == [mine]


async def test_get_by_stranger_is_not_found_like_an_unknown_one(database: Database) -> None:
    """Nobody learns that a thread of others exists."""
    thread_id = await make_thread(database, "1", "2")
    errors = []
    for wanted in (thread_id, "no such thread"):
        with pytest.raises(NotFoundError) as caught:
            await get_thread(database, wanted, "3")
        errors.append(caught.value.details)
    assert errors[0] == errors[1]


async def test_create_keeps_subject_and_roles(database: Database) -> None:
    """A thread reads as it was opened: its subject, its opener as owner, all others as members."""
    await make_users(database, "1", "2")
    new = new_thread("1", "2", subject=FLAT)
    await database.write(lambda work: work.threads.create(new))
    thread = await get_thread(database, new.id, "2")
    assert (thread.subject, thread.created_by, thread.rev, thread.participant_count) == (FLAT, "1", 1, 2)
    assert [(place.user_id, place.role) for place in thread.participants] == [("1", "owner"), ("2", "member")]


async def test_create_direct_twice_finds_the_first(database: Database) -> None:
    """The same key is the same thread; another subject's key is another."""
    await make_users(database, "1", "2")
    keys = ["1-2", "1-2", "1-2-flat", "1-2-flat"]
    news = [new_thread("1", "2", kind="direct", direct_key=key) for key in keys]
    found = [await database.write(lambda work, new=new: work.threads.create(new)) for new in news]
    assert found == [(news[0].id, True), (news[0].id, False), (news[2].id, True), (news[2].id, False)]
    assert (await get_thread(database, news[0].id, "1")).participant_count == 2


async def test_create_direct_racing_on_two_processes_makes_one(pair: tuple[Database, Database]) -> None:
    """Two processes that open the same direct thread at once agree on one."""
    await make_users(pair[0], "1", "2")
    news = [new_thread("1", "2", kind="direct", direct_key="1-2") for _ in range(10)]
    found = await asyncio.gather(
        *(pair[n % 2].write(lambda work, new=new: work.threads.create(new)) for n, new in enumerate(news))
    )
    assert len({thread_id for thread_id, _ in found}) == 1
    assert sum(created for _, created in found) == 1
    page = await pair[0].read(lambda work: work.threads.page("1", None, 10))
    assert len(page.threads) == 1


async def test_create_with_an_unknown_person_stores_nothing(database: Database) -> None:
    """The database itself refuses a participant who does not exist."""
    await make_users(database, "1")
    new = new_thread("1", "ghost")
    with pytest.raises(IntegrityError):
        await database.write(lambda work: work.threads.create(new))
    with pytest.raises(NotFoundError):
        await database.read(lambda work: work.threads.get_any(new.id))


async def test_create_missing_racing_in_opposite_orders_does_not_deadlock(pair: tuple[Database, Database]) -> None:
    """Two processes that create the same people, named in opposite orders, both succeed."""
    for wave in range(5):
        names = [f"{wave}-{n}" for n in range(60)]
        await asyncio.gather(make_users(pair[0], *names), make_users(pair[1], *reversed(names)))
        assert len(await pair[0].read(lambda work, names=names: work.users.get_many(names))) == 60


async def test_get_large_thread_lists_the_first_hundred(database: Database) -> None:
    """Of 150 participants the count is right, and 100 are listed."""
    user_ids = [f"u{n:03}" for n in range(150)]
    thread_id = await make_thread(database, *user_ids)
    thread = await get_thread(database, thread_id, "u149")
    assert thread.participant_count == 150
    assert [place.user_id for place in thread.participants] == user_ids[:100]


async def test_heads_tells_only_of_ones_own(database: Database) -> None:
    """Revisions of threads that one is not in, or that are unknown, are left out."""
    mine, other = await make_thread(database, "1", "2"), await make_thread(database, "2")
    await send(database, mine, "2")
    found = await database.read(lambda work: work.threads.heads("1", [mine, other, "unknown"]))
    assert found == {mine: Head(rev=2, info_rev=1, unread_count=1)}


async def test_audience_and_participant_name_follow_membership(database: Database) -> None:
    """Everyone in the thread, and nobody for an unknown one."""
    thread_id = await make_thread(database, "1", "2")
    assert sorted(await database.read(lambda work: work.threads.audience(thread_id))) == ["1", "2"]
    assert await database.read(lambda work: work.threads.audience("unknown")) == ()
    assert await database.read(lambda work: work.threads.participant_name(thread_id, "2")) == "2"
    with pytest.raises(NotFoundError):
        await database.read(lambda work: work.threads.participant_name(thread_id, "3"))
