"""Whatever a client sends, it gets an envelope with a code, and nothing is stored from a refused request."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from client_tests.answers import code, ok, until
from client_tests.clients import Clients, HttpClient, PlainClient, SocketClient
from client_tests.functional.conftest import open_thread
from client_tests.harness import Server
from server.contract.operations import MESSAGING, THREADS

Client = SocketClient | PlainClient | HttpClient
MakeClient = Callable[[str | int], Awaitable[Client]]

UUID = "6a0c1c5e-3f0e-4a39-9b8e-2f6f2f6a3f11"


@pytest.fixture(params=["socketio-websocket", "socketio-polling", "plain", "http"])
def make_client(request: pytest.FixtureRequest, server: Server, clients: Clients) -> MakeClient:
    """Make a client of each transport in turn."""

    async def make(user_id: str | int) -> Client:
        if request.param == "plain":
            return await clients.plain(server.url, user_id)
        if request.param == "http":
            return clients.http(server.url, user_id)
        return await clients.socket(server.url, user_id, transports=[request.param.partition("-")[2]])

    return make


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"content": "x" * 4001}, id="4001 characters"),
        pytest.param({"content": ""}, id="empty"),
        pytest.param({"content": " \n\t "}, id="blank"),
        pytest.param({"content": "a\x00b"}, id="NUL"),
        pytest.param({"content": 7}, id="number"),
        pytest.param({"content": None}, id="null"),
        pytest.param({"content": ["x"]}, id="list"),
        pytest.param({}, id="missing"),
        pytest.param({"content": "x", "client_message_id": "not a uuid"}, id="client_message_id no uuid"),
        pytest.param({"content": "x", "client_message_id": 5}, id="client_message_id number"),
        pytest.param({"content": "x", "attachment_ids": []}, id="field of a later issue"),
        pytest.param({"content": "x", "kind": "system"}, id="field of the answer"),
    ],
)
async def test_send_message_malformed_answers_invalid_payload_and_stores_nothing(
    make_client: MakeClient, service: HttpClient, thread_id: str, fields: dict[str, Any]
) -> None:
    """A message of the wrong form is refused on every transport; the connection goes on."""
    client = await make_client(1)
    assert await code(client.call("send_message", {"thread_id": thread_id, **fields})) == "invalid_payload"
    history = await ok(client.call("get_history", {"thread_id": thread_id}))
    assert history["messages"] == []


async def test_send_message_of_4000_characters_is_stored_whole(make_client: MakeClient, thread_id: str) -> None:
    """The limit counts code points, not bytes."""
    client = await make_client(1)
    content = "😀" * 4000
    sent = await ok(client.call("send_message", {"thread_id": thread_id, "content": content}))
    assert sent["content"] == content


@pytest.mark.parametrize(
    ("op", "fields"),
    [
        ("send_message", {"content": "x"}),
        ("get_history", {}),
        ("get_thread", {}),
        ("mark_as_read", {}),
        ("mark_delivered", {"seq": 1}),
    ],
)
async def test_operation_on_a_thread_of_others_looks_like_an_unknown_one(
    make_client: MakeClient, thread_id: str, op: str, fields: dict[str, Any]
) -> None:
    """Not a participant: byte for byte the answer of a thread that does not exist, and nothing is stored."""
    stranger = await make_client(9)
    answers = []
    for target in (thread_id, UUID):
        envelope = await stranger.call(op, {"thread_id": target, **fields})
        assert envelope["error"].pop("request_id")
        answers.append(json.dumps(envelope))
    assert answers[0] == answers[1]
    assert json.loads(answers[0])["error"]["code"] == "not_found"
    member = await make_client(1)
    assert (await ok(member.call("get_history", {"thread_id": thread_id})))["messages"] == []


async def test_mark_as_read_of_a_message_of_another_thread_answers_not_found(
    make_client: MakeClient, service: HttpClient, thread_id: str
) -> None:
    """Someone else's message id is as good as no id."""
    other = await open_thread(service, 8, 9)
    post = {"thread_id": other, "sender_id": 8, "content": "privado"}
    message = await ok(service.call("post_message", post))
    client = await make_client(1)
    wanted = {"thread_id": thread_id, "message_id": message["id"]}
    assert await code(client.call("mark_as_read", wanted)) == "not_found"


async def test_get_history_with_text_for_a_number_answers_invalid_payload(
    make_client: MakeClient, thread_id: str
) -> None:
    """A number is a number, on every transport."""
    client = await make_client(1)
    assert await code(client.call("get_history", {"thread_id": thread_id, "limit": "ten"})) == "invalid_payload"
    assert await code(client.call("get_history", {"thread_id": thread_id, "limit": 101})) == "invalid_payload"
    both = {"thread_id": thread_id, "before_seq": 1, "after_seq": 1}
    assert await code(client.call("get_history", both)) == "invalid_payload"


async def test_user_token_on_a_service_operation_answers_forbidden(server: Server, clients: Clients) -> None:
    """A person is not the users' backend."""
    client = clients.http(server.url, 1)
    assert await code(client.call("put_user", {"user_id": 1, "display_name": "Admin"})) == "forbidden"
    assert await code(client.call("revoke_tokens", {"user_id": 2})) == "forbidden"


# Socket.IO


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize(
    "name", ["connect", "disconnect", "on_connect", "trigger_event", "nope", "", "__class__", "x" * 999]
)
async def test_socketio_unknown_or_forged_event_answers_unknown_operation(
    server: Server, clients: Clients, transport: str, name: str
) -> None:
    """No event name reaches anything but an operation; a forged `connect` or `disconnect` changes nothing."""
    client = await clients.socket(server.url, 1, transports=[transport])
    payload = {"token": "x"}
    assert await code(client.call(name, payload, MESSAGING)) == "unknown_operation"
    await client.emit(name, payload, MESSAGING)
    assert (await client.heard("error"))["code"] == "unknown_operation"
    assert (await ok(client.call("ping", {"timestamp": 1}, MESSAGING))) == {"behind": []}
    assert server.parts.services.connections.count == 1


async def test_socketio_emit_without_ack_failing_hears_error_event(server: Server, clients: Clients) -> None:
    """A refusal that nobody asked to be acked is told by an event that names the operation."""
    client = await clients.socket(server.url, 1)
    await client.emit("send_message", {"content": "x"})
    error = await client.heard("error")
    assert (error["op"], error["code"]) == ("send_message", "invalid_payload")
    assert error["details"] == {"thread_id": ["Missing data for required field."]}


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        pytest.param('42/messaging,7["ping"', '43/messaging,7[{"ok":false', id="broken JSON"),
        pytest.param("42/messaging,7" + "[" * 5000 + "]" * 5000, '43/messaging,7[{"ok":false', id="nested 5000 deep"),
        pytest.param(
            '42/messaging,7["ping",' + '{"a":' * 5000 + "1" + "}" * 5001,
            '43/messaging,7[{"ok":false',
            id="objects deep",
        ),
        pytest.param("42/messaging,7{}", '43/messaging,7[{"ok":false', id="no list"),
        pytest.param("42/messaging,7[]", '43/messaging,7[{"ok":false', id="empty list"),
        pytest.param("42/messaging,7", '43/messaging,7[{"ok":false', id="nothing"),
        pytest.param('42/messaging,7[{"a":1}]', '43/messaging,7[{"ok":false', id="an object for a name"),
        pytest.param("42/messaging,7[null]", '43/messaging,7[{"ok":false', id="null for a name"),
        pytest.param('42/messaging,7["ping",1]', '43/messaging,7[{"ok":false', id="a number for a payload"),
        pytest.param('42/messaging,7["ping",[]]', '43/messaging,7[{"ok":false', id="a list for a payload"),
        pytest.param('42/messaging,7["ping",{},{}]', '43/messaging,7[{"ok":false', id="two payloads"),
        pytest.param(
            '42/messaging,7["ping",{"timestamp":"\\ud800"}]', '43/messaging,7[{"ok":false', id="lone surrogate"
        ),
        pytest.param('42/messaging,7["ping",NaN]', '43/messaging,7[{"ok":false', id="NaN"),
        pytest.param('42/messaging,["ping"', '42/messaging,["error",{"op":"","code":"invalid_payload"', id="no ack id"),
    ],
)
async def test_socketio_malformed_packet_is_answered_and_the_connection_lives(
    server: Server, clients: Clients, frame: str, answer: str
) -> None:
    """A packet that can be told to be an event is answered by its ack id, or by an `error` event."""
    async with aiohttp.ClientSession() as session, await raw_socketio(session, server, clients.token(1)) as ws:
        await ws.send_str(frame)
        reply = await ws.receive_str(timeout=5)
        assert reply.startswith(answer), reply
        assert '"invalid_payload"' in reply or '"unknown_operation"' in reply
        await ws.send_str('42/messaging,8["ping",{}]')
        assert (await ws.receive_str(timeout=5)).startswith('42/messaging,["pong"')


@pytest.mark.parametrize(
    ("frame", "close_code"),
    [
        pytest.param(b"\x04binary", 1003, id="binary without a header"),
        pytest.param("4", 4400, id="empty packet"),
        pytest.param("4x", 4400, id="no packet type"),
        pytest.param("49", 4400, id="unknown packet type"),
        pytest.param("x" * (1024 * 1024), 1009, id="1 MB"),
    ],
)
async def test_socketio_frame_that_is_nobodys_closes_with_its_code(
    server: Server, clients: Clients, frame: str | bytes, close_code: int
) -> None:
    """What cannot be answered ends the connection, and leaves nothing behind."""
    async with aiohttp.ClientSession() as session:
        ws = await raw_socketio(session, server, clients.token(1))
        await (ws.send_bytes(frame) if isinstance(frame, bytes) else ws.send_str(frame))
        while (message := await ws.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
            pass
        assert message.type is aiohttp.WSMsgType.CLOSE, message
        assert ws.close_code == close_code
        await ws.close()
    await until(lambda: not server.parts.sio.manager.rooms and not server.parts.services.connections.count)


async def test_socketio_binary_where_text_is_due_answers_invalid_payload(
    server: Server, clients: Clients, thread_id: str
) -> None:
    """A binary attachment is no text, nor a payload."""
    client = await clients.socket(server.url, 1)
    assert await code(client.call("send_message", {"thread_id": thread_id, "content": b"x"})) == "invalid_payload"
    assert await code(client.call("send_message", b"x")) == "invalid_payload"
    assert (await ok(client.call("get_history", {"thread_id": thread_id})))["messages"] == []


@pytest.mark.parametrize("namespace", ["/", "/nope", "/_control", "/admin"])
async def test_socketio_connect_to_an_unknown_namespace_is_refused_with_the_names(
    server: Server, clients: Clients, namespace: str
) -> None:
    """The refusal says which namespaces there are."""
    async with aiohttp.ClientSession() as session:
        ws = await open_engine(session, server)
        await ws.send_str("40" if namespace == "/" else f"40{namespace},")
        reply = await ws.receive_str(timeout=5)
        prefix = "44" if namespace == "/" else f"44{namespace},"
        assert reply.startswith(prefix)
        error = json.loads(reply.removeprefix(prefix))["data"]["error"]
        assert error["code"] == "not_found"
        assert error["details"]["namespaces"] == ["/messaging", "/notifications", "/presence", "/threads"]


# Plain WebSocket


@pytest.mark.parametrize(
    "frame", ["not json", "[]", '"x"', "7", "null", "", "{", "[" * 5000, '{"type":"ping","x":"\\ud800"}']
)
async def test_plain_frame_that_is_no_json_object_hears_error_and_the_connection_lives(
    server: Server, clients: Clients, frame: str
) -> None:
    """Whatever the text is, the client is told and may go on."""
    client = await clients.plain(server.url, 1)
    await client.ws.send_str(frame)
    error = await client.heard("error")
    assert error["code"] == "invalid_payload"
    assert (await ok(client.call("ping"))) == {"behind": []}


@pytest.mark.parametrize("frame", [{}, {"type": 5}, {"type": None}, {"type": "nope"}, {"type": {"a": 1}}])
async def test_plain_unknown_type_with_ref_is_acked_as_unknown(
    server: Server, clients: Clients, frame: dict[str, Any]
) -> None:
    """A `ref` is answered even if the operation is none."""
    client = await clients.plain(server.url, 1)
    await client.ws.send_json({**frame, "ref": "r"})
    ack = await client.heard("ack")
    assert (ack["ref"], ack["error"]["code"]) == ("r", "unknown_operation")


@pytest.mark.parametrize(
    ("data", "close_code"), [pytest.param(b"x", 1003, id="binary"), pytest.param("x" * (1024 * 1024), 1009, id="1 MB")]
)
async def test_plain_frame_of_the_wrong_kind_closes_with_its_code(
    server: Server, clients: Clients, data: str | bytes, close_code: int
) -> None:
    """Binary and giants end the connection."""
    client = await clients.plain(server.url, 1)
    await (client.ws.send_bytes(data) if isinstance(data, bytes) else client.ws.send_str(data))
    await asyncio.wait_for(client.closed.wait(), 5)
    assert client.close_code == close_code
    await until(lambda: not server.parts.services.connections.count)


async def test_plain_thread_route_of_a_foreign_thread_closes_with_not_found(
    server: Server, clients: Clients, thread_id: str
) -> None:
    """One error, then the close code."""
    client = await clients.plain_raw(server.url, clients.token(9), THREADS, thread_id)
    assert (await client.heard("error"))["code"] == "not_found"
    await asyncio.wait_for(client.closed.wait(), 5)
    assert client.close_code == 4404


# HTTP


@pytest.mark.parametrize(
    ("body", "status", "error_code"),
    [
        pytest.param(b"not json", 422, "invalid_payload", id="no JSON"),
        pytest.param(b"[]", 422, "invalid_payload", id="a list"),
        pytest.param(b"[" * 5000, 422, "invalid_payload", id="nested 5000 deep"),
        pytest.param(b'{"content":"\xff"}', 422, "invalid_payload", id="no UTF-8"),
        pytest.param(b'{"content":"' + b"x" * (300 * 1024) + b'"}', 413, "payload_too_large", id="300 kB"),
    ],
)
async def test_http_malformed_body_answers_envelope_with_status(
    server: Server, clients: Clients, thread_id: str, body: bytes, status: int, error_code: str
) -> None:
    """The status is the code's, and the body an envelope, whatever came."""
    client = clients.http(server.url, 1)
    url = f"{server.url}/api/v1/threads/{thread_id}/messages"
    async with client.session.post(url, data=body) as response:
        assert response.status == status
        assert (await response.json())["error"]["code"] == error_code


@pytest.mark.parametrize("path", ["/api/v1/nope", "/api/v1/", "/api/v1/threads/x/y/z"])
async def test_http_unknown_path_answers_envelope(server: Server, clients: Clients, path: str) -> None:
    """Also a path that does not exist is answered with the envelope."""
    async with clients.http(server.url, 1).session.get(server.url + path) as response:
        assert response.status == 404
        assert (await response.json())["error"]["code"] == "not_found"


async def open_engine(session: aiohttp.ClientSession, server: Server) -> aiohttp.ClientWebSocketResponse:
    """Open an Engine.IO session by hand and read its OPEN packet."""
    ws = await session.ws_connect(f"{server.url}/socket.io/?EIO=4&transport=websocket")
    assert (await ws.receive_str(timeout=5)).startswith("0{")
    return ws


async def raw_socketio(session: aiohttp.ClientSession, server: Server, token: str) -> aiohttp.ClientWebSocketResponse:
    """Connect to `/messaging` by hand and read the first event."""
    ws = await open_engine(session, server)
    await ws.send_str("40/messaging," + json.dumps({"token": token}))
    assert (await ws.receive_str(timeout=5)).startswith('40/messaging,{"sid"')
    assert (await ws.receive_str(timeout=5)).startswith('42/messaging,["connection_established"')
    return ws
