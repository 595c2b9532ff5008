"""Browsers that get pushes: one owner for each, twenty for each owner, and what is chosen goes with them."""

import asyncio

import pytest

from client_tests.push import Browser
from client_tests.storage.conftest import make_thread, make_users, new_thread
from server.domain.errors import NotFoundError
from server.domain.ids import new_id
from server.domain.models import Device, Preferences, PushKeys, PushSubscription, Subject
from server.storage import push
from server.storage.database import Database
from server.storage.push import MAX_DEVICES, NewSubscription, PushTarget


@pytest.fixture(autouse=True)
async def _users(database: Database) -> None:
    await make_users(database, "1", "2", "3")


def new(user_id: str, browser: Browser, name: str | None = None, now: int = 1) -> NewSubscription:
    """Describe a subscription."""
    subscription = PushSubscription(new_id(), user_id, browser.endpoint, PushKeys(**browser.keys))
    return NewSubscription(subscription, name, now)


async def subscribe(database: Database, wanted: NewSubscription) -> tuple[Device, str | None]:
    """Store a subscription."""
    return await database.write(lambda work: work.push.subscribe(wanted))


async def devices(database: Database, user_id: str) -> list[str]:
    """Return the ids of someone's devices."""
    return [device.id for device in await database.read(lambda work: work.push.devices(user_id))]


async def test_subscribe_again_renews_the_same_device(database: Database) -> None:
    """Id and time stay; keys are replaced, and a name stays unless another is given."""
    browser = Browser()
    first = new("1", browser, "Firefox", now=5)
    assert await subscribe(database, first) == (Device(first.subscription.id, "Firefox", 5), None)
    other = Browser()
    other.endpoint = browser.endpoint
    assert await subscribe(database, new("1", other, None, now=9)) == (
        Device(first.subscription.id, "Firefox", 5),
        None,
    )
    assert (await subscribe(database, new("1", other, "Mi móvil", now=9)))[0].name == "Mi móvil"
    (target,) = await database.read(lambda work: work.push.targets(["1"]))
    assert target.subscription.keys == PushKeys(**other.keys)


async def test_subscribe_of_anothers_browser_moves_it(database: Database) -> None:
    """Whoever signs in on a shared browser last gets its pushes, and is shown no trace of the other."""
    browser = Browser()
    before, _ = await subscribe(database, new("1", browser, "De Ana"))
    after, former = await subscribe(database, new("2", browser))
    assert (former, after.name, after.id != before.id) == ("1", None, True)
    assert (await devices(database, "1"), await devices(database, "2")) == ([], [after.id])


async def test_subscribe_racing_of_two_people_leaves_one_owner(pair: tuple[Database, Database]) -> None:
    """On two processes at the same moment."""
    for _ in range(5):
        browser = Browser()
        await asyncio.gather(*(subscribe(one, new(user_id, browser)) for one, user_id in zip(pair, "12", strict=True)))
        owners = await pair[0].read(lambda work: work.push.targets(["1", "2"]))
        assert [target.subscription.endpoint for target in owners].count(browser.endpoint) == 1


async def test_subscribe_of_one_too_many_drops_the_least_lately_renewed(database: Database) -> None:
    """Not the first: that one may be in daily use."""
    browsers = [Browser(str(n)) for n in range(MAX_DEVICES)]
    made = [(await subscribe(database, new("1", browser, now=n)))[0].id for n, browser in enumerate(browsers)]
    await subscribe(database, new("1", browsers[0], now=100))
    last, _ = await subscribe(database, new("1", Browser(), now=101))
    assert set(await devices(database, "1")) == {*made, last.id} - {made[1]}
    assert len(await devices(database, "1")) == MAX_DEVICES


async def test_devices_are_listed_oldest_first(database: Database) -> None:
    """Each user's own."""
    ids = [(await subscribe(database, new("1", Browser(), now=n)))[0].id for n in (3, 1, 2)]
    await subscribe(database, new("2", Browser()))
    assert await devices(database, "1") == [ids[1], ids[2], ids[0]]


async def test_unsubscribe_removes_ones_own_device_only(database: Database) -> None:
    """By endpoint or id; another's and an unknown one look alike."""
    browsers = Browser(), Browser()
    one, two = [(await subscribe(database, new("1", browser)))[0] for browser in browsers]

    async def unsubscribe(user_id: str, endpoint: str | None, device_id: str | None) -> None:
        await database.write(lambda work: work.push.unsubscribe(user_id, endpoint=endpoint, device_id=device_id))

    for user_id, endpoint, device_id in (
        ("2", browsers[0].endpoint, None),
        ("2", None, one.id),
        ("1", "https://push.example.com/unknown", None),
        ("1", None, "unknown"),
    ):
        with pytest.raises(NotFoundError):
            await unsubscribe(user_id, endpoint, device_id)
    await unsubscribe("1", browsers[0].endpoint, None)
    assert await devices(database, "1") == [two.id]
    await unsubscribe("1", None, two.id)
    assert await devices(database, "1") == []


async def test_remove_of_a_device_that_moved_leaves_it(database: Database) -> None:
    """A late word of a push service must not take a browser from its new owner."""
    browser = Browser()
    old = new("1", browser)
    await subscribe(database, old)
    device, _ = await subscribe(database, new("2", browser))
    assert await database.write(lambda work: work.push.remove(old.subscription)) is False
    assert await devices(database, "2") == [device.id]
    (target,) = await database.read(lambda work: work.push.targets(["2"]))
    assert await database.write(lambda work: work.push.remove(target.subscription)) is True
    assert await devices(database, "2") == []


async def test_remove_older_leaves_what_subscribed_since(database: Database) -> None:
    """With a user's revoked tokens go the devices that did not come back."""
    await subscribe(database, new("1", Browser(), now=10))
    kept, _ = await subscribe(database, new("1", Browser(), now=20))
    other, _ = await subscribe(database, new("2", Browser(), now=1))
    await database.write(lambda work: work.push.remove_older("1", 20))
    assert (await devices(database, "1"), await devices(database, "2")) == ([kept.id], [other.id])


async def test_targets_come_with_what_their_owners_chose(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """One question for many users, in portions that databases can take."""
    monkeypatch.setattr(push, "MAX_NAMED", 2)
    wanted = [new(user_id, Browser()) for user_id in ("1", "2", "2")]
    for one in wanted:
        await subscribe(database, one)
    await database.write(lambda work: work.users.choose("1", {"locale": "en", "push_preview": False}))
    targets = await database.read(lambda work: work.push.targets(["1", "x", "2", "3"]))
    chosen = [Preferences(locale="en", push_preview=False), Preferences(), Preferences()]
    expected = [PushTarget(one.subscription, choice) for one, choice in zip(wanted, chosen, strict=True)]
    assert sorted(targets, key=str) == sorted(expected, key=str)
    assert await database.read(lambda work: work.push.targets([])) == []


async def test_thread_titles_are_their_own_or_their_subjects(database: Database) -> None:
    """What a push of a group names."""
    bare = await make_thread(database, "1", "2")
    subject = Subject("property", "7", "Piso en Ruzafa")
    about = new_thread("1", "2", kind="direct", subject=subject, direct_key="k")
    await database.write(lambda work: work.threads.create(about))
    titles = await database.read(lambda work: work.push.thread_titles([bare, about.id, "unknown"]))
    assert titles == {bare: ("group", None), about.id: ("direct", "Piso en Ruzafa")}
