"""Refuses at once what would only wait: after a time-out all but an attempt now and then."""

import time
from collections.abc import Callable
from typing import Final

from server.domain.errors import UnavailableError

TRIES_EVERY_S: Final = 0.5


class Breaker:
    """Open from a time-out until any attempt is answered, of those under way too."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._is_open = False
        self._next_try = 0.0

    def check(self) -> None:
        """Begin an attempt.

        Raises:
            UnavailableError: the breaker is open, and it is not yet time to try again.
        """
        if not self._is_open:
            return
        if self._now() < self._next_try:
            raise UnavailableError
        self._next_try = self._now() + TRIES_EVERY_S

    def note(self, *, timed_out: bool) -> None:
        """An attempt ended. The next one may begin a while after: an attempt takes longer than that while."""
        if timed_out:
            self._next_try = self._now() + TRIES_EVERY_S
        self._is_open = timed_out
