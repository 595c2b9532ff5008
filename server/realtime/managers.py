"""Who is in which room, and delivery to them: python-socketio's client manager, for one process.

A payload is serialised once, framed once for each kind of transport, and written straight to each client.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any

import orjson
import socketio
import structlog
from bidict import bidict
from redis.exceptions import RedisError
from socketio import packet as socket_packet

from server.realtime.engine import encode_message
from server.realtime.frames import Encoded
from server.realtime.hub import Hub

CONTROL = "/_control"
"""Not a namespace that clients can join: what processes tell each other."""

MAX_OUTBOX = 10_000
MAX_PIPELINE = 500
MAX_RETRY_S = 2.0

log = structlog.get_logger()

ControlHandler = Callable[[str, dict[str, Any]], None]


class LocalManager(socketio.AsyncManager):
    """The manager of a process on its own, and the local half of a clustered one.

    `deliveries` counts messages handed to connections; `dropped` counts events that no other process will hear (too
    long an outage). Rooms whose name holds a colon are the application's: `room_opened` and `room_closed` tell when
    the first connection of any namespace enters one, and the last leaves.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hub = Hub(self._count_room)
        self.deliveries = 0
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

    def deliver(self, event: str, body: bytes, namespace: str, rooms: Sequence[str], skip: str | None) -> None:
        """Send an event to the connections of this process; `body` is the JSON of its payload."""
        if namespace == CONTROL:
            self.on_control(event, orjson.loads(body))
            return
        self.deliveries += self.hub.deliver(event, body, namespace, rooms, skip)
        members = self._members(namespace, rooms)
        if not members:
            return
        message = Encoded(b'42%b,["%b",%b]' % (namespace.encode(), event.encode(), body))
        sessions = self.server.eio.sockets
        for sid, engine_sid in members.items():
            if sid != skip and (session := sessions.get(engine_sid)) is not None:
                session.send(message)
                self.deliveries += 1

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
            ValueError: the connection is not in the namespace, or the room is another connection's own.
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


class RedisManager(socketio.AsyncRedisManager, LocalManager):
    """The manager of a process among others."""

    async def _handle_emit(self, message: dict[str, Any]) -> None:
        data, room = message["data"], message["room"]
        if isinstance(room, list) and len(data) == 1:
            self.deliver(message["event"], orjson.dumps(data[0]), message["namespace"], room, message.get("skip_sid"))

    """A cluster of processes over one Redis channel. While Redis is away the process works on its own."""

    def __init__(self, url: str, redis_options: dict[str, Any]) -> None:
        socketio.AsyncRedisManager.__init__(self, url, channel="verihome:events", redis_options=redis_options)
        self._outbox: deque[str] = deque()
        self._wake = asyncio.Event()
        self._subscribed = False
        self._pump_task: asyncio.Task[None] | None = None

    @property
    def cluster_state(self) -> str:
        """`ok` while subscribed to Redis, else `degraded`."""
        return "ok" if self._subscribed else "degraded"

    def initialize(self) -> None:
        """Begin to listen and to publish."""
        super().initialize()
        self._pump_task = asyncio.create_task(self._pump(), name="redis publisher")

    def broadcast(
        self, event: str, payload: dict[str, Any], namespace: str, rooms: Sequence[str], skip: str | None = None
    ) -> None:
        """Deliver here, and queue for the others."""
        LocalManager.broadcast(self, event, payload, namespace, rooms, skip)
        message = {"method": "emit", "event": event, "data": [payload], "namespace": namespace, "room": rooms}
        self._queue({**message, "skip_sid": skip, "host_id": self.host_id})

    async def close(self) -> None:
        """Publish what is queued if Redis is there, and end both connections."""
        if self._pump_task is not None:
            for _ in range(50):
                if not self._outbox or not self._subscribed:
                    break
                await asyncio.sleep(0.02)
            self._pump_task.cancel()
            self.thread.cancel()
            await asyncio.gather(self._pump_task, self.thread, return_exceptions=True)
        if self.redis is not None:
            await self.pubsub.aclose()
            await self.redis.aclose()

    async def _publish(self, data: dict[str, Any]) -> None:
        self._queue(data)

    def _queue(self, data: dict[str, Any]) -> None:
        while len(self._outbox) >= MAX_OUTBOX:  # Redis is away for long; clients catch up by revision
            self._outbox.popleft()
            self.dropped += 1
        self._outbox.append(self.json.dumps(data))
        self._wake.set()

    async def _pump(self) -> None:
        """Publish in order, all that piled up in one round trip."""
        retry_s = 0.1
        while True:
            await self._wake.wait()
            batch = [self._outbox.popleft() for _ in range(min(len(self._outbox), MAX_PIPELINE))]
            try:
                if self.redis is None:
                    self._redis_connect()
                pipeline = self.redis.pipeline(transaction=False)
                for message in batch:
                    pipeline.publish(self.channel, message)
                await pipeline.execute()
            except (RedisError, OSError, TimeoutError):
                self._outbox.extendleft(reversed(batch))
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, MAX_RETRY_S)
                continue
            retry_s = 0.1
            if not self._outbox:
                self._wake.clear()

    async def _redis_listen_with_retries(self) -> AsyncIterator[Any]:
        retry_s = 0.1
        while True:
            try:
                self._redis_connect()
                await self.pubsub.subscribe(self.channel)
                self._note_subscribed(subscribed=True)
                retry_s = 0.1
                async for message in self.pubsub.listen():
                    yield message
            except (RedisError, OSError, TimeoutError):
                self._note_subscribed(subscribed=False)
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, MAX_RETRY_S)

    def _note_subscribed(self, *, subscribed: bool) -> None:
        if subscribed:
            log.info("redis joined: this process works with the others")
        elif self._subscribed or self._last_note is None:
            log.warning("redis away: this process works on its own until it comes back")
        self._last_note = subscribed
        self._subscribed = subscribed

    _last_note: bool | None = None
