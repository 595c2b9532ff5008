"""A client that is behind: who is typing and who is there waits, messages do not, and in the end it knows all."""

import asyncio
import json
from typing import Any

import pytest

from client_tests.answers import ok, until
from client_tests.clients import Clients
from client_tests.engine.raw import Wire
from client_tests.functional.conftest import open_thread
from client_tests.harness import SERVICE_TOKEN, Server
from server.contract.operations import MESSAGING, PRESENCE
from server.domain.events import PresenceChanged, TypingChanged
from server.domain.models import Presence
from server.realtime.websocket import WebSocket

LARGE = "x" * 4_000


async def behind(server: Server, wire: Wire, fill: Any) -> WebSocket:
    """Let a client, the only one with a WebSocket, be behind: it does not read, and the system holds little for it."""
    (websocket,) = server.parts.sio.eio.websockets.open
    assert websocket.transport is not None
    websocket.transport.get_extra_info("socket").setsockopt(1, 7, 4_096)  # SOL_SOCKET, SO_SNDBUF
    for _ in range(200):
        if websocket._paused:
            return websocket
        await fill()
    raise AssertionError("the system takes all")


async def read_events(wire: Wire, last: str) -> list[tuple[str, dict[str, Any]]]:
    """Read what a Socket.IO client or a plain one is told, up to a message with some content."""
    heard: list[tuple[str, dict[str, Any]]] = []
    async with asyncio.timeout(10):
        while not any(name == "new_message" and payload["message"]["content"] == last for name, payload in heard[-1:]):
            text = (await wire.read_frame())[1].decode()
            if text.startswith("42"):
                name, payload, *_offset = json.loads(text[text.index("[") :])
                heard.append((name, payload))
            elif text.startswith("{"):
                payload = json.loads(text)
                heard.append((payload.pop("type"), payload))
    return heard


def tell(server: Server, thread_id: str, number: int) -> None:
    """Let user 2 come or go, and type or not."""
    state: Any = "online" if number % 2 else "offline"
    server.parts.publisher.publish(PresenceChanged(Presence("2", "Ana", state, number), ("1",)))
    server.parts.publisher.publish(TypingChanged(thread_id, "2", "Ana", bool(number % 2)))


@pytest.mark.parametrize("flips", [1_000, 1_001])
async def test_client_that_is_behind_hears_all_messages_and_the_last_state(
    server: Server, clients: Clients, flips: int
) -> None:
    """2,000 volatile events cost it nothing of its 1,000 packets; what it knows in the end is so."""
    thread_id = await open_thread(clients.http_raw(server.url, SERVICE_TOKEN), 1, 2)
    sender = clients.http(server.url, 2)
    wire = await Wire.websocket(f"{server.url}/socket.io/", receive_buffer=4_096)
    for namespace in (MESSAGING, PRESENCE):
        await wire.send_text(f"40{namespace}," + json.dumps({"token": clients.token(1)}))
    await wire.send_text(f'42{MESSAGING},["join_conversation",{{"thread_id":"{thread_id}"}}]')
    await until(lambda: f"typing:{thread_id}" in server.parts.manager.rooms.get(MESSAGING, {}))
    await until(lambda: server.parts.services.connections.count == 2)
    sent = 0

    async def send(content: str = LARGE) -> None:
        nonlocal sent
        sent += 1
        await ok(sender.call("send_message", {"thread_id": thread_id, "content": content}))

    websocket = await behind(server, wire, send)
    for number in range(flips):
        tell(server, thread_id, number)
    assert not websocket.closing
    reading = asyncio.create_task(read_events(wire, "fin"))
    await until(lambda: not websocket._paused)
    await send("fin")
    heard = await reading
    assert [name for name, _ in heard].count("new_message") == sent
    presence = [payload for name, payload in heard if name == "user_status_update"]
    typing = [payload for name, payload in heard if name == "typing_notification"]
    assert len(presence) + len(typing) < 10
    assert (presence[-1]["is_online"], typing[-1]["is_typing"]) == (flips % 2 == 0, flips % 2 == 0)
    wire.close()


async def test_client_on_a_plain_route_that_is_behind_hears_the_last_state(server: Server, clients: Clients) -> None:
    """The plain routes take the same way."""
    thread_id = await open_thread(clients.http_raw(server.url, SERVICE_TOKEN), 1, 2)
    sender = clients.http(server.url, 2)
    path = f"/ws/messaging/thread/{thread_id}/"
    wire = await Wire.websocket(server.url + path, f"token={clients.token(1)}", receive_buffer=4_096)
    await until(lambda: server.parts.services.connections.count == 1)

    async def send(content: str = LARGE) -> None:
        await ok(sender.call("send_message", {"thread_id": thread_id, "content": content}))

    websocket = await behind(server, wire, send)
    for number in range(1_000):
        tell(server, thread_id, number)
    reading = asyncio.create_task(read_events(wire, "fin"))
    await until(lambda: not websocket._paused)
    await send("fin")
    typing = [payload for name, payload in await reading if name == "typing_notification"]
    assert 0 < len(typing) < 10
    assert typing[-1]["is_typing"] is True
    wire.close()
