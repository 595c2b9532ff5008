"""One connection's operations take effect in the order sent.

Operations enter the lane in the order of arrival. Concurrent ones (sending a message) overlap one another: each is in
the writer's queue before the next begins, and is acknowledged when it is committed. Any other waits for all before it,
and all after it wait for it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from server.domain.errors import UnavailableError

T = TypeVar("T")

MAX_WAITING = 2_000


class Lane:
    """The order of one connection."""

    def __init__(self) -> None:
        self._exclusive: asyncio.Future[None] | None = None
        self._concurrent: set[asyncio.Future[None]] = set()
        self._waiting = 0

    async def run(self, operation: Callable[[], Awaitable[T]], *, concurrent: bool) -> T:
        """Run an operation in its turn. The turn is taken when this coroutine first runs.

        Raises:
            UnavailableError: too many operations of the connection are waiting.
        """
        if self._waiting >= MAX_WAITING:
            raise UnavailableError
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        before = self._take_turn(done, concurrent=concurrent)
        self._waiting += 1
        try:
            for earlier in before:
                await asyncio.shield(earlier)
            return await operation()
        finally:
            self._waiting -= 1
            self._concurrent.discard(done)
            if self._exclusive is done:
                self._exclusive = None
            done.set_result(None)

    def _take_turn(self, done: asyncio.Future[None], *, concurrent: bool) -> list[asyncio.Future[None]]:
        before = [self._exclusive] if self._exclusive is not None else []
        if concurrent:
            self._concurrent.add(done)
        else:
            before += self._concurrent
            self._concurrent = set()
            self._exclusive = done
        return before
