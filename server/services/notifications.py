"""Notifications: told at once, kept until cleared."""

from collections.abc import Callable

from server.domain.commands import ListNotifications, MarkAllNotificationsRead, NotificationCommand, Notify
from server.domain.errors import NotFoundError
from server.domain.events import NotificationCreated, NotificationUpdated
from server.domain.ids import new_id
from server.domain.models import Notification
from server.domain.results import NotificationPage, NotificationsUpdated, Notified
from server.services.actor import Actor
from server.services.ports import Clock, Publisher
from server.storage.database import Database
from server.storage.notifications import NotificationRepository
from server.storage.unit_of_work import UnitOfWork

Change = Callable[[NotificationRepository, int], int | None]
"""Changes a centre at a time, and returns the rev of the change (None: nothing changed)."""


class NotificationService:
    """Each user's notification centre."""

    def __init__(self, database: Database, publisher: Publisher, now: Clock) -> None:
        self._database = database
        self._publisher = publisher
        self._now = now

    async def notify(self, _actor: Actor, command: Notify) -> Notified:
        """Store a notification for each addressee and tell them (service).

        Raises:
            NotFoundError: a user or the thread does not exist; then nothing is stored.
        """
        now = self._now()

        def tell(stored: list[tuple[Notification, int]]) -> None:
            for notification, unread_count in stored:
                self._publisher.publish(NotificationCreated(notification, unread_count))

        stored = await self._database.write(lambda work: _notify(work, command, now), tell)
        return Notified(tuple(notification for notification, _ in stored))

    async def list_notifications(self, actor: Actor, command: ListNotifications) -> NotificationPage:
        """Return a page of the actor's notifications."""
        return await self._database.read(
            lambda work: work.notifications.page(actor.user_id, command.cursor, command.limit)
        )

    async def mark_read(self, actor: Actor, command: NotificationCommand) -> NotificationsUpdated:
        """Read one.

        Raises:
            NotFoundError: unknown, cleared, or another's.
        """
        user_id, notification_id = actor.user_id, command.notification_id
        return await self._change(
            user_id, lambda centre, now: centre.mark_read(user_id, notification_id, now), notification_id
        )

    async def clear(self, actor: Actor, command: NotificationCommand) -> NotificationsUpdated:
        """Remove one from the centre.

        Raises:
            NotFoundError: unknown, cleared before, or another's.
        """
        user_id, notification_id = actor.user_id, command.notification_id
        return await self._change(
            user_id, lambda centre, now: centre.clear(user_id, notification_id, now), notification_id, clears=True
        )

    async def mark_all_read(self, actor: Actor, _command: MarkAllNotificationsRead) -> NotificationsUpdated:
        """Read all."""
        user_id = actor.user_id
        return await self._change(user_id, lambda centre, now: centre.mark_all_read(user_id, now))

    async def _change(
        self, user_id: str, change: Change, notification_id: str | None = None, *, clears: bool = False
    ) -> NotificationsUpdated:
        """Change one notification, or (None) all; tell it if anything changed."""
        now = self._now()

        def job(work: UnitOfWork) -> tuple[int | None, NotificationsUpdated]:
            centre = work.notifications
            rev = change(centre, now)
            return rev, NotificationsUpdated(centre.unread_count(user_id), centre.rev(user_id))

        def tell(changed: tuple[int | None, NotificationsUpdated]) -> None:
            rev, standing = changed
            if rev is not None:
                event = NotificationUpdated(
                    user_id=user_id,
                    notification_ids=() if notification_id is None else (notification_id,),
                    all=notification_id is None,
                    read_at=now,
                    cleared_at=now if clears else None,
                    unread_count=standing.unread_count,
                    rev=rev,
                )
                self._publisher.publish(event)

        _, standing = await self._database.write(job, tell)
        return standing


def _notify(work: UnitOfWork, command: Notify, now: int) -> list[tuple[Notification, int]]:
    if command.thread_id is not None:
        user_ids = work.threads.audience(command.thread_id)
        if not user_ids:
            raise NotFoundError
    else:
        user_ids = command.user_ids or (command.user_id or "",)
    stored = []
    # Sorted, so that two calls lock the users' rows in the same order.
    for user_id in sorted(user_ids):
        new = Notification(
            id=new_id(),
            user_id=user_id,
            title=command.title,
            message=command.message,
            priority=command.priority,
            action_url=command.action_url,
            created_at=now,
            rev=0,
        )
        stored.append((work.notifications.add(new), work.notifications.unread_count(user_id)))
    return stored
