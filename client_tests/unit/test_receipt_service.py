"""Receipts: stored at once, told at once the first time, then at most once in a while, newest wins."""

from collections.abc import AsyncIterator

import pytest

from client_tests.storage.conftest import get_thread, make_thread, send
from client_tests.unit.doubles import Clock, RecordingPublisher, user
from server.domain.commands import MarkDelivered, MarkMessagesRead, MarkRead
from server.domain.errors import InvalidPayloadError, NotFoundError
from server.domain.events import MessagesDelivered, MessagesRead
from server.domain.results import DeliveredPosition, ReadPosition
from server.services import receipts
from server.services.receipts import ReceiptService
from server.services.tasks import Tasks
from server.storage.database import Database
from server.storage.engine import open_database

READER = user("2")


class World:
    """A thread of 1, 2 and 3 with ten messages of 1, and services as two processes have them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = Clock()
        self.told = RecordingPublisher()
        self.tasks = Tasks()
        self.service = self.another_process()
        self.thread_id = ""
        self.ids: list[str] = []

    def another_process(self) -> ReceiptService:
        """Return a service that knows nothing of what others are about to tell."""
        return ReceiptService(self.database, self.told, self.clock, self.tasks)

    async def fill(self) -> "World":
        """Make the thread."""
        self.thread_id = await make_thread(self.database, "1", "2", "3")
        sent = await send(self.database, self.thread_id, "1", *"abcdefghij")
        self.ids = [item.message.id for item in sent]
        return self

    async def read(self, seq: int) -> ReadPosition:
        """Let 2 read up to a message."""
        return await self.service.mark_read(READER, MarkRead(message_id=self.ids[seq - 1]))

    def end_turns(self) -> None:
        """End all turns now, as their timers would."""
        for key, turn in tuple(self.service._turns.items()):
            turn.timer.cancel()
            self.service._end_turn(key)


@pytest.fixture
async def world(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """The world; turns end when the test ends them."""
    monkeypatch.setattr(receipts, "TELL_EVERY_S", 60.0)
    database = open_database(sqlite_url, sqlite_synchronous="OFF")
    world = await World(database).fill()
    yield world
    for turn in world.service._turns.values():
        turn.timer.cancel()
    await world.tasks.close()
    await database.close()


async def test_mark_read_first_is_told_at_once(world: World) -> None:
    """Before the answer is there, with what was read and by whom."""
    assert await world.read(3) == ReadPosition(world.thread_id, 3, 7)
    (event,) = world.told.all(MessagesRead)
    assert event.message_ids == tuple(world.ids[:3])
    assert sorted(event.audience) == ["1", "2", "3"]
    assert (event.receipt.user_id, event.receipt.read_seq, event.receipt.rev, event.private) == ("2", 3, 12, False)


async def test_mark_read_later_is_told_when_the_time_is_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real timer ends the turn."""
    monkeypatch.setattr(receipts, "TELL_EVERY_S", 0.05)
    await world.read(1)
    await world.read(2)
    events = await world.told.heard(MessagesRead, 2)
    assert [event.message_ids for event in events] == [(world.ids[0],), (world.ids[1],)]


async def test_mark_read_later_tells_the_newest_when_the_turn_ends(world: World) -> None:
    """Of several within a turn one is told: the newest, over all that was read since the last telling."""
    for seq in (2, 4, 5, 7):
        await world.read(seq)
    assert len(world.told.all(MessagesRead)) == 1
    world.end_turns()
    first, second = await world.told.heard(MessagesRead, 2)
    assert (first.message_ids, second.message_ids) == (tuple(world.ids[:2]), tuple(world.ids[2:7]))
    assert (second.receipt.read_seq, second.receipt.rev) == (7, 13)
    assert (await get_thread(world.database, world.thread_id, "1")).rev == 13


async def test_mark_read_after_a_told_turn_waits_for_the_next(world: World) -> None:
    """Telling what waited begins a turn of its own: never more than one in a turn."""
    await world.read(1)
    await world.read(2)
    world.end_turns()
    await world.told.heard(MessagesRead, 2)
    assert len(world.service._turns) == 1
    await world.read(3)
    assert len(world.told.all(MessagesRead)) == 2
    world.end_turns()
    last = (await world.told.heard(MessagesRead, 3))[-1]
    assert last.message_ids == (world.ids[2],)


async def test_mark_read_after_a_quiet_turn_is_told_at_once(world: World) -> None:
    """Nothing is remembered of readers who fell silent."""
    await world.read(1)
    world.end_turns()
    assert world.service._turns == {}
    await world.read(2)
    assert [event.message_ids for event in world.told.all(MessagesRead)] == [(world.ids[0],), (world.ids[1],)]


async def test_mark_read_of_others_and_deliveries_have_turns_of_their_own(world: World) -> None:
    """One reader, thread or kind does not hold up another."""
    await world.read(1)
    await world.service.mark_read(user("3"), MarkRead(thread_id=world.thread_id))
    done = await world.service.mark_delivered(READER, MarkDelivered(world.thread_id, 9))
    assert done == DeliveredPosition(world.thread_id, 9)
    assert [event.receipt.user_id for event in world.told.all(MessagesRead)] == ["2", "3"]
    assert [event.receipt.delivered_seq for event in world.told.all(MessagesDelivered)] == [9]


async def test_mark_read_again_tells_nobody(world: World) -> None:
    """What is read already is answered, and no turn begins."""
    await world.service.mark_read(user("1"), MarkRead(thread_id=world.thread_id))
    assert world.told.events == []
    assert world.service._turns == {}


async def test_mark_messages_read_reaches_the_newest_of_them(world: World) -> None:
    """In whatever order they are named."""
    wanted = (world.ids[4], world.ids[8], world.ids[0])
    position = await world.service.mark_messages_read(READER, MarkMessagesRead(wanted))
    assert position == ReadPosition(world.thread_id, 9, 1)


async def test_mark_messages_read_of_two_threads_is_invalid(world: World) -> None:
    """Both are one's own, but a position is of one thread."""
    other = await make_thread(world.database, "1", "2")
    (sent,) = await send(world.database, other, "1")
    with pytest.raises(InvalidPayloadError):
        await world.service.mark_messages_read(READER, MarkMessagesRead((world.ids[0], sent.message.id)))


async def test_mark_read_of_what_is_not_ones_own_is_not_found(world: World) -> None:
    """A message of a thread of others, an unknown one, and one of another thread than named are the same."""
    other = await make_thread(world.database, "1", "3")
    (sent,) = await send(world.database, other, "1")
    mixed = MarkMessagesRead((world.ids[0], sent.message.id))
    for message_id, thread_id in ((sent.message.id, None), ("unknown", None), (world.ids[0], other)):
        with pytest.raises(NotFoundError) as caught:
            await world.service.mark_read(READER, MarkRead(thread_id, message_id))
        assert caught.value.details == {}
    with pytest.raises(NotFoundError):
        await world.service.mark_messages_read(READER, mixed)
    with pytest.raises(NotFoundError):
        await world.service.mark_read(READER, MarkRead(thread_id=other))
    assert world.told.events == []


async def test_mark_read_in_a_large_thread_is_told_to_the_reader_alone(world: World) -> None:
    """Each time, to their own devices, without a turn's wait for others."""
    large = await make_thread(world.database, "2", *(f"u{n}" for n in range(60)))
    await send(world.database, large, "u1", "a", "b")
    await world.service.mark_read(READER, MarkRead(thread_id=large))
    (event,) = world.told.all(MessagesRead)
    assert (event.private, event.audience) == (True, ("2",))


async def test_sweep_tells_what_a_dead_process_left(world: World) -> None:
    """A receipt that was stored and not told is told once, by whichever process looks."""
    await world.read(2)
    await world.read(5)
    for turn in world.service._turns.values():  # its process dies before the turn ends
        turn.timer.cancel()
    other = world.another_process()
    await other.sweep()
    assert len(world.told.all(MessagesRead)) == 1, "it is its own process's to tell yet"
    world.clock.now += 600_000
    await other.sweep()
    await other.sweep()
    events = world.told.all(MessagesRead)
    assert [event.receipt.read_seq for event in events] == [2, 5]
    assert events[1].message_ids == tuple(world.ids[:5])


async def test_sweep_leaves_what_is_about_to_be_told(world: World) -> None:
    """This process's own turn tells it."""
    await world.read(2)
    await world.read(5)
    world.clock.now += 600_000
    await world.service.sweep()
    assert len(world.told.all(MessagesRead)) == 1
    world.end_turns()
    events = await world.told.heard(MessagesRead, 2)
    assert [event.message_ids for event in events] == [tuple(world.ids[:2]), tuple(world.ids[2:5])]
