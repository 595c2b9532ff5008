"""Work in the background: kept alive, logged when it fails, ended at shutdown."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from server.domain.errors import UnavailableError

log = structlog.get_logger()


class Tasks:
    """The background tasks of a process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run a coroutine in the background."""
        task = asyncio.create_task(self._guard(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def every(self, seconds: float, work: Callable[[], Awaitable[None]], name: str) -> None:
        """Run something again and again, `seconds` after it last ended; a failure is logged and the next run comes."""
        self.start(self._repeat(seconds, work, name), name)

    async def close(self) -> None:
        """Cancel what still runs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _repeat(self, seconds: float, work: Callable[[], Awaitable[None]], name: str) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._guard(work(), name)

    @staticmethod
    async def _guard(work: Awaitable[None], name: str) -> None:
        try:
            await work
        except UnavailableError:  # the database says why; whoever repeats it goes on trying
            log.warning("background task put off: the database is away", task=name)
        except Exception:
            log.exception("background task failed", task=name)
