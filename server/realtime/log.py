"""What this process handed out, numbered: a client that says the last number it heard can be told what it missed.

An offset, as clients get it behind the payload of an event, is `<process>-<number>`.
"""

import secrets
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Final

from server.realtime.rooms import Stamp

HELD: Final = 50_000
"""So many of the latest are remembered."""


class Log:
    """The log of one process, which is named anew each time it starts. `on_append` is told that there is news."""

    def __init__(self, held: int = HELD) -> None:
        self.process = secrets.token_hex(6)
        self.number = 0
        """The last number that was given."""
        self.on_append: Callable[[Stamp], None] | None = None
        self._stamps: deque[Stamp] = deque(maxlen=held)
        self._prefix = f"{self.process}-".encode()

    def append(self, stamp: Stamp) -> int:
        """Note that an event was handed out, and return its number."""
        self.number += 1
        self._stamps.append(stamp)
        if self.on_append is not None:
            self.on_append(stamp)
        return self.number

    def offset(self, number: int) -> bytes:
        """Return the offset of a number."""
        return b"%b%d" % (self._prefix, number)

    def after(self, number: int) -> list[Stamp] | None:
        """Return what was handed out after a number, in order; None if not all of it is remembered."""
        first = self.number - len(self._stamps) + 1
        if not first - 1 <= number <= self.number:
            return None
        return list(islice(self._stamps, number - first + 1, None))

    def latest(self, count: int) -> list[Stamp]:
        """Return the last that were handed out, in order."""
        return list(islice(self._stamps, max(len(self._stamps) - count, 0), None))

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
    if not process or not number.isascii() or not number.isdigit() or len(number) > 15:  # noqa: PLR2004 - exact in JSON
        return None
    return process, int(number)
