"""One timer for all connections that wait equally long, instead of a timer for each."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Deadlines(Generic[T]):
    """Calls `on_due` for each item, `delay_s` after it was added. Adding an item again starts its time anew.

    Since all wait equally long, what was added first is due first: a queue is enough, and one timer for its head.
    """

    def __init__(self, delay_s: float, on_due: Callable[[T], None]) -> None:
        self._delay_s = delay_s
        self._on_due = on_due
        self._due: OrderedDict[T, float] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Return how many are waiting."""
        return len(self._due)

    def add(self, item: T) -> None:
        """Begin to wait for an item."""
        loop = asyncio.get_running_loop()
        self._due.pop(item, None)
        self._due[item] = loop.time() + self._delay_s
        if self._timer is None:
            self._set_timer()

    def discard(self, item: T) -> None:
        """Wait for an item no longer, if it was waited for."""
        self._due.pop(item, None)

    def end_first(self) -> None:
        """End the wait for the item that has waited longest now, as if it were due."""
        item, _ = self._due.popitem(last=False)
        self._on_due(item)

    def close(self) -> None:
        """Wait for nothing any more."""
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _run(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        try:
            while self._due:
                item, due = next(iter(self._due.items()))
                if due > now:
                    break
                del self._due[item]
                self._on_due(item)
        finally:
            self._set_timer()

    def _set_timer(self) -> None:
        """Set the timer for the first, if it is not set."""
        if self._due and self._timer is None:
            self._timer = asyncio.get_running_loop().call_at(next(iter(self._due.values())), self._run)
