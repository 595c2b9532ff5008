"""Threads and who is in them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, insert, select, tuple_

from server.domain.errors import NotFoundError
from server.domain.models import (
    CONTACT_THREAD_PARTICIPANTS,
    Message,
    Participant,
    Subject,
    Thread,
    ThreadKind,
)
from server.domain.results import ThreadPage
from server.storage.cursors import decode_cursor, encode_cursor
from server.storage.messages import MessageRepository
from server.storage.tables import participants, threads, users
from server.storage.users import insert_for

LISTED_PARTICIPANTS = 100
"""So many participants of a large thread are listed with it."""


@dataclass(frozen=True, slots=True)
class Head:
    """How far a thread is, and how much of it a user has not read. `info_rev`: when the thread itself changed."""

    rev: int
    info_rev: int
    unread_count: int


@dataclass(frozen=True, slots=True)
class NewThread:
    """A thread to be stored. `direct_key` makes the direct thread of two people about one subject unique."""

    id: str
    kind: ThreadKind
    title: str | None
    subject: Subject | None
    direct_key: str | None
    created_by: str | None
    created_at: int
    participant_ids: tuple[str, ...]


class ThreadRepository:
    """Rows of `threads` and `participants`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._messages = MessageRepository(connection)

    def create(self, new: NewThread) -> tuple[str, bool]:
        """Store a thread, or find the direct thread that exists.

        Returns:
            Its id, and whether it is new.
        """
        values = _thread_row(new)
        insert_thread = insert_for(self._connection)(threads).values(values)
        if new.direct_key is not None:
            insert_thread = insert_thread.on_conflict_do_nothing(index_elements=["direct_key"])
        if self._connection.execute(insert_thread).rowcount == 0:
            existing = select(threads.c.id).where(threads.c.direct_key == new.direct_key)
            return self._connection.execute(existing).scalar_one(), False
        self._connection.execute(
            insert(participants), [_participant_row(new, user_id) for user_id in new.participant_ids]
        )
        return new.id, True

    def get(self, thread_id: str, user_id: str) -> Thread:
        """Return a thread as a participant sees it.

        Raises:
            NotFoundError: unknown, or the user is not in it.
        """
        rows = self._connection.execute(_select_mine(user_id).where(threads.c.id == thread_id)).all()
        if not rows:
            raise NotFoundError
        return self._threads(rows)[0]

    def get_any(self, thread_id: str) -> Thread:
        """Return a thread as nobody in particular sees it (unread 0).

        Raises:
            NotFoundError: unknown.
        """
        rows = self._connection.execute(select(threads).where(threads.c.id == thread_id)).all()
        if not rows:
            raise NotFoundError
        return self._threads(rows)[0]

    def page(self, user_id: str, cursor: str | None, limit: int) -> ThreadPage:
        """Return a page of a user's threads, newest activity first."""
        query = _select_mine(user_id)
        if cursor:
            position = decode_cursor(cursor, int, str)
            query = query.where(tuple_(threads.c.activity_at, threads.c.id) < tuple_(*position))
        query = query.order_by(threads.c.activity_at.desc(), threads.c.id.desc()).limit(limit + 1)
        rows = self._connection.execute(query).all()
        more = len(rows) > limit
        rows = rows[:limit]
        next_cursor = encode_cursor(rows[-1].activity_at, rows[-1].id) if more else None
        return ThreadPage(tuple(self._threads(rows)), next_cursor, self.total_unread(user_id))

    def total_unread(self, user_id: str) -> int:
        """Count a user's unread messages over all threads."""
        unread = threads.c.last_seq - participants.c.read_seq - participants.c.own_since_read
        query = (
            select(func.coalesce(func.sum(unread), 0))
            .join(threads, threads.c.id == participants.c.thread_id)
            .where(participants.c.user_id == user_id)
        )
        return int(self._connection.execute(query).scalar_one())

    def heads(self, user_id: str, thread_ids: Iterable[str]) -> dict[str, Head]:
        """Return the heads of those of the threads that the user is in."""
        unread = threads.c.last_seq - participants.c.read_seq - participants.c.own_since_read
        rows = self._connection.execute(
            select(threads.c.id, threads.c.rev, threads.c.info_rev, unread.label("unread_count"))
            .join(participants, participants.c.thread_id == threads.c.id)
            .where(participants.c.user_id == user_id, threads.c.id.in_(tuple(thread_ids)))
        )
        return {row.id: Head(row.rev, row.info_rev, row.unread_count) for row in rows}

    def audience(self, thread_id: str) -> tuple[str, ...]:
        """Return the ids of all participants; empty if there is no such thread."""
        rows = self._connection.execute(select(participants.c.user_id).where(participants.c.thread_id == thread_id))
        return tuple(row.user_id for row in rows)

    def participant_name(self, thread_id: str, user_id: str) -> str:
        """Return the display name of a participant.

        Raises:
            NotFoundError: there is no such thread, or the user is not in it.
        """
        row = self._connection.execute(
            select(users.c.display_name)
            .join(participants, participants.c.user_id == users.c.id)
            .where(participants.c.thread_id == thread_id, participants.c.user_id == user_id)
        ).one_or_none()
        if row is None:
            raise NotFoundError
        return str(row.display_name)

    def contacts(self, user_id: str) -> tuple[str, ...]:
        """Return the people whose presence a user sees: others in threads of at most 100 participants."""
        return self.contacts_of([user_id])[user_id]

    def contacts_of(self, user_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Return the contacts of several users."""
        found: dict[str, list[str]] = {user_id: [] for user_id in user_ids}
        for at in range(0, len(user_ids), USERS_A_QUERY):
            for row in self._connection.execute(_CONTACTS, {"user_ids": user_ids[at : at + USERS_A_QUERY]}):
                found[row.user_id].append(row.contact_id)
        return {user_id: tuple(contacts) for user_id, contacts in found.items()}

    def acquainted(self, user_id: str, others: Iterable[str]) -> set[str]:
        """Return those of the others with whom a user shares a thread, and the user if named."""
        others = tuple(others)
        mine = select(participants.c.thread_id).where(participants.c.user_id == user_id)
        rows = self._connection.execute(
            select(participants.c.user_id)
            .where(participants.c.user_id.in_(others), participants.c.thread_id.in_(mine))
            .distinct()
        )
        return {row.user_id for row in rows} | ({user_id} & set(others))

    def _threads(self, rows: Sequence[Row[Any]]) -> list[Thread]:
        members = self._participants([row.id for row in rows])
        last = self._messages.last_of({row.id: row.last_seq for row in rows})
        return [_thread(row, tuple(members.get(row.id, ())), last.get(row.id)) for row in rows]

    def _participants(self, thread_ids: Sequence[str]) -> dict[str, list[Participant]]:
        rank = func.row_number().over(
            partition_by=participants.c.thread_id, order_by=(participants.c.joined_at, participants.c.user_id)
        )
        ranked = select(participants, rank.label("rank")).where(participants.c.thread_id.in_(thread_ids)).subquery()
        rows = self._connection.execute(
            select(ranked, users.c.display_name, users.c.avatar_url)
            .join(users, users.c.id == ranked.c.user_id)
            .where(ranked.c.rank <= LISTED_PARTICIPANTS)
            .order_by(ranked.c.thread_id, ranked.c.rank)
        )
        found: dict[str, list[Participant]] = {}
        for row in rows:
            found.setdefault(row.thread_id, []).append(_participant(row))
        return found


USERS_A_QUERY = 500

_other = participants.alias("other")
_CONTACTS = (
    select(participants.c.user_id, _other.c.user_id.label("contact_id"))
    .distinct()
    .join(threads, threads.c.id == participants.c.thread_id)
    .join(_other, _other.c.thread_id == participants.c.thread_id)
    .where(
        participants.c.user_id.in_(bindparam("user_ids", expanding=True)),
        threads.c.participant_count <= CONTACT_THREAD_PARTICIPANTS,
        _other.c.user_id != participants.c.user_id,
    )
)
"""Built once: to build a query costs several times what it takes to run it."""


def _select_mine(user_id: str) -> Select[Any]:
    return (
        select(threads, participants.c.read_seq, participants.c.own_since_read)
        .join(participants, participants.c.thread_id == threads.c.id)
        .where(participants.c.user_id == user_id)
    )


def _thread_row(new: NewThread) -> dict[str, Any]:
    subject = new.subject
    return {
        "id": new.id,
        "kind": new.kind,
        "title": new.title,
        "subject_type": subject.type if subject else None,
        "subject_id": subject.id if subject else None,
        "subject_title": subject.title if subject else None,
        "subject_url": subject.url if subject else None,
        "subject_image_url": subject.image_url if subject else None,
        "direct_key": new.direct_key,
        "created_by": new.created_by,
        "created_at": new.created_at,
        "activity_at": new.created_at,
        "last_seq": 0,
        "rev": 1,
        "info_rev": 1,
        "participant_count": len(new.participant_ids),
    }


def _participant_row(new: NewThread, user_id: str) -> Mapping[str, Any]:
    role = "owner" if user_id == new.created_by else "member"
    return {"thread_id": new.id, "user_id": user_id, "role": role, "joined_at": new.created_at, "rev": 1}


def _thread(row: Row[Any], members: tuple[Participant, ...], last_message: Message | None) -> Thread:
    subject = None
    if row.subject_type is not None:
        subject = Subject(row.subject_type, row.subject_id, row.subject_title, row.subject_url, row.subject_image_url)
    read = row.read_seq + row.own_since_read if hasattr(row, "read_seq") else row.last_seq
    return Thread(
        id=row.id,
        kind=row.kind,
        title=row.title,
        subject=subject,
        created_by=row.created_by,
        created_at=row.created_at,
        activity_at=row.activity_at,
        last_seq=row.last_seq,
        rev=row.rev,
        participant_count=row.participant_count,
        participants=members,
        last_message=last_message,
        unread_count=row.last_seq - read,
    )


def _participant(row: Row[Any]) -> Participant:
    return Participant(
        user_id=row.user_id,
        display_name=row.display_name,
        avatar_url=row.avatar_url,
        role=row.role,
        read_seq=row.read_seq,
        read_at=row.read_at,
        delivered_seq=row.delivered_seq,
        delivered_at=row.delivered_at,
        joined_at=row.joined_at,
        rev=row.rev,
    )
