"""Notification centres: each user's own revisions, paging, reading and clearing."""

import asyncio
import threading
from collections.abc import Callable
from itertools import count

import pytest

from client_tests.storage.conftest import make_users
from server.domain.errors import InvalidPayloadError, NotFoundError
from server.domain.models import Notification
from server.storage.database import Database
from server.storage.engine import open_database
from server.storage.notifications import NotificationRepository
from server.storage.unit_of_work import UnitOfWork

NOW = 9_000
_IDS = map("{:08}".format, count())
"""Ascending, as UUIDv7 are; those of one millisecond are not."""


@pytest.fixture(autouse=True)
async def _users(database: Database) -> None:
    await make_users(database, "1", "2")


async def notify(database: Database, user_id: str = "1", title: str = "t") -> Notification:
    """Store a notification."""
    new = Notification(next(_IDS), user_id, title, "m", "medium", "/a", created_at=1, rev=0)
    return await database.write(lambda work: work.notifications.add(new))


async def change(database: Database, job: Callable[[NotificationRepository], int | None]) -> int | None:
    """Change a centre."""
    return await database.write(lambda work: job(work.notifications))


async def test_add_counts_each_users_own_revisions(database: Database) -> None:
    """Revisions of one centre have no gaps, and another's do not matter."""
    stored = [await notify(database, user_id) for user_id in ("1", "2", "1", "1")]
    assert [item.rev for item in stored] == [1, 1, 2, 3]
    assert await database.read(lambda work: (work.notifications.rev("1"), work.notifications.rev("3"))) == (3, 0)


async def test_add_concurrently_on_two_processes_gives_each_a_rev(pair: tuple[Database, Database]) -> None:
    """Two processes never give the same rev twice."""
    stored = await asyncio.gather(*(notify(pair[n % 2]) for n in range(20)))
    assert sorted(item.rev for item in stored) == list(range(1, 21))


async def test_add_for_an_unknown_user_is_not_found(database: Database) -> None:
    """Nobody can be told who does not exist."""
    with pytest.raises(NotFoundError):
        await notify(database, "9")


async def test_page_shows_what_is_not_cleared_newest_first(database: Database) -> None:
    """Pages follow one another without gaps; cleared items and other users' are left out."""
    items = [await notify(database, title=str(n)) for n in range(7)]
    await notify(database, "2")
    await change(database, lambda centre: centre.clear("1", items[3].id, NOW))
    await change(database, lambda centre: centre.mark_read("1", items[0].id, NOW))
    found, cursor = [], None
    for size in (4, 2):
        at = cursor
        page = await database.read(lambda work, at=at: work.notifications.page("1", at, 4))
        assert (len(page.notifications), page.unread_count, page.rev) == (size, 5, 9)
        found += [item.title for item in page.notifications]
        cursor = page.next_cursor
    assert (found, cursor) == (["6", "5", "4", "2", "1", "0"], None)


async def test_page_with_a_forged_cursor_is_invalid(database: Database) -> None:
    """A cursor of another list is refused."""
    with pytest.raises(InvalidPayloadError):
        await database.read(lambda work: work.notifications.page("1", "WzEsICJhIl0", 4))


async def test_changed_since_goes_on_where_the_last_page_ended(database: Database) -> None:
    """Paging by rev finds every change once, cleared items included."""
    items = [await notify(database, title=str(n)) for n in range(5)]
    await change(database, lambda centre: centre.clear("1", items[0].id, NOW))
    rev, found, more = 0, [], True
    while more:
        after = rev
        changes = await database.read(lambda work, after=after: work.notifications.changed_since("1", after, 2))
        found += [item.title for item in changes.items]
        rev, more = changes.rev, changes.more
    assert (found, rev) == (["1", "2", "3", "4", "0"], 6)
    assert (await database.read(lambda work: work.notifications.changed_since("1", 6, 2))).items == ()


async def test_changed_since_never_cuts_a_shared_rev(database: Database) -> None:
    """What was read at once shares a rev and comes together, however small the page."""
    for n in range(5):
        await notify(database, title=str(n))
    assert await change(database, lambda centre: centre.mark_all_read("1", NOW)) == 6
    late = await notify(database, title="late")
    changes = await database.read(lambda work: work.notifications.changed_since("1", 0, 2))
    assert ([item.title for item in changes.items], changes.rev, changes.more) == (list("01234"), 6, True)
    changes = await database.read(lambda work: work.notifications.changed_since("1", 6, 2))
    assert (changes.items, changes.rev, changes.more) == ((late,), 7, False)


@pytest.mark.parametrize("list_name", ["changed_since", "page"])
async def test_list_during_a_change_never_skips_it(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch, list_name: str
) -> None:
    """A notification stored while the list is read is in it, or is above the rev that it tells."""
    read_rev = NotificationRepository.rev

    def read_rev_after_a_change(centre: NotificationRepository, user_id: str) -> int:
        monkeypatch.setattr(NotificationRepository, "rev", read_rev)
        beside = threading.Thread(target=lambda: asyncio.run(_notify_beside(database_url)))
        beside.start()
        beside.join()
        return read_rev(centre, user_id)

    monkeypatch.setattr(NotificationRepository, "rev", read_rev_after_a_change)

    def job(work: UnitOfWork) -> tuple[int, list[int]]:
        if list_name == "page":
            page = work.notifications.page("1", None, 10)
            return page.rev, [item.rev for item in page.notifications]
        changes = work.notifications.changed_since("1", 0, 10)
        return changes.rev, [item.rev for item in changes.items]

    assert await database.read(job) in ((1, [1]), (0, []), (0, [1]))


async def _notify_beside(url: str) -> None:
    database = open_database(url)
    await notify(database)
    await database.close()


async def test_mark_read_once_takes_a_rev_and_twice_none(database: Database) -> None:
    """Reading again changes nothing."""
    item = await notify(database)
    assert await change(database, lambda centre: centre.mark_read("1", item.id, NOW)) == 2
    assert await change(database, lambda centre: centre.mark_read("1", item.id, NOW + 1)) is None
    page = await database.read(lambda work: work.notifications.page("1", None, 4))
    assert (page.notifications[0].read_at, page.notifications[0].rev, page.unread_count) == (NOW, 2, 0)


async def test_change_of_what_is_not_ones_own_is_not_found(database: Database) -> None:
    """Another's, an unknown one and a cleared one are the same."""
    others, cleared = await notify(database, "2"), await notify(database)
    await change(database, lambda centre: centre.clear("1", cleared.id, NOW))
    for wanted in (others.id, cleared.id, "unknown"):
        for method in ("mark_read", "clear"):
            with pytest.raises(NotFoundError):
                await change(database, lambda centre, m=method, w=wanted: getattr(centre, m)("1", w, NOW))
    assert await database.read(lambda work: work.notifications.unread_count("2")) == 1


async def test_clear_counts_as_read(database: Database) -> None:
    """What is cleared is unread no more, and keeps the time when it was read before."""
    unread, read = await notify(database), await notify(database)
    await change(database, lambda centre: centre.mark_read("1", read.id, NOW - 1))
    for item in (unread, read):
        await change(database, lambda centre, item=item: centre.clear("1", item.id, NOW))
    changes = await database.read(lambda work: work.notifications.changed_since("1", 0, 10))
    assert [(item.read_at, item.cleared_at) for item in changes.items] == [(NOW, NOW), (NOW - 1, NOW)]
    assert changes.unread_count == 0


async def test_mark_all_read_reads_ones_own_only(database: Database) -> None:
    """All unread of one centre get one rev; with nothing unread there is no change."""
    await notify(database)
    await notify(database, "2")
    assert await change(database, lambda centre: centre.mark_all_read("1", NOW)) == 2
    assert await change(database, lambda centre: centre.mark_all_read("1", NOW)) is None
    assert await database.read(lambda work: work.notifications.unread_count("2")) == 1
