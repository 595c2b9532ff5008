"""Presence in a real Redis: several processes, those that die, and a Redis that goes away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from redis.asyncio import Redis

from client_tests.services import RedisServer
from server.domain.models import PresenceChange
from server.realtime import presence
from server.realtime.presence import MemoryPresenceStore, RedisPresenceStore

CAME = PresenceChange("offline", "online")
WENT = PresenceChange("online", "offline")
STAYED = PresenceChange("online", "online")

Make = Callable[[str], RedisPresenceStore]


@pytest.fixture
async def make(redis: RedisServer) -> AsyncIterator[Make]:
    """Makes stores, as processes have them."""
    clients: list[Redis] = []

    def make_store(name: str) -> RedisPresenceStore:
        clients.append(Redis.from_url(redis.url, socket_timeout=0.2, socket_connect_timeout=0.2, retry=None))
        return RedisPresenceStore(clients[-1], name)

    yield make_store
    for client in clients:
        await client.aclose()


async def forget_place(redis: RedisServer, name: str) -> None:
    """Let a process's place be overdue, as if its time had passed."""
    async with Redis.from_url(redis.url) as client:
        assert await client.zadd("verihome:presence:processes", {name: 1}, xx=True, ch=True)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Ask Redis again until something holds."""
    async with asyncio.timeout(5):
        while not await condition():  # noqa: ASYNC110 - Redis tells nobody when it is ready
            await asyncio.sleep(0.02)


async def test_memory_store_tells_how_states_change() -> None:
    """One process on its own: no Redis, the same answers."""
    store = MemoryPresenceStore()
    assert await store.set({"1": "online", "2": "away"}) == {"1": CAME, "2": PresenceChange("offline", "away")}
    assert await store.set({"1": "online", "2": "offline"}) == {"1": STAYED, "2": PresenceChange("away", "offline")}
    assert await store.get(["1", "2", "3"]) == {"1": "online", "2": "offline", "3": "offline"}
    assert (store.mine(), await store.tick()) == ({"1": "online"}, {})
    await store.close()
    assert await store.get(["1"]) == {"1": "offline"}


async def test_set_on_two_processes_is_one_presence(make: Make) -> None:
    """A user of two processes comes once and goes once; online beats away."""
    one, two = make("one"), make("two")
    await one.tick()
    await two.tick()
    assert await one.set({"1": "away"}) == {"1": PresenceChange("offline", "away")}
    assert await two.set({"1": "online"}) == {"1": PresenceChange("away", "online")}
    assert await one.get(["1", "2"]) == {"1": "online", "2": "offline"}
    assert await two.set({"1": "offline"}) == {"1": PresenceChange("online", "away")}
    assert await one.set({"1": "offline"}) == {"1": PresenceChange("away", "offline")}
    assert await two.get(["1"]) == {"1": "offline"}
    assert await one.get([]) == await one.set({}) == {}


async def test_set_racing_on_two_processes_is_told_once(make: Make) -> None:
    """Of all who bring a user at the same moment exactly one sees them come."""
    stores = [make(str(n)) for n in range(6)]
    told = await asyncio.gather(*(store.set({"1": "online"}) for store in stores))
    assert sorted(change["1"].before for change in told) == ["offline", *["online"] * 5]
    told = await asyncio.gather(*(store.set({"1": "offline"}) for store in stores))
    assert sorted(change["1"].after for change in told) == ["offline", *["online"] * 5]


async def test_tick_buries_a_process_that_stopped_ticking(make: Make, redis: RedisServer) -> None:
    """Users of a dead process go offline, those who are elsewhere too stay, and it is told once."""
    one, two, dead = make("one"), make("two"), make("dead")
    for store in (one, two, dead):
        await store.tick()
    await dead.set({"1": "online", "2": "online"})
    await one.set({"2": "online"})
    await forget_place(redis, "dead")
    changes = [*(await asyncio.gather(one.tick(), two.tick())), await one.tick()]
    assert [change for change in changes if change] == [{"1": WENT, "2": STAYED}]
    assert await two.get(["1", "2"]) == {"1": "offline", "2": "online"}


async def test_tick_buries_by_the_clock_of_redis(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place lasts ALIVE_S; who renews it lives on, who does not is buried by another."""
    monkeypatch.setattr(presence, "ALIVE_S", 1.0)
    dead, one = make("dead"), make("one")
    await dead.tick()
    await dead.set({"1": "online"})
    assert await one.tick() == {}
    monkeypatch.setattr(presence, "ALIVE_S", 60.0)

    async def is_buried() -> bool:
        return await one.tick() == {"1": WENT}

    await until(is_buried)
    assert await one.tick() == {}


async def test_tick_after_being_buried_alive_comes_back(make: Make, redis: RedisServer) -> None:
    """A process that was only slow says everything again."""
    one, slow = make("one"), make("slow")
    await slow.tick()
    await slow.set({"1": "online"})
    await forget_place(redis, "slow")
    assert await one.tick() == {"1": WENT}
    assert await slow.tick() == {"1": CAME}
    assert await one.get(["1"]) == {"1": "online"}


async def test_tick_after_redis_lost_its_data_registers_again(make: Make, redis: RedisServer) -> None:
    """Redis comes back empty: the next tick restores what this process knows."""
    one, two = make("one"), make("two")
    await one.tick()
    await one.set({"1": "online", "2": "away"})
    await asyncio.to_thread(redis.stop)
    assert await one.tick() == {}
    await asyncio.to_thread(redis.start)
    assert await two.get(["1"]) == {"1": "offline"}
    await one.tick()
    assert await two.get(["1", "2", "3"]) == {"1": "online", "2": "away", "3": "offline"}


async def test_get_while_redis_is_stopped_is_what_this_process_knows(make: Make, redis: RedisServer) -> None:
    """The process goes on with its own connections, and never raises."""
    one = make("one")
    await one.tick()
    await one.set({"1": "online"})
    await asyncio.to_thread(redis.stop)
    assert await one.get(["1", "2"]) == {"1": "online", "2": "offline"}
    assert await one.set({"2": "online"}) == {"2": CAME}
    assert await one.set({"1": "offline"}) == {"1": WENT}
    assert await one.get(["1", "2"]) == {"1": "offline", "2": "online"}
    assert await one.tick() == {}


async def test_tick_after_an_outage_says_what_was_missed(make: Make, redis: RedisServer) -> None:
    """Redis was deaf but lost nothing: who came and went meanwhile is told once it hears again."""
    one, two = make("one"), make("two")
    await one.tick()
    await one.set({"went": "online"})
    redis.freeze()
    await one.set({"came": "online"})
    await one.set({"went": "offline"})
    redis.thaw()

    async def is_said() -> bool:
        await one.tick()
        return await two.get(["came", "went"]) == {"came": "online", "went": "offline"}

    await until(is_said)


async def test_tick_after_an_outage_buries_nobody_at_once(make: Make, redis: RedisServer) -> None:
    """While Redis was away nobody could renew: whoever comes first must not bury all the others."""
    one, two = make("one"), make("two")
    await one.tick()
    await two.tick()
    await two.set({"2": "online"})
    redis.freeze()
    assert await one.tick() == {}
    redis.thaw()
    await until(lambda: _knows(one, "2"))
    await forget_place(redis, "two")
    assert await one.tick() == {}
    assert await one.get(["2"]) == {"2": "online"}


async def _knows(store: RedisPresenceStore, user_id: str) -> bool:
    return (await store.get([user_id]))[user_id] == "online"


async def test_close_lets_the_others_tell_who_is_gone(
    make: Make, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users of a process that stops may come back to another in time; those who do not are told as gone."""
    one, two = make("one"), make("two")
    await one.tick()
    await two.tick()
    await two.set({"1": "online", "2": "online"})
    await two.close()
    assert await one.get(["1"]) == {"1": "online"}
    assert await one.set({"2": "online"}) == {"2": STAYED}
    await forget_place(redis, "two")
    assert await one.tick() == {"1": WENT, "2": STAYED}


async def test_close_without_redis_does_not_raise(make: Make, redis: RedisServer) -> None:
    """A shutdown goes on."""
    one = make("one")
    await one.tick()
    await asyncio.to_thread(redis.stop)
    await one.close()


async def test_saw_is_remembered_over_all_processes_and_never_goes_back(make: Make) -> None:
    """The latest moment counts, whoever says it; what is old is forgotten, here and there."""
    one, two = make("one"), make("two")
    await one.saw({"1": 5_000, "2": 1_000}, forget_before=0)
    await two.saw({"1": 4_000}, forget_before=0)
    assert await two.last_seen(["1", "2", "3"]) == {"1": 5_000, "2": 1_000}
    assert await one.last_seen([]) == {}
    await two.saw({"1": 6_000}, forget_before=2_000)
    assert await make("three").last_seen(["1", "2"]) == {"1": 6_000}


async def test_saw_without_redis_is_remembered_by_the_process_itself(make: Make, redis: RedisServer) -> None:
    """It knows its own users, and says it again when Redis is back and they are still in sight."""
    store = make("one")
    redis.stop()
    await store.saw({"1": 5_000}, forget_before=0)
    assert await store.last_seen(["1", "2"]) == {"1": 5_000}


async def test_memory_store_forgets_old_moments() -> None:
    """One process on its own remembers alike."""
    store = MemoryPresenceStore()
    await store.saw({"1": 5_000, "2": 1_000}, forget_before=0)
    await store.saw({"1": 4_000}, forget_before=2_000)
    assert await store.last_seen(["1", "2"]) == {"1": 5_000}
