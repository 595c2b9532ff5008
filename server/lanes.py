"""One connection's operations take effect in the order sent.

Operations enter the lane in the order of arrival. Concurrent ones (sending a message) overlap one another: each is in
the writer's queue before the next begins, and is acknowledged when it is committed. Any other waits for all before it,
and all after it wait for it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from server.contract.envelope import Envelope
from server.contract.operations import OPERATIONS
from server.dispatch import Dispatcher
from server.domain.errors import RealtimeError, UnauthenticatedError, UnavailableError
from server.services.actor import Locale
from server.services.connections import ConnectionService
from server.services.ports import Connection

T = TypeVar("T")

MAX_WAITING = 2_000


class Lane:
    """The order of one connection."""

    def __init__(self) -> None:
        self._exclusive: asyncio.Future[None] | None = None
        self._concurrent: set[asyncio.Future[None]] = set()
        self._waiting = 0

    async def run(self, operation: Callable[[], Awaitable[T]], *, concurrent: bool) -> T:
        """Run an operation in its turn. The turn is taken when this coroutine first runs.

        Raises:
            UnavailableError: too many operations of the connection are waiting.
        """
        if self._waiting >= MAX_WAITING:
            raise UnavailableError
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        before = self._take_turn(done, concurrent=concurrent)
        self._waiting += 1
        try:
            for earlier in before:
                await asyncio.shield(earlier)
            return await operation()
        finally:
            self._waiting -= 1
            ahead = [earlier for earlier in before if not earlier.done()]
            if ahead:  # cancelled while it waited: those behind it still wait for those ahead of it
                asyncio.gather(*ahead).add_done_callback(lambda _: self._leave(done))
            else:
                self._leave(done)

    def _leave(self, done: asyncio.Future[None]) -> None:
        self._concurrent.discard(done)
        if self._exclusive is done:
            self._exclusive = None
        done.set_result(None)

    def _take_turn(self, done: asyncio.Future[None], *, concurrent: bool) -> list[asyncio.Future[None]]:
        before = [self._exclusive] if self._exclusive is not None else []
        if concurrent:
            self._concurrent.add(done)
        else:
            before += self._concurrent
            self._concurrent = set()
            self._exclusive = done
        return before


class LaneDispatcher:
    """Dispatches the operations of connections, each in its lane's turn; the same for both kinds of connection."""

    def __init__(self, dispatcher: Dispatcher, connections: ConnectionService, default_locale: Locale) -> None:
        self._dispatcher = dispatcher
        self._connections = connections
        self._default_locale = default_locale

    async def dispatch(self, lane: Lane, connection: Connection, name: object, payload: object) -> Envelope:
        """Answer an operation. Never raises."""
        row = OPERATIONS.get(name) if isinstance(name, str) else None

        async def in_turn() -> Envelope:
            # Who it is, is asked when the turn comes: a token may have been refreshed before.
            actor = self._connections.actor_of(connection)
            if actor is None:
                return self.refuse(connection, UnauthenticatedError())
            return await self._dispatcher.dispatch(actor, name, payload, connection.namespace, connection.defaults)

        try:
            return await lane.run(in_turn, concurrent=row is not None and row.concurrent)
        except RealtimeError as error:
            return self.refuse(connection, error)

    def refuse(self, connection: Connection | None, error: Exception) -> Envelope:
        """Describe an error in the language of a connection (the server's, if it is not let in or gone)."""
        actor = self._connections.actor_of(connection) if connection is not None else None
        return self._dispatcher.refuse(error, actor.locale if actor else self._default_locale, "")
