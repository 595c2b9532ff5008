"""From an event to the connections that hear it."""

from typing import Protocol

import structlog

from server.contract.events import render
from server.domain.events import Event, UserDisconnected
from server.realtime.managers import CONTROL, LocalManager
from server.realtime.rooms import routes, stamp

log = structlog.get_logger()


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


class Publisher:
    """Tells events, here and on the other processes. `failures` counts those that could not be told.

    An event is published after its rows are committed, so a failure here must not look like a failure of the
    operation: it is logged, and clients catch up by revision.
    """

    def __init__(self, manager: LocalManager) -> None:
        self._manager = manager
        self.failures = 0

    def publish(self, event: Event, *, skip: _HasId | None = None) -> None:
        """Send an event to its audience, except to one connection. Never raises, never waits."""
        try:
            if isinstance(event, UserDisconnected):
                self._manager.broadcast("user_disconnected", {"user_id": event.user_id}, CONTROL, [CONTROL])
                return
            name, payload = render(event)
            self._manager.tell(name, payload, routes(event), skip.id if skip else None, stamp(event))
        except Exception:
            self.failures += 1
            log.exception("event not published", published=type(event).__name__)
