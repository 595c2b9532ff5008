"""python-socketio's client managers, taught three things: plain WebSockets, no waiting, and outages of Redis.

`broadcast` delivers here at once and hands the event to the other processes without waiting for them: a Redis that is
slow or away delays no message between clients of one process, and no ack.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import socketio
import structlog
from engineio import packet as engine_packet
from redis.exceptions import RedisError
from socketio import packet as socket_packet

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

    `deliveries` counts frames; `dropped` counts events that no other process will hear (too long an outage).
    """

    def __init__(self) -> None:
        super().__init__()
        self.hub = Hub()
        self.deliveries = 0
        self.dropped = 0
        self.on_control: ControlHandler = lambda _event, _payload: None

    @property
    def cluster_state(self) -> str:
        """How the link to other processes is: `off` (none configured), `ok` or `degraded`."""
        return "off"

    def broadcast(
        self, event: str, payload: dict[str, Any], namespace: str, rooms: Sequence[str], skip: str | None = None
    ) -> None:
        """Tell everyone in the rooms, on all processes, except the connection `skip`."""
        self._deliver(event, payload, namespace, rooms, skip)

    async def emit(
        self, event: str, data: Any, namespace: str, room: Any = None, skip_sid: Any = None, **options: Any
    ) -> None:
        """Deliver here what another process broadcast; anything unlike our events goes the stock way."""
        if options.get("callback") is None and isinstance(data, dict) and isinstance(room, list):
            self._deliver(event, data, namespace, room, skip_sid)
        else:
            await super().emit(event, data, namespace, room=room, skip_sid=skip_sid, **options)

    async def close(self) -> None:
        """Nothing to end."""

    def _deliver(
        self, event: str, payload: dict[str, Any], namespace: str, rooms: Sequence[str], skip: str | None
    ) -> None:
        if namespace == CONTROL:
            self.on_control(event, payload)
            return
        self.deliveries += self.hub.deliver(event, payload, namespace, rooms, skip)
        packet = None
        for sid, engine_sid in self.get_participants(namespace, rooms):
            socket = self.server.eio.sockets.get(engine_sid)
            if sid == skip or socket is None or socket.closed:
                continue
            if packet is None:  # encoded once, and only if anyone hears it
                # `binary=False`: our payloads are JSON, and searching them for bytes costs more than encoding them.
                text = self.server.packet_class(socket_packet.EVENT, [event, payload], namespace, binary=False).encode()
                packet = engine_packet.Packet(engine_packet.MESSAGE, text)
            # Straight into the client's queue, where stock python-socketio makes a task for each recipient.
            socket.queue.put_nowait(packet)
            self.deliveries += 1


class RedisManager(socketio.AsyncRedisManager, LocalManager):
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
        super().broadcast(event, payload, namespace, rooms, skip)
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
