"""Limits over real sockets: who asks too much is told so, comes back in time, and disturbs nobody."""

import asyncio

import aiohttp
import pytest

from client_tests.answers import code, ok, until
from client_tests.clients import Clients, Event, PlainClient, SocketClient
from client_tests.conftest import Start
from client_tests.functional.conftest import open_thread
from client_tests.harness import SERVICE_TOKEN, Server
from server.contract.operations import MESSAGING, NAMESPACES, PRESENCE

POLLING = "/socket.io/?EIO=4&transport=polling"
WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"
FROM = "X-Forwarded-For"


async def nothing_kept(server: Server) -> None:
    """Wait until all are gone and nothing of them is left."""
    await until(lambda: server.parts.services.connections.count == 0 and server.parts.limits.tracked == 0)


# --- Operations


@pytest.mark.parametrize("kind", ["socket", "plain"])
async def test_operations_over_the_rate_are_refused_and_the_others_done(
    start: Start, clients: Clients, kind: str
) -> None:
    """The burst is done, the rest refused with when to come back; others and other connections notice nothing."""
    server = await start(OPERATIONS_PER_S="5")
    thread_id = await open_thread(clients.http_raw(server.url, SERVICE_TOKEN), 1, 2)
    flood: SocketClient | PlainClient = await getattr(clients, kind)(server.url, 1)
    other, neighbour = await clients.plain(server.url, 1), await clients.socket(server.url, 2)
    payload = {"thread_id": thread_id, "content": "x"}
    answers = await asyncio.gather(*(flood.call("send_message", payload) for _ in range(40)))
    done = [answer for answer in answers if answer["ok"]]
    refused = [answer["error"] for answer in answers if not answer["ok"]]
    assert answers[: len(done)] == done
    assert 25 <= len(done) <= 30
    assert {(error["code"], error["retryable"]) for error in refused} == {("rate_limited", True)}
    assert all(0 < error["details"]["retry_after_s"] <= 5 for error in refused)
    await neighbour.heard("new_message", count=len(done))
    await flood.heard("new_message", count=len(done))
    assert len(neighbour.all("new_message")) == len(done)
    await ok(other.call("ping"))
    await ok(neighbour.call("ping"))
    assert server.parts.limits.limited["connection"] == len(refused)

    async def again() -> Event:
        while not (answer := await flood.call("ping"))["ok"]:  # noqa: ASYNC110 - it does what it is told
            await asyncio.sleep(answer["error"]["details"]["retry_after_s"])
        return answer

    await asyncio.wait_for(ok(again()), 5)


async def test_operations_without_ack_over_the_rate_are_told_by_error(start: Start, clients: Clients) -> None:
    """As any other failure of an operation that asked for no answer."""
    server = await start(OPERATIONS_PER_S="1")
    for client in (await clients.socket(server.url, 1), await clients.plain(server.url, 1)):
        for _ in range(10):
            await client.emit("ping")
        error = await client.heard("error")
        assert (error["op"], error["code"]) == ("ping", "rate_limited")
        assert error["details"]["retry_after_s"] > 0


async def test_http_over_the_rate_is_429_by_user_and_never_for_a_service(start: Start, clients: Clients) -> None:
    """All requests of a user are counted together; the users' backend is not limited."""
    server = await start(OPERATIONS_PER_S="2")
    one, same, other = (clients.http(server.url, user) for user in (1, 1, 2))
    service = clients.http_raw(server.url, SERVICE_TOKEN)
    for _ in range(11):
        await one.call("list_threads")
    async with same.session.get(f"{server.url}/api/v1/threads") as response:
        error = (await response.json())["error"]
        assert (response.status, error["code"], error["retryable"]) == (429, "rate_limited", True)
        assert int(response.headers["Retry-After"]) >= error["details"]["retry_after_s"] > 0
    await ok(other.call("list_threads"))
    for _ in range(30):
        await ok(service.call("get_stats"))


# --- Connections of a user


async def test_connections_over_the_limit_of_a_user_are_refused_and_retried(start: Start, clients: Clients) -> None:
    """Plain: `error` and 4429. Socket.IO: the transport is closed, without CONNECT_ERROR. One that goes makes room."""
    server = await start(CONNECTIONS_PER_USER="2")
    first = await clients.socket(server.url, 1, *NAMESPACES)
    await clients.plain(server.url, 1)
    refused = await clients.plain_raw(server.url, clients.token(1))
    error = await refused.heard("error")
    assert (error["op"], error["code"], error["retryable"]) == ("connect", "rate_limited", True)
    assert error["details"] == {"retry_after_s": 5.0}
    await asyncio.wait_for(refused.closed.wait(), 5)
    assert refused.close_code == 4429
    await clients.plain(server.url, 2)
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{server.url}{WEBSOCKET}") as ws:
        await ws.receive_str(timeout=5)
        await ws.send_str(f'40{MESSAGING},{{"token":"{clients.token(1)}"}}')
        assert (await ws.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
        assert ws.close_code == 4429
    assert server.parts.limits.refused == {"user": 2, "address": 0}
    await first.close()
    await until(lambda: server.parts.services.connections.count == 2)
    await clients.socket(server.url, 1, MESSAGING, PRESENCE)
    await clients.close()
    await nothing_kept(server)


async def test_connections_of_a_user_that_come_at_once_are_never_too_many(start: Start, clients: Clients) -> None:
    """Of twenty that race for five places five are let in."""
    server = await start(CONNECTIONS_PER_USER="5")
    racing = await asyncio.gather(*(clients.plain_raw(server.url, clients.token(1)) for _ in range(20)))
    for client in racing:
        await until(lambda client=client: bool(client.events))  # type: ignore[misc]
    assert sorted(client.events[0][0] for client in racing) == ["connection_established"] * 5 + ["error"] * 15


# --- Connections from an address


async def test_connections_over_the_limit_of_an_address_are_refused_at_the_handshake(
    start: Start, clients: Clients
) -> None:
    """Socket.IO: HTTP 429 with `Retry-After`, polling or not. Plain: `error` and 4429. Others are let in."""
    server = await start(CONNECTIONS_PER_ADDRESS="2", TRUSTED_PROXIES="127.0.0.1")
    here, there = {FROM: "203.0.113.7"}, {FROM: "203.0.113.8"}
    kept = await clients.plain_raw(server.url, clients.token(1), headers=here)
    await kept.heard("connection_established")
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{server.url}{POLLING}", headers=here) as opened:
            assert opened.status == 200
        for path in (POLLING, WEBSOCKET):
            upgrade = {"Upgrade": "websocket", "Connection": "Upgrade"} if path is WEBSOCKET else {}
            async with session.get(f"{server.url}{path}", headers=here | upgrade) as response:
                assert (response.status, response.headers["Retry-After"]) == (429, "5")
                assert (await response.json())["error"]["code"] == "rate_limited"
        refused = await clients.plain_raw(server.url, clients.token(2), headers=here)
        assert (await refused.heard("error"))["code"] == "rate_limited"
        await asyncio.wait_for(refused.closed.wait(), 5)
        assert refused.close_code == 4429
        async with session.get(f"{server.url}{POLLING}", headers=there) as response:
            assert response.status == 200
    assert server.parts.limits.refused == {"user": 0, "address": 3}
    await kept.close()
    await until(lambda: server.parts.services.connections.count == 0)
    again = await clients.plain_raw(server.url, clients.token(1), headers=here)
    await again.heard("connection_established")


async def test_address_is_believed_of_trusted_proxies_alone(start: Start, clients: Clients) -> None:
    """A client cannot make itself many by a header."""
    server = await start(CONNECTIONS_PER_ADDRESS="1")
    await clients.plain(server.url, 1)
    liar = await clients.plain_raw(server.url, clients.token(2), headers={FROM: "203.0.113.9"})
    assert (await liar.heard("error"))["code"] == "rate_limited"


async def test_upgrade_of_a_session_takes_no_second_place_and_its_end_gives_it_back(
    start: Start, clients: Clients
) -> None:
    """A client that polls and then upgrades is one; refused, closed or broken, nothing of it stays."""
    server = await start(CONNECTIONS_PER_ADDRESS="1", CONNECTIONS_PER_USER="1")
    for transports in (None, ["polling"], ["websocket"]):
        client = await clients.socket(server.url, 1, transports=transports)
        assert await code(client.call("nonsense", namespace=MESSAGING)) == "unknown_operation"
        await client.close()
        await nothing_kept(server)
    async with aiohttp.ClientSession() as session, session.get(f"{server.url}{WEBSOCKET}") as response:
        assert response.status == 400
    await nothing_kept(server)


async def test_metrics_tell_what_was_refused(start: Start, clients: Clients) -> None:
    """By limit, from zero on."""
    server = await start(OPERATIONS_PER_S="1", CONNECTIONS_PER_USER="1")
    client = await clients.plain(server.url, 1)
    await asyncio.gather(*(client.call("ping") for _ in range(7)))
    refused = await clients.plain_raw(server.url, clients.token(1))
    await refused.heard("error")
    async with aiohttp.ClientSession() as session, session.get(f"{server.url}/metrics") as response:
        lines = (await response.text()).splitlines()
    assert 'verihome_limited_operations_total{limit="connection"} 2.0' in lines
    assert 'verihome_limited_operations_total{limit="user"} 0.0' in lines
    assert 'verihome_refused_connections_total{limit="user"} 1.0' in lines
    assert 'verihome_refused_connections_total{limit="address"} 0.0' in lines
