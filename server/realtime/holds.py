"""What is for a connection that is being told what it missed: live events must not overtake these."""

from collections.abc import Mapping

from server.realtime.frames import Encoded
from server.realtime.rooms import Stamp

MAX_HELD = 1_000


class Hold:
    """Keeps messages in order. `number` is that of the last event before it; `full` that it holds no more."""

    __slots__ = ("_kept", "full", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.full = False
        self._kept: list[tuple[Stamp | None, Encoded]] = []

    def keep(self, stamp: Stamp | None, message: Encoded) -> None:
        """Keep a message; of too many none is of use any more."""
        if len(self._kept) >= MAX_HELD:
            self.full = True
        else:
            self._kept.append((stamp, message))

    def left(self, told: Mapping[str, int]) -> list[Encoded]:
        """Return what was kept, but for what has been told otherwise (up to a rev of each key)."""
        return [message for stamp, message in self._kept if stamp is None or stamp[1] > told.get(stamp[0], -1)]
