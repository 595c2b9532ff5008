"""What services need of the world, as Protocols; `realtime/` and `bootstrap.py` provide it."""

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from server.domain.events import Event
from server.domain.models import PresenceChange, PresenceState, Push, PushResult
from server.domain.results import Stats


class Clock(Protocol):
    """The time."""

    def __call__(self) -> int:
        """Return milliseconds since the epoch."""
        ...


class Connection(Protocol):
    """One live connection to one namespace, over Socket.IO or a plain WebSocket."""

    @property
    def id(self) -> str:
        """Unique over all processes."""
        ...

    @property
    def transport(self) -> str:
        """What it shares with the other namespaces of one Socket.IO client, and what is closed with it."""
        ...

    @property
    def namespace(self) -> str:
        """Which of the four it belongs to."""
        ...

    @property
    def thread_id(self) -> str | None:
        """The thread that the connection was opened for, if any."""
        ...

    @property
    def defaults(self) -> dict[str, Any]:
        """Fields that the connection implies in every operation."""
        ...

    @property
    def is_recovered(self) -> bool:
        """Whether it goes on where another connection broke."""
        ...

    def send(self, event: Event) -> None:
        """Tell something to this connection alone."""
        ...

    def expect(self, user_id: str) -> Awaitable[None] | None:
        """Return what to wait for until this process hears a user, and the connection's thread; None if nothing.

        The connection itself hears nothing yet. If it is let hear them next, it misses nothing from then on.
        """
        ...

    def hear_user(self, user_id: str) -> Awaitable[None] | None:
        """Hear what concerns a user. Returns what to wait for until that is so on all processes; None if nothing.

        Wait before you read what the client is shown: what changes in between is in neither otherwise.
        """
        ...

    def hear_thread(self, thread_id: str, *, hear: bool) -> Awaitable[None] | None:
        """Hear a thread, or no longer. Returns what `hear_user` returns."""
        ...

    def hear_typing(self, thread_id: str, *, hear: bool) -> Awaitable[None] | None:
        """Hear who is typing in a thread, or no longer. Returns what `hear_user` returns."""
        ...

    async def settle(self) -> None:
        """Read nothing more from the client, and wait until all that it asked is answered."""
        ...

    def tell_closing(self, code: str, *, retryable: bool) -> None:
        """Say why the connection is about to be closed; never waits."""
        ...

    async def close(self, close_code: int) -> None:
        """Close the transport with a close code; connections that share it are closed too."""
        ...


class Publisher(Protocol):
    """Tells events to those who may hear them, on all processes; never fails and never waits."""

    def publish(self, event: Event, *, skip: Connection | None = None) -> None:
        """Send an event to its audience, except to one connection."""
        ...


class PresenceStore(Protocol):
    """Where processes tell each other who is connected to them."""

    async def set(self, states: Mapping[str, PresenceState]) -> dict[str, PresenceChange]:
        """Record the state of users on this process, and return their states over all processes."""
        ...

    async def get(self, user_ids: Iterable[str]) -> dict[str, PresenceState]:
        """Return the states of users over all processes."""
        ...

    async def saw(self, moments: Mapping[str, int], forget_before: int) -> None:
        """Record when users were last in sight on this process; older moments may be forgotten."""
        ...

    async def last_seen(self, user_ids: Iterable[str]) -> dict[str, int]:
        """Return when users were last in sight, over all processes, as far as that is remembered."""
        ...

    async def tick(self) -> dict[str, PresenceChange]:
        """Say that this process is alive, and return what changed because others are not."""
        ...

    async def close(self) -> None:
        """Withdraw what this process said; the others then tell who is gone."""
        ...


class PushSender(Protocol):
    """Hands pushes to the push services of browsers."""

    async def send(self, push: Push) -> PushResult:
        """Send one push, once. Never raises."""
        ...

    async def close(self) -> None:
        """Let go of all connections."""
        ...


class Peers(Protocol):
    """The other workers of this machine behind the same port."""

    async def stats(self) -> Sequence[Stats]:
        """Return the figures of those that answer in time."""
        ...
