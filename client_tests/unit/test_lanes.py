"""Lanes: the order of one connection's operations, what may overlap, and when a connection is read from no more."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from server.realtime import lanes
from server.realtime.lanes import Done, Lane


class Stage:
    """Operations that note when they begin and end, and end when they are told to."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.throttled: list[bool] = []
        self.lane = Lane(self.throttled.append)
        self._dones: dict[str, Done] = {}

    def enter(self, name: str, *, concurrent: bool = False) -> None:
        """Let an operation enter the lane."""

        def start(done: Done) -> None:
            self.log.append(f"+{name}")
            self._dones[name] = done

        self.lane.submit(start, concurrent=concurrent)

    def end(self, name: str) -> None:
        """Let an operation end."""
        self.log.append(f"-{name}")
        self._dones.pop(name)()


def test_exclusive_operations_run_one_after_another() -> None:
    """Each begins when the one before has ended, in the order of arrival."""
    stage = Stage()
    for name in "abc":
        stage.enter(name)
    assert stage.log == ["+a"]
    for name in "abc":
        stage.end(name)
    assert stage.log == ["+a", "-a", "+b", "-b", "+c", "-c"]
    assert not stage.lane.busy


def test_concurrent_operations_overlap_and_begin_in_order() -> None:
    """Sends do not wait for one another, and enter the writer's queue as they came."""
    stage = Stage()
    for name in "abc":
        stage.enter(name, concurrent=True)
    assert stage.log == ["+a", "+b", "+c"]
    for name in "cab":
        stage.end(name)
    assert not stage.lane.busy


def test_exclusive_waits_for_sends_and_sends_wait_for_it() -> None:
    """What is neither takes effect after all sends before it and before all sends after it."""
    stage = Stage()
    for name, concurrent in (("s1", True), ("s2", True), ("x", False), ("s3", True), ("s4", True), ("y", False)):
        stage.enter(name, concurrent=concurrent)
    assert stage.log == ["+s1", "+s2"]
    stage.end("s2")
    assert "+x" not in stage.log
    stage.end("s1")
    assert stage.log[-1] == "+x"
    stage.end("x")
    assert stage.log[-2:] == ["+s3", "+s4"]
    stage.end("s4")
    stage.end("s3")
    assert stage.log[-1] == "+y"
    stage.end("y")


def test_operations_that_end_at_once_take_no_stack() -> None:
    """Thousands that waited for one, and each end within their beginning, do not nest."""
    stage, began = Stage(), 0

    def quick(done: Done) -> None:
        nonlocal began
        began += 1
        done()

    stage.enter("first")
    for _ in range(10_000):
        stage.lane.submit(quick)
    stage.end("first")
    assert began == 10_000
    assert not stage.lane.busy


def test_only_so_many_run_at_once() -> None:
    """A burst of sends keeps its order, and the rest waits."""
    stage = Stage()
    names = [str(number) for number in range(lanes.MAX_RUNNING + 3)]
    for name in names:
        stage.enter(name, concurrent=True)
    assert stage.log == [f"+{name}" for name in names[: lanes.MAX_RUNNING]]
    for name in names:
        stage.end(name)
    assert [line for line in stage.log if line.startswith("+")] == [f"+{name}" for name in names]


def test_connection_is_throttled_when_many_wait_and_let_go_at_half() -> None:
    """Told once each way; nothing is refused or lost."""
    stage = Stage()
    names = [str(number) for number in range(lanes.MAX_WAITING + 11)]
    for name in names:
        stage.enter(name)
    assert stage.throttled == [True]
    assert stage.lane.full
    for number, name in enumerate(names):
        stage.end(name)
        left = len(names) - number - 2
        assert stage.throttled == ([True] if left > lanes.MAX_WAITING // 2 else [True, False])
    assert not stage.lane.full
    assert [line for line in stage.log if line.startswith("+")] == [f"+{name}" for name in names]


async def test_idle_waits_until_all_have_ended() -> None:
    """Also for those that enter while it waits."""
    stage = Stage()
    await asyncio.wait_for(stage.lane.idle(), 1)
    stage.enter("a")
    waiting = asyncio.create_task(stage.lane.idle())
    await asyncio.sleep(0)
    stage.enter("b")
    stage.end("a")
    await asyncio.sleep(0)
    assert not waiting.done()
    stage.end("b")
    await asyncio.wait_for(waiting, 1)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=60), st.randoms(use_true_random=False))
def test_any_mix_begins_in_order_and_never_overlaps_an_exclusive_one(
    operations: list[tuple[bool, int]], random: "object"
) -> None:
    """Whatever ends when: begins are in the order of entry, an exclusive one is alone, and all end."""
    stage = Stage()
    choose: Callable[[list[str]], str] = random.choice  # type: ignore[attr-defined]
    running: list[str] = []
    kinds: dict[str, bool] = {}

    def follow() -> None:
        begun = [line[1:] for line in stage.log if line.startswith("+")]
        ended = {line[1:] for line in stage.log if line.startswith("-")}
        running[:] = [name for name in begun if name not in ended]
        assert all(int(one) < int(two) for one, two in pairwise(begun))
        assert len(running) <= 1 or all(kinds[name] for name in running)

    for number, (concurrent, ends) in enumerate(operations):
        kinds[str(number)] = concurrent
        stage.enter(str(number), concurrent=concurrent)
        follow()
        for _ in range(min(ends, len(running))):
            stage.end(choose(running))
            follow()
    while running:
        stage.end(choose(running))
        follow()
    assert len(stage.log) == 2 * len(operations)
    assert not stage.lane.busy
