"""What changed after a rev, told as the events that told it: on both databases."""

import pytest

from client_tests.storage.conftest import make_thread, make_users, send
from server.domain.events import (
    MessagesDelivered,
    MessageSent,
    MessagesRead,
    NotificationCreated,
    NotificationUpdated,
    ThreadCreated,
)
from server.domain.ids import new_id
from server.domain.models import Notification
from server.storage import changes as changes_module
from server.storage.changes import Changes, TooManyChangesError
from server.storage.database import Database

NOW = 5_000


async def of_thread(database: Database, thread_id: str, after: int) -> Changes | None:
    """Return what changed in a thread."""
    return (await database.read(lambda work: work.changes.of_threads({thread_id: after}))).get(thread_id)


async def of_centre(database: Database, user_id: str, after: int) -> Changes | None:
    """Return what changed in a notification centre."""
    return await database.read(lambda work: work.changes.of_centre(user_id, after))


async def move(database: Database, kind: str, thread_id: str, user_id: str, seq: int) -> None:
    """Move a receipt and tell it."""
    await database.write(lambda work: work.receipts.move(kind, thread_id, user_id, seq, NOW, tell=True))  # type: ignore[arg-type]


async def notify(database: Database, user_id: str) -> Notification:
    """Store a notification."""
    new = Notification(new_id(), user_id, "t", "m", "medium", None, created_at=1, rev=0)
    return await database.write(lambda work: work.notifications.add(new))


@pytest.fixture
async def thread_id(database: Database) -> str:
    """A thread of 1, 2 and 3 (rev 1), with three messages of 1 (2 to 4)."""
    made = await make_thread(database, "1", "2", "3")
    await send(database, made, "1", *"abc")
    return made


async def test_everything_of_a_thread_comes_in_the_order_of_its_revs(database: Database, thread_id: str) -> None:
    """The opening, messages and receipts, each at the rev that told it, and each with its audience."""
    await move(database, "delivered", thread_id, "2", 3)  # 5
    await move(database, "read", thread_id, "2", 3)  # 6
    await send(database, thread_id, "3", "d")  # 7
    found = await of_thread(database, thread_id, 0)
    assert found is not None
    assert found.up_to == 7
    assert sorted(found.audience) == ["1", "2", "3"]
    kinds = [(rev, type(event)) for rev, event in found.events]
    assert kinds == [
        (1, ThreadCreated),
        *[(rev, MessageSent) for rev in (2, 3, 4)],
        (5, MessagesDelivered),
        (6, MessagesRead),
        (7, MessageSent),
    ]
    opened, read = found.events[0][1], found.events[5][1]
    assert isinstance(opened, ThreadCreated)
    assert (opened.thread.rev, opened.thread.last_seq, opened.thread.last_message) == (1, 0, None)
    assert isinstance(read, MessagesRead)
    assert (read.receipt.rev, read.receipt.read_seq, len(read.message_ids)) == (6, 3, 3)


async def test_only_what_came_after_the_rev(database: Database, thread_id: str) -> None:
    """Nothing at the present rev, and None beyond."""
    found = await of_thread(database, thread_id, 3)
    assert found is not None
    assert [rev for rev, _ in found.events] == [4]
    assert await of_thread(database, thread_id, 4) is None
    assert await of_thread(database, "unknown", 0) is None


async def test_what_was_superseded_is_left_out_and_both_receipts_stand(database: Database, thread_id: str) -> None:
    """A receipt that moved twice is told at its last rev; the other receipt of the same person keeps its own."""
    await move(database, "read", thread_id, "2", 1)  # 5
    await move(database, "delivered", thread_id, "2", 3)  # 6
    await move(database, "read", thread_id, "2", 2)  # 7
    found = await of_thread(database, thread_id, 4)
    assert found is not None
    assert [(rev, type(event)) for rev, event in found.events] == [(6, MessagesDelivered), (7, MessagesRead)]


async def test_unread_count_is_that_of_the_receipts_own_rev(database: Database, thread_id: str) -> None:
    """What came after it is told after it, and counted once: by whoever hears it."""
    await move(database, "read", thread_id, "2", 2)  # 5
    await send(database, thread_id, "3", "d")  # 6
    await send(database, thread_id, "2", "e")  # 7
    found = await of_thread(database, thread_id, 4)
    assert found is not None
    assert [rev for rev, _ in found.events] == [5, 6, 7]
    read = found.events[0][1]
    assert isinstance(read, MessagesRead)
    assert read.receipt.unread_count == 1


async def test_what_changed_once_more_after_the_end_is_not_left_out(
    database: Database, thread_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL rows may be newer than the end of the span, which is read before them."""
    await move(database, "read", thread_id, "2", 3)  # 5
    await move(database, "delivered", thread_id, "3", 3)  # 6
    await move(database, "delivered", thread_id, "2", 3)  # nothing: reading moved it
    await send(database, thread_id, "1", "d")  # 7
    await move(database, "delivered", thread_id, "2", 4)  # 8
    made = await notify(database, "1")  # 1
    await database.write(lambda work: work.notifications.clear("1", made.id, NOW))  # 2
    repository = changes_module.ChangesRepository
    monkeypatch.setattr(repository, "revs_of_threads", lambda *_: {thread_id: 6})
    monkeypatch.setattr(repository, "revs_of_centres", lambda *_: {"1": 1})
    thread, centre = await of_thread(database, thread_id, 4), await of_centre(database, "1", 0)
    assert thread is not None
    assert centre is not None
    assert [(rev, type(event)) for rev, event in thread.events] == [(5, MessagesRead), (6, MessagesDelivered)]
    assert [(rev, type(event)) for rev, event in centre.events] == [(1, NotificationCreated)]


async def test_several_threads_at_once(database: Database, thread_id: str) -> None:
    """Each after its own rev, with its own audience."""
    other = await make_thread(database, "1", "4")
    await send(database, other, "4", "x")
    found = await database.read(lambda work: work.changes.of_threads({thread_id: 3, other: 1}))
    assert {key: [rev for rev, _ in changed.events] for key, changed in found.items()} == {thread_id: [4], other: [2]}
    assert sorted(found[other].audience) == ["1", "4"]
    assert await database.read(lambda work: work.changes.revs_of_threads([thread_id, other, "?"])) == {
        thread_id: 4,
        other: 2,
    }


async def test_too_much_is_refused(database: Database, thread_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never a part as if it were all."""
    monkeypatch.setattr(changes_module, "MAX_CHANGES", 2)
    with pytest.raises(TooManyChangesError):
        await of_thread(database, thread_id, 0)
    assert (await of_thread(database, thread_id, 2)) is not None


async def test_notifications_made_read_and_cleared(database: Database) -> None:
    """Made since: at their first rev, unless cleared by now; what happened to them: at its own."""
    await make_users(database, "1")
    first, second, third = [await notify(database, "1") for _ in range(3)]
    await database.write(lambda work: work.notifications.clear("1", second.id, NOW))  # 4
    await database.write(lambda work: work.notifications.mark_all_read("1", NOW))  # 5
    found = await of_centre(database, "1", 1)
    assert found is not None
    assert (found.up_to, found.audience) == (5, ("1",))
    told = [
        (rev, event.notification.id if isinstance(event, NotificationCreated) else event.notification_ids)
        for rev, event in found.events
        if isinstance(event, NotificationCreated | NotificationUpdated)
    ]
    assert [(rev, ids if isinstance(ids, str) else sorted(ids)) for rev, ids in told] == [
        (3, third.id),
        (4, [second.id]),
        (5, sorted([first.id, third.id])),
    ]
    assert await of_centre(database, "1", 5) is None
    assert await database.read(lambda work: work.changes.revs_of_centres(["1", "?"])) == {"1": 5}
