"""Presence in tables: several processes, those that die, and a database that goes away."""

import asyncio

import pytest

from server.domain.errors import UnavailableError
from server.domain.models import PresenceChange
from server.realtime import presence
from server.realtime.presence import DatabasePresenceStore
from server.storage.database import Database

CAME = PresenceChange("offline", "online")
WENT = PresenceChange("online", "offline")
STAYED = PresenceChange("online", "online")

Pair = tuple[Database, Database]


async def let_place_end(database: Database, name: str) -> None:
    """Let a process's place be overdue, as if its time had passed."""
    await database.write(lambda work: work.presence.leave(name, -1_000))


def stores(pair: Pair, *names: str) -> list[DatabasePresenceStore]:
    """Stores as processes have them, in turn on two connections."""
    return [DatabasePresenceStore(pair[n % 2], name) for n, name in enumerate(names)]


async def test_set_on_two_processes_is_one_presence(pair: Pair) -> None:
    """A user of two processes comes once and goes once; online beats away."""
    one, two = stores(pair, "one", "two")
    await one.tick()
    await two.tick()
    assert await one.set({"1": "away"}) == {"1": PresenceChange("offline", "away")}
    assert await two.set({"1": "online"}) == {"1": PresenceChange("away", "online")}
    assert await one.get(["1", "2"]) == {"1": "online", "2": "offline"}
    assert await two.set({"1": "offline"}) == {"1": PresenceChange("online", "away")}
    assert await one.set({"1": "offline"}) == {"1": PresenceChange("away", "offline")}
    assert await two.get(["1"]) == {"1": "offline"}
    assert await one.get([]) == await one.set({}) == {}


async def test_set_racing_on_several_processes_is_told_once(pair: Pair) -> None:
    """Of all who bring a user at the same moment exactly one sees them come."""
    several = stores(pair, *"abcdef")
    told = await asyncio.gather(*(store.set({"1": "online", "2": "online"}) for store in several))
    assert sorted(change["1"].before for change in told) == ["offline", *["online"] * 5]
    told = await asyncio.gather(*(store.set({"2": "offline", "1": "offline"}) for store in several))
    assert sorted(change["2"].after for change in told) == ["offline", *["online"] * 5]


async def test_set_of_many_users_is_one_batch(pair: Pair) -> None:
    """All that came during a reconnect storm."""
    one, two = stores(pair, "one", "two")
    users = [str(n) for n in range(1_200)]
    assert await one.set(dict.fromkeys(users, "online")) == dict.fromkeys(users, CAME)
    assert set((await two.get(users)).values()) == {"online"}
    assert await one.set(dict.fromkeys(users, "offline")) == dict.fromkeys(users, WENT)


async def test_tick_buries_a_process_that_stopped_ticking(pair: Pair) -> None:
    """Users of a dead process go offline, those who are elsewhere too stay, and it is told once."""
    one, two, dead = stores(pair, "one", "two", "dead")
    for store in (one, two, dead):
        await store.tick()
    await dead.set({"1": "online", "2": "online"})
    await one.set({"2": "online"})
    await let_place_end(pair[0], "dead")
    changes = [*(await asyncio.gather(one.tick(), two.tick())), await one.tick()]
    assert [change for change in changes if change] == [{"1": WENT, "2": STAYED}]
    assert await two.get(["1", "2"]) == {"1": "offline", "2": "online"}


async def test_tick_buries_by_the_clock_of_the_database(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place lasts ALIVE_S; who renews it lives on, who does not is buried by another."""
    monkeypatch.setattr(presence, "ALIVE_S", 0.3)
    dead, one = stores(pair, "dead", "one")
    await dead.tick()
    await dead.set({"1": "online"})
    assert await one.tick() == {}
    monkeypatch.setattr(presence, "ALIVE_S", 60.0)
    async with asyncio.timeout(5):
        while not (changes := await one.tick()):  # noqa: ASYNC110 - a clock tells nobody
            await asyncio.sleep(0.02)
    assert changes == {"1": WENT}
    assert await one.tick() == {}


async def test_tick_after_being_buried_alive_comes_back(pair: Pair) -> None:
    """A process that was only slow says everything again."""
    one, slow = stores(pair, "one", "slow")
    await slow.tick()
    await slow.set({"1": "online"})
    await let_place_end(pair[0], "slow")
    assert await one.tick() == {"1": WENT}
    assert await slow.tick() == {"1": CAME}
    assert await one.get(["1"]) == {"1": "online"}


async def test_close_lets_the_others_tell_who_is_gone(pair: Pair) -> None:
    """Users of a process that stops may come back to another in time; those who do not are told as gone."""
    one, two = stores(pair, "one", "two")
    await one.tick()
    await two.tick()
    await two.set({"1": "online", "2": "online"})
    await two.close()
    assert await one.get(["1"]) == {"1": "online"}
    assert await one.set({"2": "online"}) == {"2": STAYED}
    await let_place_end(pair[0], "two")
    assert await one.tick() == {"1": WENT, "2": STAYED}


async def test_saw_is_remembered_over_all_processes_and_never_goes_back(pair: Pair) -> None:
    """The latest moment counts, whoever says it; what is old is forgotten, here and there."""
    one, two, three = stores(pair, "one", "two", "three")
    await one.saw({"1": 5_000, "2": 1_000}, forget_before=0)
    await two.saw({"1": 4_000}, forget_before=0)
    assert await two.last_seen(["1", "2", "3"]) == {"1": 5_000, "2": 1_000}
    assert await one.last_seen([]) == {}
    await two.saw({"1": 6_000}, forget_before=2_000)
    assert await three.last_seen(["1", "2"]) == {"1": 6_000}


async def test_store_while_the_database_is_away_knows_its_own_and_says_it_later(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never raises; who came meanwhile is told at the tick after; nobody is buried at once: none could renew."""
    one, two = stores(pair, "one", "two")
    await one.tick()
    await two.tick()
    await two.set({"2": "online"})

    async def away(*_arguments: object) -> None:
        raise UnavailableError

    with monkeypatch.context() as patch:
        patch.setattr(pair[0], "read", away)
        patch.setattr(pair[0], "write", away)
        assert await one.set({"1": "online"}) == {}
        assert await one.get(["1", "2"]) == {"1": "online", "2": "offline"}
        await one.saw({"1": 5_000}, forget_before=0)
        assert await one.last_seen(["1"]) == {"1": 5_000}
        assert await one.tick() == {}
        await one.close()
    await let_place_end(pair[1], "two")
    assert await one.tick() == {"1": CAME}
    assert await one.get(["1", "2"]) == {"1": "online", "2": "online"}


async def test_change_that_is_stored_late_is_told_with_the_next(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that was given up as lost may have been done: nobody else knows how the state was before it."""
    (one,) = stores(pair, "one")
    write = pair[0].write

    async def late(job: object, tell_late: object) -> None:
        tell_late(await write(job))  # type: ignore[operator,arg-type]
        raise UnavailableError

    with monkeypatch.context() as patch:
        patch.setattr(pair[0], "write", late)
        assert await one.set({"1": "online"}) == {}
    assert await one.tick() == {"1": CAME}
