"""Several processes: rooms, presence and typing are shared, and what dies is noticed."""

import asyncio
import uuid
from pathlib import Path

import aiohttp
import pytest

from client_tests.answers import ok
from client_tests.clients import Clients, HttpClient
from client_tests.cluster.conftest import Spawn
from client_tests.functional.conftest import open_thread
from client_tests.harness import SERVICE_TOKEN, ServerProcess
from client_tests.services import RedisServer, free_port, redis_server
from server.contract.operations import MESSAGING, NOTIFICATIONS, PRESENCE, THREADS

Two = tuple[ServerProcess, ServerProcess]


async def ready_with(server: ServerProcess, cluster: str) -> None:
    """Wait until a process says how its link to the others is."""
    async with asyncio.timeout(15), aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{server.url}/readyz") as response:
                state = await response.json()
            if state["cluster"] == cluster:
                assert response.status == 200, state
                return
            await asyncio.sleep(0.05)


@pytest.fixture
async def thread_id(two: Two, clients: Clients) -> str:
    """A thread of users 1, 2 and 3, and both processes joined to Redis."""
    await asyncio.gather(*(ready_with(server, "ok") for server in two))
    return await open_thread(clients.http_raw(two[0].url, SERVICE_TOKEN), 1, 2, 3)


async def test_message_sent_on_one_process_arrives_on_the_other(two: Two, clients: Clients, thread_id: str) -> None:
    """Over Socket.IO and the plain routes, once, in order, also typing, receipts and notifications."""
    sender = await clients.socket(two[0].url, 1)
    inbox = await clients.socket(two[1].url, 2, MESSAGING, NOTIFICATIONS)
    room = await clients.plain(two[1].url, 3, THREADS, thread_id)
    sends = [sender.call("send_message", {"thread_id": thread_id, "content": str(n)}) for n in range(100)]
    await asyncio.gather(*sends)
    for ear in (inbox, room, sender):
        await ear.heard("new_message", count=100)
        assert [event["message"]["seq"] for event in ear.all("new_message")] == list(range(1, 101))
    await ok(room.call("typing_start"))
    await ok(sender.call("join_conversation", {"thread_id": thread_id}))
    await ok(room.call("typing_start"))
    assert (await sender.heard("typing_notification"))["user_id"] == 3
    await ok(inbox.call("mark_as_read", {"thread_id": thread_id}))
    assert (await sender.heard("message_read_receipt"))["read_seq"] == 100
    service = clients.http_raw(two[0].url, SERVICE_TOKEN)
    await ok(service.call("notify", {"user_id": 2, "title": "T", "message": "M", "priority": "urgent"}))
    assert (await inbox.heard("urgent_notification"))["unread_count"] == 1


async def test_both_processes_write_one_thread_without_gaps(two: Two, clients: Clients, thread_id: str) -> None:
    """Two writers, one numbering; a retry that races on both is one message."""
    writers = [await clients.socket(two[n].url, user_id) for n, user_id in ((0, 1), (1, 2))]
    key = str(uuid.uuid4())
    same = {"thread_id": thread_id, "content": "una vez", "client_message_id": key}
    devices = [await clients.plain(server.url, 3) for server in two]
    acks = await asyncio.gather(
        *(
            writer.call("send_message", {"thread_id": thread_id, "content": "x"})
            for _ in range(100)
            for writer in writers
        ),
        *(device.call("send_message", same) for device in devices),
    )
    assert all(ack["ok"] for ack in acks)
    assert acks[-1]["data"] == acks[-2]["data"]
    assert {ack["data"]["seq"] for ack in acks} == set(range(1, 202))


async def test_presence_when_a_process_is_killed(two: Two, clients: Clients, thread_id: str) -> None:
    """SIGKILL: its users go offline within 30 s; one who is also elsewhere stays online."""
    watcher = await clients.socket(two[0].url, 1, PRESENCE)
    await clients.socket(two[1].url, 2)
    await clients.plain(two[1].url, 3)
    await watcher.heard("user_status_update", lambda heard: heard["user_id"] == 2 and heard["is_online"])
    await watcher.heard("user_status_update", lambda heard: heard["user_id"] == 3 and heard["is_online"])
    await clients.socket(two[0].url, 3)
    await two[1].kill()
    async with asyncio.timeout(30):
        while True:
            presence = await ok(watcher.call("get_presence", {"user_ids": [2, 3]}))
            online = {user["user_id"]: user["is_online"] for user in presence["users"]}
            if not online[2]:
                break
            await asyncio.sleep(0.2)
    assert online == {2: False, 3: True}
    gone = await watcher.heard("user_status_update", lambda heard: heard["user_id"] == 2 and not heard["is_online"])
    assert gone["last_seen"] is not None
    offline = [event["user_id"] for event in watcher.all("user_status_update") if not event["is_online"]]
    assert offline == [2]


async def test_presence_when_a_process_is_stopped(two: Two, clients: Clients, thread_id: str) -> None:
    """SIGTERM: those who do not come back go offline; one who came back to another process never did."""
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


async def test_disconnect_user_reaches_the_other_process(two: Two, clients: Clients, thread_id: str) -> None:
    """Showing someone the door works wherever they came in."""
    client = await clients.plain(two[1].url, 1)
    service = clients.http_raw(two[0].url, SERVICE_TOKEN)
    await ok(service.call("disconnect_user", {"user_id": 1}))
    await client.heard("connection_closing")
    await asyncio.wait_for(client.closed.wait(), 5)


async def test_redis_away_at_start_serves_alone_says_so_and_joins_when_it_comes(spawn: Spawn, clients: Clients) -> None:
    """Nothing waits for Redis; once it is there, the processes work together."""
    port = free_port()
    url = f"redis://127.0.0.1:{port}/4"
    servers = await asyncio.gather(spawn(REDIS_URL=url), spawn(REDIS_URL=url))
    await asyncio.gather(*(ready_with(server, "degraded") for server in servers))
    thread_id = await open_thread(clients.http_raw(servers[0].url, SERVICE_TOKEN), 1, 2)
    one, local = await clients.socket(servers[0].url, 1), await clients.plain(servers[0].url, 2)
    remote = await clients.socket(servers[1].url, 2)
    await ok(one.call("send_message", {"thread_id": thread_id, "content": "a solas"}))
    await local.heard("new_message")
    with redis_server(port):
        await asyncio.gather(*(ready_with(server, "ok") for server in servers))
        await ok(one.call("send_message", {"thread_id": thread_id, "content": "juntos"}))
        await remote.heard("new_message", lambda heard: heard["message"]["content"] == "juntos")


async def test_redis_stopped_while_running_delays_no_ack_and_comes_back(
    two: Two, clients: Clients, redis: RedisServer, thread_id: str
) -> None:
    """Sends go on, local listeners hear them at once, and the cluster mends itself."""
    one, local = await clients.socket(two[0].url, 1), await clients.plain(two[0].url, 2)
    remote = await clients.plain(two[1].url, 3)
    redis.stop()
    await asyncio.gather(*(ready_with(server, "degraded") for server in two))
    await ok(one.call("send_message", {"thread_id": thread_id, "content": "sin redis"}))
    await local.heard("new_message")
    redis.start()
    await asyncio.gather(*(ready_with(server, "ok") for server in two))
    await ok(one.call("send_message", {"thread_id": thread_id, "content": "con redis"}))
    await remote.heard("new_message", lambda heard: heard["message"]["content"] == "con redis")
    assert len((await ok(remote.call("get_history", {"thread_id": thread_id})))["messages"]) == 2


async def test_two_processes_share_one_sqlite_file(
    spawn: Spawn, clients: Clients, redis: RedisServer, sqlite_url: str
) -> None:
    """Allowed on one machine: they take turns writing."""
    same = {"DATABASE_URL": sqlite_url, "REDIS_URL": redis.url}
    servers = await asyncio.gather(spawn(**same), spawn(**same))
    await asyncio.gather(*(ready_with(server, "ok") for server in servers))
    thread_id = await open_thread(clients.http_raw(servers[0].url, SERVICE_TOKEN), 1, 2)
    writers = [await clients.socket(servers[n].url, user_id) for n, user_id in ((0, 1), (1, 2))]
    acks = await asyncio.gather(
        *(
            writer.call("send_message", {"thread_id": thread_id, "content": "x"})
            for _ in range(50)
            for writer in writers
        )
    )
    assert {ack["data"]["seq"] for ack in acks} == set(range(1, 101))
    for writer in writers:
        await writer.heard("new_message", count=100)


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_sigterm_with_200_connections_exits_fast_and_loses_nothing_acked(
    spawn: Spawn, clients: Clients, request: pytest.FixtureRequest, database: str
) -> None:
    """Clients are told and closed with 1012; what was acked is there after a restart."""
    url = str(request.getfixturevalue(f"{database}_url"))
    server = await spawn(DATABASE_URL=url)
    thread_id = await open_thread(clients.http_raw(server.url, SERVICE_TOKEN), 1, 2)
    plain = [await clients.plain(server.url, 1 + n % 2) for n in range(100)]
    sockets = [await clients.socket(server.url, 1 + n % 2, transports=["websocket"]) for n in range(80)]
    polling = [await clients.socket(server.url, 1 + n % 2, transports=["polling"]) for n in range(20)]
    acked: list[str] = []

    async def send_until_closed(sender: int) -> None:
        while True:
            ack = await plain[sender].call("send_message", {"thread_id": thread_id, "content": "x"})
            if ack["ok"]:
                acked.append(ack["data"]["id"])

    senders = [asyncio.create_task(send_until_closed(n)) for n in range(8)]
    await sockets[0].heard("new_message", count=50)
    began = asyncio.get_running_loop().time()
    assert await server.terminate() == 0
    took_s = asyncio.get_running_loop().time() - began
    for task in senders:
        task.cancel()
    await asyncio.gather(*senders, return_exceptions=True)
    for client in (*plain, *sockets, *polling):
        assert (await client.heard("connection_closing"))["code"] == "draining"
    for client in plain:
        await asyncio.wait_for(client.closed.wait(), 5)
        assert client.close_code == 1012
    assert took_s < 5, took_s
    again = await spawn(DATABASE_URL=url)
    stored = await all_ids(clients.http(again.url, 1), thread_id)
    assert len(acked) >= 50
    assert set(acked) <= set(stored)
    assert len(stored) == len(set(stored))


async def all_ids(http: HttpClient, thread_id: str) -> list[str]:
    """Return the ids of a thread's messages, in order."""
    ids: list[str] = []
    after = 0
    while True:
        page = await ok(http.call("get_history", {"thread_id": thread_id, "after_seq": after, "limit": 100}))
        ids += [message["id"] for message in page["messages"]]
        if not page["has_more_after"]:
            return ids
        after = page["messages"][-1]["seq"]


async def test_logs_name_no_token_session_or_text(spawn: Spawn, clients: Clients, tmp_path: Path) -> None:
    """What a process logs, even at DEBUG, gives nobody a key or a message to read."""
    server = await spawn(LOG_LEVEL="DEBUG")
    thread_id = await open_thread(clients.http_raw(server.url, SERVICE_TOKEN), 1, 2)
    client = await clients.plain(server.url, 1)
    sio = await clients.socket(server.url, 2, transports=["polling"])
    secret = "el código del portal es 4711"
    await ok(client.call("send_message", {"thread_id": thread_id, "content": secret}))
    await client.call("send_message", {"thread_id": thread_id, "content": secret, "x\ninjected=1": secret})
    session_id = (await sio.heard("connection_established"))["session_id"]
    await server.terminate()
    log = (tmp_path / "server-0.log").read_text()
    assert "/ws/messaging/" in log
    assert client.token
    for hidden in (client.token, sio.token, session_id, SERVICE_TOKEN, "4711", "injected", "sid="):
        assert hidden not in log, hidden
