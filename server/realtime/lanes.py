"""One connection's operations take effect in the order sent.

Concurrent ones (sending a message) overlap one another: each has its place in the writer's queue before the next
begins. Any other waits for all before it, and all after it wait for it. Nothing here is a task: an operation begins at
once when it may, and what must wait is a line in a queue.
"""

import asyncio
from collections import deque
from collections.abc import Callable

MAX_RUNNING = 64
MAX_WAITING = 128

Done = Callable[[], None]
Start = Callable[[Done], None]
"""Begins an operation; `Done` must be called once when it ended, however. Never raises."""


class Lane:
    """The order of one connection.

    A connection that sends faster than its operations end is not read from until they have: `throttle(True)` and, when
    half of what waited is done, `throttle(False)`.
    """

    __slots__ = ("_advancing", "_exclusive", "_idle", "_running", "_throttle", "_throttled", "_waiting")

    def __init__(self, throttle: Callable[[bool], None]) -> None:
        self._throttle = throttle
        self._throttled = False
        self._exclusive = False
        self._advancing = False
        self._running = 0
        self._waiting: deque[tuple[Start, bool]] | None = None  # made when it is needed, by few
        self._idle: asyncio.Future[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether operations run or wait."""
        return self._running > 0 or bool(self._waiting)

    @property
    def full(self) -> bool:
        """Whether as many operations wait as may."""
        return self._throttled

    def submit(self, start: Start, *, concurrent: bool = False) -> None:
        """Run an operation in its turn."""
        if not self._waiting and self._may_start(concurrent):
            self._begin(start, concurrent)
            return
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append((start, concurrent))
        if len(self._waiting) >= MAX_WAITING and not self._throttled:
            self._throttled = True
            self._throttle(True)  # noqa: FBT003 - a callback with one meaning

    async def idle(self) -> None:
        """Wait until nothing runs or waits."""
        while self.busy:
            if self._idle is None:
                self._idle = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._idle)

    def _may_start(self, concurrent: bool) -> bool:  # noqa: FBT001 - called for every operation, and keywords cost
        if concurrent:
            return not self._exclusive and self._running < MAX_RUNNING
        return self._running == 0

    def _begin(self, start: Start, concurrent: bool) -> None:  # noqa: FBT001
        self._running += 1
        self._exclusive = not concurrent
        start(self._end)

    def _end(self) -> None:
        self._running -= 1
        self._exclusive = False
        if self._advancing:  # an operation may end before its `start` returns
            return
        if self._waiting or self._throttled or self._idle is not None:
            self._advance()

    def _advance(self) -> None:
        waiting = self._waiting
        self._advancing = True
        try:
            while waiting and self._may_start(waiting[0][1]):
                start, concurrent = waiting.popleft()
                self._begin(start, concurrent)
        finally:
            self._advancing = False
        if self._throttled and len(waiting or ()) <= MAX_WAITING // 2:
            self._throttled = False
            self._throttle(False)  # noqa: FBT003
        if not self.busy and self._idle is not None:
            self._idle.set_result(None)
            self._idle = None
