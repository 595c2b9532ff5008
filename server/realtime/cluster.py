"""Several processes over one Redis, each of which hears what its own clients hear, and no more (ADR 0014).

Every room of the application has a Redis channel, whatever the namespace. A process is subscribed to the channels of
the rooms that connections of its own are in. An event goes, encoded once, to the channels of all its rooms; one for
many rooms goes once to a channel that all processes hear. While Redis is away a process works on its own.

A message is

    kind (1 byte)  host (16)  number (8)  head (JSON)  line feed  body (JSON)

The head names the event, the connection to skip, the routes, and the stamp of a durable event; the body is the payload
as clients get it, and is forwarded as it came. The same bytes go to all channels of an event, so a process that hears
several of them takes the first for all its rooms, and knows the others by their number. Numbers of one host only grow.
What python-socketio's own API says (`emit` of any kind, callbacks, `disconnect`, ...) has no head; its JSON is the
stock one.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

import orjson
import structlog
from redis.asyncio import Redis
from socketio.async_pubsub_manager import AsyncPubSubManager

from server.domain.errors import RealtimeError
from server.realtime.managers import LocalManager
from server.realtime.redis_link import Link, RedisLink
from server.realtime.redis_trails import MARGIN_MS, RedisTrails
from server.realtime.rooms import Route, Stamp
from server.realtime.subscriptions import Subscriptions
from server.realtime.wakeups import Wakeups

DEFAULT_PREFIX: Final = "verihome"
MAX_CHANNELS: Final = 16
"""An event for more rooms than this is told to all processes at once."""
MAX_STOCK_QUEUE: Final = 10_000
MAX_HOSTS: Final = 1_000
TICK_S: Final = 1.5
DEAF_AFTER_TICKS: Final = 2
"""A listener that heard nothing of what this process told itself for so long is deaf, whatever it answers."""
LOOK_S: Final = 0.2
STUCK_S: Final = 0.4
"""A Redis that has not answered for so long may be frozen: that is known for sure only seconds later."""
BUSY: Final = 1_000
"""With so much waiting to be published, what this process tells itself is late for another reason."""
CATCH_UP_AFTER_S: Final = (0.0, 1.0, 3.0)
"""When to look, after an outage, for what others had waiting: they come back within some 2 s."""
MAX_KNOWN: Final = 20_000
MAX_TOLD_AGAIN: Final = 2_000
"""So many of the last events are told again by the database when Redis goes: it may not have passed them on."""

_EVENT: Final = b"\x01"
_STOCK: Final = b"\x02"
_ECHO: Final = b"\x03"
_STOCK_JSON: Final = b"{"
"""How a message of another program begins that emits with python-socketio's own Redis managers."""
_HOST: Final = slice(1, 17)
_NUMBER: Final = slice(17, 25)
_HEAD_FROM: Final = 25

log = structlog.get_logger()


class _Message(NamedTuple):
    event: str
    skip: str | None
    routes: Sequence[Route]
    stamp: Stamp | None
    body: bytes


class RedisManager(AsyncPubSubManager, LocalManager):
    """The manager of a process among others.

    `received` counts messages of other processes that this one was sent; `dropped`, those that no other process will
    hear (too long an outage, or handling `emit`s of the stock kind takes longer than they take to come).
    """

    name = "redis"

    def __init__(
        self,
        url: str,
        redis_options: dict[str, Any] | None = None,
        prefix: str = DEFAULT_PREFIX,
        link: Link | None = None,
    ) -> None:
        AsyncPubSubManager.__init__(self, channel=f"{prefix}:events")  # it calls LocalManager's
        self._link: Link = link or RedisLink(url, redis_options)
        self._redis = Redis.from_url(url, **(redis_options or {}))
        self.trails: RedisTrails = RedisTrails(self._link, self._redis, prefix, self.log)
        self._subscriptions = Subscriptions(self._link.subscribe, self._link.unsubscribe, self._note_up)
        self._prefix = f"{prefix}:".encode()
        self._stock_channel: bytes = self.channel.encode()
        self._all_channel = f"{prefix}:all".encode()
        self._own_channel = f"{prefix}:process:{self.host_id}".encode()
        self._host: bytes = bytes.fromhex(self.host_id)
        self._number = 0
        self._numbers: dict[bytes, bytes] = {}
        self._stock: asyncio.Queue[bytes] = asyncio.Queue(MAX_STOCK_QUEUE)
        self._stock_dropped = 0
        self._publishing = False
        self._last_state: str | None = None
        self._down_at = 0.0
        self._unheard = 0
        self._ticking: asyncio.TimerHandle | None = None
        self._looking: asyncio.TimerHandle | None = None
        self._catching_up: asyncio.Task[None] | None = None
        self.wakeups: Wakeups | None = None
        """How processes tell each other by their database, while one of them has no Redis."""
        self._complained = False

    # --- Life

    @property
    def cluster_state(self) -> str:
        """`ok` while both connections are there and all is subscribed, else `degraded`."""
        return "ok" if self._publishing and self._subscriptions.complete else "degraded"

    @property
    def channels(self) -> int:
        """How many channels this process is to hear."""
        return len(self._subscriptions)

    @property
    def dropped(self) -> int:
        """How many messages nobody will hear."""
        return self._link.dropped + self._stock_dropped

    @dropped.setter
    def dropped(self, _value: int) -> None:
        """LocalManager begins with 0; the link counts."""

    def initialize(self) -> None:
        """Begin to listen and to publish."""
        super().initialize()
        if self.wakeups is not None:
            self.wakeups.on_help = self._latest
            self.wakeups.start()
        self._subscriptions.use(self._all_channel)
        self._subscriptions.use(self._stock_channel)
        self._subscriptions.use(self._own_channel)
        self._link.start(self)
        self._ticking = asyncio.get_running_loop().call_later(TICK_S, self._tick)
        if self.wakeups is not None:
            self._look()

    async def close(self) -> None:
        """Publish what waits if Redis is there, and disconnect."""
        self._last_state = "degraded"  # nothing to say about it
        for timer in filter(None, (self._ticking, self._looking)):
            timer.cancel()
        if self.wakeups is not None:
            await self.wakeups.close()
        await super().close()
        await self._link.close()
        tasks = [task for task in (getattr(self, "thread", None), self._catching_up) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._redis.aclose()

    # --- Telling others

    def broadcast(
        self, event: str, payload: dict[str, Any], namespace: str, rooms: Sequence[str], skip: str | None = None
    ) -> None:
        """Tell everyone in the rooms, on all processes, except the connection `skip`."""
        self.tell(event, payload, [(namespace, rooms)], skip)

    def tell(
        self,
        event: str,
        payload: dict[str, Any],
        routes: Sequence[Route],
        skip: str | None = None,
        stamp: Stamp | None = None,
    ) -> None:
        """Tell an event, here at once, and to the other processes. A failure here does not keep it from them."""
        body = orjson.dumps(payload)
        number = self.log.number
        try:
            self.hand_out(event, body, routes, skip, stamp)
        finally:
            if stamp is not None and self.log.number == number:
                self.trails.waits(stamp)
            channels = self._channels_of(routes)
            if channels:
                self._send(channels, _EVENT, b"%b\n%b" % (orjson.dumps((event, skip, routes, stamp)), body))
            if self.wakeups is None:
                pass
            elif stamp is None:
                self.wakeups.say(event, body, routes, skip)
            else:
                self.wakeups.note(stamp)

    async def _publish(self, data: dict[str, Any]) -> None:
        """Publish a message of the stock kind: to a room's channel if it is an `emit` to just that room."""
        room = data.get("room")
        channel = self._stock_channel
        if data["method"] == "emit" and isinstance(room, str) and ":" in room:
            channel = self._channel(room)
        self._send([channel], _STOCK, self.json.dumps(data).encode())

    def _send(self, channels: Sequence[bytes], kind: bytes, content: bytes) -> None:
        self._number += 1
        self._link.publish(channels, b"%b%b%b%b" % (kind, self._host, self._number.to_bytes(8), content))

    def _channels_of(self, routes: Sequence[Route]) -> Sequence[bytes]:
        rooms = dict.fromkeys(room for _, named in routes for room in named)
        if len(rooms) > MAX_CHANNELS or not all(":" in room for room in rooms):
            return [self._all_channel]
        return [self._channel(room) for room in rooms]

    def _channel(self, room: str) -> bytes:
        return self._prefix + room.encode()

    # --- Hearing others

    def room_opened(self, room: str) -> None:
        """A room has its first connection here: hear it."""
        self._subscriptions.use(self._channel(room))

    def room_closed(self, room: str) -> None:
        """A room has no connection here any more: no longer hear it."""
        self._subscriptions.release(self._channel(room))

    def heard(self, room: str) -> Awaitable[None] | None:
        """Return what to wait for until a room is heard on all processes; None if it is, or if Redis is away."""
        return self._subscriptions.heard(self._channel(room))

    async def enter_room(self, sid: str, namespace: str, room: str, eio_sid: str | None = None) -> None:
        """Let a connection enter a room, and return when what others emit to it is heard."""
        await super().enter_room(sid, namespace, room, eio_sid)
        if isinstance(room, str) and ":" in room and (waiting := self.heard(room)) is not None:
            await waiting

    def take(self, message: bytes) -> None:
        """A message came. Those of this very process come back too. Never raises."""
        if message[_HOST] == self._host:
            self._unheard = 0
            return
        self.received += 1
        kind = message[:1]
        if kind == _EVENT:
            self._take_event(message)
        elif kind == _STOCK:
            if self._is_new(message):
                self._take_stock(message[_HEAD_FROM:])
        elif kind == _STOCK_JSON:
            self._take_stock(message)
        else:
            self._complain(message)

    def _take_event(self, message: bytes) -> None:
        if not self._is_new(message):
            return
        try:
            event, skip, routes, stamp, body = _parse(message)
        except (ValueError, TypeError):
            self._complain(message)
            return
        try:
            self.hand_out(event, body, routes, skip, stamp)
        except Exception:
            log.exception("event of another process not delivered", published=event)

    def _is_new(self, message: bytes) -> bool:
        """Tell whether this is the first copy of a message (the others came on other channels, or were sent again)."""
        host, number = message[_HOST], message[_NUMBER]
        last = self._numbers.get(host)
        if last is None:
            if len(self._numbers) >= MAX_HOSTS:
                del self._numbers[next(iter(self._numbers))]
        elif number <= last:
            return False
        self._numbers[host] = number
        return True

    def _take_stock(self, message: bytes) -> None:
        if self._stock.full():
            self._stock_dropped += 1
            self._stock.get_nowait()
        self._stock.put_nowait(message)

    async def _listen(self) -> AsyncIterator[bytes]:
        """Yield messages of the stock kind, one after the other, to the stock task that handles them."""
        while True:
            yield await self._stock.get()

    def _complain(self, message: bytes) -> None:
        if not self._complained:
            self._complained = True
            log.warning("unknown message from redis ignored, and all that follow", begins=repr(message[:32]))

    # --- The link

    def confirmed(self, channel: bytes) -> None:
        """Redis answered a command of a channel."""
        self._subscriptions.confirmed(channel)

    def listening(self, *, up: bool) -> None:
        """The listening connection comes or goes."""
        if up:
            self._subscriptions.connected()
        else:
            self._subscriptions.disconnected()
            self._note_down()

    def publishing(self, *, up: bool) -> None:
        """The publishing connection comes or goes."""
        self._publishing = up
        if up:
            self._note_up()
        else:
            self._note_down()

    def _note_up(self) -> None:
        if self.cluster_state != "ok" or self._last_state == "ok":
            return
        log.info("redis joined: this process works with the others")
        was_down, self._last_state = self._last_state == "degraded", "ok"
        self._unheard = 0
        self.order.hurried = False
        self.trails.forget()  # what others told meanwhile was not heard in its turn
        self.on_state("ok")
        if was_down and self._catching_up is None:
            self._catching_up = asyncio.create_task(self._catch_up(), name="catch up")

    def _note_down(self) -> None:
        if self._last_state == "degraded":
            return
        log.warning("redis away: this process works on its own until it comes back")
        self._last_state, self._down_at = "degraded", asyncio.get_running_loop().time()
        self.order.hurried = True
        self.on_state("degraded")
        if self.wakeups is not None:
            self.wakeups.need_help(self._latest())

    def _look(self) -> None:
        """Tell by the database, too, while Redis does not answer."""
        self._looking = asyncio.get_running_loop().call_later(LOOK_S, self._look)
        assert self.wakeups is not None  # noqa: S101 - else nobody looks
        if self._link.unanswered_s > STUCK_S:
            self.wakeups.need_help(self._latest())
        elif self.cluster_state == "ok":
            self.wakeups.no_more_help()

    def _latest(self) -> list[Stamp]:
        return self.log.latest(MAX_TOLD_AGAIN)

    def _tick(self) -> None:
        """Say that this process is alive, and see whether it hears what it says."""
        self._ticking = asyncio.get_running_loop().call_later(TICK_S, self._tick)
        if self.cluster_state != "ok":
            return
        self.trails.renew()
        if self._unheard >= DEAF_AFTER_TICKS:
            self._unheard = 0
            self._link.hang_up()
        elif self._link.waiting < BUSY:
            self._unheard += 1
            self._send([self._own_channel], _ECHO, b"")

    async def _catch_up(self) -> None:
        """After an outage, see to what was told meanwhile: by the rows, and by what others had waiting for Redis."""
        try:
            away_s = asyncio.get_running_loop().time() - self._down_at
            await self._compare_with_rows()
            for wait_s in CATCH_UP_AFTER_S:
                await asyncio.sleep(wait_s)
                self.behind(heads_of(await self.trails.told_lately(away_s + MARGIN_MS / 1000 + wait_s)))
        except RealtimeError:
            log.warning("not caught up after redis was away: the database is away")
        except Exception:
            log.exception("not caught up after redis was away")
        finally:
            self._catching_up = None

    async def _compare_with_rows(self) -> None:
        if self.rows is None:
            return
        known = dict(islice(reversed(self.order.revs().items()), MAX_KNOWN))
        revs = await self.rows.revs(known)
        self.behind({key: (known[key] + 1, rev) for key, rev in revs.items() if rev > known[key]})


def heads_of(stamps: Iterable[Stamp]) -> dict[str, tuple[int, int]]:
    """Return the first and the last rev of each key."""
    heads: dict[str, tuple[int, int]] = {}
    for key, rev in stamps:
        first, last = heads.get(key, (rev, rev))
        heads[key] = min(first, rev), max(last, rev)
    return heads


def _parse(message: bytes) -> _Message:
    """Read a message.

    Raises:
        ValueError, TypeError: it is malformed.
    """
    end = message.index(b"\n", _HEAD_FROM)
    event, skip, routes, stamp = orjson.loads(message[_HEAD_FROM:end])
    if not isinstance(event, str) or not isinstance(skip, str | None):
        raise TypeError
    if stamp is not None:
        key, rev = stamp
        stamp = str(key), int(rev)
    return _Message(event, skip, [(namespace, rooms) for namespace, rooms in routes], stamp, message[end + 1 :])
