"""The official JavaScript client, with its default settings, against the real server."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from client_tests.clients import Clients, Event, SocketClient
from client_tests.harness import SECRET, SERVICE_TOKEN, Server, ServerProcess, make_settings
from client_tests.js import JsClient, JsClients
from server.bootstrap import wall_clock
from server.contract.operations import MESSAGING, NAMESPACES, NOTIFICATIONS, PRESENCE, THREADS

POLLING = ["polling"]
WEBSOCKET = ["websocket"]
OPERATIONS_IN_A_TICK = 200
LEEWAY_S = 30


@dataclass
class Clock:
    """The server's clock, to be put forward."""

    ahead_ms: int = 0

    def __call__(self) -> int:
        """Return milliseconds since the epoch."""
        return wall_clock() + self.ahead_ms


@pytest.fixture
async def js() -> AsyncIterator[JsClients]:
    """Makes JavaScript clients, and closes them at the end."""
    async with JsClients(SECRET) as made:
        yield made


async def make_thread(client: JsClient | SocketClient, *user_ids: int) -> str:
    """Open a group thread with people who exist."""
    answer = await client.call("create_thread", {"kind": "group", "participant_ids": list(user_ids)})
    return str(answer["data"]["id"])


async def history(client: JsClient, thread_id: str) -> list[Event]:
    """Return all of a thread's messages, ascending."""
    found: list[Event] = []
    while True:
        page = {"thread_id": thread_id, "after_seq": len(found), "limit": 100}
        data = (await client.call("get_history", page))["data"]
        found += data["messages"]
        if not data["has_more_after"]:
            return found


# --- Transports and the first event ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transports", "names"),
    [(None, ["polling", "websocket"]), (WEBSOCKET, ["websocket"]), (POLLING, ["polling"])],
    ids=["upgrade", "websocket", "polling"],
)
async def test_each_transport_carries_operations_and_events(
    server: Server, js: JsClients, transports: list[str] | None, names: list[str]
) -> None:
    """By polling, by WebSocket, and by the upgrade from one to the other, operations are answered and events heard."""
    client = await js.socket(server.url, 1, transports=transports)
    thread_id = await make_thread(client, 1)
    await client.heard("transport", lambda heard: heard["name"] == names[-1])
    assert (await client.call("send_message", {"thread_id": thread_id, "content": "¡Hola! 👋"}))["ok"]
    heard = await client.heard("new_message")
    assert heard["message"]["content"] == "¡Hola! 👋"
    assert [heard["name"] for heard in client.all("transport")] == names


@pytest.mark.parametrize("transports", [None, WEBSOCKET, POLLING], ids=["upgrade", "websocket", "polling"])
async def test_connection_established_comes_first(server: Server, js: JsClients, transports: list[str] | None) -> None:
    """On each of the four namespaces the first event after the connection is `connection_established`."""
    client = await js.socket(server.url, 7, *NAMESPACES, transports=transports)
    for namespace in NAMESPACES:
        (first, connected), (second, established) = client.heard_on(namespace)[:2]
        assert (first, second) == ("connect", "connection_established"), namespace
        assert established["user_id"] == 7
        assert established["session_id"] == connected["sid"]
        assert established["message"] == "Conexión WebSocket establecida"


async def test_acks_are_envelopes(server: Server, js: JsClients) -> None:
    """Success and failure are both acked with the envelope."""
    client = await js.socket(server.url, 1, *NAMESPACES)
    for namespace in NAMESPACES:
        assert await client.call("ping", {"timestamp": 5}, namespace) == {"ok": True, "data": {"behind": []}}
    await client.heard("pong", lambda pong: pong["timestamp"] == 5, count=len(NAMESPACES))
    refused = await client.call("send_message", {"thread_id": "nope", "content": "x"})
    assert refused["ok"] is False
    assert set(refused["error"]) == {"code", "message", "details", "retryable", "request_id"}
    unknown = await client.call("no_such_operation", {}, MESSAGING)
    assert unknown["error"]["code"] == "unknown_operation"


async def test_a_failure_without_an_ack_is_an_error_event(server: Server, js: JsClients) -> None:
    """An operation without an ack is refused by the event `error`, on its own namespace."""
    client = await js.socket(server.url, 1, MESSAGING, PRESENCE)
    await client.emit("mark_as_read", {})
    error = await client.heard("error")
    assert (error["op"], error["code"]) == ("mark_as_read", "invalid_payload")
    assert "error" in [name for name, _ in client.heard_on(MESSAGING)]
    assert "error" not in [name for name, _ in client.heard_on(PRESENCE)]


# --- Refused connections --------------------------------------------------------------------------------------


async def refusal(client: JsClient, *namespaces: str, **auth: object) -> Event:
    """Connect where it must fail; return what the client's `connect_error` handler is given."""
    await client.dial(*namespaces, **auth)
    error = await client.heard("connect_error")
    assert not client.all("connection_established")
    return error


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"exp": 1_000_000_000}, "token_expired"),
        ({"token_type": "refresh"}, "unauthenticated"),
        ({"exp": None}, "unauthenticated"),
    ],
)
async def test_connect_error_for_a_token_that_is_not_good(
    server: Server, js: JsClients, claims: dict[str, object], code: str
) -> None:
    """A token that is expired or of the wrong kind is refused with the message and the envelope."""
    error = await refusal(await js.idle(server.url, js.token(1, **claims)))
    assert error["data"]["error"]["code"] == code
    assert error["message"] == error["data"]["error"]["message"]
    assert error["active"] is False  # the client does not try again by itself


@pytest.mark.parametrize("token", [None, "", "not.a.token"], ids=["missing", "empty", "malformed"])
async def test_connect_error_without_a_token(server: Server, js: JsClients, token: str | None) -> None:
    """No token, an empty one and nonsense are refused with the message and the envelope."""
    error = await refusal(await js.idle(server.url, token))
    assert error["data"]["ok"] is False
    assert error["data"]["error"]["code"] == "unauthenticated"
    assert error["message"] == error["data"]["error"]["message"]


async def test_connect_error_for_the_thread_of_others(server: Server, js: JsClients) -> None:
    """`auth.thread_id` of a thread that one is not in is refused exactly as one that does not exist."""
    thread_id = await make_thread(await js.socket(server.url, 1), 1)
    others = await refusal(await js.idle(server.url, js.token(2)), THREADS, thread_id=thread_id)
    missing = await refusal(
        await js.idle(server.url, js.token(2)), THREADS, thread_id="01890000-0000-7000-8000-000000000000"
    )
    for error in (others, missing):
        assert error["data"]["error"].pop("request_id")
    assert others == missing
    assert others["data"]["error"]["code"] == "not_found"


async def test_connect_error_for_a_thread_id_that_is_null(server: Server, js: JsClients) -> None:
    """`thread_id: null` is a mistake of the client's, not an absent thread."""
    error = await refusal(await js.idle(server.url, js.token(1)), THREADS, thread_id=None)
    assert error["data"]["error"]["code"] == "invalid_payload"
    assert "thread_id" in error["data"]["error"]["details"]


@pytest.mark.parametrize("namespace", ["/", "/nope"])
async def test_connect_error_for_an_unknown_namespace(server: Server, js: JsClients, namespace: str) -> None:
    """A namespace that does not exist is refused, and the known ones are named."""
    error = await refusal(await js.idle(server.url, js.token(1)), namespace)
    assert error["message"]
    assert error["data"]["error"]["code"] == "not_found"
    assert error["data"]["error"]["details"]["namespaces"] == sorted(NAMESPACES)


async def test_one_refused_namespace_leaves_the_others_alone(server: Server, js: JsClients) -> None:
    """A client that is refused on one namespace works on the others of the same connection."""
    client = await js.idle(server.url, js.token(1))
    await client.dial(MESSAGING, "/nope", THREADS, thread_id=None)
    await client.heard("connect_error", count=2)
    await client.heard("connection_established")
    assert (await client.call("ping"))["ok"]


# --- Many operations in one tick ------------------------------------------------------------------------------


@pytest.mark.parametrize("ack", [True, False], ids=["acks", "no acks"])
@pytest.mark.parametrize("transports", [POLLING, WEBSOCKET, None], ids=["polling", "websocket", "upgrade"])
async def test_a_burst_of_messages_keeps_its_order(
    server: Server, js: JsClients, transports: list[str] | None, *, ack: bool
) -> None:
    """200 messages emitted in one tick are all stored and heard in the order sent, and all acked if asked for."""
    listener = await js.socket(server.url, 2, transports=WEBSOCKET)
    writer = await js.socket(server.url, 1, transports=transports)
    thread_id = await make_thread(writer, 2)
    wanted = [str(number) for number in range(OPERATIONS_IN_A_TICK)]
    envelopes = await writer.burst(
        [("send_message", {"thread_id": thread_id, "content": content}) for content in wanted], ack=ack
    )
    for client in (listener, writer):
        await client.heard("new_message", count=OPERATIONS_IN_A_TICK)
        assert [heard["message"]["content"] for heard in client.all("new_message")] == wanted
        assert [heard["message"]["seq"] for heard in client.all("new_message")] == list(range(1, 201))
    if ack:
        assert all(envelope["ok"] for envelope in envelopes)
        assert [envelope["data"]["content"] for envelope in envelopes] == wanted
    stored = await history(writer, thread_id)
    assert [(message["seq"], message["content"]) for message in stored] == list(enumerate(wanted, 1))
    assert not writer.all("error")


@pytest.mark.parametrize("transports", [POLLING, WEBSOCKET], ids=["polling", "websocket"])
async def test_a_mixed_burst_takes_effect_in_order(server: Server, js: JsClients, transports: list[str] | None) -> None:
    """Of 200 mixed operations in one tick, each sees the effect of those before it and of none after it."""
    listener = await js.socket(server.url, 2)
    writer = await js.socket(server.url, 1, transports=transports)
    thread_id = await make_thread(writer, 2)
    await listener.call("join_conversation", {"thread_id": thread_id})
    where = {"thread_id": thread_id}
    rounds = range(1, OPERATIONS_IN_A_TICK // 5 + 1)
    envelopes = await writer.burst(
        [
            operation
            for number in rounds
            for operation in (
                ("typing_start", where),
                ("send_message", {**where, "content": str(number)}),
                ("typing_stop", where),
                ("mark_as_read", where),
                ("get_thread", where),
            )
        ]
    )
    assert len(envelopes) == OPERATIONS_IN_A_TICK
    assert all(envelope["ok"] for envelope in envelopes)
    assert [envelope["data"]["seq"] for envelope in envelopes[1::5]] == list(rounds)
    assert [envelope["data"]["read_seq"] for envelope in envelopes[3::5]] == list(rounds)
    assert [envelope["data"]["last_seq"] for envelope in envelopes[4::5]] == list(rounds)
    await listener.heard("typing_notification", lambda heard: not heard["is_typing"], count=len(rounds))
    told = [name for name, _ in listener.events if name in ("typing_notification", "new_message")]
    assert told == ["typing_notification", "new_message", "typing_notification"] * len(rounds)


# --- Events that only the client itself may name --------------------------------------------------------------


@pytest.mark.parametrize("name", ["connect", "disconnect", "connect_error", "connection_established", "__class__"])
async def test_a_forged_event_is_an_unknown_operation(server: Server, js: JsClients, name: str) -> None:
    """An event named like one of the protocol's own is answered like any unknown one, and the connection lives."""
    client = await js.socket(server.url, 1, *NAMESPACES)
    forged_auth = {"token": js.token(2)}
    envelope = await client.forge(name, forged_auth, ack=True)
    assert envelope["error"]["code"] == "unknown_operation"
    await client.forge(name, ack=False)
    error = await client.heard("error")
    assert (error["op"], error["code"]) == (name, "unknown_operation")
    assert (await client.call("ping"))["ok"]
    thread = (await client.call("create_thread", {"kind": "group", "participant_ids": [1]}))["data"]
    assert thread["created_by"] == 1
    assert not client.all("disconnect")


# --- The end of a connection ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "terminated"])
async def test_the_client_comes_back_after_a_restart(sqlite_url: str, js: JsClients, *, kill: bool) -> None:
    """When the server is gone and started again, the client with its default settings reconnects by itself."""
    environment = {"DATABASE_URL": sqlite_url}
    process = await ServerProcess.start(environment)
    try:
        client = await js.socket(process.url, 1, *NAMESPACES)
        await client.heard("transport", lambda heard: heard["name"] == "websocket")
        thread_id = await make_thread(client, 1)
        await (process.kill() if kill else process.terminate())
        lost = await client.heard("disconnect", count=len(NAMESPACES))
        assert lost["reason"] in ("transport close", "transport error")
        if not kill:
            assert (await client.heard("connection_closing"))["code"] == "draining"
            assert (await client.heard("engine_close"))["code"] == 1012
        process = await ServerProcess.start(environment, port=int(process.url.rpartition(":")[2]))
        await client.heard("connection_established", count=2 * len(NAMESPACES))
        await client.heard("reconnect")
        assert (await client.call("send_message", {"thread_id": thread_id, "content": "de vuelta"}))["ok"]
        await client.heard("new_message")
    finally:
        await process.end()


@pytest.mark.parametrize("transports", [None, POLLING], ids=["websocket", "polling"])
async def test_the_client_comes_back_after_its_token_expired(
    sqlite_url: str, js: JsClients, transports: list[str] | None
) -> None:
    """An expired token closes the transport after a word; with a newer token the client reconnects by itself."""
    clock = Clock()
    server = await Server.start(make_settings({"DATABASE_URL": sqlite_url}), now=clock)
    try:
        token = js.token(1, exp=wall_clock() // 1000 + 50)
        client = await (await js.idle(server.url, token)).connect(*NAMESPACES, transports=transports)
        if transports is None:
            await client.heard("transport", lambda heard: heard["name"] == "websocket")
        await client.heard("token_expiring", count=len(NAMESPACES))
        await client.renew(js.token(1, exp=wall_clock() // 1000 + 3600))
        clock.ahead_ms = (50 + LEEWAY_S + 1) * 1000
        closing = await client.heard("connection_closing")
        assert closing["code"] == "token_expired"
        lost = await client.heard("disconnect", count=len(NAMESPACES))
        assert {heard["reason"] for heard in client.all("disconnect")} == {"transport close"}
        for namespace in NAMESPACES:
            names = [name for name, _ in client.heard_on(namespace)]
            assert names[-2:] == ["connection_closing", "disconnect"], namespace
        assert lost["active"] is True
        if transports is None:
            assert (await client.heard("engine_close"))["code"] == 4402
        await client.heard("connection_established", count=2 * len(NAMESPACES))
        assert (await client.call("ping"))["ok"]
    finally:
        await server.stop()


@pytest.mark.parametrize("namespaces", [(MESSAGING,), NAMESPACES], ids=["one", "all"])
@pytest.mark.parametrize("transports", [None, POLLING], ids=["websocket", "polling"])
async def test_the_client_stays_away_after_a_revocation(
    server: Server, js: JsClients, clients: Clients, transports: list[str] | None, namespaces: tuple[str, ...]
) -> None:
    """A revoked token ends each namespace with `io server disconnect`, after which the client stays away."""
    client = await js.socket(server.url, 1, *namespaces, transports=transports)
    if transports is None:
        await client.heard("transport", lambda heard: heard["name"] == "websocket")
    service = clients.http_raw(server.url, SERVICE_TOKEN)
    assert (await service.call("revoke_tokens", {"user_id": 1}))["ok"]
    await client.heard("disconnect", count=len(namespaces))
    assert {heard["reason"] for heard in client.all("disconnect")} == {"io server disconnect"}
    assert {heard["active"] for heard in client.all("disconnect")} == {False}
    for namespace in namespaces:
        names = [name for name, _ in client.heard_on(namespace)]
        assert names[-2:] == ["connection_closing", "disconnect"], namespace
    assert not client.all("reconnect_attempt")


async def test_leaving_by_itself(server: Server, js: JsClients) -> None:
    """A client that disconnects is gone at once, and others are told."""
    watcher = await js.socket(server.url, 2, *NAMESPACES)
    client = await js.socket(server.url, 1, MESSAGING, NOTIFICATIONS)
    await make_thread(client, 2)
    await watcher.heard("user_status_update", lambda heard: heard["user_id"] == 1 and heard["is_online"])
    await client.disconnect()
    await watcher.heard("user_status_update", lambda heard: heard["user_id"] == 1 and not heard["is_online"])
    assert (await client.heard("disconnect"))["reason"] == "io client disconnect"
