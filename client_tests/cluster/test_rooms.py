"""Rooms over two processes and a real Redis: what is subscribed when, and who is sent what."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from client_tests.answers import ok, until
from client_tests.clients import Clients
from client_tests.conftest import Start
from client_tests.functional.conftest import open_thread
from client_tests.harness import SERVICE_TOKEN, Server
from client_tests.services import RedisServer
from server.contract.operations import MESSAGING, PRESENCE, THREADS
from server.realtime import subscriptions
from server.realtime.cluster import RedisManager

Two = tuple[Server, Server]


def joined(*servers: Server) -> Callable[[], bool]:
    """Tell whether all are joined to Redis."""
    return lambda: all(server.parts.manager.cluster_state == "ok" for server in servers)


@pytest.fixture
async def both(start: Start, redis: RedisServer) -> Two:
    """Two servers on one SQLite file and one Redis."""
    servers = (await start(REDIS_URL=redis.url), await start(REDIS_URL=redis.url))
    await until(joined(*servers))
    return servers


@pytest.fixture
async def thread_id(both: Two, clients: Clients) -> str:
    """A thread of users 1, 2 and 3."""
    return await open_thread(clients.http_raw(both[0].url, SERVICE_TOKEN), 1, 2, 3)


@asynccontextmanager
async def slow(redis: RedisServer) -> AsyncIterator[None]:
    """A Redis that answers later than anything else happens."""
    redis.freeze()
    asyncio.get_running_loop().call_later(0.3, redis.thaw)
    yield


async def test_connection_is_welcomed_only_when_it_is_heard(
    both: Two, clients: Clients, thread_id: str, redis: RedisServer
) -> None:
    """What another process tells the moment after `connection_established` is heard; on both kinds of connection."""
    sender = clients.http(both[0].url, 1)
    for number, connect in enumerate((clients.socket, clients.plain)):
        async with slow(redis):
            client = await connect(both[1].url, 2 + number)
            await client.heard("connection_established")
        assert client.events[0][0] == "connection_established"
        manager = both[1].parts.manager
        assert manager.heard(f"user:{2 + number}") is None
        await ok(sender.call("send_message", {"thread_id": thread_id, "content": str(number)}))
        await client.heard("new_message", lambda heard, n=number: heard["message"]["content"] == str(n))


async def test_join_is_answered_only_when_the_thread_is_heard(
    both: Two, clients: Clients, thread_id: str, redis: RedisServer
) -> None:
    """And the answer is read after that, so nothing is in neither."""
    sender = clients.http(both[0].url, 1)
    client = await clients.socket(both[1].url, 2, THREADS)
    redis.freeze()
    joining = asyncio.create_task(client.call("join", {"thread_id": thread_id}, THREADS))
    await asyncio.sleep(0.2)
    assert not joining.done()
    # It is in the room, which no other process knows; it is read when Redis has answered.
    await ok(sender.call("send_message", {"thread_id": thread_id, "content": "before"}))
    redis.thaw()
    thread = await ok(joining)
    await ok(sender.call("send_message", {"thread_id": thread_id, "content": "after"}))
    heard = await client.heard("new_message", lambda event: event["message"]["content"] == "after")
    assert thread["rev"] >= heard["message"]["rev"] - 1


async def test_join_waits_no_longer_than_a_while_for_a_redis_that_does_not_answer(
    both: Two, clients: Clients, thread_id: str, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Redis a process works on its own."""
    monkeypatch.setattr(subscriptions, "CONFIRMED_WITHIN_S", 0.2)
    redis.freeze()
    client = await clients.socket(both[1].url, 2, THREADS)
    await ok(client.call("join", {"thread_id": thread_id}, THREADS))
    redis.stop()
    await until(lambda: both[1].parts.manager.cluster_state == "degraded")
    await ok(client.call("leave", {"thread_id": thread_id}, THREADS))
    await ok(client.call("join", {"thread_id": thread_id}, THREADS))


async def test_process_is_sent_only_what_its_clients_hear(both: Two, clients: Clients, thread_id: str) -> None:
    """500 messages of people who are on other processes are none for this one."""
    other = await open_thread(clients.http_raw(both[0].url, SERVICE_TOKEN), 4, 5)
    await clients.socket(both[1].url, 3)
    await until(lambda: both[1].parts.manager.heard("user:3") is None)
    four, five = await clients.socket(both[0].url, 4), await clients.socket(both[0].url, 5)
    sender = clients.http(both[0].url, 1)
    await ok(sender.call("list_threads"))
    await asyncio.sleep(0.3)  # the names and the presence of those who came
    before = both[1].parts.manager.received
    sends = [four.call("send_message", {"thread_id": other, "content": "x"}) for _ in range(500)]
    await asyncio.gather(*sends)
    await five.heard("new_message", count=500)
    await ok(sender.call("send_message", {"thread_id": thread_id, "content": "x"}))
    await until(lambda: both[1].parts.manager.received > before)
    assert both[1].parts.manager.received == before + 1


async def test_connection_in_several_rooms_of_an_event_hears_it_once(
    both: Two, clients: Clients, thread_id: str
) -> None:
    """All participants on one process: it is sent three copies, and each connection hears one."""
    ears = [await clients.socket(both[1].url, user_id, MESSAGING, THREADS) for user_id in (1, 2, 3)]
    for ear in ears:
        await ok(ear.call("join", {"thread_id": thread_id}, THREADS))
    sender = clients.http(both[0].url, 1)
    for _ in range(20):
        await ok(sender.call("send_message", {"thread_id": thread_id, "content": "x"}))
    for ear in ears:
        await ear.heard("new_message", count=40)
    await asyncio.sleep(0.1)
    assert [len(ear.all("new_message")) for ear in ears] == [40, 40, 40]  # on each of two namespaces


async def test_event_for_many_people_reaches_all(both: Two, clients: Clients) -> None:
    """More rooms than are published one by one."""
    people = list(range(1, 41))
    thread = await open_thread(clients.http_raw(both[0].url, SERVICE_TOKEN), *people)
    ears = [await clients.plain(both[user_id % 2].url, user_id) for user_id in people]
    await ok(clients.http(both[0].url, 1).call("send_message", {"thread_id": thread, "content": "x"}))
    for ear in ears:
        await ear.heard("new_message")
    assert [len(ear.all("new_message")) for ear in ears] == [1] * len(ears)


async def test_rooms_are_left_when_their_last_client_is_gone(both: Two, clients: Clients, thread_id: str) -> None:
    """Redis then knows no more channels than before."""
    manager = both[1].parts.manager
    assert isinstance(manager, RedisManager)
    before = manager.channels
    for namespace in (MESSAGING, PRESENCE):
        for user_id in (1, 2):
            client = await clients.plain(both[1].url, user_id, namespace)
            await client.close()
    assert manager.channels > before
    await until(lambda: manager.channels == before)


async def test_5000_rooms_are_subscribed_again_after_redis_was_killed(both: Two, redis: RedisServer) -> None:
    """In batches, in no time, and then all are heard."""
    one, two = (server.parts.manager for server in both)
    heard: list[str] = []
    two.deliver = lambda _event, body, *_: heard.append(json.loads(body)["room"])
    rooms = [f"user:many-{number}" for number in range(5_000)]
    for room in rooms:
        two._count_room(room, 1)
    redis.stop()
    await until(lambda: {one.cluster_state, two.cluster_state} == {"degraded"})
    for room in rooms[:100]:  # while Redis is away: told when it is back, to whoever is subscribed by then
        one.tell("new_message", {"room": room}, [(MESSAGING, [room])])
    redis.start()
    loop = asyncio.get_running_loop()
    began = loop.time()
    await until(joined(*both))
    assert loop.time() - began < 4
    heard.clear()
    for room in rooms:
        one.tell("new_message", {"room": room}, [(MESSAGING, [room])])
    await until(lambda: len(heard) >= 5_000)
    assert heard == rooms
    async with Redis.from_url(redis.url) as client:
        assert len(await client.pubsub_channels("verihome:user:many-*")) == 5_000
    for room in rooms:
        two._count_room(room, -1)


async def test_clusters_with_different_prefixes_share_a_redis(
    start: Start, both: Two, redis: RedisServer, clients: Clients, thread_id: str
) -> None:
    """Although pub/sub knows no databases: neither events nor presence nor control get through."""
    foreign = await start(REDIS_URL=redis.url, REDIS_PREFIX="staging:2")
    await until(joined(foreign))
    stranger = await clients.socket(foreign.url, 2)
    await clients.socket(both[1].url, 2)
    sender = clients.http(both[0].url, 1)
    await ok(sender.call("send_message", {"thread_id": thread_id, "content": "x"}))
    service = clients.http_raw(both[0].url, SERVICE_TOKEN)
    await ok(service.call("disconnect_user", {"user_id": 2}))
    await asyncio.sleep(0.3)
    assert stranger.all("new_message") == stranger.all("connection_closing") == []
    assert foreign.parts.manager.received == 0
    async with Redis.from_url(redis.url) as client:
        prefixes = {re.sub(":(presence|recovery).*", "", key.decode()) for key in await client.keys()}
    assert prefixes == {"verihome", "staging:2"}
