"""A process that is told to go: its clients are answered, told, and sent away one after another."""

import asyncio
import json

import aiohttp
import pytest

from client_tests.answers import ok
from client_tests.clients import Clients
from client_tests.cluster.conftest import Spawn
from client_tests.engine.raw import Polling, ask
from client_tests.functional.conftest import open_thread
from client_tests.harness import SERVICE_TOKEN
from client_tests.quiet import connect_quietly
from server.contract.operations import MESSAGING, NOTIFICATIONS

QUIET = 2_000
EXIT_WITHIN_S = 10.0


async def test_sigterm_with_2000_connections_sends_them_away_one_after_another(spawn: Spawn, clients: Clients) -> None:
    """It accepts nobody and says so, goes on for those who are there, and ends with 0 in time."""
    server = await spawn()
    thread_id = await open_thread(clients.http_raw(server.url, SERVICE_TOKEN), 1, 2)
    quiet = await connect_quietly(server.url, clients, QUIET)
    sender, hearer = await clients.plain(server.url, 1), await clients.socket(server.url, 2)
    async with aiohttp.ClientSession() as kept:
        await (await kept.get(f"{server.url}/readyz")).read()
        began = asyncio.get_running_loop().time()
        ending = asyncio.create_task(server.terminate())
        first = await quiet[0].closed
        async with kept.get(f"{server.url}/readyz") as response:  # on a connection that was there before
            assert (response.status, (await response.json())["draining"]) == (503, True)
        with pytest.raises(aiohttp.ClientConnectorError):
            await ask(kept, "GET", f"{server.url}/healthz")
    for number in range(20):
        await ok(sender.call("send_message", {"thread_id": thread_id, "content": str(number)}))
    await hearer.heard("new_message", count=20)
    assert not hearer.all("connection_closing")
    assert await ending == 0
    took_s = asyncio.get_running_loop().time() - began
    closed_at = [await client.closed for client in quiet]
    assert took_s < EXIT_WITHIN_S, took_s
    assert {client.close_code for client in quiet} == {1012}
    assert max(closed_at) - first > QUIET / 400 * 0.8
    busiest = max(sum(at <= other < at + 1 for other in closed_at) for at in closed_at[::50])
    assert busiest < 700, busiest
    last = [client.events[-1] for client in quiet]
    assert {(told["type"], told["code"], told["retryable"]) for told in last} == {
        ("connection_closing", "draining", True)
    }
    after_ms = [told["reconnect_after_ms"] for told in last]
    assert 500 <= min(after_ms) < 600
    assert 1_400 < max(after_ms) <= 1_500
    for client in (sender, hearer):
        assert (await client.heard("connection_closing"))["code"] == "draining"


async def test_sigterm_between_two_polls_is_told_by_the_next(spawn: Spawn, clients: Clients) -> None:
    """Who polls is told by events and a CLOSE packet, and no DISCONNECT packet, on the connection it has."""
    server = await spawn()
    url = f"{server.url}/socket.io/"
    async with aiohttp.ClientSession() as session:
        client = await Polling.open(session, url)
        for namespace in (MESSAGING, NOTIFICATIONS):
            await client.send(f"40{namespace},{json.dumps({'token': clients.token(1)})}")
        await client.messages(4)
        watch = await clients.plain(server.url, 2)
        ending = asyncio.create_task(server.terminate())
        await asyncio.wait_for(watch.closed.wait(), 5)  # so all are told by now
        polled: list[str] = []
        while "1" not in polled:
            answer = await client.get()
            assert answer.status == 200, answer
            polled += answer.packets
        assert [text.partition(",")[0] for text in polled] == [f"42{MESSAGING}", f"42{NOTIFICATIONS}", "1"]
        assert all('"connection_closing"' in text and '"draining"' in text for text in polled[:2])
        assert await ending == 0


async def test_drain_of_zero_seconds_is_at_once(spawn: Spawn, clients: Clients) -> None:
    """`DRAIN_S=0`: everybody goes together."""
    server = await spawn(DRAIN_S="0")
    quiet = await connect_quietly(server.url, clients, 300)
    assert await server.terminate() == 0
    closed_at = [await client.closed for client in quiet]
    assert {client.close_code for client in quiet} == {1012}
    assert max(closed_at) - min(closed_at) < 0.5
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await ask(session, "GET", f"{server.url}/healthz")
