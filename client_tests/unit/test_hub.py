"""The hub and plain connections: who is in which room, and nobody who is gone."""

import asyncio
import json
from typing import Any

import pytest

from server.contract.errors import SLOW_CONSUMER_CLOSE_CODE
from server.contract.operations import MESSAGING, THREADS
from server.domain.events import Pong
from server.realtime import connections
from server.realtime.connections import PlainConnection
from server.realtime.hub import Hub

ROOM = "user:1"


class Subscriber:
    """Keeps what it is sent."""

    def __init__(self, subscriber_id: str) -> None:
        self.id = subscriber_id
        self.heard: list[str] = []

    def write(self, text: str) -> None:
        """Keep a frame."""
        self.heard.append(text)


class FakeWebSocket:
    """A WebSocket whose client reads when it is let."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.close_code: int | None = None
        self.aborted = False
        self.sends = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()

    async def send_str(self, text: str) -> None:
        """Wait until the client reads."""
        self.sends.set()
        await self.reads.wait()
        self.sent.append(json.loads(text))

    async def close(self, *, code: int) -> None:
        """Remember the code."""
        self.close_code = code

    def abort(self) -> None:
        """Drop the connection, as its transport does."""
        self.aborted = True


def deliver(hub: Hub, rooms: list[str], *, namespace: str = MESSAGING, skip: str | None = None) -> int:
    """Send an event."""
    return hub.deliver("pong", {"timestamp": 1}, namespace, rooms, skip)


def test_deliver_reaches_the_rooms_of_a_namespace_once() -> None:
    """Someone in two of the rooms hears it once; another namespace is another room."""
    hub, (one, two, three) = Hub(), [Subscriber(name) for name in "abc"]
    hub.enter(one, MESSAGING, "x")
    hub.enter(one, MESSAGING, "y")
    hub.enter(two, MESSAGING, "y")
    hub.enter(three, THREADS, "x")
    assert deliver(hub, ["x", "y", "unknown"]) == 2
    assert [len(subscriber.heard) for subscriber in (one, two, three)] == [1, 1, 0]
    assert json.loads(one.heard[0]) == {"type": "pong", "timestamp": 1}
    assert one.heard[0] is two.heard[0], "encoded more than once"


def test_deliver_skips_one_connection() -> None:
    """A typist does not hear about themselves."""
    hub, one, two = Hub(), Subscriber("a"), Subscriber("b")
    for subscriber in (one, two):
        hub.enter(subscriber, MESSAGING, "x")
    assert deliver(hub, ["x"], skip="a") == 1
    assert (one.heard, len(two.heard)) == ([], 1)
    assert deliver(hub, ["x"], skip="unknown") == 2


def test_leave_takes_out_of_one_room() -> None:
    """Leaving twice, or what was never entered, is no harm."""
    hub, one = Hub(), Subscriber("a")
    hub.enter(one, MESSAGING, "x")
    hub.enter(one, MESSAGING, "y")
    for room in ("x", "x", "z"):
        hub.leave(one, MESSAGING, room)
    assert (deliver(hub, ["x"]), deliver(hub, ["y"])) == (0, 1)


def test_leave_all_leaves_nothing_behind() -> None:
    """Neither members nor empty rooms stay in memory."""
    hub, one = Hub(), Subscriber("a")
    for room in "xyz":
        hub.enter(one, MESSAGING, room)
    hub.leave_all(one)
    hub.leave_all(one)
    assert deliver(hub, ["x", "y", "z"]) == 0
    assert (hub._rooms, hub._memberships) == ({}, {})


def test_leave_of_every_room_leaves_nothing_behind() -> None:
    """A connection that left its rooms one by one is forgotten once it is gone."""
    hub, one = Hub(), Subscriber("a")
    hub.enter(one, MESSAGING, "x")
    hub.leave(one, MESSAGING, "x")
    hub.leave_all(one)
    assert (hub._rooms, hub._memberships) == ({}, {})


def plain(hub: Hub, websocket: FakeWebSocket, namespace: str = MESSAGING) -> PlainConnection:
    """Open a plain connection on a fake WebSocket."""
    return PlainConnection(hub, websocket, websocket, namespace, None)  # type: ignore[arg-type]


async def test_plain_connection_sends_in_order_and_closes_with_its_code() -> None:
    """All that was queued leaves before the close."""
    hub, websocket = Hub(), FakeWebSocket()
    connection = plain(hub, websocket)
    for number in range(5):
        connection.send(Pong(number))
    await connection.finish(4401)
    assert [frame["timestamp"] for frame in websocket.sent] == list(range(5))
    assert websocket.close_code == 4401


async def test_plain_connection_that_is_gone_enters_no_room() -> None:
    """An operation that was under way while the client left must not bring the connection back."""
    hub = Hub()
    connection = plain(hub, FakeWebSocket())
    connection.hear_user("1")
    await connection.finish()
    connection.hear_user("1")
    connection.hear_thread("t", hear=True)
    connection.hear_typing("t", hear=True)
    assert (hub._rooms, hub._memberships) == ({}, {})


async def test_plain_connection_that_reads_too_slowly_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """It leaves all rooms and is closed with a code of its own; the others go on."""
    monkeypatch.setattr(connections, "MAX_QUEUED_FRAMES", 3)
    hub, slow = Hub(), FakeWebSocket()
    slow.reads.clear()
    dropped, other = plain(hub, slow), Subscriber("other")
    dropped.hear_user("1")
    hub.enter(other, MESSAGING, ROOM)
    assert deliver(hub, [ROOM]) == 2
    await slow.sends.wait()
    assert [deliver(hub, [ROOM]) for _ in range(4)] == [2] * 4
    assert deliver(hub, [ROOM]) == 1
    await dropped.finish()
    assert slow.close_code == SLOW_CONSUMER_CLOSE_CODE
    assert slow.sent == []


async def test_plain_connection_that_reads_nothing_is_closed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ending a connection does not wait for a client that takes nothing."""
    monkeypatch.setattr(connections, "LAST_WRITES_S", 0.02)
    deaf = FakeWebSocket()
    deaf.reads.clear()
    connection = plain(Hub(), deaf)
    connection.send(Pong(1))
    await deaf.sends.wait()
    async with asyncio.timeout(2):
        await connection.close(4403)
    assert deaf.close_code == 4403
    assert deaf.aborted, "its socket stays open"


@pytest.mark.parametrize(("namespace", "room"), [(MESSAGING, "typing:t"), (THREADS, "thread:t")])
async def test_plain_connection_hears_typing_where_its_namespace_tells_it(namespace: str, room: str) -> None:
    """On `/threads` typing is part of the thread's room."""
    hub = Hub()
    connection = plain(hub, FakeWebSocket(), namespace)
    connection.hear_typing("t", hear=True)
    assert deliver(hub, [room], namespace=namespace) == 1
    connection.hear_typing("t", hear=False)
    assert deliver(hub, [room], namespace=namespace) == 0
    await connection.finish()
