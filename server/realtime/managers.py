"""Who is in which room, and delivery to them: python-socketio's client manager, for one process.

A payload is serialised once, framed once for each kind of transport, and written straight to each client.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import orjson
import socketio
from bidict import bidict
from socketio import packet as socket_packet

from server.realtime.engine import encode_message
from server.realtime.frames import Encoded
from server.realtime.hub import Hub
from server.realtime.rooms import Route, Stamp
from server.realtime.volatile import volatile_key

CONTROL = "/_control"
"""Not a namespace that clients can join: what processes tell each other."""

ControlHandler = Callable[[str, dict[str, Any]], None]


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
        self._rooms_of: dict[str, set[Any]] = {}
        self._room_uses: dict[str, int] = {}

    @property
    def cluster_state(self) -> str:
        """How the link to other processes is: `off` (none configured), `ok` or `degraded`."""
        return "off"

    async def close(self) -> None:
        """Nothing to end."""

    # --- Events

    def broadcast(
        self, event: str, payload: dict[str, Any], namespace: str, rooms: Sequence[str], skip: str | None = None
    ) -> None:
        """Tell everyone in the rooms, on all processes, except the connection `skip`."""
        self.deliver(event, orjson.dumps(payload), namespace, rooms, skip)

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
        """Hand an event, of this process or another, to the connections of this one."""
        self.deliver_routes(event, body, routes, skip, stamp)

    def deliver_routes(
        self, event: str, body: bytes, routes: Sequence[Route], skip: str | None, stamp: Stamp | None = None
    ) -> None:
        """Send an event to the connections of this process on all its routes: to rooms of the application."""
        del stamp
        for namespace, rooms in routes:
            # Of a large audience most are not here, and each room is looked for in two places.
            here = rooms if len(rooms) == 1 else [room for room in rooms if room in self._room_uses]
            if here:
                self.deliver(event, body, namespace, here, skip)

    def deliver(self, event: str, body: bytes, namespace: str, rooms: Sequence[str], skip: str | None) -> None:
        """Send an event to the connections of this process; `body` is the JSON of its payload."""
        if namespace == CONTROL:
            self.on_control(event, orjson.loads(body))
            return
        self.deliveries += self.hub.deliver(event, body, namespace, rooms, skip)
        members = self._members(namespace, rooms)
        if not members:
            return
        text = b'42%b,["%b",%b]' % (namespace.encode(), event.encode(), body)
        message = Encoded(text, key=volatile_key(event, body))
        find = self.server.eio.sockets.get
        hearers = [
            session for sid, engine_sid in members.items() if sid != skip and (session := find(engine_sid)) is not None
        ]
        self.server.eio.websockets.write_all(hearers, message)
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
        if room is not None and room != sid:
            self._rooms_of.setdefault(sid, set()).add(room)

    def basic_leave_room(self, sid: str, namespace: str, room: Any) -> None:
        """Let a connection leave a room; the room goes with its last."""
        rooms = self.rooms.get(namespace, {})
        members = rooms.get(room)
        if members is None or members.pop(sid, None) is None:
            return
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
            if room in found:
                merged.update(found[room])
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
            self.room_opened(room)
        elif not uses:
            self.room_closed(room)
