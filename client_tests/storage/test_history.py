"""History: any stretch of a thread, ascending, and whether there is more on either side."""

import uuid
from functools import partial

import pytest

from client_tests.storage.conftest import all_messages, get_thread, make_thread, new_message, send
from server.domain.results import HistoryPage
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork

LAST = 7


def expected(anchor: tuple[str, int] | None, limit: int) -> tuple[list[int], bool, bool]:
    """Cut the stretch out of 1 to LAST by lists alone."""
    every = list(range(1, LAST + 1))
    kind, seq = anchor or ("before", LAST + 1)
    older, newer = [n for n in every if n < seq], [n for n in every if n >= seq]
    if kind == "around":
        before, after = older[-(limit // 2) :] if limit // 2 else [], newer[: limit - limit // 2]
    elif kind == "before":
        before, after = older[-limit:], []
    else:
        before, after = [], [n for n in every if n > seq][:limit]
    stretch = before + after
    if stretch:
        return stretch, stretch[0] > 1, stretch[-1] < LAST
    return [], kind == "after" and bool(older or seq in every), kind == "before" and bool(newer)


async def page(database: Database, thread_id: str, anchor: tuple[str, int] | None, limit: int) -> HistoryPage:
    """Read a stretch."""
    return await database.read(lambda work: work.messages.history(thread_id, anchor, limit))


async def test_history_at_every_anchor_is_the_right_stretch(database: Database) -> None:
    """Every anchor, seq and limit gives what cutting a list gives, beyond both ends too."""
    thread_id, other = await make_thread(database, "1"), await make_thread(database, "1")
    for _ in range(LAST):
        await send(database, thread_id, "1")
        await send(database, other, "1")
    anchors = [(kind, seq) for kind in ("before", "after") for seq in range(LAST + 3)]
    around = [("around", seq) for seq in range(1, LAST + 1)]
    for anchor in [None, *anchors, *around]:
        for limit in (1, 2, 3, LAST, LAST + 1):
            found = await page(database, thread_id, anchor, limit)
            seqs = [message.seq for message in found.messages]
            got = (seqs, found.has_more_before, found.has_more_after)
            assert got == expected(anchor, limit), f"{anchor}, limit {limit}"


@pytest.mark.parametrize("anchor", [None, ("before", 5), ("after", 0), ("around", 1)])
async def test_history_of_an_empty_thread_is_empty(database: Database, anchor: tuple[str, int] | None) -> None:
    """Nothing, and nothing more."""
    thread_id = await make_thread(database, "1")
    assert await page(database, thread_id, anchor, 50) == HistoryPage((), False, False)


@pytest.mark.parametrize("seq", [0, 2**53 - 1])
async def test_history_around_a_seq_that_is_not_there_shows_the_nearest(database: Database, seq: int) -> None:
    """The largest number that JSON holds exactly is no trouble for the database."""
    thread_id = await make_thread(database, "1")
    await send(database, thread_id, "1", "a", "b", "c")
    found = await page(database, thread_id, ("around", seq), 4)
    assert [message.seq for message in found.messages] == ([1, 2] if seq == 0 else [2, 3])
    assert (found.has_more_before, found.has_more_after) == (seq > 0, seq == 0)


async def test_history_gives_content_back_as_it_was_sent(database: Database) -> None:
    """Nothing is trimmed, folded or escaped."""
    thread_id = await make_thread(database, "1")
    contents = ["  spaces ", "'; DROP TABLE messages; --", "e\u0301 👩‍👩‍👧 \u202e \r\n\t", "x" * 4_000, "%_\\"]
    await send(database, thread_id, "1", *contents)
    assert [message.content for message in await all_messages(database, thread_id)] == contents


async def test_by_ids_returns_what_exists(database: Database) -> None:
    """Unknown ids are left out, and a stored message reads as it was appended."""
    thread_id = await make_thread(database, "1", "2")
    key = str(uuid.uuid4())
    stored = await database.append(new_message(thread_id, "1", "a", key))
    found = await database.read(lambda work: work.messages.by_ids([stored.message.id, "unknown"]))
    assert found == {stored.message.id: stored.message}


async def test_changed_since_pages_in_the_order_of_changes(database: Database) -> None:
    """Going on from the last rev of each page finds every message once."""
    thread_id = await make_thread(database, "1")
    await send(database, thread_id, "1", *"abcde")
    rev, found = 0, []
    more = True
    while more:
        after = rev
        messages, more = await database.read(lambda work, after=after: work.messages.changed_since(thread_id, after, 2))
        found += [message.content for message in messages]
        rev = messages[-1].rev
    assert (found, rev) == (list("abcde"), 6)


def _read_up_to(work: UnitOfWork, *, thread_id: str, seq: int) -> None:
    work.receipts.move("read", thread_id, "2", seq, 1_000, tell=True)


async def test_changed_since_with_revs_of_receipts_in_between(database: Database) -> None:
    """Whatever else moved a thread's rev, from each rev on just the messages above it are found."""
    thread_id = await make_thread(database, "1", "2")
    for number in range(4):
        await send(database, thread_id, "1", *"ab")
        for seq in (2 * number + 1, 2 * number + 2):
            await database.write(partial(_read_up_to, thread_id=thread_id, seq=seq))
    everything = await all_messages(database, thread_id)
    last = (await get_thread(database, thread_id, "1")).rev
    assert last > everything[-1].rev > len(everything) + 1
    for rev in range(last + 2):
        found, more = await database.read(lambda work, above=rev: work.messages.changed_since(thread_id, above, 100))
        assert (found, more) == (tuple(message for message in everything if message.rev > rev), False)


async def test_ids_of_others_leaves_out_own_and_keeps_the_newest(database: Database) -> None:
    """Of messages between two positions, the newest of the others, ascending; the system is another."""
    thread_id = await make_thread(database, "1", "2")
    for sender in ("2", "1", "2", None, "2"):
        await send(database, thread_id, sender)
    ids = {message.seq: message.id for message in await all_messages(database, thread_id)}
    for above, up_to, limit, seqs in ((0, 5, 100, [1, 3, 4, 5]), (1, 4, 100, [3, 4]), (0, 5, 2, [4, 5])):
        found = await database.read(
            lambda work, a=above, u=up_to, n=limit: work.messages.ids_of_others(thread_id, "1", a, u, n)
        )
        assert found == tuple(ids[seq] for seq in seqs)
