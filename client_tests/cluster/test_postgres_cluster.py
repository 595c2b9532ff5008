"""Several processes over one PostgreSQL and no Redis: they hear each other all the same."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

import pytest

from client_tests.answers import ok
from client_tests.clients import Clients
from client_tests.cluster.conftest import Spawn
from client_tests.cluster.test_cluster import ready_with
from client_tests.functional.conftest import open_thread
from client_tests.harness import SERVICE_TOKEN, ServerProcess
from server.contract.operations import MESSAGING, NOTIFICATIONS, PRESENCE, THREADS

Two = tuple[ServerProcess, ServerProcess]


@pytest.fixture
async def two(spawn: Spawn) -> Two:
    """Two processes of one cluster, which hear each other."""
    first, second = await asyncio.gather(spawn(), spawn())
    await asyncio.gather(ready_with(first, "ok"), ready_with(second, "ok"))
    return first, second


@pytest.fixture
async def thread_id(two: Two, clients: Clients) -> str:
    """A thread of users 1, 2 and 3."""
    return await open_thread(clients.http_raw(two[0].url, SERVICE_TOKEN), 1, 2, 3)


async def until(condition: Callable[[], Awaitable[bool]], within_s: float) -> None:
    """Ask again until something holds."""
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110 - asked over the network
            await asyncio.sleep(0.1)


async def test_message_sent_on_one_process_arrives_on_the_other(two: Two, clients: Clients, thread_id: str) -> None:
    """Over Socket.IO and the plain routes, once, in order, from both sides at once."""
    writers = [await clients.socket(two[0].url, 1), await clients.socket(two[1].url, 2)]
    room = await clients.plain(two[1].url, 3, THREADS, thread_id)
    ears = (*writers, room)
    await ok(writers[0].call("send_message", {"thread_id": thread_id, "content": "first"}))
    for ear in ears:
        await ear.heard("new_message")
    sends = [
        writer.call("send_message", {"thread_id": thread_id, "content": str(n)})
        for n in range(100)
        for writer in writers
    ]
    acks = await asyncio.gather(*sends)
    assert {ack["data"]["seq"] for ack in acks} == set(range(2, 202))
    for ear in ears:
        await ear.heard("new_message", count=201)
        assert [event["message"]["seq"] for event in ear.all("new_message")] == list(range(1, 202))


async def test_first_messages_of_a_thread_sent_on_both_at_once_all_arrive(
    two: Two, clients: Clients, thread_id: str
) -> None:
    """Where a process's own first message overtakes the notice of another's, that one comes late, and is not lost."""
    writers = [await clients.socket(two[0].url, 1), await clients.socket(two[1].url, 2)]
    room = await clients.plain(two[1].url, 3, THREADS, thread_id)
    sends = [
        writer.call("send_message", {"thread_id": thread_id, "content": "x"}) for _ in range(5) for writer in writers
    ]
    await asyncio.gather(*sends)
    for ear in (*writers, room):
        await ear.heard("new_message", count=10)
        assert sorted(event["message"]["seq"] for event in ear.all("new_message")) == list(range(1, 11))


async def test_everything_else_arrives_on_the_other(two: Two, clients: Clients, thread_id: str) -> None:
    """Typing, receipts, notifications, new threads, settings and a person's name."""
    one = await clients.socket(two[0].url, 1)
    other = await clients.socket(two[1].url, 2, MESSAGING, NOTIFICATIONS)
    device = await clients.socket(two[0].url, 2, MESSAGING, NOTIFICATIONS)
    service = clients.http_raw(two[0].url, SERVICE_TOKEN)
    await ok(one.call("join_conversation", {"thread_id": thread_id}))
    await ok(other.call("typing_start", {"thread_id": thread_id}))
    assert (await one.heard("typing_notification"))["user_id"] == 2
    await ok(other.call("typing_stop", {"thread_id": thread_id}))
    await one.heard("typing_notification", lambda heard: not heard["is_typing"])
    await ok(one.call("send_message", {"thread_id": thread_id, "content": "hola"}))
    await ok(other.call("mark_as_read", {"thread_id": thread_id}))
    assert (await one.heard("message_read_receipt"))["read_seq"] == 1
    await ok(service.call("notify", {"user_id": 2, "title": "T", "message": "M", "priority": "urgent"}))
    urgent = await other.heard("urgent_notification")
    assert urgent["unread_count"] == 1
    await ok(other.call("mark_all_notifications_read"))
    await device.heard("notification_updated")
    created = await ok(one.call("create_thread", {"kind": "group", "title": "Más", "participant_ids": [2]}))
    await other.heard("thread_created", lambda heard: heard["thread"]["id"] == created["id"])
    await ok(other.call("update_settings", {"sound": False}))
    await device.heard("settings_updated")
    await ok(service.call("put_user", {"user_id": 1, "display_name": "Ana María"}))
    await other.heard("user_updated", lambda heard: heard["user"]["display_name"] == "Ana María")


async def test_disconnect_user_reaches_the_other_process(two: Two, clients: Clients, thread_id: str) -> None:
    """Showing someone the door works wherever they came in."""
    client = await clients.plain(two[1].url, 1)
    await ok(clients.http_raw(two[0].url, SERVICE_TOKEN).call("disconnect_user", {"user_id": 1}))
    await client.heard("connection_closing")
    await asyncio.wait_for(client.closed.wait(), 5)


async def test_presence_when_a_process_is_killed(two: Two, clients: Clients, thread_id: str) -> None:
    """SIGKILL: its users go offline within 30 s, told once; one who is also elsewhere stays online."""
    watcher = await clients.socket(two[0].url, 1, PRESENCE)
    await clients.socket(two[1].url, 2)
    await clients.plain(two[1].url, 3)
    for user_id in (2, 3):
        await watcher.heard("user_status_update", lambda heard, who=user_id: heard["user_id"] == who)
    await clients.socket(two[0].url, 3)
    await two[1].kill()

    async def is_gone() -> bool:
        users = (await ok(watcher.call("get_presence", {"user_ids": [2]})))["users"]
        return not users[0]["is_online"]

    await until(is_gone, 30)
    gone = await watcher.heard("user_status_update", lambda heard: heard["user_id"] == 2 and not heard["is_online"])
    assert gone["last_seen"] is not None
    offline = [event["user_id"] for event in watcher.all("user_status_update") if not event["is_online"]]
    assert offline == [2]


async def test_presence_when_a_process_is_stopped(two: Two, clients: Clients, thread_id: str) -> None:
    """SIGTERM: exits 0; those who do not come back go offline; one who came back to another process never did."""
    watcher = await clients.socket(two[0].url, 1, PRESENCE)
    await clients.socket(two[1].url, 2)
    await clients.plain(two[1].url, 3)
    for user_id in (2, 3):
        await watcher.heard("user_status_update", lambda heard, who=user_id: heard["user_id"] == who)
    assert await two[1].terminate() == 0
    await clients.socket(two[0].url, 3)
    async with asyncio.timeout(30):
        while len(watcher.all("user_status_update")) < 3:  # noqa: ASYNC110 - longer than `heard` waits
            await asyncio.sleep(0.1)
    assert [(event["user_id"], event["is_online"]) for event in watcher.all("user_status_update")[2:]] == [(2, False)]


async def test_process_killed_while_it_sends_loses_nothing_acked(two: Two, clients: Clients, thread_id: str) -> None:
    """What it committed and had no time to tell is found by the poll: the reader elsewhere has all that was acked."""
    reader = await clients.socket(two[0].url, 2)
    senders = [await clients.plain(two[1].url, 1) for _ in range(4)]
    acked: list[int] = []

    async def send_until_gone(sender: int) -> None:
        while True:
            ack = await senders[sender].call("send_message", {"thread_id": thread_id, "content": "x"})
            if ack["ok"]:
                acked.append(ack["data"]["seq"])

    tasks = [asyncio.create_task(send_until_gone(n)) for n in range(4)]
    await reader.heard("new_message", count=50)
    await two[1].kill()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    stored = (await ok(reader.call("get_history", {"thread_id": thread_id, "limit": 1})))["messages"][-1]["seq"]
    assert max(acked) <= stored
    await reader.heard("new_message", lambda heard: heard["message"]["seq"] == stored)
    assert [event["message"]["seq"] for event in reader.all("new_message")] == list(range(1, stored + 1))


async def test_process_frozen_hears_all_when_it_goes_on(two: Two, clients: Clients, thread_id: str) -> None:
    """SIGSTOP for a while: nothing is missing and nothing doubled."""
    reader, sender = await clients.plain(two[0].url, 2), await clients.plain(two[1].url, 1)
    two[0].process.send_signal(signal.SIGSTOP)
    for n in range(50):
        await ok(sender.call("send_message", {"thread_id": thread_id, "content": str(n)}))
    two[0].process.send_signal(signal.SIGCONT)
    await reader.heard("new_message", count=50)
    assert [event["message"]["seq"] for event in reader.all("new_message")] == list(range(1, 51))


async def test_workers_share_a_port_without_redis(spawn: Spawn, clients: Clients) -> None:
    """`serve --workers` needs a PostgreSQL or a Redis; with the first alone the workers hear each other."""
    server = await spawn("--workers", "2")
    thread_id = await open_thread(clients.http_raw(server.url, SERVICE_TOKEN), 1, 2)
    devices = [await clients.plain(server.url, 1 + n % 2) for n in range(12)]
    await ok(devices[0].call("send_message", {"thread_id": thread_id, "content": "hola"}))
    for device in devices:
        await device.heard("new_message")
    assert await server.terminate() == 0
