"""What must be known of a connection for another process to let it go on (`recovery.py`)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from server.realtime.rooms import Stamp, user_room

WINDOW_S: Final = 120.0
"""So long after it broke a connection can be recovered."""


Span = tuple[int, int]
"""Revs above the first, up to the second."""
Spans = dict[str, list[Span]]
"""Of keys, what a client was told."""

MAX_SPANS: Final = 8
"""Of a key; of more the oldest are forgotten."""


def is_told(told: Spans, stamp: Stamp) -> bool:
    """Tell whether an event is in a span."""
    return any(above < stamp[1] <= up_to for above, up_to in told.get(stamp[0], ()))


def widen(told: Spans, key: str, span: Span) -> None:
    """Note what else was told. What is between two spans may have been heard otherwise, or not."""
    spans = told.get(key, [])
    touching = [each for each in spans if each[0] <= span[1] and span[0] <= each[1]]
    apart = [each for each in spans if each not in touching]
    whole = min(each[0] for each in (*touching, span)), max(each[1] for each in (*touching, span))
    told[key] = [*apart, whole][-MAX_SPANS:]


@dataclass(slots=True)
class Trail:
    """What must be known of a connection for it to go on elsewhere: whose it is, and in which rooms."""

    pid: str
    namespace: str
    user_id: str
    rooms: dict[str, int] = field(default_factory=dict)
    """Beside the user's own; each with the last number that its process had given when it was entered."""
    began: int = 0
    """The last number that its process had given when it began there."""
    told: Spans = field(default_factory=dict)
    """What it was told by replays, or had heard elsewhere, whatever the log of its process says."""
    sid: str | None = None
    """The connection, while there is one."""

    @property
    def all_rooms(self) -> frozenset[str]:
        """All rooms that it hears."""
        return frozenset((*self.rooms, user_room(self.user_id)))


class Missing(NamedTuple):
    """What a client has not heard: the first rev of each key, and all of it in the order in which it was told."""

    first: Mapping[str, int]
    order: Sequence[Stamp]
    heard: Mapping[str, Span]
    """What it has heard of keys that were told lately: that may yet come to this process."""
    doubtful: Collection[str]
    """Keys of which it may have missed some before others that it heard."""


class Trails(Protocol):
    """Where other processes find the trails and logs of this one, and this one theirs."""

    def save(self, trail: Trail) -> None:
        """Let others find a trail, or find it as it is now; never waits."""

    def remove(self, pid: str) -> None:
        """Let nobody find a trail any more; never waits."""

    async def take(self, process: str, wanted: Trail) -> Trail | None:
        """Return the trail of a pid, namespace and user that another process left, once; None if there is none."""

    async def missing(self, process: str, number: int, trail: Trail) -> Missing | None:
        """Return what any process told since another one's number; None if that is not known for sure."""


class NoTrails:
    """Of a process on its own: there are no others."""

    def save(self, trail: Trail) -> None:
        """Nobody to find it."""

    def remove(self, pid: str) -> None:
        """Nobody to find it."""

    async def take(self, process: str, wanted: Trail) -> Trail | None:
        """There is none."""
        del process, wanted
        return None

    async def missing(self, process: str, number: int, trail: Trail) -> Missing | None:
        """Nothing is known."""
        del process, number, trail
        return None
