"""Short texts that processes send each other by way of PostgreSQL: LISTEN and NOTIFY.

LISTEN has a connection of its own, straight to the server: a pooler in between would lose it. NOTIFY has another, and
each call is a transaction of its own: the commit of a transaction that notifies waits for that of every other one in
the database, which a message must not. asyncpg stays inside `storage`.
"""

import asyncio
import hashlib
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

import asyncpg
import structlog

from server.domain.errors import UnavailableError
from server.storage.postgres import asyncpg_dsn

MAX_BYTES: Final = 7_500
"""A notice holds no more; PostgreSQL refuses 8,000."""
TIMEOUT_S: Final = 2.0
CHECK_EVERY_S: Final = 1.5
"""A listening connection is asked so often whether it lives: with the time-out, a dead one is found within 4 s."""
FIRST_RETRY_S: Final = 0.1
MAX_RETRY_S: Final = 2.0

_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
_NOTIFY = "SELECT pg_notify($1, text) FROM unnest($2::text[]) AS notice (text)"

log = structlog.get_logger()


class Backoff:
    """Pauses between attempts: each twice the one before, up to `MAX_RETRY_S`, with jitter."""

    def __init__(self) -> None:
        self._next_s = FIRST_RETRY_S

    def reset(self) -> None:
        """It worked: begin anew."""
        self._next_s = FIRST_RETRY_S

    async def pause(self) -> None:
        """Wait before the next attempt."""
        pause_s, self._next_s = self._next_s, min(2 * self._next_s, MAX_RETRY_S)
        await asyncio.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311 - no secret


class PostgresNotices:
    """Sends and hears the notices of one channel; NOTIFY does not leave the database, so neither does the channel."""

    def __init__(self, url: str, prefix: str) -> None:
        dsn, options = asyncpg_dsn(url)
        self._dsn = dsn.replace("postgresql+asyncpg", "postgresql", 1)
        self._options: dict[str, Any] = {"timeout": TIMEOUT_S, "command_timeout": TIMEOUT_S, **options}
        self.channel: Final = channel_name(prefix)
        self.listening = False
        """Whether notices are heard now."""
        self._hear: Callable[[str], None] = lambda _text: None
        self._changed: Callable[[], None] = lambda: None
        self._task: asyncio.Task[None] | None = None
        self._sender: asyncpg.Connection | None = None
        self._complained = False

    def start(self, hear: Callable[[str], None], changed: Callable[[], None]) -> None:
        """Begin to listen: `hear` is given each notice, also this process's own; `changed` is told of `listening`."""
        self._hear, self._changed = hear, changed
        self._task = asyncio.create_task(self._keep_listening(), name="listen")

    async def send(self, texts: Sequence[str]) -> None:
        """Send notices of `MAX_BYTES` at most each, together. One at a time may be under way.

        Raises:
            UnavailableError: PostgreSQL is away; whether they were sent is not known.
        """
        try:
            if self._sender is None or self._sender.is_closed():
                self._sender = await self._connect()
            await self._sender.execute(_NOTIFY, self.channel, texts)
        except _AWAY as error:
            self._end(self._sender)
            self._sender = None
            raise UnavailableError from error

    async def close(self) -> None:
        """End both connections."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._end(self._sender)
        self._sender = None

    async def _keep_listening(self) -> None:
        backoff = Backoff()
        while True:
            try:
                await self._listen(backoff)
            except _AWAY as error:
                if not self._complained:
                    self._complained = True
                    log.warning("notices not heard: postgres is away", error=repr(error)[:300])
            finally:
                self._set_listening(now=False)
            await backoff.pause()

    async def _listen(self, backoff: Backoff) -> None:
        """Listen until the connection is dead."""
        connection = await self._connect()
        try:
            dead = asyncio.Event()
            connection.add_termination_listener(lambda _connection: dead.set())
            await connection.add_listener(self.channel, self._heard)
            backoff.reset()
            self._complained = False
            self._set_listening(now=True)
            while not await _happens_within(dead, CHECK_EVERY_S):
                await connection.execute("SELECT 1")
        finally:
            self._end(connection)

    async def _connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(self._dsn, **self._options)

    def _heard(self, _connection: Any, _pid: int, _channel: str, text: Any) -> None:
        self._hear(text)

    def _set_listening(self, *, now: bool) -> None:
        if self.listening != now:
            self.listening = now
            self._changed()

    @staticmethod
    def _end(connection: asyncpg.Connection | None) -> None:
        # Not `close`: it would wait for a server that may be frozen. Neither connection is ever inside a transaction.
        if connection is not None:
            connection.terminate()


def channel_name(prefix: str) -> str:
    """Return the channel of an installation: a name of PostgreSQL's, which has 63 bytes at most."""
    name = f"{prefix}:events"
    return name if len(name.encode()) <= 63 else hashlib.sha256(name.encode()).hexdigest()[:40]  # noqa: PLR2004


async def _happens_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
