"""How much one client may ask for: operations a second, and connections at once.

All of it is counted in this process alone: of several processes each grants the whole allowance. A limit of 0 is off.
"""

import ipaddress
import math
import time
from collections import Counter
from collections.abc import Callable

from server.domain.errors import RateLimitedError

BURST_S = 5.0
"""So many seconds' worth of operations may come at once."""
CONNECTION_RETRY_S = 5.0
"""What a refused connection is told to wait: when another one ends, nobody knows."""
IPV6_HOME_BITS = 64
"""Who has one address of IPv6 has this whole network."""


class Rate:
    """So many a second, and `BURST_S` seconds' worth at once.

    Of each client one number is kept: until when that is paid for which it has had (generic cell rate algorithm). There
    is no timer, and nothing is made for a client that asks for nothing.
    """

    def __init__(self, per_s: float, now: Callable[[], float]) -> None:
        self._cost_s = 1 / per_s
        self._most_s = max(BURST_S - self._cost_s / 2, 0.0)  # half a price, so that rounding decides nothing
        self._now = now

    def take(self, paid_until: float) -> float:
        """Let a client have one more, and return until when that is paid for.

        Raises:
            RateLimitedError: it has had too many.
        """
        now = self._now()
        begins = max(paid_until, now)
        if begins - now > self._most_s:
            # Rounded up: whoever comes back then is let in.
            raise RateLimitedError(math.ceil((begins - now - self._most_s) * 1000) / 1000)
        return begins + self._cost_s


class Places:
    """At most so many places for each key. A holder takes one place, however often it enters."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[str, dict[str, int]] = {}

    def __len__(self) -> int:
        """Return how many keys have holders."""
        return len(self._held)

    def enter(self, key: str, holder: str) -> bool:
        """Take a place; False if there is none."""
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = {}
        elif holder not in held and len(held) >= self._most:
            return False
        held[holder] = held.get(holder, 0) + 1
        return True

    def has_place(self, key: str) -> bool:
        """Tell whether one more may enter."""
        return len(self._held.get(key, ())) < self._most

    def leave(self, key: str, holder: str) -> None:
        """Undo one `enter`; nothing if there was none."""
        held = self._held.get(key)
        if held is None or holder not in held:
            return
        held[holder] -= 1
        if not held[holder]:
            del held[holder]
        if not held:
            del self._held[key]


class Limits:
    """The limits of a process. `limited` counts operations, `refused` connections, by the limit that they met."""

    def __init__(
        self,
        *,
        operations_per_s: float = 0,
        connections_per_user: int = 0,
        connections_per_address: int = 0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limited = Counter({"connection": 0, "user": 0})
        self.refused = Counter({"user": 0, "address": 0})
        self._rate = Rate(operations_per_s, now) if operations_per_s else None
        self._users = Places(connections_per_user) if connections_per_user else None
        self._addresses = Places(connections_per_address) if connections_per_address else None
        self._address_of: dict[str, str] = {}
        self._paid_until: dict[str, float] = {}
        self._now = now

    @property
    def tracked(self) -> int:
        """How many users and addresses are kept in mind."""
        return len(self._paid_until) + len(self._address_of) + len(self._users or ()) + len(self._addresses or ())

    # --- Operations

    def take_operation(self, paid_until: float) -> float:
        """Let a connection ask one operation more. Takes and returns what is to be kept of it (0 at first).

        Raises:
            RateLimitedError: it asks too fast.
        """
        if self._rate is None:
            return paid_until
        try:
            return self._rate.take(paid_until)
        except RateLimitedError:
            self.limited["connection"] += 1
            raise

    def take_request(self, user_id: str) -> None:
        """Let a user ask one HTTP request more.

        Raises:
            RateLimitedError: they ask too fast.
        """
        if self._rate is None:
            return
        try:
            self._paid_until[user_id] = self._rate.take(self._paid_until.get(user_id, 0.0))
        except RateLimitedError:
            self.limited["user"] += 1
            raise

    def forget_idle(self) -> None:
        """Forget users who have their whole allowance again."""
        now = self._now()
        for user_id in [user_id for user_id, paid_until in self._paid_until.items() if paid_until <= now]:
            del self._paid_until[user_id]

    # --- Connections

    def enter_as(self, user_id: str, transport: str) -> None:
        """Let a user have one connection more. Connections that share a transport are one.

        Raises:
            RateLimitedError: they have as many as one may.
        """
        if self._users is not None and not self._users.enter(user_id, transport):
            self.refused["user"] += 1
            raise RateLimitedError(CONNECTION_RETRY_S)

    def leave_as(self, user_id: str, transport: str) -> None:
        """A user's connection is gone."""
        if self._users is not None:
            self._users.leave(user_id, transport)

    def enter_from(self, address: str | None, transport: str) -> None:
        """Let a client's address have one transport more.

        Raises:
            RateLimitedError: it has as many as one may.
        """
        if self._addresses is None:
            return
        home = _home(address or "")
        if not self._addresses.enter(home, transport):
            self.refused["address"] += 1
            raise RateLimitedError(CONNECTION_RETRY_S)
        self._address_of[transport] = home

    def has_place_from(self, address: str | None) -> bool:
        """Tell whether `enter_from` would let a client's address have one transport more."""
        return self._addresses is None or self._addresses.has_place(_home(address or ""))

    def leave_from(self, transport: str) -> None:
        """A transport is gone, if it ever was let in."""
        home = self._address_of.pop(transport, None)
        if home is not None and self._addresses is not None:
            self._addresses.leave(home, transport)


def _home(address: str) -> str:
    """Return what one client has to itself: its address, of IPv6 the network."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:  # a UNIX socket
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, IPV6_HOME_BITS), strict=False))
