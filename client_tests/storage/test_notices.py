"""Notices by a real PostgreSQL: heard by all, and again by themselves after it was away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import asyncpg
import pytest

from client_tests.services import PostgresServer, postgres_server
from server.domain.errors import UnavailableError
from server.storage import notices
from server.storage.notices import MAX_BYTES, PostgresNotices, channel_name

WITHIN_S = 8.0


class Ear:
    """A process's notices, and what it heard."""

    def __init__(self, url: str, prefix: str = "verihome") -> None:
        self.notices = PostgresNotices(url, prefix)
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.changed = asyncio.Event()
        self.notices.start(self.heard.put_nowait, self.changed.set)

    async def until(self, *, listening: bool) -> None:
        """Wait until it listens, or no longer does."""
        async with asyncio.timeout(WITHIN_S):
            while self.notices.listening != listening:
                self.changed.clear()
                await self.changed.wait()

    async def next(self) -> str:
        """Return the next notice."""
        async with asyncio.timeout(WITHIN_S):
            return await self.heard.get()


Listen = Callable[..., Awaitable[Ear]]


@pytest.fixture(scope="module")
def mortal() -> Iterator[PostgresServer]:
    """A PostgreSQL of this module's own, to stop."""
    with postgres_server() as server:
        yield server


@pytest.fixture
async def listen() -> AsyncIterator[Listen]:
    """Makes ears that listen."""
    ears: list[Ear] = []

    async def start(url: str, prefix: str = "verihome") -> Ear:
        ears.append(Ear(url, prefix))
        await ears[-1].until(listening=True)
        return ears[-1]

    yield start
    for ear in ears:
        await ear.notices.close()


async def test_send_is_heard_by_all_of_the_channel_in_order(postgres_url: str, listen: Listen) -> None:
    """Also by the sender; not by another installation in the same database."""
    one, two, other = await listen(postgres_url), await listen(postgres_url), await listen(postgres_url, "other")
    longest = "é" * (MAX_BYTES // 2)
    await one.notices.send(["a", "b", longest])
    await two.notices.send(["c"])
    for ear in (one, two):
        assert [await ear.next() for _ in range(4)] == ["a", "b", longest, "c"]
    await other.notices.send(["d"])
    assert await other.next() == "d"
    assert one.heard.empty()


async def test_postgres_restarted_is_listened_to_again(mortal: PostgresServer, listen: Listen) -> None:
    """It says that it does not hear, and hears again by itself; sending says that it is away."""
    ear = await listen(mortal.url)
    await ear.notices.send(["before"])
    await ear.next()
    await asyncio.to_thread(mortal.stop)
    await ear.until(listening=False)
    with pytest.raises(UnavailableError):
        await ear.notices.send(["lost"])
    await asyncio.to_thread(mortal.start)
    await ear.until(listening=True)
    await ear.notices.send(["after"])
    assert await ear.next() == "after"


async def test_postgres_frozen_is_noticed_in_time(mortal: PostgresServer, listen: Listen) -> None:
    """It breaks no connection; a question without an answer tells."""
    ear = await listen(mortal.url)
    mortal.freeze()
    try:
        async with asyncio.timeout(5):
            await ear.until(listening=False)
        async with asyncio.timeout(2.5):
            with pytest.raises(UnavailableError):
                await ear.notices.send(["lost"])
        async with asyncio.timeout(1):
            await asyncio.gather(Ear(mortal.url).notices.close())
    finally:
        mortal.thaw()
    await ear.until(listening=True)
    await ear.notices.send(["after"])
    while await ear.next() != "after":
        """What was lost may have been read all the same."""


async def test_listening_session_ended_by_the_server_is_begun_again(postgres_url: str, listen: Listen) -> None:
    """As an administrator or a fail-over ends it."""
    ear = await listen(postgres_url)
    admin = await asyncpg.connect(postgres_url)
    ended = await admin.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE $1",
        "LISTEN%",
    )
    await admin.close()
    assert len(ended) == 1
    await ear.until(listening=False)
    await ear.until(listening=True)
    await ear.notices.send(["after"])
    assert await ear.next() == "after"


async def test_backoff_doubles_up_to_its_limit_with_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that comes back is not met by all at once, nor long after."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(notices.asyncio, "sleep", sleep)
    backoff = notices.Backoff()
    for _ in range(8):
        await backoff.pause()
    assert all(at / 2 <= pause <= at for at, pause in zip((0.1, 0.2, 0.4, 0.8, 1.6, 2, 2, 2), pauses, strict=True))
    backoff.reset()
    await backoff.pause()
    assert pauses[-1] <= 0.1


def test_channel_name_fits_a_name_of_postgres() -> None:
    """Long prefixes stay apart."""
    assert channel_name("verihome") == "verihome:events"
    names = {channel_name("p" * 63 + last) for last in "ab"}
    assert len(names) == 2
    assert all(len(name) <= 63 for name in names)
