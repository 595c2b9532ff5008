"""Loading together: one query for all who ask at the same time, and nothing kept."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from server.services.batched import MAX_KEYS, Batched


class Store:
    """Answers when it is let; remembers what was asked for."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.values: dict[str, int] = {}
        self.error: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def load(self, keys: Sequence[str]) -> Mapping[str, int]:
        """Load values."""
        self.asked.append(list(keys))
        error = self.error
        await self.open.wait()
        if error is not None:
            raise error
        return {key: self.values[key] for key in keys if key in self.values}


@pytest.fixture
async def store() -> Store:
    """A store that answers at once."""
    return Store()


@pytest.fixture
async def batched(store: Store) -> Batched[str, int]:
    """What is tested."""
    return Batched(store.load)


async def turns(count: int = 5) -> None:
    """Let others run."""
    for _ in range(count):
        await asyncio.sleep(0)


def is_empty(batched: Batched[str, int]) -> bool:
    """Tell whether nothing is kept."""
    return not batched._waiting and batched._task is None


async def test_many_at_once_are_one_load(batched: Batched[str, int], store: Store) -> None:
    """Each gets their own; a key that two ask for is loaded once; what is not there is None."""
    store.values = {"a": 1, "b": 2}
    found = await asyncio.gather(*map(batched.get, ["a", "b", "a", "c"]))
    assert found == [1, 2, 1, None]
    assert store.asked == [["a", "b", "c"]]


async def test_what_is_asked_for_while_loading_is_the_next_batch(batched: Batched[str, int], store: Store) -> None:
    """Also the very keys that are being loaded: what is read then may be newer."""
    store.values = {"a": 1, "b": 2}
    store.open.clear()
    first = asyncio.create_task(batched.get("a"))
    await turns()
    later = [asyncio.create_task(batched.get(key)) for key in "bab"]
    await turns()
    assert store.asked == [["a"]]
    store.open.set()
    assert await first == 1
    assert await asyncio.gather(*later) == [2, 1, 2]
    assert store.asked == [["a"], ["b", "a"]]


async def test_one_after_another_are_gathered(batched: Batched[str, int], store: Store) -> None:
    """The first is loaded at once; while it is, and shortly after, the others come together."""
    store.values = {"a": 1, "b": 2, "c": 3}
    store.open.clear()
    asking = [asyncio.create_task(batched.get("a"))]
    await turns()
    asking.append(asyncio.create_task(batched.get("b")))
    store.open.set()
    assert await asking[0] == 1
    asking.append(asyncio.create_task(batched.get("c")))
    assert await asyncio.gather(*asking) == [1, 2, 3]
    assert store.asked == [["a"], ["b", "c"]]


async def test_large_batch_is_cut(batched: Batched[str, int], store: Store) -> None:
    """No query is too long; all are answered."""
    keys = [str(number) for number in range(2 * MAX_KEYS + 1)]
    store.values = {key: int(key) for key in keys}
    assert await asyncio.gather(*map(batched.get, keys)) == list(range(2 * MAX_KEYS + 1))
    assert [len(asked) for asked in store.asked] == [MAX_KEYS, MAX_KEYS, 1]


async def test_error_reaches_all_who_wait(batched: Batched[str, int], store: Store) -> None:
    """Of that batch; the next is tried again."""
    store.values = {"a": 1, "b": 2}
    store.error = OSError("gone")
    store.open.clear()
    failing = [asyncio.create_task(batched.get(key)) for key in "aba"]
    await turns()
    store.error = None
    later = asyncio.create_task(batched.get("b"))
    await turns()
    store.open.set()
    outcomes = await asyncio.gather(*failing, return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["gone"] * 3
    assert await later == 2
    assert is_empty(batched)


async def test_error_that_nobody_waits_for_is_silent(
    batched: Batched[str, int], store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """Those who asked gave up: there is no complaint about an exception that was not looked at."""
    store.error = OSError("gone")
    store.open.clear()
    asking = asyncio.create_task(batched.get("a"))
    await turns()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    store.open.set()
    await turns()
    assert is_empty(batched)
    assert caplog.records == []


@pytest.mark.parametrize("loading", [True, False])
async def test_one_who_gives_up_harms_no_other(batched: Batched[str, int], store: Store, loading: bool) -> None:
    """Before or while it is loaded: the others, of the same key or not, get theirs."""
    store.values = {"a": 1, "b": 2}
    store.open.clear()
    asking = [asyncio.create_task(batched.get(key)) for key in "aaab"]
    await turns(5 if loading else 1)
    asking[0].cancel()
    asking[2].cancel()
    store.open.set()
    outcomes = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError, int, asyncio.CancelledError, int]
    assert (outcomes[1], outcomes[3]) == (1, 2)
    assert is_empty(batched)


async def test_nothing_is_kept(batched: Batched[str, int], store: Store) -> None:
    """Whoever asks later is told what is so by then; no task waits meanwhile."""
    store.values = {"a": 1}
    assert await batched.get("a") == 1
    await turns()
    assert is_empty(batched)
    store.values = {"a": 2}
    assert await batched.get("a") == 2
    store.values = {}
    assert await batched.get("a") is None
    assert len(store.asked) == 3
    await turns()
    assert is_empty(batched)
