"""Lanes: the order of one connection's operations, and what may overlap."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.realtime import lanes
from server.realtime.lanes import MAX_RUNNING, MAX_WAITING, Done, Lane


class Stage:
    """A lane, and operations that note when they begin and end, and end when they are told to."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.throttles: list[bool] = []
        self.lane = Lane(self.throttles.append)
        self._running: dict[str, Done] = {}

    @property
    def running(self) -> list[str]:
        """What has begun and not ended."""
        return list(self._running)

    def submit(self, *names: str, concurrent: bool = False) -> None:
        """Submit operations that end when they are told to."""
        for name in names:
            self.lane.submit(self._operation(name), concurrent=concurrent)

    def submit_sync(self, *names: str, concurrent: bool = False, then: Callable[[], None] = lambda: None) -> None:
        """Submit operations that end before their `start` returns; `then` is done in between."""
        for name in names:
            self.lane.submit(self._sync_operation(name, then), concurrent=concurrent)

    def end(self, *names: str) -> None:
        """Let operations end."""
        for name in names:
            done = self._running.pop(name)
            self.log.append(f"-{name}")
            done()

    def _operation(self, name: str) -> Callable[[Done], None]:
        def start(done: Done) -> None:
            self.log.append(f"+{name}")
            self._running[name] = done

        return start

    def _sync_operation(self, name: str, then: Callable[[], None]) -> Callable[[Done], None]:
        def start(done: Done) -> None:
            self.log.append(f"+{name}")
            then()
            self.log.append(f"-{name}")
            done()

        return start


@pytest.fixture
def stage() -> Stage:
    """A lane with nothing in it."""
    return Stage()


def test_exclusive_operations_run_one_after_another(stage: Stage) -> None:
    """Each begins when the one before has ended, in the order of arrival."""
    stage.submit("a", "b", "c")
    assert stage.log == ["+a"]
    stage.end("a")
    assert stage.log == ["+a", "-a", "+b"]
    stage.end("b")
    stage.end("c")
    assert stage.log == ["+a", "-a", "+b", "-b", "+c", "-c"]


def test_concurrent_operations_overlap_and_begin_in_order(stage: Stage) -> None:
    """Sends do not wait for one another, and enter the writer's queue as they came."""
    stage.submit("a", "b", "c", concurrent=True)
    assert stage.log == ["+a", "+b", "+c"]
    stage.end("c", "a", "b")
    assert not stage.lane.busy


def test_exclusive_waits_for_sends_and_sends_wait_for_it(stage: Stage) -> None:
    """What is neither takes effect after all sends before it and before all sends after it."""
    stage.submit("s1", "s2", concurrent=True)
    stage.submit("x")
    stage.submit("s3", "s4", concurrent=True)
    stage.submit("y")
    assert stage.running == ["s1", "s2"]
    stage.end("s2")
    assert stage.running == ["s1"]
    stage.end("s1")
    assert stage.running == ["x"]
    stage.end("x")
    assert stage.running == ["s3", "s4"]
    stage.end("s4", "s3")
    assert stage.running == ["y"]
    stage.end("y")
    assert not stage.lane.busy


def test_send_does_not_overtake_what_waits(stage: Stage) -> None:
    """A send that might overlap those that run still waits for the operation before it."""
    stage.submit("s1", concurrent=True)
    stage.submit("x")
    stage.submit("s2", concurrent=True)
    assert stage.running == ["s1"]


def test_sync_operation_leaves_the_lane_free(stage: Stage) -> None:
    """One that ends within its `start` is over when `submit` returns; it keeps nobody waiting."""
    stage.submit_sync("a")
    assert not stage.lane.busy
    stage.submit("b")
    stage.submit_sync("c", "d")
    stage.submit("e")
    stage.end("b")
    assert stage.log == ["+a", "-a", "+b", "-b", "+c", "-c", "+d", "-d", "+e"]


def test_submit_within_an_operation_waits_for_its_end(stage: Stage) -> None:
    """Also when the operation was begun by the end of another: nothing begins within what is exclusive."""
    stage.submit_sync("a", then=lambda: stage.submit("b"))
    assert stage.log == ["+a", "-a", "+b"]
    stage.submit_sync("c", then=lambda: stage.submit_sync("d"))
    stage.end("b")
    assert stage.log[3:] == ["-b", "+c", "-c", "+d", "-d"]
    assert not stage.lane.busy


def test_ten_thousand_sync_operations_do_not_recurse(stage: Stage) -> None:
    """What waited is worked off in a loop, however much it is."""
    stage.submit("first")
    names = [str(number) for number in range(10_000)]
    stage.submit_sync(*names)
    stage.end("first")
    assert [line[1:] for line in stage.log if line[0] == "+"] == ["first", *names]
    assert not stage.lane.busy
    assert stage.throttles == [True, False]


def test_chain_of_sync_operations_does_not_recurse(stage: Stage) -> None:
    """Nor when each is submitted by the one before, from within."""
    left = iter(range(10_000))

    def submit_next() -> None:
        if next(left, None) is not None:
            stage.submit_sync("x", then=submit_next)

    stage.submit("first")
    submit_next()
    stage.end("first")
    assert len(stage.log) == 2 + 2 * 10_000
    assert not stage.lane.busy


def test_so_many_run_at_once_and_no_more(stage: Stage) -> None:
    """The next begins when one of them ends, whichever it is."""
    names = [str(number) for number in range(MAX_RUNNING + 2)]
    stage.submit(*names, concurrent=True)
    assert stage.running == names[:MAX_RUNNING]
    stage.end("7")
    assert len(stage.running) == MAX_RUNNING
    assert stage.running[-1] == names[MAX_RUNNING]
    stage.end("3")
    assert stage.running[-1] == names[MAX_RUNNING + 1]


def test_lane_is_throttled_when_too_many_wait_until_half_are_done(stage: Stage) -> None:
    """Once each way, and nothing that came in between is lost."""
    names = [str(number) for number in range(MAX_WAITING + 10)]
    stage.submit("first")
    stage.submit(*names[: MAX_WAITING - 1])
    assert (stage.throttles, stage.lane.full) == ([], False)
    stage.submit(*names[MAX_WAITING - 1 :])
    assert (stage.throttles, stage.lane.full) == ([True], True)
    stage.end("first")
    ended = 0
    while stage.lane.full:
        stage.end(names[ended])
        ended += 1
    assert stage.throttles == [True, False]
    assert len(names) - ended - 1 == MAX_WAITING // 2  # one of those left is running
    for name in names[ended:]:
        stage.end(name)
    assert [line[1:] for line in stage.log if line[0] == "+"] == ["first", *names]
    assert (stage.throttles, stage.lane.busy) == ([True, False], False)


def test_lane_may_be_filled_from_within_the_end_of_its_throttling() -> None:
    """Reading goes on at once with what was read already, which may be as much again."""
    began: list[int] = []
    ends: deque[Done] = deque()
    numbers = iter(range(1_000))
    throttles: list[bool] = []

    def start_of(number: int) -> Callable[[Done], None]:
        def start(done: Done) -> None:
            began.append(number)
            ends.append(done)

        return start

    def fill() -> None:
        while not lane.full and (number := next(numbers, None)) is not None:
            lane.submit(start_of(number))

    def throttle(throttled: bool) -> None:
        throttles.append(throttled)
        if not throttled:
            fill()

    lane = Lane(throttle)
    fill()
    while ends:
        ends.popleft()()
    assert began == list(range(1_000))
    assert throttles == [True, False] * (len(throttles) // 2)
    assert (lane.busy, lane.full) == (False, False)


async def test_idle_waits_for_what_runs_and_what_waits(stage: Stage) -> None:
    """And for what is submitted meanwhile; whoever gives up waiting disturbs nobody."""
    await stage.lane.idle()
    stage.submit("a", "b")
    waits = [asyncio.create_task(stage.lane.idle()) for _ in range(3)]
    await asyncio.sleep(0)
    waits[0].cancel()
    stage.end("a")
    await asyncio.sleep(0)
    stage.submit("c")
    stage.end("b")
    await asyncio.sleep(0)
    assert not any(wait.done() for wait in waits[1:])
    stage.end("c")
    await asyncio.wait_for(asyncio.gather(*waits[1:]), 1)


async def test_idle_goes_on_waiting_if_the_lane_is_busy_again(stage: Stage) -> None:
    """It was idle only for a moment: who waited sees it as it is when their turn comes."""
    stage.submit("a")
    waiting = asyncio.create_task(stage.lane.idle())
    await asyncio.sleep(0)
    stage.end("a")
    stage.submit("b")
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    stage.end("b")
    await asyncio.wait_for(waiting, 1)


async def test_idle_is_told_when_a_sync_operation_is_the_last(stage: Stage) -> None:
    """Its end is within the end of the one before."""
    stage.submit("a")
    stage.submit_sync("b")
    waiting = asyncio.create_task(stage.lane.idle())
    await asyncio.sleep(0)
    stage.end("a")
    await asyncio.wait_for(waiting, 1)


def test_lanes_of_two_connections_do_not_wait_for_each_other() -> None:
    """A slow operation delays nobody else."""
    slow, quick = Stage(), Stage()
    slow.submit("slow")
    quick.submit("quick")
    assert quick.running == ["quick"]


# --- Against a model -------------------------------------------------------------------------------------------


class Operation(NamedTuple):
    """An operation of the model."""

    name: str
    concurrent: bool
    sync: bool


class Model:
    """What a lane is to do, said without care for speed."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.running: list[Operation] = []
        self.waiting: list[Operation] = []
        self.throttles: list[bool] = []

    @property
    def full(self) -> bool:
        """Whether it is throttled."""
        return self.throttles[-1:] == [True]

    def submit(self, operation: Operation) -> None:
        """Let an operation wait, and begin what may."""
        self.waiting.append(operation)
        self._begin_all()
        if len(self.waiting) >= lanes.MAX_WAITING and not self.full:
            self.throttles.append(True)

    def end(self, operation: Operation) -> None:
        """End an operation, and begin what may."""
        self.running.remove(operation)
        self._begin_all()
        if len(self.waiting) <= lanes.MAX_WAITING // 2 and self.full:
            self.throttles.append(False)

    def _begin_all(self) -> None:
        while self.waiting and self._may_begin(self.waiting[0]):
            operation = self.waiting.pop(0)
            self.began.append(operation.name)
            if not operation.sync:
                self.running.append(operation)

    def _may_begin(self, operation: Operation) -> bool:
        if not operation.concurrent:
            return not self.running
        return len(self.running) < lanes.MAX_RUNNING and all(other.concurrent for other in self.running)


SUBMITS = st.tuples(st.booleans(), st.booleans())
ENDS = st.integers(0, 10)


@given(steps=st.lists(SUBMITS | ENDS, max_size=80))
def test_lane_does_what_the_model_does(steps: list[tuple[bool, bool] | int]) -> None:
    """Whatever comes and ends when: begun in the order submitted, exclusive alone, bounded, and nothing lost."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lanes, "MAX_RUNNING", 3)
        patch.setattr(lanes, "MAX_WAITING", 6)
        stage, model = Stage(), Model()
        submitted: list[str] = []

        def compare() -> None:
            began = [line[1:] for line in stage.log if line[0] == "+"]
            assert began == model.began == submitted[: len(began)]
            assert stage.running == [operation.name for operation in model.running]
            assert (stage.throttles, stage.lane.full) == (model.throttles, model.full)
            assert stage.lane.busy == bool(model.running or model.waiting)

        def end(number: int) -> None:
            operation = model.running[number % len(model.running)]
            model.end(operation)
            stage.end(operation.name)

        for step in steps:
            if isinstance(step, int):
                if model.running:
                    end(step)
            else:
                operation = Operation(str(len(submitted)), *step)
                submitted.append(operation.name)
                model.submit(operation)
                submit = stage.submit_sync if operation.sync else stage.submit
                submit(operation.name, concurrent=operation.concurrent)
            compare()
        while model.running:
            end(0)
            compare()
        assert model.began == submitted
        assert not stage.lane.busy
