"""One conversation of five people whose clients have nothing in common but the contract.

Ana has the official JavaScript client on two devices, Bea too but on the thread's own namespace, Carlos has
python-socketio's, Dora a page that was written after the source document, and Elena has curl.
"""

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from client_tests.answers import ok
from client_tests.clients import Clients, Ears, Event, SocketClient
from client_tests.harness import SECRET, SERVICE_TOKEN, Server
from client_tests.js import JsClient, JsClients, JsPlainClient
from server.contract.operations import THREADS

ANA, BEA, CARLOS, DORA, ELENA = PEOPLE = range(1, 6)
ROUNDS = 3
AT_ONCE = 5
EACH = ROUNDS + AT_ONCE

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")

DOCUMENT: dict[str, dict[str, Any]] = {
    "connection_established": {"message": str, "user_id": int},
    "pong": {"timestamp": str},
    "new_message": {
        "message": {
            "id": str,
            "content": str,
            "sender_id": int,
            "sender_name": str,
            "thread_id": str,
            "sent_at": TIME,
            "is_read": bool,
        }
    },
    "message_read_receipt": {"message_id": str, "read_by": str, "read_at": TIME},
    "typing_notification": {"user_id": int, "user_name": str, "thread_id": str, "is_typing": bool},
    "user_status_update": {"user_id": int, "user_name": str, "is_online": bool, "last_seen": TIME},
    "general_notification": {
        "id": str,
        "title": str,
        "message": str,
        "priority": str,
        "action_url": str,
        "timestamp": TIME,
    },
}
DOCUMENT["urgent_notification"] = DOCUMENT["general_notification"]
"""The fields of the source document's events, with their JSON types. More may stand beside them."""


def assert_documented(payload: Event, fields: dict[str, Any]) -> None:
    """Check that the document's fields are there and of its types."""
    for name, kind in fields.items():
        value = payload[name]
        if isinstance(kind, dict):
            assert_documented(value, kind)
        elif isinstance(kind, re.Pattern):
            assert kind.fullmatch(value), (name, value)
        else:
            assert type(value) is kind, (name, value)  # `isinstance` would take True for a number


@dataclass
class Curl:
    """curl, with somebody's token."""

    url: str
    token: str

    async def __call__(self, method: str, path: str, body: Any = None) -> Event:
        """Ask the HTTP API and return the envelope."""
        process = await asyncio.create_subprocess_exec(
            *("curl", "--silent", "--show-error", "--fail", "--max-time", "10", "--request", method),
            *("--header", f"Authorization: Bearer {self.token}"),
            *(("--json", "@-") if body is not None else ()),
            f"{self.url}/api/v1{path}",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate(json.dumps(body).encode())
        assert process.returncode == 0, errors
        return dict(json.loads(output))


@dataclass
class Page:
    """Dora's page: the four plain WebSockets of the source document, and its messages to the letter."""

    inbox: JsPlainClient
    thread: JsPlainClient
    bell: JsPlainClient
    status: JsPlainClient

    @classmethod
    async def open(cls, js: JsClients, url: str, thread_id: str) -> "Page":
        """Connect all four."""
        return cls(
            await js.plain(url, DORA, "/ws/messaging/"),
            await js.plain(url, DORA, f"/ws/messaging/thread/{thread_id}/"),
            await js.plain(url, DORA, "/ws/notifications/"),
            await js.plain(url, DORA, "/ws/user-status/"),
        )

    @property
    def sockets(self) -> tuple[JsPlainClient, ...]:
        """All four."""
        return (self.inbox, self.thread, self.bell, self.status)

    async def write(self, content: str) -> None:
        """Write into the thread, and return when the page shows it: the document knows no acks."""
        await self.thread.send({"type": "send_message", "content": content})
        await self.thread.heard("new_message", lambda heard: heard["message"]["content"] == content)

    def assert_documented(self) -> None:
        """Check that the page was told all that the document knows, in its form, and of no failure."""
        told = [event for socket in self.sockets for event in socket.events]
        assert {name for name, _ in told} >= DOCUMENT.keys()
        for name, payload in told:
            assert name != "error", payload
            assert_documented(payload, DOCUMENT.get(name, {}))


@dataclass
class Conversation:
    """The thread and everybody in it."""

    thread_id: str
    phone: JsClient
    tablet: JsClient
    bea: JsClient
    carlos: SocketClient
    dora: Page
    elena: Curl

    @property
    def place(self) -> Event:
        """What every operation on the thread names."""
        return {"thread_id": self.thread_id}

    @property
    def ears(self) -> dict[str, Ears]:
        """Everything that hears the thread."""
        return {
            "phone": self.phone,
            "tablet": self.tablet,
            "bea": self.bea,
            "carlos": self.carlos,
            "inbox": self.dora.inbox,
            "thread": self.dora.thread,
        }

    @property
    def writers(self) -> dict[int, Callable[[str], Awaitable[Any]]]:
        """How each person writes."""

        def by_socket(client: JsClient | SocketClient) -> Callable[[str], Awaitable[Any]]:
            return lambda content: ok(client.call("send_message", {**self.place, "content": content}))

        def by_curl(content: str) -> Awaitable[Any]:
            return ok(self.elena("POST", f"/threads/{self.thread_id}/messages", {"content": content}))

        return {
            ANA: by_socket(self.phone),
            BEA: by_socket(self.bea),
            CARLOS: by_socket(self.carlos),
            DORA: self.dora.write,
            ELENA: by_curl,
        }

    async def flush(self) -> None:
        """Return when everyone heard all that was told before: the answer to a ping comes after it."""
        mark = uuid.uuid4().hex
        for client in (self.phone, self.tablet, self.bea, self.carlos):
            await ok(client.call("ping", {"timestamp": mark}))
        for socket in (self.dora.inbox, self.dora.thread):
            await socket.send({"type": "ping", "timestamp": mark})
            await socket.heard("pong", lambda pong: pong["timestamp"] == mark)

    async def history(self) -> list[Event]:
        """Return all messages, as Elena's curl reads them page by page."""
        found: list[Event] = []
        while True:
            path = f"/threads/{self.thread_id}/messages?after_seq={len(found)}&limit=15"
            page = await ok(self.elena("GET", path))
            found += page["messages"]
            if not page["has_more_after"]:
                return found


@pytest.fixture
async def talk(server: Server, clients: Clients) -> AsyncIterator[Conversation]:
    """Everybody connected, in one group thread, and in earshot of one another's typing."""
    async with JsClients(SECRET) as js:
        service = clients.http_raw(server.url, SERVICE_TOKEN)
        thread_id = (await ok(service.call("open_thread", {"kind": "group", "participant_ids": list(PEOPLE)})))["id"]
        made = Conversation(
            thread_id=thread_id,
            phone=await js.socket(server.url, ANA),
            tablet=await js.socket(server.url, ANA, transports=["polling"]),
            bea=await js.socket(server.url, BEA, THREADS, transports=["websocket"], thread_id=thread_id),
            carlos=await clients.socket(server.url, CARLOS),
            dora=await Page.open(js, server.url, thread_id),
            elena=Curl(server.url, js.token(ELENA)),
        )
        await made.phone.heard("transport", lambda heard: heard["name"] == "websocket")
        for client in (made.phone, made.tablet, made.carlos):
            await ok(client.call("join_conversation", made.place))
        await made.dora.inbox.send({"type": "join_conversation", **made.place})
        await made.flush()
        yield made


async def test_everybody_hears_everybody(talk: Conversation, server: Server) -> None:
    """Messages, typing, receipts, presence and notifications, among clients of five kinds."""
    await messages_reach_everyone_once_and_in_order(talk)
    await typing_is_seen_by_the_others(talk)
    await reading_shows_on_the_second_device(talk)
    await reading_is_told_to_the_others(talk)
    await a_message_is_read_when_everyone_read_it(talk)
    await notifications_reach_the_page(talk, Curl(server.url, SERVICE_TOKEN))
    await leaving_is_seen_by_the_page(talk)
    talk.dora.assert_documented()


async def messages_reach_everyone_once_and_in_order(talk: Conversation) -> None:
    """Each writes in turn, then all at once: everyone hears the same, and curl reads the same."""
    writers = talk.writers
    for number in range(ROUNDS):
        for user_id, write in writers.items():
            await write(f"{number} de {user_id}: ¿qué tal? 🏡")
    await asyncio.gather(
        *(write(f"a la vez {number} de {user_id}") for number in range(AT_ONCE) for user_id, write in writers.items())
    )
    for ears in talk.ears.values():
        await ears.heard("new_message", count=EACH * len(writers))
    await talk.flush()
    history = await talk.history()
    for name, ears in talk.ears.items():
        assert [heard["message"] for heard in ears.all("new_message")] == history, name
    assert [message["seq"] for message in history] == list(range(1, EACH * len(writers) + 1))
    contents = [(message["sender_id"], message["content"]) for message in history]
    turns = [(user_id, f"{number} de {user_id}: ¿qué tal? 🏡") for number in range(ROUNDS) for user_id in writers]
    assert contents[: len(turns)] == turns
    assert sorted(contents[len(turns) :]) == sorted(
        (user_id, f"a la vez {number} de {user_id}") for number in range(AT_ONCE) for user_id in writers
    )


async def typing_is_seen_by_the_others(talk: Conversation) -> None:
    """Whoever types is seen typing, and stopping, by all connections but their own."""

    def by_socket(client: JsClient | SocketClient) -> Callable[[str], Awaitable[Any]]:
        return lambda op: ok(client.call(op, talk.place))

    typists: dict[str, tuple[int, Callable[[str], Awaitable[Any]]]] = {
        "phone": (ANA, by_socket(talk.phone)),
        "bea": (BEA, by_socket(talk.bea)),
        "carlos": (CARLOS, by_socket(talk.carlos)),
        "inbox": (DORA, lambda op: talk.dora.inbox.send({"type": op, **talk.place})),
        "thread": (DORA, lambda op: talk.dora.thread.send({"type": op})),
    }
    for where, (user_id, type_) in typists.items():
        before = {name: len(ears.all("typing_notification")) for name, ears in talk.ears.items()}
        await type_("typing_start")
        await type_("typing_stop")
        await talk.flush()
        told = {"user_id": user_id, "user_name": f"User {user_id}", "thread_id": talk.thread_id}
        for name, ears in talk.ears.items():
            heard = ears.all("typing_notification")[before[name] :]
            wanted = [] if name == where else [told | {"is_typing": True}, told | {"is_typing": False}]
            assert heard == wanted, (where, name)


async def reading_shows_on_the_second_device(talk: Conversation) -> None:
    """What Ana reads on her phone is read on her tablet; her own messages never count as unread."""
    unread = EACH * (len(PEOPLE) - 1)
    assert (await ok(talk.tablet.call("list_threads")))["total_unread"] == unread
    last = (await talk.history())[-1]
    answer = await ok(talk.phone.call("mark_as_read", talk.place))
    assert answer == {**talk.place, "read_seq": last["seq"], "unread_count": 0}
    receipt = await talk.tablet.heard("message_read_receipt", lambda heard: heard["reader_id"] == ANA)
    assert (receipt["read_seq"], receipt["unread_count"]) == (last["seq"], 0)
    page = await ok(talk.tablet.call("list_threads"))
    assert (page["total_unread"], page["threads"][0]["unread_count"]) == (0, 0)
    await talk.writers[BEA]("otra más")
    for device in (talk.phone, talk.tablet):
        await device.heard("new_message", lambda heard: heard["message"]["content"] == "otra más")
        assert (await ok(device.call("list_threads")))["total_unread"] == 1
    await ok(talk.tablet.call("mark_as_read", talk.place))
    await talk.phone.heard("message_read_receipt", lambda heard: heard["read_seq"] == last["seq"] + 1)
    assert (await ok(talk.phone.call("list_threads")))["total_unread"] == 0


async def reading_is_told_to_the_others(talk: Conversation) -> None:
    """Dora's page reads as the source document does, one message and then several; all are told up to where."""
    history = await talk.history()
    await talk.dora.inbox.send({"type": "mark_as_read", "message_id": history[0]["id"]})
    several = [message["id"] for message in history[1:3]]
    await talk.dora.thread.send({"type": "mark_messages_read", "message_ids": several})
    for ears in talk.ears.values():
        first = await ears.heard("message_read_receipt", lambda heard: heard["reader_id"] == DORA)
        assert (first["message_id"], first["read_seq"], first["read_by"]) == (history[0]["id"], 1, f"User {DORA}")
        second = await ears.heard("message_read_receipt", lambda heard: heard["reader_id"] == DORA, count=2)
        assert (second["message_id"], second["read_seq"]) == (several[-1], 3)


async def a_message_is_read_when_everyone_read_it(talk: Conversation) -> None:
    """The last to read is Elena, by curl; only then is the history read."""
    assert not (await talk.history())[-1]["is_read"]
    await ok(talk.bea.call("mark_as_read", talk.place))
    await ok(talk.carlos.call("mark_as_read", talk.place))
    last = (await talk.history())[-1]
    await talk.dora.inbox.send({"type": "mark_as_read", "message_id": last["id"]})
    await talk.flush()
    assert not (await talk.history())[-1]["is_read"]
    await ok(talk.elena("POST", f"/threads/{talk.thread_id}/read", {}))
    assert all(message["is_read"] for message in await talk.history())


async def notifications_reach_the_page(talk: Conversation, backend: Curl) -> None:
    """The users' own backend notifies with curl and its service token; `urgent` is another event."""
    wanted = {"title": "Nueva funcionalidad", "message": "Se ha añadido una.", "action_url": "/app/features"}
    await ok(backend("POST", "/notifications", {"user_id": DORA, "priority": "medium", **wanted}))
    await ok(backend("POST", "/notifications", {"thread_id": talk.thread_id, "priority": "urgent", **wanted}))
    general = await talk.dora.bell.heard("general_notification")
    urgent = await talk.dora.bell.heard("urgent_notification")
    assert general.items() >= (wanted | {"priority": "medium"}).items()
    assert urgent.items() >= (wanted | {"priority": "urgent"}).items()


async def leaving_is_seen_by_the_page(talk: Conversation) -> None:
    """The page heard who was there when it connected, and hears Bea go."""
    status = talk.dora.status
    await status.send({"type": "heartbeat", "timestamp": "2025-01-01T12:00:00Z"})
    for user_id in (ANA, BEA, CARLOS):
        there = await status.heard("user_status_update", lambda heard, wanted=user_id: heard["user_id"] == wanted)
        assert there["is_online"] is True
    await talk.bea.disconnect()
    gone = await status.heard("user_status_update", lambda heard: not heard["is_online"])
    assert (gone["user_id"], gone["user_name"]) == (BEA, f"User {BEA}")
