"""What is measured. Cases that are compared run in turns (A B A B), each on a server of its own that stays up."""

import asyncio
import shutil
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.load import Load, Plan, Sample
from benchmarks.population import Population, SeededThread, sqlite_url
from benchmarks.report import Section, column, percentile, plain, spread
from benchmarks.server import Cores, ServerProcess
from benchmarks.wire import MESSAGING, NAMESPACES

GROUP_SENDERS = 10
DIRECT_RATE = 500.0
GROUP_RATE = 50.0
SETTLE_S = 1.0
FIRST = Plan(seconds=0.5, warm_up_s=0)


@dataclass(frozen=True, slots=True)
class Bench:
    """What every scenario is given. `database` is an SQLite file with the population, to be copied."""

    cores: Cores
    folder: Path
    database: Path
    population: Population
    runs: int
    seconds: float
    say: Callable[[str], None]

    @property
    def warm_up_s(self) -> float:
        """How long to send before the clock runs."""
        return min(1.0, self.seconds / 2)

    def plan(self, **options: float) -> Plan:
        """Return a plan of the usual length."""
        return Plan(seconds=self.seconds, warm_up_s=self.warm_up_s, **options)  # type: ignore[arg-type]

    def start(self, name: str, *, module: tuple[str, ...] = ("server", "serve"), **environment: str) -> ServerProcess:
        """Start a server on a copy of the database (or on the `DATABASE_URL` given)."""
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        if "DATABASE_URL" not in environment:
            copy = folder / "verihome.db"
            shutil.copyfile(self.database, copy)
            environment["DATABASE_URL"] = sqlite_url(copy)
        return ServerProcess.start(self.cores, folder, environment, module)


@dataclass(frozen=True, slots=True)
class Case:
    """A plan on a load; cases may share the load."""

    name: str
    load: Load
    plan: Plan


async def take_turns(bench: Bench, cases: Sequence[Case]) -> dict[str, list[Sample]]:
    """Run all cases once, then all again in the opposite order, and so on."""
    samples: dict[str, list[Sample]] = {case.name: [] for case in cases}
    for turn in range(bench.runs):
        for case in cases if turn % 2 == 0 else reversed(cases):
            sample = await case.load.run(case.plan)
            samples[case.name].append(sample)
            bench.say(f"  {case.name}: {sample.sends / sample.seconds:,.0f} sends/s")
    return samples


async def joined(
    stack: AsyncExitStack, server: ServerProcess, load: Load, bench: Bench, *, group: bool = False
) -> Load:
    """Connect everyone in the direct threads (or in the group) to a server, for as long as the stack lives."""
    stack.callback(server.stop)
    stack.callback(load.close)
    threads: Sequence[SeededThread] = [bench.population.group] if group else bench.population.direct
    await load.join(threads, bench.population.tokens)
    await asyncio.sleep(SETTLE_S)
    await load.run(FIRST)  # not counted: whatever is cached, is cached from now on
    return load


async def direct_threads(bench: Bench) -> Section:
    """A: many threads of two."""
    threads = len(bench.population.direct)
    async with AsyncExitStack() as stack:
        server = bench.start("a")
        load = await joined(stack, server, Load(server), bench)
        samples = await take_turns(
            bench,
            [
                Case(f"{2 * threads:,} senders, window 1", load, bench.plan(senders=2)),
                Case(f"{threads:,} senders, window 1", load, bench.plan(senders=1)),
                Case(f"{DIRECT_RATE:.0f} sends/s", load, bench.plan(senders=2, rate=DIRECT_RATE)),
            ],
        )
    return Section(
        f"A: {threads:,} threads of two, SQLite FULL",
        "Every send is validated, stored, committed, acknowledged with the stored message, and delivered to both.",
        SEND_HEADER,
        [send_row(name, runs) for name, runs in samples.items()],
    )


async def group_thread(bench: Bench) -> Section:
    """B: one thread of a hundred."""
    async with AsyncExitStack() as stack:
        server = bench.start("b")
        load = await joined(stack, server, Load(server), bench, group=True)
        samples = await take_turns(
            bench,
            [
                Case(f"{GROUP_SENDERS} senders, window 1", load, bench.plan(senders=GROUP_SENDERS)),
                Case(f"{GROUP_RATE:.0f} sends/s", load, bench.plan(senders=GROUP_SENDERS, rate=GROUP_RATE)),
            ],
        )
    return Section(
        "B: one thread of 100, SQLite FULL",
        "Every send is delivered to all 100; latency is from when a message was due to each delivery.",
        ("load", "sends/s", "deliveries/s", "CPU us/delivery", "delivery p50 ms", "p99 ms", "server", "generator"),
        [
            (
                name,
                column(runs, sends_per_s),
                plain(runs, deliveries_per_s, 0),
                column(runs, lambda run: run.server_cpu_s * 1e6 / run.deliveries, 1),
                plain(runs, lambda run: percentile(run.delivery_ms, 0.5)),
                plain(runs, lambda run: percentile(run.delivery_ms, 0.99)),
                busy(runs, lambda run: run.server_cpu_s),
                busy(runs, lambda run: run.generator_cpu_s),
            )
            for name, runs in samples.items()
        ],
    )


async def idle_connections(bench: Bench) -> Section:
    """C: connecting, and being connected."""
    kinds = {"/messaging": (MESSAGING,), "all four namespaces": NAMESPACES}
    found: dict[str, list[tuple[float, float, float]]] = {kind: [] for kind in kinds}
    for turn in range(bench.runs):
        for kind in kinds if turn % 2 == 0 else reversed(kinds):
            found[kind].append(await _connect_all(bench, kinds[kind]))
            bench.say(f"  {kind}: {found[kind][-1][0]:.1f} KiB per connection")
    return Section(
        f"C: {len(bench.population.direct_tokens):,} idle connections",
        "Memory is the growth of the server's RSS a second after the last connected; a connect is TCP, upgrade, token"
        " check, CONNECT, `connection_established` and presence, 50 in progress at once.",
        ("connected to", "KiB per connection", "connects/s", "CPU us/connect"),
        [
            (
                kind,
                spread([run[0] for run in runs], 1),
                spread([run[1] for run in runs]),
                spread([run[2] for run in runs]),
            )
            for kind, runs in found.items()
        ],
    )


async def _connect_all(bench: Bench, namespaces: Sequence[str]) -> tuple[float, float, float]:
    """Return KiB per connection, connects per second, and CPU us per connect, on a fresh server."""
    server = bench.start("c")
    load = Load(server)
    try:
        rss_kib, cpu_s = server.rss_kib(), server.cpu_s()
        began = asyncio.get_running_loop().time()
        await load.connect(bench.population.direct_tokens, namespaces)
        seconds = asyncio.get_running_loop().time() - began
        await asyncio.sleep(SETTLE_S)
        count = len(load.clients)
        used_s, grown_kib = server.cpu_s() - cpu_s, server.rss_kib() - rss_kib
    finally:
        load.close()
        server.stop()
    return grown_kib / count, count / seconds, used_s * 1e6 / count


def sends_per_s(run: Sample) -> float:
    """Return acknowledged sends per second."""
    return run.sends / run.seconds


def deliveries_per_s(run: Sample) -> float:
    """Return deliveries per second."""
    return run.deliveries / run.seconds


def cpu_us_per_send(run: Sample) -> float:
    """Return the server's CPU microseconds per send, its ack and deliveries included."""
    return run.server_cpu_s * 1e6 / run.sends


def busy(runs: Sequence[Sample], cpu_s: Callable[[Sample], float]) -> str:
    """Return which share of a core was used: near 100% says who was the bottleneck."""
    return f"{float(plain(runs, lambda run: cpu_s(run) / run.seconds, 3)):.0%}"


SEND_HEADER = (
    "load",
    "sends/s",
    "deliveries/s",
    "CPU us/send",
    "us/delivery",
    "ack p50 ms",
    "p99 ms",
    "sends/commit",
    "server",
    "generator",
)


def send_row(name: str, runs: Sequence[Sample]) -> tuple[str, ...]:
    """Return a row under `SEND_HEADER`."""
    return (
        name,
        column(runs, sends_per_s),
        plain(runs, deliveries_per_s, 0),
        column(runs, cpu_us_per_send),
        plain(runs, lambda run: run.server_cpu_s * 1e6 / run.deliveries),
        plain(runs, lambda run: percentile(run.ack_ms, 0.5)),
        plain(runs, lambda run: percentile(run.ack_ms, 0.99)),
        plain(runs, lambda run: run.sends_per_commit),
        busy(runs, lambda run: run.server_cpu_s),
        busy(runs, lambda run: run.generator_cpu_s),
    )


Scenario = Callable[[Bench], Coroutine[Any, Any, Section]]
