"""How long a message takes on a server that is half busy."""

from contextlib import ExitStack

from benchmarks.bench import Bench
from benchmarks.load import Sample
from benchmarks.population import Crowd
from benchmarks.report import Outcome, Table, Verdict, plain, ratios, spread
from benchmarks.targets import Target, start_node_ws

SENDERS_PER_ROOM = 10


def latency(bench: Bench) -> Outcome:
    """Compare percentiles with the bare Node server, at the same rate: half of what the slower one can do."""
    outcome = Outcome()
    with ExitStack() as stack:
        targets = [*bench.all_ours(stack), *bench.peer(stack, start_node_ws)]
        _measure(bench, outcome, "one room of 100", targets, bench.population.crowd(1, 100), SENDERS_PER_ROOM)
    with ExitStack() as stack:
        targets = [
            *bench.all_ours(stack, SQLITE_SYNCHRONOUS="NORMAL"),
            *bench.peer(stack, start_node_ws, database=True),
        ]
        rooms = 100 if bench.quick else 500
        _measure(bench, outcome, f"{rooms} rooms of two, stored", targets, bench.population.crowd(rooms, 2), 0)
    return outcome


def _measure(bench: Bench, outcome: Outcome, shape: str, targets: list[Target], crowd: Crowd, senders: int) -> None:
    bench.say(f"latency, {shape}")
    with ExitStack() as stack:
        loads = bench.loads(stack, targets, crowd, senders=senders)
        saturation = min(bench.sending(load, bench.plan()).measure().sends_per_s for load in loads)
        plan = bench.plan(rate=saturation / 2)
        samples = bench.take_turns([bench.sending(load, plan) for load in loads])
    outcome.tables.append(
        Table(
            f"Latency: {shape}, at {plan.rate:,.0f} sends/s",
            f"Half of the {saturation:,.0f} sends/s that the slowest of these does at most. A schedule that does not"
            " wait for the server; times count from when a message was due.",
            ("server", "ack p50 ms", "ack p99 ms", "delivery p50 ms", "delivery p99 ms", "server busy"),
            [_row(name, runs) for name, runs in samples.items()],
        )
    )
    peer = targets[-1].name
    if peer in samples and not targets[-1].ours:
        p99 = {name: [run.delivery_ms.p99 for run in samples[name]] for name in ("ours", peer)}
        verdict = Verdict(
            f"delivery p99 at half saturation, {shape}, to {peer}", ratios(p99["ours"], p99[peer]), 1.0, "x"
        )
        outcome.verdicts.append(verdict)


def _row(name: str, runs: list[Sample]) -> tuple[str, ...]:
    return (
        name,
        plain([run.ack_ms.p50 for run in runs], 2),
        spread([run.ack_ms.p99 for run in runs], 2),
        plain([run.delivery_ms.p50 for run in runs], 2),
        spread([run.delivery_ms.p99 for run in runs], 2),
        f"{float(plain([run.server_cpu_s / run.seconds for run in runs], 3)):.0%}",
    )
