"""Pushes from end to end: from a stored message to what the service worker reads, and to a device that is gone."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from client_tests import push
from client_tests.answers import ok, until
from client_tests.clients import Clients, HttpClient
from client_tests.conftest import Start
from client_tests.functional.conftest import open_thread
from client_tests.functional.test_tokens import Hands
from client_tests.harness import SERVICE_TOKEN, Server, make_settings
from client_tests.push import Browser, PushService, push_service, verify
from server.contract.operations import NOTIFICATIONS, PRESENCE


@pytest.fixture
async def pushes(tmp_path: Path) -> AsyncIterator[PushService]:
    """A push service."""
    async with push_service(tmp_path) as running:
        yield running


@pytest.fixture
def clock() -> Hands:
    """The server's clock."""
    return Hands()


@pytest.fixture
async def server(database_url: str, pushes: PushService, clock: Hands) -> AsyncIterator[Server]:
    """A server that pushes, on each of the two databases."""
    settings = make_settings({"DATABASE_URL": database_url, **push.ENVIRONMENT})
    started = await Server.start(settings, now=clock, push_sender=pushes.sender(clock))
    yield started
    await started.stop()


async def subscribe(server: Server, clients: Clients, user_id: int) -> tuple[HttpClient, Browser]:
    """Give a user a browser that gets pushes."""
    client, browser = clients.http(server.url, user_id), Browser()
    await ok(client.call("subscribe_push", browser.subscription()))
    return client, browser


async def metric(server: Server, outcome: str) -> float:
    """Read the counter of pushes of an outcome."""
    async with aiohttp.ClientSession() as session, session.get(f"{server.url}/metrics") as response:
        lines = (await response.text()).splitlines()
    name = f'verihome_pushes_total{{outcome="{outcome}"}} '
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))


async def test_message_reaches_the_browser_of_who_is_away(
    server: Server, clients: Clients, thread_id: str, pushes: PushService
) -> None:
    """The whole way: stored, encrypted, signed, read by the service worker."""
    _, browser = await subscribe(server, clients, 2)
    await subscribe(server, clients, 9)
    sender = await clients.socket(server.url, 1)
    message = await ok(sender.call("send_message", {"thread_id": thread_id, "content": "¿Quedamos? 👍🏽"}))
    (request,) = await pushes.heard()
    verify(request)
    assert browser.endpoint.endswith(request.path)
    assert browser.read(request.body) == {
        "type": "message",
        "id": message["id"],
        "thread_id": thread_id,
        "title": "User 1",
        "body": "¿Quedamos? 👍🏽",
        "tag": f"message:{message['id']}",
        "url": f"/t/{thread_id}",
        "urgent": False,
        "timestamp": message["sent_at"],
        "locale": "es",
    }
    await until(lambda: server.parts.services.push is not None and server.parts.services.push.outcomes["sent"] == 1)
    assert await metric(server, "sent") == 1


async def test_message_that_is_sent_again_is_pushed_once(
    server: Server, clients: Clients, thread_id: str, pushes: PushService
) -> None:
    """A retry with the same `client_message_id` stores nothing, and pushes nothing."""
    await subscribe(server, clients, 2)
    sender = clients.http(server.url, 1)
    payload = {"thread_id": thread_id, "content": "a", "client_message_id": "0190a6c5-0000-7000-8000-000000000001"}
    for _ in range(2):
        await ok(sender.call("send_message", payload))
    await ok(sender.call("send_message", {"thread_id": thread_id, "content": "b"}))
    await pushes.heard(2)
    await until(lambda: server.parts.services.push is not None and server.parts.services.push.depth == 0)
    assert len(pushes.requests) == 2


async def test_notifications_of_a_thread_reach_each_person_as_they_chose(
    server: Server, clients: Clients, thread_id: str, pushes: PushService
) -> None:
    """Urgent ones to whom wants only these, in their language, and to nobody who wants none."""
    (english, of_english), (silent, _), (_, of_plain) = [await subscribe(server, clients, n) for n in (1, 2, 3)]
    await ok(english.call("update_settings", {"push_notifications": "urgent", "locale": "en", "push_preview": False}))
    await ok(silent.call("update_settings", {"push_notifications": "none"}))
    service = clients.http_raw(server.url, SERVICE_TOKEN)
    notice = {"thread_id": thread_id, "title": "Corte de agua", "message": "De 9 a 12"}
    await ok(service.call("notify", {**notice, "priority": "low"}))
    await ok(service.call("notify", {**notice, "priority": "urgent", "action_url": "/avisos/1"}))
    await pushes.heard(3)
    read: dict[str, list[tuple[str, str, str]]] = {"english": [], "plain": []}
    for request in pushes.requests:
        name, browser = ("english", of_english) if of_english.endpoint.endswith(request.path) else ("plain", of_plain)
        payload = browser.read(request.body)
        read[name].append((payload["title"], payload["url"], request.headers["Urgency"]))
        assert payload["type"] == "notification"
        assert "Topic" not in request.headers
    assert read["english"] == [("VeriHome", "/avisos/1", "high")]
    assert sorted(read["plain"]) == [("Corte de agua", "/", "normal"), ("Corte de agua", "/avisos/1", "high")]


async def test_who_looks_is_not_pushed_and_who_looks_away_is_after_ten_seconds(
    server: Server, clients: Clients, thread_id: str, pushes: PushService, clock: Hands
) -> None:
    """By what their clients say in heartbeats; an open connection alone does not count."""
    _, browser = await subscribe(server, clients, 2)
    page = await clients.socket(server.url, 2, PRESENCE, NOTIFICATIONS)
    sender = clients.http(server.url, 1)
    await ok(page.call("heartbeat", {"visible": True}))
    await ok(sender.call("send_message", {"thread_id": thread_id, "content": "seen"}))
    await until(lambda: server.parts.services.push is not None and server.parts.services.push.outcomes["seen"] == 1)
    await ok(page.call("heartbeat", {"visible": False}))
    clock.ahead_ms += 4_000
    await ok(sender.call("send_message", {"thread_id": thread_id, "content": "hidden"}))
    await until(lambda: server.parts.services.push is not None and bool(server.parts.services.push._later))
    assert pushes.requests == []
    clock.ahead_ms += 6_000
    (request,) = await pushes.heard()
    assert browser.read(request.body)["body"] == "hidden"


async def test_device_that_is_gone_is_removed_and_told(
    server: Server, clients: Clients, thread_id: str, pushes: PushService
) -> None:
    """410: the settings of its owner no longer list it, and their devices hear so."""
    client, _ = await subscribe(server, clients, 2)
    page = await clients.plain(server.url, 2, NOTIFICATIONS)
    pushes.answers = [(410, {})]
    await ok(clients.http(server.url, 1).call("send_message", {"thread_id": thread_id, "content": "a"}))
    assert (await page.heard("settings_updated"))["settings"]["push"]["devices"] == []
    assert (await ok(client.call("get_settings")))["push"]["devices"] == []
    assert await metric(server, "gone") == 1


async def test_push_service_in_trouble_is_asked_again(
    server: Server, clients: Clients, thread_id: str, pushes: PushService, clock: Hands
) -> None:
    """503, and 201 when its time has come."""
    _, browser = await subscribe(server, clients, 2)
    pushes.answers = [(503, {"Retry-After": "30"})]
    await ok(clients.http(server.url, 1).call("send_message", {"thread_id": thread_id, "content": "a"}))
    await pushes.heard(1)
    await until(lambda: server.parts.services.push is not None and bool(server.parts.services.push._later))
    clock.ahead_ms += 30_000
    requests = await pushes.heard(2)
    assert [browser.read(request.body)["body"] for request in requests] == ["a", "a"]
    assert await metric(server, "retried") == 1


async def test_server_that_stops_sends_what_is_under_way(
    server: Server, clients: Clients, thread_id: str, pushes: PushService
) -> None:
    """A message that was acknowledged just before is pushed."""
    await subscribe(server, clients, 2)
    await ok(clients.http(server.url, 1).call("send_message", {"thread_id": thread_id, "content": "last"}))
    await clients.close()
    await server.stop()
    assert len(pushes.requests) == 1


async def test_server_without_a_key_has_no_worker(start: Start, clients: Clients) -> None:
    """Nothing is queued and nothing is counted."""
    server = await start()
    thread_id = await open_thread(clients.http_raw(server.url, SERVICE_TOKEN), 1, 2)
    await ok(clients.http(server.url, 1).call("send_message", {"thread_id": thread_id, "content": "a"}))
    assert server.parts.services.push is None
    assert await metric(server, "sent") == 0
