"""Recovery on another process and after a restart, with the official JavaScript client."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from client_tests.answers import ok
from client_tests.clients import Clients, HttpClient
from client_tests.cluster.conftest import Spawn
from client_tests.cluster.test_cluster import Two, ready_with
from client_tests.functional.conftest import open_thread
from client_tests.harness import SECRET, SERVICE_TOKEN, ServerProcess
from client_tests.js import JsClient, JsClients
from client_tests.js.test_recovery import leaver, post, recovered, texts_of
from client_tests.services import RedisServer
from server.contract.operations import MESSAGING, NOTIFICATIONS, THREADS

GAPS = pytest.mark.parametrize("gap", [0, 1, 100, 1000])


@pytest.fixture
async def js() -> AsyncIterator[JsClients]:
    """Makes JavaScript clients, and closes them at the end."""
    async with JsClients(SECRET) as made:
        yield made


async def joined(two: Two) -> None:
    """Wait until both processes hear each other."""
    await asyncio.gather(*(ready_with(server, "ok") for server in two))


def service_of(clients: Clients, server: ServerProcess) -> HttpClient:
    """Return the users' backend at a process."""
    return clients.http_raw(server.url, SERVICE_TOKEN)


@GAPS
async def test_on_another_process(two: Two, clients: Clients, js: JsClients, gap: int) -> None:
    """What was told by either process meanwhile is replayed, once, in order, and what follows comes after it."""
    await joined(two)
    one, other = (service_of(clients, server) for server in two)
    thread_id = await open_thread(one, 1, 2)
    client = await leaver(js, two[0])
    before = await post(other, thread_id, 2)
    await client.heard("new_message", count=2)
    await client.cut()
    missed = await post(one, thread_id, gap // 2) + await post(other, thread_id, gap - gap // 2)
    await client.dial_again(two[1].url)
    after = await post(one, thread_id, 2)
    await client.heard("new_message", count=4 + gap)
    assert (recovered(client), texts_of(client)) == ([False, True], before + missed + after)
    await client.cut()  # and back
    last = await post(other, thread_id, 1)
    await client.dial_again(two[0].url)
    await client.heard("new_message", count=5 + gap)
    assert (recovered(client), texts_of(client)) == ([False, True, True], before + missed + after + last)


Stop = Callable[[ServerProcess], Awaitable[object]]


@GAPS
@pytest.mark.parametrize("stop", [ServerProcess.terminate, ServerProcess.kill], ids=["SIGTERM", "SIGKILL"])
async def test_after_a_restart(
    spawn: Spawn, redis: RedisServer, clients: Clients, js: JsClients, stop: Stop, gap: int
) -> None:
    """The process that the client was connected to is no more; Redis remembers what it told."""
    first = await spawn(REDIS_URL=redis.url)
    await ready_with(first, "ok")
    thread_id = await open_thread(service_of(clients, first), 1, 2)
    client = await leaver(js, first, MESSAGING, NOTIFICATIONS, THREADS)
    await ok(client.call("join", {"thread_id": thread_id}, THREADS))
    before = await post(service_of(clients, first), thread_id, 2)
    await client.heard("new_message", count=4)
    await stop(first)
    await client.heard("disconnect", count=3)
    second = await spawn(REDIS_URL=redis.url)
    await ready_with(second, "ok")
    missed = await post(service_of(clients, second), thread_id, gap)
    await client.dial_again(second.url)
    last = await post(service_of(clients, second), thread_id, 1)
    await client.heard("new_message", count=2 * (gap + 3))
    for namespace in (MESSAGING, THREADS):
        assert texts_of(client, namespace) == before + missed + last
    assert [recovered(client, name) for name in (MESSAGING, NOTIFICATIONS, THREADS)] == [[False, True]] * 3


async def test_trail_is_taken_once(two: Two, clients: Clients, js: JsClients) -> None:
    """Whoever comes with a pid that was taken already is a new connection."""
    await joined(two)
    thread_id = await open_thread(service_of(clients, two[0]), 1, 2)
    client = await leaver(js, two[0])
    await client.heard("offset")
    pid_and_offset = await client.trail()
    await client.cut()
    await client.dial_again(two[1].url)
    twin = await js.idle(two[1].url, js.token(2))
    await twin.connect(MESSAGING, **pid_and_offset)
    assert not recovered(twin)[0]
    assert twin.all("connection_established")[-1]["recovered"] is False
    assert client.all("connection_established")[-1]["recovered"] is True
    await post(service_of(clients, two[0]), thread_id, 1)
    await client.heard("new_message")


async def test_redis_lost_its_data_nothing_is_recovered(
    two: Two, clients: Clients, js: JsClients, redis: RedisServer
) -> None:
    """Neither here nor there: something may be missing, so the client is told to sync."""
    await joined(two)
    thread_id = await open_thread(service_of(clients, two[0]), 1, 2)
    clients_of_both: list[JsClient] = [await leaver(js, two[0]) for _ in range(2)]
    for client in clients_of_both:
        await client.cut()
    redis.stop()
    await asyncio.gather(*(ready_with(server, "degraded") for server in two))
    await post(service_of(clients, two[1]), thread_id, 1)
    redis.start()
    await joined(two)
    for client, server in zip(clients_of_both, two, strict=True):
        await client.dial_again(server.url)
        assert recovered(client) == [False, False]
