"""Loading together what is asked for at the same time: one query for a thousand who connect at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")

MAX_KEYS = 500
GATHER_S = 0.005
"""So long is waited for others where one after another asks."""


class Batched(Generic[K, V]):
    """Values by key. What is asked for while a batch is loaded, and shortly after, is the next one; nothing is kept."""

    def __init__(self, load: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._load = load
        self._waiting: dict[K, list[asyncio.Future[V | None]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def get(self, key: K) -> V | None:
        """Return the value of a key; None if there is none. Raises what loading raises."""
        future: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(future)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="batched load")
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                keys = list(self._waiting)[:MAX_KEYS]
                batch = {key: self._waiting.pop(key) for key in keys}
                try:
                    found = await self._load(keys)
                except asyncio.CancelledError:
                    for future in _those_who_wait(batch.values()):
                        future.cancel()
                    raise
                except Exception as error:  # noqa: BLE001 - it belongs to those who wait
                    for future in _those_who_wait(batch.values()):
                        future.set_exception(error)
                        future.exception()  # they may have gone by the time they would look
                else:
                    for key, futures in batch.items():
                        for future in _those_who_wait([futures]):
                            future.set_result(found.get(key))
                if 0 < len(self._waiting) < MAX_KEYS:
                    await asyncio.sleep(GATHER_S)
        finally:
            self._task = None


def _those_who_wait(several: Iterable[Iterable[asyncio.Future[T]]]) -> Iterator[asyncio.Future[T]]:
    """Yield the futures of those who have not given up."""
    return (future for futures in several for future in futures if not future.done())
