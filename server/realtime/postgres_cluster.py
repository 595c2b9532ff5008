"""Several processes over one PostgreSQL and nothing else (ADR 16).

Each hands out its own events at once, and tells the others by notices: of durable events the revisions, which they
read from the rows. python-socketio's own API (`emit`, `disconnect`, ...) reaches the connections of this process only.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, Final

import orjson
import structlog

from server.realtime.managers import LocalManager
from server.realtime.poll import ReadHeads
from server.realtime.rooms import Route, Stamp
from server.realtime.wakeups import Notices, Wakeups

HEARD_WITHIN_S: Final = 2.0
"""Nobody waits longer until the others are heard."""

log = structlog.get_logger()


class PostgresManager(LocalManager):
    """The manager of a process among others that share its database.

    `received` counts notices of the others; `dropped`, events that they will not hear.
    """

    def __init__(self, notices: Notices, read: ReadHeads) -> None:
        super().__init__()
        self._wakeups = Wakeups(notices, self, read, always=True)
        self._wakeups.on_state = self._note_state
        self._waiting: set[asyncio.Future[None]] = set()
        self._last_state: str | None = None
        self._closing = False

    @property
    def cluster_state(self) -> str:
        """`ok` while notices are heard and sent, else `degraded`."""
        return "ok" if self._wakeups.joined else "degraded"

    @property
    def received(self) -> int:
        """How many notices of other processes came."""
        return self._wakeups.received

    @received.setter
    def received(self, _value: int) -> None:
        """LocalManager begins with 0; `Wakeups` counts."""

    @property
    def dropped(self) -> int:
        """How many events other processes will not hear."""
        return self._wakeups.dropped

    @dropped.setter
    def dropped(self, _value: int) -> None:
        """Likewise."""

    def initialize(self) -> None:
        """Begin to listen and to send."""
        super().initialize()
        self.order.hurried = True  # durable events of others never come by themselves
        self._wakeups.start()

    async def close(self) -> None:
        """Send what waits, and end."""
        self._closing = True
        await self._wakeups.close()
        await super().close()

    def broadcast(
        self, event: str, payload: dict[str, Any], namespace: str, rooms: Sequence[str], skip: str | None = None
    ) -> None:
        """Tell everyone in the rooms, on all processes, except the connection `skip`."""
        self.tell(event, payload, [(namespace, rooms)], skip)

    def tell(
        self,
        event: str,
        payload: dict[str, Any],
        routes: Sequence[Route],
        skip: str | None = None,
        stamp: Stamp | None = None,
    ) -> None:
        """Tell an event, here at once, and to the other processes. A failure here does not keep it from them."""
        body = orjson.dumps(payload)
        try:
            self.hand_out(event, body, routes, skip, stamp)
        finally:
            if stamp is None:
                self._wakeups.say(event, body, routes, skip)
            else:
                self._wakeups.note(stamp)

    def heard(self, room: str) -> Awaitable[None] | None:
        """Return what to wait for until the others are heard, whatever the room; None if they are."""
        del room
        if self._wakeups.listening:
            return None
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.add(future)
        give_up = loop.call_later(HEARD_WITHIN_S, _let_go, future)

        def forget(done: asyncio.Future[None]) -> None:
            give_up.cancel()
            self._waiting.discard(done)

        future.add_done_callback(forget)
        return future

    def _note_state(self) -> None:
        if self._wakeups.listening:
            for future in self._waiting:
                _let_go(future)
        state = self.cluster_state
        if self._closing or state == self._last_state:
            return
        self._last_state = state
        if state == "ok":
            self.log.forget()  # what others told meanwhile was not heard in its turn
            log.info("notices heard: this process works with the others")
        else:
            log.warning("notices not heard or not sent: this process works on its own until postgres is back")
        self.on_state(state)


def _let_go(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
