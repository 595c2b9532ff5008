"""What the server tells: one frozen dataclass an event.

`audience` names the users whose connections hear it; who that is in rooms, and the name and form on the wire, stand
in `realtime/publisher.py` and `contract/events.py`. Events with a `rev` are durable: the rows behind them can be
read again by `sync`.
"""

from dataclasses import dataclass
from typing import Any

from server.domain.models import Message, Notification, Presence, Receipt, Thread, User
from server.domain.results import UserSettings


class Event:
    """Base of all events."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ConnectionEstablished(Event):
    """The first event of every connection. `recovered`: it goes on where another one broke (ADR 15)."""

    message: str
    user_id: str
    session_id: str
    server_time: int
    heartbeat_interval_s: int
    reconnect_attempts: int
    recovered: bool = False


@dataclass(frozen=True, slots=True)
class ServiceDegraded(Event):
    """Something that the server works with is away; what is stored is not touched by it."""

    reason: str


@dataclass(frozen=True, slots=True)
class ServiceRestored(Event):
    """It is back."""


@dataclass(frozen=True, slots=True)
class ConnectionClosing(Event):
    """The last event of a connection that the server ends."""

    code: str
    retryable: bool
    reconnect_after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Pong(Event):
    """The answer to `ping`, with its timestamp as given."""

    timestamp: Any


@dataclass(frozen=True, slots=True)
class TokenExpiring(Event):
    """The connection's token ends soon."""

    expires_at: int


@dataclass(frozen=True, slots=True)
class OperationFailed(Event):
    """An operation without an ack or `ref` was refused; `error` is the envelope's error."""

    op: str
    error: dict[str, Any]


@dataclass(frozen=True, slots=True)
class MessageSent(Event):
    """A message was stored."""

    message: Message
    audience: tuple[str, ...]

    @property
    def thread_id(self) -> str:
        """The thread that hears it."""
        return self.message.thread_id


@dataclass(frozen=True, slots=True)
class MessagesRead(Event):
    """A participant read up to `receipt.read_seq`; `message_ids` are the newest of those newly read (100 at most)."""

    receipt: Receipt
    message_ids: tuple[str, ...]
    audience: tuple[str, ...]
    private: bool = False

    @property
    def thread_id(self) -> str:
        """The thread that hears it."""
        return self.receipt.thread_id


@dataclass(frozen=True, slots=True)
class MessagesDelivered(Event):
    """A participant's devices received up to `receipt.delivered_seq`."""

    receipt: Receipt
    audience: tuple[str, ...]
    private: bool = False

    @property
    def thread_id(self) -> str:
        """The thread that hears it."""
        return self.receipt.thread_id


@dataclass(frozen=True, slots=True)
class ThreadCreated(Event):
    """A thread was opened."""

    thread: Thread
    audience: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TypingChanged(Event):
    """A participant began or stopped typing."""

    thread_id: str
    user_id: str
    user_name: str
    is_typing: bool


@dataclass(frozen=True, slots=True)
class UserUpdated(Event):
    """A person's name or picture changed."""

    user: User
    audience: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PresenceChanged(Event):
    """A person came, went, or looked away."""

    presence: Presence
    audience: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotificationCreated(Event):
    """A notification was stored for its user."""

    notification: Notification
    unread_count: int


@dataclass(frozen=True, slots=True)
class NotificationUpdated(Event):
    """Notifications of a user were read or cleared: those named, or all."""

    user_id: str
    notification_ids: tuple[str, ...]
    all: bool
    read_at: int | None
    cleared_at: int | None
    unread_count: int
    rev: int


@dataclass(frozen=True, slots=True)
class SettingsUpdated(Event):
    """A person's settings or devices changed; their own connections hear it."""

    user_id: str
    settings: UserSettings


@dataclass(frozen=True, slots=True)
class UserDisconnected(Event):
    """Between processes only: close this user's connections."""

    user_id: str
