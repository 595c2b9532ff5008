"""Drives `generator/loadgen.c`: connects clients, sends, and checks what it counted.

Every run checks itself: each message carries who sent it and its number, and the generator counts what was lost,
doubled, out of order, refused or not acknowledged. Anything of that makes a run an error, not a number.
"""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks.population import Crowd
from benchmarks.targets import Target

CONTENT_BYTES = 200


class CheckError(Exception):
    """A server lost, doubled, reordered or refused something: its numbers mean nothing."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to send: every sender keeps `window` messages in flight, or all together send `rate` a second."""

    seconds: float
    warm_up_s: float = 0.5
    window: int = 1
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Times:
    """Percentiles in ms."""

    p50: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class Sample:
    """What one run measured: counts, CPU seconds, and latencies from when a message was due."""

    seconds: float
    sends: int
    deliveries: int
    server_cpu_s: float
    other_cpu_s: float
    generator_cpu_s: float
    ack_ms: Times
    delivery_ms: Times

    @property
    def us_per_delivery(self) -> float:
        """The servers' CPU microseconds for a delivery, its share of receiving, storing and acknowledging included."""
        return self.server_cpu_s * 1e6 / self.deliveries

    @property
    def us_per_send(self) -> float:
        """The servers' CPU microseconds for a send with its ack and all its deliveries."""
        return self.server_cpu_s * 1e6 / self.sends

    @property
    def other_us_per_send(self) -> float:
        """The same of the database or Redis."""
        return self.other_cpu_s * 1e6 / self.sends

    @property
    def sends_per_s(self) -> float:
        """Acknowledged sends per second."""
        return self.sends / self.seconds


@dataclass(frozen=True, slots=True)
class Connected:
    """What connecting cost: `clients` that connected in `seconds`, and what the server grew by for them."""

    clients: int
    seconds: float
    server_cpu_s: float
    grown_kib: int
    refused: int

    @property
    def kib_each(self) -> float:
        """Growth of the server's resident memory for each connection."""
        return self.grown_kib / self.clients

    @property
    def us_each(self) -> float:
        """CPU microseconds of the server for each connection until it is let in and has joined."""
        return self.server_cpu_s * 1e6 / self.clients

    @property
    def per_s(self) -> float:
        """Connections per second."""
        return self.clients / self.seconds


@dataclass(frozen=True, slots=True)
class Back:
    """All connections dropped and opened again at once: seconds until the last was back, and how often refused."""

    seconds: float
    server_cpu_s: float
    refused: int


class Load:
    """All clients of one target; they stay connected until `close`."""

    def __init__(
        self,
        generator: Path,
        target: Target,
        crowd: Crowd,
        *,
        senders: int = 0,
        first: int = 0,
        settle_s: float = 0.2,
        spin: bool = True,
        options: Sequence[str] = (),
    ) -> None:
        self.target = target
        arguments: dict[str, object] = {
            "--port": ",".join(map(str, target.ports)),
            "--server-pids": ",".join(map(str, target.pids)),
            "--clients": crowd.clients,
            "--rooms": crowd.rooms,
            "--senders": senders,
            "--first": first,
            "--settle": settle_s,
            "--tokens": crowd.tokens,
            "--room-names": crowd.names,
            "--content-bytes": CONTENT_BYTES,
        }
        if target.other_pids:
            arguments["--other-pids"] = ",".join(map(str, target.other_pids))
        command = [str(generator), *(str(word) for pair in arguments.items() for word in pair)]
        command += [*target.wire, *options, *(("--spin",) if spin else ())]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            found = self._answer()
        except CheckError:
            self.close()
            raise
        self.connected = Connected(**{name: found[name] for name in Connected.__slots__})

    def warm_up(self, seconds: float) -> None:
        """Send for a while, and check it, but measure nothing.

        Raises:
            CheckError: something was refused, lost, doubled or out of order.
        """
        self._run(Plan(seconds=seconds))

    def run(self, plan: Plan) -> Sample:
        """Send for a while, measure the middle of it, wait for what is under way, and check all of it.

        Raises:
            CheckError: something was refused, lost, doubled or out of order; or nothing was done in time to measure.
        """
        found = self._run(plan)
        if not found["sends"] or not found["deliveries"]:
            raise CheckError(f"{self.target.name}: too slow to be measured, nothing was done in {plan.seconds} s")
        times = {
            name: Times(**{key: found[name][key] for key in Times.__slots__}) for name in ("ack_ms", "delivery_ms")
        }
        return Sample(**{name: found[name] for name in Sample.__slots__} | times)

    def _run(self, plan: Plan) -> dict[str, Any]:
        found = self._ask(f"run {plan.warm_up_s} {plan.seconds} {plan.window} {plan.rate}")
        wrong = {name: found[name] for name in ("lost", "doubled", "disordered", "unanswered", "refused", "faults")}
        if any(wrong.values()):
            raise CheckError(f"{self.target.name}: {found['sends']} sends, {wrong}, {found['fault']}")
        return found

    def reconnect(self) -> Back:
        """Drop all connections and open them again at once."""
        found = self._ask("reconnect")
        return Back(**{name: found[name] for name in Back.__slots__})

    def close(self) -> None:
        """Drop all connections."""
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream
            stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, order: str) -> dict[str, Any]:
        assert self._process.stdin
        try:
            self._process.stdin.write(f"{order}\n".encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended: its last words come below
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        # It bounds its own time: for connecting, sending and waiting for what is under way.
        assert self._process.stdout
        assert self._process.stderr
        line = self._process.stdout.readline()
        if not line:
            raise CheckError(f"{self.target.name}: {self._process.stderr.read().decode().strip()}")
        return json.loads(line)
