"""The breaker: what would only wait is refused at once."""

import pytest

from server.domain.errors import UnavailableError
from server.storage.breaker import OPENS_AFTER, TRIES_EVERY_S, Breaker


class Clock:
    """A clock that a test turns."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_breaker_opens_after_time_outs_in_a_row_and_lets_one_try() -> None:
    """A success in between begins anew; open, one attempt in a while may begin, and its success closes it."""
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(OPENS_AFTER - 1):
        breaker.failed()
    breaker.succeeded()
    for _ in range(OPENS_AFTER - 1):
        breaker.failed()
        breaker.check()
    breaker.failed()
    with pytest.raises(UnavailableError):
        breaker.check()
    clock.now += TRIES_EVERY_S
    breaker.check()
    with pytest.raises(UnavailableError):
        breaker.check()
    breaker.failed()
    clock.now += TRIES_EVERY_S
    breaker.check()
    breaker.succeeded()
    breaker.check()
    breaker.check()
