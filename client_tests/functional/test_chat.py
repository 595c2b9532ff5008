"""Messages, receipts and typing between people with several devices."""

import asyncio
import uuid

import pytest

from client_tests.answers import code, ok
from client_tests.clients import Clients, HttpClient, PlainClient
from client_tests.functional.conftest import open_thread
from client_tests.harness import Server
from server.contract.operations import MESSAGING, THREADS
from server.services import receipts, typing


async def test_send_message_reaches_every_device_once_in_order(
    server: Server, clients: Clients, thread_id: str
) -> None:
    """The sender's own devices hear it too; what is acked is what is heard."""
    sender = await clients.socket(server.url, 1)
    ears = [
        await clients.socket(server.url, 1),
        await clients.socket(server.url, 2, transports=["polling"]),
        await clients.plain(server.url, 3),
        await clients.plain(server.url, 3, THREADS, thread_id),
        await clients.socket(server.url, 2, THREADS, thread_id=thread_id),
    ]
    sends = [sender.call("send_message", {"thread_id": thread_id, "content": str(n)}) for n in range(50)]
    acked = [envelope["data"] for envelope in await asyncio.gather(*sends)]
    assert [message["content"] for message in acked] == [str(n) for n in range(50)]
    assert [message["seq"] for message in acked] == list(range(1, 51))
    for ear in ears:
        await ear.heard("new_message", count=50)
        assert [event["message"] for event in ear.all("new_message")] == acked


async def test_two_hundred_operations_in_one_tick_take_effect_in_order(
    server: Server, clients: Clients, thread_id: str
) -> None:
    """Sends overlap; whatever follows waits for them, and what follows that waits for it."""
    client = await clients.plain(server.url, 1)
    reader = await clients.plain(server.url, 2)
    for n in range(100):
        await client.ws.send_json({"type": "send_message", "thread_id": thread_id, "content": str(n), "ref": 2 * n})
        await client.ws.send_json({"type": "get_thread", "thread_id": thread_id, "ref": 2 * n + 1})
    await client.heard("ack", count=200)
    acks = {ack["ref"]: ack["data"] for ack in client.all("ack")}
    for n in range(100):
        assert acks[2 * n]["seq"] == n + 1
        assert acks[2 * n + 1]["last_seq"] == n + 1
    await reader.heard("new_message", count=100)
    assert [event["message"]["content"] for event in reader.all("new_message")] == [str(n) for n in range(100)]


async def test_retry_with_the_same_client_message_id_is_the_same_message(
    server: Server, clients: Clients, thread_id: str
) -> None:
    """A retry gets the first row, whatever its content, and is told to nobody."""
    client = await clients.socket(server.url, 1)
    http = clients.http(server.url, 1)
    listener = await clients.plain(server.url, 2)
    key = str(uuid.uuid4())
    first = await ok(client.call("send_message", {"thread_id": thread_id, "content": "uno", "client_message_id": key}))
    assert first["client_message_id"] == key
    again = {"thread_id": thread_id, "content": "dos", "client_message_id": key.upper()}
    assert await ok(client.call("send_message", again)) == first
    status, envelope = await http.request(
        "send_message", {"thread_id": thread_id, "content": "tres"}, **{"Idempotency-Key": key}
    )
    assert (status, envelope["data"]) == (200, first)
    await ok(client.call("send_message", {"thread_id": thread_id, "content": "fin"}))
    await listener.heard("new_message", count=2)
    assert [event["message"]["content"] for event in listener.all("new_message")] == ["uno", "fin"]


async def test_unread_counts_are_right_on_every_device(
    server: Server, clients: Clients, service: HttpClient, thread_id: str
) -> None:
    """Reading on one device tells the other; own messages never count; total_unread is their sum."""
    other_thread = await open_thread(service, 1, 2, kind="direct")
    phone = await clients.socket(server.url, 1)
    laptop = await clients.plain(server.url, 1)
    friend = await clients.socket(server.url, 2)
    for content in ("a", "b", "c"):
        await ok(friend.call("send_message", {"thread_id": thread_id, "content": content}))
    await ok(friend.call("send_message", {"thread_id": other_thread, "content": "d"}))
    await ok(phone.call("send_message", {"thread_id": thread_id, "content": "mine"}))
    threads = await ok(laptop.call("list_threads"))
    assert {thread["id"]: thread["unread_count"] for thread in threads["threads"]} == {thread_id: 3, other_thread: 1}
    assert threads["total_unread"] == 4
    second = phone.all("new_message")[1]["message"]
    read = await ok(phone.call("mark_as_read", {"message_id": second["id"]}))
    assert read == {"thread_id": thread_id, "read_seq": 2, "unread_count": 1}
    told = await laptop.heard("message_read_receipt")
    assert (told["reader_id"], told["read_seq"], told["unread_count"]) == (1, 2, 1)
    assert (await ok(laptop.call("mark_as_read", {"thread_id": thread_id})))["unread_count"] == 0
    assert (await ok(phone.call("list_threads")))["total_unread"] == 1


async def test_read_receipt_has_the_fields_of_the_source_document(
    server: Server, clients: Clients, thread_id: str
) -> None:
    """`message_id` is the newest of those marked, `read_by` a name; is_read follows when everyone has read."""
    writer = await clients.plain(server.url, 1)
    ids = [(await ok(writer.call("send_message", {"thread_id": thread_id, "content": c})))["id"] for c in "ab"]
    reader = await clients.plain(server.url, 2, THREADS, thread_id)
    await ok(reader.call("mark_messages_read", {"message_ids": ids}))
    receipt = await writer.heard("message_read_receipt")
    assert receipt["message_id"] == ids[1]
    assert receipt["message_ids"] == ids
    assert (receipt["read_by"], receipt["reader_id"], receipt["read_seq"]) == ("User 2", 2, 2)
    assert receipt["rev"] == 4
    history = await ok(writer.call("get_history", {"thread_id": thread_id}))
    assert [message["is_read"] for message in history["messages"]] == [False, False]
    await ok(clients.http(server.url, 3).call("mark_as_read", {"thread_id": thread_id}))
    history = await ok(writer.call("get_history", {"thread_id": thread_id}))
    assert [message["is_read"] for message in history["messages"]] == [True, True]


async def test_delivered_receipt_is_told_and_never_goes_back(server: Server, clients: Clients, thread_id: str) -> None:
    """A position only moves forward."""
    writer = await clients.socket(server.url, 1)
    for content in "abc":
        await ok(writer.call("send_message", {"thread_id": thread_id, "content": content}))
    reader = await clients.socket(server.url, 2)
    assert (await ok(reader.call("mark_delivered", {"thread_id": thread_id, "seq": 2})))["delivered_seq"] == 2
    assert (await ok(reader.call("mark_delivered", {"thread_id": thread_id, "seq": 1})))["delivered_seq"] == 2
    assert (await ok(reader.call("mark_delivered", {"thread_id": thread_id, "seq": 99})))["delivered_seq"] == 3
    told = await writer.heard("message_delivered_receipt")
    assert (told["user_id"], told["delivered_seq"]) == (2, 2)
    assert (await writer.heard("message_delivered_receipt", count=2))["delivered_seq"] == 3


async def test_receipts_in_a_hurry_are_told_once_and_the_newest_wins(
    server: Server, clients: Clients, thread_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first at once, then one for all that came before the turn was over; revisions have no holes."""
    monkeypatch.setattr(receipts, "TELL_EVERY_S", 2.0)  # long enough for 20 operations on a busy machine
    writer = await clients.socket(server.url, 1)
    ids = [
        (await ok(writer.call("send_message", {"thread_id": thread_id, "content": str(n)})))["id"] for n in range(20)
    ]
    reader = await clients.plain(server.url, 2)
    for message_id in ids:
        await reader.emit("mark_as_read", {"message_id": message_id})
    last = await writer.heard("message_read_receipt", lambda heard: heard["read_seq"] == 20)
    told = writer.all("message_read_receipt")
    assert told[0]["read_seq"] == 1
    assert len(told) == 2
    assert last["message_ids"] == ids[1:]
    assert [event["rev"] for event in told] == [22, 23]


async def test_receipt_in_a_large_thread_is_told_to_the_readers_own_devices_alone(
    server: Server, clients: Clients, service: HttpClient
) -> None:
    """Above 50 participants a receipt takes no revision and disturbs nobody."""
    large = await open_thread(service, *range(1, 60))
    writer = await clients.socket(server.url, 1)
    phone, laptop = await clients.socket(server.url, 2), await clients.plain(server.url, 2)
    await ok(writer.call("send_message", {"thread_id": large, "content": "a todos"}))
    await ok(phone.call("mark_as_read", {"thread_id": large}))
    assert (await laptop.heard("message_read_receipt"))["unread_count"] == 0
    await ok(writer.call("send_message", {"thread_id": large, "content": "otra vez"}))
    assert (await writer.heard("new_message", count=2))["message"]["rev"] == 3
    assert writer.all("message_read_receipt") == []


async def test_typing_is_heard_where_it_was_joined_and_stops_by_itself(
    server: Server, clients: Clients, thread_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On `/messaging` after join_conversation, on `/threads` always; a client that falls silent stops."""
    monkeypatch.setattr(typing, "STOPS_AFTER_S", 0.2)
    typist = await clients.plain(server.url, 1, THREADS, thread_id)
    joined = await clients.socket(server.url, 2)
    elsewhere = await clients.socket(server.url, 3)
    await ok(joined.call("join_conversation", {"thread_id": thread_id}))
    await typist.emit("typing_start")
    told = await joined.heard("typing_notification")
    assert told == {"user_id": 1, "user_name": "User 1", "thread_id": thread_id, "is_typing": True}
    assert (await joined.heard("typing_notification", count=2))["is_typing"] is False
    await ok(joined.call("leave_conversation", {"thread_id": thread_id}))
    await ok(typist.call("typing_start"))
    await ok(typist.call("typing_stop"))
    await ok(typist.call("send_message", {"content": "listo"}))
    await elsewhere.heard("new_message")
    await joined.heard("new_message")
    assert len(joined.all("typing_notification")) == 2
    assert elsewhere.all("typing_notification") == []
    assert typist.all("typing_notification") == []


async def test_typing_stops_when_the_typist_disconnects(server: Server, clients: Clients, thread_id: str) -> None:
    """Someone who is gone is not typing."""
    typist = await clients.socket(server.url, 1)
    watcher = await clients.socket(server.url, 2, THREADS, thread_id=thread_id)
    await ok(typist.call("typing_start", {"thread_id": thread_id}))
    await watcher.heard("typing_notification", lambda heard: heard["is_typing"])
    await typist.close()
    await watcher.heard("typing_notification", lambda heard: not heard["is_typing"])


async def test_plain_client_that_never_reads_is_dropped_with_its_own_code(
    server: Server, clients: Clients, thread_id: str
) -> None:
    """A slow consumer costs a bounded queue, and others do not notice."""
    server.parts.sio.eio.websockets.max_queue_packets = 10
    writer = await clients.plain(server.url, 1)
    slow = await clients.plain(server.url, 2)
    slow.ws._response.connection.transport.pause_reading()
    await until_queued(server, writer, thread_id)
    await ok(writer.call("ping"))
    slow.ws._response.connection.transport.resume_reading()
    await asyncio.wait_for(slow.closed.wait(), 10)
    assert slow.close_code == 4413
    assert server.parts.services.connections.count == 1


async def until_queued(server: Server, writer: PlainClient, thread_id: str) -> None:
    """Write until the server has given up on the one who does not read."""
    big = "😀" * 4000
    for _ in range(2000):
        await ok(writer.call("send_message", {"thread_id": thread_id, "content": big}))
        if len(server.parts.manager.hub._memberships) == 1:
            return
    raise AssertionError("the server never gave up on a client that does not read")


async def test_leave_a_thread_room_hears_no_more(server: Server, clients: Clients, thread_id: str) -> None:
    """`join` and `leave` on `/threads`; the thread's other listeners go on."""
    client = await clients.socket(server.url, 1, MESSAGING, THREADS)
    await ok(client.call("join", {"thread_id": thread_id}))
    await ok(client.call("send_message", {"thread_id": thread_id, "content": "a"}))
    await client.heard("new_message", count=2)
    await ok(client.call("leave", {"thread_id": thread_id}))
    await ok(client.call("send_message", {"thread_id": thread_id, "content": "b"}))
    await client.heard("new_message", count=3)
    await ok(client.call("ping", {}, THREADS))
    assert len(client.all("new_message")) == 3
    assert await code(client.call("join", {"thread_id": "nope"})) == "not_found"


async def test_direct_thread_about_one_subject_is_one_thread(server: Server, clients: Clients) -> None:
    """Asking again gives the same thread and tells nobody; another subject is another thread."""
    one, two = await clients.socket(server.url, 1), await clients.socket(server.url, 2)
    flat = {"type": "property", "id": "77", "title": "Piso en Lavapiés", "url": "/pisos/77"}
    wanted = {"kind": "direct", "participant_ids": [2], "subject": flat}
    first = await ok(one.call("create_thread", wanted))
    assert first["subject"] == {**flat, "image_url": None}
    assert (await two.heard("thread_created"))["thread"]["id"] == first["id"]
    again = await ok(two.call("create_thread", {**wanted, "participant_ids": [1, 2]}))
    assert again["id"] == first["id"]
    plain = await ok(two.call("create_thread", {"kind": "direct", "participant_ids": [1]}))
    assert plain["id"] != first["id"]
    await two.heard("thread_created", count=2)
    assert await code(one.call("create_thread", {"kind": "direct", "participant_ids": [404]})) == "not_found"
    assert await code(one.call("create_thread", {"kind": "direct", "participant_ids": [1]})) == "invalid_payload"
    assert await code(one.call("create_thread", {"kind": "direct", "participant_ids": [2, 3]})) == "invalid_payload"
