"""Where processes tell each other who is connected to them: in memory for one process, in Redis for several.

In Redis each user has a hash `process -> state`, and each process a set of its users and a place in a sorted set that
it renews every few seconds. Whoever finds a place that was not renewed removes that process and everything it said, so
the users of a killed process go offline although it could not say so. When each user was last in sight stands in a
sorted set of its own; each process says it again, at every tick, of those who are.
"""

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress

from redis.asyncio import Redis
from redis.exceptions import RedisError

from server.domain.models import PresenceChange, PresenceState

ALIVE_S = 15.0
"""A process that did not say so for this long is dead."""
LEAVING_S = 5.0
"""So long may the users of a process that stops take to come back to another."""

States = Mapping[str, PresenceState]


class MemoryPresenceStore:
    """Presence of a process on its own."""

    def __init__(self) -> None:
        self._states: dict[str, PresenceState] = {}
        self._seen: dict[str, int] = {}

    async def set(self, states: States) -> dict[str, PresenceChange]:
        """Record the states of users, and return how they changed."""
        return {user_id: PresenceChange(self._put(user_id, state), state) for user_id, state in states.items()}

    async def get(self, user_ids: Iterable[str]) -> dict[str, PresenceState]:
        """Return the states of users."""
        return {user_id: self._states.get(user_id, "offline") for user_id in user_ids}

    async def saw(self, moments: Mapping[str, int], forget_before: int) -> None:
        """Record when users were last in sight."""
        for user_id, moment in moments.items():
            self._seen[user_id] = max(moment, self._seen.get(user_id, 0))
        self._seen = {user_id: moment for user_id, moment in self._seen.items() if moment >= forget_before}

    async def last_seen(self, user_ids: Iterable[str]) -> dict[str, int]:
        """Return when users were last in sight."""
        return {user_id: self._seen[user_id] for user_id in user_ids if user_id in self._seen}

    async def tick(self) -> dict[str, PresenceChange]:
        """Nobody else, nothing to notice."""
        return {}

    async def close(self) -> None:
        """Forget all."""
        self._states.clear()

    def mine(self) -> dict[str, PresenceState]:
        """Return all users who are not offline."""
        return dict(self._states)

    def _put(self, user_id: str, state: PresenceState) -> PresenceState:
        before = self._states.pop(user_id, "offline")
        if state != "offline":
            self._states[user_id] = state
        return before


class RedisPresenceStore:
    """Presence over several processes. While Redis is away this process's own connections are what it knows."""

    def __init__(self, redis: Redis, process_id: str, prefix: str = "verihome") -> None:
        self.processes = f"{prefix}:presence:processes"
        """A sorted set: until when each process is believed to be alive."""
        self._seen = f"{prefix}:presence:seen"
        """A sorted set: when each user was last in sight, in milliseconds since the epoch."""
        self._user_keys = f"{prefix}:presence:user:"
        self._process_keys = f"{prefix}:presence:process:"
        self._redis = redis
        self._process_id = process_id
        self._mine = MemoryPresenceStore()
        self._unsaid: set[str] = set()
        self._trouble_at: float | None = None

    async def set(self, states: States) -> dict[str, PresenceChange]:
        """Record the states of users on this process, and return how they changed over all."""
        here = await self._mine.set(states)
        self._unsaid |= states.keys()
        try:
            return await self._say()
        except (RedisError, OSError, TimeoutError):
            self._trouble_at = time.monotonic()
            return here

    async def get(self, user_ids: Iterable[str]) -> dict[str, PresenceState]:
        """Return the states of users over all processes."""
        user_ids = tuple(user_ids)
        if not user_ids:
            return {}
        try:
            pipeline = self._redis.pipeline(transaction=False)
            for user_id in user_ids:
                pipeline.hvals(self._user_key(user_id))
            return dict(zip(user_ids, map(_sum, await pipeline.execute()), strict=True))
        except (RedisError, OSError, TimeoutError):
            self._trouble_at = time.monotonic()
            return await self._mine.get(user_ids)

    async def saw(self, moments: Mapping[str, int], forget_before: int) -> None:
        """Record when users were last in sight here, for all processes."""
        await self._mine.saw(moments, forget_before)
        try:
            pipeline = self._redis.pipeline(transaction=False)
            if moments:
                pipeline.zadd(self._seen, dict(moments), gt=True)
            pipeline.zremrangebyscore(self._seen, "-inf", f"({forget_before}")
            await pipeline.execute()
        except (RedisError, OSError, TimeoutError):
            self._trouble_at = time.monotonic()

    async def last_seen(self, user_ids: Iterable[str]) -> dict[str, int]:
        """Return when users were last in sight on any process."""
        wanted = list(user_ids)
        found = await self._mine.last_seen(wanted)
        if not wanted:
            return found
        try:
            scores: list[float | None] = await self._redis.zmscore(self._seen, wanted)
        except (RedisError, OSError, TimeoutError):
            self._trouble_at = time.monotonic()
            return found
        for user_id, score in zip(wanted, scores, strict=True):
            if score is not None:
                found[user_id] = max(int(score), found.get(user_id, 0))
        return found

    async def tick(self) -> dict[str, PresenceChange]:
        """Renew this process's place, and remove processes that did not renew theirs."""
        try:
            now = float((await self._redis.time())[0])
            is_new = await self._redis.zadd(self.processes, {self._process_id: now + ALIVE_S})
            if is_new:
                self._unsaid |= self._mine.mine().keys()
            changes = await self._say()
            if self._may_bury():
                changes |= await self._bury_dead(now)
        except (RedisError, OSError, TimeoutError):
            self._trouble_at = time.monotonic()
            return {}
        else:
            return changes

    async def close(self) -> None:
        """Let what this process said end soon: others then tell who did not come back to one of them meanwhile."""
        with suppress(RedisError, OSError, TimeoutError):
            now = float((await self._redis.time())[0])
            await self._redis.zadd(self.processes, {self._process_id: now + LEAVING_S}, xx=True)
        await self._redis.aclose()

    async def _say(self) -> dict[str, PresenceChange]:
        """Put what Redis has not heard yet: what is new, and what could not be said while it was away."""
        saying, self._unsaid = self._unsaid, set()
        try:
            return await self._put(self._process_id, await self._mine.get(saying))
        except BaseException:
            self._unsaid |= saying
            raise

    def _may_bury(self) -> bool:
        """After an outage nobody's place is fresh: give all the time to renew."""
        if self._trouble_at is not None and time.monotonic() - self._trouble_at < ALIVE_S:
            return False
        self._trouble_at = None
        return True

    async def _bury_dead(self, now: float) -> dict[str, PresenceChange]:
        changes: dict[str, PresenceChange] = {}
        dead: list[bytes] = await self._redis.zrangebyscore(self.processes, "-inf", now)  # type: ignore[assignment]
        for name in dead:
            changes |= await self._remove(name.decode())
        return changes

    async def _remove(self, process_id: str) -> dict[str, PresenceChange]:
        if not await self._redis.zrem(self.processes, process_id):
            return {}  # another process was faster
        members: set[bytes] = await self._redis.smembers(self._process_key(process_id))  # type: ignore[assignment]
        user_ids = [name.decode() for name in members]
        changes = await self._put(process_id, dict.fromkeys(user_ids, "offline"))
        await self._redis.delete(self._process_key(process_id))
        return changes

    async def _put(self, process_id: str, states: States) -> dict[str, PresenceChange]:
        if not states:
            return {}
        # One transaction: what was read before and after is what this very change did.
        pipeline = self._redis.pipeline(transaction=True)
        for user_id, state in states.items():
            pipeline.hvals(self._user_key(user_id))
            if state == "offline":
                pipeline.hdel(self._user_key(user_id), process_id)
                pipeline.srem(self._process_key(process_id), user_id)
            else:
                pipeline.hset(self._user_key(user_id), process_id, state)
                pipeline.sadd(self._process_key(process_id), user_id)
            pipeline.hvals(self._user_key(user_id))
        answers = await pipeline.execute()
        return {
            user_id: PresenceChange(_sum(answers[4 * index]), _sum(answers[4 * index + 3]))
            for index, user_id in enumerate(states)
        }

    def _user_key(self, user_id: str) -> str:
        return self._user_keys + user_id

    def _process_key(self, process_id: str) -> str:
        return self._process_keys + process_id


def _sum(states: Iterable[bytes]) -> PresenceState:
    found = set(states)
    if b"online" in found:
        return "online"
    return "away" if found else "offline"
