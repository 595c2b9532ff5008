"""A server that is told to go: what was asked is answered, then each client is told, then its connection closed."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from client_tests.answers import ok, until
from client_tests.clients import Clients, Event, PlainClient, SocketClient
from client_tests.functional.conftest import open_thread
from client_tests.harness import SERVICE_TOKEN, Server
from server.services import connections as module

Connect = Callable[[Clients, str], Any]
KINDS: dict[str, Connect] = {
    "plain": lambda clients, url: clients.plain(url, 1),
    "websocket": lambda clients, url: clients.socket(url, 1, transports=["websocket"]),
    "polling": lambda clients, url: clients.socket(url, 1, transports=["polling"]),
}


class Gate:
    """Stands before the commits of a server's writes."""

    def __init__(self, server: Server) -> None:
        self._writer = server.parts.database.writer
        self._commit = self._writer._commit
        self._writer._commit = self._wait
        self.reached, self.opened = asyncio.Event(), asyncio.Event()

    async def _wait(self, works: Sequence[Any]) -> Sequence[Any]:
        self.reached.set()
        await self.opened.wait()
        return await self._commit(works)


@pytest.fixture
async def thread_id(server: Server, clients: Clients) -> str:
    """A thread of users 1 and 2."""
    return await open_thread(clients.http_raw(server.url, SERVICE_TOKEN), 1, 2)


@pytest.mark.parametrize("kind", KINDS)
async def test_drain_answers_what_was_asked_before_it_closes(
    server: Server, clients: Clients, thread_id: str, kind: str
) -> None:
    """An operation that waits for the database is acked, and its event told, and only then comes the end."""
    client: PlainClient | SocketClient = await KINDS[kind](clients, server.url)
    gate = Gate(server)
    asked = [
        asyncio.create_task(client.call("send_message", {"thread_id": thread_id, "content": str(number)}))
        for number in range(5)
    ]
    await gate.reached.wait()
    await asyncio.sleep(0)
    stopping = asyncio.create_task(server.stop())
    await until(lambda: server.parts.services.connections.draining)
    assert not client.all("connection_closing")
    gate.opened.set()
    for answer in await asyncio.gather(*asked):
        assert answer["ok"], answer
    await client.heard("connection_closing")
    names = [name for name, _ in client.events if name in ("new_message", "connection_closing")]
    assert names == ["new_message"] * 5 + ["connection_closing"]
    await stopping


async def test_drain_waits_not_for_ever(
    server: Server, clients: Clients, thread_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that does not come back keeps no client from being told to go."""
    monkeypatch.setattr(module, "LAST_ANSWERS_S", 0.05)
    client = await clients.plain(server.url, 1)
    gate = Gate(server)
    asked = asyncio.create_task(client.call("send_message", {"thread_id": thread_id, "content": "x"}))
    await gate.reached.wait()
    stopping = asyncio.create_task(server.stop())
    await asyncio.wait_for(client.closed.wait(), 5)
    assert (client.close_code, client.events[-1][0]) == (1012, "connection_closing")
    asked.cancel()
    gate.opened.set()
    await stopping


async def test_drain_tells_every_namespace_of_a_client_and_closes_once(server: Server, clients: Clients) -> None:
    """Each connection hears why; the transport that they share is closed after all were told."""
    namespaces = ("/messaging", "/notifications", "/presence")
    client = await clients.socket(server.url, 1, *namespaces, transports=["websocket"])
    await server.stop()
    closing: Event = await client.heard("connection_closing", count=len(namespaces))
    assert (closing["code"], closing["retryable"]) == ("draining", True)
    assert server.parts.services.connections.count == 0


async def test_drain_refuses_who_comes_and_hangs_up(server: Server, clients: Clients) -> None:
    """While it drains, a handshake is 503 and so is `/readyz`, and other requests are answered for the last time."""
    http = clients.http(server.url, 1)
    await ok(http.call("list_threads"))
    server.parts.services.connections._draining = True
    for path, status in (("/readyz", 503), ("/socket.io/?EIO=4&transport=polling", 503), ("/api/v1/threads", 200)):
        async with http.session.get(f"{server.url}{path}") as response:
            assert (response.status, response.headers["Connection"]) == (status, "close"), path
    server.parts.services.connections._draining = False
