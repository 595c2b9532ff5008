"""The one queue of writes of a process: what waits while a batch is committed is the next batch (group commit).

Jobs enter in the order in which they are submitted and their futures resolve in that order, so a process publishes the
events of a thread in `rev` order without sorting them. A full queue is refused at once rather than kept waiting.

Nobody waits longer than `ANSWER_WITHIN_S`. What has not begun by then never will. Of a batch that is being committed
nobody knows: those who wait are refused, and if it is stored after all they are told so once more, as `Late`.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

import structlog

from server.domain.errors import UnavailableError
from server.storage.append import NewMessage
from server.storage.unit_of_work import UnitOfWork

MAX_QUEUED = 10_000
MAX_BATCH = 1_000
ANSWER_WITHIN_S = 1.75
"""Later than this the answer is that the database is away. Counted in looks: a pause counts little (`patience`)."""
WATCH_EVERY_S = 0.1
GATHER_S = 0.001
"""So long after a commit began the next one begins at the earliest: what comes meanwhile shares its price. Where
messages come several a millisecond, one commit for each would cost more than all else that is done for them."""
CLOSE_WITHIN_S = 4.0

Job = Callable[[UnitOfWork], Any]
Work = NewMessage | Job
Settle = Callable[[Any], None]
Commit = Callable[[Sequence[Work]], Awaitable[Sequence[Any]]]


class Late(NamedTuple):
    """The result of a write that was refused for lack of an answer, and was stored after all."""

    result: Any


log = structlog.get_logger()


class Writer:
    """Drains the queue into `commit`, which returns for each work its result or the exception that refuses it."""

    def __init__(self, commit: Commit, *, max_queued: int = MAX_QUEUED, max_batch: int = MAX_BATCH) -> None:
        self._commit = commit
        self._max_queued = max_queued
        self._max_batch = max_batch
        self._queue: deque[tuple[Work, Settle, float]] = deque()
        self._batch: Sequence[tuple[Work, Settle, float]] = ()
        self._given_up = 0
        """So many of the batch, from its beginning, were refused since they waited too long."""
        self._lived_s = 0.0
        """Time, as far as anybody waited in it."""
        self._watch_timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._began_s = -GATHER_S
        """When the last commit began, on the event loop's clock."""
        self.batches = 0
        self.works = 0

    @property
    def depth(self) -> int:
        """How many writes wait."""
        return len(self._queue)

    def submit(self, work: Work, tell: Settle | None = None) -> asyncio.Future[Any]:
        """Queue a write; the future resolves once it is committed, or with why it was not.

        `tell` is called once, with the result of a write that is stored, whatever the future said or says.

        Raises:
            UnavailableError: the queue is full, or closed.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.put(work, partial(_resolve, future, tell))
        return future

    def put(self, work: Work, settle: Settle) -> None:
        """Queue a write; `settle` is called once it is committed, with its result, or with why it was not.

        It is called a second time, with `Late`, if that was `UnavailableError` and the write is stored after all.

        Raises:
            UnavailableError: the queue is full, closed or stuck; `settle` is not called then.
        """
        if self._closed or self._given_up or len(self._queue) >= self._max_queued:
            raise UnavailableError
        self._queue.append((work, settle, self._lived_s))
        if self._task is None:
            self._task = asyncio.create_task(self._drain(), name="writer")
            if self._watch_timer is None:
                self._watch_later()

    async def close(self) -> None:
        """Refuse new writes and commit those that wait, as far as that can be done in a few seconds."""
        self._closed = True
        if self._task is not None and not (await asyncio.wait({self._task}, timeout=CLOSE_WITHIN_S))[0]:
            self._task.cancel()
            await asyncio.wait({self._task})
        if self._watch_timer is not None:
            self._watch_timer.cancel()

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._queue:
                if (wait_s := self._began_s + GATHER_S - loop.time()) > 0:
                    await asyncio.sleep(wait_s)
                self._began_s = loop.time()
                size = min(len(self._queue), self._max_batch)
                batch = self._batch = [self._queue.popleft() for _ in range(size)]
                self.batches += 1
                self.works += size
                try:
                    outcomes = await self._commit([work for work, _, _ in batch])
                except Exception as error:  # noqa: BLE001 - it belongs to those who wait for it
                    outcomes = [error] * size
                given_up, self._given_up, self._batch = self._given_up, 0, ()
                for (_, settle, _), outcome in zip(batch[:given_up], outcomes, strict=False):
                    if not isinstance(outcome, Exception):
                        _settle(settle, Late(outcome))
                for (_, settle, _), outcome in zip(batch[given_up:], outcomes[given_up:], strict=True):
                    _settle(settle, outcome)
        finally:
            self._task = None

    def _watch_later(self) -> None:
        self._watch_timer = asyncio.get_running_loop().call_later(WATCH_EVERY_S, self._watch)

    def _watch(self) -> None:
        """Refuse those who have waited too long."""
        self._watch_timer = None
        if self._task is None:
            return
        self._lived_s += WATCH_EVERY_S
        began_before = self._lived_s - ANSWER_WITHIN_S
        while self._given_up < len(self._batch) and self._batch[self._given_up][2] < began_before:
            self._given_up += 1
            _settle(self._batch[self._given_up - 1][1], UnavailableError())
        while self._queue and self._queue[0][2] < began_before:
            _settle(self._queue.popleft()[1], UnavailableError())
        self._watch_later()


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


def _resolve(future: asyncio.Future[Any], tell: Settle | None, outcome: Any) -> None:
    result = outcome.result if isinstance(outcome, Late) else outcome
    is_stored = not isinstance(result, BaseException)
    if not future.done():  # else it was refused, or its caller was cancelled: the write stands all the same
        if is_stored:
            future.set_result(result)
        else:
            future.set_exception(result)
    if is_stored and tell is not None:
        tell(result)
