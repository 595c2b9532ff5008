"""What is for a connection that is being told what it missed: live events must not overtake these, nor repeat them."""

from collections.abc import Callable, Sequence

from server.realtime.frames import Encoded
from server.realtime.rooms import Stamp
from server.realtime.trails import Spans, is_told

MAX_HELD = 1_000


class Hold:
    """Keeps messages in order, until it is open; always drops what has been told otherwise.

    `number` is that of the last event before it; `full` that it holds no more.
    """

    __slots__ = ("_kept", "_told", "full", "is_open", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.full = False
        self.is_open = False
        self._told: Spans = {}
        self._kept: list[tuple[Stamp | None, Encoded]] = []

    def know(self, told: Spans) -> None:
        """Drop from now on what is told by somebody else."""
        self._told = told
        self._kept = [(stamp, message) for stamp, message in self._kept if not self._is_told(stamp)]

    def lets(self, stamp: Stamp | None, message: Encoded) -> bool:
        """Tell whether a message may go to the connection now; else it is kept or dropped. Of too many none is."""
        if self._is_told(stamp):
            return False
        if self.is_open:
            return True
        if len(self._kept) >= MAX_HELD:
            self.full = True
        else:
            self._kept.append((stamp, message))
        return False

    def narrow(self, rev_of: Callable[[str], int]) -> bool:
        """Drop only what is ahead of what was handed out by now; tell whether there is any."""
        self._told = {key: spans for key, spans in self._told.items() if max(spans)[1] > rev_of(key)}
        return bool(self._told)

    def take(self, count: int) -> Sequence[Encoded]:
        """Return what was kept first."""
        taken, self._kept = self._kept[:count], self._kept[count:]
        return [message for _, message in taken]

    def _is_told(self, stamp: Stamp | None) -> bool:
        return stamp is not None and is_told(self._told, stamp)
