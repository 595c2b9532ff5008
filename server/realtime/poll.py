"""What others committed without a word: found by looking at the newest threads and notification centres.

A process may die between a commit and telling it, or have no way to tell. So the heads of what was last active are
compared with those of the look before. A head that moved and still is not known a whole look later was not told: until
then its notice may be under way, which says better from which rev on something is missing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog

from server.domain.errors import UnavailableError
from server.realtime.rooms import thread_room, user_room
from server.storage.activity import Heads
from server.storage.database import Database

POLL_S: Final = 1.0
IDLE_POLL_S: Final = 5.0
"""While nobody needs it: only so that it is known from where on something may be missing."""
NEWEST: Final = 500
MAX_KNOWN: Final = 20_000

ReadHeads = Callable[[], Awaitable[Heads]]
Behind = Callable[[Mapping[str, tuple[int, int]]], None]

log = structlog.get_logger()


async def newest_heads(database: Database) -> Heads:
    """Read what `Poll` looks at.

    Raises:
        UnavailableError: the database is away.
    """
    return await database.read(lambda work: work.activity.newest(NEWEST))


class Poll:
    """Looks every second while `is_wanted`, every five otherwise; `behind` is given first and last rev of what is new.

    `looks` counts; `found` counts keys that nobody had told.
    """

    def __init__(self, read: ReadHeads, behind: Behind, is_wanted: Callable[[], bool]) -> None:
        self.looks = 0
        self.found = 0
        self._read = read
        self._behind = behind
        self._is_wanted = is_wanted
        self._known: dict[str, int] = {}
        self._suspected: dict[str, int] = {}
        self._began = False
        self._was_whole = False
        self._hurry = asyncio.Event()
        self._trusting = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run(), name="poll")

    async def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def know(self, key: str, rev: int) -> None:
        """A rev of a key was told."""
        if rev > self._known.get(key, 0):
            self._put(key, rev)

    def look_now(self, *, trusting: bool = False) -> None:
        """Look at once; `trusting`: nobody will tell what is found, so report it without waiting another look."""
        self._trusting |= trusting
        self._hurry.set()

    async def look(self) -> None:
        """Look once.

        Raises:
            UnavailableError: the database is away.
        """
        trusting, self._trusting = self._trusting, False
        try:
            heads = await self._read()
        except UnavailableError:
            self._trusting |= trusting
            raise
        self.looks += 1
        revs = {thread_room(key): rev for key, rev in heads.threads.items()}
        revs |= {user_room(key): rev for key, rev in heads.centres.items()}
        if self._began:
            self._compare(revs, trusting=trusting)
        else:
            for key, rev in revs.items():
                self.know(key, rev)
        self._began, self._was_whole = True, heads.whole

    def _compare(self, revs: Mapping[str, int], *, trusting: bool) -> None:
        new = {key: rev for key, rev in revs.items() if rev > self._known.get(key, 0)}
        untold = new if trusting else {key: rev for key, rev in self._suspected.items() if key in new}
        untold = {key: rev for key, rev in untold.items() if rev > self._known.get(key, 0)}
        behind = {key: (self._first(key, rev), rev) for key, rev in untold.items()}
        for key, rev in untold.items():
            self._put(key, rev)
        self._suspected = {key: rev for key, rev in new.items() if rev > self._known.get(key, 0)}
        if behind and self._is_wanted():
            self.found += len(behind)
            self._behind(behind)

    def _first(self, key: str, rev: int) -> int:
        """Return the first rev that was not told; of a key never seen, all if it must be new, else the last alone."""
        known = self._known.get(key)
        if known is not None:
            return known + 1
        return 1 if self._was_whole and len(self._known) < MAX_KNOWN else rev

    def _put(self, key: str, rev: int) -> None:
        self._known.pop(key, None)
        self._known[key] = rev  # the longest unchanged come first
        if len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]

    async def _run(self) -> None:
        while True:
            self._hurry.clear()
            try:
                await self.look()
            except UnavailableError:
                pass  # the database says so itself; what is known stays known
            except Exception:
                log.exception("poll failed")
            try:
                async with asyncio.timeout(POLL_S if self._is_wanted() else IDLE_POLL_S):
                    await self._hurry.wait()
            except TimeoutError:
                pass
