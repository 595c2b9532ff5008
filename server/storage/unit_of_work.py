"""One transaction, with a repository for each noun."""

from functools import cached_property

from sqlalchemy import Connection

from server.storage.activity import ActivityRepository
from server.storage.changes import ChangesRepository
from server.storage.idempotency import IdempotencyRepository
from server.storage.messages import MessageRepository
from server.storage.notifications import NotificationRepository
from server.storage.presence import PresenceRepository
from server.storage.push import PushRepository
from server.storage.receipts import ReceiptRepository
from server.storage.revocations import RevocationRepository
from server.storage.threads import ThreadRepository
from server.storage.users import UserRepository


class UnitOfWork:
    """What a job passed to `Database.read` or `Database.write` works with; it commits when the job returns."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @cached_property
    def users(self) -> UserRepository:
        """People."""
        return UserRepository(self._connection)

    @cached_property
    def threads(self) -> ThreadRepository:
        """Threads and participants."""
        return ThreadRepository(self._connection)

    @cached_property
    def messages(self) -> MessageRepository:
        """Messages, to read."""
        return MessageRepository(self._connection)

    @cached_property
    def receipts(self) -> ReceiptRepository:
        """Read and delivered positions."""
        return ReceiptRepository(self._connection)

    @cached_property
    def notifications(self) -> NotificationRepository:
        """Notification centres."""
        return NotificationRepository(self._connection)

    @cached_property
    def changes(self) -> ChangesRepository:
        """What changed in threads and notification centres after a rev."""
        return ChangesRepository(self._connection)

    @cached_property
    def push(self) -> PushRepository:
        """Browsers that get pushes."""
        return PushRepository(self._connection)

    @cached_property
    def revocations(self) -> RevocationRepository:
        """Revoked tokens."""
        return RevocationRepository(self._connection)

    @cached_property
    def idempotency(self) -> IdempotencyRepository:
        """Kept answers."""
        return IdempotencyRepository(self._connection)

    @cached_property
    def activity(self) -> ActivityRepository:
        """What changed lately."""
        return ActivityRepository(self._connection)

    @cached_property
    def presence(self) -> PresenceRepository:
        """Who is connected to which process."""
        return PresenceRepository(self._connection)
