"""The command line: which scenarios, how long, against what, and where the report goes."""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.chart import svg
from benchmarks.install import BENCHMARKS, PEERS, ROOT, InstallError, Peers, compiled, peers
from benchmarks.load import CheckError
from benchmarks.population import Population
from benchmarks.report import OtherWork, Outcome, describe_machine, verdict_table
from benchmarks.scenarios.durable import durable
from benchmarks.scenarios.fanout import fanout, growth
from benchmarks.scenarios.idle import idle
from benchmarks.scenarios.latency import latency
from benchmarks.scenarios.redis import redis
from benchmarks.targets import MESSAGING, Cores

REPORT = ROOT / "docs/benchmarks/latest.md"
PLOT = REPORT.with_suffix(".svg")

QUIET = 0.1
"""With more of the machine in other hands than this, the report says that it is in doubt."""
HEAD = """\
Written by `make bench`; [performance.md](../performance.md) says what it means. Compare ratios, not absolute
numbers: all servers of a table did the same work in turns, on the same machine."""

SCENARIOS: dict[str, Callable[[Bench], Outcome]] = {
    "fanout": fanout,
    "durable": durable,
    "idle": idle,
    "latency": latency,
    "redis": redis,
    "growth": growth,
}
CROWDS = ((1, 10), (1, 100), (1, 1_000), (50, 20), (1_000, 2), (1, 5_000))
QUICK_CROWDS = CROWDS[:-1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; returns 1 if our server lost, doubled, reordered or refused anything. Missed targets are reported."""
    options = _parser().parse_args(arguments)
    raise_file_limit()
    with tempfile.TemporaryDirectory(prefix="verihome-bench-") as name:
        bench = prepare(options, Path(name))
        began, others = time.monotonic(), OtherWork()
        facts = [*describe_machine(bench.cores, bench.roots["ours"]), *_facts(bench)]
        print("\n".join(facts), end="\n\n", flush=True)
        whole = Outcome()
        try:
            for scenario in options.scenario or SCENARIOS:
                found = SCENARIOS[scenario](bench)
                print("\n".join(table.render() for table in found.tables), flush=True)
                whole.tables += found.tables
                whole.verdicts += found.verdicts
                whole.charts += found.charts
        except CheckError as error:
            print(f"stopped: {error}", file=sys.stderr)
            return 1
    facts.append(f"- {bench.runs} runs of {bench.seconds:g} s each, {time.monotonic() - began:.0f} s in all")
    share = others.share()
    doubt = ": too much to trust times, rates and percentiles; CPU and memory suffer less" if share > QUIET else ""
    facts.append(f"- other processes used {share:.0%} of the machine meanwhile{doubt}")
    facts += [f"- {note}" for note in bench.notes]
    print("\n".join([verdict_table(whole.verdicts), "", *facts[-2 - len(bench.notes) :]]))
    if not options.scenario and not options.quick:
        _write(facts, whole)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Compare the server with its peers.")
    parser.add_argument("--scenario", nargs="+", choices=tuple(SCENARIOS), help="only these; writes no report")
    parser.add_argument("--quick", action="store_true", help="one short run of each, fewer clients: does it work")
    parser.add_argument("--runs", type=int, help="runs of each case (default 5)")
    parser.add_argument("--seconds", type=float, help="length of a run (default 2)")
    parser.add_argument("--namespace", choices=(MESSAGING, "/threads"), default=MESSAGING, help="where ours is driven")
    parser.add_argument("--server-root", type=Path, default=ROOT, metavar="DIR", help="measure the server in this tree")
    parser.add_argument("--against", type=Path, metavar="DIR", help="and compare it with the server in this one")
    parser.add_argument("--no-peers", action="store_true", help="only our server and the C floor")
    return parser


def prepare(options: argparse.Namespace, folder: Path) -> Bench:
    """Install what is missing, think up the population, and move this process to the generator's core."""
    cores = Cores.choose()
    os.sched_setaffinity(0, cores.generator)
    population = Population(folder)
    population.invent(QUICK_CROWDS if options.quick else CROWDS)
    roots = {"ours": options.server_root.resolve()}
    if options.against:
        roots["ours before"] = options.against.resolve()
    bench = Bench(
        cores=cores,
        folder=folder,
        generator=compiled(BENCHMARKS / "generator/loadgen.c"),
        floor=compiled(PEERS / "floor.c"),
        peers=None,
        population=population,
        runs=options.runs or (1 if options.quick else 5),
        seconds=options.seconds or (0.5 if options.quick else 2.0),
        quick=options.quick,
        say=lambda line: print(line, file=sys.stderr, flush=True),
        roots=roots,
        namespace=options.namespace,
    )
    if not options.no_peers:
        bench.peers = _install(bench)
    return bench


def _install(bench: Bench) -> Peers | None:
    try:
        return peers()
    except InstallError as error:
        bench.note(f"The peers could not be installed, so there is nothing to compare with: {error}")
        return None


def _facts(bench: Bench) -> list[str]:
    compared = [f"- peers: {bench.peers.versions}"] if bench.peers else []
    return [
        *compared,
        f"- ours: {bench.namespace}, tokens, participants, storage, receipts and metrics on",
        "- cases alternate; medians; (n%): spread, largest - smallest",
    ]


def raise_file_limit() -> None:
    """Every client is an open file, in the generator and in the servers, which inherit the limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _write(facts: Sequence[str], outcome: Outcome) -> None:
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    parts = [
        "# Latest benchmark",
        HEAD,
        "\n".join(facts),
        "## Targets",
        verdict_table(outcome.verdicts),
        f"![The same as bars]({PLOT.name})",
        *(table.render().rstrip() for table in outcome.tables),
    ]
    REPORT.write_text("\n\n".join(parts) + "\n")
    PLOT.write_text(svg(outcome.charts))
    print(f"wrote {REPORT.relative_to(ROOT)} and {PLOT.relative_to(ROOT)}")
