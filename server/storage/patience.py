"""How long is waited for a database, in time that this process lived through.

A machine that is paused, or so busy that this process did not run, is no database that is away: when it goes on, the
answer may be there, or about to come. So waits are counted in short slices, of which a pause uses up one.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

SLICE_S: Final = 0.1


class Patience:
    """Calls `at_end` after some seconds that the event loop ran, unless cancelled."""

    def __init__(self, seconds: float, at_end: Callable[[], None]) -> None:
        self.ended = False
        self._slice_s = min(SLICE_S, seconds)
        self._left = math.ceil(seconds / self._slice_s)
        self._at_end = at_end
        self._timer = asyncio.get_running_loop().call_later(self._slice_s, self._tick)

    def cancel(self) -> None:
        """Wait no longer."""
        self._timer.cancel()

    def _tick(self) -> None:
        self._left -= 1
        if self._left > 0:
            self._timer = asyncio.get_running_loop().call_later(self._slice_s, self._tick)
        else:
            self.ended = True
            self._at_end()


@asynccontextmanager
async def patient(seconds: float) -> AsyncIterator[None]:
    """Give up what is inside after some seconds.

    Raises:
        TimeoutError: they are over.
    """
    async with asyncio.timeout(None) as limit:
        patience = Patience(seconds, lambda: limit.reschedule(asyncio.get_running_loop().time()))
        try:
            yield
        finally:
            patience.cancel()
