"""The nouns, as frozen dataclasses. Times are integers: milliseconds since the epoch, UTC."""

from dataclasses import dataclass
from typing import Literal

ThreadKind = Literal["direct", "group"]
MessageKind = Literal["user", "system"]
Role = Literal["owner", "member"]
Priority = Literal["low", "medium", "high", "urgent"]
PresenceState = Literal["online", "away", "offline"]

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
