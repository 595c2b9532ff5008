"""Where processes tell each other who is connected to them: in memory for one process, else in Redis or the database.

Each process has a place there, which it renews every few seconds. Whoever finds a place that was not renewed removes
that process and everything it said, so the users of a killed process go offline although it could not say so. When each
user was last in sight is there too; each process says it again, at every tick, of those who are.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from server.domain.errors import UnavailableError
from server.domain.models import PresenceChange, PresenceState
from server.storage.database import Database
from server.storage.presence import sum_of

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


class SharedPresenceStore(ABC):
    """Presence over several processes. While the place is away this process's own connections are what it knows."""

    away: tuple[type[Exception], ...]
    """What is raised while the place is away."""

    def __init__(self, process_id: str) -> None:
        self._process_id: Final = process_id
        self._mine = MemoryPresenceStore()
        self._unsaid: set[str] = set()
        self._trouble_at: float | None = None

    async def set(self, states: States) -> dict[str, PresenceChange]:
        """Record the states of users on this process, and return how they changed over all."""
        here = await self._mine.set(states)
        self._unsaid |= states.keys()
        try:
            return await self._say()
        except self.away:
            self._trouble_at = time.monotonic()
            return here

    async def get(self, user_ids: Iterable[str]) -> dict[str, PresenceState]:
        """Return the states of users over all processes."""
        wanted = tuple(user_ids)
        if not wanted:
            return {}
        try:
            return await self._get(wanted)
        except self.away:
            self._trouble_at = time.monotonic()
            return await self._mine.get(wanted)

    async def saw(self, moments: Mapping[str, int], forget_before: int) -> None:
        """Record when users were last in sight here, for all processes."""
        await self._mine.saw(moments, forget_before)
        try:
            await self._saw(moments, forget_before)
        except self.away:
            self._trouble_at = time.monotonic()

    async def last_seen(self, user_ids: Iterable[str]) -> dict[str, int]:
        """Return when users were last in sight on any process."""
        wanted = tuple(user_ids)
        found = await self._mine.last_seen(wanted)
        if not wanted:
            return found
        try:
            elsewhere = await self._last_seen(wanted)
        except self.away:
            self._trouble_at = time.monotonic()
            return found
        return found | {user_id: max(moment, found.get(user_id, 0)) for user_id, moment in elsewhere.items()}

    async def tick(self) -> dict[str, PresenceChange]:
        """Renew this process's place, and remove processes that did not renew theirs."""
        try:
            if await self._renew(ALIVE_S):
                self._unsaid |= self._mine.mine().keys()
            changes = await self._say()
            if self._may_bury():
                changes |= await self._bury()
        except self.away:
            self._trouble_at = time.monotonic()
            return {}
        else:
            return changes

    async def close(self) -> None:
        """Let what this process said end soon: others then tell who did not come back to one of them meanwhile."""
        with suppress(*self.away):
            await self._leave(LEAVING_S)

    async def _say(self) -> dict[str, PresenceChange]:
        """Put what was not said yet: what is new, and what could not be said while the place was away."""
        saying, self._unsaid = self._unsaid, set()
        try:
            return await self._put(await self._mine.get(saying))
        except BaseException:
            self._unsaid |= saying
            raise

    def _may_bury(self) -> bool:
        """After an outage nobody's place is fresh: give all the time to renew."""
        if self._trouble_at is not None and time.monotonic() - self._trouble_at < ALIVE_S:
            return False
        self._trouble_at = None
        return True

    @abstractmethod
    async def _put(self, states: States) -> dict[str, PresenceChange]:
        """Record states of users on this process; exactly what this changed over all is returned."""

    @abstractmethod
    async def _get(self, user_ids: Sequence[str]) -> dict[str, PresenceState]: ...

    @abstractmethod
    async def _saw(self, moments: Mapping[str, int], forget_before: int) -> None: ...

    @abstractmethod
    async def _last_seen(self, user_ids: Sequence[str]) -> dict[str, int]: ...

    @abstractmethod
    async def _renew(self, alive_s: float) -> bool:
        """Renew the place by the clock that all share; returns whether it is new."""

    @abstractmethod
    async def _bury(self) -> dict[str, PresenceChange]:
        """Remove dead processes; each is removed by one process only."""

    @abstractmethod
    async def _leave(self, alive_s: float) -> None:
        """Let the place, if there is one, end soon."""


class RedisPresenceStore(SharedPresenceStore):
    """In Redis: for each user a hash `process -> state`, for each process a set of its users, sorted sets for times."""

    away = (RedisError, OSError, TimeoutError)

    def __init__(self, redis: Redis, process_id: str, prefix: str = "verihome") -> None:
        super().__init__(process_id)
        self.processes = f"{prefix}:presence:processes"
        """A sorted set: until when each process is believed to be alive."""
        self._seen = f"{prefix}:presence:seen"
        """A sorted set: when each user was last in sight, in milliseconds since the epoch."""
        self._user_keys = f"{prefix}:presence:user:"
        self._process_keys = f"{prefix}:presence:process:"
        self._redis = redis

    async def close(self) -> None:
        """Let what this process said end soon, and disconnect."""
        await super().close()
        await self._redis.aclose()

    async def _get(self, user_ids: Sequence[str]) -> dict[str, PresenceState]:
        pipeline = self._redis.pipeline(transaction=False)
        for user_id in user_ids:
            pipeline.hvals(self._user_key(user_id))
        return dict(zip(user_ids, map(_sum, await pipeline.execute()), strict=True))

    async def _saw(self, moments: Mapping[str, int], forget_before: int) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        if moments:
            pipeline.zadd(self._seen, dict(moments), gt=True)
        pipeline.zremrangebyscore(self._seen, "-inf", f"({forget_before}")
        await pipeline.execute()

    async def _last_seen(self, user_ids: Sequence[str]) -> dict[str, int]:
        scores: list[float | None] = await self._redis.zmscore(self._seen, list(user_ids))
        return {user_id: int(score) for user_id, score in zip(user_ids, scores, strict=True) if score is not None}

    async def _renew(self, alive_s: float) -> bool:
        return bool(await self._redis.zadd(self.processes, {self._process_id: await self._now() + alive_s}))

    async def _leave(self, alive_s: float) -> None:
        await self._redis.zadd(self.processes, {self._process_id: await self._now() + alive_s}, xx=True)

    async def _bury(self) -> dict[str, PresenceChange]:
        changes: dict[str, PresenceChange] = {}
        dead: list[bytes] = await self._redis.zrangebyscore(self.processes, "-inf", await self._now())  # type: ignore[assignment]
        for name in dead:
            changes |= await self._remove(name.decode())
        return changes

    async def _remove(self, process_id: str) -> dict[str, PresenceChange]:
        if not await self._redis.zrem(self.processes, process_id):
            return {}  # another process was faster
        members: set[bytes] = await self._redis.smembers(self._process_key(process_id))  # type: ignore[assignment]
        user_ids = [name.decode() for name in members]
        changes = await self._put_of(process_id, dict.fromkeys(user_ids, "offline"))
        await self._redis.delete(self._process_key(process_id))
        return changes

    async def _put(self, states: States) -> dict[str, PresenceChange]:
        return await self._put_of(self._process_id, states)

    async def _put_of(self, process_id: str, states: States) -> dict[str, PresenceChange]:
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

    async def _now(self) -> float:
        return float((await self._redis.time())[0])

    def _user_key(self, user_id: str) -> str:
        return self._user_keys + user_id

    def _process_key(self, process_id: str) -> str:
        return self._process_keys + process_id


def _sum(states: Iterable[bytes]) -> PresenceState:
    return sum_of([state.decode() for state in states])


class DatabasePresenceStore(SharedPresenceStore):
    """In the database that the processes share, where there is no Redis."""

    away = (UnavailableError,)

    def __init__(self, database: Database, process_id: str) -> None:
        super().__init__(process_id)
        self._database = database
        self._changed: dict[str, PresenceChange] = {}
        """What changed and was not returned yet: also by a write that was given up as lost."""

    async def set(self, states: States) -> dict[str, PresenceChange]:
        """Record the states of users on this process, and return how they changed over all.

        While the database is away nothing is returned: nobody could be told. The next tick says it.
        """
        await self._mine.set(states)
        self._unsaid |= states.keys()
        try:
            return await self._say()
        except UnavailableError:
            self._trouble_at = time.monotonic()
            return {}

    async def _put(self, states: States) -> dict[str, PresenceChange]:
        process_id = self._process_id
        if states:
            await self._database.write(lambda work: work.presence.put(process_id, states), self._note)
        return self._take_changed()

    async def _get(self, user_ids: Sequence[str]) -> dict[str, PresenceState]:
        return await self._database.read(lambda work: work.presence.get(user_ids))

    async def _saw(self, moments: Mapping[str, int], forget_before: int) -> None:
        await self._database.write(lambda work: work.presence.saw(moments, forget_before))

    async def _last_seen(self, user_ids: Sequence[str]) -> dict[str, int]:
        return await self._database.read(lambda work: work.presence.last_seen(user_ids))

    async def _renew(self, alive_s: float) -> bool:
        process_id, alive_ms = self._process_id, int(alive_s * 1000)
        return await self._database.write(lambda work: work.presence.renew(process_id, alive_ms), self._note_renewed)

    async def _bury(self) -> dict[str, PresenceChange]:
        await self._database.write(lambda work: work.presence.bury(), self._note)
        return self._take_changed()

    async def _leave(self, alive_s: float) -> None:
        process_id, alive_ms = self._process_id, int(alive_s * 1000)
        await self._database.write(lambda work: work.presence.leave(process_id, alive_ms))

    def _note_renewed(self, is_new: bool) -> None:  # noqa: FBT001 - a result
        if is_new:
            self._unsaid |= self._mine.mine().keys()

    def _note(self, changes: Mapping[str, PresenceChange]) -> None:
        self._changed |= {user_id: _after(self._changed.get(user_id), change) for user_id, change in changes.items()}

    def _take_changed(self) -> dict[str, PresenceChange]:
        changed, self._changed = self._changed, {}
        return changed


def _after(former: PresenceChange | None, change: PresenceChange) -> PresenceChange:
    return change if former is None else PresenceChange(former.before, change.after)
