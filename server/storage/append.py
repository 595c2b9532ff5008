"""Writing messages: a batch in a few statements, numbered without gaps.

All messages that piled up while the last batch was committed are stored together (group commit). The thread rows are
locked in id order, which keeps processes that share a PostgreSQL from dead-locking; under that lock membership, earlier
`client_message_id`s and the counters are read, so what is decided from them is still true at commit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from server.domain.errors import NotFoundError
from server.domain.models import Message
from server.storage.append_io import AppendIo, StoredKey, append_io
from server.storage.audiences import Audiences
from server.storage.messages import MessageRepository


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be stored. Without `sender_id` it is the system's."""

    id: str
    thread_id: str
    sender_id: str | None
    content: str
    client_message_id: str | None
    sent_at: int


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of it: the stored message, who hears it, and whether this call stored it or an earlier one."""

    message: Message
    audience: tuple[str, ...]
    created: bool


@dataclass(slots=True)
class _Head:
    last_seq: int
    rev: int
    activity_at: int


@dataclass(slots=True)
class _Place:
    name: str
    read_seq: int
    own_since_read: int
    moved: bool = False


class Append:
    """One batch. `run` decides each message on its own: one that is refused leaves the others be."""

    def __init__(self, connection: Connection, audiences: Audiences, io: AppendIo | None = None) -> None:
        self._connection = connection
        self._io = io or append_io(connection)
        self._audiences = audiences
        self._heads: dict[str, _Head] = {}
        self._places: dict[tuple[str, str], _Place] = {}
        self._stored: dict[StoredKey, Message] = {}
        self._new: list[Message] = []

    def run(self, batch: Sequence[NewMessage]) -> list[Appended | NotFoundError]:
        """Store the batch and return the outcome of each message, in order."""
        self._lock_threads(batch)
        self._read_places(batch)
        self._read_stored(batch)
        outcomes = [self._decide(new) for new in batch]
        self._write()
        return outcomes

    def _lock_threads(self, batch: Iterable[NewMessage]) -> None:
        rows = list(self._io.lock_threads(sorted({new.thread_id for new in batch})))
        self._heads = {row.id: _Head(row.last_seq, row.rev, row.activity_at) for row in rows}
        self._audiences.load(self._connection, {row.id: row.info_rev for row in rows})

    def _read_places(self, batch: Iterable[NewMessage]) -> None:
        keys = {(new.thread_id, new.sender_id) for new in batch if new.sender_id is not None}
        for row in self._io.places(sorted(keys)):
            place = _Place(row.display_name, row.read_seq, row.own_since_read)
            self._places[row.thread_id, row.user_id] = place

    def _read_stored(self, batch: Iterable[NewMessage]) -> None:
        keys = {key for new in batch if (key := _stored_key(new)) is not None}
        ids = self._io.stored(sorted(keys)) if keys else []
        if ids:
            for message in MessageRepository(self._connection).by_ids(ids).values():
                self._remember(message)

    def _remember(self, message: Message) -> None:
        key = _stored_key(message)
        if key is not None:
            self._stored[key] = message

    def _decide(self, new: NewMessage) -> Appended | NotFoundError:
        head = self._heads.get(new.thread_id)
        place = self._places.get((new.thread_id, new.sender_id)) if new.sender_id is not None else None
        if head is None or (place is None and new.sender_id is not None):
            return NotFoundError()
        audience = self._audiences.get(new.thread_id)
        key = _stored_key(new)
        if key is not None and key in self._stored:
            return Appended(self._stored[key], audience, created=False)
        message = self._number(new, head, place)
        self._remember(message)
        return Appended(message, audience, created=True)

    def _number(self, new: NewMessage, head: _Head, place: _Place | None) -> Message:
        if place is not None:
            if place.read_seq + place.own_since_read == head.last_seq:
                place.read_seq, place.own_since_read = head.last_seq + 1, 0
            else:
                place.own_since_read += 1
            place.moved = True
        head.last_seq += 1
        head.rev += 1
        # Clocks differ between processes and may step back; activity never does, or lists would jump.
        head.activity_at = max(head.activity_at, new.sent_at)
        message = Message(
            id=new.id,
            thread_id=new.thread_id,
            seq=head.last_seq,
            rev=head.rev,
            kind="user" if place is not None else "system",
            sender_id=new.sender_id,
            sender_name=place.name if place is not None else None,
            content=new.content,
            sent_at=new.sent_at,
            client_message_id=new.client_message_id,
        )
        self._new.append(message)
        return message

    def _write(self) -> None:
        if not self._new:
            return
        touched = {message.thread_id for message in self._new}
        heads = [
            (head.last_seq, head.rev, head.activity_at, key) for key, head in self._heads.items() if key in touched
        ]
        moved = [(place.read_seq, place.own_since_read, *key) for key, place in self._places.items() if place.moved]
        self._io.write(self._new, heads, moved)


def _stored_key(message: NewMessage | Message) -> StoredKey | None:
    if message.client_message_id is None:
        return None
    return StoredKey(message.thread_id, message.sender_id or "", message.client_message_id)
