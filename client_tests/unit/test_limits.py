"""Limits: what a client may have at once and in a second, and that nothing is kept of those who are quiet."""

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.errors import RateLimitedError
from server.services.limits import BURST_S, Limits, Places, Rate


class Watch:
    """A clock in seconds that stands."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def take_all(limits: Limits, paid_until: float = 0.0) -> tuple[int, float, float]:
    """Ask until refused; return how often it went well, what is kept, and what was said to wait."""
    for number in count():
        try:
            paid_until = limits.take_operation(paid_until)
        except RateLimitedError as error:
            return number, paid_until, error.retry_after_s
    raise AssertionError


def test_operations_burst_is_five_seconds_worth() -> None:
    """200 a second: 1,000 at once, and not one more."""
    limits = Limits(operations_per_s=200, now=Watch())
    number, _, retry_after_s = take_all(limits)
    assert number == 1_000
    assert 0 < retry_after_s <= 1 / 200
    assert limits.limited == {"connection": 1, "user": 0}


def test_operations_after_the_told_wait_pass() -> None:
    """Who waits as long as told is let in, and goes on at the rate."""
    watch = Watch()
    limits = Limits(operations_per_s=10, now=watch)
    _, paid_until, retry_after_s = take_all(limits)
    watch.now += retry_after_s
    assert take_all(limits, paid_until)[0] == 1
    watch.now += 2
    assert 19 <= take_all(limits, paid_until)[0] <= 21


def test_operations_after_a_pause_are_the_burst_again_and_no_more() -> None:
    """What was not asked for an hour is not saved up."""
    watch = Watch()
    limits = Limits(operations_per_s=10, now=watch)
    paid_until = take_all(limits)[1]
    watch.now += 3_600
    assert take_all(limits, paid_until)[0] == 50


def test_operations_of_a_slow_rate_pass_one_by_one() -> None:
    """Also where five seconds are worth less than one."""
    watch = Watch()
    rate = Rate(0.1, watch)
    paid_until = rate.take(0.0)
    with pytest.raises(RateLimitedError):
        rate.take(paid_until)
    watch.now += 10
    assert rate.take(paid_until) > paid_until


@given(st.integers(1, 1_000), st.lists(st.floats(0, 3), min_size=1, max_size=60))
def test_operations_never_exceed_rate_and_burst(per_s: int, pauses: list[float]) -> None:
    """However a client spreads them: over any time, at most the burst and the rate times that."""
    watch = Watch()
    limits, paid_until, passed = Limits(operations_per_s=per_s, now=watch), 0.0, 0
    began = watch.now
    for pause in pauses:
        watch.now += pause
        for _ in range(per_s):
            try:
                paid_until = limits.take_operation(paid_until)
            except RateLimitedError:
                break
            passed += 1
    assert passed <= per_s * (BURST_S + watch.now - began) + 1


def test_requests_are_counted_by_user_and_forgotten() -> None:
    """One user's flood costs another nothing, and nothing is kept of those who stopped."""
    watch = Watch()
    limits = Limits(operations_per_s=2, now=watch)
    for _ in range(10):
        limits.take_request("1")
    with pytest.raises(RateLimitedError):
        limits.take_request("1")
    limits.take_request("2")
    assert (limits.limited["user"], limits.tracked) == (1, 2)
    watch.now += 1
    limits.forget_idle()
    assert limits.tracked == 1
    watch.now += BURST_S
    limits.forget_idle()
    assert limits.tracked == 0


def test_limits_of_zero_are_off_and_keep_nothing() -> None:
    """Nobody is counted then."""
    limits = Limits()
    for number in range(10_000):
        assert limits.take_operation(0.0) == 0.0
        limits.take_request("1")
        limits.enter_as("1", str(number))
        limits.enter_from("10.0.0.1", str(number))
    assert limits.tracked == 0
    limits.leave_as("1", "0")
    limits.leave_from("0")


def test_connections_that_share_a_transport_count_once() -> None:
    """The namespaces of one client take one place, until the last of them is gone."""
    limits = Limits(connections_per_user=2)
    for transport in ("a", "a", "a", "b"):
        limits.enter_as("1", transport)
    with pytest.raises(RateLimitedError):
        limits.enter_as("1", "c")
    limits.enter_as("2", "c")
    limits.leave_as("1", "a")
    with pytest.raises(RateLimitedError):
        limits.enter_as("1", "c")
    limits.leave_as("1", "a")
    limits.leave_as("1", "a")
    limits.enter_as("1", "c")
    assert limits.refused == {"user": 2, "address": 0}
    for user, transport in (("1", "b"), ("1", "c"), ("2", "c")):
        limits.leave_as(user, transport)
    assert limits.tracked == 0


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("", "not an address", False),
        ("", "", True),
    ],
)
def test_addresses_of_one_client_are_one(first: str, second: str, *, is_same: bool) -> None:
    """Of IPv6 a client has a whole network."""
    limits = Limits(connections_per_address=1)
    limits.enter_from(first, "a")
    if is_same:
        with pytest.raises(RateLimitedError):
            limits.enter_from(second, "b")
    else:
        limits.enter_from(second, "b")
    for transport in ("a", "b", "b"):
        limits.leave_from(transport)
    limits.enter_from(second, "c")
    limits.leave_from("c")
    assert limits.tracked == 0


def test_place_of_a_stranger_is_not_left() -> None:
    """Leaving without having entered takes nobody's place away."""
    places = Places(1)
    assert places.enter("1", "a")
    places.leave("1", "b")
    places.leave("2", "a")
    assert not places.enter("1", "b")
    places.leave("1", "a")
    assert len(places) == 0
