"""The hub and plain connections: who is in which room, and nobody who is gone."""

import json
from typing import Any

import pytest

from server.contract.operations import MESSAGING, THREADS
from server.domain.events import Pong
from server.realtime.connections import PlainConnection
from server.realtime.frames import Encoded
from server.realtime.hub import Hub, plain_event

ROOM = "user:1"


class Subscriber:
    """Keeps what it is sent."""

    def __init__(self, subscriber_id: str) -> None:
        self.id = subscriber_id
        self.heard: list[Encoded] = []

    def write(self, message: Encoded) -> None:
        """Keep a message."""
        self.heard.append(message)


class FakeWebSocket:
    """Keeps what it is sent, until it is closed."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.closing = False
        self.close_code: int | None = None

    def write(self, message: Encoded) -> None:
        """Keep a message."""
        self.sent.append(json.loads(message.payload))

    def close(self, code: int) -> None:
        """Remember the code."""
        self.closing = True
        self.close_code = code


def deliver(hub: Hub, rooms: list[str], *, namespace: str = MESSAGING, skip: str | None = None) -> int:
    """Send an event."""
    return hub.deliver("pong", b'{"timestamp":1}', namespace, rooms, skip)


def test_deliver_reaches_the_rooms_of_a_namespace_once() -> None:
    """Someone in two of the rooms hears it once; another namespace is another room."""
    hub, (one, two, three) = Hub(), [Subscriber(name) for name in "abc"]
    hub.enter(one, MESSAGING, "x")
    hub.enter(one, MESSAGING, "y")
    hub.enter(two, MESSAGING, "y")
    hub.enter(three, THREADS, "x")
    assert deliver(hub, ["x", "y", "unknown"]) == 2
    assert [len(subscriber.heard) for subscriber in (one, two, three)] == [1, 1, 0]
    assert json.loads(one.heard[0].payload) == {"type": "pong", "timestamp": 1}
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


def test_rooms_that_come_and_go_are_counted() -> None:
    """Once for the first connection of a namespace, once for its last."""
    counted: list[tuple[str, int]] = []
    hub = Hub(lambda room, change: counted.append((room, change)))
    one, two = Subscriber("a"), Subscriber("b")
    for subscriber in (one, two):
        hub.enter(subscriber, MESSAGING, ROOM)
    hub.enter(one, THREADS, ROOM)
    hub.leave(one, MESSAGING, ROOM)
    hub.leave(one, MESSAGING, ROOM)
    assert counted == [(ROOM, 1), (ROOM, 1)]
    hub.leave_all(two)
    hub.leave_all(one)
    assert counted == [(ROOM, 1), (ROOM, 1), (ROOM, -1), (ROOM, -1)]


@pytest.mark.parametrize(("body", "text"), [(b"{}", {}), (b'{"a":1}', {"a": 1})])
def test_plain_event_has_its_type_among_its_fields(body: bytes, text: dict[str, Any]) -> None:
    """Made of the payload's JSON as it is."""
    assert json.loads(plain_event("pong", body).payload) == {"type": "pong", **text}


def plain(hub: Hub, websocket: FakeWebSocket, namespace: str = MESSAGING) -> PlainConnection:
    """Open a plain connection on a fake WebSocket."""
    return PlainConnection(hub, websocket, namespace, None, lambda: None)  # type: ignore[arg-type]


async def test_plain_connection_sends_in_order_and_closes_with_its_code() -> None:
    """And tells whoever made it."""
    closed: list[bool] = []
    websocket = FakeWebSocket()
    connection = PlainConnection(Hub(), websocket, MESSAGING, None, lambda: closed.append(True))  # type: ignore[arg-type]
    for number in range(5):
        connection.send(Pong(number))
    await connection.close(4401)
    assert [frame["timestamp"] for frame in websocket.sent] == list(range(5))
    assert (websocket.close_code, closed) == (4401, [True])


async def test_plain_connection_that_is_gone_enters_no_room() -> None:
    """An operation that was under way while the client left must not bring the connection back."""
    hub = Hub()
    connection = plain(hub, FakeWebSocket())
    connection.hear_user("1")
    await connection.close(1000)
    connection.leave_all()
    connection.hear_user("1")
    connection.hear_thread("t", hear=True)
    connection.hear_typing("t", hear=True)
    assert (hub._rooms, hub._memberships) == ({}, {})


@pytest.mark.parametrize(("namespace", "room"), [(MESSAGING, "typing:t"), (THREADS, "thread:t")])
async def test_plain_connection_hears_typing_where_its_namespace_tells_it(namespace: str, room: str) -> None:
    """On `/threads` typing is part of the thread's room."""
    hub = Hub()
    connection = plain(hub, FakeWebSocket(), namespace)
    connection.hear_typing("t", hear=True)
    assert deliver(hub, [room], namespace=namespace) == 1
    connection.hear_typing("t", hear=False)
    assert deliver(hub, [room], namespace=namespace) == 0
