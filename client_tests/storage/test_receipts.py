"""Receipts: positions that only move forward, told or still to tell."""

import pytest

from client_tests.storage.conftest import all_messages, get_thread, make_thread, send
from server.domain.errors import NotFoundError
from server.domain.models import LARGE_THREAD_PARTICIPANTS
from server.storage.database import Database
from server.storage.receipts import MAX_TOLD_IDS, ReceiptChange, ReceiptKind

NOW = 5_000


async def move(
    database: Database, thread_id: str, user_id: str, seq: int | None, *, kind: ReceiptKind = "read", tell: bool = True
) -> ReceiptChange:
    """Move a position."""
    return await database.write(lambda work: work.receipts.move(kind, thread_id, user_id, seq, NOW, tell=tell))


async def tell(
    database: Database, thread_id: str, user_id: str, from_seq: int, kind: ReceiptKind = "read"
) -> ReceiptChange | None:
    """Tell a position that moved untold."""
    return await database.write(lambda work: work.receipts.tell(kind, thread_id, user_id, from_seq))


@pytest.fixture
async def thread_id(database: Database) -> str:
    """A thread of 1, 2 and 3, with five messages of 1."""
    made = await make_thread(database, "1", "2", "3")
    await send(database, made, "1", *"abcde")
    return made


async def test_move_told_takes_a_rev_and_names_what_was_read(database: Database, thread_id: str) -> None:
    """A told receipt advances the thread's rev, is heard by all, and names the messages newly read."""
    ids = [message.id for message in await all_messages(database, thread_id)]
    first = await move(database, thread_id, "2", 2)
    second = await move(database, thread_id, "2", None)
    assert (first.moved, first.told, first.private, first.from_seq) == (True, True, False, 0)
    assert (first.receipt.read_seq, first.receipt.unread_count, first.receipt.rev) == (2, 3, 7)
    assert sorted(first.audience) == ["1", "2", "3"]
    assert first.message_ids == tuple(ids[:2])
    assert (second.receipt.read_seq, second.receipt.unread_count, second.receipt.rev) == (5, 0, 8)
    assert (second.from_seq, second.message_ids) == (2, tuple(ids[2:]))
    assert (await get_thread(database, thread_id, "1")).rev == 8


@pytest.mark.parametrize("kind", ["read", "delivered"])
async def test_move_backward_changes_nothing(database: Database, thread_id: str, kind: ReceiptKind) -> None:
    """A position that is already further stays, takes no rev and is told to nobody."""
    await move(database, thread_id, "2", 4, kind=kind)
    for seq in (4, 3, 0):
        change = await move(database, thread_id, "2", seq, kind=kind)
        assert (change.moved, change.told, change.audience, change.message_ids) == (False, False, (), ())
    assert getattr(change.receipt, f"{kind}_seq") == 4
    assert (await get_thread(database, thread_id, "1")).rev == 7


async def test_move_beyond_the_end_stops_at_the_last_message(database: Database, thread_id: str) -> None:
    """Nobody has read what is not written yet."""
    assert (await move(database, thread_id, "2", 2**53 - 1)).receipt.read_seq == 5
    assert (await move(database, thread_id, "3", 99, kind="delivered")).receipt.delivered_seq == 5


async def test_move_read_has_also_received(database: Database, thread_id: str) -> None:
    """Reading implies delivery; delivery does not imply reading."""
    await move(database, thread_id, "3", 4, kind="delivered")
    receipt = (await move(database, thread_id, "3", 2)).receipt
    assert (receipt.read_seq, receipt.delivered_seq) == (2, 4)
    receipt = (await move(database, thread_id, "3", 5)).receipt
    assert (receipt.read_seq, receipt.delivered_seq, receipt.delivered_at) == (5, 5, NOW)


@pytest.mark.parametrize("place", [("unknown", "1"), ("", "4")])
async def test_move_by_stranger_is_not_found(database: Database, thread_id: str, place: tuple[str, str]) -> None:
    """An unknown thread and a thread of others are the same."""
    with pytest.raises(NotFoundError):
        await move(database, place[0] or thread_id, place[1], None)


async def test_move_untold_is_stored_and_told_once(database: Database, thread_id: str) -> None:
    """An untold move takes no rev; telling it gives it one, and a second telling finds nothing."""
    quiet = await move(database, thread_id, "2", 3, tell=False)
    assert (quiet.moved, quiet.told, quiet.audience, quiet.message_ids) == (True, False, (), ())
    assert (await get_thread(database, thread_id, "2")).rev == 6
    told = await tell(database, thread_id, "2", 1)
    assert told is not None
    ids = [message.id for message in await all_messages(database, thread_id)]
    assert (told.receipt.read_seq, told.receipt.rev, told.message_ids) == (3, 7, tuple(ids[1:3]))
    assert await tell(database, thread_id, "2", 1) is None
    assert await tell(database, thread_id, "2", 1, "delivered") is None


async def test_untold_lists_what_moved_before_a_moment(database: Database, thread_id: str) -> None:
    """Both kinds are found until they are told; what moved just now is left to its own process."""
    await move(database, thread_id, "2", 3, tell=False)
    await move(database, thread_id, "3", 3, kind="delivered", tell=False)
    assert await database.read(lambda work: work.receipts.untold(NOW)) == []
    found = await database.read(lambda work: work.receipts.untold(NOW + 1))
    assert sorted(found) == [("delivered", thread_id, "3"), ("read", thread_id, "2")]
    await tell(database, thread_id, "3", 0, "delivered")
    await move(database, thread_id, "2", 4)
    assert await database.read(lambda work: work.receipts.untold(NOW + 1)) == []


@pytest.mark.parametrize("extra", [0, 1])
async def test_move_in_a_large_thread_is_private(database: Database, extra: int) -> None:
    """Up to 50 participants all hear it; above, only the reader does, and the rev stays."""
    user_ids = [str(n) for n in range(LARGE_THREAD_PARTICIPANTS + extra)]
    thread_id = await make_thread(database, *user_ids)
    await send(database, thread_id, "0", "a", "b")
    change = await move(database, thread_id, "1", None)
    assert (change.private, change.told, change.moved) == (bool(extra), not extra, True)
    assert len(change.audience) == (1 if extra else LARGE_THREAD_PARTICIPANTS)
    assert "1" in change.audience
    assert len(change.message_ids) == 2
    assert (await get_thread(database, thread_id, "1")).rev == (3 if extra else 4)
    await move(database, thread_id, "2", None, tell=False)
    assert len(await database.read(lambda work: work.receipts.untold(NOW + 1))) == (0 if extra else 1)


async def test_move_over_many_names_the_newest(database: Database) -> None:
    """At most 100 ids are told: the newest, ascending."""
    thread_id = await make_thread(database, "1", "2")
    sent = await send(database, thread_id, "1", *(str(n) for n in range(MAX_TOLD_IDS + 5)))
    change = await move(database, thread_id, "2", None)
    assert change.message_ids == tuple(item.message.id for item in sent[5:])


async def test_changed_since_returns_told_receipts_in_rev_order(database: Database, thread_id: str) -> None:
    """What was told after a rev, up to another if asked; an untold move shows its position, not a new rev."""
    await move(database, thread_id, "2", 1)
    await move(database, thread_id, "3", 1)
    await move(database, thread_id, "2", 2)
    for since, up_to, places in ((6, None, ["3", "2"]), (8, None, ["2"]), (6, 8, ["3"]), (9, None, [])):
        found = await database.read(
            lambda work, since=since, up_to=up_to: work.receipts.changed_since(thread_id, since, up_to)
        )
        assert [receipt.user_id for receipt in found] == places


async def test_is_read_needs_every_other_participant(database: Database, thread_id: str) -> None:
    """A message is read once all others have reached it; the sender's own position does not count."""
    for reader, upto, read in (("2", 3, []), ("3", 2, [1, 2]), ("3", 5, [1, 2, 3])):
        await move(database, thread_id, reader, upto)
        found = [message.seq for message in await all_messages(database, thread_id) if message.is_read]
        assert found == read


async def test_is_read_judges_each_sender_by_the_others(database: Database) -> None:
    """In one thread, a message of one sender is read and another's is not, by who lags behind."""
    thread_id = await make_thread(database, "1", "2", "3")
    for sender in ("1", "2", None):
        await send(database, thread_id, sender)
    await move(database, thread_id, "1", None)
    await move(database, thread_id, "3", None)
    assert [message.is_read for message in await all_messages(database, thread_id)] == [False, True, False]


async def test_is_read_alone_in_a_thread_is_false(database: Database) -> None:
    """With nobody else there, nobody else has read it."""
    thread_id = await make_thread(database, "1")
    await send(database, thread_id, "1")
    assert [message.is_read for message in await all_messages(database, thread_id)] == [False]
