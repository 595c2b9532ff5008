"""The writer's queue: batches, order, limits and what an end means."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from server.domain.errors import UnavailableError
from server.storage import writer as writing
from server.storage.append import NewMessage
from server.storage.writer import Late, Work, Writer, segments


class Store:
    """Commits batches when it is let; `fails` is raised instead of the next outcomes."""

    def __init__(self) -> None:
        self.batches: list[list[Work]] = []
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.fails: Exception | None = None

    async def commit(self, works: Sequence[Work]) -> Sequence[Any]:
        """Remember a batch; each work is answered with its own id, or refused with its own error."""
        self.batches.append(list(works))
        self.begun.set()
        await self.gate.wait()
        if self.fails is not None:
            raise self.fails
        return [work.content if isinstance(work, NewMessage) else work(None) for work in works]


def message(content: str) -> NewMessage:
    """Describe a message."""
    return NewMessage(content, "t", "1", content, None, 1)


def contents(works: Sequence[Work]) -> str:
    """Join the contents of some messages."""
    return "".join(work.content for work in works if isinstance(work, NewMessage))


async def test_submit_while_a_batch_commits_makes_the_next_batch() -> None:
    """What waits is committed together, in order, and each caller gets its own answer."""
    store = Store()
    store.gate.clear()
    writer = Writer(store.commit)
    first = writer.submit(message("a"))
    await store.begun.wait()
    rest = [writer.submit(message(content)) for content in "bcd"]
    assert (writer.depth, writer.batches) == (3, 1)
    store.gate.set()
    assert await asyncio.gather(first, *rest) == list("abcd")
    assert [contents(batch) for batch in store.batches] == ["a", "bcd"]
    assert (writer.depth, writer.batches, writer.works) == (0, 2, 4)


async def test_commit_right_after_another_waits_for_company(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of messages that come one after another several share a commit; the first does not wait."""
    monkeypatch.setattr(writing, "GATHER_S", 60.0)
    store = Store()
    writer = Writer(store.commit)
    async with asyncio.timeout(5):
        await writer.submit(message("a"))
    monkeypatch.setattr(writing, "GATHER_S", 0.1)
    second = writer.submit(message("b"))
    for _ in range(10):
        await asyncio.sleep(0)
    await asyncio.gather(second, writer.submit(message("c")))
    assert [contents(batch) for batch in store.batches] == ["a", "bc"]


async def test_submit_more_than_a_batch_holds_is_split() -> None:
    """No batch is larger than the limit, and the order stays."""
    store = Store()
    writer = Writer(store.commit, max_batch=3)
    await asyncio.gather(*(writer.submit(message(content)) for content in "abcdefgh"))
    assert [contents(batch) for batch in store.batches] == ["abc", "def", "gh"]


async def test_submit_resolves_in_order() -> None:
    """Whoever was first in the queue is told first, so events are published in that order."""
    told: list[str] = []
    writer = Writer(Store().commit)
    futures = [writer.submit(message(content)) for content in "abcde"]
    for future in futures:
        future.add_done_callback(lambda done: told.append(done.result()))
    await asyncio.gather(*futures)
    assert told == list("abcde")


async def test_submit_to_a_full_queue_is_unavailable_until_there_is_room() -> None:
    """Refused at once, not kept waiting; what was accepted is done."""
    writer = Writer(Store().commit, max_queued=2)
    accepted = [writer.submit(message(content)) for content in "ab"]
    with pytest.raises(UnavailableError):
        writer.submit(message("c"))
    assert await asyncio.gather(*accepted) == ["a", "b"]
    assert await writer.submit(message("d")) == "d"


async def test_commit_that_fails_refuses_its_batch_and_not_the_next() -> None:
    """All who waited for the batch get the error; the writer goes on."""
    store = Store()
    store.fails = UnavailableError()
    writer = Writer(store.commit)
    outcomes = await asyncio.gather(*(writer.submit(message(content)) for content in "ab"), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [UnavailableError, UnavailableError]
    store.fails = None
    assert await writer.submit(message("c")) == "c"


async def test_outcome_that_is_an_exception_refuses_its_own_caller() -> None:
    """The others of the batch get their results."""

    async def commit(works: Sequence[Work]) -> Sequence[Any]:
        return [LookupError() if index == 1 else index for index, _ in enumerate(works)]

    writer = Writer(commit)
    outcomes = await asyncio.gather(*(writer.submit(message("x")) for _ in range(3)), return_exceptions=True)
    assert (outcomes[0], type(outcomes[1]), outcomes[2]) == (0, LookupError, 2)


async def test_caller_that_is_gone_disturbs_nobody() -> None:
    """Its write stands, its neighbours are answered."""
    store = Store()
    writer = Writer(store.commit)
    gone, here = writer.submit(message("a")), writer.submit(message("b"))
    gone.cancel()
    assert await here == "b"
    assert contents(store.batches[0]) == "ab"


async def test_close_commits_what_waits_and_refuses_the_rest() -> None:
    """Nothing that was accepted is lost at the end."""
    store = Store()
    store.gate.clear()
    writer = Writer(store.commit, max_batch=1)
    waiting = [writer.submit(message(content)) for content in "abc"]
    closing = asyncio.create_task(writer.close())
    await store.begun.wait()
    with pytest.raises(UnavailableError):
        writer.submit(message("late"))
    assert not closing.done()
    store.gate.set()
    await closing
    assert [future.result() for future in waiting] == ["a", "b", "c"]
    await writer.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits longer than a moment."""
    monkeypatch.setattr(writing, "ANSWER_WITHIN_S", 0.05)
    monkeypatch.setattr(writing, "WATCH_EVERY_S", 0.01)


@pytest.mark.usefixtures("impatient")
async def test_batch_without_an_answer_is_refused_and_told_as_late_once_stored() -> None:
    """Who waits is refused in time; what is stored after all is told once more, and what fails is not."""
    store = Store()
    store.gate.clear()
    writer = Writer(store.commit)
    told: list[Any] = []
    writer.put(message("a"), told.append)
    waiting = writer.submit(message("b"), told.append)
    with pytest.raises(UnavailableError):
        await waiting
    assert [type(outcome) for outcome in told] == [UnavailableError]
    with pytest.raises(UnavailableError):  # stuck: it need not wait to be told the same
        writer.submit(message("c"))
    store.gate.set()
    await writer.close()
    assert told[1:] == [Late("a"), "b"]
    assert [contents(batch) for batch in store.batches] == ["ab"]


async def test_submit_tells_of_what_is_stored_also_if_the_caller_has_gone() -> None:
    """In the order of commits; a telling that fails keeps nobody from the answer, and a refusal is not told."""
    store = Store()
    store.gate.clear()
    writer = Writer(store.commit)
    told: list[Any] = []

    def fail(_result: Any) -> None:
        raise RuntimeError

    gone = writer.submit(message("a"), told.append)
    others = [writer.submit(message("b"), fail), writer.submit(message("c"), told.append)]
    await store.begun.wait()
    gone.cancel()
    store.gate.set()
    assert await asyncio.gather(*others) == ["b", "c"]
    store.fails = UnavailableError()
    with pytest.raises(UnavailableError):
        await writer.submit(message("d"), told.append)
    assert told == ["a", "c"]


@pytest.mark.usefixtures("impatient")
async def test_batch_that_fails_late_is_not_told_twice() -> None:
    """It was refused already."""
    store = Store()
    store.gate.clear()
    store.fails = UnavailableError()
    writer = Writer(store.commit)
    told: list[Any] = []
    writer.put(message("a"), told.append)
    waiting = writer.submit(message("b"), told.append)
    with pytest.raises(UnavailableError):
        await waiting
    store.gate.set()
    await writer.close()
    assert [type(outcome) for outcome in told] == [UnavailableError]


@pytest.mark.usefixtures("impatient")
async def test_works_that_waited_too_long_are_refused_and_never_done() -> None:
    """They are not stored behind the back of those who were told that they are not."""
    store = Store()
    store.gate.clear()
    writer = Writer(store.commit, max_batch=1)
    outcomes = await asyncio.gather(*(writer.submit(message(content)) for content in "abc"), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [UnavailableError] * 3
    store.gate.set()
    await until(lambda: not writer._given_up)
    assert await writer.submit(message("d")) == "d"
    assert [contents(batch) for batch in store.batches] == ["a", "d"]


@pytest.mark.usefixtures("impatient")
async def test_close_of_a_stuck_writer_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shutdown does not wait for a database that does not answer."""
    monkeypatch.setattr(writing, "CLOSE_WITHIN_S", 0.1)
    store = Store()
    store.gate.clear()
    writer = Writer(store.commit)
    waiting = writer.submit(message("a"))
    async with asyncio.timeout(2):
        await writer.close()
    with pytest.raises(UnavailableError):
        await waiting


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until something holds."""
    async with asyncio.timeout(2):
        while not condition():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)


def test_segments_keep_the_order_and_jobs_apart() -> None:
    """Messages in a row go together; each job goes alone."""
    one, two = message("a"), message("b")

    def job(_work: object) -> None:
        """Do nothing."""

    assert list(segments([one, two, job, job, one])) == [[one, two], [job], [job], [one]]
    assert list(segments([])) == []
