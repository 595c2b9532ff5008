"""The law: snapshot + events == snapshot fetched again; and what was missed is found by revision."""

import random
from typing import Any

from client_tests.answers import ok
from client_tests.clients import Clients, Event, HttpClient, PlainClient, SocketClient
from client_tests.functional.conftest import open_thread
from client_tests.harness import Server
from server.contract.operations import MESSAGING, NOTIFICATIONS


class Model:
    """What a client holds of one thread, kept up to date by events or by `sync`."""

    def __init__(self) -> None:
        self.rev = 0
        self.messages: dict[int, Event] = {}
        self.read_seq: dict[Any, int] = {}

    def hear(self, name: str, event: Event) -> None:
        """Apply one event; each has the next revision."""
        rev = event["message"]["rev"] if name == "new_message" else event["rev"]
        assert rev == self.rev + 1, (name, event, self.rev)
        self.rev = rev
        if name == "new_message":
            self.messages[event["message"]["seq"]] = without_is_read(event["message"])
        elif name == "message_read_receipt":
            self.read_seq[event["reader_id"]] = event["read_seq"]

    def apply(self, changes: Event) -> None:
        """Apply an answer of `sync`."""
        self.rev = changes["rev"]
        for message in changes["messages"]:
            self.messages[message["seq"]] = without_is_read(message)
        for receipt in changes["receipts"]:
            if receipt["read_at"] is not None:
                self.read_seq[receipt["user_id"]] = receipt["read_seq"]


def without_is_read(message: Event) -> Event:
    """Return a message without what follows from receipts."""
    return {key: value for key, value in message.items() if key != "is_read"}


async def fetch(client: SocketClient | PlainClient, thread_id: str, model: Model) -> None:
    """Catch up until there is no more."""
    more = True
    while more:
        answer = await ok(client.call("sync", {"threads": {thread_id: model.rev}}))
        changes = answer["threads"][thread_id]
        model.apply(changes)
        more = changes["more"]


async def test_snapshot_and_events_equal_the_snapshot_fetched_again(
    server: Server, clients: Clients, thread_id: str
) -> None:
    """Random sends and reads by three people; one listens, one fetches at the end, one fetches half-way."""
    dice = random.Random(7)
    people = [await clients.socket(server.url, user_id) for user_id in (1, 2, 3)]
    listener, late = await clients.plain(server.url, 1), await clients.socket(server.url, 2)
    heard, halfway, fetched = Model(), Model(), Model()
    heard.rev = halfway.rev = 1
    for step in range(150):
        person = dice.choice(people)
        if dice.random() < 0.7:
            await ok(person.call("send_message", {"thread_id": thread_id, "content": f"m{step}"}))
        else:
            await ok(person.call("mark_as_read", {"thread_id": thread_id}))
        if step == 75:
            await fetch(late, thread_id, halfway)
    head = (await ok(late.call("get_thread", {"thread_id": thread_id})))["rev"]
    await listener.heard("new_message", count=len(listener.all("new_message")))
    for name, event in [item for item in listener.events if item[0] in ("new_message", "message_read_receipt")]:
        heard.hear(name, event)
    await fetch(late, thread_id, halfway)
    await fetch(late, thread_id, fetched)
    assert heard.rev >= head
    assert heard.messages == halfway.messages == fetched.messages
    assert len(fetched.messages) == max(fetched.messages)


async def test_sync_is_paged_and_converges(server: Server, clients: Clients, service: HttpClient) -> None:
    """A long absence is caught up in bounded answers."""
    thread_id = await open_thread(service, 1, 2)
    writer = await clients.plain(server.url, 1)
    for n in range(250):
        await writer.emit("send_message", {"thread_id": thread_id, "content": str(n)})
    await ok(writer.call("mark_as_read", {"thread_id": thread_id}))
    answer = await ok(writer.call("sync", {"threads": {thread_id: 0}}))
    changes = answer["threads"][thread_id]
    assert (len(changes["messages"]), changes["more"], changes["rev"]) == (100, True, 101)
    assert changes["thread"]["id"] == thread_id
    model = Model()
    await fetch(writer, thread_id, model)
    assert sorted(model.messages) == list(range(1, 251))
    quiet = (await ok(writer.call("sync", {"threads": {thread_id: model.rev}})))["threads"][thread_id]
    assert (quiet["messages"], quiet["receipts"], quiet["thread"], quiet["more"]) == ([], [], None, False)


async def test_sync_tells_what_is_unread_though_nothing_else_changed(
    server: Server, clients: Clients, thread_id: str
) -> None:
    """Reading on another device moves only one's own count, which a client that was away must still learn."""
    sender, reader = await clients.plain(server.url, 1), await clients.plain(server.url, 2)
    for text in ("one", "two"):
        message = await ok(sender.call("send_message", {"thread_id": thread_id, "content": text}))
    held = {"threads": {thread_id: message["rev"]}}
    assert (await ok(reader.call("sync", held)))["threads"][thread_id]["unread_count"] == 2
    await ok(reader.call("mark_as_read", {"thread_id": thread_id}))
    assert (await ok(reader.call("sync", held)))["threads"][thread_id]["unread_count"] == 0


async def test_sync_of_a_foreign_thread_is_removed_like_an_unknown_one(
    server: Server, clients: Clients, service: HttpClient
) -> None:
    """What is not the actor's to see is to be forgotten."""
    foreign = await open_thread(service, 8, 9)
    client = await clients.socket(server.url, 1)
    answer = await ok(client.call("sync", {"threads": {foreign: 3, "unknown": 3}}))
    assert answer["threads"][foreign] == answer["threads"]["unknown"]
    assert answer["threads"][foreign]["removed"] is True
    assert answer["notifications"] is None


async def test_ping_heads_names_the_threads_that_are_behind(
    server: Server, clients: Clients, service: HttpClient, thread_id: str
) -> None:
    """A deaf connection finds out by its next ping; the timestamp comes back as given."""
    quiet = await open_thread(service, 1, 2)
    foreign = await open_thread(service, 8, 9)
    client = await clients.socket(server.url, 1)
    await ok(client.call("send_message", {"thread_id": thread_id, "content": "x"}))
    heads = {thread_id: 1, quiet: 1, foreign: 0, "unknown": 0}
    assert await ok(client.call("ping", {"timestamp": 1.5, "heads": heads})) == {"behind": [thread_id]}
    assert await client.heard("pong") == {"timestamp": 1.5}


async def test_notifications_are_told_kept_and_caught_up(server: Server, clients: Clients, service: HttpClient) -> None:
    """Urgent and general, read and cleared, on two devices, and found again by revision."""
    one = await clients.socket(server.url, 1, NOTIFICATIONS)
    two = await clients.plain(server.url, 1, NOTIFICATIONS)
    bystander = await clients.socket(server.url, 2, NOTIFICATIONS, MESSAGING)
    notes = []
    for priority in ("medium", "urgent"):
        notify = {"user_id": 1, "title": "T", "message": "M", "priority": priority, "action_url": "/app"}
        notes += (await ok(service.call("notify", notify)))["notifications"]
    general = await two.heard("general_notification")
    urgent = await one.heard("urgent_notification")
    wanted = {"id", "title", "message", "priority", "action_url", "timestamp", "rev", "read_at", "cleared_at"}
    assert general.keys() == wanted | {"unread_count"}
    assert (general["priority"], urgent["priority"], urgent["unread_count"]) == ("medium", "urgent", 2)
    assert await ok(one.call("mark_notification_read", {"notification_id": notes[0]["id"]})) == {
        "unread_count": 1,
        "rev": 3,
    }
    updated = await two.heard("notification_updated")
    assert (updated["notification_ids"], updated["all"], updated["cleared_at"]) == ([notes[0]["id"]], False, None)
    assert (await ok(two.call("clear_notification", {"notification_id": notes[1]["id"]})))["unread_count"] == 0
    page = await ok(one.call("list_notifications"))
    assert [item["id"] for item in page["notifications"]] == [notes[0]["id"]]
    caught_up = (await ok(one.call("sync", {"notifications": 2})))["notifications"]
    assert [item["id"] for item in caught_up["items"]] == [notes[0]["id"], notes[1]["id"]]
    assert [item["cleared_at"] is None for item in caught_up["items"]] == [True, False]
    assert caught_up["rev"] == 4
    assert bystander.events[2:] == []
