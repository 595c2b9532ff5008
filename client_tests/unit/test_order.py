"""Durable events are handed out by `rev`: whatever order they come in, once, and what is lost is read."""

import asyncio
import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.errors import UnavailableError
from server.realtime import order as order_module
from server.realtime.order import Missed, Order, Told

KEY, OTHER = "thread:a", "thread:b"
ROUTES = [("/messaging", ["user:1"])]


def told(rev: int, key: str = KEY) -> Told:
    """Return an event."""
    return Told("event", b"%d" % rev, ROUTES, None, (key, rev))


class Place:
    """An order, the rows behind it, and what it handed out. `heard_since`: the number before the hearer came."""

    def __init__(self) -> None:
        self.given: list[tuple[str, int]] = []
        self.heard_since = 0
        self.rows: dict[str, list[int]] = {}
        self.reads: list[Mapping[str, int]] = []
        self.failing: Exception | None = None
        self.order = Order(self._give, lambda _routes, number: self.heard_since < number)
        self.order.read = self._read

    def _give(self, event: Told) -> int:
        assert event.stamp is not None
        self.given.append(event.stamp)
        return len(self.given)

    async def _read(self, after: Mapping[str, int]) -> Mapping[str, Missed]:
        self.reads.append(after)
        if self.failing is not None:
            raise self.failing
        return {
            key: Missed(max(revs), [told(rev, key) for rev in revs if rev > after[key]])
            for key in after
            if (revs := self.rows.get(key))
        }

    def take(self, *revs: int, key: str = KEY) -> None:
        """Let events come."""
        for rev in revs:
            self.order.take(told(rev, key))

    def revs(self, key: str = KEY) -> list[int]:
        """Return the revs that were handed out."""
        return [rev for given, rev in self.given if given == key]

    async def until(self, *revs: int, key: str = KEY) -> None:
        """Wait until these have been handed out."""
        async with asyncio.timeout(5):
            while self.revs(key) != list(revs):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.005)

    async def settled(self) -> None:
        """Wait until no rows are being read."""
        async with asyncio.timeout(5):
            while self.order._task is not None:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    """A place that waits for a moment only."""
    monkeypatch.setattr(order_module, "WAIT_S", 0.05)
    return Place()


async def test_events_in_order_are_handed_out_at_once(place: Place) -> None:
    """Nothing waits where nothing is missing."""
    place.take(1, 2, 3)
    place.take(1, 2, key=OTHER)
    assert (place.revs(), place.revs(OTHER)) == ([1, 2, 3], [1, 2])
    assert place.reads == []


async def test_event_ahead_waits_for_the_one_before(place: Place) -> None:
    """It was only overtaken: no rows are read."""
    place.take(1, 3, 4)
    assert place.revs() == [1]
    place.take(2)
    assert place.revs() == [1, 2, 3, 4]
    await asyncio.sleep(0.1)
    assert place.reads == []


async def test_what_does_not_come_is_read_from_the_rows(place: Place) -> None:
    """In its place, before what waits for it."""
    place.rows[KEY] = [1, 2, 3, 4]
    place.take(1, 4)
    await place.until(1, 2, 3, 4)
    assert place.reads == [{KEY: 1}]
    assert place.order.filled == 2


async def test_what_began_to_wait_while_rows_were_read_is_looked_after_anew(place: Place) -> None:
    """The rows that were read are older than it: they do not tell whether what is before it is lost."""
    reading, go_on = asyncio.Event(), asyncio.Event()

    async def read(after: Mapping[str, int]) -> Mapping[str, Missed]:
        found = await place._read(after)
        reading.set()
        await go_on.wait()
        return found

    place.order.read = read
    place.rows[KEY] = [1, 2, 3]
    place.take(1, 3)
    await reading.wait()
    place.take(2)
    place.rows[KEY] += [4, 5]
    place.take(5)  # 4 is under way
    go_on.set()
    await place.settled()
    place.take(4)
    assert place.revs() == [1, 2, 3, 4, 5]


async def test_what_began_to_wait_while_rows_were_read_is_read_if_it_is_lost(place: Place) -> None:
    """By the next look."""
    taken = False

    async def read(after: Mapping[str, int]) -> Mapping[str, Missed]:
        nonlocal taken
        found = await place._read(after)
        if not taken:
            taken = True
            place.take(2)
            place.rows[KEY] += [4, 5]
            place.take(5)
        return found

    place.order.read = read
    place.rows[KEY] = [1, 2, 3]
    place.take(1, 3)
    await place.until(1, 2, 3, 4, 5)
    assert place.reads == [{KEY: 1}, {KEY: 3}]


async def test_events_own_words_are_preferred_to_the_rows(place: Place) -> None:
    """What is there already is not made anew."""
    place.rows[KEY] = [1, 2, 3]
    place.take(1)
    place.order.take(told(3)._replace(body=b"own"))
    bodies: list[bytes] = []
    give = place.order._give
    place.order._give = lambda event: (bodies.append(event.body), give(event))[1]  # type: ignore[func-returns-value]
    await place.until(1, 2, 3)
    assert bodies == [b"2", b"own"]


async def test_what_was_superseded_is_passed_over(place: Place) -> None:
    """Revs that no row carries any more hold nothing up."""
    place.rows[KEY] = [1, 5]
    place.take(1, 5)
    await place.until(1, 5)
    place.take(6)
    assert place.revs() == [1, 5, 6]


async def test_what_was_handed_out_is_dropped(place: Place) -> None:
    """Also if it was read, and comes late."""
    place.rows[KEY] = [1, 2, 3]
    place.take(1, 3)
    await place.until(1, 2, 3)
    place.take(2, 3, 1)
    assert place.revs() == [1, 2, 3]


async def test_gap_that_no_hearer_noticed_is_no_gap(place: Place) -> None:
    """Whoever came after the last event has read what was in between."""
    place.take(1)
    place.heard_since = 1
    place.take(9)
    assert place.revs() == [1, 9]


async def test_first_of_a_key_is_handed_out_at_once_and_what_it_overtook_late(place: Place) -> None:
    """Nothing says whether something was before it: what comes soon was, and is not lost."""
    place.take(5)
    assert place.revs() == [5]
    place.take(4, 4, 5)
    assert place.revs() == [5, 4]


async def test_behind_reads_what_the_first_of_a_key_overtook(place: Place) -> None:
    """Where others name what they committed and do not bring it: once, and not what was handed out."""
    place.rows = {KEY: [1, 2, 3, 4, 5]}
    place.take(5)
    place.order.behind({KEY: (4, 5)})
    await place.until(5, 4)
    place.order.behind({KEY: (4, 5)})
    place.take(4, 5, 6)
    assert place.revs() == [5, 4, 6]
    assert place.reads == [{KEY: 3}]


async def test_gap_that_no_hearer_noticed_may_be_filled_late(place: Place) -> None:
    """What was committed after the hearer came may be on its way; what was handed out before is not told again."""
    place.rows = {KEY: [1, 2, 3, 4, 5]}
    place.take(1, 2)
    place.heard_since = 2
    place.take(5)
    place.take(4)
    place.order.behind({KEY: (2, 5)})
    await place.until(1, 2, 5, 4, 3)
    place.take(1, 2, 3, 4, 5)
    assert place.revs() == [1, 2, 5, 4, 3]


async def test_database_away_is_waited_for(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was missing is read when it is back, and the order is kept; also of what others spoke of."""
    monkeypatch.setattr(order_module, "AGAIN_S", 0.01)
    place.failing = UnavailableError()
    place.take(1, 3)
    place.order.behind({OTHER: (7, 7)})
    async with asyncio.timeout(5):
        while len(place.reads) < 3:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.005)
    assert place.revs() == [1]
    place.failing = None
    place.rows = {KEY: [1, 2, 3], OTHER: [6, 7]}
    await place.until(1, 2, 3)
    await place.until(7, key=OTHER)


async def test_database_away_for_long_the_gap_is_handed_out(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients notice it, and sync."""
    monkeypatch.setattr(order_module, "AWAY_S", 0.0)
    place.failing = UnavailableError()
    place.take(1, 3)
    await place.until(1, 3)
    monkeypatch.setattr(order_module, "AWAY_S", 0.0)
    place.failing = None
    place.take(4)
    assert place.revs() == [1, 3, 4]


async def test_behind_reads_what_others_spoke_of(place: Place) -> None:
    """A key of which nothing came, and one of which something did."""
    place.rows = {KEY: [1, 2, 3], OTHER: [1, 2, 3, 4]}
    place.take(1, 2)
    place.order.behind({KEY: (3, 3), OTHER: (4, 4)})
    await place.until(1, 2, 3)
    await place.until(4, key=OTHER)
    assert place.reads == [{KEY: 2, OTHER: 3}]


async def test_behind_what_comes_by_itself_is_not_read(place: Place) -> None:
    """Within the wait."""
    place.take(1)
    place.order.behind({KEY: (2, 3)})
    place.take(2, 3)
    await asyncio.sleep(0.1)
    assert (place.revs(), place.reads) == ([1, 2, 3], [])


async def test_hurried_waits_less(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """While others cannot be heard."""
    monkeypatch.setattr(order_module, "WAIT_S", 60.0)
    place.order.hurried = True
    place.rows[KEY] = [1, 2]
    place.take(1)
    place.order.behind({KEY: (2, 2)})
    await place.until(1, 2)


async def test_too_many_that_wait_are_handed_out(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded; clients find the gap."""
    monkeypatch.setattr(order_module, "MAX_WAITING", 3)
    place.take(1, 3, 4, 5, 6)
    assert place.revs() == [1, 3, 4, 5, 6]


async def test_keys_are_bounded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten."""
    monkeypatch.setattr(order_module, "MAX_KEYS", 8)
    for number in range(20):
        place.take(1, key=f"thread:{number}")
    assert len(place.order.revs()) <= 8
    assert len(place.given) == 20


@given(seed=st.integers(0))
def test_any_arrival_ends_in_order_without_loss_or_doubles(seed: int) -> None:
    """Events that come in any order, twice, or never, are handed out once and in order.

    Each of up to two copies of an event is overtaken by up to three others. Rows are told some turns after they were
    read, and others are committed meanwhile.
    """
    chance = random.Random(seed)
    everything = list(range(1, 13))
    copies = [rev for rev in everything for _ in range(chance.choice((0, 1, 1, 1, 2)))]
    revs = sorted(copies, key=lambda rev: rev + chance.randint(0, 3))

    async def run() -> list[int]:
        place = Place()
        place.order.hurried = True

        async def read(after: Mapping[str, int]) -> Mapping[str, Missed]:
            found = await place._read(after)
            for _ in range(chance.randint(0, 5)):
                await asyncio.sleep(0)
            return found

        place.order.read = read
        place.take(1)
        for at, rev in enumerate(revs):
            place.rows[KEY] = everything[: max(revs[: at + 1])]
            place.take(rev)
            for _ in range(chance.randint(0, 3)):
                await asyncio.sleep(0)
        place.rows[KEY] = everything
        place.order.behind({KEY: (12, 12)})
        await place.until(*everything)
        await place.settled()
        return place.revs()

    before = order_module.HURRIED_WAIT_S
    order_module.HURRIED_WAIT_S = 0  # type: ignore[misc]
    try:
        assert asyncio.run(run()) == everything
    finally:
        order_module.HURRIED_WAIT_S = before  # type: ignore[misc]


async def test_what_nobody_missed_may_still_have_been_overtaken(place: Place) -> None:
    """Whoever hears it came after the last of its key: what lies between is handed out if it comes soon, once."""
    place.take(1)
    place.heard_since = 1
    place.take(4, 3, 3)
    assert place.revs() == [1, 4, 3]


async def test_what_was_superseded_is_not_late(place: Place) -> None:
    """Of a new key only what is before its first event may come late; not what the rows passed over."""
    place.rows[KEY] = [5, 8]
    place.take(5, 8)
    await place.until(5, 8)
    place.take(7)
    assert place.revs() == [5, 8]


async def test_what_came_late_is_known(place: Place) -> None:
    """Whoever heard what overtook it, and not itself, cannot tell what is missing by the last rev."""
    place.take(7, 5)
    assert [place.order.late_after(number) for number in (0, 1, 2)] == [set(), {KEY}, set()]


async def test_closed_nothing_is_looked_after(place: Place) -> None:
    """What comes at the very end begins nothing."""
    place.take(1)
    place.order.close()
    place.take(3)
    await asyncio.sleep(0.1)
    assert place.reads == []
