"""The queue of reads of a process: a few trips to the database at a time, each with several of those that wait.

When two thousand clients come back at once they ask thousands of reads within a second. Each would take a connection of
its own, and wait for it until the pool gives up; here they wait in order, and one checkout serves many of them. While
there are fewer reads than connections nothing waits, and nothing is made for it.

However many wait, they are served as long as reads succeed. Once none has for `STALLED_S` seconds, the database is
taken to be away, and all who wait are told.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from server.domain.errors import UnavailableError
from server.storage.unit_of_work import UnitOfWork

MAX_WAITING = 10_000
MAX_BATCH = 16
"""More would keep the first of them waiting for the last, and gain nothing."""
STALLED_S = 1.75
LOOKS = 7
"""In so many looks: a pause of this process is one of them (`patience`)."""

Job = Callable[[UnitOfWork], Any]
Trip = Callable[[Sequence[Job]], Awaitable[Sequence[Any]]]
"""Runs jobs in order on one connection; returns for each its result or the exception that refuses it.

If the connection is lost it returns what it has, the failure last, or raises that; what is left runs on another one.
"""


class Reader:
    """Takes `at_once` trips at most. `trips` and `jobs` count what was done."""

    def __init__(self, trip: Trip, at_once: int, *, max_waiting: int = MAX_WAITING) -> None:
        self._trip = trip
        self._at_once = at_once
        self._max_waiting = max_waiting
        self._waiting: deque[tuple[Job, asyncio.Future[Any]]] = deque()
        self._under_way = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._watch: asyncio.TimerHandle | None = None
        self._moved = False
        self._still = 0
        """So many looks ago a read last succeeded."""
        self._closed = False
        self.trips = 0
        self.jobs = 0

    @property
    def depth(self) -> int:
        """How many reads wait."""
        return len(self._waiting)

    async def submit(self, job: Job) -> Any:
        """Run a job in its turn.

        Raises:
            UnavailableError: the database is away, or too many wait.
        """
        if self._closed or len(self._waiting) >= self._max_waiting:
            raise UnavailableError
        if self._under_way < self._at_once and not self._waiting:
            return _result(await self._alone(job))
        if not self._waiting:
            self._begin_to_watch()
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((job, future))
        return await future

    async def close(self) -> None:
        """Refuse who waits and who comes, and wait for the trips that are under way."""
        self._closed = True
        self._refuse_all()
        if self._watch is not None:
            self._watch.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _alone(self, job: Job) -> Any:
        self._under_way += 1
        self.trips += 1
        try:
            outcomes = await self._trip([partial(self._run, job)])
        finally:
            self._under_way -= 1
            self._go_on()
        self.jobs += 1
        return outcomes[0]

    def _run(self, job: Job, work: UnitOfWork) -> Any:
        """Run a job, wherever that is, and note that the database answers."""
        result = job(work)
        self._moved = True
        return result

    def _go_on(self) -> None:
        while self._waiting and self._under_way < self._at_once:
            batch = self._take_batch()
            if batch:
                self._under_way += 1
                self.trips += 1
                task = asyncio.create_task(self._serve(batch), name="reads")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def _take_batch(self) -> list[tuple[Job, asyncio.Future[Any]]]:
        """Take a fair share of those who wait, without those who have gone."""
        size = min(MAX_BATCH, math.ceil(len(self._waiting) / self._at_once))
        taken = [self._waiting.popleft() for _ in range(size)]
        return [(job, future) for job, future in taken if not future.done()]

    async def _serve(self, batch: list[tuple[Job, asyncio.Future[Any]]]) -> None:
        outcomes: Sequence[Any] = ()
        try:
            outcomes = await self._trip([partial(self._run, job) for job, _ in batch])
        except Exception as error:  # noqa: BLE001 - it belongs to the first; the others try anew
            outcomes = [error]
        finally:
            self._under_way -= 1
            self._waiting.extendleft(reversed(batch[len(outcomes) :]))
            self._go_on()
        self.jobs += len(outcomes)
        for (_, future), outcome in zip(batch, outcomes, strict=False):
            _resolve(future, outcome)

    def _begin_to_watch(self) -> None:
        self._still = 0
        if self._watch is None:
            self._look_later()

    def _look_later(self) -> None:
        self._watch = asyncio.get_running_loop().call_later(STALLED_S / LOOKS, self._look)

    def _look(self) -> None:
        self._watch = None
        self._still = 0 if self._moved else self._still + 1
        self._moved = False
        if self._still >= LOOKS:
            self._refuse_all()
        if self._waiting:
            self._look_later()

    def _refuse_all(self) -> None:
        waiting, self._waiting = self._waiting, deque()
        for _, future in waiting:
            _resolve(future, UnavailableError())


def _result(outcome: Any) -> Any:
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def _resolve(future: asyncio.Future[Any], outcome: Any) -> None:
    if future.done():  # who waited has gone
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
