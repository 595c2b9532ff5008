"""PostgreSQL frozen, restarted and killed under two processes: no false ack, nothing lost, no restart of ours."""

import asyncio
import uuid
from collections.abc import Callable, Iterator

import aiohttp
import pytest

from client_tests.answers import ok
from client_tests.clients import Clients
from client_tests.cluster.conftest import Spawn
from client_tests.cluster.test_cluster import all_ids, ready_with
from client_tests.functional.conftest import open_thread
from client_tests.harness import SERVICE_TOKEN, ServerProcess
from client_tests.services import PostgresServer, postgres_server
from server.storage.engine import migrate

ANSWERED_WITHIN_S = 2.0 * 1.5
WELL_WITHIN_S = 15.0
Two = tuple[ServerProcess, ServerProcess]


@pytest.fixture
def mortal() -> Iterator[PostgresServer]:
    """A PostgreSQL of the test's own, to break."""
    with postgres_server(survives_kill=True) as server:
        yield server


@pytest.fixture
async def two(mortal: PostgresServer, spawn: Spawn) -> Two:
    """Two processes that share it, and hear each other."""
    url = mortal.create_database()
    await asyncio.to_thread(migrate, url)
    first, second = await asyncio.gather(spawn(DATABASE_URL=url), spawn(DATABASE_URL=url))
    await asyncio.gather(ready_with(first, "ok"), ready_with(second, "ok"))
    return first, second


async def readiness(server: ServerProcess) -> int:
    """Return the status of `/readyz`."""
    async with aiohttp.ClientSession() as session, session.get(f"{server.url}/readyz") as response:
        return response.status


async def test_postgres_frozen_answers_in_time_keeps_connections_and_tells_late(
    two: Two, mortal: PostgresServer, clients: Clients
) -> None:
    """Sends and reads are `unavailable`; what was under way is told when it is stored, and its retry finds it."""
    thread_id = await open_thread(clients.http_raw(two[0].url, SERVICE_TOKEN), 1, 2)
    sender, reader = await clients.plain(two[0].url, 1), await clients.plain(two[1].url, 2)
    others = [await clients.plain(server.url, 1) for server in two]  # one's own operations wait for one's sends
    await ok(sender.call("send_message", {"thread_id": thread_id, "content": "antes"}))
    await reader.heard("new_message")
    message = {"thread_id": thread_id, "content": "durante", "client_message_id": str(uuid.uuid4())}
    mortal.freeze()
    try:
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            acks = await asyncio.gather(
                sender.call("send_message", message),
                others[0].call("get_history", {"thread_id": thread_id}),
                others[1].call("create_thread", {"kind": "group", "participant_ids": [2]}),
                reader.call("list_threads"),
            )
        assert [(ack["ok"], ack["error"]["code"], ack["error"]["retryable"]) for ack in acks] == [
            (False, "unavailable", True)
        ] * 4
        assert [await readiness(server) for server in two] == [503, 503]
    finally:
        mortal.thaw()
    async with asyncio.timeout(WELL_WITHIN_S):
        await reader.heard("new_message", lambda heard: heard["message"]["content"] == "durante")
        while not (ack := await sender.call("send_message", message))["ok"]:  # noqa: ASYNC110 - asked over the network
            await asyncio.sleep(0.1)
        while [await readiness(server) for server in two] != [200, 200]:  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.1)
    assert ack["data"]["seq"] == 2
    assert not sender.closed.is_set()
    await ok(reader.call("send_message", {"thread_id": thread_id, "content": "después"}))
    for ear in (sender, reader):
        await ear.heard("new_message", count=3)
        contents = [event["message"]["content"] for event in ear.all("new_message")]
        assert contents == ["antes", "durante", "después"]


def restart(mortal: PostgresServer) -> None:
    """Stop it and start it again."""
    mortal.stop()
    mortal.start()


def crash(mortal: PostgresServer) -> None:
    """Kill it and start it again."""
    mortal.kill()
    mortal.start()


@pytest.mark.parametrize("break_it", [restart, crash], ids=["restarted", "killed"])
async def test_postgres_comes_back_under_load_loses_nothing_acked(
    two: Two, mortal: PostgresServer, clients: Clients, break_it: Callable[[PostgresServer], None]
) -> None:
    """Senders on both processes try again with the same id; readers on both hear all of it, once and in order."""
    thread_id = await open_thread(clients.http_raw(two[0].url, SERVICE_TOKEN), 1, 2)
    readers = [await clients.plain(server.url, 2) for server in two]
    senders = [await clients.plain(server.url, 1) for server in two]
    await ok(senders[0].call("send_message", {"thread_id": thread_id, "content": "first"}))
    for reader in readers:
        await reader.heard("new_message")
    stop = asyncio.Event()
    acked: list[str] = []

    async def send(sender: int) -> None:
        while not stop.is_set():
            message = {"thread_id": thread_id, "content": "x", "client_message_id": str(uuid.uuid4())}
            while not (ack := await senders[sender].call("send_message", message))["ok"]:
                assert ack["error"]["code"] == "unavailable"
                await asyncio.sleep(0.1)
            acked.append(ack["data"]["id"])

    tasks = [asyncio.create_task(send(n)) for n in range(2)]
    await readers[0].heard("new_message", count=20)
    await asyncio.to_thread(break_it, mortal)
    before = len(acked)
    async with asyncio.timeout(WELL_WITHIN_S):
        while len(acked) < before + 50:  # noqa: ASYNC110 - counted by the senders
            await asyncio.sleep(0.05)
    stop.set()
    await asyncio.gather(*tasks)
    stored = await all_ids(clients.http(two[0].url, 2), thread_id)
    assert set(acked) <= set(stored)
    assert len(stored) == len(acked) + 1
    for reader in readers:
        await reader.heard("new_message", count=len(stored))
        assert [event["message"]["id"] for event in reader.all("new_message")] == stored
