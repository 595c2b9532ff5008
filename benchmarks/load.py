"""The load: clients in rooms that send, count and check.

Every run checks itself. In each thread `seq` counts messages without gaps, so a client that hears 1, 2, 3, ... up to
the number of acknowledged messages has heard each of them once and in order: nothing lost, doubled or swapped.
"""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter_ns
from typing import Any

from benchmarks.population import SeededThread
from benchmarks.server import ServerProcess
from benchmarks.wire import MESSAGING, Client
from client_tests.services import LOOPBACK

CONTENT_CHARS = 200
STAMP_CHARS = 20
CONNECT_S = 60.0
DRAIN_S = 20.0
TICK_S = 0.001
MAX_FAULTS = 20


class CheckError(Exception):
    """The server lost, doubled, reordered or refused something: its numbers mean nothing."""


@dataclass(slots=True)
class Room:
    """A thread with the clients in it. `acked` counts the messages that the server said it stored."""

    thread_id: str
    clients: list[Client] = field(default_factory=list)
    acked: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """How to send. `senders` per room, each `window` messages in flight; or `rate` sends/s over all, come what may."""

    seconds: float
    warm_up_s: float
    senders: int = 1
    window: int = 1
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """What one run measured: counts, CPU seconds, and latencies in ms."""

    seconds: float
    sends: int
    deliveries: int
    server_cpu_s: float
    generator_cpu_s: float
    database_cpu_s: float
    ack_ms: Sequence[float]
    delivery_ms: Sequence[float]
    sends_per_commit: float


class Load:
    """All clients of one server."""

    def __init__(self, server: ServerProcess, database_cpu_s: Callable[[], float] = lambda: 0.0) -> None:
        self.server = server
        self.clients: list[Client] = []
        self._rooms: list[Room] = []
        self._database_cpu_s = database_cpu_s
        self._acks: list[int] = []
        self._deliveries: list[int] = []
        self._faults: list[str] = []
        self._window = 0

    async def connect(self, tokens: Sequence[str], namespaces: Sequence[str] = (MESSAGING,), at_once: int = 50) -> None:
        """Connect one client for each token, `at_once` in progress at any time."""
        loop = asyncio.get_running_loop()
        waiting = iter(tokens)

        async def connect_some() -> None:
            for token in waiting:
                client = Client(token, namespaces, heard=self._heard, answered=self._answered, fault=self._fault)
                self.clients.append(client)
                await loop.create_connection(partial(_same, client), LOOPBACK, self.server.port)
                await client.ready

        async with asyncio.timeout(CONNECT_S):
            await asyncio.gather(*(connect_some() for _ in range(at_once)))

    async def join(self, threads: Sequence[SeededThread], tokens: dict[str, str]) -> None:
        """Connect everyone in these threads."""
        by_token = {tokens[user_id]: thread.id for thread in threads for user_id in thread.user_ids}
        await self.connect(list(by_token))
        rooms = {thread.id: Room(thread.id) for thread in threads}
        for number, client in enumerate(self.clients):
            client.room = rooms[by_token[client.token]]
            client.room.clients.append(client)
            client.template = _template(client.room.thread_id, number)
        self._rooms = list(rooms.values())

    async def run(self, plan: Plan) -> Sample:
        """Send for a while, measure the middle of it, wait for what is under way, and check all of it.

        Raises:
            CheckError: something was refused, lost, doubled or out of order.
        """
        senders = [client for room in self._rooms for client in room.clients[: plan.senders]]
        commits = self.server.commits()
        sending = asyncio.create_task(self._send_at(senders, plan)) if plan.rate else None
        if sending is None:
            self._window = plan.window
            for client in senders:
                for _ in range(plan.window):
                    self._send(client, perf_counter_ns())
        await asyncio.sleep(plan.warm_up_s)
        before = self._mark()
        await asyncio.sleep(plan.seconds)
        after = self._mark()
        self._window = 0
        if sending is not None:
            sending.cancel()
        await self._drain()
        self._check()
        writes, batches = (new - old for new, old in zip(self.server.commits(), commits, strict=True))
        return self._sample(before, after, writes / max(batches, 1))

    def close(self) -> None:
        """Drop all connections."""
        for client in self.clients:
            client.close()

    def _send(self, client: Client, due_ns: int) -> None:
        client.last_ack_id = ack_id = client.last_ack_id + 1
        client.in_flight[ack_id] = due_ns
        client.send(client.template % (ack_id, ack_id, due_ns))

    async def _send_at(self, senders: Sequence[Client], plan: Plan) -> None:
        """Send on a schedule that does not wait for the server; latency counts from when a message was due."""
        assert plan.rate is not None
        began = perf_counter_ns()
        step_ns = 1e9 / plan.rate
        sent = 0
        while True:
            now = perf_counter_ns()
            while (due_ns := int(began + sent * step_ns)) <= now:
                self._send(senders[sent % len(senders)], due_ns)
                sent += 1
            await asyncio.sleep(TICK_S)

    def _heard(self, client: Client, message: dict[str, Any], now_ns: int) -> None:
        seq = message["seq"]
        if seq != client.last_seq + 1 or message["thread_id"] != client.room.thread_id:
            self._fault(f"heard seq {seq} of {message['thread_id']} after {client.last_seq}")
        client.last_seq = seq
        self._deliveries.append(now_ns - int(message["content"][:STAMP_CHARS]))

    def _answered(self, client: Client, ack_id: int, envelope: dict[str, Any], now_ns: int) -> None:
        due_ns = client.in_flight.pop(ack_id, None)
        if due_ns is None or not envelope["ok"] or int(envelope["data"]["content"][:STAMP_CHARS]) != due_ns:
            self._fault(f"ack {ack_id} (sent: {due_ns is not None}): {str(envelope)[:300]}")
            return
        client.room.acked += 1
        self._acks.append(now_ns - due_ns)
        if len(client.in_flight) < self._window:
            self._send(client, perf_counter_ns())

    def _fault(self, what: str) -> None:
        if len(self._faults) < MAX_FAULTS:
            self._faults.append(what)

    async def _drain(self) -> None:
        deadline = time.monotonic() + DRAIN_S
        while time.monotonic() < deadline and not self._faults:
            if all(
                not client.in_flight and client.last_seq == room.acked
                for room in self._rooms
                for client in room.clients
            ):
                return
            await asyncio.sleep(0.02)

    def _check(self) -> None:
        clients = [(room, client) for room in self._rooms for client in room.clients]
        unanswered = sum(len(client.in_flight) for _, client in clients)
        unheard = sum(room.acked - client.last_seq for room, client in clients)
        if self._faults or unanswered or unheard:
            raise CheckError(f"{unanswered} sends unanswered, {unheard} deliveries missing; faults: {self._faults}")

    def _mark(self) -> tuple[float, int, int, float, float, float]:
        own = os.times()
        return (
            time.perf_counter(),
            len(self._acks),
            len(self._deliveries),
            self.server.cpu_s(),
            own.user + own.system,
            self._database_cpu_s(),
        )

    def _sample(self, before: Sequence[Any], after: Sequence[Any], sends_per_commit: float) -> Sample:
        seconds, sends, deliveries, server, generator, database = (
            new - old for new, old in zip(after, before, strict=True)
        )
        acks, heard = self._acks[before[1] : after[1]], self._deliveries[before[2] : after[2]]
        self._acks, self._deliveries = [], []
        return Sample(
            seconds=seconds,
            sends=sends,
            deliveries=deliveries,
            server_cpu_s=server,
            generator_cpu_s=generator,
            database_cpu_s=database,
            ack_ms=sorted(ns / 1e6 for ns in acks),
            delivery_ms=sorted(ns / 1e6 for ns in heard),
            sends_per_commit=sends_per_commit,
        )


def _template(thread_id: str, number: int) -> bytes:
    """Return a `send_message` packet with places for the ack id, the same for the UUID, and the time in ns."""
    padding = "x" * (CONTENT_CHARS - STAMP_CHARS)
    return (
        f'42{MESSAGING},%d["send_message",{{"thread_id":"{thread_id}",'
        f'"client_message_id":"{number:08x}-0000-4000-8000-%012x","content":"%0{STAMP_CHARS}d{padding}"}}]'
    ).encode()


def _same(client: Client) -> Client:
    return client
