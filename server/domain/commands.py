"""What can be asked: one frozen dataclass an operation, filled by its request schema (`contract/operations.py`).

Times are milliseconds since the epoch; user ids are text, whatever their form on the wire.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, Literal

from server.domain.models import Locale, Priority, PushKeys, PushNotifications, Subject, ThreadKind


class Unset(Enum):
    """Left out of a request in which null means something."""

    UNSET = "unset"


UNSET: Literal[Unset.UNSET] = Unset.UNSET


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there, and am I up to date? `heads` are the revisions the client holds, by thread."""

    timestamp: Any = None
    heads: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """Go on with a newer token of the same user."""

    token: str


@dataclass(frozen=True, slots=True)
class Sync:
    """What changed since these revisions?"""

    threads: Mapping[str, int] | None = None
    notifications: int | None = None


@dataclass(frozen=True, slots=True)
class ListThreads:
    """One page of the actor's threads, newest activity first."""

    cursor: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class ThreadCommand:
    """An operation that needs no more than its thread: get, join, leave, typing."""

    thread_id: str


@dataclass(frozen=True, slots=True)
class CreateThread:
    """Open a thread, or find the direct thread that the same two have about the same subject."""

    kind: ThreadKind
    participant_ids: tuple[str, ...]
    title: str | None = None
    subject: Subject | None = None


@dataclass(frozen=True, slots=True)
class ListPeople:
    """People whom the actor may write to, by name."""

    query: str | None = None
    cursor: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class GetHistory:
    """A stretch of a thread's messages; at most one of the three anchors, none means the newest."""

    thread_id: str
    before_seq: int | None = None
    after_seq: int | None = None
    around_seq: int | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Write into a thread."""

    thread_id: str
    content: str
    client_message_id: str | None = None


@dataclass(frozen=True, slots=True)
class MarkRead:
    """Read up to a message, or (without `message_id`) up to the thread's last."""

    thread_id: str | None = None
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class MarkMessagesRead:
    """Read up to the newest of these messages of one thread."""

    message_ids: tuple[str, ...]
    thread_id: str | None = None


@dataclass(frozen=True, slots=True)
class MarkDelivered:
    """Everything up to `seq` has reached this user's device."""

    thread_id: str
    seq: int


@dataclass(frozen=True, slots=True)
class ListNotifications:
    """One page of the actor's notification centre, newest first."""

    cursor: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class NotificationCommand:
    """An operation on one notification."""

    notification_id: str


@dataclass(frozen=True, slots=True)
class MarkAllNotificationsRead:
    """Read the whole notification centre."""


@dataclass(frozen=True, slots=True)
class GetSettings:
    """What did the actor choose, and where do their pushes go?"""


@dataclass(frozen=True, slots=True)
class UpdateSettings:
    """Choose some things anew (see `Preferences`); what is left out stays."""

    locale: Locale | Literal[Unset.UNSET] | None = UNSET
    sound: bool | Literal[Unset.UNSET] = UNSET
    push_messages: bool | Literal[Unset.UNSET] = UNSET
    push_notifications: PushNotifications | Literal[Unset.UNSET] = UNSET
    push_preview: bool | Literal[Unset.UNSET] = UNSET

    @property
    def changes(self) -> Mapping[str, Any]:
        """What is chosen anew, by name."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in given.items() if value is not UNSET}


@dataclass(frozen=True, slots=True)
class SubscribePush:
    """Push to this browser from now on."""

    endpoint: str
    keys: PushKeys
    device_name: str | None = None


@dataclass(frozen=True, slots=True)
class UnsubscribePush:
    """No longer push to a browser; exactly one of the two names it."""

    endpoint: str | None = None
    device_id: str | None = None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The client is alive; `visible` tells whether a person can see it."""

    timestamp: Any = None
    visible: bool | None = None


@dataclass(frozen=True, slots=True)
class GetPresence:
    """Who of these is there?"""

    user_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PutUser:
    """Create or rename a person (service). The `locale` is also theirs to choose, so left out it stays."""

    user_id: str
    display_name: str
    avatar_url: str | None = None
    locale: Locale | Literal[Unset.UNSET] | None = UNSET


@dataclass(frozen=True, slots=True)
class PostMessage:
    """Write into a thread for a participant, or (without `sender_id`) as the system (service)."""

    thread_id: str
    content: str
    sender_id: str | None = None
    client_message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell something to one user, several, or everyone in a thread (service); exactly one of the three."""

    title: str
    message: str
    priority: Priority
    user_id: str | None = None
    user_ids: tuple[str, ...] | None = None
    thread_id: str | None = None
    action_url: str | None = None


@dataclass(frozen=True, slots=True)
class RevokeTokens:
    """End one token (`jti`), or a user's tokens issued before a moment (default: now) (service)."""

    jti: str | None = None
    user_id: str | None = None
    issued_before: int | None = None


@dataclass(frozen=True, slots=True)
class DisconnectUser:
    """Close all of a user's connections (service)."""

    user_id: str


@dataclass(frozen=True, slots=True)
class GetStats:
    """How busy the server is (service)."""
