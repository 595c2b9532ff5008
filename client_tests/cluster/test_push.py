"""Pushes of several processes: one push for one message, and whoever looks at any process is not pushed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from client_tests import push
from client_tests.answers import ok, until
from client_tests.clients import Clients, HttpClient
from client_tests.harness import SERVICE_TOKEN, Server, make_settings
from client_tests.push import Browser, PushService, push_service
from client_tests.services import RedisServer
from server.bootstrap import wall_clock
from server.contract.operations import PRESENCE

Two = tuple[Server, Server]


class Clock:
    """The clock of both processes, turned by hand."""

    ahead_ms = 0

    def __call__(self) -> int:
        """Return the time."""
        return wall_clock() + self.ahead_ms


@pytest.fixture
def clock() -> Clock:
    """The clock."""
    return Clock()


@pytest.fixture
async def pushes(tmp_path: Path) -> AsyncIterator[PushService]:
    """A push service."""
    async with push_service(tmp_path) as running:
        yield running


@pytest.fixture
async def both(postgres_url: str, redis: RedisServer, pushes: PushService, clock: Clock) -> AsyncIterator[Two]:
    """Two servers on one PostgreSQL and Redis, each with all that a process has, in this process."""
    settings = make_settings({"DATABASE_URL": postgres_url, "REDIS_URL": redis.url, **push.ENVIRONMENT})
    one, two = [await Server.start(settings, now=clock, push_sender=pushes.sender(clock)) for _ in range(2)]
    yield one, two
    await asyncio.gather(one.stop(), two.stop())


async def prepare(both: Two, clients: Clients) -> tuple[HttpClient, str, Browser]:
    """Return user 1, a thread with user 2, and the browser of user 2."""
    service = clients.http_raw(both[0].url, SERVICE_TOKEN)
    thread = await ok(service.call("open_thread", {"kind": "direct", "participant_ids": [1, 2]}))
    browser = Browser()
    await ok(clients.http(both[1].url, 2).call("subscribe_push", browser.subscription()))
    return clients.http(both[0].url, 1), thread["id"], browser


def quiet(both: Two) -> Callable[[], bool]:
    """Tell whether no process has anything left to push."""
    services = [server.parts.services.push for server in both]
    return lambda: all(service is not None and not service.depth and not service._sending for service in services)


async def test_message_is_pushed_by_the_process_that_stored_it_alone(
    both: Two, clients: Clients, pushes: PushService
) -> None:
    """Although both have people in the thread, and both could."""
    sender, thread_id, browser = await prepare(both, clients)
    for server in both:
        await clients.plain(server.url, 2)
    await ok(sender.call("send_message", {"thread_id": thread_id, "content": "once"}))
    await pushes.heard()
    await until(quiet(both))
    assert [browser.read(request.body)["body"] for request in pushes.requests] == ["once"]
    counted = [server.parts.services.push.outcomes["sent"] for server in both if server.parts.services.push]
    assert counted == [1, 0]


async def test_who_looks_at_another_process_is_not_pushed_until_they_look_away(
    both: Two, clients: Clients, pushes: PushService, clock: Clock
) -> None:
    """What a client says to one process, the other knows by Redis."""
    sender, thread_id, browser = await prepare(both, clients)
    page = await clients.socket(both[1].url, 2, PRESENCE)
    await ok(page.call("heartbeat", {"visible": True}))
    presence = both[0].parts.services.presence
    async with asyncio.timeout(10):
        while not await presence.last_seen(["2"]):  # noqa: ASYNC110 - the other process tells Redis alone
            await asyncio.sleep(0.01)
    clock.ahead_ms += 1_000
    await ok(sender.call("send_message", {"thread_id": thread_id, "content": "seen"}))
    service = both[0].parts.services.push
    assert service is not None
    await until(lambda: bool(service._later))
    clock.ahead_ms += 4_000
    await both[1].parts.services.presence.tick()
    clock.ahead_ms += 6_000
    await until(lambda: service.outcomes["seen"] == 1)
    await ok(page.call("heartbeat", {"visible": False}))
    clock.ahead_ms += 11_000
    await ok(sender.call("send_message", {"thread_id": thread_id, "content": "hidden"}))
    await pushes.heard()
    assert [browser.read(request.body)["body"] for request in pushes.requests] == ["hidden"]
