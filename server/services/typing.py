"""Who is typing. Never stored; a client that falls silent stops typing after 6 seconds."""

import asyncio
from dataclasses import dataclass

from server.domain.commands import ThreadCommand
from server.domain.events import TypingChanged
from server.domain.results import Done
from server.services.actor import Actor
from server.services.ports import Connection, Publisher
from server.storage.database import Database

STOPS_AFTER_S = 6.0


@dataclass(slots=True)
class _Typist:
    connection: Connection
    user_id: str
    user_name: str
    timer: asyncio.TimerHandle


class TypingService:
    """Tells the others in a thread when someone begins and stops."""

    def __init__(self, database: Database, publisher: Publisher) -> None:
        self._database = database
        self._publisher = publisher
        self._typists: dict[tuple[str, str], _Typist] = {}

    async def start(self, actor: Actor, command: ThreadCommand) -> Done:
        """The actor types; told at once and at each renewal.

        Raises:
            NotFoundError: the actor is in no such thread.
        """
        name = await self._name(actor, command)
        assert actor.connection is not None  # noqa: S101 - offered on connections only
        key = (actor.connection.id, command.thread_id)
        if key in self._typists:
            self._typists[key].timer.cancel()
        timer = asyncio.get_running_loop().call_later(STOPS_AFTER_S, self._stop, key)
        self._typists[key] = _Typist(actor.connection, actor.user_id, name, timer)
        self._tell(command.thread_id, self._typists[key], is_typing=True)
        return Done()

    async def stop(self, actor: Actor, command: ThreadCommand) -> Done:
        """The actor stopped; told if they were typing.

        Raises:
            NotFoundError: the actor is in no such thread.
        """
        await self._name(actor, command)
        assert actor.connection is not None  # noqa: S101 - offered on connections only
        self._stop((actor.connection.id, command.thread_id))
        return Done()

    def disconnected(self, connection: Connection) -> None:
        """A connection that is gone types nowhere."""
        for key in [key for key in self._typists if key[0] == connection.id]:
            self._stop(key)

    async def _name(self, actor: Actor, command: ThreadCommand) -> str:
        return await self._database.read(lambda work: work.threads.participant_name(command.thread_id, actor.user_id))

    def _stop(self, key: tuple[str, str]) -> None:
        typist = self._typists.pop(key, None)
        if typist is not None:
            typist.timer.cancel()
            self._tell(key[1], typist, is_typing=False)

    def _tell(self, thread_id: str, typist: _Typist, *, is_typing: bool) -> None:
        event = TypingChanged(thread_id, typist.user_id, typist.user_name, is_typing)
        self._publisher.publish(event, skip=typist.connection)
