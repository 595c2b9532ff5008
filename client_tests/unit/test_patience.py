"""Waiting for a database: in time that the process lived through."""

import asyncio
import time

import pytest

from server.storage.patience import Patience, patient


async def test_what_takes_too_long_is_given_up() -> None:
    """As with asyncio's own time-out."""
    with pytest.raises(TimeoutError):
        async with patient(0.05):
            await asyncio.Event().wait()


async def test_what_ends_in_time_is_left_alone() -> None:
    """And nothing is left of the wait."""
    async with patient(0.05):
        await asyncio.sleep(0)
    await asyncio.sleep(0.1)


async def test_pause_of_the_process_uses_up_one_slice() -> None:
    """An answer that came, or comes, once it goes on is not missed."""
    ended: list[int] = []
    patience = Patience(0.5, lambda: ended.append(1))
    await asyncio.sleep(0)
    time.sleep(0.8)  # noqa: ASYNC251 - the pause
    await asyncio.sleep(0.05)
    assert not patience.ended
    async with asyncio.timeout(5):
        while not ended:  # noqa: ASYNC110 - it tells nobody else
            await asyncio.sleep(0.01)
    assert patience.ended


async def test_cancelled_patience_never_ends() -> None:
    """Also between two slices."""
    ended: list[int] = []
    patience = Patience(0.25, lambda: ended.append(1))
    await asyncio.sleep(0.15)
    patience.cancel()
    await asyncio.sleep(0.3)
    assert not ended
