"""Who is in which room, and delivery to them: python-socketio's client manager, for one process.

A payload is serialised once, framed once for each kind of transport, and written straight to each client. Durable
events go through `Order`, are numbered by `Log`, and carry their offset behind the payload (ADR 15).
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
import socketio
import structlog
from bidict import bidict
from socketio import packet as socket_packet

from server.realtime.engine import encode_message
from server.realtime.frames import Encoded
from server.realtime.holds import Hold
from server.realtime.hub import Hub
from server.realtime.log import Log
from server.realtime.order import Order, Told
from server.realtime.rooms import Route, Stamp
from server.realtime.rows import Rows
from server.realtime.session import Session
from server.realtime.trails import NoTrails, Trails
from server.realtime.volatile import volatile_key

CONTROL = "/_control"
"""Not a namespace that clients can join: what processes tell each other."""

SMALL_AUDIENCE = 32
"""So many rooms are not looked through beforehand for those in which anybody is."""

MAX_HEARERS = 1_000
"""So many audiences are remembered."""

ControlHandler = Callable[[str, dict[str, Any]], None]

log = structlog.get_logger()


class Hearers(NamedTuple):
    """The sessions of an audience: of connections that get offsets, and of those that get none."""

    of_offsets: list[Session]
    of_none: list[Session]


class LocalManager(socketio.AsyncManager):
    """The manager of a process on its own, and the local half of a clustered one.

    `deliveries` counts messages handed to connections; `received`, messages of other processes; `dropped`, events that
    no other process will hear (too long an outage). Rooms whose name holds a colon are the application's:
    `room_opened` and `room_closed` tell when the first connection of any namespace enters one, and the last leaves.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hub = Hub(self._count_room, self.heard)
        self.deliveries = 0
        self.received = 0
        self.dropped = 0
        self.on_control: ControlHandler = lambda _event, _payload: None
        self.on_state: Callable[[str], None] = lambda _state: None
        """Told `cluster_state` whenever it changes."""
        self.log = Log()
        self.trails: Trails = NoTrails()
        self._rows: Rows | None = None
        self.order = Order(self._give, self._is_missed)
        self.without_offsets: set[str] = set()
        """Connections that get no offsets. It is told before they enter a room: who hears an audience is remembered."""
        self.holds: dict[str, Hold] = {}
        """Connections to which nothing goes at present, or not what they were told otherwise."""
        self._rooms_of: dict[str, set[Any]] = {}
        self._hearers: dict[tuple[str, tuple[str, ...]], Hearers] = {}
        self._room_uses: dict[str, int] = {}
        self._heard_since: dict[str, int] = {}
        """For each room in use, the number of the last event that was handed out before it was."""

    @property
    def cluster_state(self) -> str:
        """How the link to other processes is: `off` (none configured), `ok` or `degraded`."""
        return "off"

    @property
    def rows(self) -> Rows | None:
        """Where missed events are read; without it they stay missed."""
        return self._rows

    @rows.setter
    def rows(self, rows: Rows) -> None:
        self._rows = rows
        self.order.read = rows.missed

    async def close(self) -> None:
        """End what runs by itself."""
        self.order.close()

    # --- Events

    def broadcast(
        self, event: str, payload: dict[str, Any], namespace: str, rooms: Sequence[str], skip: str | None = None
    ) -> None:
        """Tell everyone in the rooms, on all processes, except the connection `skip`."""
        self.hand_out(event, orjson.dumps(payload), [(namespace, rooms)], skip, None)

    def tell(
        self,
        event: str,
        payload: dict[str, Any],
        routes: Sequence[Route],
        skip: str | None = None,
        stamp: Stamp | None = None,
    ) -> None:
        """Tell an event on all its routes, to all processes, except to the connection `skip`."""
        self.hand_out(event, orjson.dumps(payload), routes, skip, stamp)

    def hand_out(self, event: str, body: bytes, routes: Sequence[Route], skip: str | None, stamp: Stamp | None) -> None:
        """Hand an event, of this process or another, to the connections of this one: a durable one in its turn."""
        told = Told(event, body, routes, skip, stamp)
        if stamp is None:
            self._deliver_routes(told, None)
        else:
            self.order.take(told)

    def behind(self, heads: Mapping[str, tuple[int, int]]) -> None:
        """Others committed the first to the last rev of keys (`Stamp`): see to it that they are heard here."""
        self.order.behind(heads)

    def hears(self, room: str) -> bool:
        """Tell whether a connection of this process is in a room of the application, in whatever namespace."""
        return room in self._room_uses

    def _give(self, told: Told) -> int:
        """Hand an event out, whose turn it is. Never raises: those behind it must not wait for ever."""
        assert told.stamp is not None  # noqa: S101 - only these have a turn
        number = self.log.append(told.stamp)
        try:
            self._deliver_routes(told, self.log.offset(number))
        except Exception:
            log.exception("event not delivered", published=told.event)
        return number

    def _is_missed(self, routes: Sequence[Route], number: int) -> bool:
        """Tell whether anyone hears the routes who did so when an event was handed out."""
        since = self._heard_since
        return any(since.get(room, number) < number for _, rooms in routes for room in rooms)

    def _deliver_routes(self, told: Told, offset: bytes | None) -> None:
        for namespace, rooms in told.routes:
            # Of a large audience most are not here, and each room is looked for in two places.
            here = rooms if len(rooms) <= SMALL_AUDIENCE else [room for room in rooms if room in self._room_uses]
            self.deliver(told.event, told.body, namespace, here, told.skip, told.stamp, offset)

    def deliver(
        self,
        event: str,
        body: bytes,
        namespace: str,
        rooms: Sequence[str],
        skip: str | None,
        stamp: Stamp | None = None,
        offset: bytes | None = None,
    ) -> None:
        """Send an event to the connections of this process; `body` is the JSON of its payload."""
        if namespace == CONTROL:
            self.on_control(event, orjson.loads(body))
            return
        self.deliveries += self.hub.deliver(event, body, namespace, rooms, skip)
        if namespace not in self.rooms:
            return
        if offset is not None and skip is None and not self.holds:
            self._deliver_plainly(event, body, namespace, tuple(rooms), offset)
            return
        members: Mapping[str, str] = self._members(namespace, rooms)
        if not members:
            return
        head = _event_head(namespace, event)
        if offset is None:
            message = Encoded(b"%b%b]" % (head, body), key=volatile_key(event, body))
        else:  # it is durable, so not volatile
            message = Encoded(b'%b%b,"%b"]' % (head, body, offset))
        if self.holds:
            members = self._hold(members, stamp, message)
        without = self.without_offsets
        if offset is not None and without and not without.isdisjoint(members):
            bare = Encoded(b"%b%b]" % (head, body))
            self._write({sid: engine_sid for sid, engine_sid in members.items() if sid in without}, skip, bare)
            members = {sid: engine_sid for sid, engine_sid in members.items() if sid not in without}
        self._write(members, skip, message)

    def _deliver_plainly(self, event: str, body: bytes, namespace: str, rooms: tuple[str, ...], offset: bytes) -> None:
        """Send a durable event where nobody is skipped and nothing held: most of what is sent."""
        hearers = self._hearers.get((namespace, rooms))
        if hearers is None:
            hearers = self._find_hearers(namespace, rooms)
        head = _event_head(namespace, event)
        write_all = self.server.eio.websockets.write_all
        if hearers.of_offsets:
            write_all(hearers.of_offsets, Encoded(b'%b%b,"%b"]' % (head, body, offset)))
        if hearers.of_none:
            write_all(hearers.of_none, Encoded(b"%b%b]" % (head, body)))
        self.deliveries += len(hearers.of_offsets) + len(hearers.of_none)

    def _find_hearers(self, namespace: str, rooms: tuple[str, ...]) -> Hearers:
        """Find who is in rooms, and remember it until anybody enters or leaves one."""
        find, without = self.server.eio.sockets.get, self.without_offsets
        found = [
            (sid, session)
            for sid, engine_sid in self._members(namespace, rooms).items()
            if (session := find(engine_sid)) is not None
        ]
        hearers = Hearers(
            [session for sid, session in found if sid not in without],
            [session for sid, session in found if sid in without],
        )
        if len(self._hearers) >= MAX_HEARERS:
            self._hearers.clear()
        self._hearers[namespace, rooms] = hearers
        return hearers

    def _hold(self, members: Mapping[str, str], stamp: Stamp | None, message: Encoded) -> Mapping[str, str]:
        """Keep a message for those members to whom it does not go at present, or never; return the others."""
        holds = self.holds
        held = {sid for sid in members if sid in holds and not holds[sid].lets(stamp, message)}
        return {sid: engine_sid for sid, engine_sid in members.items() if sid not in held} if held else members

    def _write(self, members: Mapping[str, str], skip: str | None, message: Encoded) -> None:
        if skip in members:
            members = {sid: engine_sid for sid, engine_sid in members.items() if sid != skip}
        engine = self.server.eio
        find = engine.sockets.get
        hearers = [session for engine_sid in members.values() if (session := find(engine_sid)) is not None]
        engine.websockets.write_all(hearers, message)
        self.deliveries += len(hearers)

    async def emit(
        self,
        event: str,
        data: Any,
        namespace: str,
        room: Any = None,
        skip_sid: Any = None,
        callback: Any = None,
        to: Any = None,
        **_options: Any,
    ) -> None:
        """Emit as python-socketio's own users do: any JSON or bytes, to a room or several, with or without an ack."""
        arguments = list(data) if isinstance(data, tuple) else [] if data is None else [data]
        skipped = skip_sid if isinstance(skip_sid, list) else [skip_sid]
        parts = None
        for sid, engine_sid in list(self.get_participants(namespace, to or room)):
            session = self.server.eio.sockets.get(engine_sid)
            if session is None or sid in skipped:
                continue
            if parts is None or callback is not None:
                ack_id = self._generate_ack_id(sid, callback) if callback is not None else None
                parts = self._encode(event, arguments, namespace, ack_id)
            for part in parts:
                session.send(part)

    def _encode(self, event: str, arguments: list[Any], namespace: str, ack_id: int | None) -> list[Encoded]:
        packet = self.server.packet_class(socket_packet.EVENT, [event, *arguments], namespace, ack_id)
        encoded = packet.encode()
        return [encode_message(part) for part in (encoded if isinstance(encoded, list) else [encoded])]

    async def trigger_callback(self, sid: str, id: int, data: list[Any]) -> None:  # noqa: A002
        """Hand an ack to whoever waits for it. One that nobody waits for is ignored.

        Id 0 is where python-socketio keeps the counter of ids.
        """
        if id and id in self.callbacks.get(sid, {}):
            await super().trigger_callback(sid, id, data)

    # --- Rooms

    def get_participants(self, namespace: str, room: Any) -> Iterable[tuple[str, str]]:
        """Return connections and their sessions in a room, or in any of several."""
        several = room if hasattr(room, "__len__") and not isinstance(room, str) else [room]
        return list(self._members(namespace, several).items())

    def basic_enter_room(self, sid: str, namespace: str, room: Any, eio_sid: str | None = None) -> None:
        """Let a connection enter a room.

        Raises:
            ValueError, KeyError: the connection is not in the namespace.
            ValueError: the room is another connection's own.
        """
        if eio_sid is None and namespace not in self.rooms:
            raise ValueError("sid is not connected to requested namespace")
        if sid != room and self.is_sid_room(namespace, room):
            raise ValueError("cannot enter a sid room")
        rooms = self.rooms.setdefault(namespace, {})
        engine_sid = rooms[None][sid] if eio_sid is None else eio_sid
        members = rooms.get(room)
        if members is None:
            # Only of a whole namespace is it asked who is whose. A plain dictionary is a third of the size.
            members = rooms[room] = bidict() if room is None else {}
            self._count_room(room, 1)
        members[sid] = engine_sid
        self._hearers.clear()
        if room is not None and room != sid:
            self._rooms_of.setdefault(sid, set()).add(room)

    def basic_leave_room(self, sid: str, namespace: str, room: Any) -> None:
        """Let a connection leave a room; the room goes with its last."""
        rooms = self.rooms.get(namespace, {})
        members = rooms.get(room)
        if members is None or members.pop(sid, None) is None:
            return
        self._hearers.clear()
        if (own := self._rooms_of.get(sid)) is not None:
            own.discard(room)
        if not members:
            del rooms[room]
            self._count_room(room, -1)
            if not rooms:
                del self.rooms[namespace]

    def basic_disconnect(self, sid: str, namespace: str, **_options: Any) -> None:
        """Forget a connection (stock walks all rooms of the namespace to find its own)."""
        for room in [*self._rooms_of.pop(sid, ()), sid, None]:
            self.basic_leave_room(sid, namespace, room)
        self.callbacks.pop(sid, None)
        self.without_offsets.discard(sid)
        self.holds.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            if sid in pending.get(namespace, ()):
                pending[namespace].remove(sid)
                if not pending[namespace]:
                    del pending[namespace]

    def get_rooms(self, sid: str, namespace: str) -> list[str]:
        """Return the rooms of a connection, its own included."""
        return [sid, *self._rooms_of.get(sid, ())] if self.is_sid_room(namespace, sid) else []

    def room_opened(self, room: str) -> None:
        """A room has its first connection here."""

    def room_closed(self, room: str) -> None:
        """A room has no connection here any more."""

    def heard(self, room: str) -> Awaitable[None] | None:
        """Return what to wait for until a room is heard on all processes; None if nothing."""
        del room
        return None

    def _members(self, namespace: str, rooms: Sequence[Any]) -> dict[str, str]:
        """Return connections and their sessions. Of one room: the room itself, which is not to be changed meanwhile."""
        found = self.rooms.get(namespace, {})
        if len(rooms) == 1:
            members: dict[str, str] = found.get(rooms[0], {})
            return members
        merged: dict[str, str] = {}
        for room in rooms:
            if (members := found.get(room)) is not None:
                merged.update(members)
        return merged

    def _count_room(self, room: Any, change: int) -> None:
        if not isinstance(room, str) or ":" not in room:
            return
        uses = self._room_uses.get(room, 0) + change
        if uses:
            self._room_uses[room] = uses
        else:
            del self._room_uses[room]
        if change > 0 and uses == 1:
            self._heard_since[room] = self.log.number
            self.room_opened(room)
        elif not uses:
            del self._heard_since[room]
            self.room_closed(room)

    def keep_hearing(self, room: str) -> None:
        """Go on hearing a room although nobody may be in it, until `stop_hearing`."""
        self._count_room(room, 1)

    def stop_hearing(self, room: str) -> None:
        """End what `keep_hearing` began."""
        self._count_room(room, -1)


@lru_cache(maxsize=256)
def _event_head(namespace: str, event: str) -> bytes:
    """Return an EVENT packet up to its payload."""
    return b'42%b,["%b",' % (namespace.encode(), event.encode())
