"""The command line: which scenarios, how long, and where the tables go."""

import argparse
import gc
import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop

from benchmarks.durability import durability
from benchmarks.load import CheckError
from benchmarks.population import make_population, sqlite_url, store
from benchmarks.report import Section, describe_machine
from benchmarks.scenarios import Bench, Scenario, direct_threads, group_thread, idle_connections
from benchmarks.server import ROOT, Cores

LATEST = ROOT / "docs/benchmarks/latest.md"

SCENARIOS: dict[str, Scenario] = {
    "A": direct_threads,
    "B": group_thread,
    "C": idle_connections,
    "D": durability,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; returns 1 if the server lost, doubled, reordered or refused anything."""
    options = _parser().parse_args(arguments)
    runs = options.runs or (1 if options.quick else 3)
    seconds = options.seconds or (1.0 if options.quick else 3.0)
    _raise_file_limit()
    cores = Cores.choose()
    os.sched_setaffinity(0, cores.generator)
    began = time.monotonic()
    machine = describe_machine(cores)
    print("\n".join(machine), end="\n\n", flush=True)
    sections: list[Section] = []
    with tempfile.TemporaryDirectory(prefix="verihome-bench-") as name:
        bench = _prepare(Path(name), cores, runs, seconds, 100 if options.quick else 500)
        gc.freeze()
        gc.disable()  # what the load keeps is counted, not collected: a pause would look like latency
        try:
            for letter in options.scenario or SCENARIOS:
                bench.say(f"scenario {letter}: {runs} runs of {seconds:g} s each")
                sections.append(uvloop.run(SCENARIOS[letter](bench)))
                gc.collect()
                print(sections[-1].render(), flush=True)
        except CheckError as error:
            print(f"the server failed the check: {error}", file=sys.stderr)
            return 1
    how = f"- {runs} runs of {seconds:g} s each; (n%): spread, largest - smallest, of the median"
    print(f"{how}; {time.monotonic() - began:.0f} s in all")
    if options.write:
        _write([*machine, how], sections)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the server over loopback.")
    parser.add_argument("--scenario", nargs="+", choices=tuple(SCENARIOS), help="only these")
    parser.add_argument(
        "--quick", action="store_true", help="one short run of each with a fifth of the clients: does it work"
    )
    parser.add_argument("--runs", type=int, help="runs of each case (default 3)")
    parser.add_argument("--seconds", type=float, help="length of a run (default 3)")
    parser.add_argument("--write", action="store_true", help=f"write the tables to {LATEST.relative_to(ROOT)}")
    return parser


def _prepare(folder: Path, cores: Cores, runs: int, seconds: float, direct_threads: int) -> Bench:
    population = make_population(direct_threads)
    database = folder / "population.db"
    store(population, sqlite_url(database))
    return Bench(
        cores=cores,
        folder=folder,
        database=database,
        population=population,
        runs=runs,
        seconds=seconds,
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )


def _raise_file_limit() -> None:
    """Every client is an open file, here and in the server, which inherits the limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _write(facts: Sequence[str], sections: Sequence[Section]) -> None:
    LATEST.parent.mkdir(parents=True, exist_ok=True)
    head = "# Latest benchmark\n\nWritten by `python -m benchmarks --write`; docs/performance.md says what it means.\n"
    LATEST.write_text("\n".join([head, *facts, "", *(section.render() for section in sections)]).rstrip() + "\n")
    print(f"wrote {LATEST.relative_to(ROOT)}")
