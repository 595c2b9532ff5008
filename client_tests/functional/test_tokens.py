"""Who may connect, for how long, and what ends it."""

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable

import pytest

from client_tests.answers import code, ok, until
from client_tests.clients import Clients, HttpClient, SocketClient, make_token
from client_tests.conftest import Start
from client_tests.harness import SECRET, SERVICE_TOKEN, Server
from server.bootstrap import wall_clock
from server.contract.operations import MESSAGING, NAMESPACES, NOTIFICATIONS, PRESENCE

OTHER_SECRET = "another secret, long enough too, of someone else"


def unsigned(user_id: int) -> str:
    """Return a token of `alg: none`."""
    parts = [{"alg": "none", "typ": "JWT"}, {"token_type": "access", "user_id": user_id, "exp": 4_000_000_000}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


BAD_TOKENS = [
    pytest.param(None, "unauthenticated", 4401, id="missing"),
    pytest.param("", "unauthenticated", 4401, id="empty"),
    pytest.param("garbage", "unauthenticated", 4401, id="garbage"),
    pytest.param(make_token(OTHER_SECRET, 1), "unauthenticated", 4401, id="wrong signature"),
    pytest.param(unsigned(1), "unauthenticated", 4401, id="alg none"),
    pytest.param(make_token(SECRET, 1, token_type="refresh"), "unauthenticated", 4401, id="refresh token"),
    pytest.param(make_token(SECRET, 1, exp=None), "unauthenticated", 4401, id="no exp"),
    pytest.param(make_token(SECRET, 1, user_id=None), "unauthenticated", 4401, id="no user"),
    pytest.param(make_token(SECRET, 1, exp=int(time.time()) - 60), "token_expired", 4402, id="expired"),
    pytest.param(SERVICE_TOKEN, "unauthenticated", 4401, id="service token"),
]


@pytest.mark.parametrize(("token", "error_code", "close_code"), BAD_TOKENS)
@pytest.mark.parametrize("namespace", NAMESPACES)
async def test_socketio_connect_with_a_bad_token_is_refused_with_the_envelope(
    server: Server, clients: Clients, namespace: str, token: str | None, error_code: str, close_code: int
) -> None:
    """CONNECT_ERROR carries the message and the envelope, on every namespace."""
    client = SocketClient(server.url, token or "")
    client.sio.on("connect_error", client._refused, namespace=namespace)
    with pytest.raises(Exception, match="namespaces failed"):
        await client.sio.connect(server.url, auth={"token": token}, namespaces=[namespace], wait_timeout=5)
    refusal = await client.heard("connect_error")
    assert refusal["message"] == refusal["data"]["error"]["message"]
    assert refusal["data"]["ok"] is False
    assert refusal["data"]["error"]["code"] == error_code
    await client.close()
    assert server.parts.services.connections.count == 0


@pytest.mark.parametrize(("token", "error_code", "close_code"), BAD_TOKENS)
async def test_plain_connect_with_a_bad_token_hears_error_and_close_code(
    server: Server, clients: Clients, token: str | None, error_code: str, close_code: int
) -> None:
    """A browser cannot read a refused handshake: one error, then the close code."""
    client = await clients.plain_raw(server.url, token)
    error = await client.heard("error")
    assert (error["op"], error["code"]) == ("connect", error_code)
    await asyncio.wait_for(client.closed.wait(), 5)
    assert client.close_code == close_code
    assert [name for name, _ in client.events] == ["error"]


@pytest.mark.parametrize(("token", "error_code", "close_code"), BAD_TOKENS[:-1])
async def test_http_with_a_bad_token_answers_401(
    server: Server, clients: Clients, token: str | None, error_code: str, close_code: int
) -> None:
    """The status is 401, and the challenge names the scheme (RFC 9110 11.6.1)."""
    client = clients.http_raw(server.url, token)
    async with client.session.get(f"{server.url}/api/v1/threads") as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert (await response.json())["error"]["code"] == error_code


async def test_plain_token_by_subprotocol_or_header_connects(server: Server, clients: Clients) -> None:
    """The three ways of a token on the plain routes are equal."""
    token = clients.token(1)
    by_protocol = await clients.plain_raw(server.url, None, protocols=("bearer", token))
    assert (await by_protocol.heard("connection_established"))["user_id"] == 1
    assert by_protocol.ws.protocol == "bearer"
    by_header = await clients.plain_raw(server.url, None, headers={"Authorization": f"Bearer {token}"})
    assert (await by_header.heard("connection_established"))["user_id"] == 1


async def test_connect_says_hello_in_the_wanted_language(server: Server, clients: Clients) -> None:
    """Spanish unless English is asked for."""
    spanish = await clients.socket(server.url, "abc")
    hello = await spanish.heard("connection_established")
    assert hello["message"] == "Conexión WebSocket establecida"
    assert (hello["user_id"], hello["heartbeat_interval_s"], hello["reconnect_attempts"]) == ("abc", 30, 5)
    english = await clients.socket(server.url, 1, locale="en-GB")
    assert (await english.heard("connection_established"))["message"] == "WebSocket connection established"
    assert (await english.call("nope", {}, MESSAGING))["error"]["message"] == "There is no such operation here."


async def test_namespaces_of_one_client_are_counted_and_leave_nothing_behind(server: Server, clients: Clients) -> None:
    """Four namespaces are four connections; closing leaves every table empty."""
    client = await clients.socket(server.url, 1, *NAMESPACES)
    assert server.parts.services.connections.count == 4
    await client.close()
    await until(lambda: server.parts.services.connections.count == 0)
    assert not server.parts.sio.manager.rooms
    assert not server.parts.sio.environ


class Hands:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def __call__(self) -> int:
        """Return the time."""
        return wall_clock() + self.ahead_ms


Connect = Callable[[], Awaitable[SocketClient]]


async def test_expiring_token_is_warned_then_ended_with_its_own_code(start: Start, clients: Clients) -> None:
    """60 s ahead the client is warned; at exp + 30 s the connection ends with 4402."""
    clock = Hands()
    server = await start(clock)
    plain = await clients.plain(server.url, 1)
    socket = await clients.socket(server.url, 2)
    clock.ahead_ms = 3_545_000
    await server.parts.services.connections.check_all()
    for client in (plain, socket):
        warning = await client.heard("token_expiring")
        assert warning["expires_at"].endswith("Z")
    clock.ahead_ms = 3_625_000
    await server.parts.services.connections.check_all()
    assert await ok(socket.call("ping")) == {"behind": []}
    clock.ahead_ms = 3_631_000
    assert await code(socket.call("ping")) == "token_expired"
    await server.parts.services.connections.check_all()
    for client in (plain, socket):
        closing = await client.heard("connection_closing")
        assert closing == {"code": "token_expired", "retryable": False, "reconnect_after_ms": None}
        assert len(client.all("token_expiring")) == 1
    await asyncio.wait_for(plain.closed.wait(), 5)
    assert plain.close_code == 4402
    await until(lambda: not socket.sio.connected)
    assert server.parts.services.connections.count == 0


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_refresh_token_renews_in_place(start: Start, clients: Clients, transport: str) -> None:
    """A refreshed connection outlives its first token, and is warned again before the second ends."""
    clock = Hands()
    server = await start(clock)
    client = await clients.socket(server.url, 1, transports=[transport])
    fresh = clients.token(1, exp=int(time.time()) + 7_200)
    assert (await ok(client.call("refresh_token", {"token": fresh})))["expires_at"]
    clock.ahead_ms = 3_700_000
    await server.parts.services.connections.check_all()
    assert await ok(client.call("ping")) == {"behind": []}
    clock.ahead_ms = 7_150_000
    await server.parts.services.connections.check_all()
    await client.heard("token_expiring")


async def test_refresh_token_of_another_user_or_a_bad_one_is_refused(server: Server, clients: Clients) -> None:
    """A connection stays the same person's."""
    client = await clients.socket(server.url, 1)
    assert await code(client.call("refresh_token", {"token": clients.token(2)})) == "forbidden"
    assert await code(client.call("refresh_token", {"token": "garbage"})) == "unauthenticated"
    assert await ok(client.call("ping")) == {"behind": []}


async def test_revoked_user_is_ended_everywhere_and_may_not_come_back(server: Server, clients: Clients) -> None:
    """Revocation by user ends each connection with `revoked` and refuses the old tokens."""
    service = clients.http_raw(server.url, SERVICE_TOKEN)
    plain = await clients.plain(server.url, 1)
    socket = await clients.socket(server.url, 1, MESSAGING, PRESENCE)
    other = await clients.socket(server.url, 2)
    http = clients.http(server.url, 1)
    await ok(service.call("revoke_tokens", {"user_id": 1, "issued_before": "2099-01-01T00:00:00Z"}))
    await server.parts.services.connections.check_all()
    assert (await socket.heard("connection_closing"))["code"] == "revoked"
    assert (await plain.heard("connection_closing"))["code"] == "revoked"
    await asyncio.wait_for(plain.closed.wait(), 5)
    assert plain.close_code == 4403
    await until(lambda: not socket.sio.connected)
    assert await code(http.call("list_threads")) == "revoked"
    assert await ok(other.call("ping")) == {"behind": []}


async def test_revoked_jti_ends_that_token_alone(server: Server, clients: Clients) -> None:
    """The user's other devices go on."""
    service = clients.http_raw(server.url, SERVICE_TOKEN)
    lost = clients.http_raw(server.url, clients.token(1, jti="lost-phone"))
    kept = clients.http(server.url, 1)
    await ok(lost.call("list_threads"))
    await ok(service.call("revoke_tokens", {"jti": "lost-phone"}))
    assert await code(lost.call("list_threads")) == "revoked"
    await ok(kept.call("list_threads"))


async def test_revocation_of_another_process_is_learnt_by_polling(start: Start, clients: Clients) -> None:
    """Two processes on one database need no Redis for it."""
    first, second = await start(), await start()
    client = await clients.socket(second.url, 1)
    service = clients.http_raw(first.url, SERVICE_TOKEN)
    await ok(service.call("revoke_tokens", {"user_id": 1, "issued_before": "2099-01-01T00:00:00Z"}))
    assert (await client.heard("connection_closing"))["code"] == "revoked"


async def test_disconnect_user_closes_all_of_their_connections(server: Server, clients: Clients) -> None:
    """The service can show someone the door."""
    service: HttpClient = clients.http_raw(server.url, SERVICE_TOKEN)
    client = await clients.socket(server.url, 1, MESSAGING, NOTIFICATIONS)
    await ok(service.call("disconnect_user", {"user_id": 1}))
    await client.heard("connection_closing")
    await until(lambda: server.parts.services.connections.count == 0)
    assert (await clients.socket(server.url, 1)).sio.connected
