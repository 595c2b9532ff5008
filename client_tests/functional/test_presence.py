"""Who is there, on several devices, and last seen when."""

from collections.abc import Callable

from client_tests.answers import ok
from client_tests.clients import Clients, Event, HttpClient
from client_tests.conftest import Start
from client_tests.functional.conftest import open_thread
from client_tests.harness import SERVICE_TOKEN, Server
from server.contract.operations import MESSAGING, PRESENCE


def of(user_id: int, *, online: bool) -> Callable[[Event], bool]:
    """Match the status of a user."""
    return lambda heard: heard["user_id"] == user_id and heard["is_online"] is online


async def test_connect_on_any_namespace_is_online_for_contacts_alone(
    server: Server, clients: Clients, thread_id: str
) -> None:
    """Contacts hear it at once, strangers do not, and a newcomer is told who is there."""
    watcher = await clients.socket(server.url, 1, PRESENCE)
    stranger = await clients.socket(server.url, 9, PRESENCE)
    await clients.plain(server.url, 2, MESSAGING)
    came = await watcher.heard("user_status_update", of(2, online=True))
    assert came.keys() == {"user_id", "user_name", "is_online", "last_seen", "state"}
    assert (came["user_name"], came["state"]) == ("User 2", "online")
    newcomer = await clients.plain(server.url, 3, PRESENCE)
    await newcomer.heard("user_status_update", count=2)
    assert {event["user_id"] for event in newcomer.all("user_status_update")} == {1, 2}
    await watcher.heard("user_status_update", of(3, online=True))
    assert stranger.all("user_status_update") == []


async def test_one_of_two_devices_closed_stays_online(server: Server, clients: Clients, thread_id: str) -> None:
    """Offline is told once, when the last device is gone and the grace period is over."""
    watcher = await clients.socket(server.url, 1, PRESENCE)
    phone = await clients.socket(server.url, 2, MESSAGING)
    laptop = await clients.plain(server.url, 2, PRESENCE)
    await watcher.heard("user_status_update", of(2, online=True))
    await phone.close()
    presence = await ok(watcher.call("get_presence", {"user_ids": [2]}))
    assert presence["users"][0]["is_online"] is True
    await laptop.close()
    gone = await watcher.heard("user_status_update", of(2, online=False))
    assert gone["state"] == "offline"
    assert gone["last_seen"].endswith("Z")
    assert [event["is_online"] for event in watcher.all("user_status_update")] == [True, False]
    presence = await ok(watcher.call("get_presence", {"user_ids": [2]}))
    assert presence["users"] == [gone]


async def test_reload_within_the_grace_period_is_no_departure(start: Start, clients: Clients) -> None:
    """A page that is loaded again does not blink for others."""
    server = await start(PRESENCE_GRACE_S="2")
    await open_thread(clients.http_raw(server.url, SERVICE_TOKEN), 1, 2, 3)
    watcher = await clients.socket(server.url, 1, PRESENCE)
    first = await clients.socket(server.url, 2)
    await watcher.heard("user_status_update", of(2, online=True))
    third = await clients.socket(server.url, 3)
    await first.close()
    await third.close()
    await clients.socket(server.url, 2)
    await watcher.heard("user_status_update", of(3, online=False))
    assert [event["is_online"] for event in watcher.all("user_status_update") if event["user_id"] == 2] == [True]


async def test_heartbeat_hidden_is_away_until_any_device_is_visible(
    server: Server, clients: Clients, thread_id: str
) -> None:
    """Away means connected and out of sight on every device."""
    watcher = await clients.socket(server.url, 1, PRESENCE)
    phone = await clients.socket(server.url, 2, PRESENCE, MESSAGING)
    beat = await ok(phone.call("heartbeat", {"timestamp": "t", "visible": False}))
    assert beat["timestamp"] == "t"
    await watcher.heard("user_status_update", lambda heard: heard["state"] == "away" and heard["is_online"])
    await ok(phone.call("heartbeat", {"visible": True}))
    await watcher.heard("user_status_update", of(2, online=True), count=3)
    assert [event["state"] for event in watcher.all("user_status_update")] == ["online", "away", "online"]


async def test_get_presence_leaves_out_people_who_share_no_thread(
    server: Server, clients: Clients, service: HttpClient, thread_id: str
) -> None:
    """A stranger's presence is nobody's business, whether they exist or not."""
    await open_thread(service, 8, 9)
    await clients.socket(server.url, 8)
    client = await clients.socket(server.url, 1, PRESENCE)
    presence = await ok(client.call("get_presence", {"user_ids": [8, 2, 404]}))
    assert [(user["user_id"], user["last_seen"]) for user in presence["users"]] == [(2, None)]


async def test_new_contacts_are_told_about_each_other(server: Server, clients: Clients, service: HttpClient) -> None:
    """Opening a thread makes contacts of people who are both there already."""
    one = await clients.socket(server.url, 1, PRESENCE)
    two = await clients.socket(server.url, 2, PRESENCE)
    await open_thread(service, 1, 2, kind="direct")
    await one.heard("user_status_update", of(2, online=True))
    await two.heard("user_status_update", of(1, online=True))


async def test_renamed_person_is_told_to_contacts(
    server: Server, clients: Clients, service: HttpClient, thread_id: str
) -> None:
    """A new name reaches those who see it; the name of the token no longer counts once one was PUT."""
    client = await clients.socket(server.url, 1)
    await ok(service.call("put_user", {"user_id": 2, "display_name": "María José"}))
    updated = await client.heard("user_updated")
    assert updated["user"] == {"id": 2, "display_name": "María José", "avatar_url": None, "locale": None}
    other = await clients.socket(server.url, 2)
    await ok(other.call("send_message", {"thread_id": thread_id, "content": "hola"}))
    assert (await client.heard("new_message"))["message"]["sender_name"] == "María José"
