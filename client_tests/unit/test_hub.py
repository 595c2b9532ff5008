"""The hub and plain connections: who is in which room, and nobody who is gone."""

import json
from collections.abc import Awaitable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.contract.operations import MESSAGING, THREADS
from server.domain.events import Pong
from server.realtime.connections import PlainConnection
from server.realtime.frames import Encoded
from server.realtime.hub import Hub, plain_event

BODY = b'{"timestamp":1}'


class Subscriber:
    """Keeps what it is sent."""

    def __init__(self, subscriber_id: str) -> None:
        self.id = subscriber_id
        self.heard: list[Encoded] = []

    def write(self, message: Encoded) -> None:
        """Keep a message."""
        self.heard.append(message)


class FakeWebSocket:
    """A WebSocket that keeps what is done with it."""

    def __init__(self) -> None:
        self.closing = False
        self.log: list[Any] = []

    def write(self, message: Encoded) -> None:
        """Keep a message, as long as it is open."""
        if not self.closing:
            self.log.append(json.loads(message.payload))

    def close(self, code: int) -> None:
        """Keep the code."""
        self.closing = True
        self.log.append(code)


class Counted:
    """A hub, and how often each room is counted."""

    def __init__(self) -> None:
        self.changes: list[tuple[str, int]] = []
        self.hub = Hub(lambda room, change: self.changes.append((room, change)))


def deliver(hub: Hub, rooms: list[str], *, namespace: str = MESSAGING, skip: str | None = None) -> int:
    """Send an event."""
    return hub.deliver("pong", BODY, namespace, rooms, skip)


def remembered(hub: Hub) -> tuple[Any, Any]:
    """Return the hub's tables."""
    return hub._rooms, hub._memberships


# --- The hub ---------------------------------------------------------------------------------------------------


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
    assert (len(one.heard), len(two.heard)) == (0, 1)
    assert deliver(hub, ["x"], skip="unknown") == 2


def test_deliver_to_nobody_encodes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most events concern nobody on the plain routes."""
    monkeypatch.setattr("server.realtime.hub.plain_event", None)
    hub, one = Hub(), Subscriber("a")
    assert deliver(hub, ["x"]) == 0
    hub.enter(one, MESSAGING, "x")
    assert deliver(hub, ["y"]) == 0
    assert deliver(hub, ["x"], skip="a") == 0


def test_leave_takes_out_of_one_room() -> None:
    """Leaving twice, or what was never entered, is no harm."""
    hub, one, other = Hub(), Subscriber("a"), Subscriber("b")
    hub.enter(one, MESSAGING, "x")
    hub.enter(one, MESSAGING, "y")
    hub.enter(other, MESSAGING, "z")
    for room in ("x", "x", "z", "unknown"):
        hub.leave(one, MESSAGING, room)
    assert (deliver(hub, ["x"]), deliver(hub, ["y"]), deliver(hub, ["z"])) == (0, 1, 1)


def test_leave_all_leaves_nothing_behind() -> None:
    """Neither members nor empty rooms stay in memory, in whatever namespace they were."""
    hub, one = Hub(), Subscriber("a")
    for room in "xyz":
        hub.enter(one, MESSAGING, room)
        hub.enter(one, THREADS, room)
    hub.leave_all(one)
    hub.leave_all(one)
    assert deliver(hub, ["x", "y", "z"]) == 0
    assert remembered(hub) == ({}, {})


def test_leave_of_every_room_leaves_nothing_behind() -> None:
    """A connection that left its rooms one by one is forgotten once it is gone."""
    hub, one = Hub(), Subscriber("a")
    hub.enter(one, MESSAGING, "x")
    hub.leave(one, MESSAGING, "x")
    hub.leave_all(one)
    assert remembered(hub) == ({}, {})


def test_count_tells_of_rooms_that_come_and_go() -> None:
    """With the first connection and with the last, not with those between; each namespace has its own room."""
    counted, one, two = Counted(), Subscriber("a"), Subscriber("b")
    hub = counted.hub
    hub.enter(one, MESSAGING, "user:1")
    hub.enter(one, MESSAGING, "user:1")
    hub.enter(two, MESSAGING, "user:1")
    assert counted.changes == [("user:1", 1)]
    hub.enter(two, THREADS, "user:1")
    assert counted.changes == [("user:1", 1)] * 2
    hub.leave(one, MESSAGING, "user:1")
    hub.leave(one, MESSAGING, "user:1")
    assert counted.changes[2:] == []
    hub.leave_all(two)
    assert counted.changes[2:] == [("user:1", -1)] * 2


MOVES = st.tuples(st.sampled_from(["enter", "leave", "leave_all"]), st.sampled_from("abc"), st.sampled_from("xyz"))


@given(moves=st.lists(MOVES, max_size=50))
def test_hub_knows_who_is_where(moves: list[tuple[str, str, str]]) -> None:
    """After any coming and going: as sets would know it; and the counts of a room never differ by more than one."""
    counted = Counted()
    subscribers = {name: Subscriber(name) for name in "abc"}
    members: set[tuple[str, str]] = set()
    for move, name, room in moves:
        if move == "leave_all":
            counted.hub.leave_all(subscribers[name])
            members = {(who, where) for who, where in members if who != name}
            continue
        getattr(counted.hub, move)(subscribers[name], MESSAGING, room)
        (members.add if move == "enter" else members.discard)((name, room))
    for room in "xyz":
        assert deliver(counted.hub, [room]) == len({who for who, where in members if where == room})
        assert sum(change for where, change in counted.changes if where == room) == any(
            where == room for _, where in members
        )
    assert deliver(counted.hub, list("xyz")) == len({who for who, _ in members})
    for subscriber in subscribers.values():
        counted.hub.leave_all(subscriber)
    assert remembered(counted.hub) == ({}, {})


@pytest.mark.parametrize("payload", [{}, {"a": 1}, {"thread_id": "ñ", "nested": {"b": [1, None]}}])
def test_plain_event_puts_its_type_first(payload: dict[str, Any]) -> None:
    """The rest is the payload as it was rendered."""
    message = plain_event("new_message", orjson.dumps(payload))
    assert json.loads(message.payload) == {"type": "new_message", **payload}
    assert message.payload.startswith(b'{"type":"new_message"')
    assert not message.binary


# --- Plain connections -----------------------------------------------------------------------------------------


class Plain:
    """A plain connection on a fake WebSocket."""

    def __init__(self, namespace: str = MESSAGING, thread_id: str | None = None, hub: Hub | None = None) -> None:
        self.hub = hub or Hub()
        self.websocket = FakeWebSocket()
        self.closed = 0
        websocket: Any = self.websocket
        self.connection = PlainConnection(self.hub, websocket, namespace, thread_id, self._on_closed, self._idle)

    def _on_closed(self) -> None:
        assert self.websocket.closing, "the application hears of the end before it is the end"
        self.closed += 1

    async def _idle(self) -> None:
        """Nothing is asked here."""


async def test_plain_connection_sends_in_order_and_closes_with_its_code() -> None:
    """All that was said leaves before the close, of which the application is told."""
    plain = Plain()
    for number in range(5):
        plain.connection.send(Pong(number))
    await plain.connection.close(4401)
    plain.connection.send(Pong(6))
    assert plain.websocket.log == [*({"type": "pong", "timestamp": number} for number in range(5)), 4401]
    assert plain.closed == 1


async def test_plain_connection_says_why_it_is_closing() -> None:
    """When to come back is said only if it is of use."""
    plain = Plain()
    plain.connection.tell_closing("draining", retryable=True)
    plain.connection.tell_closing("revoked", retryable=False)
    first, second = plain.websocket.log
    assert (first["type"], first["code"], first["retryable"]) == ("connection_closing", "draining", True)
    assert 500 <= first["reconnect_after_ms"] <= 1_500
    assert (second["retryable"], second.get("reconnect_after_ms")) == (False, None)


async def test_plain_connection_that_is_gone_enters_no_room() -> None:
    """An operation that was under way while the client left must not bring the connection back."""
    plain = Plain()
    connection = plain.connection
    connection.hear_user("1")
    assert deliver(plain.hub, ["user:1"]) == 1
    await connection.close(4401)
    connection.leave_all()
    connection.hear_user("1")
    connection.hear_thread("t", hear=True)
    connection.hear_typing("t", hear=True)
    connection.hear_thread("t", hear=False)
    assert remembered(plain.hub) == ({}, {})


async def test_plain_connection_that_is_closing_may_still_leave_a_room() -> None:
    """Before it is forgotten as a whole."""
    plain = Plain()
    plain.connection.hear_thread("t", hear=True)
    plain.websocket.closing = True
    plain.connection.hear_thread("t", hear=False)
    assert deliver(plain.hub, ["thread:t"]) == 0


@pytest.mark.parametrize(("namespace", "room"), [(MESSAGING, "typing:t"), (THREADS, "thread:t")])
async def test_plain_connection_hears_typing_where_its_namespace_tells_it(namespace: str, room: str) -> None:
    """On `/threads` typing is part of the thread's room."""
    plain = Plain(namespace)
    plain.connection.hear_typing("t", hear=True)
    assert deliver(plain.hub, [room], namespace=namespace) == 1
    plain.connection.hear_typing("t", hear=False)
    assert deliver(plain.hub, [room], namespace=namespace) == 0


def test_plain_connection_has_an_id_of_its_own_and_implies_its_thread() -> None:
    """What the route names need not be said in each operation."""
    plain, of_thread = Plain(), Plain(THREADS, "t")
    assert plain.connection.id != of_thread.connection.id
    assert (plain.connection.defaults, of_thread.connection.defaults) == ({}, {"thread_id": "t"})


async def test_plain_connection_waits_until_its_rooms_are_heard() -> None:
    """On all processes: before it enters them, and after; nobody waits for a room that is left."""
    asked: list[str] = []

    async def wait(room: str) -> None:
        asked.append(room)

    def heard(room: str) -> Awaitable[None] | None:
        return wait(room) if room != "thread:known" else None

    hub = Hub(heard=heard)
    of_thread = Plain(THREADS, "t", hub).connection
    expecting = of_thread.expect("1")
    assert expecting is not None
    await expecting
    assert asked == ["user:1", "thread:t"]
    assert remembered(hub) == ({}, {}), "it hears already"
    hearing = of_thread.hear_thread("t", hear=True)
    assert hearing is not None
    await hearing
    assert asked[2:] == ["thread:t"]
    assert of_thread.hear_thread("t", hear=False) is None
    assert of_thread.hear_thread("known", hear=True) is None
