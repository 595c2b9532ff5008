"""Messages: writing and reading them."""

from server.domain.commands import GetHistory, PostMessage, SendMessage
from server.domain.errors import InvalidPayloadError
from server.domain.events import MessageSent
from server.domain.ids import new_id
from server.domain.models import Message
from server.domain.results import HistoryPage
from server.services.actor import Actor
from server.services.ports import Clock, Publisher
from server.storage.append import NewMessage
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork


class MessageService:
    """Stores messages, then tells them. `sent` counts what this process stored."""

    def __init__(self, database: Database, publisher: Publisher, now: Clock, max_chars: int) -> None:
        self._database = database
        self._publisher = publisher
        self._now = now
        self._max_chars = max_chars
        self.sent = 0

    async def send(self, actor: Actor, command: SendMessage) -> Message:
        """Write into a thread as the actor.

        Nothing is awaited before the message is in the writer's queue: one connection's messages keep their order.

        Raises:
            NotFoundError: the actor is in no such thread.
            InvalidPayloadError: the content is too long.
            UnavailableError: the database is away or the queue full.
        """
        return await self._store(command.thread_id, actor.user_id, command.content, command.client_message_id)

    async def post(self, _actor: Actor, command: PostMessage) -> Message:
        """Write into a thread for a participant, or as the system. Raises what `send` raises."""
        return await self._store(command.thread_id, command.sender_id, command.content, command.client_message_id)

    async def _store(self, thread_id: str, sender_id: str | None, content: str, client_id: str | None) -> Message:
        if len(content) > self._max_chars:
            raise InvalidPayloadError({"content": [f"Longer than {self._max_chars} characters."]})
        new = NewMessage(new_id(), thread_id, sender_id, content, client_id, self._now())
        stored = await self._database.append(new)
        if stored.created:
            self.sent += 1
            self._publisher.publish(MessageSent(stored.message, stored.audience))
        return stored.message

    async def history(self, actor: Actor, command: GetHistory) -> HistoryPage:
        """Return a stretch of a thread's messages.

        Raises:
            NotFoundError: the actor is in no such thread.
        """

        def job(work: UnitOfWork) -> HistoryPage:
            work.threads.participant_name(command.thread_id, actor.user_id)
            return work.messages.history(command.thread_id, _anchor(command), command.limit)

        return await self._database.read(job)


def _anchor(command: GetHistory) -> tuple[str, int] | None:
    for kind, seq in (
        ("before", command.before_seq),
        ("after", command.after_seq),
        ("around", command.around_seq),
    ):
        if seq is not None:
            return kind, seq
    return None
