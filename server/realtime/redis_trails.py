"""Trails and logs in Redis, so that a connection can go on at another process, or after a restart.

Each process has a hash with the trails of its connections and a stream with its log, and renews both now and then: when
it dies they last as long as a connection may take to come back. What a process tells, it writes to its stream before it
publishes it, in the same write; so whoever is subscribed and then reads all streams has missed nothing (ADR 15).
"""

import asyncio
import time
from bisect import bisect_left
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from server.realtime.log import MARK, Log
from server.realtime.order import LATE_S
from server.realtime.redis_link import Link, pack
from server.realtime.rooms import Stamp
from server.realtime.trails import WINDOW_S, Missing, Spans, Trail, is_told

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


MAX_QUEUED: Final = 100
NOW_MS: Final = 2**62
MAX_CHANGED: Final = 20_000
HSET_TRAILS: Final = 200
MAX_READ_STAMPS: Final = 100_000

log = structlog.get_logger()

HEARD, TOLD, AHEAD = 1, 2, 3
"""Kinds of entries that are not what was handed out, beside 0. Of the first two nothing before is of use: this process
may not have heard what it should have, or lost what it told. The third is published, but has to wait for its turn."""


class _Entry(NamedTuple):
    """One entry of a stream: stamps numbered from `first` on, unless its kind says otherwise."""

    at: tuple[int, int]
    first: int
    kind: int
    stamps: Sequence[Stamp]

    @property
    def last(self) -> int:
        """The last number that was given by then."""
        if self.kind == AHEAD:
            return self.first - 1
        return self.first if self.kind else self.first + len(self.stamps) - 1


class _Stream:
    """Another process's log, as far as it was read and may be of use."""

    def __init__(self, key: str) -> None:
        self.entries: list[_Entry] = []
        self._key = key
        self._last = "-"
        self._stamps = 0
        self._lock = asyncio.Lock()
        self.used_at = time.monotonic()

    async def read(self, redis: Redis) -> list[_Entry]:
        """Return all that is in it by now."""
        self.used_at = time.monotonic()
        async with self._lock:
            rows: Any = await redis.xrange(self._key, min=self._last)
            if rows:
                self._last = f"({rows[-1][0].decode()}"
                new = [_entry(*row) for row in rows]
                self.entries += new
                self._stamps += sum(len(entry.stamps) for entry in new)
                self._trim()
        return self.entries

    def _trim(self) -> None:
        gone = max(len(self.entries) - MAX_ENTRIES, 0)
        self._stamps -= sum(len(entry.stamps) for entry in self.entries[:gone])
        while self._stamps > MAX_READ_STAMPS:
            self._stamps -= len(self.entries[gone].stamps)
            gone += 1
        self.entries = self.entries[gone:]


class RedisTrails:
    """What other processes can find of this one, and it of them."""

    def __init__(self, link: Link, redis: Redis, prefix: str, log: Log) -> None:
        self._link = link
        self._redis = redis
        self._refused = False
        self._complained = False
        self._log = log
        self._processes = f"{prefix}:recovery:processes"
        self._prefix = f"{prefix}:recovery:"
        self._unsaved: list[Stamp] = []
        self._first_unsaved = 0
        self._changed: dict[str, Trail | None] = {}
        self._ahead: list[Stamp] = []
        self._queued = [self._add(0, [], HEARD)]
        self._renew_at = 0.0
        self._streams: dict[str, _Stream] = {}
        log.on_append = self._note
        link.preface = self._commands
        link.refused = self._note_refused

    # What is told in one turn is one entry, and what changed in it one command.

    # --- Telling others

    def save(self, trail: Trail) -> None:
        """Let others find a trail, or find it as it is now; never waits."""
        self._change(trail.pid, trail)

    def remove(self, pid: str) -> None:
        """Let nobody find a trail any more; never waits."""
        self._change(pid, None)

    def waits(self, stamp: Stamp) -> None:
        """Something is published although its turn has not come here: others may have to know."""
        if len(self._ahead) < MAX_UNSAVED:
            self._ahead.append(stamp)
        self._link.wake()

    def forget(self, kind: int = HEARD) -> None:
        """Something may be missing between what was handed out and what will be: say so."""
        self._queued += self._log_commands()
        self._log.forget()
        self._queued.append(self._add(self._log.number, [], kind))
        self._link.wake()

    def renew(self) -> None:
        """Say that this process is alive, if that is due."""
        if time.monotonic() >= self._renew_at:
            self._link.wake()
        if self._refused:  # whatever it was, its numbers are missing before this entry
            self._refused = False
            self._queued += [*self._log_commands(), self._add(self._log.number + 1, [], AHEAD)]
            self._link.wake()
        for process, stream in list(self._streams.items()):
            if stream.used_at < time.monotonic() - KEPT_S:
                del self._streams[process]

    def _note_refused(self, error: str) -> None:
        """Redis did not take something of this: it has no room or no streams, or we may not. Others must do without."""
        self._refused = True
        if not self._complained:
            self._complained = True
            log.warning("redis refused what recovery needs; clients will sync instead", error=error)

    def _change(self, pid: str, trail: Trail | None) -> None:
        self._changed[pid] = trail
        if len(self._changed) > MAX_CHANGED:  # Redis is away: none of these is found elsewhere, until it changes again
            self._changed.clear()
            self._queued = [*self._queued, pack(b"DEL", self._trails_key(self._log.process).encode())][-MAX_QUEUED:]
        self._link.wake()

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
        ahead, self._ahead = self._ahead, []
        told = [
            self._add(self._first_unsaved + at, stamps[at : at + ENTRY_STAMPS])
            for at in range(0, len(stamps), ENTRY_STAMPS)
        ]
        return [*told, *([self._add(self._log.number + 1, ahead, AHEAD)] if ahead else [])]

    def _add(self, first: int, stamps: Sequence[Stamp], kind: int = 0) -> bytes:
        key = self._log_key(self._log.process).encode()
        return pack(b"XADD", key, b"MAXLEN", b"~", b"%d" % MAX_ENTRIES, b"*", b"e", orjson.dumps((first, kind, stamps)))

    def _trail_commands(self) -> list[bytes]:
        changed, self._changed = self._changed, {}
        key = self._trails_key(self._log.process).encode()
        kept = [(pid.encode(), _pack_trail(trail)) for pid, trail in changed.items() if trail is not None]
        gone = [pid.encode() for pid, trail in changed.items() if trail is None]
        parts = [kept[at : at + HSET_TRAILS] for at in range(0, len(kept), HSET_TRAILS)]
        return [
            *(pack(b"HSET", key, *(text for pair in part for text in pair)) for part in parts),
            *([pack(b"EXPIRE", key, b"%d" % LASTS_S)] if kept else []),  # it may be the first
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
            namespace, user_id, rooms, began, told = orjson.loads(found)
            if (namespace, user_id) != (wanted.namespace, wanted.user_id):
                return None
            if not await self._redis.hdel(key, wanted.pid):
                return None  # somebody else was faster
        except (RedisError, OSError, TimeoutError, ValueError):
            return None
        return Trail(wanted.pid, namespace, user_id, rooms, began, _spans(told))

    async def missing(self, process: str, number: int, trail: Trail) -> Missing | None:
        """Return what any process told since another one's number; None if that is not known for sure."""
        try:
            # As long as Redis takes nothing, it does not know what was told either.
            await self._redis.sadd(self._processes, self._log.process)
            entries = await self._stream(process).read(self._redis)
            since = _since(entries, number)
            told = None if since is None else await self._told_since(since)
        except (RedisError, OSError, TimeoutError, ValueError):
            return None
        if told is None:
            return None
        return _compare(told, _Heard(entries, number, trail, {key for _, (key, _) in told}), trail)

    async def told_lately(self, for_s: float) -> list[Stamp]:
        """Return what other processes told in the last seconds, as far as Redis knows."""
        try:
            seconds, _ = await self._redis.time()
            since = int((seconds - for_s) * 1000), 0
            found = [entry for entries in await self._read_all() for entry in _from(entries, since)]
        except (RedisError, OSError, TimeoutError, ValueError):
            return []
        return [stamp for entry in found for stamp in entry.stamps if stamp != MARK]

    async def _told_since(self, since: tuple[int, int]) -> list[tuple[int, Stamp]] | None:
        """Return what all processes told and when (ms), in the order in which Redis heard of it.

        None if one of them could not say all that it told.
        """
        found: list[_Entry] = []
        streams = await self._read_all()
        # From here on nothing is awaited: what is not in this process's own stream yet is in its log.
        for entries in streams:
            if not _is_whole(entries, since):
                return None
            found += _from(entries, since)
        own = self._stream(self._log.process).entries
        on_its_way = self._log.after(own[-1].last) if own else None
        if on_its_way is None:
            return None
        found.sort(key=lambda entry: entry.at)
        told = [(entry.at[0], stamp) for entry in found for stamp in entry.stamps]
        return told + [(NOW_MS, stamp) for stamp in on_its_way]

    async def _read_all(self) -> list[list[_Entry]]:
        names: Any = await self._redis.smembers(self._processes)
        found = []
        for name in names:
            entries = await self._stream(name.decode()).read(self._redis)
            if entries:
                found.append(entries)
            else:  # it died long ago
                await self._redis.srem(self._processes, name)
        return found

    def _stream(self, process: str) -> _Stream:
        if process not in self._streams:
            self._streams[process] = _Stream(self._log_key(process))
        return self._streams[process]

    def _log_key(self, process: str) -> str:
        return f"{self._prefix}{process}:log"

    def _trails_key(self, process: str) -> str:
        return f"{self._prefix}{process}:trails"


class _Heard:
    """What a client heard of keys from another process: when each rev was told, as far as that is remembered."""

    def __init__(self, entries: Sequence[_Entry], number: int, trail: Trail, keys: Collection[str]) -> None:
        self._revs: dict[str, dict[int, int]] = {}
        later = {key: joined for key, joined in trail.rooms.items() if joined > number}
        for entry in entries:
            if entry.kind or (entry.first > number and not later):
                continue
            for at, (key, rev) in enumerate(entry.stamps, entry.first):
                if key in keys and (at <= number or at <= later.get(key, 0)):
                    self._revs.setdefault(key, {})[rev] = entry.at[0]

    def span(self, key: str) -> tuple[int, int] | None:
        """Return from which to which rev it heard all; None if none."""
        revs = self._revs.get(key)
        return None if revs is None else (min(revs) - 1, max(revs))

    def has(self, key: str, rev: int) -> bool:
        """Tell whether it heard a rev."""
        return rev in self._revs.get(key, ())

    def may_overtake(self, key: str, rev: int, at_ms: int) -> bool:
        """Tell whether what it heard of a later rev may have overtaken one that was told at a moment."""
        above = [later for later in self._revs[key] if later > rev]
        return bool(above) and at_ms >= self._revs[key][min(above)] - LATE_S * 1000


def _compare(told: Sequence[tuple[int, Stamp]], heard: _Heard, trail: Trail) -> Missing:
    """Return what was told, but not heard."""
    first: dict[str, int] = {}
    order: dict[Stamp, None] = {}
    spans: dict[str, tuple[int, int] | None] = {}
    doubtful: set[str] = set()
    for at_ms, (key, rev) in told:
        if key not in spans:
            spans[key] = heard.span(key)
        if (key, rev) == MARK or is_told(trail.told, (key, rev)) or heard.has(key, rev):
            continue
        span = spans[key]
        if span is None or rev > span[1]:
            first[key] = min(rev, first.get(key, rev))
            order[key, rev] = None
        elif heard.may_overtake(key, rev, at_ms):
            doubtful.add(key)
    for key, rev in first.items():  # nor has it heard what is between, which may be on its way to Redis
        known = [span[1] + 1 for span in (spans[key], *trail.told.get(key, ())) if span is not None]
        first[key] = min(rev, max(known, default=rev))
    return Missing(first, tuple(order), {key: span for key, span in spans.items() if span is not None}, doubtful)


def _spans(told: Any) -> Spans:
    return {key: [(above, up_to) for above, up_to in spans] for key, spans in told.items()}


def _pack_trail(trail: Trail) -> bytes:
    return orjson.dumps((trail.namespace, trail.user_id, trail.rooms, trail.began, trail.told))


def _entry(entry_id: bytes, fields: dict[bytes, bytes]) -> _Entry:
    moment, _, number = entry_id.partition(b"-")
    first, kind, stamps = orjson.loads(fields[b"e"])
    return _Entry((int(moment), int(number)), first, kind, [(key, rev) for key, rev in stamps])


def _since(entries: Sequence[_Entry], number: int) -> tuple[int, int] | None:
    """Return from which moment on to look for what was told after a number; None if the log does not hold it."""
    if not entries or not entries[0].first <= number <= entries[-1].last:
        return None
    if any(entry.kind in {HEARD, TOLD} and entry.first > number for entry in entries):
        return None
    at = next(entry.at for entry in entries if entry.last >= number)
    since = at[0] - MARGIN_MS, 0
    return since if _is_whole(entries, since) else None


def _from(entries: Sequence[_Entry], since: tuple[int, int]) -> Sequence[_Entry]:
    return entries[bisect_left(entries, since, key=lambda entry: entry.at) :]


def _is_whole(entries: Sequence[_Entry], since: tuple[int, int]) -> bool:
    """Tell whether all is there that a process told since a moment."""
    found = _from(entries, since)
    if any(entry.kind == TOLD for entry in found):
        return False
    begin = len(entries) - len(found)
    if not begin and entries[0].first:  # it is not the very first that it wrote
        return False
    return all(later.first == earlier.last + 1 for earlier, later in pairwise(entries[max(begin - 1, 0) :]))
