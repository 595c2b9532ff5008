"""What changed lately, by revision: for processes that cannot tell each other."""

from typing import NamedTuple

from sqlalchemy import Connection, select

from server.storage.tables import messages, notifications, threads, users


class Heads(NamedTuple):
    """Revs by id. `whole`: these are all threads and all notification centres that anything was ever put in."""

    threads: dict[str, int]
    centres: dict[str, int]
    whole: bool


class ActivityRepository:
    """Reads the heads of what was last active."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def newest(self, limit: int) -> Heads:
        """Return the heads of threads that were opened or written to last, and of centres that were added to last.

        They are found by ids, which begin with a time. Times only choose what is looked at, and `limit` is far more
        than changes within a poll: clocks that differ by less than the oldest of these is old do no harm.
        """
        opened = (
            self._connection.execute(select(threads.c.id).order_by(threads.c.id.desc()).limit(limit)).scalars().all()
        )
        written = select(messages.c.thread_id).order_by(messages.c.id.desc()).limit(limit)
        thread_ids = {*opened, *self._connection.execute(written).scalars()}
        thread_rows = self._connection.execute(
            select(threads.c.id, threads.c.rev).where(threads.c.id.in_(thread_ids))
        ).all()
        newest = select(notifications.c.user_id).order_by(notifications.c.id.desc()).limit(limit)
        ids = self._connection.execute(newest).scalars().all()
        centre_rows = self._connection.execute(
            select(users.c.id, users.c.notification_rev).where(users.c.id.in_(set(ids)))
        ).all()
        return Heads(
            {row.id: row.rev for row in thread_rows},
            {row.id: row.notification_rev for row in centre_rows},
            whole=len(opened) < limit and len(ids) < limit,
        )
