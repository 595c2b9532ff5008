"""The one queue of writes of a process: what waits while a batch is committed is the next batch (group commit).

Jobs enter in the order in which they are submitted and their futures resolve in that order, so a process publishes the
events of a thread in `rev` order without sorting them. A full queue is refused at once rather than kept waiting.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any

import structlog

from server.domain.errors import UnavailableError
from server.storage.append import NewMessage
from server.storage.unit_of_work import UnitOfWork

MAX_QUEUED = 10_000
MAX_BATCH = 1_000

Job = Callable[[UnitOfWork], Any]
Work = NewMessage | Job
Settle = Callable[[Any], None]
Commit = Callable[[Sequence[Work]], Awaitable[Sequence[Any]]]

log = structlog.get_logger()


class Writer:
    """Drains the queue into `commit`, which returns for each work its result or the exception that refuses it."""

    def __init__(self, commit: Commit, *, max_queued: int = MAX_QUEUED, max_batch: int = MAX_BATCH) -> None:
        self._commit = commit
        self._max_queued = max_queued
        self._max_batch = max_batch
        self._queue: deque[tuple[Work, Settle]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.batches = 0
        self.works = 0

    @property
    def depth(self) -> int:
        """How many writes wait."""
        return len(self._queue)

    def submit(self, work: Work) -> asyncio.Future[Any]:
        """Queue a write; the future resolves once it is committed, or with why it was not.

        Raises:
            UnavailableError: the queue is full, or closed.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.put(work, partial(_resolve, future))
        return future

    def put(self, work: Work, settle: Settle) -> None:
        """Queue a write; `settle` is called once it is committed, with its result, or with why it was not.

        Raises:
            UnavailableError: the queue is full, or closed; `settle` is not called then.
        """
        if self._closed or len(self._queue) >= self._max_queued:
            raise UnavailableError
        self._queue.append((work, settle))
        if self._task is None:
            self._task = asyncio.create_task(self._drain(), name="writer")

    async def close(self) -> None:
        """Refuse new writes and commit those that wait."""
        self._closed = True
        while self._task is not None:
            await asyncio.wait({self._task})

    async def _drain(self) -> None:
        try:
            while self._queue:
                size = min(len(self._queue), self._max_batch)
                batch = [self._queue.popleft() for _ in range(size)]
                self.batches += 1
                self.works += size
                try:
                    outcomes = await self._commit([work for work, _ in batch])
                except Exception as error:  # noqa: BLE001 - it belongs to those who wait for it
                    outcomes = [error] * size
                for (_, settle), outcome in zip(batch, outcomes, strict=True):
                    _settle(settle, outcome)
        finally:
            self._task = None


def segments(works: Sequence[Work]) -> Iterator[list[Work]]:
    """Split a batch into runs of messages, which are stored together, and single jobs."""
    for is_message, run in groupby(works, lambda work: isinstance(work, NewMessage)):
        if is_message:
            yield list(run)
        else:
            yield from ([work] for work in run)


def _settle(settle: Settle, outcome: Any) -> None:
    try:
        settle(outcome)
    except Exception:  # the write stands, and those behind it are told
        log.exception("outcome of a write not told")


def _resolve(future: asyncio.Future[Any], outcome: Any) -> None:
    if future.done():  # its caller was cancelled; the write stands
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
