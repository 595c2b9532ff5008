"""Where the CPU of a send goes: `python -m benchmarks.profile --help`.

It starts the server, drives it at saturation, samples its stacks meanwhile (py-spy, from outside: the server runs as it
always does), and prints tables. Times are CPU microseconds for each send: the share of the samples times what a send
costs. Waiting threads are not counted. What C code does is counted for the Python function that called it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cli import prepare, raise_file_limit
from benchmarks.load import Plan
from benchmarks.report import Table

RATE_HZ = 400
SHAPES = {"chat": (500, 2, 0), "room": (1, 100, 10), "rooms": (50, 20, 2)}
"""Rooms, people in each, senders in each (0: all)."""

WAITING = frozenset({"_worker (concurrent/futures/thread.py)", "wait (threading.py)"})
"""Where threads sleep that py-spy takes for busy."""


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack of calls, outermost first, and how often it was met. A call is `function (file)`."""

    calls: tuple[str, ...]
    count: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Profile and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__.partition("\n")[0])
    parser.add_argument("--shape", choices=tuple(SHAPES), default="chat", help="500 rooms of 2, one of 100, 50 of 20")
    parser.add_argument("--synchronous", choices=("FULL", "NORMAL"), default="NORMAL", help="SQLite's")
    parser.add_argument("--top", type=int, default=40, help="rows of a table")
    options = prepare_options(parser, arguments)
    rooms, size, senders = SHAPES[options.shape]
    raise_file_limit()
    with tempfile.TemporaryDirectory(prefix="verihome-profile-") as name, ExitStack() as stack:
        bench = prepare(options, Path(name))
        assert bench.peers, "py-spy comes with the peers"
        target = bench.ours(stack, SQLITE_SYNCHRONOUS=options.synchronous)
        load = bench.load(stack, target, bench.population.crowd(rooms, size), senders=senders)
        cost_us = bench.sending(load, Plan(seconds=options.seconds)).measure().us_per_send
        output = Path(name) / "stacks.txt"
        command = [str(bench.peers.python.with_name("py-spy")), "record", "--pid", str(target.pids[0]), "--threads"]
        command += ["--format", "raw", "--full-filenames", "--output", str(output)]
        command += ["--rate", str(RATE_HZ), "--duration", str(int(options.seconds))]
        recorder = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        load.run(Plan(seconds=options.seconds + 1))
        _, errors = recorder.communicate(timeout=60)
        if not output.exists():
            raise SystemExit(f"py-spy failed:\n{errors.decode()[-1000:]}")
        stacks = [*read_stacks(output.read_text().splitlines(), bench.roots["ours"])]
    print(f"{cost_us:.0f} us of CPU for a send, unwatched; {sum(stack.count for stack in stacks):,} samples\n")
    for table in (
        by_area(stacks, cost_us),
        by_self(stacks, cost_us, options.top),
        by_total(stacks, cost_us, options.top),
    ):
        print(table.render())
    return 0


def read_stacks(lines: Iterable[str], root: Path) -> Iterable[Stack]:
    """Read py-spy's raw format: calls by `;`, a space, a count. Line numbers and waits go, paths get short."""
    for line in lines:
        text, _, count = line.rpartition(" ")
        calls = tuple(_call(call, root) for call in text.split(";"))
        if calls[-1] not in WAITING:
            yield Stack(calls, int(count))


def by_area(stacks: Sequence[Stack], cost_us: float) -> Table:
    """Say which package the innermost call was in."""
    counts: Counter[str] = Counter()
    for stack in stacks:
        counts[_area(stack.calls[-1])] += stack.count
    rows = _rows(counts, cost_us, len(counts))
    return Table("By package", "The package of the innermost call.", ("share", "us/send", "package"), rows)


def by_self(stacks: Sequence[Stack], cost_us: float, top: int) -> Table:
    """Say in which functions the time was spent themselves."""
    counts: Counter[str] = Counter()
    for stack in stacks:
        counts[stack.calls[-1]] += stack.count
    note = "Time in the function itself, and in C that it called."
    return Table("By function", note, ("share", "us/send", "function"), _rows(counts, cost_us, top))


def by_total(stacks: Sequence[Stack], cost_us: float, top: int) -> Table:
    """Say what functions of the server cost with all that they called."""
    counts: Counter[str] = Counter()
    for stack in stacks:
        for call in {call for call in stack.calls if "(server/" in call}:
            counts[call] += stack.count
    note = "Functions of the server with all that they called; a caller and its callee both count the same time."
    total = sum(stack.count for stack in stacks)
    return Table("With callees", note, ("share", "us/send", "function"), _rows(counts, cost_us, top, total))


def prepare_options(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Add the options that the benchmarks have too, with what profiling has no use for left as it is there."""
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to watch (default 10)")
    parser.add_argument("--server-root", type=Path, default=Path.cwd(), metavar="DIR", help="the server in this tree")
    parser.set_defaults(quick=False, runs=1, against=None, no_peers=False, namespace="/messaging")
    return parser.parse_args(arguments)


def _rows(counts: Counter[str], cost_us: float, top: int, total: int = 0) -> list[Sequence[str]]:
    total = total or sum(counts.values())
    return [(f"{n / total:.1%}", f"{n / total * cost_us:.1f}", name) for name, n in counts.most_common(top)]


def _call(call: str, root: Path) -> str:
    name, _, place = call.partition(" (")
    if not place:
        return name
    path = place.rstrip(")").rpartition(":")[0] or place.rstrip(")")
    for base in (f"{root}{os.sep}", "site-packages/", f"python{sys.version_info[0]}.{sys.version_info[1]}/"):
        path = path.rpartition(base)[2]
    return f"{name} ({path})"


def _area(call: str) -> str:
    path = call.partition(" (")[2].rstrip(")")
    parts = path.split("/")
    if not path:
        return call
    return "/".join(parts[:2]) if parts[0] == "server" else parts[0]


if __name__ == "__main__":
    sys.exit(main())
