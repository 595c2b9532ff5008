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
from server.storage.append_io import AppendIo, Head, Place, PlaceKey, StoredKey, append_io
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


class Append:
    """One batch. `run` decides each message on its own: one that is refused leaves the others be."""

    def __init__(self, connection: Connection, audiences: Audiences, io: AppendIo | None = None) -> None:
        self._connection = connection
        self._io = io or append_io(connection)
        self._audiences = audiences
        self._heads: dict[str, Head] = {}
        self._places: dict[PlaceKey, Place] = {}
        self._stored: dict[StoredKey, Message] = {}
        self._new: list[Message] = []

    def run(self, batch: Sequence[NewMessage]) -> list[Appended | NotFoundError]:
        """Store the batch and return the outcome of each message, in order."""
        keys = [_stored_key(new) for new in batch]
        self._lock_threads(batch)
        self._read_places(batch)
        self._read_stored(keys)
        outcomes = [self._decide(new, key) for new, key in zip(batch, keys, strict=True)]
        self._write()
        return outcomes

    def _lock_threads(self, batch: Iterable[NewMessage]) -> None:
        self._heads = self._io.lock_threads(sorted({new.thread_id for new in batch}))
        self._audiences.load(self._connection, {key: head.info_rev for key, head in self._heads.items()})

    def _read_places(self, batch: Iterable[NewMessage]) -> None:
        keys = {(new.thread_id, new.sender_id) for new in batch if new.sender_id is not None}
        self._places = self._io.places(sorted(keys))

    def _read_stored(self, keys: Iterable[StoredKey | None]) -> None:
        given = {key for key in keys if key is not None}
        ids = self._io.stored(sorted(given)) if given else []
        if ids:
            for message in MessageRepository(self._connection).by_ids(ids).values():
                key = _stored_key(message)
                if key is not None:
                    self._stored[key] = message

    def _decide(self, new: NewMessage, key: StoredKey | None) -> Appended | NotFoundError:
        head = self._heads.get(new.thread_id)
        place = self._places.get((new.thread_id, new.sender_id)) if new.sender_id is not None else None
        if head is None or (place is None and new.sender_id is not None):
            return NotFoundError()
        audience = self._audiences.get(new.thread_id)
        if key is not None and key in self._stored:
            return Appended(self._stored[key], audience, created=False)
        message = self._number(new, head, place)
        if key is not None:
            self._stored[key] = message
        return Appended(message, audience, created=True)

    def _number(self, new: NewMessage, head: Head, place: Place | None) -> Message:
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
    return message.thread_id, message.sender_id or "", message.client_message_id
