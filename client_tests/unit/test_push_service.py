"""Who is pushed what and when: a clock that is turned by hand, and a push service that only remembers."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from client_tests.answers import until
from client_tests.push import KEY, Browser
from client_tests.storage.conftest import make_thread, make_users
from client_tests.unit.doubles import Clock, FakeConnection, RecordingPublisher, user
from server.contract.operations import PRESENCE
from server.domain.commands import Heartbeat, SubscribePush, UpdateSettings
from server.domain.errors import UnavailableError
from server.domain.events import MessageSent, NotificationCreated, SettingsUpdated, UserDisconnected
from server.domain.models import Message, Notification, Priority, Push, PushKeys, PushResult
from server.realtime.presence import MemoryPresenceStore
from server.services import push
from server.services.presence import PresenceService
from server.services.push import BACKOFF_S, PUSH_AFTER_S, PushingPublisher, PushService
from server.services.tasks import Tasks
from server.services.user_settings import UserSettingsService
from server.storage.database import Database
from server.storage.engine import open_database


class Sender:
    """Remembers pushes, and answers as it is told (sent, unless told otherwise)."""

    def __init__(self) -> None:
        self.sent: list[Push] = []
        self.results: list[PushResult] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.at_once = 0
        self.most_at_once = 0
        self.closed = False

    async def send(self, push: Push) -> PushResult:
        """Remember a push."""
        self.sent.append(push)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.gate.wait()
        self.at_once -= 1
        return self.results.pop(0) if self.results else PushResult("sent")

    async def close(self) -> None:
        """Remember that, too."""
        self.closed = True


class World:
    """Users 1 and 2 in one thread; who subscribes has a browser."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = Clock()
        self.told = RecordingPublisher()
        self.tasks = Tasks()
        self.sender = Sender()
        self.presence = PresenceService(database, self.told, MemoryPresenceStore(), self.clock, self.tasks, 0.0)
        self.settings = UserSettingsService(database, self.told, self.clock, KEY.public)
        self.push = PushService(database, self.presence, self.settings, self.sender, self.clock, self.tasks, "es")
        self.publisher = PushingPublisher(self.told, self.push)
        self.thread_id = ""
        self.seq = 0

    async def subscribe(self, user_id: str = "2", name: str = "b") -> Browser:
        """Give someone a browser."""
        browser = Browser(name)
        await self.settings.subscribe(user(user_id), SubscribePush(browser.endpoint, PushKeys(**browser.keys)))
        return browser

    async def connect(self, user_id: str, *, visible: bool | None) -> FakeConnection:
        """Open a connection and say whether it is in sight, if anything."""
        connection = FakeConnection(f"{user_id}-{self.clock.now}", namespace=PRESENCE)
        self.presence.connected(user_id, connection)
        await self.say(connection, user_id, visible=visible)
        return connection

    async def say(self, connection: FakeConnection, user_id: str, *, visible: bool | None) -> None:
        """Say whether a connection is in sight."""
        self.presence.heartbeat(user(user_id, connection), Heartbeat(visible=visible))

    def send(self, content: str = "Hola", sender_id: str | None = "1") -> None:
        """Publish a message of the thread."""
        self.seq += 1
        name = sender_id and "Ana"
        kind = "user" if sender_id else "system"
        message = Message(
            f"m{self.seq}", self.thread_id, self.seq, self.seq, kind, sender_id, name, content, self.clock.now
        )
        self.publisher.publish(MessageSent(message, ("1", "2")))

    def notify(self, priority: Priority = "medium", user_id: str = "2") -> None:
        """Publish a notification."""
        self.seq += 1
        notification = Notification(f"n{self.seq}", user_id, "T", "M", priority, None, self.clock.now, self.seq)
        self.publisher.publish(NotificationCreated(notification, 1))

    async def settle(self) -> None:
        """Wait until the services have no more to do."""
        async with asyncio.timeout(5):
            while running := tuple(self.tasks._tasks):
                await asyncio.wait(running)

    async def pass_time(self, seconds: float) -> None:
        """Turn the clock, and take up what is due."""
        self.clock.now += int(seconds * 1000)
        await self.push.tick()
        await self.settle()

    async def bodies(self) -> list[str]:
        """Return the texts of all pushes so far."""
        await self.settle()
        return [sent.note.body for sent in self.sender.sent]


@pytest.fixture
async def world(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """The world, on both databases."""
    monkeypatch.setattr(push, "GATHER_S", 0.01)
    database = open_database(database_url, sqlite_synchronous="OFF")
    made = World(database)
    await make_users(database, "1", "2", "3")
    made.thread_id = await make_thread(database, "1", "2")
    yield made
    await made.tasks.close()
    await database.close()


async def test_message_is_pushed_to_all_devices_of_others_and_not_to_its_sender(world: World) -> None:
    """Of whoever has no connection at all; who has no browser costs nothing."""
    for user_id, name in (("1", "own"), ("2", "phone"), ("2", "laptop"), ("3", "stranger")):
        await world.subscribe(user_id, name)
    world.send()
    assert await world.bodies() == ["Hola", "Hola"]
    assert {sent.subscription.user_id for sent in world.sender.sent} == {"2"}
    assert {sent.topic for sent in world.sender.sent} == {world.thread_id.replace("-", "")}
    assert world.sender.sent[0].note.title == "Ana"
    assert world.push.outcomes == {"sent": 2}


async def test_message_of_the_system_is_pushed_to_everyone(world: World) -> None:
    """It has no sender to leave out."""
    await world.subscribe("1")
    await world.subscribe("2")
    world.send(sender_id=None)
    assert len(await world.bodies()) == 2


async def test_what_is_told_is_told_to_connections_as_before(world: World) -> None:
    """Pushing is beside telling; other events are not pushed."""
    world.send()
    world.publisher.publish(UserDisconnected("1"))
    await world.settle()
    assert [type(event).__name__ for event in world.told.events] == ["MessageSent", "UserDisconnected"]
    assert world.sender.sent == []


async def test_nobody_subscribed_asks_the_database_once_for_many_messages(world: World) -> None:
    """The hot path stays free: everything that came together is one query."""
    reads = 0
    read = world.database.read

    async def counted(job: object) -> object:
        nonlocal reads
        reads += 1
        return await read(job)  # type: ignore[arg-type]

    world.database.read = counted  # type: ignore[method-assign, assignment]
    for _ in range(100):
        world.send()
    assert reads == 0
    await world.settle()
    assert (reads, world.push.depth) == (1, 0)


async def test_who_is_in_sight_is_not_pushed(world: World) -> None:
    """On any of their connections, whatever the others say."""
    await world.subscribe()
    await world.connect("2", visible=False)
    await world.connect("2", visible=True)
    world.send()
    assert await world.bodies() == []
    await world.pass_time(60)
    assert world.sender.sent == []
    assert world.push.outcomes == {"seen": 1}


@pytest.mark.parametrize("visible", [False, None])
async def test_who_is_connected_and_never_in_sight_is_pushed_at_once(world: World, visible: bool | None) -> None:
    """A connection that says nothing shows nothing."""
    await world.subscribe()
    await world.connect("2", visible=visible)
    world.send()
    assert await world.bodies() == ["Hola"]


@pytest.mark.parametrize("leaves", [False, True])
async def test_who_looked_a_moment_ago_is_pushed_when_ten_seconds_are_over(world: World, leaves: bool) -> None:
    """Whether the page was hidden or closed: who is back within that time sees it anyway."""
    await world.subscribe()
    connection = await world.connect("2", visible=True)
    if leaves:
        world.presence.disconnected("2", connection)
    else:
        await world.say(connection, "2", visible=False)
    world.clock.now += 3_000
    world.send()
    await world.pass_time(PUSH_AFTER_S - 3 - 0.001)
    assert world.sender.sent == []
    await world.pass_time(0.001)
    assert await world.bodies() == ["Hola"]
    world.send("otra")
    assert await world.bodies() == ["Hola", "otra"]


async def test_who_comes_back_before_ten_seconds_are_over_is_not_pushed(world: World) -> None:
    """They see it in the app."""
    await world.subscribe()
    connection = await world.connect("2", visible=True)
    await world.say(connection, "2", visible=False)
    world.clock.now += 3_000
    world.send()
    await world.settle()
    world.clock.now += 2_000
    await world.say(connection, "2", visible=True)
    await world.say(connection, "2", visible=False)
    await world.pass_time(20)
    assert world.sender.sent == []


async def test_who_was_in_sight_of_a_process_that_died_is_pushed(world: World) -> None:
    """It said so for the last time before the message came, so nobody saw that."""
    await world.subscribe()
    await world.presence._store.saw({"2": world.clock.now - 4_000}, 0)
    world.send()
    assert await world.bodies() == []
    await world.pass_time(6)
    assert await world.bodies() == ["Hola"]


async def test_preferences_decide_what_is_pushed(world: World) -> None:
    """Messages or not; all notifications, urgent ones, or none."""
    await world.subscribe()
    for command, expected in (
        (UpdateSettings(push_messages=False), ["n low", "n urgent"]),
        (UpdateSettings(push_notifications="urgent"), ["n urgent"]),
        (UpdateSettings(push_notifications="none"), []),
        (UpdateSettings(push_messages=True), ["m"]),
    ):
        await world.settings.update(user("2"), command)
        world.sender.sent.clear()
        world.send()
        world.notify("low")
        world.notify("urgent")
        await world.settle()
        kinds = [
            f"n {'urgent' if sent.note.urgent else 'low'}" if sent.topic is None else "m" for sent in world.sender.sent
        ]
        assert sorted(kinds) == expected


async def test_preview_and_language_are_the_persons(world: World) -> None:
    """As chosen when it is sent."""
    await world.subscribe()
    await world.settings.update(user("2"), UpdateSettings(push_preview=False, locale="en"))
    world.send("secreto")
    assert await world.bodies() == ["New message"]


async def test_device_that_is_gone_is_removed_and_its_owner_told(world: World) -> None:
    """The push service says so once; nobody asks again."""
    await world.subscribe()
    world.sender.results = [PushResult("gone")]
    world.told.events.clear()
    world.send()
    await world.settle()
    (event,) = world.told.all(SettingsUpdated)
    assert (event.user_id, event.settings.push.devices) == ("2", ())
    world.send()
    await world.settle()
    assert len(world.sender.sent) == 1
    assert world.push.outcomes == {"gone": 1}


async def test_trouble_is_tried_again_with_growing_pauses_then_given_up(world: World) -> None:
    """And what succeeds in the end is counted as sent."""
    await world.subscribe()
    world.sender.results = [PushResult("later")] * 4
    world.send()
    await world.settle()
    for number, pause in enumerate(BACKOFF_S, start=1):
        await world.pass_time(pause - 0.001)
        assert len(world.sender.sent) == number
        await world.pass_time(0.001)
        assert len(world.sender.sent) == number + 1
    await world.pass_time(1_000)
    assert len(world.sender.sent) == 4
    assert (world.push.outcomes, world.push.depth) == ({"retried": 3, "failed": 1}, 0)
    world.sender.results = [PushResult("later")]
    world.send("otra")
    await world.settle()
    await world.pass_time(BACKOFF_S[0])
    assert world.push.outcomes["sent"] == 1


async def test_retry_after_is_honoured_and_bounded(world: World) -> None:
    """A push service that wants to be left alone for long is left alone."""
    await world.subscribe()
    world.sender.results = [PushResult("later", 30.0), PushResult("later", 3_600.0)]
    world.send()
    await world.settle()
    await world.pass_time(29)
    assert len(world.sender.sent) == 1
    await world.pass_time(1)
    assert len(world.sender.sent) == 2
    await world.pass_time(10_000)
    assert (len(world.sender.sent), world.push.outcomes["failed"]) == (2, 1)


async def test_pushes_are_sent_by_a_bounded_number_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slow push services make pushes wait, not the server."""
    monkeypatch.setattr(push, "MAX_SENDING", 3)
    await world.subscribe()
    world.sender.gate.clear()
    for _ in range(10):
        world.send()
    await until(lambda: world.push.depth == 7 and world.sender.most_at_once == 3)
    world.sender.gate.set()
    await world.settle()
    assert (len(world.sender.sent), world.sender.most_at_once, world.push.outcomes) == (10, 3, {"sent": 10})


async def test_what_is_too_much_is_dropped_and_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded wherever something waits."""
    monkeypatch.setattr(push, "MAX_WAITING", 5)
    monkeypatch.setattr(push, "MAX_SENDING", 1)
    await world.subscribe()
    for _ in range(8):
        world.send()
    assert (world.push.depth, world.push.outcomes) == (5, {"dropped": 3})
    world.sender.gate.clear()
    await until(lambda: world.push.depth == 4)
    for _ in range(4):
        world.send()
    assert (world.push.depth, world.push.outcomes["dropped"]) == (5, 6)
    world.sender.gate.set()
    await world.settle()
    assert world.push.depth == 0


async def test_database_away_drops_the_batch_and_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next ones are pushed again."""
    await world.subscribe()

    async def away(_job: object) -> None:
        raise UnavailableError

    with monkeypatch.context() as patch:
        patch.setattr(world.database, "read", away)
        world.send("lost")
        await world.settle()
    world.send("found")
    assert await world.bodies() == ["found"]
    assert world.push.outcomes == {"dropped": 1, "sent": 1}


async def test_close_lets_what_is_under_way_end(world: World) -> None:
    """A message that was stored just before the end is still pushed."""
    await world.subscribe()
    world.send()
    await world.push.close()
    assert [sent.note.body for sent in world.sender.sent] == ["Hola"]
    assert world.sender.closed
    world.send("too late")
    assert (await world.bodies(), world.push.outcomes) == (["Hola"], {"sent": 1, "dropped": 1})


async def test_close_does_not_wait_for_a_push_service_that_hangs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a moment only."""
    monkeypatch.setattr(push, "FLUSH_S", 0.1)
    await world.subscribe()
    world.sender.gate.clear()
    world.send()
    await world.push.close()
    assert world.sender.closed
