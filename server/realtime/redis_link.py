"""The link to Redis: one connection that publishes, one that listens.

redis-py opens them (URL, TLS, password, database), and then hands over their transports: what a process publishes is
one write a tick, and what it hears is handed on where it is read, without a task, a lock or a future for each message.
Measured against redis-py's pipeline and pub/sub that is a fifth of the CPU for a publish on its own and an eighth in
bursts, and less than half for a message heard (ADR 0014). `_open` is the only place that touches redis-py's inside.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

import hiredis
import structlog
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import RedisError

from server.realtime.outbox import Outbox, nobody

FIRST_RETRY_S: Final = 0.1
MAX_RETRY_S: Final = 2.0
CONNECT_TIMEOUT_S: Final = 3.0
LASTED_S: Final = 5.0
"""A connection that lived longer than this worked: what follows is a new trouble."""
PING_EVERY_S: Final = 1.0
DEAF_AFTER_PINGS: Final = 4
CLOSE_TIMEOUT_S: Final = 1.0
WRITE_BUFFER_BYTES: Final = 1024 * 1024

log = structlog.get_logger()


def pack(*parts: bytes) -> bytes:
    """Return a command as Redis takes it."""
    packed: bytes = hiredis.pack_command(parts)  # type: ignore[arg-type] # its hints say one part
    return packed


_OF_NO_USE: Final = ("READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "NOAUTH", "MOVED")
_PING = pack(b"PING")


class Ears(Protocol):
    """Who is told what the listening connection hears."""

    def take(self, message: bytes) -> None:
        """A message came, on whatever channel. Never raises."""

    def confirmed(self, channel: bytes) -> None:
        """Redis answered one SUBSCRIBE or UNSUBSCRIBE of a channel, in the order in which they were sent."""

    def listening(self, *, up: bool) -> None:
        """The listening connection is there, without any subscription; or it is not (told again and again)."""

    def publishing(self, *, up: bool) -> None:
        """The publishing connection is there; or it is not (told again and again)."""


class Link(Protocol):
    """What the cluster needs of Redis (tests put something simpler in its place)."""

    preface: Callable[[], list[bytes]]
    """Asked for commands to write before what is published, at each turn in which there is news."""
    refused: Callable[[str], None]
    """Told why Redis did not do one of these. Of the others it must do all."""

    @property
    def dropped(self) -> int:
        """How many events were not published: too long an outage."""

    @property
    def waiting(self) -> int:
        """How many events Redis does not have yet, as far as is known."""

    @property
    def unanswered_s(self) -> float:
        """How long Redis has not answered what it was sent."""

    def wake(self) -> None:
        """There is news to ask `preface` for; never waits."""

    def hang_up(self) -> None:
        """Listen on another connection: this one says that it works, and hears nothing."""

    def start(self, ears: Ears) -> None:
        """Connect, and go on trying."""

    def publish(self, channels: Sequence[bytes], message: bytes) -> None:
        """Publish a message on channels; never waits, never fails."""

    def subscribe(self, channels: Sequence[bytes]) -> None:
        """Begin to hear channels. Lost if the connection is not there."""

    def unsubscribe(self, channels: Sequence[bytes]) -> None:
        """No longer hear channels. Lost if the connection is not there."""

    async def close(self) -> None:
        """Publish what waits, if that takes no time, and disconnect."""


class RedisLink:
    """Two connections to one Redis, each kept up for itself."""

    def __init__(self, url: str, options: dict[str, Any] | None = None) -> None:
        self._outbox = Outbox()
        self._ears: Ears | None = None
        self.refused: Callable[[str], None] = lambda _error: None
        self._publisher = _KeptConnection(url, options or {}, self._answered, self._publisher_changed)
        self._listener = _KeptConnection(url, options or {}, self._heard, self._listener_changed)

    @property
    def dropped(self) -> int:
        """How many events were not published: too long an outage."""
        return self._outbox.dropped

    @property
    def waiting(self) -> int:
        """How many events Redis does not have yet, as far as is known."""
        return len(self._outbox)

    @property
    def unanswered_s(self) -> float:
        """How long Redis has not answered what it was sent."""
        return self._outbox.unanswered_s

    @property
    def preface(self) -> Callable[[], list[bytes]]:
        """Asked for commands to write before what is published, at each turn in which there is news."""
        return self._outbox.preface

    @preface.setter
    def preface(self, ask: Callable[[], list[bytes]]) -> None:
        self._outbox.preface = ask

    def wake(self) -> None:
        """There is news to ask `preface` for; never waits."""
        self._outbox.wake()

    def hang_up(self) -> None:
        """Listen on another connection: this one says that it works, and hears nothing."""
        if self._listener.wire is not None:
            self._listener.wire.abort("deaf")

    def start(self, ears: Ears) -> None:
        """Connect, and go on trying."""
        self._ears = ears
        self._publisher.start("redis publisher")
        self._listener.start("redis listener")

    def publish(self, channels: Sequence[bytes], message: bytes) -> None:
        """Publish a message on channels; never waits, never fails."""
        packed = [pack(b"PUBLISH", channel, message) for channel in channels]
        self._outbox.add(b"".join(packed), len(packed))

    def subscribe(self, channels: Sequence[bytes]) -> None:
        """Begin to hear channels. Lost if the connection is not there."""
        self._command(b"SUBSCRIBE", channels)

    def unsubscribe(self, channels: Sequence[bytes]) -> None:
        """No longer hear channels. Lost if the connection is not there."""
        self._command(b"UNSUBSCRIBE", channels)

    async def close(self) -> None:
        """Publish what waits, if that takes no time, and disconnect."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._outbox.empty()
        await asyncio.gather(self._publisher.close(), self._listener.close())

    def _command(self, name: bytes, channels: Sequence[bytes]) -> None:
        if self._listener.wire is not None:
            self._listener.wire.write(pack(name, *channels))

    def _publisher_changed(self, wire: "_Wire | None") -> None:
        self._outbox.connect(wire)
        if self._ears is not None:
            self._ears.publishing(up=wire is not None)

    def _listener_changed(self, wire: "_Wire | None") -> None:
        if self._ears is not None:
            self._ears.listening(up=wire is not None)

    def _answered(self, reply: Any) -> None:
        if isinstance(reply, hiredis.ReplyError):
            if not _is_of_command(reply) or not self._outbox.awaits_preface:
                raise reply
            self.refused(str(reply))
        if reply != b"PONG":
            self._outbox.acknowledge()

    def _heard(self, reply: Any) -> None:
        if isinstance(reply, hiredis.ReplyError):
            raise reply
        if not isinstance(reply, list) or self._ears is None:
            return
        kind = reply[0]
        if kind == b"message":
            self._ears.take(reply[2])
        elif kind in {b"subscribe", b"unsubscribe"}:
            self._ears.confirmed(reply[1])


def _is_of_command(error: Exception) -> bool:
    """Tell whether Redis refused just a command; else it is of no use at present, as a replica is after a failover."""
    return not str(error).startswith(_OF_NO_USE) and "'ping'" not in str(error)


class _Wire(asyncio.Protocol):
    """One connection, from redis-py's handshake to its end. What it reads goes to `take`, reply by reply."""

    def __init__(self, transport: asyncio.Transport, take: Callable[[Any], None]) -> None:
        loop = asyncio.get_running_loop()
        self.paused = False
        self.on_writable: Callable[[], None] = nobody
        self.ended: asyncio.Future[str] = loop.create_future()
        self._transport = transport
        self._reader = hiredis.Reader()
        self._take = take
        self._unanswered_pings = 0
        self._timer = loop.call_later(PING_EVERY_S, self._ping)
        transport.set_write_buffer_limits(WRITE_BUFFER_BYTES)
        transport.set_protocol(self)

    def write(self, packed: bytes) -> None:
        """Send commands."""
        self._transport.write(packed)

    def abort(self, reason: str) -> None:
        """Drop the connection."""
        if not self.ended.done():
            self.ended.set_result(reason)
        self._timer.cancel()
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Hand on each reply."""
        self._unanswered_pings = 0
        reader, take = self._reader, self._take
        reader.feed(data)
        try:
            while (reply := reader.gets()) is not False:
                take(reply)
        except hiredis.ReplyError as error:
            self.abort(f"redis refused: {error}")
        except hiredis.ProtocolError as error:
            self.abort(str(error))

    def pause_writing(self) -> None:
        """Redis does not read: what comes now waits in the outbox, which is bounded."""
        self.paused = True

    def resume_writing(self) -> None:
        """Redis reads again."""
        self.paused = False
        self.on_writable()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self.abort(str(exc or "connection closed"))

    def _ping(self) -> None:
        # Counted in pings, not in seconds: after a pause of this process's own, answers may lie unread in the socket.
        if self._unanswered_pings >= DEAF_AFTER_PINGS:
            self.abort("no answer")
            return
        self._unanswered_pings += 1
        self.write(_PING)
        self._timer = asyncio.get_running_loop().call_later(PING_EVERY_S, self._ping)


class _KeptConnection:
    """A connection that is made again whenever it ends. `changed` is told each that comes, and None when it ends."""

    def __init__(
        self,
        url: str,
        options: dict[str, Any],
        take: Callable[[Any], None],
        changed: Callable[[_Wire | None], None],
    ) -> None:
        self.wire: _Wire | None = None
        # RESP2: what is published comes as a list, and an answer to PING can be told from it.
        self._pool = ConnectionPool.from_url(url, **{**options, "protocol": 2, "decode_responses": False})
        self._take = take
        self._changed = changed
        self._task: asyncio.Task[None] | None = None

    def start(self, name: str) -> None:
        """Connect, and go on trying."""
        self._task = asyncio.create_task(self._keep(name), name=name)

    async def close(self) -> None:
        """Disconnect."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _keep(self, name: str) -> None:
        loop = asyncio.get_running_loop()
        tries = 0
        while True:
            began = loop.time()
            try:
                reason = await self._use()
            except (RedisError, OSError, TimeoutError) as error:
                reason = str(error) or type(error).__name__
                self._changed(None)
            except Exception:
                log.exception("redis connection failed", connection=name)
                reason = "a fault of this server"
                self._changed(None)
            if loop.time() - began > LASTED_S:
                tries = 0
            if not tries:
                log.warning("redis connection ended", connection=name, reason=reason)
            longest = min(FIRST_RETRY_S * 2 ** min(tries, 10), MAX_RETRY_S)
            tries += 1
            await asyncio.sleep(longest * random.uniform(0.5, 1))  # noqa: S311 - spreads processes, hides nothing

    async def _use(self) -> str:
        """Connect, and return why it ended."""
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            connection, wire = await _open(self._pool, self._take)
        try:
            self.wire = wire
            self._changed(wire)
            return await wire.ended
        finally:
            self.wire = None
            self._changed(None)
            wire.abort("closed")
            await connection.disconnect(nowait=True)


async def _open(pool: ConnectionPool, take: Callable[[Any], None]) -> tuple[AbstractConnection, _Wire]:
    """Let redis-py connect, and take over its transport.

    Of redis-py it needs what a test guards (`test_redis_link.py`): that after `connect()` the transport is found at
    `_writer.transport`, and that nothing more than what `connect()` read has been read. The connection must be kept as
    long as the wire: it closes the transport when it is forgotten.
    """
    connection: Any = pool.make_connection()  # type: ignore[no-untyped-call]
    try:
        await connection.connect()
        return connection, _Wire(connection._writer.transport, take)  # noqa: SLF001
    except BaseException:
        await connection.disconnect(nowait=True)
        raise
