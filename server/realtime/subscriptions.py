"""Which channels this process is to hear, and which it does.

For each channel: whether anyone uses it, whether the last command sent for it was SUBSCRIBE, and how many of its
commands Redis has not answered. It is heard once the last command was SUBSCRIBE and all are answered, so a channel that
is left and used again, however fast, ends up as it should.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog

BATCH: Final = 1_000
"""So many channels are in one command at most: neither this process nor Redis stops for 100,000."""
CONFIRMED_WITHIN_S: Final = 1.0
"""Nobody waits longer for a subscription; and once one waited in vain, nobody does until Redis says something again."""

log = structlog.get_logger()

Command = Callable[[Sequence[bytes]], None]


class Subscriptions:
    """Sends what changed in a tick as one command. Without a connection it only notes what is to be heard."""

    def __init__(self, subscribe: Command, unsubscribe: Command, completed: Callable[[], None]) -> None:
        self.complete = False
        """Whether all that was to be heard when the connection came is heard."""
        self._subscribe = subscribe
        self._unsubscribe = unsubscribe
        self._completed = completed
        self._connected = False
        self._silent = False
        self._uses: dict[bytes, int] = {}
        self._asked: set[bytes] = set()
        self._unanswered: dict[bytes, int] = {}
        self._changed: dict[bytes, None] = {}
        self._waiting: dict[bytes, list[asyncio.Future[None]]] = {}
        self._new_waits: list[tuple[bytes, asyncio.Future[None]]] = []
        self._scheduled = False

    def __len__(self) -> int:
        return len(self._uses)

    def use(self, channel: bytes) -> None:
        """Hear a channel, from now until `release` was called as often as this."""
        uses = self._uses.get(channel, 0)
        self._uses[channel] = uses + 1
        if not uses:
            self._note_change(channel)

    def release(self, channel: bytes) -> None:
        """No longer hear a channel, if nobody else uses it."""
        uses = self._uses[channel] - 1
        if uses:
            self._uses[channel] = uses
        else:
            del self._uses[channel]
            self._note_change(channel)

    def heard(self, channel: bytes) -> asyncio.Future[None] | None:
        """Return what to wait for until a channel is heard; None if it is, or if there is nobody to wait for.

        The channel is used until `CONFIRMED_WITHIN_S` from now, also if nobody does yet: whoever waits for it can
        enter its room afterwards and has missed nothing since.
        """
        if not self._connected or self._silent or (channel in self._asked and channel not in self._unanswered):
            return None
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.use(channel)
        self._waiting.setdefault(channel, []).append(future)
        self._new_waits.append((channel, future))
        self._schedule()
        return future

    def connected(self) -> None:
        """There is a connection, without any subscription."""
        self._connected, self._silent = True, False
        self._changed = dict.fromkeys(self._uses)
        self._schedule()

    def disconnected(self) -> None:
        """It is gone. Nobody waits for it."""
        self._connected = self.complete = False
        self._asked.clear()
        self._unanswered.clear()
        self._changed.clear()
        for channel in tuple(self._waiting):
            self._let_go(channel)

    def confirmed(self, channel: bytes) -> None:
        """Redis answered a command of a channel."""
        self._silent = False
        left = self._unanswered.get(channel, 0) - 1
        if left > 0:
            self._unanswered[channel] = left
            return
        self._unanswered.pop(channel, None)
        if channel in self._asked:
            self._let_go(channel)
        if not self.complete and not self._unanswered and not self._changed:
            self.complete = True
            self._completed()

    def _note_change(self, channel: bytes) -> None:
        if self._connected:
            self._changed[channel] = None
            self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._send)

    def _send(self) -> None:
        self._scheduled = False
        if self._new_waits:
            waits, self._new_waits = self._new_waits, []
            asyncio.get_running_loop().call_later(CONFIRMED_WITHIN_S, self._give_up, waits)
        joining, leaving = self._take_changes()
        if joining:
            self._subscribe(joining)
        if leaving:
            self._unsubscribe(leaving)
        if self._changed:
            self._schedule()

    def _take_changes(self) -> tuple[list[bytes], list[bytes]]:
        joining: list[bytes] = []
        leaving: list[bytes] = []
        while self._changed and len(joining) + len(leaving) < BATCH:
            # The newest first: someone who joins now does not wait behind all that were there before an outage.
            channel, _ = self._changed.popitem()
            if (channel in self._uses) == (channel in self._asked):
                continue  # it changed and changed back
            if channel in self._uses:
                joining.append(channel)
                self._asked.add(channel)
            else:
                leaving.append(channel)
                self._asked.remove(channel)
            self._unanswered[channel] = self._unanswered.get(channel, 0) + 1
        return joining, leaving

    def _let_go(self, channel: bytes) -> None:
        for future in self._waiting.pop(channel, ()):
            if not future.done():
                future.set_result(None)

    def _give_up(self, waits: Sequence[tuple[bytes, asyncio.Future[None]]]) -> None:
        late = 0
        for channel, future in waits:
            if not future.done():
                late += 1
                future.set_result(None)
            futures = self._waiting.get(channel)
            if futures is not None and future in futures:
                futures.remove(future)
                if not futures:
                    del self._waiting[channel]
            self.release(channel)
        if late:
            self._silent = True
            log.warning("subscriptions not confirmed in time", channels=late)
