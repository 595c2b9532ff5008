"""Lanes: the order of one connection's operations, and what may overlap."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from server import lanes
from server.domain.errors import UnavailableError
from server.lanes import Lane


class Stage:
    """Operations that note when they begin and end, and end when they are told to."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.tasks: dict[str, asyncio.Task[str]] = {}
        self._gates: dict[str, asyncio.Event] = {}

    def enter(self, lane: Lane, name: str, *, concurrent: bool) -> None:
        """Let an operation enter a lane."""
        self.tasks[name] = asyncio.create_task(lane.run(self._operation(name), concurrent=concurrent))

    async def settle(self) -> None:
        """Let everything run that can: each turn of the loop moves every task one step."""
        for _ in range(50):
            await asyncio.sleep(0)

    async def end(self, name: str) -> None:
        """Let an operation end."""
        self._gates[name].set()
        await self.settle()

    def _operation(self, name: str) -> Callable[[], Awaitable[str]]:
        gate = self._gates[name] = asyncio.Event()

        async def run() -> str:
            self.log.append(f"+{name}")
            await gate.wait()
            self.log.append(f"-{name}")
            if name.startswith("bad"):
                raise LookupError(name)
            return name

        return run


async def test_run_exclusive_operations_one_after_another() -> None:
    """Each begins when the one before has ended, in the order of arrival, and gets its own answer."""
    stage, lane = Stage(), Lane()
    for name in "abc":
        stage.enter(lane, name, concurrent=False)
    await stage.settle()
    assert stage.log == ["+a"]
    for name in "abc":
        await stage.end(name)
    assert stage.log == ["+a", "-a", "+b", "-b", "+c", "-c"]
    assert [await stage.tasks[name] for name in "abc"] == ["a", "b", "c"]


async def test_run_concurrent_operations_overlap_and_begin_in_order() -> None:
    """Sends do not wait for one another, and enter the writer's queue as they came."""
    stage, lane = Stage(), Lane()
    for name in "abc":
        stage.enter(lane, name, concurrent=True)
    await stage.settle()
    assert stage.log == ["+a", "+b", "+c"]
    for name in "cab":
        await stage.end(name)
    assert stage.log[3:] == ["-c", "-a", "-b"]


async def test_run_exclusive_waits_for_sends_and_sends_wait_for_it() -> None:
    """What is neither takes effect after all sends before it and before all sends after it."""
    stage, lane = Stage(), Lane()
    for name, concurrent in (("s1", True), ("s2", True), ("x", False), ("s3", True), ("s4", True), ("y", False)):
        stage.enter(lane, name, concurrent=concurrent)
    await stage.settle()
    assert stage.log == ["+s1", "+s2"]
    await stage.end("s2")
    assert "+x" not in stage.log
    await stage.end("s1")
    assert stage.log[-1] == "+x"
    await stage.end("x")
    assert stage.log[-2:] == ["+s3", "+s4"]
    await stage.end("s4")
    await stage.end("s3")
    assert stage.log[-1] == "+y"
    await stage.end("y")


@pytest.mark.parametrize("concurrent", [True, False])
async def test_run_that_raises_does_not_block_the_lane(concurrent: bool) -> None:
    """The caller of a failed operation gets the error; the next one runs."""
    stage, lane = Stage(), Lane()
    stage.enter(lane, "bad", concurrent=concurrent)
    stage.enter(lane, "next", concurrent=False)
    await stage.settle()
    await stage.end("bad")
    with pytest.raises(LookupError):
        await stage.tasks["bad"]
    await stage.end("next")
    assert await stage.tasks["next"] == "next"


@pytest.mark.parametrize("running", [True, False])
async def test_run_cancelled_does_not_block_the_lane(running: bool) -> None:
    """Neither one that runs nor one that still waits holds up what comes after."""
    stage, lane = Stage(), Lane()
    for name in "abc":
        stage.enter(lane, name, concurrent=False)
    await stage.settle()
    gone = "a" if running else "b"
    stage.tasks[gone].cancel()
    await stage.settle()
    assert stage.tasks[gone].cancelled()
    for name in "abc":
        await stage.end(name)
    assert stage.log[-1] == "-c"


async def test_run_waiting_then_cancelled_keeps_the_order_of_the_others() -> None:
    """An operation that gave up waiting does not let those behind it overtake those before it."""
    stage, lane = Stage(), Lane()
    for name, concurrent in (("s", True), ("gone", False), ("x", False)):
        stage.enter(lane, name, concurrent=concurrent)
    await stage.settle()
    stage.tasks["gone"].cancel()
    await stage.settle()
    assert stage.log == ["+s"]
    await stage.end("s")
    assert stage.log == ["+s", "-s", "+x"]
    await stage.end("x")


async def test_run_too_many_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is over the limit is refused at once; when there is room again, it is taken."""
    monkeypatch.setattr(lanes, "MAX_WAITING", 3)
    stage, lane = Stage(), Lane()
    for name in ("a", "b", "c", "over"):
        stage.enter(lane, name, concurrent=False)
    await stage.settle()
    with pytest.raises(UnavailableError):
        await stage.tasks["over"]
    await stage.end("a")
    stage.enter(lane, "d", concurrent=False)
    for name in "bcd":
        await stage.end(name)
    assert await stage.tasks["d"] == "d"


async def test_lanes_of_two_connections_do_not_wait_for_each_other() -> None:
    """A slow operation delays nobody else."""
    stage = Stage()
    stage.enter(Lane(), "slow", concurrent=False)
    stage.enter(Lane(), "quick", concurrent=False)
    await stage.settle()
    await stage.end("quick")
    assert await stage.tasks["quick"] == "quick"
    assert not stage.tasks["slow"].done()
    await stage.end("slow")
