"""The breaker: what would only wait is refused at once."""

import pytest

from server.domain.errors import UnavailableError
from server.storage.breaker import TRIES_EVERY_S, Breaker


class Clock:
    """A clock that a test turns."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_breaker_opens_after_a_time_out_and_lets_one_try() -> None:
    """Open, one attempt in a while may begin; the answer of any, also of one that began before, closes it."""
    clock = Clock()
    breaker = Breaker(clock)
    breaker.note(timed_out=False)
    breaker.check()
    breaker.note(timed_out=True)
    breaker.note(timed_out=True)
    with pytest.raises(UnavailableError):
        breaker.check()
    clock.now += TRIES_EVERY_S
    breaker.check()
    with pytest.raises(UnavailableError):
        breaker.check()
    clock.now += 3 * TRIES_EVERY_S  # so long that attempt takes
    breaker.note(timed_out=True)
    with pytest.raises(UnavailableError):
        breaker.check()
    clock.now += TRIES_EVERY_S
    breaker.check()
    breaker.note(timed_out=False)
    breaker.check()
    breaker.check()
