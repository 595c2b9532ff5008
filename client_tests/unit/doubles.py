"""Stand-ins for what services need of the world: a clock, a publisher and connections that remember."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, TypeVar

from server.contract.operations import MESSAGING
from server.domain.events import Event
from server.services.actor import Actor

E = TypeVar("E", bound=Event)

WAIT_S = 5.0


class Clock:
    """A clock that stands until it is told otherwise."""

    def __init__(self, now: int = 1_750_000_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        """Return milliseconds since the epoch."""
        return self.now


@dataclass
class Ear:
    """Remembers events, and lets a test wait for them."""

    events: list[Event] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, event: Event) -> None:
        """Remember an event."""
        self.events.append(event)
        self._news.set()

    def all(self, kind: type[E]) -> list[E]:
        """Return all events of a kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    async def heard(self, kind: type[E], count: int = 1) -> list[E]:
        """Wait until `count` events of a kind were heard, and return all of them."""
        async with asyncio.timeout(WAIT_S):
            while len(self.all(kind)) < count:
                self._news.clear()
                await self._news.wait()
        return self.all(kind)


class RecordingPublisher(Ear):
    """A publisher that tells nobody; `skipped` holds the connection that each event was kept from."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped: list[Any] = []

    def publish(self, event: Event, *, skip: Any = None) -> None:
        """Remember an event."""
        self.skipped.append(skip)
        self.note(event)


class FakeConnection(Ear):
    """A connection without a client. `hears` are the users, threads and typing that it was let hear."""

    def __init__(self, connection_id: str, *, namespace: str = MESSAGING, thread_id: str | None = None) -> None:
        super().__init__()
        self.id = self.transport = connection_id
        self.namespace = namespace
        self.thread_id = thread_id
        self.hears: set[tuple[str, str]] = set()
        self.closed_with: int | None = None

    def send(self, event: Event) -> None:
        """Remember what was told to this connection alone."""
        self.note(event)

    def expect(self, user_id: str) -> None:
        """Nothing to wait for."""

    def hear_user(self, user_id: str) -> None:
        """Hear a user."""
        self.hears.add(("user", user_id))

    def hear_thread(self, thread_id: str, *, hear: bool) -> None:
        """Hear a thread, or no longer."""
        self._hear(("thread", thread_id), hear=hear)

    def hear_typing(self, thread_id: str, *, hear: bool) -> None:
        """Hear typing, or no longer."""
        self._hear(("typing", thread_id), hear=hear)

    def tell_closing(self, code: str, *, retryable: bool) -> None:
        """Nobody to tell."""

    async def close(self, close_code: int) -> None:
        """Remember the code."""
        self.closed_with = close_code

    def _hear(self, what: tuple[str, str], *, hear: bool) -> None:
        if hear:
            self.hears.add(what)
        else:
            self.hears.discard(what)


def user(user_id: str, connection: FakeConnection | None = None) -> Actor:
    """Return a user as the caller of an operation."""
    return Actor("user", user_id, "en", None, connection)


SERVICE = Actor("service", "", "en")
