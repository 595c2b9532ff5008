"""What processes tell each other by notices: when, what, and who hears it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import pytest

from server.domain.errors import UnavailableError
from server.realtime import wakeups
from server.realtime.postgres_cluster import PostgresManager
from server.realtime.rooms import Route, Stamp
from server.realtime.wakeups import Wakeups
from server.storage.activity import Heads

TYPING = [("/messaging", ["typing:a"])]


class Bus:
    """Carries notices between processes, as PostgreSQL does: to all, the sender too."""

    def __init__(self) -> None:
        self.ends: list[End] = []
        self.transactions: list[list[str]] = []
        self.away = False
        self.gate = asyncio.Event()
        self.gate.set()


class End:
    """One process's end of it."""

    def __init__(self, bus: Bus, *, listening: bool = True) -> None:
        self.listening = listening
        self._bus = bus
        self.hear: Callable[[str], None] = lambda _text: None
        self.changed: Callable[[], None] = lambda: None
        bus.ends.append(self)

    def start(self, hear: Callable[[str], None], changed: Callable[[], None]) -> None:
        """Begin to hear."""
        self.hear, self.changed = hear, changed

    def set_listening(self, *, now: bool) -> None:
        """Let it hear, or not."""
        self.listening = now
        self.changed()

    async def send(self, texts: Sequence[str]) -> None:
        """Let all hear."""
        await self._bus.gate.wait()
        if self._bus.away:
            raise UnavailableError
        self._bus.transactions.append(list(texts))
        for end in self._bus.ends:
            for text in texts:
                if end.listening:
                    end.hear(text)

    async def close(self) -> None:
        """End it."""


class Manager:
    """Notes what is handed out here."""

    def __init__(self) -> None:
        self.events: list[tuple[str, bytes]] = []
        self.heads: list[dict[str, tuple[int, int]]] = []
        self.news = asyncio.Event()

    def hand_out(self, event: str, body: bytes, routes: Sequence[Route], skip: str | None, stamp: Stamp | None) -> None:
        """Note an event."""
        assert (routes, skip, stamp) == ([["/messaging", ["typing:a"]]], None, None)
        self.events.append((event, body))
        self.news.set()
        if event == "fails":
            raise ValueError

    def behind(self, heads: Mapping[str, tuple[int, int]]) -> None:
        """Note heads."""
        self.heads.append(dict(heads))
        self.news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something was told."""
        async with asyncio.timeout(5):
            while not condition():
                self.news.clear()
                await self.news.wait()


async def no_heads() -> Heads:
    """Return heads of an empty database."""
    return Heads({}, {}, whole=True)


class Cluster:
    """Makes processes on one bus."""

    def __init__(self) -> None:
        self.bus = Bus()
        self.made: list[Wakeups] = []

    def process(self, *, always: bool = True) -> tuple[Wakeups, Manager]:
        """Start one."""
        manager = Manager()
        made = Wakeups(End(self.bus), manager, no_heads, always=always)
        made.start()
        self.made.append(made)
        return made, manager


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    """A cluster, closed at the end."""
    cluster = Cluster()
    yield cluster
    cluster.bus.away = False
    cluster.bus.gate.set()
    for made in cluster.made:
        await made.close()


async def test_note_in_one_turn_is_one_notice_that_the_others_hear(cluster: Cluster) -> None:
    """What a group commit told goes in one transaction, and what comes while it is under way in the next."""
    (one, own), (_, other) = cluster.process(), cluster.process()
    cluster.bus.gate.clear()
    for rev in (2, 3):
        one.note(("thread:a", rev))
    one.note(("user:7", 1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    one.note(("thread:a", 4))
    one.note(("thread:a", 5))
    cluster.bus.gate.set()
    await other.until(lambda: len(other.heads) == 2)
    assert other.heads == [{"thread:a": (2, 3), "user:7": (1, 1)}, {"thread:a": (4, 5)}]
    assert own.heads == []
    assert len(cluster.bus.transactions) == 2


async def test_say_is_heard_as_said_at_most_so_often(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events that are not stored go as they are; typing of one person within the pause is told once."""
    monkeypatch.setattr(wakeups, "EVENTS_EVERY_S", 0.2)
    (one, _), (_, other) = cluster.process(), cluster.process()
    one.say("typing_notification", b'{"user_id":1,"n":0}', TYPING, None)
    await other.until(lambda: len(other.events) == 1)
    for n in range(1, 10):
        one.say("typing_notification", b'{"user_id":1,"n":%d}' % n, TYPING, None)
        await asyncio.sleep(0)
    one.note(("thread:a", 2))
    await other.until(lambda: len(other.heads) == 1)
    assert len(other.events) == 1, "heads do not wait for the events' turn"
    await other.until(lambda: len(other.events) == 2)
    assert other.events[1] == ("typing_notification", b'{"user_id":1,"n":9}')


async def test_hear_goes_on_after_what_fails_or_is_unknown(cluster: Cluster) -> None:
    """One bad event or notice does not keep the others from being heard."""
    (one, _), (two, other) = cluster.process(), cluster.process()
    for text in ("", "[]", "{}", '["x","h",null]', '["heads","h",[1]]', '["heads","h",{"a":1}]', '["events","h",[1]]'):
        cluster.bus.ends[1].hear(text)
    one.say("fails", b"{}", TYPING, None)
    one.say("works", b"{}", TYPING, None)
    await other.until(lambda: len(other.events) == 2)
    assert [event for event, _ in other.events] == ["fails", "works"]
    assert two.received >= 1


async def test_postgres_away_keeps_heads_and_drops_who_typed(cluster: Cluster) -> None:
    """What is durable is told when it is back; the state says so meanwhile, and goes back by itself."""
    (one, _), (_, other) = cluster.process(), cluster.process()
    states: list[bool] = []
    changed = asyncio.Event()

    def note_state() -> None:
        states.append(one.joined)
        changed.set()

    one.on_state = note_state
    cluster.bus.away = True
    one.say("typing_notification", b'{"user_id":1}', TYPING, None)
    one.note(("thread:a", 2))
    async with asyncio.timeout(5):
        await changed.wait()
    one.note(("thread:a", 3))
    cluster.bus.away = False
    await other.until(lambda: bool(other.heads))
    assert other.heads == [{"thread:a": (2, 3)}]
    assert states == [False, True]
    cluster.bus.away = True
    changed.clear()
    one.say("typing_notification", b'{"user_id":1}', TYPING, None)
    async with asyncio.timeout(5):
        await changed.wait()
    cluster.bus.away = False
    changed.clear()
    async with asyncio.timeout(5):
        await changed.wait()
    assert states == [False, True, False, True]


async def test_nobody_needs_notices_nothing_is_sent(cluster: Cluster) -> None:
    """While Redis works they cost nothing."""
    one, _ = cluster.process(always=False)
    one.note(("thread:a", 2))
    one.say("typing_notification", b'{"user_id":1}', TYPING, None)
    await asyncio.sleep(0.01)
    assert (cluster.bus.transactions, one.wanted) == ([], False)


async def test_need_help_makes_all_tell_beginning_with_what_was_published_lately(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that lost Redis tells what it may have told in vain, the others what it may have missed."""
    monkeypatch.setattr(wakeups, "HELPED_FOR_S", 0.3)
    monkeypatch.setattr(wakeups, "HELP_EVERY_S", 0.1)
    (lost, here), (fine, there) = cluster.process(always=False), cluster.process(always=False)
    fine.on_help = lambda: [("thread:b", 8), ("thread:b", 9)]
    lost.need_help([("thread:a", 4)])
    lost.need_help([("thread:a", 4)])
    await there.until(lambda: bool(there.heads))
    await here.until(lambda: bool(here.heads))
    assert (there.heads, here.heads) == ([{"thread:a": (4, 4)}], [{"thread:b": (8, 9)}])
    fine.note(("thread:b", 10))
    await here.until(lambda: len(here.heads) == 2)
    lost.note(("thread:a", 5))
    await there.until(lambda: len(there.heads) == 2)
    await asyncio.sleep(0.5)
    assert (lost.wanted, fine.wanted) == (True, True), "it asks again and again"
    lost.no_more_help()
    assert not lost.wanted
    async with asyncio.timeout(5):
        while fine.wanted:  # noqa: ASYNC110 - a clock tells nobody
            await asyncio.sleep(0.02)


async def test_close_sends_what_waits(cluster: Cluster) -> None:
    """The last that a process told before it ends is heard."""
    (one, _), (_, other) = cluster.process(), cluster.process()
    for n in range(20):
        one.say("settings_updated", b'{"n":"%b"}' % (b"x" * 1_000), TYPING, None)
        one.note(("thread:a", n))
    await one.close()
    assert len(other.events) == 20
    assert other.heads == [{"thread:a": (0, 19)}]


async def test_close_while_postgres_is_away_ends(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shutdown does not wait for it."""
    monkeypatch.setattr(wakeups, "FLUSH_S", 0.1)
    one, _ = cluster.process()
    cluster.bus.away = True
    one.note(("thread:a", 2))
    async with asyncio.timeout(2):
        await one.close()


async def test_without_notices_the_poll_finds_what_others_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that share an SQLite file have no other way while Redis is away."""
    monkeypatch.setattr("server.realtime.poll.POLL_S", 0.01)
    monkeypatch.setattr("server.realtime.poll.IDLE_POLL_S", 0.01)
    threads = {"a": 3}

    async def read() -> Heads:
        return Heads(dict(threads), {}, whole=True)

    manager = Manager()
    alone = Wakeups(None, manager, read)
    alone.start()
    alone.need_help([])
    alone.note(("thread:a", 3))
    alone.say("typing_notification", b'{"user_id":1}', TYPING, None)
    async with asyncio.timeout(2):
        while not alone._poll.looks:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
    threads |= {"a": 5, "new": 2}
    await manager.until(lambda: bool(manager.heads))
    assert manager.heads == [{"thread:a": (4, 5), "thread:new": (1, 2)}]
    assert (alone.joined, alone.listening) == (False, False)
    await alone.close()


async def test_manager_lets_a_room_be_heard_once_it_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connect or join is answered when the others are heard; nobody waits for ever."""
    bus = Bus()
    end = End(bus, listening=False)
    manager = PostgresManager(end, no_heads)
    manager._wakeups.start()
    states: list[str] = []
    manager.on_state = states.append
    waiting, gone = manager.heard("user:1"), manager.heard("user:2")
    assert isinstance(waiting, asyncio.Future)
    assert isinstance(gone, asyncio.Future)
    gone.cancel()
    assert (waiting.done(), manager.cluster_state) == (False, "degraded")
    end.set_listening(now=True)
    await waiting
    assert (manager.heard("user:1"), manager.cluster_state, states) == (None, "ok", ["ok"])
    end.set_listening(now=False)
    monkeypatch.setattr("server.realtime.postgres_cluster.HEARD_WITHIN_S", 0.01)
    late: Any = manager.heard("user:1")
    async with asyncio.timeout(2):
        await late
    assert states == ["ok", "degraded"]
    await manager.close()
