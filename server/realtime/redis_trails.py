"""Trails and logs in Redis, so that a connection can go on at another process, or after a restart.

Each process has a hash with the trails of its connections and a stream with its log, and renews both now and then: when
it dies they last as long as a connection may take to come back. What a process tells, it writes to its stream before it
publishes it, in the same write; so whoever is subscribed and then reads all streams has missed nothing (ADR 15).
"""

import asyncio
import time
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from server.realtime.log import Log
from server.realtime.redis_link import Link, pack
from server.realtime.rooms import Stamp
from server.realtime.trails import WINDOW_S, Missing, Trail

MAX_ENTRIES: Final = 10_000
"""So many entries a stream has; each holds what was handed out in one turn."""
MAX_UNSAVED: Final = 20_000
ENTRY_STAMPS: Final = 500
RENEW_S: Final = 20.0
LASTS_S: Final = int(WINDOW_S + RENEW_S)
MARGIN_MS: Final = 10_000
"""Longer than anything takes from being published to being handed out."""
KEPT_S: Final = 30.0
"""So long other processes' logs are remembered once somebody asked for them."""


HEARD, TOLD = 1, 2
"""What may be missing before a gap: what this process should have heard; also what it told itself."""


class _Entry(NamedTuple):
    """One entry of a stream: stamps numbered from `first` on; or a gap, before which no number is of use."""

    at: tuple[int, int]
    first: int
    gap: int
    stamps: Sequence[Stamp]


class _Stream:
    """Another process's log, as far as it was read."""

    def __init__(self, key: str) -> None:
        self.entries: list[_Entry] = []
        self._key = key
        self._last = "-"
        self._lock = asyncio.Lock()
        self.used_at = time.monotonic()

    async def read(self, redis: Redis) -> list[_Entry]:
        """Return all that is in it by now."""
        self.used_at = time.monotonic()
        async with self._lock:
            rows: Any = await redis.xrange(self._key, min=self._last)
            if rows:
                self._last = f"({rows[-1][0].decode()}"
                self.entries += [_entry(*row) for row in rows]
        return self.entries


class RedisTrails:
    """What other processes can find of this one, and it of them."""

    def __init__(self, link: Link, redis: Redis, prefix: str, log: Log) -> None:
        self._link = link
        self._redis = redis
        self._log = log
        self._processes = f"{prefix}:recovery:processes"
        self._prefix = f"{prefix}:recovery:"
        self._unsaved: list[Stamp] = []
        self._first_unsaved = 0
        self._changed: dict[str, Trail | None] = {}
        self._queued = [self._add(0, [], gap=HEARD)]
        self._renew_at = 0.0
        self._streams: dict[str, _Stream] = {}
        log.on_append = self._note
        link.preface = self._commands

    # What is told in one turn is one entry, and what changed in it one command.

    # --- Telling others

    def save(self, trail: Trail) -> None:
        """Let others find a trail, or find it as it is now; never waits."""
        self._changed[trail.pid] = trail
        self._link.wake()

    def remove(self, pid: str) -> None:
        """Let nobody find a trail any more; never waits."""
        self._changed[pid] = None
        self._link.wake()

    def forget(self, gap: int = HEARD) -> None:
        """Something may be missing between what was handed out and what will be: say so."""
        self._queued += self._log_commands()
        self._log.forget()
        self._queued.append(self._add(self._log.number, [], gap=gap))
        self._link.wake()

    def renew(self) -> None:
        """Say that this process is alive, if that is due."""
        if time.monotonic() >= self._renew_at:
            self._link.wake()
        for process, stream in list(self._streams.items()):
            if stream.used_at < time.monotonic() - KEPT_S:
                del self._streams[process]

    def _note(self, stamp: Stamp) -> None:
        if not self._unsaved:
            self._first_unsaved = self._log.number
        self._unsaved.append(stamp)
        if len(self._unsaved) > MAX_UNSAVED:  # Redis is away: those who come back later will sync
            self._unsaved.clear()
            self._queued.clear()
            self.forget(TOLD)
        self._link.wake()

    def _commands(self) -> list[bytes]:
        """Return what to write before anything else: what happened since the last time."""
        queued, self._queued = self._queued, []
        return [*queued, *self._log_commands(), *self._trail_commands(), *self._renewals()]

    def _log_commands(self) -> list[bytes]:
        stamps, self._unsaved = self._unsaved, []
        return [
            self._add(self._first_unsaved + at, stamps[at : at + ENTRY_STAMPS])
            for at in range(0, len(stamps), ENTRY_STAMPS)
        ]

    def _add(self, first: int, stamps: Sequence[Stamp], *, gap: int = 0) -> bytes:
        key = self._log_key(self._log.process).encode()
        return pack(b"XADD", key, b"MAXLEN", b"~", b"%d" % MAX_ENTRIES, b"*", b"e", orjson.dumps((first, gap, stamps)))

    def _trail_commands(self) -> list[bytes]:
        changed, self._changed = self._changed, {}
        key = self._trails_key(self._log.process).encode()
        kept = [
            part
            for pid, trail in changed.items()
            if trail is not None
            for part in (pid.encode(), orjson.dumps((trail.namespace, trail.user_id, sorted(trail.rooms))))
        ]
        gone = [pid.encode() for pid, trail in changed.items() if trail is None]
        return [
            *([pack(b"HSET", key, *kept)] if kept else []),
            *([pack(b"HDEL", key, *gone)] if gone else []),
        ]

    def _renewals(self) -> list[bytes]:
        if time.monotonic() < self._renew_at:
            return []
        self._renew_at = time.monotonic() + RENEW_S
        process = self._log.process
        lasts = b"%d" % LASTS_S
        return [
            pack(b"SADD", self._processes.encode(), process.encode()),
            pack(b"EXPIRE", self._log_key(process).encode(), lasts),
            pack(b"EXPIRE", self._trails_key(process).encode(), lasts),
        ]

    # --- What others said

    async def take(self, process: str, wanted: Trail) -> Trail | None:
        """Return the trail of a pid, namespace and user that another process left, once; None if there is none."""
        key = self._trails_key(process)
        try:
            found = await self._redis.hget(key, wanted.pid)
            if found is None:
                return None
            namespace, user_id, rooms = orjson.loads(found)
            if (namespace, user_id) != (wanted.namespace, wanted.user_id):
                return None
            if not await self._redis.hdel(key, wanted.pid):
                return None  # somebody else was faster
        except (RedisError, OSError, TimeoutError, ValueError):
            return None
        return Trail(wanted.pid, namespace, user_id, set(rooms))

    async def missing(self, process: str, number: int) -> Missing | None:
        """Return what any process told since another one's number; None if that is not known for sure."""
        try:
            entries = await self._stream(process).read(self._redis)
            since = _since(entries, number)
            told = None if since is None else await self._told_since(since)
        except (RedisError, OSError, TimeoutError, ValueError):
            return None
        if told is None:
            return None
        seen = _seen(entries, number)
        first: dict[str, int] = {}
        order: dict[Stamp, None] = {}
        for key, rev in told:
            if rev > seen.get(key, 0):
                first[key] = min(rev, first.get(key, rev))
                order[key, rev] = None
        return Missing(first, tuple(order))

    async def told_lately(self, for_s: float) -> list[Stamp]:
        """Return what other processes told in the last seconds, as far as Redis knows."""
        try:
            seconds, _ = await self._redis.time()
            return await self._told_since((int((seconds - for_s) * 1000), 0)) or []
        except (RedisError, OSError, TimeoutError, ValueError):
            return []

    async def _told_since(self, since: tuple[int, int]) -> list[Stamp] | None:
        """Return what all processes told, in the order in which Redis heard of it; what is still on its way, last.

        None if one of them could not say all that it told.
        """
        names: Any = await self._redis.smembers(self._processes)
        found: list[_Entry] = []
        for name in names:
            entries = await self._stream(name.decode()).read(self._redis)
            if not entries:  # it died long ago
                await self._redis.srem(self._processes, name)
            found += entries[bisect_left(entries, since, key=lambda entry: entry.at) :]
        if any(entry.gap == TOLD for entry in found):
            return None
        told = [stamp for entry in sorted(found, key=lambda entry: entry.at) for stamp in entry.stamps]
        return told + self._unsaved

    def _stream(self, process: str) -> _Stream:
        if process not in self._streams:
            self._streams[process] = _Stream(self._log_key(process))
        return self._streams[process]

    def _log_key(self, process: str) -> str:
        return f"{self._prefix}{process}:log"

    def _trails_key(self, process: str) -> str:
        return f"{self._prefix}{process}:trails"


def _entry(entry_id: bytes, fields: dict[bytes, bytes]) -> _Entry:
    moment, _, number = entry_id.partition(b"-")
    first, gap, stamps = orjson.loads(fields[b"e"])
    return _Entry((int(moment), int(number)), first, gap, [(key, rev) for key, rev in stamps])


def _since(entries: Sequence[_Entry], number: int) -> tuple[int, int] | None:
    """Return from which moment on to look for what was told after a number; None if the log does not hold it."""
    if not entries or number < entries[0].first - 1 or number > _last(entries[-1]):
        return None
    if any(entry.gap and entry.first > number for entry in entries):
        return None
    at = next((entry.at for entry in entries if _last(entry) >= number), entries[-1].at)
    return at[0] - MARGIN_MS, 0


def _last(entry: _Entry) -> int:
    return entry.first if entry.gap else entry.first + len(entry.stamps) - 1


def _seen(entries: Sequence[_Entry], number: int) -> dict[str, int]:
    """Return the last rev of each key up to a number."""
    seen: dict[str, int] = {}
    for entry in entries:
        for at, (key, rev) in enumerate(entry.stamps, entry.first):
            if at <= number:
                seen[key] = rev
    return seen
