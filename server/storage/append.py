"""Writing messages: a batch in a few statements, numbered without gaps.

All messages that piled up while the last batch was committed are stored together (group commit). The thread rows are
locked in id order, which keeps processes that share a PostgreSQL from dead-locking; under that lock membership, earlier
`client_message_id`s and the counters are read, so what is decided from them is still true at commit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from server.domain.errors import NotFoundError
from server.domain.models import Message
from server.storage.audiences import Audiences
from server.storage.messages import MessageRepository
from server.storage.tables import messages, participants, threads, users


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


_ADVANCE_THREAD = (
    update(threads)
    .where(threads.c.id == bindparam("key"))
    .values(last_seq=bindparam("new_seq"), rev=bindparam("new_rev"), activity_at=bindparam("new_activity_at"))
)
_ADVANCE_SENDER = (
    update(participants)
    .where(participants.c.thread_id == bindparam("key"), participants.c.user_id == bindparam("user"))
    .values(read_seq=bindparam("new_read_seq"), own_since_read=bindparam("new_own_since_read"))
)


class Append:
    """One batch. `run` decides each message on its own: one that is refused leaves the others be."""

    def __init__(self, connection: Connection, audiences: Audiences) -> None:
        self._connection = connection
        self._audiences = audiences
        self._heads: dict[str, _Head] = {}
        self._places: dict[tuple[str, str], _Place] = {}
        self._stored: dict[tuple[str, str | None, str], Message] = {}
        self._rows: list[dict[str, Any]] = []

    def run(self, batch: Sequence[NewMessage]) -> list[Appended | NotFoundError]:
        """Store the batch and return the outcome of each message, in order."""
        self._lock_threads(batch)
        self._read_places(batch)
        self._read_stored(batch)
        outcomes = [self._decide(new) for new in batch]
        self._write()
        return outcomes

    def _lock_threads(self, batch: Iterable[NewMessage]) -> None:
        ids = sorted({new.thread_id for new in batch})
        rows = self._connection.execute(
            select(threads.c.id, threads.c.last_seq, threads.c.rev, threads.c.info_rev, threads.c.activity_at)
            .where(threads.c.id.in_(ids))
            .order_by(threads.c.id)
            .with_for_update()
        ).all()
        self._heads = {row.id: _Head(row.last_seq, row.rev, row.activity_at) for row in rows}
        self._audiences.load(self._connection, {row.id: row.info_rev for row in rows})

    def _read_places(self, batch: Iterable[NewMessage]) -> None:
        senders = {new.sender_id for new in batch if new.sender_id is not None}
        rows = self._connection.execute(
            select(
                participants.c.thread_id,
                participants.c.user_id,
                participants.c.read_seq,
                participants.c.own_since_read,
                users.c.display_name,
            )
            .join(users, users.c.id == participants.c.user_id)
            .where(participants.c.thread_id.in_(tuple(self._heads)), participants.c.user_id.in_(tuple(senders)))
        )
        for row in rows:
            self._places[row.thread_id, row.user_id] = _Place(row.display_name, row.read_seq, row.own_since_read)

    def _read_stored(self, batch: Iterable[NewMessage]) -> None:
        client_ids = {new.client_message_id for new in batch if new.client_message_id is not None}
        if not client_ids:
            return
        ids = self._connection.execute(
            select(messages.c.id).where(
                messages.c.thread_id.in_(tuple(self._heads)),
                messages.c.client_message_id.in_(tuple(client_ids)),
            )
        ).scalars()
        for message in MessageRepository(self._connection).by_ids(ids).values():
            self._remember(message)

    def _remember(self, message: Message) -> None:
        if message.client_message_id is not None:
            self._stored[message.thread_id, message.sender_id, message.client_message_id] = message

    def _decide(self, new: NewMessage) -> Appended | NotFoundError:
        head = self._heads.get(new.thread_id)
        place = self._places.get((new.thread_id, new.sender_id)) if new.sender_id is not None else None
        if head is None or (place is None and new.sender_id is not None):
            return NotFoundError()
        audience = self._audiences.get(new.thread_id)
        if new.client_message_id is not None:
            earlier = self._stored.get((new.thread_id, new.sender_id, new.client_message_id))
            if earlier is not None:
                return Appended(earlier, audience, created=False)
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
        self._rows.append(_row(message))
        return message

    def _write(self) -> None:
        if not self._rows:
            return
        self._connection.execute(insert(messages), self._rows)
        touched = {row["thread_id"] for row in self._rows}
        self._connection.execute(
            _ADVANCE_THREAD,
            [
                {
                    "key": key,
                    "new_seq": head.last_seq,
                    "new_rev": head.rev,
                    "new_activity_at": head.activity_at,
                }
                for key, head in self._heads.items()
                if key in touched
            ],
        )
        moved = [
            {
                "key": key,
                "user": user,
                "new_read_seq": place.read_seq,
                "new_own_since_read": place.own_since_read,
            }
            for (key, user), place in self._places.items()
            if place.moved
        ]
        if moved:
            self._connection.execute(_ADVANCE_SENDER, moved)


def _row(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "thread_id": message.thread_id,
        "seq": message.seq,
        "rev": message.rev,
        "kind": message.kind,
        "sender_id": message.sender_id,
        "content": message.content,
        "client_message_id": message.client_message_id,
        "sent_at": message.sent_at,
    }
