"""The reference client: docs/delivery.md in code, and what the chaos runs look through.

One `ReferenceClient` is one device of one user. It stays connected to any of several servers, keeps every thread and
the notification centre of the user up to date, and sends messages until they are acknowledged.
"""

import asyncio
import itertools
import random
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from client_tests.reference_state import Centre, Held, Thread
from client_tests.reference_wire import Event, Gone, Refused, Wire

MESSAGING, NOTIFICATIONS = "/messaging", "/notifications"
SYNC_THREADS = 500
PING_HEADS = 100
NEEDS_NEWER_TOKEN = ("token_expired", "unauthenticated")


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient the client is, in seconds. The defaults suit people; tests are in a hurry."""

    heartbeat_s: float = 30.0
    answer_s: float = 10.0
    connect_s: float = 10.0
    back_off_s: float = 0.5
    back_off_cap_s: float = 10.0


@dataclass(slots=True)
class Sent:
    """One message on its way: `message` is what the server stored, once it is acknowledged."""

    thread_id: str
    content: str
    client_message_id: str
    done: asyncio.Future[Event]
    began_at: float = field(default_factory=time.monotonic)
    asked_at: float = 0.0
    acked_at: float = 0.0
    attempts: int = 0
    connection: int = 0
    message: Event | None = None


class ReferenceClient:
    """A device: `run` it in a task, `stop` ends it.

    `state`: `waiting` for the next try, `connecting`, `catching_up` (it may lack something), `live`, `ended`.
    `gaps` counts how often something was missing while `live`.
    """

    def __init__(
        self,
        user_id: int | str,
        urls: Sequence[str],
        token: Callable[[], str],
        pace: Pace | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.user_id = user_id
        self.threads: dict[str, Thread] = {}
        self.centre = Centre(user_id)
        self.state = "waiting"
        self.url = ""
        self.connections = 0
        self.gaps = 0
        self.refusal: Event | None = None
        self.close_codes: list[int | None] = []
        self.closings: list[Event] = []
        self._urls = list(urls)
        self._token = token
        self._pace = pace or Pace()
        self._rng = rng or random.Random()
        self._outbox: dict[str, Sent] = {}
        self._wire: Wire | None = None
        self._wanted: set[str] = set()
        self._wants_centre = False
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._closing: Event = {}

    # --- What an app calls

    async def run(self) -> None:
        """Stay connected until `stop`, or until the server says that we may not come back."""
        failures = 0
        async with aiohttp.ClientSession() as session:
            while not self._stopping.is_set():
                was_live = await self._connect(session)
                failures = 0 if was_live else failures + 1
                if self.refusal is not None and not self._may_come_back(self.refusal, failures):
                    break
                self.state = "waiting"
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), self._back_off_s(failures))
        self.state = "ended"

    def stop(self) -> None:
        """Leave, soon."""
        self._stopping.set()
        self.drop()

    def drop(self) -> None:
        """Lose the connection, as in a tunnel; `run` comes back."""
        if self._wire is not None:
            self._wire.abort()

    def send(self, thread_id: str, content: str, client_message_id: str | None = None) -> Sent:
        """Send a message, now and again until it is acknowledged.

        `done` gets the stored message; it raises `Refused` if the server will never take it.
        """
        key = client_message_id or str(uuid.uuid4())
        sent = Sent(thread_id, content, key, asyncio.get_running_loop().create_future())
        self._outbox[key] = sent
        self._transmit(sent)
        return sent

    async def ask(self, op: str, payload: Event, namespace: str = MESSAGING) -> Any:
        """Ask an operation once and return its data.

        Raises:
            Refused: the server said no.
            Gone: there is no connection, or it ended.
            TimeoutError: no answer came.
        """
        if self._wire is None:
            raise Gone
        envelope = await asyncio.wait_for(self._wire.ask(namespace, op, payload), self._pace.answer_s)
        if not envelope["ok"]:
            raise Refused(envelope["error"])
        return envelope["data"]

    @property
    def unacked(self) -> list[Sent]:
        """What is not acknowledged yet, in the order of sending."""
        return list(self._outbox.values())

    # --- The connection

    async def _connect(self, session: aiohttp.ClientSession) -> bool:
        """Live one connection from its beginning to its end; return whether we were let in."""
        self.state, self.refusal, self._closing = "connecting", None, {}
        self.url = self._rng.choice(self._urls)
        reading, live = None, False
        try:
            async with asyncio.timeout(self._pace.connect_s):
                wire = await Wire.open(session, self.url, self._hear)
                reading = asyncio.create_task(wire.listen())
                for namespace in (MESSAGING, NOTIFICATIONS):
                    await wire.join(namespace, {"token": self._token(), "recovery": False})
            self._wire, live = wire, True
            await self._live(reading)
        except Refused as refused:
            self.refusal = refused.error
        except (OSError, aiohttp.ClientError, TimeoutError):
            pass
        finally:
            self._wire = None
            if reading is not None:
                wire.abort()
                await reading
                self.close_codes.append(wire.close_code)
        return live

    async def _live(self, reading: asyncio.Task[None]) -> None:
        self.connections += 1
        self.state = "catching_up"
        for sent in self.unacked:
            self._transmit(sent)
        self._want(*self.threads, centre=True)
        jobs = [asyncio.create_task(job) for job in (self._keep_synced(), self._heartbeat())]
        try:
            # A job ends only with an error: then the connection is of no use.
            await asyncio.wait((reading, *jobs), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    def _may_come_back(self, error: Event, failures: int) -> bool:
        return error["retryable"] or (error["code"] in NEEDS_NEWER_TOKEN and failures < 3)

    def _back_off_s(self, failures: int) -> float:
        asked = self._closing.get("reconnect_after_ms") or 0
        grown = min(self._pace.back_off_cap_s, self._pace.back_off_s * 2**failures)
        return asked / 1000 + self._rng.uniform(0, grown)

    async def _heartbeat(self) -> None:
        """Find out about a connection that is deaf or dead, and about sends that are never answered."""
        while True:
            await asyncio.sleep(self._pace.heartbeat_s)
            heads = [(thread_id, thread.rev) for thread_id, thread in self.threads.items()]
            for start in range(0, max(len(heads), 1), PING_HEADS):
                answer = await self._ask_patiently("ping", {"heads": dict(heads[start : start + PING_HEADS])})
                self._want(*answer["behind"], centre=True)
            # A send that the server refused for now has been asked again since.
            oldest = min((sent.asked_at for sent in self.unacked), default=time.monotonic())
            if time.monotonic() - oldest > self._pace.answer_s:
                raise Gone

    # --- Sending

    def _transmit(self, sent: Sent) -> None:
        wire = self._wire
        if wire is None or sent.client_message_id not in self._outbox:
            return
        sent.attempts += 1
        sent.connection, sent.asked_at = self.connections, time.monotonic()
        payload = {key: getattr(sent, key) for key in ("thread_id", "content", "client_message_id")}
        wire.ask(MESSAGING, "send_message", payload).add_done_callback(lambda answer: self._answered(sent, answer))

    def _answered(self, sent: Sent, answer: asyncio.Future[Event]) -> None:
        if answer.cancelled() or answer.exception() is not None:
            return  # it stays in the outbox, for the next connection
        envelope = answer.result()
        if not envelope["ok"] and envelope["error"]["retryable"]:
            asyncio.get_running_loop().call_later(self._back_off_s(0), self._transmit, sent)
        elif self._outbox.pop(sent.client_message_id, None) is not None:
            sent.acked_at = time.monotonic()
            if envelope["ok"]:
                sent.message = envelope["data"]
                sent.done.set_result(sent.message)
            else:
                sent.done.set_exception(Refused(envelope["error"]))
                sent.done.exception()  # looked at, in case that nobody waits for it

    # --- Hearing

    def _hear(self, namespace: str, name: str, payload: Event) -> None:
        if name == "connection_closing":
            self._closing = payload
            self.closings.append(payload)
        elif name == "disconnect":
            self.refusal = {"code": "revoked", "retryable": False}
        elif name == "token_expiring" and self._wire is not None:
            self._wire.ask(namespace, "refresh_token", {"token": self._token()})
        elif (rev := _rev_of(name, payload)) is not None:
            held: Held = self.centre if namespace == NOTIFICATIONS else self._thread(_thread_of(name, payload))
            was_whole = held.is_whole
            if not held.hear(rev, name, payload) and was_whole:  # else `sync` is asked already
                self.gaps += self.state == "live"
                self._want_held(held)

    def _thread(self, thread_id: str) -> Thread:
        return self.threads.setdefault(thread_id, Thread(thread_id, self.user_id))

    # --- Catching up

    def _want(self, *thread_ids: str, centre: bool = False) -> None:
        self._wanted.update(thread_ids)
        self._wants_centre |= centre
        self._wake.set()

    def _want_held(self, held: Held) -> None:
        self._want(*([held.id] if isinstance(held, Thread) else []), centre=isinstance(held, Centre))

    async def _find_threads(self) -> None:
        """Find threads that are new: pages are by newest activity, so one without any new is the last of interest."""
        cursor: Event = {}
        while True:
            page = await self._ask_patiently("list_threads", {"limit": 100, **cursor})
            new = [thread["id"] for thread in page["threads"] if thread["id"] not in self.threads]
            for thread_id in new:
                self._thread(thread_id)
            self._want(*new)
            if not new or page["next_cursor"] is None:
                return
            cursor = {"cursor": page["next_cursor"]}

    async def _keep_synced(self) -> None:
        await self._find_threads()
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._wanted or self._wants_centre:
                await self._sync()
            self.state = "live"

    async def _sync(self) -> None:
        """Ask for what changed since the revisions that we hold; ask again later if that was not all."""
        ids = list(itertools.islice(self._wanted, SYNC_THREADS))
        payload: Event = {"threads": {thread_id: self.threads[thread_id].rev for thread_id in ids}}
        if self._wants_centre:
            payload["notifications"] = self.centre.rev
        self._wanted.difference_update(ids)
        self._wants_centre = False
        data = await self._ask_patiently("sync", payload)
        for thread_id, changes in data["threads"].items():
            if changes["removed"]:
                self.threads.pop(thread_id, None)
            elif not self.threads[thread_id].catch_up(changes):
                self._want(thread_id)
        if data["notifications"] is not None and not self.centre.catch_up(data["notifications"]):
            self._want(centre=True)

    async def _ask_patiently(self, op: str, payload: Event) -> Any:
        """Ask until the server is able to answer."""
        for failures in itertools.count():
            try:
                return await self.ask(op, payload)
            except Refused as refused:
                if not refused.error["retryable"]:
                    raise
            await asyncio.sleep(self._back_off_s(failures))
        return None


def _rev_of(name: str, payload: Event) -> int | None:
    """Return the revision of a durable event; None of any other."""
    inner = {"new_message": "message", "thread_created": "thread"}.get(name)
    return (payload[inner] if inner else payload).get("rev")


def _thread_of(name: str, payload: Event) -> str:
    if name == "thread_created":
        return payload["thread"]["id"]
    return (payload["message"] if name == "new_message" else payload)["thread_id"]
