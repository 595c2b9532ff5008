"""Threads: opening, listing and hearing them."""

import json
from collections.abc import Callable
from typing import Literal

from server.domain.commands import CreateThread, ListThreads, ThreadCommand
from server.domain.errors import ForbiddenError, InvalidPayloadError, NotFoundError
from server.domain.events import ThreadCreated
from server.domain.ids import new_id
from server.domain.models import Thread
from server.domain.results import Done, ThreadPage
from server.services.actor import Actor
from server.services.ports import Clock, Connection, Publisher
from server.services.presence import PresenceService
from server.storage.database import Database
from server.storage.threads import NewThread
from server.storage.unit_of_work import UnitOfWork

ThreadCreation = Literal["anyone", "service"]

DIRECT_PARTICIPANTS = 2


class ThreadService:
    """Conversations and who hears them."""

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        presence: PresenceService,
        now: Clock,
        creation: ThreadCreation,
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._presence = presence
        self._now = now
        self._creation = creation

    async def list_threads(self, actor: Actor, command: ListThreads) -> ThreadPage:
        """Return a page of the actor's threads."""
        return await self._database.read(lambda work: work.threads.page(actor.user_id, command.cursor, command.limit))

    async def get(self, actor: Actor, command: ThreadCommand) -> Thread:
        """Return a thread.

        Raises:
            NotFoundError: the actor is in no such thread.
        """
        return await self._database.read(lambda work: work.threads.get(command.thread_id, actor.user_id))

    async def create(self, actor: Actor, command: CreateThread) -> Thread:
        """Open a thread with people who exist; the same direct thread is opened once.

        Raises:
            ForbiddenError: only the service opens threads here.
            InvalidPayloadError: the participants do not fit the kind.
            NotFoundError: a participant does not exist.
        """
        if self._creation == "service":
            raise ForbiddenError
        new = self._new_thread(command, tuple(dict.fromkeys((actor.user_id, *command.participant_ids))), actor.user_id)

        def job(work: UnitOfWork) -> tuple[Thread, bool]:
            if len(work.users.get_many(new.participant_ids)) != len(new.participant_ids):
                raise NotFoundError
            thread_id, created = work.threads.create(new)
            return work.threads.get(thread_id, actor.user_id), created

        return await self._store(job, new)

    async def open(self, _actor: Actor, command: CreateThread) -> Thread:
        """Open a thread for others (service); people who do not exist yet are created.

        Raises:
            InvalidPayloadError: the participants do not fit the kind.
        """
        new = self._new_thread(command, command.participant_ids, None)

        def job(work: UnitOfWork) -> tuple[Thread, bool]:
            work.users.create_missing(new.participant_ids, new.created_at)
            thread_id, created = work.threads.create(new)
            return work.threads.get_any(thread_id), created

        return await self._store(job, new)

    async def join_conversation(self, actor: Actor, command: ThreadCommand) -> Done:
        """Hear who is typing in a thread.

        Raises:
            NotFoundError: the actor is in no such thread.
        """
        await self.get(actor, command)
        if (heard := _connection(actor).hear_typing(command.thread_id, hear=True)) is not None:
            await heard
        return Done()

    async def leave_conversation(self, actor: Actor, command: ThreadCommand) -> Done:
        """No longer hear who is typing. Raises what `join_conversation` raises."""
        await self.get(actor, command)
        _connection(actor).hear_typing(command.thread_id, hear=False)
        return Done()

    async def join(self, actor: Actor, command: ThreadCommand) -> Thread:
        """Hear a thread, typing included. What is told after the answer's `rev` is heard.

        Raises:
            NotFoundError: the actor is in no such thread.
        """
        await self.get(actor, command)
        if (heard := _connection(actor).hear_thread(command.thread_id, hear=True)) is not None:
            await heard
        # Read again: an event between the check and the joining would be in neither the snapshot nor the stream.
        return await self.get(actor, command)

    async def leave(self, actor: Actor, command: ThreadCommand) -> Done:
        """No longer hear a thread. Raises what `join` raises."""
        await self.get(actor, command)
        _connection(actor).hear_thread(command.thread_id, hear=False)
        return Done()

    def _new_thread(self, command: CreateThread, participant_ids: tuple[str, ...], created_by: str | None) -> NewThread:
        direct_key = None
        if command.kind == "direct":
            if len(participant_ids) != DIRECT_PARTICIPANTS:
                raise InvalidPayloadError({"participant_ids": ["A direct thread has exactly two participants."]})
            subject = [command.subject.type, command.subject.id] if command.subject else []
            direct_key = json.dumps([*sorted(participant_ids), *subject])
        return NewThread(
            id=new_id(),
            kind=command.kind,
            title=command.title,
            subject=command.subject,
            direct_key=direct_key,
            created_by=created_by,
            created_at=self._now(),
            participant_ids=participant_ids,
        )

    async def _store(self, job: Callable[[UnitOfWork], tuple[Thread, bool]], new: NewThread) -> Thread:
        """Open a thread, unless it is open, and tell its participants."""

        def tell(stored: tuple[Thread, bool]) -> None:
            thread, created = stored
            if created:
                self._publisher.publish(ThreadCreated(thread, new.participant_ids))

        thread, created = await self._database.write(job, tell)
        if created:
            await self._presence.introduce(new.participant_ids)
        return thread


def _connection(actor: Actor) -> Connection:
    assert actor.connection is not None  # noqa: S101 - these operations are offered on connections only
    return actor.connection
