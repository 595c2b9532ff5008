"""Who is in which room, and what they are sent: encoded once, each connection once, and nothing left of who is gone."""

import asyncio
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import socketio
from socketio.async_manager import AsyncManager

from server.realtime.frames import Encoded
from server.realtime.managers import CONTROL, LocalManager
from server.realtime.websocket import WebSockets

NAMESPACE, OTHER = "/messaging", "/threads"
BODY = b'{"n":1}'


class Session:
    """Keeps what it is sent, as one that polls."""

    websocket = None

    def __init__(self) -> None:
        self.sent: list[Encoded] = []

    def send(self, message: Encoded) -> None:
        """Keep a packet."""
        self.sent.append(message)

    @property
    def payloads(self) -> list[bytes]:
        """What was sent, in the form of a poll."""
        return [message.polled for message in self.sent]


class Subscriber:
    """A plain connection."""

    def __init__(self, subscriber_id: str) -> None:
        self.id = subscriber_id
        self.sent: list[Encoded] = []

    def write(self, message: Encoded) -> None:
        """Keep a text."""
        self.sent.append(message)


class Server:
    """What a manager needs of its server."""

    packet_class = socketio.packet.Packet
    logger = SimpleNamespace(warning=lambda *_: None)

    def __init__(self) -> None:
        self._ids: Iterator[str] = (f"sid{number}" for number in range(10_000))
        websockets = WebSockets(max_message_bytes=1)
        self.eio = SimpleNamespace(sockets={}, websockets=websockets, generate_id=lambda: next(self._ids))


class Counting(LocalManager):
    """Remembers which rooms came and went."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, str]] = []

    def room_opened(self, room: str) -> None:
        """Remember."""
        self.told.append(("opened", room))

    def room_closed(self, room: str) -> None:
        """Remember."""
        self.told.append(("closed", room))


class Place:
    """A manager, and connections to it."""

    def __init__(self, manager: AsyncManager) -> None:
        self.server = Server()
        self.manager = manager
        manager.set_server(self.server)

    async def join(self, engine_sid: str, namespace: str = NAMESPACE, rooms: tuple[str, ...] = ()) -> str:
        """Let a session join a namespace, and enter rooms; returns its sid there."""
        self.server.eio.sockets.setdefault(engine_sid, Session())
        sid: str = await self.manager.connect(engine_sid, namespace)
        for room in rooms:
            await self.manager.enter_room(sid, namespace, room)
        return sid

    def session(self, engine_sid: str) -> Session:
        """Return a session."""
        found: Session = self.server.eio.sockets[engine_sid]
        return found


@pytest.fixture
def manager() -> Counting:
    """What is tested."""
    return Counting()


@pytest.fixture
def place(manager: Counting) -> Place:
    """The manager with its server."""
    return Place(manager)


def assert_empty(manager: LocalManager) -> None:
    """Nothing is left of anyone."""
    assert manager.rooms == {}
    assert manager.callbacks == {}
    assert manager.pending_connect == {}
    assert manager.pending_disconnect == {}
    assert manager._rooms_of == {}
    assert manager._room_uses == {}
    assert manager._hearers == {}
    assert manager.hub._rooms == {}
    assert manager.hub._memberships == {}


def rooms_of(manager: AsyncManager) -> dict[str, dict[Any, dict[str, str]]]:
    """Return who is in which room, as plain dictionaries."""
    return {
        namespace: {room: dict(members) for room, members in rooms.items()}
        for namespace, rooms in manager.rooms.items()
    }


# --- Rooms


async def test_rooms_are_kept_as_upstream_keeps_them() -> None:
    """Whatever comes and goes, step by step: members, rooms, who is connected, and what is refused."""
    ours, stock = Place(LocalManager()), Place(AsyncManager())

    async def both(step: Any) -> None:
        outcomes = []
        for place in (ours, stock):
            try:
                outcomes.append(await step(place))
            except (ValueError, KeyError) as error:
                outcomes.append(type(error))
        assert outcomes[0] == outcomes[1]
        assert rooms_of(ours.manager) == rooms_of(stock.manager)

    async def leave(place: Place, sid: str, room: str) -> None:
        await place.manager.leave_room(sid, NAMESPACE, room)

    await both(lambda place: place.join("e0", rooms=("a", "b")))  # sid0
    await both(lambda place: place.join("e1", rooms=("b", "c:d")))  # sid1
    await both(lambda place: place.join("e0", OTHER, rooms=("a",)))  # sid2
    await both(lambda place: place.manager.pre_connect("e0", NAMESPACE))  # it is there already
    await both(lambda place: place.manager.enter_room("sid0", NAMESPACE, "a"))  # again
    await both(lambda place: place.manager.enter_room("sid0", NAMESPACE, "sid1"))  # another's own
    await both(lambda place: place.manager.enter_room("sid0", "/unknown", "a"))
    await both(lambda place: place.manager.enter_room("unknown", NAMESPACE, "a"))
    await both(lambda place: leave(place, "sid0", "unknown"))
    await both(lambda place: leave(place, "unknown", "a"))
    await both(lambda place: leave(place, "sid1", "a"))  # it is not in there
    for namespace in (NAMESPACE, OTHER, "/unknown"):
        for sid in ("sid0", "sid1", "sid2", "unknown"):
            found = [sorted(place.manager.get_rooms(sid, namespace)) for place in (ours, stock)]
            assert found[0] == found[1]
            assert ours.manager.is_connected(sid, namespace) is stock.manager.is_connected(sid, namespace)
        for room in (None, "a", "b", "unknown", ["a", "c:d"], ("a", "unknown"), "sid0"):
            members = [dict(place.manager.get_participants(namespace, room)) for place in (ours, stock)]
            assert members[0] == members[1]
        for engine_sid in ("e0", "e1", "unknown"):
            sids = [place.manager.sid_from_eio_sid(engine_sid, namespace) for place in (ours, stock)]
            assert sids[0] == sids[1]
    assert ours.manager.eio_sid_from_sid("sid2", OTHER) == "e0"
    await both(lambda place: place.manager.close_room("sid0", NAMESPACE))  # a connection's own
    await both(lambda place: place.manager.close_room("b", NAMESPACE))
    await both(lambda place: place.manager.close_room("unknown", "/unknown"))
    await both(lambda place: leave(place, "sid1", "c:d"))
    await both(lambda place: place.manager.disconnect("sid2", OTHER))
    await both(lambda place: place.manager.disconnect("sid1", NAMESPACE))
    await both(lambda place: place.manager.disconnect("sid1", NAMESPACE))  # again
    await both(lambda place: place.manager.disconnect("sid0", NAMESPACE))
    assert isinstance(ours.manager, LocalManager)
    assert_empty(ours.manager)


async def test_nothing_is_left_of_who_is_gone(place: Place, manager: Counting) -> None:
    """Whether it left its rooms, was yet to be let in, was leaving, or owed an ack."""
    sids = [await place.join(f"e{number}", rooms=("a", "b:c", f"own:{number}")) for number in range(4)]
    await manager.leave_room(sids[0], NAMESPACE, "a")
    pending = await manager.pre_connect("e4", NAMESPACE)
    assert manager.pre_disconnect(sids[1], NAMESPACE) == "e1"
    manager._generate_ack_id(sids[2], lambda *_: None)
    for sid in [*sids, pending]:
        await manager.disconnect(sid, NAMESPACE)
    assert_empty(manager)


async def test_connection_that_is_gone_enters_no_room(place: Place, manager: Counting) -> None:
    """Neither an error nor a room without a member may stay behind."""
    sid = await place.join("e0", rooms=("x",))
    await place.join("e1")
    await manager.disconnect(sid, NAMESPACE)
    before = rooms_of(manager)
    with pytest.raises((ValueError, KeyError)):
        await manager.enter_room(sid, NAMESPACE, "a:b")
    assert rooms_of(manager) == before
    assert manager._rooms_of == {}
    assert manager.told == []


async def test_first_and_last_of_a_room_are_told(place: Place, manager: Counting) -> None:
    """Counted over all namespaces and the plain connections; only of rooms of the application."""
    plain = Subscriber("p")
    one = await place.join("e0", rooms=("user:1", "no colon"))
    two = await place.join("e1", rooms=("user:1",))
    other = await place.join("e0", OTHER, rooms=("user:1",))
    manager.hub.enter(plain, NAMESPACE, "user:1")
    manager.hub.enter(plain, OTHER, "user:1")
    await manager.enter_room(one, NAMESPACE, "user:1")  # again
    assert manager.told == [("opened", "user:1")]
    await manager.disconnect(one, NAMESPACE)
    await manager.leave_room(two, NAMESPACE, "user:1")
    await manager.leave_room(two, NAMESPACE, "user:1")  # again
    await manager.disconnect(other, OTHER)
    manager.hub.leave(plain, NAMESPACE, "user:1")
    assert manager.told == [("opened", "user:1")]
    manager.hub.leave_all(plain)
    assert manager.told == [("opened", "user:1"), ("closed", "user:1")]
    await manager.enter_room(two, NAMESPACE, "user:1")
    await manager.close_room("user:1", NAMESPACE)
    assert manager.told[2:] == [("opened", "user:1"), ("closed", "user:1")]
    await manager.disconnect(two, NAMESPACE)
    assert_empty(manager)


# --- Delivery


async def test_deliver_hands_the_same_packet_to_all(place: Place, manager: Counting) -> None:
    """It is encoded once, and each gets the very object; so do plain connections theirs."""
    plain = [Subscriber("p"), Subscriber("q")]
    for number in range(3):
        await place.join(f"e{number}", rooms=("user:1",))
    for subscriber in plain:
        manager.hub.enter(subscriber, NAMESPACE, "user:1")
    manager.deliver("event", BODY, NAMESPACE, ["user:1"], None)
    sent = [place.session(f"e{number}").sent for number in range(3)]
    assert [len(messages) for messages in sent] == [1, 1, 1]
    assert sent[0][0] is sent[1][0] is sent[2][0]
    assert sent[0][0].payload == b'42/messaging,["event",{"n":1}]'
    assert plain[0].sent[0] is plain[1].sent[0]
    assert json.loads(plain[0].sent[0].payload) == {"type": "event", "n": 1}
    assert manager.deliveries == 5


async def test_deliver_leaves_one_out(place: Place, manager: Counting) -> None:
    """The connection that asked, of either kind."""
    plain = Subscriber("p")
    one = await place.join("e0", rooms=("user:1",))
    await place.join("e1", rooms=("user:1",))
    manager.hub.enter(plain, NAMESPACE, "user:1")
    manager.deliver("event", BODY, NAMESPACE, ["user:1"], one)
    manager.deliver("event", BODY, NAMESPACE, ["user:1"], "p")
    assert [len(place.session(name).sent) for name in ("e0", "e1")] == [1, 2]
    assert len(plain.sent) == 1
    assert manager.deliveries == 4


async def test_who_is_in_several_rooms_hears_once(place: Place, manager: Counting) -> None:
    """Rooms that are not there do no harm; other namespaces hear nothing."""
    await place.join("e0", rooms=("a:1", "b:1"))
    await place.join("e1", rooms=("b:1",))
    await place.join("e0", OTHER, rooms=("a:1",))
    manager.deliver("event", BODY, NAMESPACE, ["a:1", "b:1", "c:1"], None)
    manager.deliver("event", BODY, NAMESPACE, ["c:1"], None)
    manager.deliver("event", BODY, NAMESPACE, [], None)
    manager.deliver("event", BODY, "/unknown", ["a:1"], None)
    assert [len(place.session(name).sent) for name in ("e0", "e1")] == [1, 1]
    assert manager.deliveries == 2
    assert rooms_of(manager)[NAMESPACE]["a:1"] == {"sid0": "e0"}


def tell_durable(manager: LocalManager, rev: int, rooms: tuple[str, ...], skip: str | None = None) -> None:
    """Tell a durable event of a thread."""
    manager.tell("event", {"rev": rev}, [(NAMESPACE, rooms)], skip, ("thread:t", rev))


async def test_durable_events_reach_who_is_in_the_rooms_at_present(place: Place, manager: Counting) -> None:
    """Who hears an audience is remembered, until anyone enters or leaves a room; nobody is remembered who left."""
    audience = ("user:1", "user:2")
    first = await place.join("e1", rooms=("user:1",))
    second = await place.join("e2", rooms=("user:2",))
    tell_durable(manager, 1, audience)
    tell_durable(manager, 2, audience)
    third = await place.join("e3", rooms=("user:2",))
    tell_durable(manager, 3, audience)
    tell_durable(manager, 4, audience, skip=third)
    await manager.leave_room(second, NAMESPACE, "user:2")
    tell_durable(manager, 5, audience)
    await manager.disconnect(first, NAMESPACE)
    tell_durable(manager, 6, audience)
    told = {
        name: [json.loads(text[text.index(b"[") :])[1]["rev"] for text in place.session(name).payloads]
        for name in ("e1", "e2", "e3")
    }
    assert told == {"e1": [1, 2, 3, 4, 5], "e2": [1, 2, 3, 4], "e3": [3, 5, 6]}
    assert manager.deliveries == 12
    for sid in (second, third):
        await manager.disconnect(sid, NAMESPACE)
    assert_empty(manager)


async def test_durable_events_carry_offsets_but_for_who_wants_none(place: Place, manager: Counting) -> None:
    """All who get one get the same packet, and all who get none another."""
    for name in ("e1", "e2", "e3", "e4"):
        sid = await place.join(name)
        if name in {"e3", "e4"}:
            manager.without_offsets.add(sid)
        await manager.enter_room(sid, NAMESPACE, "user:1")
    for rev in (1, 2):
        tell_durable(manager, rev, ("user:1",))
    sent = [place.session(name).sent for name in ("e1", "e2", "e3", "e4")]
    assert sent[0] == sent[1] != sent[2] == sent[3]
    assert sent[0][1].payload == b'42/messaging,["event",{"rev":2},"%b"]' % manager.log.offset(2)
    assert sent[2][1].payload == b'42/messaging,["event",{"rev":2}]'


async def test_session_that_is_gone_is_passed_over(place: Place, manager: Counting) -> None:
    """Its rooms may still be left for a moment."""
    await place.join("e0", rooms=("a:1",))
    await place.join("e1", rooms=("a:1",))
    del place.server.eio.sockets["e0"]
    manager.deliver("event", BODY, NAMESPACE, ["a:1"], None)
    await manager.emit("event", 1, NAMESPACE, room="a:1")
    assert len(place.session("e1").sent) == 2
    assert manager.deliveries == 1


async def test_broadcast_and_tell_deliver_payloads(place: Place, manager: Counting) -> None:
    """To rooms of one namespace, or along several routes, of which many are of no interest here."""
    one = await place.join("e0", rooms=("a:1", "c:1"))
    await place.join("e1", OTHER, rooms=("b:1",))
    manager.broadcast("event", {"text": "ñ"}, NAMESPACE, ["a:1"])
    assert place.session("e0").payloads == ['42/messaging,["event",{"text":"ñ"}]'.encode()]
    rooms = [f"x:{number}" for number in range(100)]
    manager.tell("event", {}, [(NAMESPACE, [*rooms, "a:1", "c:1"]), (OTHER, ["b:1"]), (NAMESPACE, rooms)])
    manager.tell("event", {}, [(NAMESPACE, ["a:1"]), (OTHER, ["b:1"])], skip=one)
    assert place.session("e0").payloads[1:] == [b'42/messaging,["event",{}]']
    assert place.session("e1").payloads == [b'42/threads,["event",{}]'] * 2


def test_control_goes_to_the_application(manager: Counting) -> None:
    """Not to connections, though one may have that room."""
    told: list[Any] = []
    plain = Subscriber("p")
    manager.hub.enter(plain, CONTROL, "all:processes")
    manager.deliver("event", BODY, CONTROL, ["all:processes"], None)  # nobody has to listen
    manager.on_control = lambda event, payload: told.append((event, payload))
    manager.broadcast("event", {"n": 2}, CONTROL, [])
    manager.deliver("event", BODY, CONTROL, ["all:processes"], None)
    assert told == [("event", {"n": 2}), ("event", {"n": 1})]
    assert plain.sent == []
    assert manager.deliveries == 0


# --- python-socketio's own emit


@pytest.mark.parametrize(
    ("data", "payloads"),
    [
        (None, [b'42/messaging,["event"]']),
        ("text", [b'42/messaging,["event","text"]']),
        ({"a": [1, None]}, [b'42/messaging,["event",{"a":[1,null]}]']),
        ([1, 2], [b'42/messaging,["event",[1,2]]']),
        ((), [b'42/messaging,["event"]']),
        ((1, "two"), [b'42/messaging,["event",1,"two"]']),
        (b"\x00\xff", [b'451-/messaging,["event",{"_placeholder":true,"num":0}]', b"bAP8="]),
        (
            ({"a": b"1"}, b"2"),
            [
                b'452-/messaging,["event",{"a":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":1}]',
                b"bMQ==",
                b"bMg==",
            ],
        ),
    ],
    ids=repr,
)
async def test_emit_takes_what_upstream_takes(
    place: Place, manager: Counting, data: Any, payloads: list[bytes]
) -> None:
    """A tuple is several arguments, None is none, and bytes follow as attachments."""
    await place.join("e0", rooms=("a",))
    await manager.emit("event", data, NAMESPACE, room="a")
    assert place.session("e0").payloads == payloads


async def test_emit_encodes_once(place: Place, manager: Counting) -> None:
    """All get the same packets, attachments included."""
    for number in range(3):
        await place.join(f"e{number}", rooms=("a",))
    await manager.emit("event", b"data", NAMESPACE, room="a")
    sent = [place.session(f"e{number}").sent for number in range(3)]
    assert [len(messages) for messages in sent] == [2, 2, 2]
    assert all(one is two is three for one, two, three in zip(*sent, strict=True))


@pytest.mark.parametrize(
    ("options", "heard"),
    [
        ({}, "0123"),
        ({"room": "a"}, "01"),
        ({"to": "a"}, "01"),
        ({"to": "b", "room": "a"}, "2"),
        ({"room": ["a", "b"]}, "012"),
        ({"room": "unknown"}, ""),
        ({"to": "sid3"}, "3"),
        ({"skip_sid": "sid1"}, "023"),
        ({"skip_sid": ["sid0", "sid1", "unknown"]}, "23"),
        ({"room": "a", "skip_sid": ["sid0"]}, "1"),
        ({"ignore_queue": True}, "0123"),
    ],
    ids=str,
)
async def test_emit_goes_where_upstream_emits(
    place: Place, manager: Counting, options: dict[str, Any], heard: str
) -> None:
    """`to` before `room`, several rooms, one connection or all, except those that are named."""
    for engine_sid, rooms in (("e0", ("a",)), ("e1", ("a",)), ("e2", ("b",)), ("e3", ())):
        await place.join(engine_sid, rooms=rooms)
    await manager.emit("event", 1, NAMESPACE, **options)
    assert "".join(str(number) for number in range(4) if place.session(f"e{number}").sent) == heard
    await manager.emit("event", 1, "/unknown", **options)


async def test_emit_with_a_callback_has_an_id_for_each(place: Place, manager: Counting) -> None:
    """Every connection counts for itself, from 1."""
    for number in range(2):
        await place.join(f"e{number}", rooms=("a",))
    await manager.emit("event", 1, NAMESPACE, to="sid0", callback=lambda: None)
    await manager.emit("event", 1, NAMESPACE, to="a", callback=lambda: None)
    assert place.session("e0").payloads == [b'42/messaging,1["event",1]', b'42/messaging,2["event",1]']
    assert place.session("e1").payloads == [b'42/messaging,1["event",1]']
    assert {sid: set(waiting) for sid, waiting in manager.callbacks.items()} == {"sid0": {0, 1, 2}, "sid1": {0, 1}}


async def test_skipped_connection_owes_no_ack(place: Place, manager: Counting) -> None:
    """Else its callback would wait for ever."""
    await place.join("e0", rooms=("a",))
    await manager.emit("event", 1, NAMESPACE, room="a", skip_sid="sid0", callback=lambda: None)
    assert place.session("e0").sent == []
    assert manager.callbacks == {}


async def test_ack_goes_to_its_callback_once(place: Place, manager: Counting) -> None:
    """With its arguments, whether the callback is a coroutine or not; a second ack is ignored."""
    got: list[tuple[Any, ...]] = []

    async def slowly(*arguments: Any) -> None:
        await asyncio.sleep(0)
        got.append(arguments)

    await place.join("e0")
    await manager.emit("event", 1, NAMESPACE, to="sid0", callback=lambda *arguments: got.append(arguments))
    await manager.emit("event", 1, NAMESPACE, to="sid0", callback=slowly)
    await manager.trigger_callback("sid0", 2, ["b", 2])
    await manager.trigger_callback("sid0", 1, [])
    await manager.trigger_callback("sid0", 1, ["again"])
    assert got == [("b", 2), ()]


async def test_ack_that_nobody_waits_for_is_ignored(place: Place, manager: Counting) -> None:
    """An id that was not given, one of another connection, and 0, where the counter is kept: ids go on as before."""
    got: list[tuple[Any, ...]] = []
    await place.join("e0")
    await place.join("e1")
    await manager.emit("event", 1, NAMESPACE, to="sid0", callback=lambda *arguments: got.append(arguments))
    for sid, ack_id in (("sid0", 0), ("sid0", 2), ("sid0", -1), ("sid1", 1), ("sid1", 0), ("unknown", 1)):
        await manager.trigger_callback(sid, ack_id, ["forged"])
    assert got == []
    await manager.emit("event", 1, NAMESPACE, to="sid0", callback=lambda *arguments: got.append(arguments))
    assert place.session("e0").payloads[1] == b'42/messaging,2["event",1]'
    await manager.trigger_callback("sid0", 1, ["real"])
    assert got == [("real",)]


def test_manager_on_its_own_is_in_no_cluster(manager: Counting) -> None:
    """There is nothing to wait for."""
    assert manager.cluster_state == "off"
    assert manager.heard("user:1") is None
    assert (manager.received, manager.dropped) == (0, 0)
