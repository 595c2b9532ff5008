"""Pushes: what was stored for people who are not looking reaches their browsers all the same.

An event is noticed after its commit and only put into a queue: no operation waits for a push, and none fails because
of one. A worker takes all that waits together and asks once which devices there are, so people without any cost nearly
nothing. Only the process that stored something pushes it. What waits when a process dies is lost: the app finds the
message or notification when it is opened next.
"""

import asyncio
import heapq
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

import structlog

from server.domain.errors import UnavailableError
from server.domain.events import Event, MessageSent, NotificationCreated
from server.domain.models import Locale, Preferences, Push, PushNote, ThreadKind
from server.services.ports import Clock, Connection, Publisher, PushSender
from server.services.presence import PresenceService
from server.services.push_notes import note_of_message, note_of_notification
from server.services.tasks import Tasks
from server.services.user_settings import UserSettingsService
from server.storage.database import Database
from server.storage.push import PushTarget
from server.storage.unit_of_work import UnitOfWork

PUSH_AFTER_S = 10
"""Nobody is pushed to who was in sight so recently."""
GATHER_S = 0.2
"""So long a push waits for others, to be asked for together: a query costs a busy server more than people notice."""
TICK_S = 1.0
FLUSH_S = 2.0
"""So long may pushes that are under way take to end when the process stops."""
MAX_WAITING = 10_000
MAX_SENDING = 20
BACKOFF_S = (2.0, 10.0, 60.0)
"""Before each further try. A push service that asks for more than `MAX_RETRY_S` is not asked again."""
MAX_RETRY_S = 300.0

Threads = Mapping[str, tuple[ThreadKind, str | None]]
Pushable = MessageSent | NotificationCreated

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Job:
    """Something that happened, and whom it may be pushed to."""

    event: Pushable
    user_ids: tuple[str, ...]
    happened_at: int


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A push, and how often it was tried in vain."""

    push: Push
    tries: int = 0


@dataclass(order=True, slots=True)
class _Later:
    """Something to take up again when its time comes."""

    due: int
    number: int
    work: _Job | _Delivery = field(compare=False)


class PushService:
    """Decides who is pushed what, and sees to it. `outcomes` counts what became of pushes."""

    def __init__(
        self,
        database: Database,
        presence: PresenceService,
        settings: UserSettingsService,
        sender: PushSender,
        now: Clock,
        tasks: Tasks,
        default_locale: Locale,
    ) -> None:
        self._database = database
        self._presence = presence
        self._settings = settings
        self._sender = sender
        self._now = now
        self._tasks = tasks
        self._default_locale = default_locale
        self._jobs: list[_Job] = []
        self._outbox: deque[_Delivery] = deque()
        self._later: list[_Later] = []
        self._numbers = count()
        self._working = False
        self._sending = 0
        self._idle = asyncio.Event()
        self._closed = False
        self.outcomes: Counter[str] = Counter()

    @property
    def depth(self) -> int:
        """How many pushes, or things that may become some, wait."""
        return len(self._jobs) + len(self._outbox) + len(self._later)

    def notice(self, event: Event) -> None:
        """Push an event if it is worth one. Never waits, never raises."""
        if isinstance(event, MessageSent):
            self._add(_Job(event, event.audience, self._now()))
        elif isinstance(event, NotificationCreated):
            self._add(_Job(event, (event.notification.user_id,), self._now()))

    async def tick(self) -> None:
        """Take up again what was put off and is now due."""
        now = self._now()
        while self._later and self._later[0].due <= now:
            work = heapq.heappop(self._later).work
            if isinstance(work, _Job):
                self._add(work)
            else:
                self._send(work)

    async def close(self) -> None:
        """Let what is under way end, for a moment. What was put off is lost."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_S):
                while self._jobs or self._working or self._outbox or self._sending:
                    self._idle.clear()
                    await self._idle.wait()
        self._closed = True
        self._outbox.clear()
        await self._sender.close()

    def _add(self, job: _Job) -> None:
        if self._closed or self.depth >= MAX_WAITING:
            self.outcomes["dropped"] += 1
            return
        self._jobs.append(job)
        if not self._working:
            self._working = True
            self._tasks.start(self._work(), "push")

    async def _work(self) -> None:
        try:
            while self._jobs:
                await asyncio.sleep(GATHER_S)  # whatever comes meanwhile is asked for together
                batch, self._jobs = self._jobs, []
                try:
                    await self._decide(batch)
                except UnavailableError:
                    self.outcomes["dropped"] += len(batch)
        finally:
            self._working = False
            self._idle.set()

    async def _decide(self, batch: Sequence[_Job]) -> None:
        # One tuple serves all messages of a thread (storage/audiences.py), and may name thousands.
        audiences = {id(job.user_ids): job.user_ids for job in batch}
        user_ids = sorted({user_id for audience in audiences.values() for user_id in audience})
        thread_ids = {job.event.thread_id for job in batch if isinstance(job.event, MessageSent)}
        targets, threads = await self._database.read(lambda work: _look_up(work, user_ids, thread_ids))
        if not targets:
            return
        reachable = {key: [user_id for user_id in ids if user_id in targets] for key, ids in audiences.items()}
        seen = await self._presence.last_seen(list(targets))
        for job in batch:
            for user_id in reachable[id(job.user_ids)]:
                if _wants(job.event, user_id, targets[user_id][0].preferences):
                    self._decide_one(job, user_id, seen.get(user_id), targets[user_id], threads)

    def _decide_one(
        self, job: _Job, user_id: str, seen_at: int | None, targets: Sequence[PushTarget], threads: Threads
    ) -> None:
        over_at = 0 if seen_at is None else seen_at + PUSH_AFTER_S * 1000
        if seen_at is not None and seen_at >= job.happened_at:
            self.outcomes["seen"] += 1
        elif over_at > self._now():
            # They looked a moment ago, on this process or another: wait whether they look again.
            self._put_off(_Job(job.event, (user_id,), job.happened_at), over_at)
        else:
            for push in self._pushes(job.event, targets, threads):
                self._send(_Delivery(push))

    def _pushes(self, event: Pushable, targets: Sequence[PushTarget], threads: Threads) -> Iterator[Push]:
        note = self._note(event, targets[0].preferences, threads)
        # A device that was off shows one message for each thread, the last; the app knows the others.
        topic = note.thread_id.replace("-", "") if note.thread_id is not None else None
        for target in targets:
            yield Push(target.subscription, note, topic)

    def _note(self, event: Pushable, preferences: Preferences, threads: Threads) -> PushNote:
        if isinstance(event, MessageSent):
            thread = threads.get(event.thread_id, ("direct", None))
            return note_of_message(event.message, thread, preferences, self._default_locale)
        return note_of_notification(event.notification, preferences, self._default_locale)

    def _put_off(self, work: _Job | _Delivery, due: int) -> None:
        if self.depth >= MAX_WAITING:
            self.outcomes["dropped"] += 1
        else:
            heapq.heappush(self._later, _Later(due, next(self._numbers), work))

    def _send(self, delivery: _Delivery) -> None:
        if self._sending < MAX_SENDING:
            self._sending += 1
            self._tasks.start(self._deliver_all(delivery), "send push")
        elif self.depth >= MAX_WAITING:
            self.outcomes["dropped"] += 1
        else:
            self._outbox.append(delivery)

    async def _deliver_all(self, delivery: _Delivery) -> None:
        """Send a push, then whatever waits: one of at most `MAX_SENDING` that do so at a time."""
        try:
            await self._deliver(delivery)
            while self._outbox:
                await self._deliver(self._outbox.popleft())
        finally:
            self._sending -= 1
            self._idle.set()

    async def _deliver(self, delivery: _Delivery) -> None:
        result = await self._sender.send(delivery.push)
        if result.outcome == "later":
            self._retry(delivery, result.retry_after_s or 0)
            return
        self.outcomes[result.outcome] += 1
        if result.outcome == "gone":
            with suppress(UnavailableError):  # then the next push finds out again
                await self._settings.forget(delivery.push.subscription)

    def _retry(self, delivery: _Delivery, retry_after_s: float) -> None:
        tries = delivery.tries
        if tries >= len(BACKOFF_S) or retry_after_s > MAX_RETRY_S:
            self.outcomes["failed"] += 1
            return
        self.outcomes["retried"] += 1
        wait_ms = int(max(BACKOFF_S[tries], retry_after_s) * 1000)
        self._put_off(_Delivery(delivery.push, tries + 1), self._now() + wait_ms)


class PushingPublisher:
    """Tells events as another publisher does, and lets pushes be made of them."""

    def __init__(self, publisher: Publisher, push: PushService) -> None:
        self._publisher = publisher
        self._push = push

    def publish(self, event: Event, *, skip: Connection | None = None) -> None:
        """Send an event to its audience, and push it to those of them who are not looking."""
        self._publisher.publish(event, skip=skip)
        self._push.notice(event)


def _look_up(
    work: UnitOfWork, user_ids: Sequence[str], thread_ids: set[str]
) -> tuple[dict[str, list[PushTarget]], Threads]:
    targets: dict[str, list[PushTarget]] = {}
    for target in work.push.targets(user_ids):
        targets.setdefault(target.subscription.user_id, []).append(target)
    return targets, work.push.thread_titles(thread_ids) if targets and thread_ids else {}


def _wants(event: Pushable, user_id: str, preferences: Preferences) -> bool:
    if isinstance(event, MessageSent):
        return preferences.push_messages and user_id != event.message.sender_id
    wanted = preferences.push_notifications
    return wanted == "all" or (wanted == "urgent" and event.notification.priority == "urgent")
