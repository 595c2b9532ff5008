"""What must be known of a connection for another process to let it go on (`recovery.py`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from server.realtime.rooms import Stamp, user_room

WINDOW_S: Final = 120.0
"""So long after it broke a connection can be recovered."""


@dataclass(slots=True)
class Trail:
    """What must be known of a connection for it to go on elsewhere: whose it is, and in which rooms."""

    pid: str
    namespace: str
    user_id: str
    rooms: set[str] = field(default_factory=set)
    """Beside the user's own."""
    sid: str | None = None
    """The connection, while there is one."""

    @property
    def all_rooms(self) -> frozenset[str]:
        """All rooms that it hears."""
        return frozenset(self.rooms | {user_room(self.user_id)})


class Missing(NamedTuple):
    """What a client has not heard: the first rev of each key, and all of it in the order in which it was told."""

    first: Mapping[str, int]
    order: Sequence[Stamp]


class Trails(Protocol):
    """Where other processes find the trails and logs of this one, and this one theirs."""

    def save(self, trail: Trail) -> None:
        """Let others find a trail, or find it as it is now; never waits."""

    def remove(self, pid: str) -> None:
        """Let nobody find a trail any more; never waits."""

    async def take(self, process: str, wanted: Trail) -> Trail | None:
        """Return the trail of a pid, namespace and user that another process left, once; None if there is none."""

    async def missing(self, process: str, number: int) -> Missing | None:
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

    async def missing(self, process: str, number: int) -> Missing | None:
        """Nothing is known."""
        del process, number
        return None
