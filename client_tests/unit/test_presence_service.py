"""Presence: derived over a user's connections, told to contacts who are there."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import pytest

from client_tests.storage.conftest import make_thread
from client_tests.unit.doubles import Clock, FakeConnection, RecordingPublisher, user
from server.domain.commands import GetPresence, Heartbeat
from server.domain.errors import UnavailableError
from server.domain.events import PresenceChanged
from server.domain.models import PresenceChange, PresenceState
from server.realtime.presence import MemoryPresenceStore
from server.services.presence import PresenceService
from server.services.tasks import Tasks
from server.storage.database import Database
from server.storage.engine import open_database

NO_GRACE_S = 0.0
LONG_GRACE_S = 60.0


class Store(MemoryPresenceStore):
    """A store that notes each call of `set`, and lets a test wait for the next one."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[dict[str, PresenceState]] = []
        self.called = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.dead: dict[str, PresenceChange] = {}

    async def set(self, states: Mapping[str, PresenceState]) -> dict[str, PresenceChange]:
        """Note a batch."""
        self.calls.append(dict(states))
        self.called.set()
        await self.gate.wait()
        return await super().set(states)

    async def tick(self) -> dict[str, PresenceChange]:
        """Return what other processes' deaths changed."""
        return self.dead


class World:
    """The service with 1 and 2 in one thread and 3 in none."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = Clock()
        self.told = RecordingPublisher()
        self.store = Store()
        self.tasks = Tasks()
        self.service = PresenceService(database, self.told, self.store, self.clock, self.tasks, NO_GRACE_S)

    async def come(self, user_id: str, *names: str) -> list[FakeConnection]:
        """Connect, and wait until all of it is told."""
        made = [FakeConnection(name) for name in names or (f"of {user_id}",)]
        for connection in made:
            self.service.connected(user_id, connection)
        await self.settle()
        return made

    async def settle(self) -> None:
        """Wait until the service has no more to do."""
        while running := tuple(self.tasks._tasks):
            await asyncio.wait(running, timeout=5)

    def heard(self) -> list[tuple[str, PresenceState, tuple[str, ...]]]:
        """Return who was told to be in which state, and to whom."""
        events = self.told.all(PresenceChanged)
        return [(event.presence.user_id, event.presence.state, event.audience) for event in events]


@pytest.fixture
async def world(sqlite_url: str) -> AsyncIterator[World]:
    """The world."""
    database = open_database(sqlite_url, sqlite_synchronous="OFF")
    await make_thread(database, "1", "2")
    await make_thread(database, "3")
    world = World(database)
    yield world
    for timer in world.service._leaving.values():
        timer.cancel()
    await world.tasks.close()
    await database.close()


async def see(world: World, user_id: str, connection: FakeConnection, *, visible: bool | None) -> None:
    """Send a heartbeat, and wait until all of it is told."""
    result = world.service.heartbeat(user(user_id, connection), Heartbeat("t", visible))
    assert (result.server_time, result.timestamp) == (world.clock.now, "t")
    await world.settle()


async def states(world: World, *user_ids: str) -> list[PresenceState]:
    """Return what the store knows."""
    found = await world.store.get(user_ids)
    return [found[user_id] for user_id in user_ids]


async def test_connected_is_told_to_contacts_who_are_there(world: World) -> None:
    """Not to oneself, not to strangers, not to those who could not hear it."""
    await world.come("3")
    await world.come("1")
    assert world.heard() == []
    await world.come("2")
    assert world.heard() == [("2", "online", ("1",))]
    assert world.service.online_here == 3


async def test_two_devices_come_and_go_once(world: World) -> None:
    """A second connection changes nothing; only with the last one the user is gone."""
    await world.come("1")
    phone, laptop = await world.come("2", "phone", "laptop")
    world.service.disconnected("2", phone)
    await world.settle()
    assert world.heard() == [("2", "online", ("1",))]
    world.clock.now += 5
    world.service.disconnected("2", laptop)
    events = await world.told.heard(PresenceChanged, 2)
    assert (events[1].presence.state, events[1].presence.last_seen_at) == ("offline", world.clock.now)
    stored = await world.database.read(lambda work: work.users.get("2"))
    assert stored is not None
    assert stored.last_seen_at == world.clock.now


async def test_those_who_come_one_after_another_are_told_together(world: World) -> None:
    """The first is told at once; who comes while that goes on, and shortly after, costs one trip with the others."""
    first = asyncio.create_task(world.come("3"))
    await world.store.called.wait()
    for user_id in ("1", "2", "4"):
        world.service.connected(user_id, FakeConnection(user_id))
        await asyncio.sleep(0)
    await first
    assert world.store.calls == [{"3": "online"}, {"1": "online", "2": "online", "4": "online"}]
    assert world.heard() == [("1", "online", ("2",)), ("2", "online", ("1",))]


async def test_stop_while_others_are_gathered_is_quiet(world: World) -> None:
    """At shutdown nobody is told any more, and no work begins anew."""
    world.service.connected("1", FakeConnection("one"))
    await world.store.called.wait()
    world.service.connected("2", FakeConnection("two"))
    await world.tasks.close()
    await asyncio.sleep(0)
    assert world.tasks._tasks == set()
    assert world.store.calls == [{"1": "online"}]


async def test_disconnected_twice_or_unknown_is_no_harm(world: World) -> None:
    """Transports may say it more than once."""
    (connection,) = await world.come("1")
    for _ in range(3):
        world.service.disconnected("1", connection)
    world.service.disconnected("9", connection)
    assert list(world.service._leaving) == ["1"]


async def test_reconnected_within_the_grace_period_never_left(world: World) -> None:
    """A reload is no departure."""
    world.service._grace_s = LONG_GRACE_S
    await world.come("1")
    (before,) = await world.come("2", "before")
    world.service.disconnected("2", before)
    timer = world.service._leaving["2"]
    await world.come("2", "after")
    assert timer.cancelled()
    assert world.service._leaving == {}
    assert (world.heard(), await states(world, "2")) == ([("2", "online", ("1",))], ["online"])


async def test_gone_for_the_grace_period_is_offline(world: World) -> None:
    """When it is over, the user left."""
    await world.come("1")
    (connection,) = await world.come("2")
    world.service.disconnected("2", connection)
    await world.told.heard(PresenceChanged, 2)
    assert world.heard()[1:] == [("2", "offline", ("1",))]
    assert await states(world, "2") == ["offline"]


async def test_heartbeat_hidden_is_away_until_seen_again(world: World) -> None:
    """Away is told with the time of the last visit; saying the same again is not told."""
    await world.come("1")
    (connection,) = await world.come("2")
    for visible in (False, False, None, True, True):
        await see(world, "2", connection, visible=visible)
    assert [state for _, state, _ in world.heard()] == ["online", "away", "online"]


async def test_heartbeat_of_one_visible_device_keeps_the_user_online(world: World) -> None:
    """One device in sight is enough; once it is gone the hidden one decides."""
    await world.come("1")
    phone, laptop = await world.come("2", "phone", "laptop")
    await see(world, "2", laptop, visible=True)
    await see(world, "2", phone, visible=False)
    assert await states(world, "2") == ["online"]
    world.service.disconnected("2", laptop)
    await world.settle()
    assert await states(world, "2") == ["away"]


async def test_heartbeat_of_a_connection_that_is_gone_changes_nothing(world: World) -> None:
    """It may still be under way when the client leaves."""
    (connection,) = await world.come("1")
    world.service.disconnected("1", connection)
    await see(world, "1", connection, visible=True)
    assert world.service.online_here == 0


async def test_greet_tells_which_contacts_are_online(world: World) -> None:
    """One event each, to the new connection alone."""
    await world.come("1")
    await world.come("3")
    (connection,) = await world.come("2")
    await world.service.greet("2", connection)
    events = connection.all(PresenceChanged)
    assert [(event.presence.user_id, event.presence.state, event.audience) for event in events] == [
        ("1", "online", ("2",))
    ]


async def test_introduce_tells_new_contacts_of_one_another(world: World) -> None:
    """Of those who are online, to the others; a large group stays silent."""
    await world.come("1")
    await world.come("3")
    world.told.events.clear()
    await world.service.introduce(["1", "2", "3"])
    assert world.heard() == [("1", "online", ("2", "3")), ("3", "online", ("1", "2"))]
    world.told.events.clear()
    await world.service.introduce([str(n) for n in range(101)])
    assert world.heard() == []


async def test_get_shows_acquaintances_only(world: World) -> None:
    """In the order asked for; strangers and unknown people are left out, oneself is not."""
    await world.come("3")
    await world.come("1")
    found = await world.service.get(user("1"), GetPresence(("3", "2", "9", "1")))
    assert [(presence.user_id, presence.state, presence.is_online) for presence in found.users] == [
        ("2", "offline", False),
        ("1", "online", True),
    ]
    assert found.users[0].last_seen_at is None


async def test_many_who_come_at_once_are_one_batch(world: World) -> None:
    """What comes while a batch is under way is the next one, however often a user changes."""
    world.store.gate.clear()
    for n in range(50):
        world.service.connected(f"u{n}", FakeConnection(f"c{n}"))
    await world.store.called.wait()
    for n in range(50, 100):
        world.service.connected(f"u{n}", FakeConnection(f"c{n}"))
        world.service.connected(f"u{n}", FakeConnection(f"d{n}"))
    world.store.gate.set()
    await world.settle()
    assert [len(call) for call in world.store.calls] == [50, 50]


async def test_tick_tells_of_those_whose_process_died(world: World) -> None:
    """They were seen until now; one who is elsewhere too is not told as gone."""
    await world.come("1")
    world.store.dead = {"2": PresenceChange("online", "offline"), "3": PresenceChange("online", "online")}
    await world.service.tick()
    assert world.heard() == [("2", "offline", ("1",))]


async def test_failing_database_does_not_stop_presence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who come while it fails are recorded nevertheless, without waiting for someone else's change."""
    world.store.gate.clear()
    world.service.connected("1", FakeConnection("a"))
    await world.store.called.wait()
    world.service.connected("2", FakeConnection("b"))

    async def away(_job: Any) -> None:
        raise UnavailableError

    with monkeypatch.context() as patch:
        patch.setattr(world.database, "write", away)
        world.store.gate.set()
        await world.settle()
    assert await states(world, "1", "2") == ["online", "online"]


async def test_close_remembers_when_everyone_was_last_seen(world: World) -> None:
    """Those who are here and those who are just leaving."""
    world.service._grace_s = LONG_GRACE_S
    await world.come("1")
    (leaving,) = await world.come("2")
    world.service.disconnected("2", leaving)
    world.clock.now += 7
    await world.service.close()
    assert await _last_seen(world, ["1", "2", "3"]) == {"1": world.clock.now, "2": world.clock.now, "3": None}


async def _last_seen(world: World, user_ids: Iterable[str]) -> dict[str, int | None]:
    found = await world.database.read(lambda work: work.users.get_many(user_ids))
    return {user_id: person.last_seen_at for user_id, person in found.items()}


async def test_last_seen_is_now_for_who_is_in_sight_and_stays_where_it_ended(world: World) -> None:
    """A connection that never said `visible` does not count, and neither does one that only says it is hidden."""
    silent, hidden, looking = await world.come("1", "silent", "hidden", "looking")
    began = world.clock.now
    world.service.heartbeat(user("1", hidden), Heartbeat(visible=False))
    assert await world.service.last_seen(["1", "2"]) == {}
    world.service.heartbeat(user("1", looking), Heartbeat(visible=True))
    world.clock.now += 30_000
    assert await world.service.last_seen(["1", "2"]) == {"1": began + 30_000}
    world.service.heartbeat(user("1", looking), Heartbeat(visible=False))
    world.clock.now += 5_000
    assert await world.service.last_seen(["1"]) == {"1": began + 30_000}
    world.service.heartbeat(user("1", looking), Heartbeat(visible=True))
    world.clock.now += 5_000
    world.service.disconnected("1", looking)
    world.service.disconnected("1", silent)
    world.clock.now += 5_000
    assert await world.service.last_seen(["1"]) == {"1": began + 40_000}
    await world.settle()


async def test_tick_says_again_who_is_in_sight(world: World) -> None:
    """Other processes believe it for some seconds only, so that a process that dies keeps nobody from being pushed."""
    (looking,) = await world.come("1")
    await world.come("2")
    world.service.heartbeat(user("1", looking), Heartbeat(visible=True))
    await world.settle()
    world.clock.now += 5_000
    await world.service.tick()
    assert await world.store.last_seen(["1", "2"]) == {"1": world.clock.now}
