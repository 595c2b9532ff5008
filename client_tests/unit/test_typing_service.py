"""Typing: told to the others, ended by a stop, by silence and by leaving."""

from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from client_tests.storage.conftest import make_thread
from client_tests.unit.doubles import FakeConnection, RecordingPublisher, user
from server.domain.commands import ThreadCommand
from server.domain.errors import NotFoundError
from server.domain.events import TypingChanged
from server.services import typing
from server.services.typing import TypingService
from server.storage.database import Database
from server.storage.engine import open_database


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    """An SQLite database."""
    opened = open_database(sqlite_url, sqlite_synchronous="OFF")
    yield opened
    await opened.close()


@pytest.fixture
async def thread(database: Database) -> ThreadCommand:
    """A thread of 1 and 2."""
    return ThreadCommand(await make_thread(database, "1", "2"))


@pytest.fixture
def publisher() -> RecordingPublisher:
    """Remembers what is told."""
    return RecordingPublisher()


@pytest.fixture
def service(database: Database, publisher: RecordingPublisher) -> TypingService:
    """The service."""
    return TypingService(database, publisher)


def told(publisher: RecordingPublisher) -> list[bool]:
    """Return whether each event told of typing or of its end."""
    return [event.is_typing for event in publisher.all(TypingChanged)]


async def ended(outcome: Any) -> Any:
    """Return what an operation came to, whether it had to wait or not."""
    return await outcome if isinstance(outcome, Coroutine) else outcome


async def test_start_and_stop_are_told_to_the_others(
    service: TypingService, publisher: RecordingPublisher, thread: ThreadCommand
) -> None:
    """With the typist's name, and not to the connection that types."""
    connection = FakeConnection("a")
    await ended(service.start(user("1", connection), thread))
    await ended(service.stop(user("1", connection), thread))
    assert publisher.events == [
        TypingChanged(thread.thread_id, "1", "1", True),
        TypingChanged(thread.thread_id, "1", "1", False),
    ]
    assert publisher.skipped == [connection, connection]


async def test_stop_without_start_is_told_to_nobody(
    service: TypingService, publisher: RecordingPublisher, thread: ThreadCommand
) -> None:
    """Nothing ended."""
    await ended(service.stop(user("1", FakeConnection("a")), thread))
    assert publisher.events == []


@pytest.mark.parametrize("method", ["start", "stop"])
async def test_typing_by_stranger_is_not_found(
    service: TypingService, publisher: RecordingPublisher, thread: ThreadCommand, method: str
) -> None:
    """Nobody in the thread hears of it."""
    for user_id, command in (("3", thread), ("1", ThreadCommand("unknown"))):
        with pytest.raises(NotFoundError):
            await getattr(service, method)(user(user_id, FakeConnection("a")), command)
    assert publisher.events == []


async def test_start_without_renewal_ends_by_itself(
    service: TypingService, publisher: RecordingPublisher, thread: ThreadCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that falls silent stops typing, once."""
    monkeypatch.setattr(typing, "STOPS_AFTER_S", 0.02)
    await ended(service.start(user("1", FakeConnection("a")), thread))
    await publisher.heard(TypingChanged, 2)
    assert told(publisher) == [True, False]
    assert service._typists == {}


async def test_start_again_renews(
    service: TypingService, publisher: RecordingPublisher, thread: ThreadCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A renewal is told as well, and only the last one's time counts."""
    actor = user("1", FakeConnection("a"))
    monkeypatch.setattr(typing, "STOPS_AFTER_S", 60.0)
    await ended(service.start(actor, thread))
    first = service._typists["a", thread.thread_id].timer
    monkeypatch.setattr(typing, "STOPS_AFTER_S", 0.02)
    await ended(service.start(actor, thread))
    assert first.cancelled()
    await publisher.heard(TypingChanged, 3)
    assert told(publisher) == [True, True, False]


async def test_disconnected_stops_typing_everywhere(
    service: TypingService, publisher: RecordingPublisher, thread: ThreadCommand, database: Database
) -> None:
    """In all threads of that connection, and of no other."""
    other = ThreadCommand(await make_thread(database, "1", "2"))
    gone, stays = FakeConnection("gone"), FakeConnection("stays")
    for connection, command in ((gone, thread), (gone, other), (stays, thread)):
        await ended(service.start(user("1", connection), command))
    service.disconnected(gone)
    service.disconnected(gone)
    assert told(publisher) == [True, True, True, False, False]
    await ended(service.stop(user("1", stays), thread))
    assert told(publisher)[-1] is False
    assert service._typists == {}
