"""Every operation, through every transport that its row names, on both databases."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from client_tests import push
from client_tests.answers import ok
from client_tests.clients import Clients, HttpClient, PlainClient, SocketClient
from client_tests.harness import SERVICE_TOKEN, Server, make_settings
from server.contract.operations import MESSAGING, OPERATIONS, THREADS, Operation

Client = SocketClient | PlainClient | HttpClient
CASES = [
    pytest.param(row, transport, place, id=f"{row.name}-{transport}-{place.strip('/')}")
    for row in OPERATIONS.values()
    for transport, place in [
        *(("socketio", namespace) for namespace in sorted(row.namespaces)),
        *(("plain", namespace) for namespace in sorted(row.namespaces)),
        *([("http", "http")] if row.http else []),
    ]
]


@dataclass
class World:
    """User 1 and user 2 share a thread in which each wrote; user 1 has a notification and a device, 2 wrote last."""

    server: Server
    clients: Clients
    thread_id: str
    message_ids: list[str]
    notification_id: str
    device_id: str = "d"
    made: dict[tuple[str, str], Client] = field(default_factory=dict)

    async def client(self, transport: str, place: str, *, service: bool) -> Client:
        """Return user 1's client (or the service's) for a transport and place."""
        url = self.server.url
        if transport == "http":
            return self.clients.http_raw(url, SERVICE_TOKEN) if service else self.clients.http(url, 1)
        if transport == "plain":
            return await self.clients.plain(url, 1, place, self.thread_id)
        return await self.clients.socket(url, 1, place)


@pytest.fixture
async def world(database_url: str, clients: Clients) -> AsyncIterator[World]:
    """A little world for the operations to act on."""
    server = await Server.start(make_settings({"DATABASE_URL": database_url, **push.ENVIRONMENT}))
    service = clients.http_raw(server.url, SERVICE_TOKEN)
    for user_id in (1, 2):
        await ok(service.call("put_user", {"user_id": user_id, "display_name": f"User {user_id}"}))
    thread = await ok(service.call("open_thread", {"kind": "direct", "participant_ids": [1, 2]}))
    ids = []
    for sender_id in (1, 2, 2):
        post = {"thread_id": thread["id"], "sender_id": sender_id, "content": f"by {sender_id}"}
        ids.append((await ok(service.call("post_message", post)))["id"])
    notify = {"user_id": 1, "title": "Visita", "message": "Mañana a las 10", "priority": "high"}
    notified = await ok(service.call("notify", notify))
    device = await ok(clients.http(server.url, 1).call("subscribe_push", push.Browser().subscription()))
    yield World(server, clients, thread["id"], ids, notified["notifications"][0]["id"], device["id"])
    await clients.close()
    await server.stop()


Expect = Callable[[World, Any], bool]
Payload = Callable[[World], dict[str, Any]]


def in_thread(**more: Any) -> Payload:
    """Return a payload that names the thread."""
    return lambda world: {"thread_id": world.thread_id, **more}


NOTHING: Payload = lambda _world: {}  # noqa: E731 - one of a table of payloads

# operation -> what to ask, and what the answer must hold.
SAMPLES: dict[str, tuple[Payload, Expect]] = {
    "ping": (
        lambda world: {"timestamp": "x", "heads": {world.thread_id: 1}},
        lambda world, data: data == {"behind": [world.thread_id]},
    ),
    "refresh_token": (
        lambda world: {"token": world.clients.token(1, exp=4_000_000_000)},
        lambda _, data: data == {"expires_at": "2096-10-02T07:06:40.000Z"},
    ),
    "sync": (
        lambda world: {"threads": {world.thread_id: 0}, "notifications": 0},
        lambda world, data: (
            [message["id"] for message in data["threads"][world.thread_id]["messages"]] == world.message_ids
            and data["threads"][world.thread_id]["rev"] == 4
            and [item["id"] for item in data["notifications"]["items"]] == [world.notification_id]
        ),
    ),
    "list_threads": (
        NOTHING,
        lambda world, data: (
            [thread["id"] for thread in data["threads"]] == [world.thread_id] and data["total_unread"] == 2
        ),
    ),
    "get_thread": (in_thread(), lambda world, data: data["id"] == world.thread_id and data["unread_count"] == 2),
    "create_thread": (
        lambda _: {"kind": "group", "participant_ids": [2], "title": "Comunidad"},
        lambda _, data: data["title"] == "Comunidad" and data["created_by"] == 1 and data["participant_count"] == 2,
    ),
    "list_people": (
        lambda _: {"query": "USER"},
        lambda _, data: [person["id"] for person in data["people"]] == [2] and data["next_cursor"] is None,
    ),
    "get_history": (
        in_thread(limit=2),
        lambda world, data: (
            [message["id"] for message in data["messages"]] == world.message_ids[1:] and data["has_more_before"]
        ),
    ),
    "join_conversation": (in_thread(), lambda _, data: data == {}),
    "leave_conversation": (in_thread(), lambda _, data: data == {}),
    "join": (in_thread(), lambda world, data: data["id"] == world.thread_id and data["rev"] == 4),
    "leave": (in_thread(), lambda _, data: data == {}),
    "send_message": (
        in_thread(content="¡Hola! 😀"),
        lambda _, data: data["content"] == "¡Hola! 😀" and data["seq"] == 4 and data["sender_id"] == 1,
    ),
    "mark_as_read": (
        lambda world: {"thread_id": world.thread_id, "message_id": world.message_ids[1]},
        lambda _, data: data["read_seq"] == 2 and data["unread_count"] == 1,
    ),
    "mark_messages_read": (
        lambda world: {"message_ids": world.message_ids},
        lambda _, data: data["read_seq"] == 3 and data["unread_count"] == 0,
    ),
    "mark_delivered": (in_thread(seq=3), lambda _, data: data["delivered_seq"] == 3),
    "typing_start": (in_thread(), lambda _, data: data == {}),
    "typing_stop": (in_thread(), lambda _, data: data == {}),
    "list_notifications": (
        NOTHING,
        lambda world, data: (
            [item["id"] for item in data["notifications"]] == [world.notification_id] and data["unread_count"] == 1
        ),
    ),
    "mark_notification_read": (
        lambda world: {"notification_id": world.notification_id},
        lambda _, data: data == {"unread_count": 0, "rev": 2},
    ),
    "mark_all_notifications_read": (NOTHING, lambda _, data: data == {"unread_count": 0, "rev": 2}),
    "clear_notification": (
        lambda world: {"notification_id": world.notification_id},
        lambda _, data: data == {"unread_count": 0, "rev": 2},
    ),
    "get_settings": (
        NOTHING,
        lambda world, data: (
            [device["id"] for device in data["push"]["devices"]] == [world.device_id]
            and data["push"]["public_key"] == push.KEY.public
            and data["sound"] is True
        ),
    ),
    "update_settings": (
        lambda _: {"locale": "en", "push_notifications": "urgent"},
        lambda _, data: (data["locale"], data["push_notifications"], data["push_preview"]) == ("en", "urgent", True),
    ),
    "subscribe_push": (
        lambda _: push.Browser().subscription(device_name="Firefox, portátil"),
        lambda _, data: data["name"] == "Firefox, portátil" and data["created_at"].endswith("Z"),
    ),
    "unsubscribe_push": (lambda world: {"device_id": world.device_id}, lambda _, data: data == {}),
    "heartbeat": (
        lambda _: {"timestamp": 7, "visible": True},
        lambda _, data: data["timestamp"] == 7 and data["server_time"].endswith("Z"),
    ),
    "get_presence": (
        lambda _: {"user_ids": [2, 99]},
        lambda _, data: [(user["user_id"], user["is_online"]) for user in data["users"]] == [(2, False)],
    ),
    "put_user": (
        lambda _: {"user_id": 3, "display_name": "Lucía", "locale": "es"},
        lambda _, data: data["id"] == 3 and data["display_name"] == "Lucía",
    ),
    "notify": (
        in_thread(title="Corte de agua", message="De 9 a 12", action_url="/avisos/1"),
        lambda _, data: len(data["notifications"]) == 2,
    ),
    "open_thread": (
        lambda _: {"kind": "direct", "participant_ids": [1, "nueva"]},
        lambda _, data: [person["user_id"] for person in data["participants"]] == [1, "nueva"],
    ),
    "post_message": (
        in_thread(content="Contrato firmado"),
        lambda _, data: data["kind"] == "system" and data["sender_id"] is None,
    ),
    "revoke_tokens": (lambda _: {"user_id": 2}, lambda _, data: data == {}),
    "disconnect_user": (lambda _: {"user_id": 2}, lambda _, data: data == {}),
    "get_stats": (NOTHING, lambda _, data: data["total_messages_sent"] == 3 and data["active_connections"] == 0),
}


def test_samples_cover_every_operation() -> None:
    """An operation without a sample would go untested."""
    assert SAMPLES.keys() == OPERATIONS.keys()


@pytest.mark.parametrize(("row", "transport", "place"), CASES)
async def test_operation_through_transport_answers_envelope(
    world: World, row: Operation, transport: str, place: str
) -> None:
    """Each operation works through each transport and place of its row."""
    payload, expect = SAMPLES[row.name]
    client = await world.client(transport, place, service=row.actor == "service")
    if place == THREADS and transport == "socketio" and row.name.startswith("typing"):
        await ok(client.call("join", {"thread_id": world.thread_id}))
    data = await ok(client.call(row.name, payload(world)))
    assert expect(world, data), data


@pytest.mark.parametrize(("row", "transport", "place"), CASES)
async def test_operation_with_unknown_field_answers_invalid_payload(
    sqlite_url: str, clients: Clients, row: Operation, transport: str, place: str
) -> None:
    """No operation ignores a field that it does not know."""
    server = await Server.start(make_settings({"DATABASE_URL": sqlite_url}))
    service = clients.http_raw(server.url, SERVICE_TOKEN)
    thread = await ok(service.call("open_thread", {"kind": "direct", "participant_ids": [1, 2]}))
    world = World(server, clients, thread["id"], ["m", "m"], "n")
    payload = SAMPLES[row.name][0](world)
    client = await world.client(transport, place, service=row.actor == "service")
    envelope = await client.call(row.name, {**payload, "surprise": 1})
    await clients.close()
    await server.stop()
    assert envelope["ok"] is False
    assert envelope["error"]["code"] == "invalid_payload"
    assert "surprise" in envelope["error"]["details"]


async def test_operation_at_a_place_that_does_not_offer_it_answers_unknown_operation(
    server: Server, clients: Clients
) -> None:
    """An operation exists only where its row says."""
    client = await clients.socket(server.url, 1, MESSAGING)
    for name in OPERATIONS:
        if MESSAGING not in OPERATIONS[name].namespaces:
            envelope = await client.call(name, {}, MESSAGING)
            assert envelope["error"]["code"] == "unknown_operation", name
