"""What a process tells the others, what it is subscribed to, and what it makes of what it hears: without a Redis."""

import asyncio
import json
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.contract.operations import MESSAGING, THREADS
from server.domain import events
from server.realtime import cluster, redis_link, rooms, subscriptions
from server.realtime import outbox as outbox_module
from server.realtime.cluster import MAX_CHANNELS, RedisManager
from server.realtime.managers import CONTROL
from server.realtime.outbox import Outbox
from server.realtime.sio import create_server
from server.realtime.subscriptions import Subscriptions

USER, OTHER, THREAD = "user:1", "user:2", "thread:t"
ROUTES = [(MESSAGING, [USER, OTHER]), (THREADS, [THREAD])]


class Redis:
    """A Redis in this process: delivers at once, and answers when it is told to."""

    def __init__(self) -> None:
        self.links: list[FakeLink] = []
        self.published: list[tuple[bytes, bytes]] = []

    def publish(self, channel: bytes, message: bytes) -> None:
        """Hand a message to all who are subscribed."""
        self.published.append((channel, message))
        for link in self.links:
            if channel in link.subscribed and link.ears is not None:
                link.ears.take(message)


class FakeLink:
    """A process's link to it."""

    dropped = 0
    waiting = 0
    unanswered_s = 0.0
    preface: Callable[[], list[bytes]] = list

    def __init__(self, redis: Redis, *, answers: bool = True) -> None:
        redis.links.append(self)
        self.redis = redis
        self.answers = answers
        self.ears: redis_link.Ears | None = None
        self.subscribed: set[bytes] = set()
        self.commands: list[tuple[str, list[bytes]]] = []
        self.unanswered: list[bytes] = []

    def start(self, ears: redis_link.Ears) -> None:
        """Connect."""
        self.ears = ears
        ears.publishing(up=True)
        ears.listening(up=True)

    def wake(self) -> None:
        """What is asked for is of no use here."""

    def hang_up(self) -> None:
        """Listen anew."""

    def publish(self, channels: Sequence[bytes], message: bytes) -> None:
        """Publish."""
        for channel in channels:
            self.redis.publish(channel, message)

    def subscribe(self, channels: Sequence[bytes]) -> None:
        """Begin to hear."""
        self.commands.append(("subscribe", list(channels)))
        self.subscribed.update(channels)
        self._answer(channels)

    def unsubscribe(self, channels: Sequence[bytes]) -> None:
        """No longer hear."""
        self.commands.append(("unsubscribe", list(channels)))
        self.subscribed.difference_update(channels)
        self._answer(channels)

    def answer_all(self) -> None:
        """Answer what was not answered, in order."""
        waiting, self.unanswered = self.unanswered, []
        for channel in waiting:
            assert self.ears is not None
            self.ears.confirmed(channel)

    async def close(self) -> None:
        """Disconnect."""
        self.redis.links.remove(self)

    def _answer(self, channels: Sequence[bytes]) -> None:
        self.unanswered += channels
        if self.answers:
            self.answer_all()


class Process:
    """A manager that writes down what it delivers."""

    def __init__(self, redis: Redis, *, answers: bool = True, prefix: str = "p") -> None:
        self.link = FakeLink(redis, answers=answers)
        self.manager = RedisManager("redis://unused", prefix=prefix, link=self.link)
        self.server = create_server(client_manager=self.manager)
        self.heard: list[tuple[str, Any, str, list[str], str | None]] = []
        self.manager.deliver = self._deliver  # type: ignore[method-assign]
        self.manager.initialize()

    def _deliver(
        self, event: str, body: bytes, namespace: str, named: Sequence[str], skip: str | None, *_stamped: object
    ) -> None:
        self.heard.append((event, json.loads(body), namespace, list(named), skip))

    def enter(self, *names: str) -> None:
        """Let someone enter rooms."""
        for name in names:
            self.manager._count_room(name, 1)

    def leave(self, *names: str) -> None:
        """Let them leave."""
        for name in names:
            self.manager._count_room(name, -1)


@pytest.fixture
def redis() -> Redis:
    """A Redis."""
    return Redis()


async def tick() -> None:
    """Let what is due be sent."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_room_is_subscribed_with_its_first_connection_and_left_with_its_last(redis: Redis) -> None:
    """Whatever number of connections there are, and all that changes in a tick is one command."""
    process = Process(redis)
    await tick()
    process.link.commands.clear()
    process.enter(USER, USER, THREAD)
    await tick()
    assert [(kind, sorted(names)) for kind, names in process.link.commands] == [
        ("subscribe", [b"p:thread:t", b"p:user:1"])
    ]
    process.leave(USER)
    await tick()
    assert len(process.link.commands) == 1
    process.leave(USER, THREAD)
    process.enter(OTHER)
    await tick()
    own = b"p:process:" + process.manager.host_id.encode()
    assert process.link.subscribed == {b"p:all", b"p:events", own, b"p:user:2"}
    assert process.manager.channels == 4
    await process.manager.close()


async def test_room_that_is_entered_and_left_within_a_tick_costs_nothing(redis: Redis) -> None:
    """And so does one that is left and entered again."""
    process = Process(redis)
    process.enter(OTHER)
    await tick()
    process.link.commands.clear()
    process.enter(USER)
    process.leave(USER)
    process.leave(OTHER)
    process.enter(OTHER)
    await tick()
    assert process.link.commands == []
    await process.manager.close()


async def test_flapping_room_is_heard_only_once_the_last_command_is_answered(redis: Redis) -> None:
    """The answer to the first SUBSCRIBE says nothing about the second."""
    process = Process(redis, answers=False)
    await tick()
    process.link.answer_all()
    for change in (process.enter, process.leave, process.enter):
        change(USER)
        await tick()
    assert [kind for kind, _ in process.link.commands[1:]] == ["subscribe", "unsubscribe", "subscribe"]
    heard = process.manager.heard(USER)
    assert isinstance(heard, asyncio.Future)
    for _ in range(2):
        process.manager.confirmed(b"p:user:1")
        assert not heard.done()
    process.manager.confirmed(b"p:user:1")
    assert heard.done()
    assert process.manager.heard(USER) is None
    await process.manager.close()


class Random:
    """Subscriptions, and a Redis that answers when it likes."""

    def __init__(self) -> None:
        self.used: list[str] = []
        self.subscribed: set[bytes] = set()
        self.unanswered: list[bytes] = []
        self.state = Subscriptions(self._subscribe, self._unsubscribe, lambda: None)

    def _subscribe(self, channels: Sequence[bytes]) -> None:
        self.subscribed.update(channels)
        self.unanswered.extend(channels)

    def _unsubscribe(self, channels: Sequence[bytes]) -> None:
        self.subscribed.difference_update(channels)
        self.unanswered.extend(channels)

    async def use(self, name: str) -> None:
        """Use a channel once more."""
        self.used.append(name)
        self.state.use(name.encode())

    async def release(self, name: str) -> None:
        """Use it once less."""
        if name in self.used:
            self.used.remove(name)
            self.state.release(name.encode())

    async def tick(self, _name: str) -> None:
        """Let what is due be sent."""
        await asyncio.sleep(0)

    async def answer(self, _name: str) -> None:
        """Answer a command."""
        if self.unanswered:
            self.state.confirmed(self.unanswered.pop(0))

    async def reconnect(self, _name: str) -> None:
        """Lose the connection and find another."""
        self.state.disconnected()
        self.subscribed.clear()
        self.unanswered.clear()
        self.state.connected()


STEPS = [Random.use, Random.release, Random.tick, Random.answer, Random.reconnect]


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from("abc"))))
def test_whatever_happens_redis_ends_up_with_what_is_used(steps: list[tuple[Any, str]]) -> None:
    """Uses, releases, ticks, answers and broken connections in any order."""

    async def run() -> None:
        random = Random()
        random.state.connected()
        for step, name in steps:
            await step(random, name)
        for _ in range(3):
            await random.tick("")
            while random.unanswered:
                await random.answer("")
        assert random.subscribed == {name.encode() for name in random.used}
        assert [random.state.heard(name.encode()) for name in random.used] == [None] * len(random.used)

    asyncio.run(run())


async def test_waiting_for_a_room_that_nobody_is_in_yet_keeps_it_for_a_while(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waited can enter afterwards, without a gap; if they do not, it is left."""
    monkeypatch.setattr(subscriptions, "CONFIRMED_WITHIN_S", 0.05)
    process = Process(redis)
    heard = process.manager.heard(USER)
    assert heard is not None
    await heard
    assert b"p:user:1" in process.link.subscribed
    process.enter(USER)
    other = process.manager.heard(OTHER)
    assert other is not None
    await other
    await asyncio.sleep(0.1)
    own = b"p:process:" + process.manager.host_id.encode()
    assert process.link.subscribed == {b"p:all", b"p:events", own, b"p:user:1"}
    await process.manager.close()


async def test_nobody_waits_without_a_connection_or_longer_than_a_while(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis that is away, goes away, or does not answer."""
    monkeypatch.setattr(subscriptions, "CONFIRMED_WITHIN_S", 0.05)
    process = Process(redis, answers=False)
    process.enter(USER)
    breaking = process.manager.heard(USER)
    process.manager.listening(up=False)
    assert breaking is not None
    await asyncio.wait_for(breaking, 0.01)
    assert process.manager.heard(USER) is None
    process.manager.listening(up=True)
    silent = process.manager.heard(USER)
    assert silent is not None
    await asyncio.wait_for(silent, 1)
    await process.manager.close()


async def test_once_one_waited_in_vain_nobody_waits_until_redis_speaks_again(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frozen Redis costs those who connect one wait, not one each; all that they use is subscribed all the same."""
    monkeypatch.setattr(subscriptions, "CONFIRMED_WITHIN_S", 0.05)
    process = Process(redis, answers=False)
    await tick()
    process.enter(USER)
    silent = process.manager.heard(USER)
    assert silent is not None
    await asyncio.wait_for(silent, 1)
    assert process.manager.heard(OTHER) is None
    process.enter(OTHER)
    await tick()
    process.link.answer_all()
    assert {b"p:user:1", b"p:user:2"} <= process.link.subscribed
    assert process.manager.heard("user:3") is not None
    await process.manager.close()


async def test_cancelled_waiter_takes_nobody_along(redis: Redis) -> None:
    """Two wait for the same room; one of them gives up."""
    process = Process(redis, answers=False)
    await tick()

    async def wait() -> None:
        heard = process.manager.heard(USER)
        assert heard is not None
        await heard

    first, second = asyncio.create_task(wait()), asyncio.create_task(wait())
    await tick()
    first.cancel()
    await tick()
    process.link.answer_all()
    await asyncio.wait_for(second, 1)
    assert first.cancelled()
    await process.manager.close()


async def test_after_an_outage_all_is_subscribed_in_batches_and_only_then_is_all_well(redis: Redis) -> None:
    """5,000 rooms: five commands; whoever joins meanwhile does not wait for them."""
    process = Process(redis, answers=False)
    process.link.answer_all()
    process.enter(*(f"user:{number}" for number in range(5_000)))
    process.manager.listening(up=False)
    assert process.manager.cluster_state == "degraded"
    process.link.commands.clear()
    process.link.subscribed.clear()
    process.link.unanswered.clear()
    process.manager.listening(up=True)
    await asyncio.sleep(0)
    process.enter("user:new")
    for _ in range(10):
        await asyncio.sleep(0)
    assert [len(names) for _, names in process.link.commands] == [1_000] * 5 + [4]
    assert b"p:user:new" in process.link.commands[1][1]
    assert process.manager.cluster_state == "degraded"
    process.link.answer_all()
    assert process.manager.cluster_state == "ok"
    assert len(process.link.subscribed) == 5_004
    process.manager.publishing(up=False)
    assert process.manager.cluster_state == "degraded"
    await process.manager.close()


async def test_event_reaches_each_process_once_for_all_its_rooms(redis: Redis) -> None:
    """Two copies to the process that hears two of the rooms, none to the one that hears none, and none to oneself."""
    here, there, elsewhere = Process(redis), Process(redis), Process(redis)
    here.enter(USER, OTHER)
    there.enter(USER, OTHER)
    elsewhere.enter("user:3")
    await tick()
    here.manager.tell("new_message", {"n": "á"}, ROUTES, skip="sid")
    assert [channel for channel, _ in redis.published] == [b"p:user:1", b"p:user:2", b"p:thread:t"]
    assert len({message for _, message in redis.published}) == 1
    expected = ("new_message", {"n": "á"}, MESSAGING, [USER, OTHER], "sid")
    assert there.heard[0] == here.heard[0] == expected
    assert len(there.heard) == len(here.heard) == 2  # and one for the room on /threads, in which nobody is
    assert elsewhere.heard == []
    assert (here.manager.received, there.manager.received, elsewhere.manager.received) == (0, 2, 0)
    for process in (here, there, elsewhere):
        await process.manager.close()


async def test_event_for_many_rooms_is_published_once_to_all(redis: Redis) -> None:
    """And each process looks for those rooms that it has."""
    here, there = Process(redis), Process(redis)
    there.enter("user:3", "user:40", "user:1000")
    await tick()
    audience = [f"user:{number}" for number in range(MAX_CHANNELS + 30)]
    here.manager.tell("user_updated", {}, [(MESSAGING, audience)])
    assert [channel for channel, _ in redis.published] == [b"p:all"]
    assert there.heard == [("user_updated", {}, MESSAGING, ["user:3", "user:40"], None)]
    here.manager.tell("user_updated", {}, [(MESSAGING, audience[:MAX_CHANNELS])])
    assert len(redis.published) == 1 + MAX_CHANNELS
    for process in (here, there):
        await process.manager.close()


async def test_control_reaches_all_processes(redis: Redis) -> None:
    """Whatever rooms they have."""
    here, there = Process(redis), Process(redis)
    await tick()
    here.manager.broadcast("user_disconnected", {"user_id": "1"}, CONTROL, [CONTROL])
    expected = [("user_disconnected", {"user_id": "1"}, CONTROL, [CONTROL], None)]
    assert here.heard == there.heard == expected
    for process in (here, there):
        await process.manager.close()


async def test_event_with_nobody_in_its_audience_is_not_published(redis: Redis) -> None:
    """There is nobody to tell."""
    process = Process(redis)
    process.manager.tell("presence", {}, [(MESSAGING, [])])
    assert redis.published == []
    await process.manager.close()


async def test_failure_to_deliver_here_does_not_keep_an_event_from_the_others(redis: Redis) -> None:
    """And one on another process is that process's own."""
    here, there = Process(redis), Process(redis)
    here.enter(USER)
    there.enter(USER)
    await tick()

    def fail(*_arguments: Any) -> None:
        raise RuntimeError

    for process in (here, there):
        process.manager.deliver = fail  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        here.manager.tell("new_message", {}, ROUTES)
    assert there.manager.received == 1
    for process in (here, there):
        await process.manager.close()


async def test_repeated_messages_are_known_by_their_number(redis: Redis) -> None:
    """What is published again after an outage is not delivered again, also if it comes late."""
    here, there = Process(redis), Process(redis)
    there.enter(USER)
    await tick()
    for number in range(3):
        here.manager.tell("new_message", {"n": number}, [(MESSAGING, [USER])])
    for channel, message in tuple(redis.published):
        redis.publish(channel, message)
    assert [payload["n"] for _, payload, *_ in there.heard] == [0, 1, 2]
    for process in (here, there):
        await process.manager.close()


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x00",
        b"\x07" + bytes(40),
        b"hello",
        b"\x01",
        b"\x01" + bytes(24),
        b"\x01" + bytes(23) + b"\x01[]\n{}",
        b"\x01" + bytes(23) + b"\x01[1,2,3]\n{}",
        b"\x01" + bytes(23) + b'\x01["e",null,[["/n"]]]\n{}',
        b"\x01" + bytes(23) + b"\x01\xff\n{}",
    ],
)
async def test_unknown_message_is_ignored_and_noted_once(redis: Redis, message: bytes) -> None:
    """Of another version, another program, or cut off; what comes after is heard."""
    here, there = Process(redis), Process(redis)
    there.enter(USER)
    await tick()
    there.manager.take(message)
    assert there.manager._complained
    assert there.heard == []
    here.manager.tell("new_message", {}, [(MESSAGING, [USER])])
    assert len(there.heard) == 1
    for process in (here, there):
        await process.manager.close()


async def test_hosts_are_forgotten_before_they_are_too_many(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes come and go for months."""
    monkeypatch.setattr(cluster, "MAX_HOSTS", 3)
    process = Process(redis)
    for host in range(9):
        process.manager.take(b"\x01%b%b[%b,null,[]]\n{}" % (bytes([host]) * 16, bytes(8), b'"e"'))
    assert len(process.manager._numbers) == 3
    await process.manager.close()


async def test_processes_with_another_prefix_hear_nothing(redis: Redis) -> None:
    """Redis's pub/sub knows no databases, so two installations on one Redis are told apart by their prefix."""
    here, foreign = Process(redis), Process(redis, prefix="q")
    foreign.enter(USER, OTHER, THREAD)
    await tick()
    here.manager.tell("new_message", {}, ROUTES)
    here.manager.broadcast("user_disconnected", {}, CONTROL, [CONTROL])
    await here.manager.close_room("x", "/")
    assert (foreign.heard, foreign.manager.received) == ([], 0)
    for process in (here, foreign):
        await process.manager.close()


class Wire:
    """A connection of the outbox."""

    def __init__(self) -> None:
        self.paused = False
        self.on_writable = lambda: None
        self.written: list[bytes] = []

    def write(self, packed: bytes) -> None:
        """Keep what is written."""
        self.written.append(packed)


async def test_outbox_writes_all_of_a_tick_at_once_and_waits_while_redis_does_not_read() -> None:
    """Nothing is lost, nothing is written twice, and the order stays."""
    outbox, wire = Outbox(), Wire()
    outbox.connect(wire)
    for text in (b"a", b"b", b"c"):
        outbox.add(text, 1)
    await tick()
    assert wire.written == [b"abc"]
    wire.paused = True
    outbox.add(b"d", 1)
    await tick()
    assert wire.written == [b"abc"]
    wire.paused = False
    wire.on_writable()
    await tick()
    assert wire.written == [b"abc", b"d"]
    for _ in range(4):
        assert len(outbox)
        outbox.acknowledge()
    assert not len(outbox)


async def test_outbox_writes_again_what_was_not_answered() -> None:
    """In order, before what came meanwhile; an event of several commands as a whole."""
    outbox, wire = Outbox(), Wire()
    outbox.connect(wire)
    outbox.add(b"a", 1)
    outbox.add(b"bb", 2)
    outbox.add(b"c", 1)
    await tick()
    outbox.acknowledge()
    outbox.acknowledge()
    outbox.connect(None)
    outbox.add(b"d", 1)
    again = Wire()
    outbox.connect(again)  # type: ignore[arg-type]
    await tick()
    assert again.written == [b"bbcd"]
    emptied = asyncio.create_task(outbox.empty())
    for _ in range(4):
        await tick()
        assert not emptied.done()
        outbox.acknowledge()
    await asyncio.wait_for(emptied, 1)
    assert outbox.dropped == 0


async def test_outbox_drops_the_oldest_and_counts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """By number and by bytes; answers to what was dropped are not taken for answers to what was not."""
    monkeypatch.setattr(outbox_module, "MAX_OUTBOX", 3)
    monkeypatch.setattr(outbox_module, "MAX_OUTBOX_BYTES", 50)
    outbox, wire = Outbox(), Wire()
    outbox.connect(wire)
    outbox.add(b"a", 2)
    await tick()
    for text in (b"b", b"c", b"d"):
        outbox.add(text, 1)
    assert (outbox.dropped, len(outbox)) == (1, 3)
    await tick()
    outbox.acknowledge()
    outbox.acknowledge()
    assert len(outbox) == 3
    outbox.acknowledge()
    assert len(outbox) == 2
    outbox.add(b"x" * 49, 1)
    assert (outbox.dropped, len(outbox)) == (2, 2)
    outbox.add(b"y" * 100, 1)
    assert (outbox.dropped, len(outbox)) == (4, 1)


async def test_broadcast_while_redis_is_away_for_long_drops_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory stays bounded; the newest events are kept for when Redis comes back."""
    monkeypatch.setattr(outbox_module, "MAX_OUTBOX", 2)
    manager = RedisManager("redis://127.0.0.1:1/4", {})
    for number in range(5):
        manager.broadcast("new_message", {"n": number}, MESSAGING, [USER, OTHER])
    assert manager.dropped == 3
    waiting = [event.packed for event in manager._link._outbox._waiting]
    assert [b'{"n":3}' in waiting[0], b'{"n":4}' in waiting[1], len(waiting)] == [True, True, 2]


def audience_events() -> list[events.Event]:
    """Return events of each kind that has several rooms."""
    audience = ("1", "2")
    made: list[Any] = []
    for kind in events.Event.__subclasses__():
        fields = kind.__dataclass_fields__
        for private in (True, False):
            event = object.__new__(kind)
            for name in fields:
                known = {"audience": audience, "private": private}
                object.__setattr__(event, name, known.get(name, SimpleNamespace(thread_id="t", user_id="1")))
            made.append(event)
    return made


def test_rooms_of_one_event_in_one_namespace_are_of_one_kind() -> None:
    """So no connection is in two of them: each is in one user's room, and an event is of one thread."""
    seen = 0
    for event in audience_events():
        try:
            routes = rooms.routes(event)
        except TypeError:
            continue  # told to one connection alone
        for _, named in routes:
            seen += 1
            kinds = {room.partition(":")[0] for room in named}
            assert len(kinds) == 1, event
            assert kinds == {"user"} or len(named) == 1
    assert seen >= 10
