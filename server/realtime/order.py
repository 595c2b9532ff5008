"""Durable events are handed out in the order of their `rev`, whichever process they come from, and none twice.

Events of different processes may overtake each other, or be lost on the way. One that is ahead of its turn waits for
those before it; what has not come by then is read from the rows, which are the truth. What was handed out already is
dropped (ADR 15).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import structlog

from server.domain.errors import RealtimeError
from server.realtime.rooms import Route, Stamp

WAIT_S: Final = 0.25
"""So long an event that is ahead waits for those before it."""
HURRIED_WAIT_S: Final = 0.02
"""So long while other processes cannot be heard: what is missing will hardly come by itself."""
LATE_S: Final = 2.0
"""Of a key that was not known, or whose last events nobody here was there for, events before the first are handed out
although they come late, for so long."""
AGAIN_S: Final = 0.25
"""So soon rows are read again that could not be: the database is away."""
AWAY_S: Final = 15.0
"""So long it may be away until what waits is handed out with the gap."""
MAX_LATE: Final = 1_000
MAX_KEYS: Final = 100_000
MAX_WAITING: Final = 1_000
"""So many events of one key wait at most; then they are handed out with the gap, which clients notice."""

log = structlog.get_logger()


class Told(NamedTuple):
    """An event as it is handed out: `body` is its payload's JSON, `skip` a connection that is not to hear it."""

    event: str
    body: bytes
    routes: Sequence[Route]
    skip: str | None
    stamp: Stamp | None


class Missed(NamedTuple):
    """What the rows say of a key: events after a rev, ascending, and the rev up to which these tell everything."""

    up_to: int
    events: Sequence[Told]


ReadMissed = Callable[[Mapping[str, int]], Awaitable[Mapping[str, Missed]]]
"""Reads what happened to keys after a rev each; leaves out keys that nobody here hears, and those of too much."""

Give = Callable[[Told], int]
"""Hands an event to the connections of this process, and returns its number."""

IsMissed = Callable[[Sequence[Route], int], bool]
"""Tells whether anyone who hears the routes has done so since before the event of a number."""


async def _read_nothing(_after: Mapping[str, int]) -> Mapping[str, Missed]:
    return {}


@dataclass(slots=True)
class _Line:
    """A key: the last rev that was handed out, the number of that event, and what is ahead of its turn."""

    rev: int
    at: int
    waiting: dict[int, Told] | None = None
    late: "_Late | None" = None


@dataclass(slots=True)
class _Late:
    """For a while: what comes between two revs was not told here, since nobody heard it, and may be on its way."""

    above: int
    below: int
    number: int
    """That of the event with the rev `below`."""
    told: set[int]

    def is_new(self, rev: int) -> bool:
        return self.above < rev < self.below and rev not in self.told


class Order:
    """The order of each key. `hurried`: other processes cannot be heard at present. `filled` counts what was read."""

    def __init__(self, give: Give, is_missed: IsMissed) -> None:
        self.read: ReadMissed = _read_nothing
        self.hurried = False
        self.filled = 0
        self._give = give
        self._is_missed = is_missed
        self._lines: dict[str, _Line] = {}
        self._behind: dict[str, tuple[int, int]] = {}
        """Keys to look after, each with the rev before the first that may be missing, and the last."""
        self._late: deque[tuple[int, int, str]] = deque(maxlen=MAX_LATE)
        """What was handed out late: its number, that of the event that overtook it, and the key."""
        self._away_since: float | None = None
        """Since when the database cannot be read."""
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def revs(self) -> dict[str, int]:
        """Return the last rev that was handed out of each key."""
        return {key: line.rev for key, line in self._lines.items()}

    def rev_of(self, key: str) -> int:
        """Return the last rev of a key that was handed out; 0 if none was."""
        line = self._lines.get(key)
        return 0 if line is None else line.rev

    def late_after(self, number: int) -> set[str] | None:
        """Return keys of which something came after a number, but belongs before; None if that is not remembered."""
        if len(self._late) == MAX_LATE and self._late[0][0] > number:
            return None
        return {key for late, overtaking, key in self._late if overtaking <= number < late}

    def take(self, told: Told) -> None:
        """Hand an event out in its turn. It has a stamp."""
        assert told.stamp is not None  # noqa: S101 - the caller asked
        key, rev = told.stamp
        line = self._lines.get(key)
        if line is None:
            self._begin(key, rev, told)
        elif rev <= line.rev:
            self._give_late(line, rev, told)
        elif line.waiting is None and rev == line.rev + 1:
            self._hand_out(line, rev, told)
        elif line.waiting is None and not self._is_missed(told.routes, line.at):
            before = line.rev
            self._hand_out(line, rev, told)
            self._expect_late(line, before)
        else:
            self._wait(key, line, rev, told)

    def behind(self, heads: Mapping[str, tuple[int, int]]) -> None:
        """Others committed the first to the last rev of keys: what does not come by itself is read from the rows."""
        for key, (first, last) in heads.items():
            if self._lacks(key, first - 1, last) is not None:
                self._look_after(key, first - 1, last)

    def close(self) -> None:
        """Look after nothing any more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            self._task.cancel()

    def _begin(self, key: str, rev: int, told: Told) -> None:
        self._make_room()
        line = self._lines[key] = _Line(rev, self._give(told))
        if rev > 1:
            self._expect_late(line, 0)

    def _expect_late(self, line: _Line, before: int) -> None:
        """What is between a rev and that of a line may come: nobody here knows whether it was told before."""
        late = line.late = _Late(before, line.rev, line.at, set())
        if not self._closed:
            asyncio.get_running_loop().call_later(LATE_S, self._expect_no_more, line, late)

    @staticmethod
    def _expect_no_more(line: _Line, late: _Late) -> None:
        if line.late is late:
            line.late = None

    def _give_late(self, line: _Line, rev: int, told: Told) -> None:
        if line.late is not None and line.late.is_new(rev):
            assert told.stamp is not None  # noqa: S101 - the caller asked
            line.late.told.add(rev)
            self._late.append((self._give(told), line.late.number, told.stamp[0]))

    def _wait(self, key: str, line: _Line, rev: int, told: Told) -> None:
        waiting = line.waiting
        if waiting is None:
            waiting = line.waiting = {}
            self._look_after(key, line.rev, rev)
        waiting.setdefault(rev, told)
        self._advance(line)
        if line.waiting is not None and len(line.waiting) > MAX_WAITING:
            self._give_up(line)

    def _hand_out(self, line: _Line, rev: int, told: Told) -> None:
        line.rev, line.at = rev, self._give(told)

    def _advance(self, line: _Line) -> None:
        """Hand out what is next of what waits."""
        waiting = line.waiting
        while waiting and (told := waiting.pop(line.rev + 1, None)) is not None:
            self._hand_out(line, line.rev + 1, told)
        if not waiting:
            line.waiting = None

    def _give_up(self, line: _Line) -> None:
        """Hand out what waits, with the gap."""
        waiting, line.waiting = line.waiting or {}, None
        for rev in sorted(waiting):
            if rev > line.rev:
                self._hand_out(line, rev, waiting[rev])

    def _look_after(self, key: str, before: int, last: int) -> None:
        earlier = self._behind.get(key, (before, last))
        self._behind[key] = min(before, earlier[0]), max(last, earlier[1])
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is None and self._task is None and self._behind and not self._closed:
            wait_s = AGAIN_S if self._away_since is not None else HURRIED_WAIT_S if self.hurried else WAIT_S
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._start)

    def _start(self) -> None:
        self._timer = None
        self._task = asyncio.create_task(self._look(), name="order")

    async def _look(self) -> None:
        behind, self._behind = self._behind, {}
        after = {key: rev for key, span in behind.items() if (rev := self._lacks(key, *span)) is not None}
        missed: Mapping[str, Missed] = {}
        try:
            missed = await self.read(after) if after else {}
            self._away_since = None
        except RealtimeError:
            if self._may_return():
                for key in after:
                    self._look_after(key, *behind[key])
                after = {}
            else:
                log.warning("missed events not read: the database is away", keys=len(behind))
        except Exception:
            log.exception("missed events not read", keys=len(behind))
        finally:
            self._task = None
        for key in after:
            self._settle(key, behind[key][0], missed.get(key))
        self._schedule()

    def _may_return(self) -> bool:
        """Tell whether to wait for the database that cannot be read."""
        now = asyncio.get_running_loop().time()
        if self._away_since is None:
            self._away_since = now
        return now < self._away_since + AWAY_S

    def _lacks(self, key: str, before: int, last: int) -> int | None:
        """Return after which rev to read; None if what was missing has come by itself."""
        line = self._lines.get(key)
        if line is None:
            return before
        late = line.late
        if late is not None and any(map(late.is_new, range(before + 1, min(last, before + MAX_WAITING) + 1))):
            return min(before, line.rev)
        return None if line.waiting is None and line.rev >= last else line.rev

    def _settle(self, key: str, before: int, missed: Missed | None) -> None:
        line = self._lines.get(key)
        held = 0 if line is None else line.rev
        if missed is not None and missed.events:
            line = self._fill(key, line, before, missed)
        if line is None or line.waiting is None:
            return
        if line.rev > held:
            self._look_after(key, line.rev, max(line.waiting))
        elif key not in self._behind:  # else it began to wait after the rows were read: they say nothing of it
            self._give_up(line)

    def _fill(self, key: str, line: _Line | None, before: int, missed: Missed) -> _Line:
        if line is None:
            self._make_room()
            line = self._lines[key] = _Line(before, 0)
        elif line.waiting is None and not self._is_missed(missed.events[0].routes, line.at):
            line.rev = max(line.rev, before)  # whoever hears it now came later, and knows what was before
        self._merge(line, missed)
        return line

    def _merge(self, line: _Line, missed: Missed) -> None:
        waiting = line.waiting or {}
        found = {told.stamp[1]: told for told in missed.events if told.stamp is not None}
        own = {rev: told for rev, told in waiting.items() if rev <= missed.up_to}
        for rev, told in sorted((found | own).items()):
            if rev > line.rev:
                self.filled += rev not in own
                self._hand_out(line, rev, told)
            else:
                self._give_late(line, rev, told)
        line.rev = max(line.rev, missed.up_to)
        line.waiting = {rev: told for rev, told in waiting.items() if rev > line.rev} or None
        self._advance(line)

    def _make_room(self) -> None:
        if len(self._lines) >= MAX_KEYS:
            for key in [key for key, line in list(self._lines.items())[: MAX_KEYS // 4] if line.waiting is None]:
                del self._lines[key]
