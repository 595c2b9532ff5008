"""Deadlines: everyone in time and in order, by one timer."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from server.realtime import deadlines
from server.realtime.deadlines import Deadlines


class Timer:
    """A timer of the loop below."""

    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        """Do not run."""
        self.cancelled = True


class Loop:
    """An event loop whose time passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        """Return the time."""
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Remember a timer."""
        self.timers.append(Timer(when, callback))
        return self.timers[-1]

    @property
    def pending(self) -> list[float]:
        """When timers will run."""
        return [timer.when for timer in self.timers if not timer.cancelled]

    def advance(self, seconds: float) -> None:
        """Let time pass, and run what is due on the way."""
        until = self.now + seconds
        while due := sorted((t for t in self.timers if not t.cancelled and t.when <= until), key=lambda t: t.when):
            self.timers.remove(due[0])
            self.now = max(self.now, due[0].when)
            due[0].callback()
        self.now = until


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    """The loop that deadlines run on."""
    made = Loop()
    monkeypatch.setattr(deadlines, "asyncio", SimpleNamespace(get_running_loop=lambda: made))
    return made


def test_items_are_due_in_the_order_in_which_they_were_added(loop: Loop) -> None:
    """Each after the same time, and not before."""
    due: list[tuple[float, str]] = []
    waiting: Deadlines[str] = Deadlines(10, lambda item: due.append((loop.now, item)))
    for item in "abc":
        waiting.add(item)
        loop.advance(1)
    assert len(waiting) == 3
    loop.advance(6.5)
    assert due == []
    loop.advance(10)
    assert due == [(110, "a"), (111, "b"), (112, "c")]
    assert len(waiting) == 0


def test_item_that_is_added_again_starts_anew(loop: Loop) -> None:
    """It goes to the end, and is due once."""
    due: list[tuple[float, str]] = []
    waiting: Deadlines[str] = Deadlines(10, lambda item: due.append((loop.now, item)))
    waiting.add("a")
    waiting.add("b")
    loop.advance(4)
    waiting.add("a")
    assert len(waiting) == 2
    loop.advance(30)
    assert due == [(110, "b"), (114, "a")]


def test_discarded_item_is_not_due(loop: Loop) -> None:
    """Neither the first nor another; one that is not waited for may be discarded as well."""
    due: list[str] = []
    waiting: Deadlines[str] = Deadlines(10, due.append)
    for item in "abcd":
        waiting.add(item)
    for item in "aacx":
        waiting.discard(item)
    assert len(waiting) == 2
    loop.advance(30)
    assert due == ["b", "d"]


def test_there_is_one_timer_however_many_wait(loop: Loop) -> None:
    """It is for the head of the queue; nobody waits, no timer."""
    waiting: Deadlines[int] = Deadlines(10, lambda _: None)
    assert loop.pending == []
    for item in range(100):
        waiting.add(item)
        loop.advance(0.25)
        assert len(loop.pending) == 1
    loop.advance(100)
    assert loop.pending == []


def test_timer_of_a_discarded_head_is_for_the_next(loop: Loop) -> None:
    """It may run in vain, and then waits for who is first."""
    due: list[tuple[float, str]] = []
    waiting: Deadlines[str] = Deadlines(10, lambda item: due.append((loop.now, item)))
    waiting.add("a")
    loop.advance(5)
    waiting.add("b")
    waiting.discard("a")
    loop.advance(5)
    assert loop.pending == [115]
    loop.advance(5)
    assert due == [(115, "b")]


def test_timer_of_nobody_ends(loop: Loop) -> None:
    """When all are discarded, the timer runs once in vain and is not set again."""
    waiting: Deadlines[str] = Deadlines(10, lambda _: None)
    waiting.add("a")
    waiting.discard("a")
    loop.advance(20)
    assert loop.pending == []
    waiting.add("b")
    assert loop.pending == [130]


def test_nothing_is_due_after_close(loop: Loop) -> None:
    """Nor is a timer left; it may be used again, and closed twice."""
    due: list[str] = []
    waiting: Deadlines[str] = Deadlines(10, due.append)
    waiting.add("a")
    waiting.close()
    waiting.close()
    assert (len(waiting), loop.pending) == (0, [])
    loop.advance(20)
    assert due == []
    waiting.add("b")
    loop.advance(20)
    assert due == ["b"]


def test_items_may_be_added_when_one_is_due(loop: Loop) -> None:
    """The one that is due, or another: there is still one timer."""
    due: list[tuple[float, str]] = []

    def again(item: str) -> None:
        due.append((loop.now, item))
        if len(due) < 4:
            waiting.add(item)
            assert len(loop.pending) <= 1

    waiting: Deadlines[str] = Deadlines(10, again)
    waiting.add("a")
    waiting.add("b")
    loop.advance(25)
    assert due == [(110, "a"), (110, "b"), (120, "a"), (120, "b")]
    assert len(waiting) == 1
    assert loop.pending == [130]


def test_items_may_be_discarded_when_one_is_due(loop: Loop) -> None:
    """Those that were due with it are not, then."""
    due: list[str] = []

    def end(item: str) -> None:
        due.append(item)
        waiting.discard("b")

    waiting: Deadlines[str] = Deadlines(10, end)
    for item in "abc":
        waiting.add(item)
    loop.advance(10)
    assert due == ["a", "c"]


def test_it_may_be_closed_when_one_is_due(loop: Loop) -> None:
    """Nothing more is due, and no timer left."""
    due: list[str] = []

    def end(item: str) -> None:
        due.append(item)
        waiting.close()

    waiting: Deadlines[str] = Deadlines(10, end)
    waiting.add("a")
    waiting.add("b")
    loop.advance(30)
    assert (due, loop.pending) == (["a"], [])


def test_item_added_when_one_is_due_delays_nobody_else(loop: Loop) -> None:
    """A client that is waited for anew (its answer may be among what is not read yet) is no matter of the others."""
    due: list[tuple[float, str]] = []

    def again(item: str) -> None:
        due.append((loop.now, item))
        if len(due) == 1:
            waiting.add(item)

    waiting: Deadlines[str] = Deadlines(10, again)
    waiting.add("a")
    loop.advance(5)
    waiting.add("b")
    loop.advance(30)
    assert due == [(110, "a"), (115, "b"), (120, "a")]


def test_failure_for_one_item_delays_nobody_else(loop: Loop) -> None:
    """What one connection does wrong must not keep the heartbeats of the others from going on."""
    due: list[tuple[float, str]] = []

    def fail(item: str) -> None:
        due.append((loop.now, item))
        if item == "a":
            raise LookupError

    waiting: Deadlines[str] = Deadlines(10, fail)
    for item in "ab":
        waiting.add(item)
    loop.advance(5)
    waiting.add("c")
    with pytest.raises(LookupError):
        loop.advance(5)
    loop.advance(30)
    assert due == [(110, "a"), (110, "b"), (115, "c")]


STEP = st.one_of(
    st.tuples(st.just("add"), st.sampled_from("abc")),
    st.tuples(st.just("discard"), st.sampled_from("abc")),
    st.integers(1, 12),
    st.integers(1, 12),
)


@given(steps=st.lists(STEP, max_size=30))
def test_deadlines_do_what_timers_of_their_own_would(steps: list[tuple[str, str] | int]) -> None:
    """Whatever is added, added again and discarded is due on time, and there is never a second timer."""
    with pytest.MonkeyPatch.context() as patch:
        loop = Loop()
        patch.setattr(deadlines, "asyncio", SimpleNamespace(get_running_loop=lambda: loop))
        told: list[tuple[float, str]] = []
        expected: list[tuple[float, str]] = []
        due: dict[str, float] = {}
        waiting: Deadlines[str] = Deadlines(10, lambda item: told.append((loop.now, item)))
        for step in [*steps, 30]:
            if isinstance(step, int):
                loop.advance(step)
                over = sorted((when, list(due).index(item), item) for item, when in due.items() if when <= loop.now)
                expected += [(when, item) for when, _, item in over]
                due = {item: when for item, when in due.items() if when > loop.now}
                continue
            action, item = step
            due.pop(item, None)
            if action == "add":
                due[item] = loop.now + 10
                waiting.add(item)
            else:
                waiting.discard(item)
            assert len(loop.pending) <= 1
        assert told == expected
        assert (len(waiting), loop.pending) == (0, [])


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_deadlines_hold_on_a_real_loop(run: Callable[[Any], Any]) -> None:
    """Its clock may be coarse: nothing is early, nothing is forgotten."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        added: dict[int, float] = {}
        waited: list[tuple[int, float]] = []
        done = asyncio.Event()

        def note(item: int) -> None:
            waited.append((item, loop.time() - added[item]))
            if len(waited) == 20:
                done.set()

        waiting: Deadlines[int] = Deadlines(0.0205, note)
        for item in range(20):
            added[item] = loop.time()
            waiting.add(item)
            await asyncio.sleep(0.0015)
        await asyncio.wait_for(done.wait(), 5)
        assert [item for item, _ in waited] == list(range(20))
        assert min(seconds for _, seconds in waited) > 0.0204
        assert len(waiting) == 0

    run(scenario())
