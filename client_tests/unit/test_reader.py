"""The queue of reads: few trips, in order, and a database that is away is told to all who wait."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from server.domain.errors import NotFoundError, UnavailableError
from server.storage import reader as module
from server.storage.reader import Job, Reader
from server.storage.unit_of_work import UnitOfWork

NOTHING: Any = None
"""A unit of work that no job here looks at."""


class Trips:
    """A database that answers when it is told to; `broken` is raised instead, or ends a trip after so many jobs."""

    def __init__(self) -> None:
        self.trips: list[list[Any]] = []
        self.under_way = self.most = 0
        self.open = asyncio.Event()
        self.breaks_after: int | None = None
        self.broken: Exception | None = None

    async def run(self, jobs: Sequence[Job]) -> Sequence[Any]:
        """Run jobs on one connection."""
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.open.wait()
            if self.broken is not None:
                raise self.broken
            outcomes = [_outcome(job) for job in jobs[: self.breaks_after]]
            self.trips.append(outcomes)
            return outcomes if len(outcomes) == len(jobs) else [*outcomes, UnavailableError()]
        finally:
            self.under_way -= 1


def _outcome(job: Job) -> Any:
    try:
        return job(NOTHING)
    except NotFoundError as error:
        return error


def says(value: Any) -> Job:
    """Return a job that returns a value, or raises it."""

    def job(_: UnitOfWork) -> Any:
        if isinstance(value, Exception):
            raise value
        return value

    return job


def ask(reader: Reader, *values: Any) -> list[asyncio.Task[Any]]:
    """Ask for values, one job each."""
    return [asyncio.create_task(reader.submit(says(value))) for value in values]


async def test_reads_while_connections_are_free_run_alone_and_at_once() -> None:
    """Nothing waits for others, and no task is made."""
    trips = Trips()
    trips.open.set()
    reader = Reader(trips.run, 2)
    before = len(asyncio.all_tasks())
    assert [await reader.submit(says(number)) for number in range(3)] == [0, 1, 2]
    assert trips.trips == [[0], [1], [2]]
    assert (reader.trips, reader.jobs, reader.depth, len(asyncio.all_tasks())) == (3, 3, 0, before)


async def test_reads_that_wait_share_trips_in_order() -> None:
    """2,000 at once: never more trips at a time than allowed, and a fraction of them altogether."""
    trips = Trips()
    reader = Reader(trips.run, 4)
    asked = ask(reader, *range(2_000))
    await asyncio.sleep(0)
    assert reader.depth == 1_996
    trips.open.set()
    assert await asyncio.gather(*asked) == list(range(2_000))
    assert trips.most == 4
    assert [value for trip in trips.trips for value in trip] == list(range(2_000))
    assert len(trips.trips) == reader.trips < 200
    assert max(map(len, trips.trips)) == module.MAX_BATCH
    assert (reader.jobs, reader.depth) == (2_000, 0)


async def test_read_that_fails_fails_alone() -> None:
    """A job's own error belongs to who asked, whatever shares its trip."""
    trips = Trips()
    reader = Reader(trips.run, 1)
    asked = ask(reader, 0, 1, NotFoundError(), 3)
    await asyncio.sleep(0)
    trips.open.set()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [int, int, NotFoundError, int]
    with pytest.raises(NotFoundError):
        await reader.submit(says(NotFoundError()))


async def test_connection_lost_during_a_trip_costs_one_read() -> None:
    """The one that met it; those behind it run on another connection, before those who came later."""
    trips = Trips()
    trips.breaks_after = 2
    reader = Reader(trips.run, 1)
    asked = ask(reader, *range(7))
    await asyncio.sleep(0)
    trips.open.set()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [index for index, outcome in enumerate(outcomes) if isinstance(outcome, UnavailableError)] == [3, 6]
    assert [value for trip in trips.trips for value in trip] == [0, 1, 2, 4, 5]


async def test_database_that_refuses_at_once_refuses_all() -> None:
    """Each trip costs one read its life: all are told, none waits for ever."""
    trips = Trips()
    trips.broken = UnavailableError()
    reader = Reader(trips.run, 2)
    asked = ask(reader, *range(100))
    await asyncio.sleep(0)
    trips.open.set()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {UnavailableError}
    assert reader.depth == 0


async def test_database_that_stands_still_is_told_to_those_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once no read has succeeded for a while; those under way have time-outs of their own."""
    monkeypatch.setattr(module, "STALLED_S", 0.05)
    trips = Trips()
    reader = Reader(trips.run, 1)
    first, *others = ask(reader, *range(50))
    outcomes = await asyncio.wait_for(asyncio.gather(*others, return_exceptions=True), 5)
    assert {type(outcome) for outcome in outcomes} == {UnavailableError}
    assert not first.done()
    trips.open.set()
    assert await first == 0
    assert await reader.submit(says(1)) == 1


async def test_busy_database_refuses_nobody_however_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as reads succeed, who waits longer than the limit still is served; so is who shares a long trip."""
    monkeypatch.setattr(module, "STALLED_S", 0.08)

    async def run(jobs: Sequence[Job]) -> Sequence[Any]:
        outcomes = []
        for job in jobs:
            await asyncio.sleep(0.01)
            outcomes.append(job(NOTHING))
        return outcomes

    reader = Reader(run, 1)
    began = asyncio.get_running_loop().time()
    asked = ask(reader, *range(3 * module.MAX_BATCH))
    assert await asyncio.gather(*asked) == list(range(3 * module.MAX_BATCH))
    assert asyncio.get_running_loop().time() - began > 5 * module.STALLED_S


async def test_reads_over_the_bound_are_refused_at_once() -> None:
    """What waits is bounded."""
    trips = Trips()
    reader = Reader(trips.run, 1, max_waiting=3)
    asked = ask(reader, *range(6))
    await asyncio.sleep(0)
    assert [task.done() for task in asked] == [False] * 4 + [True] * 2
    trips.open.set()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert outcomes[:4] == [0, 1, 2, 3]
    assert {type(outcome) for outcome in outcomes[4:]} == {UnavailableError}


async def test_reads_given_up_are_not_run() -> None:
    """Nobody waits for them any more; the others lose nothing by it."""
    trips = Trips()
    reader = Reader(trips.run, 1)
    asked = ask(reader, *range(5))
    await asyncio.sleep(0)
    for number in (0, 2):
        asked[number].cancel()
    await asyncio.sleep(0)
    trips.open.set()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [outcome for outcome in outcomes if isinstance(outcome, int)] == [1, 3, 4]
    assert 2 not in [value for trip in trips.trips for value in trip]
    assert (reader.depth, trips.under_way) == (0, 0)


async def test_closed_reader_refuses_and_waits_for_what_is_under_way() -> None:
    """Nothing runs on a database that is being closed."""
    trips = Trips()
    reader = Reader(trips.run, 1)
    asked = ask(reader, *range(3))
    await asyncio.sleep(0)
    await reader.close()
    trips.open.set()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [int, UnavailableError, UnavailableError]
    with pytest.raises(UnavailableError):
        await reader.submit(says(1))
