"""Volatile events, of which only the newest matters: who is typing, who is there.

A client that reads more slowly than it is told things hears, once it has caught up, the newest of each that came
meanwhile, and none of those in between: they take no room that durable events need, and the last state is right.
"""

from typing import Any

import orjson

from server.contract.events import EVENTS
from server.realtime.frames import Encoded

_NEWEST_BY = {row.name: row.newest_by for row in EVENTS.values() if row.newest_by}


def volatile_key(event: str, body: bytes) -> str | None:
    """Return what a volatile event is about, from the JSON of its payload; None of any other event."""
    fields = _NEWEST_BY.get(event)
    if fields is None:
        return None
    payload: Any = orjson.loads(body)
    if not isinstance(payload, dict):  # another program's
        return None
    return orjson.dumps([event, *(payload.get(field) for field in fields)]).decode()


class HeldBack(dict[str, Encoded]):
    """What one client is told later, by key, in the order in which it came."""

    def keep(self, message: Encoded) -> None:
        """Hold a message with a key back, in the place of an older one."""
        assert message.key is not None  # noqa: S101 - asked before
        self.pop(message.key, None)
        self[message.key] = message

    def take(self) -> Encoded:
        """Take the oldest."""
        return self.pop(next(iter(self)))
