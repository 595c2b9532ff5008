"""Messages: writing and reading them."""

import asyncio
from collections.abc import Callable
from functools import partial

from server.domain.commands import GetHistory, PostMessage, SendMessage
from server.domain.errors import InvalidPayloadError
from server.domain.events import MessageSent
from server.domain.ids import new_id
from server.domain.models import Message
from server.domain.results import HistoryPage
from server.services.actor import Actor
from server.services.ports import Clock, Publisher
from server.storage.append import Appended, NewMessage
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork
from server.storage.writer import Late

Settle = Callable[[Message | Exception], None]


class MessageService:
    """Stores messages, then tells them. `sent` counts what this process stored."""

    def __init__(self, database: Database, publisher: Publisher, now: Clock, max_chars: int) -> None:
        self._database = database
        self._publisher = publisher
        self._now = now
        self._max_chars = max_chars
        self.sent = 0

    def send(self, actor: Actor, command: SendMessage, settle: Settle) -> None:
        """Write into a thread as the actor; `settle` is called with the stored message, or with what refused it.

        The message is in the writer's queue when this returns: one connection's messages keep their order.

        Raises:
            InvalidPayloadError: the content is too long.
            UnavailableError: the queue is full. In both cases `settle` is not called.

        Settles with:
            NotFoundError: the actor is in no such thread.
            UnavailableError: the database is away.
        """
        self._store(command.thread_id, actor.user_id, command.content, command.client_message_id, settle)

    async def send_and_wait(self, actor: Actor, command: SendMessage) -> Message:
        """Write as `send` does, and wait for it. Raises what it raises and settles with."""
        outcome: asyncio.Future[Message | Exception] = asyncio.get_running_loop().create_future()
        self.send(actor, command, outcome.set_result)
        message = await outcome
        if isinstance(message, Exception):
            raise message
        return message

    def post(self, _actor: Actor, command: PostMessage, settle: Settle) -> None:
        """Write into a thread for a participant, or as the system. Raises and settles as `send` does."""
        self._store(command.thread_id, command.sender_id, command.content, command.client_message_id, settle)

    def _store(
        self, thread_id: str, sender_id: str | None, content: str, client_id: str | None, settle: Settle
    ) -> None:
        if len(content) > self._max_chars:
            raise InvalidPayloadError({"content": [f"Longer than {self._max_chars} characters."]})
        new = NewMessage(new_id(), thread_id, sender_id, content, client_id, self._now())
        self._database.append_then(new, partial(self._stored, settle))

    def _stored(self, settle: Settle, outcome: Appended | Late | Exception) -> None:
        if isinstance(outcome, Appended):
            self._tell(outcome)
            settle(outcome.message)
        elif isinstance(outcome, Late):
            self._tell(outcome.result)  # the sender was told that nobody knows; it may ask again
        else:
            settle(outcome)

    def _tell(self, stored: Appended) -> None:
        if stored.created:
            self.sent += 1
            self._publisher.publish(MessageSent(stored.message, stored.audience))

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
