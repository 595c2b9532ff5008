"""What changed after a revision, as the events that told it: for whoever missed these.

State, not a log: what changed several times is told once, at the rev of its last change. Revs in between that nothing
carries any more are left out. The rev up to which rows are read is read before them, since on PostgreSQL the statements
of one read may see different moments: whatever is committed meanwhile has a higher one, and an event of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from server.domain.events import (
    Event,
    MessagesDelivered,
    MessageSent,
    MessagesRead,
    NotificationCreated,
    NotificationUpdated,
    ThreadCreated,
)
from server.storage.messages import MessageRepository
from server.storage.notifications import NotificationRepository, to_notification
from server.storage.receipts import MAX_TOLD_IDS, PLACES, to_receipt
from server.storage.tables import messages, notifications, participants, threads, users
from server.storage.threads import ThreadRepository

MAX_CHANGES = 2_000
"""Of so many of a kind at most: who missed more does better to fetch pages."""

Revs = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed in a thread or a notification centre: events by the rev that they tell, ascending.

    `audience` are the users who hear of it; `up_to` is the rev to which everything is told.
    """

    up_to: int
    audience: tuple[str, ...]
    events: tuple[tuple[int, Event], ...]


class TooManyChangesError(Exception):
    """More than `MAX_CHANGES`."""


class ChangesRepository:
    """Reads what changed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def revs_of_threads(self, thread_ids: Sequence[str]) -> dict[str, int]:
        """Return the present rev of those of the threads that exist."""
        rows = self._connection.execute(select(threads.c.id, threads.c.rev).where(threads.c.id.in_(thread_ids)))
        return {row.id: row.rev for row in rows}

    def revs_of_centres(self, user_ids: Sequence[str]) -> dict[str, int]:
        """Return the present rev of users' notification centres."""
        rows = self._connection.execute(select(users.c.id, users.c.notification_rev).where(users.c.id.in_(user_ids)))
        return {row.id: row.notification_rev for row in rows}

    def audiences(self, thread_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Return the participants of those of the threads that exist."""
        rows = self._connection.execute(
            select(participants.c.thread_id, participants.c.user_id)
            .where(participants.c.thread_id.in_(thread_ids))
            .order_by(participants.c.thread_id)
        )
        return {key: tuple(row.user_id for row in group) for key, group in groupby(rows, lambda row: row.thread_id)}

    def of_threads(self, after: Revs) -> dict[str, Changes]:
        """Return what changed in threads after a rev each.

        Raises:
            TooManyChangesError: too much.
        """
        ends = self.revs_of_threads(tuple(after))
        spans = {key: (after[key], end) for key, end in ends.items() if end > after[key]}
        if not spans:
            return {}
        audiences = self.audiences(tuple(spans))
        found: dict[str, list[tuple[int, Event]]] = {key: [] for key in spans}
        self._add_opened(found, spans, audiences)
        self._add_messages(found, spans, audiences)
        self._add_receipts(found, spans, audiences)
        return {
            key: Changes(spans[key][1], audiences.get(key, ()), tuple(sorted(events, key=lambda told: told[0])))
            for key, events in found.items()
        }

    def of_centre(self, user_id: str, after: int) -> Changes | None:
        """Return what changed in a user's notification centre after a rev; None if nothing did.

        Raises:
            TooManyChangesError: too much.
        """
        end = self.revs_of_centres((user_id,)).get(user_id, 0)
        if end <= after:
            return None
        span = (after, end)
        # Also what was made within the span and changed once more after its end.
        within = or_(_within(notifications.c.rev, span), _within(notifications.c.created_rev, span))
        changed = (notifications.c.user_id == user_id) & within
        rows = self._connection.execute(
            select(notifications).where(changed).order_by(notifications.c.rev).limit(MAX_CHANGES + 1)
        ).all()
        _check(rows)
        unread = NotificationRepository(self._connection).unread_count(user_id)
        made = [row for row in rows if row.created_rev > after and (row.cleared_at is None or row.rev > end)]
        moved = [row for row in rows if row.created_rev < row.rev <= end]
        events: list[tuple[int, Event]] = [
            (row.created_rev, NotificationCreated(replace(to_notification(row), rev=row.created_rev), unread))
            for row in made
        ]
        events += [
            (rev, _updated(user_id, rev, list(group), unread)) for rev, group in groupby(moved, lambda row: row.rev)
        ]
        return Changes(end, (user_id,), tuple(sorted(events, key=lambda told: told[0])))

    def _add_opened(self, found: Any, spans: Mapping[str, tuple[int, int]], audiences: Any) -> None:
        opened = _any_of(threads.c.id, threads.c.info_rev, spans)
        for row in self._connection.execute(select(threads.c.id, threads.c.info_rev).where(opened)).all():
            thread = ThreadRepository(self._connection).get_any(row.id)
            # As it was when it was opened: what was written since is told by what follows.
            first = replace(thread, rev=row.info_rev, last_seq=0, last_message=None, unread_count=0)
            found[row.id].append((row.info_rev, ThreadCreated(first, audiences[row.id])))

    def _add_messages(self, found: Any, spans: Mapping[str, tuple[int, int]], audiences: Any) -> None:
        changed = MessageRepository(self._connection).changed_within(spans, MAX_CHANGES + 1)
        _check(changed)
        for message in changed:
            found[message.thread_id].append((message.rev, MessageSent(message, audiences[message.thread_id])))

    def _add_receipts(self, found: Any, spans: Mapping[str, tuple[int, int]], audiences: Any) -> None:
        # By both kinds: of a place that moved once more after the end of the span, an older receipt is within.
        read_or_delivered = or_(
            _any_of(participants.c.thread_id, participants.c.read_rev, spans),
            _any_of(participants.c.thread_id, participants.c.delivered_rev, spans),
        )
        rows = self._connection.execute(PLACES.where(read_or_delivered).limit(MAX_CHANGES + 1)).all()
        _check(rows)
        for row in rows:
            after, end = spans[row.thread_id]
            audience, receipt = audiences[row.thread_id], to_receipt(row)
            if after < row.read_rev <= end:
                then = replace(receipt, rev=row.read_rev, unread_count=receipt.unread_count - self._came_after(row))
                read = MessagesRead(then, self._read_ids(row), audience)
                found[row.thread_id].append((row.read_rev, read))
            if after < row.delivered_rev <= end:
                delivered = MessagesDelivered(replace(receipt, rev=row.delivered_rev), audience)
                found[row.thread_id].append((row.delivered_rev, delivered))

    def _came_after(self, row: Any) -> int:
        """Count what is unread and came after the receipt: it is told after it, and counted then."""
        later = (
            (messages.c.thread_id == row.thread_id)
            & (messages.c.rev > row.read_rev)
            & _within(messages.c.seq, (row.read_seq, row.last_seq))
            & messages.c.sender_id.is_distinct_from(row.user_id)
        )
        return self._connection.execute(select(func.count()).where(later)).scalar_one()

    def _read_ids(self, row: Any) -> tuple[str, ...]:
        """Return the newest that were read: which of them are new to whoever missed it, nobody knows."""
        above = max(row.read_seq - MAX_TOLD_IDS, 0)
        repository = MessageRepository(self._connection)
        return repository.ids_of_others(row.thread_id, row.user_id, above, row.read_seq, MAX_TOLD_IDS)


def _within(column: Any, span: tuple[int, int]) -> ColumnElement[bool]:
    after, end = span
    return and_(column > after, column <= end)


def _any_of(key: Any, rev: Any, spans: Mapping[str, tuple[int, int]]) -> ColumnElement[bool]:
    return or_(*(and_(key == thread_id, _within(rev, span)) for thread_id, span in spans.items()))


def _check(rows: Sequence[Any]) -> None:
    if len(rows) > MAX_CHANGES:
        raise TooManyChangesError


def _updated(user_id: str, rev: int, rows: Sequence[Any], unread: int) -> NotificationUpdated:
    return NotificationUpdated(
        user_id=user_id,
        notification_ids=tuple(row.id for row in rows),
        all=False,
        read_at=rows[0].read_at,
        cleared_at=rows[0].cleared_at,
        unread_count=unread,
        rev=rev,
    )
