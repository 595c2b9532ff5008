"""People who write and read all the while, by the reference client, and what they sent."""

import asyncio
import itertools
import random
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from client_tests.answers import until
from client_tests.chaos.world import World, token_of
from client_tests.reference import MESSAGING, NOTIFICATIONS, Pace, ReferenceClient, Sent
from client_tests.reference_wire import Event, Refused

THREADS = 4
WRITERS_OF_A_THREAD = 2
READERS = (101, 102, 103, 104)
"""They are in all threads. The last two lose their connection again and again."""
FIRST_NEWCOMER = 1_001
IN_FLIGHT = 16
PAUSE_S = 0.3
PACE = Pace(heartbeat_s=3.0, answer_s=4.0, connect_s=2.0, back_off_s=0.1, back_off_cap_s=1.0)
"""A heartbeat finds what was missed: it must be slower than what is promised of events."""
GIVE_UP_S = 60.0
NOT_NOW = (Refused, OSError, TimeoutError, aiohttp.ClientError)


@dataclass(slots=True)
class Writer:
    """One who writes into one thread. With a `twin`, both devices send each message at the same time."""

    client: ReferenceClient
    thread_id: str
    twin: ReferenceClient | None = None
    sent: list[Sent] = field(default_factory=list)
    twin_sent: list[Sent] = field(default_factory=list)


class Load:
    """All clients. `start` returns when they are live; `stop` when all that was sent is answered."""

    def __init__(self, world: World, *, twins: bool = False) -> None:
        self.world = world
        self.writers: list[Writer] = []
        self.readers: list[ReferenceClient] = []
        self.notified: dict[int, list[str]] = {}
        self._twins = twins
        self._numbers = itertools.count(1)
        self._newcomers = itertools.count(FIRST_NEWCOMER)
        self._over = asyncio.Event()
        self._running: list[asyncio.Task[None]] = []
        self._working: list[asyncio.Task[None]] = []
        self._rng = random.Random(7)

    @property
    def clients(self) -> list[ReferenceClient]:
        """Everyone."""
        twins = [writer.twin for writer in self.writers if writer.twin is not None]
        return [writer.client for writer in self.writers] + twins + self.readers

    @property
    def steady(self) -> list[ReferenceClient]:
        """Those who do not lose their connection by themselves."""
        return [client for client in self.clients if client.user_id not in READERS[2:]]

    async def start(self) -> None:
        """Open threads, connect everyone, begin."""
        await self._make_people()
        self._running = [asyncio.create_task(client.run()) for client in self.clients]
        await until(lambda: all(client.state == "live" for client in self.clients), GIVE_UP_S)
        jobs: list[Coroutine[Any, Any, None]] = [self._write(writer) for writer in self.writers]
        jobs += [self._read(reader) for reader in self.readers]
        jobs += [self._stumble(reader) for reader in self.readers if reader.user_id in READERS[2:]]
        jobs.append(self._notify())
        self._working = [asyncio.create_task(job) for job in jobs]

    async def stop(self) -> None:
        """Send nothing more, and wait until all is answered."""
        self._over.set()
        await asyncio.gather(*self._working)
        with suppress(TimeoutError):  # what is left is counted
            await until(lambda: not any(client.unacked for client in self.clients), GIVE_UP_S)

    async def close(self) -> None:
        """Let everyone leave."""
        for task in self._working:
            task.cancel()
        for client in self.clients:
            client.stop()
        await asyncio.gather(*self._running, *self._working, return_exceptions=True)

    async def next_ack(self, url: str) -> None:
        """Wait until a server acknowledges something."""
        on_it = [writer for writer in self.writers if writer.client.url == url]

        def count() -> int:
            return sum(sent.message is not None for writer in on_it for sent in writer.sent)

        before = count()
        await until(lambda: count() > before, GIVE_UP_S)

    def fallen(self) -> list[str]:
        """Return who is not there any more, and why."""
        return [
            f"user {client.user_id} is {client.state}: {task.exception() or client.refusal}"
            for client, task in zip(self.clients, self._running, strict=True)
            if task.done()
        ]

    async def probe(self, give_up_s: float = GIVE_UP_S) -> float:
        """Send into each thread; return the seconds until all steady clients hold that and everything before it."""
        began = time.monotonic()
        sents = [self._send(writer) for writer in self.writers[::WRITERS_OF_A_THREAD]]

        def arrived() -> bool:
            return all(sent.message is not None for sent in sents) and all(
                client.threads[sent.thread_id].rev >= sent.message["rev"]
                for sent in sents
                if sent.message is not None
                for client in self.steady
                if sent.thread_id in client.threads
            )

        with suppress(TimeoutError):
            await until(arrived, give_up_s)
        return time.monotonic() - began

    async def slowest_probe(self, seconds: float) -> float:
        """Probe again and again for so long; return the slowest, in seconds."""
        ends = time.monotonic() + seconds
        slowest = 0.0
        while time.monotonic() < ends:
            slowest = max(slowest, await self.probe())
        return slowest

    async def slowest_newcomer(self, seconds: float) -> float:
        """Let one after another come who was never there; return the seconds that the slowest took to be live."""
        ends = time.monotonic() + seconds
        slowest = 0.0
        while time.monotonic() < ends:
            newcomer = self._client(next(self._newcomers), self.world.urls)
            began = time.monotonic()
            running = asyncio.create_task(newcomer.run())
            try:
                with suppress(TimeoutError):
                    await until(lambda one=newcomer: one.state == "live", GIVE_UP_S)
                slowest = max(slowest, time.monotonic() - began)
            finally:
                newcomer.stop()
                await running
        return slowest

    async def _make_people(self) -> None:
        for number in range(THREADS):
            user_ids = [1 + number * WRITERS_OF_A_THREAD + extra for extra in range(WRITERS_OF_A_THREAD)]
            thread_id = await self.world.open_thread([*user_ids, *READERS])
            for user_id in user_ids:
                one, other = (self.world.urls[:1], self.world.urls[1:]) if self._twins else (self.world.urls, None)
                twin = self._client(user_id, other) if other else None
                self.writers.append(Writer(self._client(user_id, one), thread_id, twin))
        self.readers = [self._client(user_id, self.world.urls) for user_id in READERS]

    def _client(self, user_id: int, urls: list[str]) -> ReferenceClient:
        return ReferenceClient(user_id, urls, token_of(user_id), PACE, random.Random(self._rng.random()))

    def _send(self, writer: Writer) -> Sent:
        sent = writer.client.send(writer.thread_id, f"{next(self._numbers)} de {writer.client.user_id}")
        writer.sent.append(sent)
        if writer.twin is not None:
            again = writer.twin.send(writer.thread_id, sent.content, sent.client_message_id)
            writer.twin_sent.append(again)
        return sent

    async def _write(self, writer: Writer) -> None:
        while not self._over.is_set():
            burst = [self._send(writer) for _ in range(IN_FLIGHT)]
            await asyncio.wait([sent.done for sent in burst])
            await self._pause(PAUSE_S)

    async def _read(self, reader: ReferenceClient) -> None:
        while not self._over.is_set():
            await self._pause(self._rng.uniform(0.1, 0.5))
            thread = self._rng.choice(list(reader.threads.values()))
            position: Event = {"thread_id": thread.id}
            with suppress(*NOT_NOW):
                if self._rng.random() < 0.5:
                    await reader.ask("mark_delivered", position | {"seq": len(thread.messages)}, MESSAGING)
                else:
                    await reader.ask("mark_as_read", position, MESSAGING)
            await self._read_notifications(reader)

    async def _read_notifications(self, reader: ReferenceClient) -> None:
        shown = [key for key, item in reader.centre.items.items() if item["cleared_at"] is None]
        op = self._rng.choice(["mark_notification_read", "clear_notification", "mark_all_notifications_read"])
        if not shown:
            return
        payload = {} if op == "mark_all_notifications_read" else {"notification_id": self._rng.choice(shown)}
        with suppress(*NOT_NOW):
            await reader.ask(op, payload, NOTIFICATIONS)

    async def _stumble(self, reader: ReferenceClient) -> None:
        while not self._over.is_set():
            await self._pause(self._rng.uniform(0.5, 1.5))
            reader.drop()

    async def _notify(self) -> None:
        while not self._over.is_set():
            await self._pause(0.2)
            user_id = self._rng.choice(READERS)
            wanted = {"user_id": user_id, "title": "Visita", "message": "Mañana a las 10"}
            with suppress(*NOT_NOW):
                async with asyncio.timeout(PACE.answer_s):
                    answer = await self._rng.choice(self.world.services).call("notify", wanted)
                if answer["ok"]:
                    stored = answer["data"]["notifications"]
                    self.notified.setdefault(user_id, []).extend(item["id"] for item in stored)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)
