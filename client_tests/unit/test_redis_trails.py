"""What processes find of each other in Redis: when it is all, and when that is in doubt."""

import asyncio
from typing import Any

import hiredis
import orjson
import pytest

from server.realtime import redis_trails
from server.realtime.log import Log
from server.realtime.redis_trails import AHEAD, HEARD, TOLD, RedisTrails
from server.realtime.rooms import Stamp
from server.realtime.trails import Missing, Trail

A, B = "thread:a", "thread:b"
TRAIL = Trail("pid", "/messaging", "1")


class FakeLink:
    """A link that is asked for commands by the test."""

    dropped = waiting = 0

    def __init__(self) -> None:
        self.preface: Any = list
        self.refused: Any = None

    def wake(self) -> None:
        """There is news."""

    def commands(self) -> list[list[bytes]]:
        """Return what it would write."""
        reader = hiredis.Reader()
        for packed in self.preface():
            reader.feed(packed)
        commands = []
        while (command := reader.gets()) is not False:
            commands.append(command)
        return commands


class FakeRedis:
    """Streams by process, as lists of (ms, first, kind, stamps)."""

    def __init__(self) -> None:
        self.streams: dict[str, list[tuple[int, int, int, list[Stamp]]]] = {}

    async def sadd(self, *_: str) -> None:
        """It takes what is written."""

    async def srem(self, *_: str) -> None:
        """It takes what is written."""

    async def smembers(self, _key: str) -> set[bytes]:
        """Return the processes."""
        return {name.encode() for name in self.streams}

    async def xrange(self, key: str, min: str) -> list[Any]:  # noqa: A002 - redis-py's name
        """Return a whole stream; nothing comes after that."""
        rows = self.streams.get(key.split(":")[-2], []) if min == "-" else []
        return [(b"%d-%d" % (row[0], place), {b"e": orjson.dumps(row[1:])}) for place, row in enumerate(rows)]


class Place:
    """The trails of a process `own` that looks for what happened at `x` and `y`."""

    def __init__(self) -> None:
        self.link, self.redis, self.log = FakeLink(), FakeRedis(), Log()
        self.trails = RedisTrails(self.link, self.redis, "p", self.log)  # type: ignore[arg-type]
        self.redis.streams[self.log.process] = [(0, 0, HEARD, [])]

    def missing(self, number: int, trail: Trail = TRAIL, **streams: Any) -> Missing | None:
        """Return what somebody missed who heard up to a number of `x`."""
        self.redis.streams |= streams
        return asyncio.run(self.trails.missing("x", number, trail))


@pytest.fixture
def place() -> Place:
    """A place."""
    return Place()


BEGIN = (0, 0, HEARD, [])


def test_what_any_process_told_since_is_missing(place: Place) -> None:
    """In order, each once, but for what was heard."""
    x = [BEGIN, (20_000, 1, 0, [(A, 1), (A, 2)]), (20_005, 3, 0, [(B, 1)])]
    y = [BEGIN, (20_001, 1, 0, [(A, 2), (A, 3)])]
    found = place.missing(2, x=x, y=y)
    assert found is not None
    assert (found.first, found.order) == ({A: 3, B: 1}, ((A, 3), (B, 1)))
    assert found.heard == {A: (0, 2)}


@pytest.mark.parametrize(
    "x",
    [
        [],
        [(20_000, 3, 0, [(A, 1)])],  # its beginning is gone
        [BEGIN, (20_000, 1, 0, [(A, 1)])],  # it did not come so far
        [BEGIN, (20_000, 1, 0, [(A, 1), (A, 2)]), (20_001, 4, 0, [(A, 4)])],  # the third is missing
        [BEGIN, (20_000, 1, 0, [(A, 1), (A, 2)]), (20_001, 3, HEARD, [])],
        [BEGIN, (20_000, 1, 0, [(A, 1), (A, 2)]), (20_001, 3, TOLD, [])],
    ],
    ids=["none", "trimmed", "short", "hole", "deaf", "mute"],
)
def test_in_doubt_nothing_is_said(place: Place, x: Any) -> None:
    """A stream that does not hold the number, or not all since."""
    assert place.missing(2, x=x) is None


@pytest.mark.parametrize("entry", [(20_001, 7, 0, [(B, 7)]), (20_001, 7, TOLD, [])], ids=["trimmed", "mute"])
def test_stream_of_another_that_is_not_whole_is_in_doubt(place: Place, entry: Any) -> None:
    """What it told since the moment may be gone."""
    assert place.missing(1, x=[BEGIN, (20_000, 1, 0, [(A, 1)])], y=[entry]) is None


def test_what_this_process_has_not_written_yet_is_missing(place: Place) -> None:
    """It is in its log."""
    place.log.append((B, 1))
    found = place.missing(1, x=[BEGIN, (20_000, 1, 0, [(A, 1)])])
    assert found is not None
    assert found.first == {B: 1}


def test_what_is_published_before_its_turn_is_missing(place: Place) -> None:
    """It has no number yet, and may never get one if its process dies."""
    x = [BEGIN, (20_000, 1, 0, [(A, 1)])]
    found = place.missing(1, x=x, y=[BEGIN, (20_001, 1, AHEAD, [(A, 3)])])
    assert found is not None
    assert found.first == {A: 2}  # whatever is between was not heard either


def test_what_was_overtaken_is_in_doubt(place: Place) -> None:
    """Of a key whose later rev was heard just before."""
    x = [BEGIN, (20_000, 1, 0, [(A, 7)]), (20_010, 2, 0, [(A, 5)])]
    found = place.missing(1, x=x)
    assert found is not None
    assert (found.first, found.doubtful) == ({}, {A})


def test_what_was_told_elsewhere_is_not_missing(place: Place) -> None:
    """A trail says so."""
    told = Trail("pid", "/messaging", "1", told={A: [(0, 3)]})
    x = [BEGIN, (20_000, 1, 0, [(B, 1)])]
    found = place.missing(1, told, x=x, y=[BEGIN, (19_999, 1, 0, [(A, 3), (A, 4)])])
    assert found is not None
    assert found.first == {A: 4}


def test_trails_expire_from_the_first_on(place: Place) -> None:
    """A process that dies young leaves nothing for ever."""
    place.link.commands()
    place.trails.save(TRAIL)
    assert [command[0] for command in place.link.commands()] == [b"HSET", b"EXPIRE"]


def test_redis_away_what_changed_is_bounded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too much is dropped as a whole: none of these connections is found elsewhere."""
    monkeypatch.setattr(redis_trails, "MAX_CHANGED", 10)
    place.link.commands()
    for number in range(25):
        place.trails.remove(str(number))
    assert len(place.trails._changed) <= 10
    assert place.link.commands()[0][0] == b"DEL"


def test_refused_log_is_followed_by_a_hole(place: Place) -> None:
    """Once Redis takes something again, others see that something is missing before it."""
    place.link.commands()
    place.log.append((A, 1))
    place.link.commands()
    place.link.refused("OOM command not allowed")
    place.trails.renew()
    (command,) = place.link.commands()
    assert orjson.loads(command[-1]) == [2, AHEAD, []]
