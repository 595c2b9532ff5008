"""What operations answer, where that is not simply one of the nouns of `models.py`."""

from dataclasses import dataclass, field
from typing import Any

from server.domain.models import Device, Message, Notification, Preferences, Presence, Receipt, Thread, User


@dataclass(frozen=True, slots=True)
class Done:
    """It is done, and there is nothing to add."""


@dataclass(frozen=True, slots=True)
class PingResult:
    """Threads in which the client is behind."""

    behind: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TokenAccepted:
    """Until when the connection may now live."""

    expires_at: int


@dataclass(frozen=True, slots=True)
class ThreadPage:
    """One page of threads; `total_unread` counts over all of the user's threads."""

    threads: tuple[Thread, ...]
    next_cursor: str | None
    total_unread: int


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """One page of people."""

    people: tuple[User, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A stretch of messages, ascending by `seq`."""

    messages: tuple[Message, ...]
    has_more_before: bool
    has_more_after: bool


@dataclass(frozen=True, slots=True)
class ReadPosition:
    """How far the actor has read."""

    thread_id: str
    read_seq: int
    unread_count: int


@dataclass(frozen=True, slots=True)
class DeliveredPosition:
    """How far the actor's devices have received."""

    thread_id: str
    delivered_seq: int


@dataclass(frozen=True, slots=True)
class ThreadChanges:
    """What changed in a thread since a revision. `removed`: it is not the actor's to see, forget it.

    `unread_count` is the actor's as of now: reading on another device may have changed nothing else.
    """

    rev: int
    thread: Thread | None = None
    messages: tuple[Message, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    unread_count: int = 0
    removed: bool = False
    more: bool = False


@dataclass(frozen=True, slots=True)
class NotificationChanges:
    """What changed in a notification centre since a revision, cleared items included."""

    rev: int
    items: tuple[Notification, ...]
    more: bool
    unread_count: int


@dataclass(frozen=True, slots=True)
class SyncResult:
    """Changes by thread id, and of the notification centre if asked for."""

    threads: dict[str, ThreadChanges] = field(default_factory=dict)
    notifications: NotificationChanges | None = None


@dataclass(frozen=True, slots=True)
class NotificationPage:
    """One page of notifications; `rev` is where a later sync begins."""

    notifications: tuple[Notification, ...]
    next_cursor: str | None
    unread_count: int
    rev: int


@dataclass(frozen=True, slots=True)
class NotificationsUpdated:
    """How the notification centre stands after a change."""

    unread_count: int
    rev: int


@dataclass(frozen=True, slots=True)
class Notified:
    """The notifications that were stored."""

    notifications: tuple[Notification, ...]


@dataclass(frozen=True, slots=True)
class PushState:
    """How to subscribe (no key: this server does not push), and which devices did."""

    public_key: str | None
    devices: tuple[Device, ...]


@dataclass(frozen=True, slots=True)
class UserSettings:
    """All settings of a person."""

    preferences: Preferences
    push: PushState


@dataclass(frozen=True, slots=True)
class HeartbeatResult:
    """The server's clock."""

    server_time: int
    timestamp: Any = None


@dataclass(frozen=True, slots=True)
class PresenceList:
    """Presence of those who were asked for and may be seen."""

    users: tuple[Presence, ...]


@dataclass(frozen=True, slots=True)
class Stats:
    """How busy this process is."""

    active_connections: int
    online_users: int
    total_messages_sent: int
    uptime_s: float
