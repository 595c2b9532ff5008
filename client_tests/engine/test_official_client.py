"""The official clients against a bare server: what their bursts and their upgrade may lose or double."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import socketio

from client_tests.engine.raw import until
from client_tests.engine.servers import Chat, emptied
from client_tests.harness import SECRET
from client_tests.js import JsClient, JsClients

pytestmark = [pytest.mark.usefixtures("quiet"), pytest.mark.timeout(40)]

MAIN = "/"
BURST = 200
each_transport = pytest.mark.parametrize(
    "transports", [["polling"], ["websocket"], None], ids=["polling", "websocket", "upgrade"]
)


@pytest.fixture
async def js() -> AsyncIterator[JsClients]:
    """Makes JavaScript clients, and closes them at the end."""
    async with JsClients(SECRET) as made:
        yield made


async def connected(js: JsClients, chat: Chat, transports: list[str] | None) -> JsClient:
    """Connect to `/`, and to the transport that it ends up with."""
    client = await js.idle(chat.url.removesuffix("/socket.io/"), None)
    await client.dial(MAIN, transports=transports)
    await client.heard("connect")
    final = (transports or ["websocket"])[-1]
    await client.heard("transport", lambda heard: heard["name"] == final)
    return client


@each_transport
@pytest.mark.parametrize("ack", [True, False], ids=["acks", "no acks"])
async def test_burst_of_a_client_arrives_once_and_in_order(
    chat: Chat, js: JsClients, transports: list[str] | None, ack: bool
) -> None:
    """200 events emitted in one tick, in the midst of an upgrade too."""

    async def step(_sid: str, payload: dict[str, int]) -> dict[str, int]:
        chat.heard.append((payload["n"],))
        return payload

    chat.sio.on("step", step)
    client = await js.idle(chat.url.removesuffix("/socket.io/"), None)
    await client.dial(MAIN, transports=transports)
    await client.heard("connect")
    sent: list[tuple[str, Any]] = [("step", {"n": number}) for number in range(BURST)]
    answers = await client.burst(sent, ack=ack, namespace=MAIN)
    await until(lambda: len(chat.heard) >= BURST)
    assert chat.heard == [(number,) for number in range(BURST)]
    assert not ack or answers == [{"n": number} for number in range(BURST)]


@each_transport
async def test_events_while_it_connects_and_upgrades_arrive_once_and_in_order(
    chat: Chat, js: JsClients, transports: list[str] | None
) -> None:
    """200 events from the moment on that it is let in, over all steps of the upgrade."""
    emitting: list[asyncio.Task[None]] = []

    async def emit(sid: str) -> None:
        for number in range(BURST):
            await chat.sio.emit("step", {"n": number}, to=sid)
            await asyncio.sleep(0.001)

    async def begin(sid: str, _payload: Any) -> None:
        emitting.append(asyncio.create_task(emit(sid)))

    chat.sio.on("begin", begin)
    client = await js.idle(chat.url.removesuffix("/socket.io/"), None)
    await client.dial(MAIN, transports=transports)
    await client.heard("connect")
    await client.emit("begin", {}, MAIN)
    await client.heard("step", lambda payload: payload["n"] == BURST - 1)
    assert client.all("step") == [{"n": number} for number in range(BURST)]
    if transports is None:
        await client.heard("transport", lambda heard: heard["name"] == "websocket")
    await asyncio.gather(*emitting)
    await client.disconnect()
    await emptied(chat.sio)


@each_transport
async def test_burst_of_the_server_arrives_once_and_in_order(
    chat: Chat, js: JsClients, transports: list[str] | None
) -> None:
    """200 events emitted in one tick."""
    client = await connected(js, chat, transports)
    for number in range(BURST):
        await chat.sio.emit("step", {"n": number, "text": "x" * (number * 10)})
    await client.heard("step", count=BURST)
    assert [payload["n"] for payload in client.all("step")] == list(range(BURST))


@each_transport
async def test_client_hears_why_it_is_disconnected(chat: Chat, js: JsClients, transports: list[str] | None) -> None:
    """By a DISCONNECT packet of the server, behind all events before it; then it does not come back."""
    client = await connected(js, chat, transports)
    (sid,) = chat.sids()
    await chat.sio.emit("last", {"n": 1}, to=sid)
    await chat.sio.disconnect(sid)
    gone = await client.heard("disconnect")
    assert gone["reason"] == "io server disconnect"
    assert gone["active"] is False
    assert client.all("last") == [{"n": 1}]
    await emptied(chat.sio)


@each_transport
async def test_client_that_leaves_is_gone_at_once(chat: Chat, js: JsClients, transports: list[str] | None) -> None:
    """Its own disconnect is the reason that the application is told, and nothing is left."""
    client = await connected(js, chat, transports)
    (sid,) = chat.sids()
    await client.disconnect()
    assert await chat.until_left(sid) in {chat.sio.reason.CLIENT_DISCONNECT, chat.sio.reason.TRANSPORT_CLOSE}
    await emptied(chat.sio)


async def test_refused_namespace_is_told(chat: Chat, js: JsClients) -> None:
    """`connect_error` with a message; the other namespaces of the connection work."""
    client = await js.idle(chat.url.removesuffix("/socket.io/"), None)
    await client.dial(MAIN, "/nope", "/custom")
    error = await client.heard("connect_error")
    assert error["message"] == "Invalid namespace"
    await client.heard("connect", count=2)
    assert await client.call("ack", {"n": 1}, "/custom") == {"n": 1}


@each_transport
@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
async def test_bursts_of_the_python_client_and_to_it_arrive_once_and_in_order(
    chat: Chat, transports: list[str] | None, binary: bool
) -> None:
    """200 events each way at once, by python-socketio's client, which takes 16 packets of a payload and no more."""
    heard: list[Any] = []
    client = socketio.AsyncClient(reconnection=False)
    client.on("step", heard.append)
    await client.connect(chat.url.removesuffix("/socket.io/"), transports=transports, wait_timeout=5)
    events = [b"%d" % number if binary else {"n": number} for number in range(BURST)]
    for event in events:
        await chat.sio.emit("step", event)
    for event in events:
        await client.emit("note", event)
    await until(lambda: len(heard) == len(chat.heard) == BURST)
    assert heard == events
    assert chat.heard == [(event,) for event in events]
    assert await client.call("ack", "alive", timeout=5) == "alive"
    await client.disconnect()
    await client.shutdown()
    await emptied(chat.sio)
