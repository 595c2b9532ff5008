"""What a process tells Redis, in order, until Redis said that it has it."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

MAX_OUTBOX: Final = 10_000
MAX_OUTBOX_BYTES: Final = 16 * 1024 * 1024
MAX_WRITE: Final = 500
"""So many events make one write at most: a backlog must not stop the process."""


class Wire(Protocol):
    """A connection to write to. `paused`: not now; `on_writable` is called once it goes on."""

    paused: bool
    on_writable: Callable[[], None]

    def write(self, packed: bytes) -> None:
        """Send commands."""


def nobody() -> None:
    """Nobody to tell."""


@dataclass(slots=True)
class _Event:
    """Commands that belong together."""

    packed: bytes
    commands: int
    answered: int = 0
    written_at: float = 0.0
    is_preface: bool = False


class Outbox:
    """What is to be published, in order, until Redis said that it has it.

    What was written when a connection broke is written again to the next one: those who heard it the first time know
    it by its number (`cluster.py`). Bounded by number and bytes; the oldest is dropped and counted, although Redis may
    have had it.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self.preface: Callable[[], list[bytes]] = list
        self._waiting: deque[_Event] = deque()
        self._written: deque[_Event] = deque()
        self._bytes = 0
        self._orphans = 0
        self._wire: Wire | None = None
        self._scheduled = False
        self._emptied: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._waiting) + len(self._written)

    @property
    def unanswered_s(self) -> float:
        """How long the oldest of what was written has not been answered."""
        return asyncio.get_running_loop().time() - self._written[0].written_at if self._written else 0.0

    @property
    def awaits_preface(self) -> bool:
        """Whether the next answer is to a command that `preface` gave."""
        return not self._orphans and bool(self._written) and self._written[0].is_preface

    def add(self, packed: bytes, commands: int) -> None:
        """Queue commands; they go out together at the end of this tick."""
        self._waiting.append(_Event(packed, commands))
        self._bytes += len(packed)
        while len(self) > MAX_OUTBOX or (self._bytes > MAX_OUTBOX_BYTES and len(self) > 1):
            self._drop_oldest()
        self._schedule()

    def wake(self) -> None:
        """There is news to ask `preface` for."""
        self._schedule()

    def acknowledge(self) -> None:
        """Redis answered a command."""
        if self._orphans:
            self._orphans -= 1
            return
        if not self._written:
            return
        first = self._written[0]
        first.answered += 1
        if first.answered == first.commands:
            self._written.popleft()
            self._bytes -= len(first.packed)
            if self._emptied is not None and not len(self):
                self._emptied.set_result(None)
                self._emptied = None

    def connect(self, wire: Wire | None) -> None:
        """Write to this connection from now on, beginning with what the last one did not answer."""
        if self._wire is not None:
            self._wire.on_writable = nobody
        for event in self._written:
            event.answered = 0  # all of its commands are written again
        self._waiting.extendleft(reversed(self._written))
        self._written.clear()
        self._orphans = 0
        self._wire = wire
        if wire is not None:
            wire.on_writable = self._schedule
            self._schedule()

    async def empty(self) -> None:
        """Wait until all is published; at once without a connection."""
        self._write()  # what `preface` has to say, too
        if len(self) and self._wire is not None:
            self._emptied = asyncio.get_running_loop().create_future()
            await self._emptied

    def _drop_oldest(self) -> None:
        if self._written:
            event = self._written.popleft()
            self._orphans += event.commands - event.answered
        else:
            event = self._waiting.popleft()
        self._bytes -= len(event.packed)
        self.dropped += 1

    def _schedule(self) -> None:
        if not self._scheduled and self._wire is not None:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._write)

    def _write(self) -> None:
        self._scheduled = False
        wire = self._wire
        if wire is None or wire.paused:
            return
        for packed in reversed(self.preface()):
            self._waiting.appendleft(_Event(packed, 1, is_preface=True))
            self._bytes += len(packed)
        if not self._waiting:
            return
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_WRITE))]
        now = asyncio.get_running_loop().time()
        for event in batch:
            event.written_at = now
        self._written.extend(batch)
        wire.write(b"".join([event.packed for event in batch]))
        if self._waiting:
            self._schedule()
