"""Who is typing. Never stored; a client that falls silent stops typing after 6 seconds."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from server.domain.commands import ThreadCommand
from server.domain.events import TypingChanged
from server.domain.results import Done
from server.services.actor import Actor
from server.services.ports import Connection, Publisher
from server.storage.database import Database

STOPS_AFTER_S = 6.0
CHECKED_EVERY_S = 10.0
"""So long is a typist taken at their word that they are in the thread, and called what they are called."""


@dataclass(slots=True)
class _Typist:
    connection: Connection
    user_id: str
    user_name: str
    checked_at: float
    timer: asyncio.TimerHandle | None = None


class TypingService:
    """Tells the others in a thread when someone begins and stops."""

    def __init__(self, database: Database, publisher: Publisher) -> None:
        self._database = database
        self._publisher = publisher
        self._typists: dict[tuple[str, str], _Typist] = {}

    def start(self, actor: Actor, command: ThreadCommand) -> Done | Coroutine[Any, Any, Done]:
        """The actor types; told at once and at each renewal.

        Raises:
            NotFoundError: the actor is in no such thread.
        """
        assert actor.connection is not None  # noqa: S101 - offered on connections only
        typist = self._typists.get((actor.connection.id, command.thread_id))
        if typist is None or typist.checked_at + CHECKED_EVERY_S < asyncio.get_running_loop().time():
            return self._start(actor, command)
        self._type(command.thread_id, typist)
        return Done()

    def stop(self, actor: Actor, command: ThreadCommand) -> Done | Coroutine[Any, Any, Done]:
        """The actor stopped; told if they were typing.

        Raises:
            NotFoundError: the actor is in no such thread.
        """
        assert actor.connection is not None  # noqa: S101 - offered on connections only
        key = (actor.connection.id, command.thread_id)
        if key not in self._typists:
            return self._check(actor, command)
        self._stop(key)
        return Done()

    async def _start(self, actor: Actor, command: ThreadCommand) -> Done:
        name = await self._name(actor, command)
        assert actor.connection is not None  # noqa: S101
        typist = _Typist(actor.connection, actor.user_id, name, asyncio.get_running_loop().time())
        self._type(command.thread_id, typist)
        return Done()

    async def _check(self, actor: Actor, command: ThreadCommand) -> Done:
        await self._name(actor, command)
        return Done()

    def _type(self, thread_id: str, typist: _Typist) -> None:
        key = (typist.connection.id, thread_id)
        before = self._typists.get(key)
        if before is not None and before.timer is not None:
            before.timer.cancel()
        typist.timer = asyncio.get_running_loop().call_later(STOPS_AFTER_S, self._stop, key)
        self._typists[key] = typist
        self._tell(thread_id, typist, is_typing=True)

    def disconnected(self, connection: Connection) -> None:
        """A connection that is gone types nowhere."""
        for key in [key for key in self._typists if key[0] == connection.id]:
            self._stop(key)

    async def _name(self, actor: Actor, command: ThreadCommand) -> str:
        return await self._database.read(lambda work: work.threads.participant_name(command.thread_id, actor.user_id))

    def _stop(self, key: tuple[str, str]) -> None:
        typist = self._typists.pop(key, None)
        if typist is not None:
            if typist.timer is not None:
                typist.timer.cancel()
            self._tell(key[1], typist, is_typing=False)

    def _tell(self, thread_id: str, typist: _Typist, *, is_typing: bool) -> None:
        event = TypingChanged(thread_id, typist.user_id, typist.user_name, is_typing)
        self._publisher.publish(event, skip=typist.connection)
