"""The nouns, as frozen dataclasses. Times are integers: milliseconds since the epoch, UTC."""

from dataclasses import dataclass
from typing import Literal

ThreadKind = Literal["direct", "group"]
MessageKind = Literal["user", "system"]
Role = Literal["owner", "member"]
Priority = Literal["low", "medium", "high", "urgent"]
PresenceState = Literal["online", "away", "offline"]
Locale = Literal["es", "en"]
PushNotifications = Literal["all", "urgent", "none"]
PushType = Literal["message", "notification"]
PushOutcome = Literal["sent", "gone", "later", "refused"]

LARGE_THREAD_PARTICIPANTS = 50
"""Above this a receipt is told to its reader alone and takes no `rev`."""

CONTACT_THREAD_PARTICIPANTS = 100
"""People who share a thread of at most this size are contacts: they see each other's presence."""


@dataclass(frozen=True, slots=True)
class User:
    """A person, as others see them."""

    id: str
    display_name: str
    avatar_url: str | None = None
    locale: str | None = None
    last_seen_at: int | None = None


@dataclass(frozen=True, slots=True)
class Participant:
    """A user's place in a thread."""

    user_id: str
    display_name: str
    avatar_url: str | None
    role: Role
    read_seq: int
    read_at: int | None
    delivered_seq: int
    delivered_at: int | None
    joined_at: int
    rev: int


@dataclass(frozen=True, slots=True)
class Subject:
    """What a thread is about: a property, a contract, a visit."""

    type: str
    id: str
    title: str
    url: str | None = None
    image_url: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a thread."""

    id: str
    thread_id: str
    seq: int
    rev: int
    kind: MessageKind
    sender_id: str | None
    sender_name: str | None
    content: str
    sent_at: int
    client_message_id: str | None = None
    is_read: bool = False


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation as one participant sees it (`unread_count`, `last_message` are theirs)."""

    id: str
    kind: ThreadKind
    title: str | None
    subject: Subject | None
    created_by: str | None
    created_at: int
    activity_at: int
    last_seq: int
    rev: int
    participant_count: int
    participants: tuple[Participant, ...] = ()
    last_message: Message | None = None
    unread_count: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """How far a participant has read and received a thread."""

    thread_id: str
    user_id: str
    user_name: str
    read_seq: int
    read_at: int | None
    delivered_seq: int
    delivered_at: int | None
    unread_count: int
    rev: int


@dataclass(frozen=True, slots=True)
class Notification:
    """One item of a user's notification centre. `rev` counts the changes of that user's centre."""

    id: str
    user_id: str
    title: str
    message: str
    priority: Priority
    action_url: str | None
    created_at: int
    rev: int
    read_at: int | None = None
    cleared_at: int | None = None


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a person chose. Without a `locale` the server's own language is used."""

    locale: Locale | None = None
    sound: bool = True
    push_messages: bool = True
    push_notifications: PushNotifications = "all"
    push_preview: bool = True


@dataclass(frozen=True, slots=True)
class Device:
    """A browser that gets pushes, as its owner sees it."""

    id: str
    name: str | None
    created_at: int


@dataclass(frozen=True, slots=True)
class PushKeys:
    """A browser's keys, as base64url without padding: only it can read what is encrypted with them."""

    p256dh: str
    auth: str


@dataclass(frozen=True, slots=True)
class PushSubscription:
    """Where and how to push to a device. Who knows the endpoint can use it: it is a secret."""

    id: str
    user_id: str
    endpoint: str
    keys: PushKeys


@dataclass(frozen=True, slots=True)
class PushNote:
    """What a push says: a notification as a browser shows it."""

    type: PushType
    id: str
    thread_id: str | None
    title: str
    body: str
    url: str
    urgent: bool
    timestamp: int
    locale: Locale

    @property
    def tag(self) -> str:
        """Names the thing, so that a browser shows it once."""
        return f"{self.type}:{self.id}"


@dataclass(frozen=True, slots=True)
class Push:
    """A note for one device. Of undelivered ones with the same `topic` a push service keeps only the last."""

    subscription: PushSubscription
    note: PushNote
    topic: str | None


@dataclass(frozen=True, slots=True)
class PushResult:
    """What became of a push; `later`: try again, after `retry_after_s` if the push service said so."""

    outcome: PushOutcome
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether a user is there. `last_seen_at` is None for one who never was."""

    user_id: str
    user_name: str
    state: PresenceState
    last_seen_at: int | None

    @property
    def is_online(self) -> bool:
        """True while any connection of the user is open, visible or not."""
        return self.state != "offline"


@dataclass(frozen=True, slots=True)
class PresenceChange:
    """A user's state over all processes, before and after."""

    before: PresenceState
    after: PresenceState
