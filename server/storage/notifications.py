"""Notifications. Each user's centre has a revision counter (`users.notification_rev`), as each thread has."""

from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from server.domain.errors import NotFoundError
from server.domain.models import Notification
from server.domain.results import NotificationChanges, NotificationPage
from server.storage.cursors import decode_cursor, encode_cursor
from server.storage.tables import notifications, users


class NotificationRepository:
    """Rows of `notifications`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, new: Notification) -> Notification:
        """Store a notification (its `rev` is set here).

        Raises:
            NotFoundError: there is no such user.
        """
        stored = replace(new, rev=self._next_rev(new.user_id))
        self._connection.execute(insert(notifications).values(created_rev=stored.rev, **asdict(stored)))
        return stored

    def page(self, user_id: str, cursor: str | None, limit: int) -> NotificationPage:
        """Return a page of what is not cleared, newest first."""
        rev = self.rev(user_id)  # before the rows: what changes in between is then found by the next sync
        query = select(notifications).where(notifications.c.user_id == user_id, notifications.c.cleared_at.is_(None))
        if cursor:
            query = query.where(notifications.c.id < decode_cursor(cursor, str)[0])
        rows = self._connection.execute(query.order_by(notifications.c.id.desc()).limit(limit + 1)).all()
        next_cursor = encode_cursor(rows[limit - 1].id) if len(rows) > limit else None
        items = tuple(to_notification(row) for row in rows[:limit])
        return NotificationPage(items, next_cursor, self.unread_count(user_id), rev)

    def changed_since(self, user_id: str, rev: int, limit: int) -> NotificationChanges:
        """Return what changed after `rev`, in the order of the changes; `rev` of the answer is where to go on.

        Items that changed together share a rev (reading all of them), so a page never ends between two of these.
        """
        reached = self.rev(user_id)  # before the rows, likewise
        wanted = select(notifications).where(notifications.c.user_id == user_id, notifications.c.rev > rev)
        rows = self._connection.execute(wanted.order_by(notifications.c.rev, notifications.c.id).limit(limit + 1)).all()
        more = len(rows) > limit
        if more:
            last = rows[limit].rev
            whole = [row for row in rows if row.rev != last]
            rows = whole or self._connection.execute(wanted.where(notifications.c.rev == last)).all()
            reached = rows[-1].rev
        items = tuple(to_notification(row) for row in rows)
        return NotificationChanges(reached, items, more, self.unread_count(user_id))

    def mark_read(self, user_id: str, notification_id: str, now: int) -> int | None:
        """Read one; returns the rev, or None if it was read before.

        Raises:
            NotFoundError: unknown, cleared, or another's.
        """
        row = self._visible(user_id, notification_id)
        return None if row.read_at is not None else self._set(user_id, notification_id, {"read_at": now})

    def clear(self, user_id: str, notification_id: str, now: int) -> int | None:
        """Remove one from the centre; returns the rev.

        Raises:
            NotFoundError: unknown, cleared before, or another's.
        """
        row = self._visible(user_id, notification_id)
        return self._set(user_id, notification_id, {"cleared_at": now, "read_at": row.read_at or now})

    def mark_all_read(self, user_id: str, now: int) -> int | None:
        """Read all; returns the rev that they share, or None if none was unread."""
        if not self.unread_count(user_id):
            return None
        rev = self._next_rev(user_id)
        unread = (notifications.c.user_id == user_id) & notifications.c.read_at.is_(None)
        self._connection.execute(update(notifications).where(unread).values(read_at=now, rev=rev))
        return rev

    def unread_count(self, user_id: str) -> int:
        """Count what is neither read nor cleared."""
        query = select(func.count()).where(
            notifications.c.user_id == user_id,
            notifications.c.read_at.is_(None),
            notifications.c.cleared_at.is_(None),
        )
        return self._connection.execute(query).scalar_one()

    def rev(self, user_id: str) -> int:
        """Return the centre's revision; 0 for one who has none."""
        found = self._connection.execute(select(users.c.notification_rev).where(users.c.id == user_id)).scalar()
        return found or 0

    def _visible(self, user_id: str, notification_id: str) -> Row[Any]:
        row = self._connection.execute(
            select(notifications).where(
                notifications.c.id == notification_id,
                notifications.c.user_id == user_id,
                notifications.c.cleared_at.is_(None),
            )
        ).one_or_none()
        if row is None:
            raise NotFoundError
        return row

    def _set(self, user_id: str, notification_id: str, values: dict[str, int]) -> int:
        rev = self._next_rev(user_id)
        self._connection.execute(
            update(notifications).where(notifications.c.id == notification_id).values(rev=rev, **values)
        )
        return rev

    def _next_rev(self, user_id: str) -> int:
        advance = update(users).where(users.c.id == user_id).values(notification_rev=users.c.notification_rev + 1)
        rev = self._connection.execute(advance.returning(users.c.notification_rev)).scalar()
        if rev is None:
            raise NotFoundError
        return int(rev)


def to_notification(row: Row[Any]) -> Notification:
    """Return a row as a notification."""
    return Notification(
        id=row.id,
        user_id=row.user_id,
        title=row.title,
        message=row.message,
        priority=row.priority,
        action_url=row.action_url,
        created_at=row.created_at,
        rev=row.rev,
        read_at=row.read_at,
        cleared_at=row.cleared_at,
    )
