"""What processes that share a database tell each other by it, where Redis is away or was never there (ADR 16).

Durable events are told by key and revision: the rows say what happened. Others are told as they are. A process that
has lost Redis asks for help, and whoever hears it tells by notices too, until some seconds after it last asked. What
nobody told is found by the poll. On SQLite there are no notices, and the poll does it all.
"""

import asyncio
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import orjson
import structlog

from server.domain.errors import UnavailableError
from server.realtime.notice_box import NoticeBox
from server.realtime.poll import Poll, ReadHeads
from server.realtime.rooms import Route, Stamp
from server.storage.notices import MAX_BYTES, Backoff

EVENTS_EVERY_S: Final = 0.05
"""A process sends a notice with events this often at most; with heads, whenever the one before is sent."""
HELP_EVERY_S: Final = 2.0
HELPED_FOR_S: Final = 5.0
FLUSH_S: Final = 2.0

log = structlog.get_logger()


class Notices(Protocol):
    """How texts go from process to process: `storage.notices.PostgresNotices`."""

    @property
    def listening(self) -> bool:
        """Whether notices are heard now."""
        ...

    def start(self, hear: Callable[[str], None], changed: Callable[[], None]) -> None:
        """Begin to listen; `changed` is told when `listening` is another."""
        ...

    async def send(self, texts: Sequence[str]) -> None:
        """Send notices. Raises UnavailableError."""
        ...

    async def close(self) -> None:
        """End it."""
        ...


class Hearer(Protocol):
    """Who hands out here what others told: the manager."""

    def hand_out(self, event: str, body: bytes, routes: Sequence[Route], skip: str | None, stamp: Stamp | None) -> None:
        """Hand an event to the connections of this process."""
        ...

    def behind(self, heads: Mapping[str, tuple[int, int]]) -> None:
        """Others committed the first to the last revision of each key."""
        ...


class Wakeups:
    """Tells the other processes, and hears them. Nothing here waits or raises, except `close`.

    `received` counts notices of others; `dropped`, events that none of them will hear. `always`: there is no other way.
    """

    def __init__(self, notices: Notices | None, hearer: Hearer, read: ReadHeads, *, always: bool = False) -> None:
        self.host: Final = uuid.uuid4().hex
        self.received = 0
        self.on_help: Callable[[], Iterable[Stamp]] = tuple
        """Returns what was published in the last seconds; called when another process begins to need help."""
        self.on_state: Callable[[], None] = lambda: None
        """Told when `joined` changes."""
        self._notices = notices
        self._hearer = hearer
        self._always = always
        self._poll = Poll(read, hearer.behind, lambda: self.wanted)
        self._box = NoticeBox(self.host, MAX_BYTES)
        self._work = asyncio.Event()
        self._sending_works = True
        self._events_due = 0.0
        self._needs_help = False
        self._help_until = 0.0
        self._help_timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._complained = False
        self._task: asyncio.Task[None] | None = None

    @property
    def joined(self) -> bool:
        """Whether this process hears the others by notices, and could tell them what it last had to."""
        return self._notices is not None and self._notices.listening and self._sending_works

    @property
    def listening(self) -> bool:
        """Whether notices are heard now."""
        return self._notices is not None and self._notices.listening

    @property
    def dropped(self) -> int:
        """How many events nobody else will hear."""
        return self._box.dropped

    @property
    def wanted(self) -> bool:
        """Whether any process depends on notices now."""
        return self._always or self._needs_help or asyncio.get_running_loop().time() < self._help_until

    # --- Life

    def start(self) -> None:
        """Begin to listen, to send and to poll."""
        self._poll.start()
        if self._notices is not None:
            self._notices.start(self._hear, self._listening_changed)
            self._task = asyncio.create_task(self._send_all(), name="notices")

    async def close(self) -> None:
        """Send what waits if that is possible at once, and end."""
        self.no_more_help()
        await self._poll.close()
        if self._task is not None:
            self._closing = True
            self._work.set()
            await asyncio.wait({self._task}, timeout=FLUSH_S)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._notices is not None:
            await self._notices.close()

    # --- Telling

    def note(self, stamp: Stamp) -> None:
        """A durable event of this process was published: its revision is committed."""
        if not self.wanted:
            return
        self._poll.know(*stamp)
        if self._notices is not None:
            self._box.note(stamp)
            self._work.set()

    def say(self, event: str, body: bytes, routes: Sequence[Route], skip: str | None) -> None:
        """Tell an event that is not durable; `body` is the JSON of its payload."""
        if self._notices is not None and self.wanted:
            self._box.say(event, body, routes, skip)
            self._work.set()

    def need_help(self, recent: Iterable[Stamp]) -> None:
        """Redis is away for this process; `recent` is what it published in the last seconds, perhaps in vain."""
        if self._needs_help or self._closing:
            return
        self._needs_help = True
        self._ask_for_help()
        for stamp in recent:
            self.note(stamp)
        self._poll.look_now()

    def no_more_help(self) -> None:
        """Redis is back."""
        self._needs_help = False
        if self._help_timer is not None:
            self._help_timer.cancel()
            self._help_timer = None

    def _ask_for_help(self) -> None:
        self._box.ask_for_help()
        self._work.set()
        self._help_timer = asyncio.get_running_loop().call_later(HELP_EVERY_S, self._ask_for_help)

    # --- Sending

    async def _send_all(self) -> None:
        backoff = Backoff()
        while True:
            texts = self._take()
            if texts or not (
                self._sending_works or self._closing
            ):  # if need be, nothing is sent, to see whether it goes
                await self._send(texts, backoff)
            elif self._closing and not self._box.has_events:
                return
            else:
                await self._until_work()

    def _take(self) -> list[str]:
        self._work.clear()
        texts = self._box.take_heads()
        now = asyncio.get_running_loop().time()
        if self._events_due <= now and (events := self._box.take_events()):
            self._events_due = now + EVENTS_EVERY_S
            texts += events
        return texts

    async def _send(self, texts: Sequence[str], backoff: Backoff) -> None:
        assert self._notices is not None  # noqa: S101 - else nothing is taken
        try:
            await self._notices.send(texts)
        except UnavailableError:
            self._box.not_sent()
            self._set_sending(works=False)
            await backoff.pause()
        else:
            self._box.sent()
            self._set_sending(works=True)
            backoff.reset()

    async def _until_work(self) -> None:
        """Return when something is to be sent: at once, or events when it is their time."""
        due_s = self._events_due - asyncio.get_running_loop().time() if self._box.has_events else None
        try:
            async with asyncio.timeout(due_s):
                await self._work.wait()
        except TimeoutError:
            pass

    def _set_sending(self, *, works: bool) -> None:
        if self._sending_works != works:
            self._sending_works = works
            self.on_state()

    # --- Hearing

    def _listening_changed(self) -> None:
        if self.listening:
            self._poll.look_now()  # for what was told while nothing was heard
        self.on_state()

    def _hear(self, text: str) -> None:
        """A notice came; those of this very process come back too."""
        try:
            kind, host, content = orjson.loads(text)
            if host == self.host:
                return
            self.received += 1
            self._take_notice(kind, content)
        except (ValueError, TypeError) as error:
            if not self._complained:
                self._complained = True
                log.warning("unknown notice ignored, and all that follow", error=repr(error)[:300])

    def _take_notice(self, kind: str, content: Any) -> None:
        match kind:
            case "heads":
                self._take_heads({str(key): (int(first), int(last)) for key, (first, last) in dict(content).items()})
            case "events":
                for event, skip, routes, payload in content:
                    self._hand_out(event, orjson.dumps(payload), routes, skip)
            case "help":
                self._help()
            case "all":
                self._poll.look_now(trusting=True)
            case _:
                raise ValueError(kind)

    def _take_heads(self, heads: Mapping[str, tuple[int, int]]) -> None:
        for key, (_, last) in heads.items():
            self._poll.know(key, last)
        self._hearer.behind(heads)

    def _hand_out(self, event: str, body: bytes, routes: Sequence[Route], skip: str | None) -> None:
        try:
            self._hearer.hand_out(event, body, routes, skip, None)
        except Exception:
            log.exception("event of another process not delivered", published=event)

    def _help(self) -> None:
        """Another process hears by notices alone: tell so too for a while, beginning with what it may have missed."""
        was_wanted = self.wanted
        self._help_until = asyncio.get_running_loop().time() + HELPED_FOR_S
        if not was_wanted:
            for stamp in self.on_help():
                self.note(stamp)
