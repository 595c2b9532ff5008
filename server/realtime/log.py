"""What this process handed out, numbered: a client that says the last number it heard can be told what it missed.

An offset, as clients get it behind the payload of an event, is `<process>-<number>`.
"""

import secrets
import time
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Final

from server.realtime.rooms import Stamp

MAX_PROCESS_CHARS: Final = 32
MAX_DIGITS: Final = 15
HELD: Final = 50_000
"""So many of the latest are remembered."""
MARK_S: Final = 1.0
MARK: Final[Stamp] = ("", 0)
"""The stamp of a moment at which nothing was handed out; its key is nobody's."""


class Log:
    """The log of one process, which is named anew each time it starts. `on_append` is told that there is news."""

    def __init__(self, held: int = HELD) -> None:
        self.process = secrets.token_hex(6)
        self.number = 0
        """The last number that was given."""
        self.on_append: Callable[[Stamp], None] | None = None
        self._stamps: deque[Stamp] = deque(maxlen=held)
        self._prefix = f"{self.process}-".encode()
        self._marked_at = -MARK_S

    def append(self, stamp: Stamp) -> int:
        """Note that an event was handed out, and return its number."""
        self.number += 1
        self._stamps.append(stamp)
        if self.on_append is not None:
            self.on_append(stamp)
        return self.number

    def mark(self) -> int:
        """Return a number of this moment, give or take a second.

        The last event may have been long ago: who comes now does not lack what others told since.
        """
        now = time.monotonic()
        if now >= self._marked_at + MARK_S:
            self._marked_at = now
            self.append(MARK)
        return self.number

    def offset(self, number: int) -> bytes:
        """Return the offset of a number."""
        return b"%b%d" % (self._prefix, number)

    def after(self, number: int) -> list[Stamp] | None:
        """Return what was handed out after a number, one a number, in order; None if not all of it is remembered."""
        first = self.number - len(self._stamps) + 1
        if not first - 1 <= number <= self.number:
            return None
        return list(islice(self._stamps, number - first + 1, None))

    def latest(self, count: int) -> list[Stamp]:
        """Return the last that were handed out, in order."""
        latest = islice(self._stamps, max(len(self._stamps) - count, 0), None)
        return [stamp for stamp in latest if stamp != MARK]

    def forget(self) -> None:
        """Forget all: something may be missing between what was handed out and what will be.

        A number is left out, so that whoever heard the last event is told from whoever comes now.
        """
        self.number += 1
        self._stamps.clear()


def parse_offset(offset: object) -> tuple[str, int] | None:
    """Read an offset; None if it is none."""
    if not isinstance(offset, str):
        return None
    process, _, number = offset.rpartition("-")
    if not 0 < len(process) <= MAX_PROCESS_CHARS or len(number) > MAX_DIGITS:
        return None
    return (process, int(number)) if number.isascii() and number.isdigit() else None
