"""From samples to what is read: tables, targets met or missed, and charts."""

import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks.targets import Cores


@dataclass(slots=True)
class Table:
    """A table with what to know about it: `note` before it, `after` below it."""

    title: str
    note: str
    header: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    after: list[str] = field(default_factory=list)

    def render(self) -> str:
        """Return it as Markdown with aligned columns."""
        parts = [f"## {self.title}", self.note, _aligned([self.header, *self.rows]), *self.after]
        return "\n\n".join(parts) + "\n"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target: the median of `turns` should be at most `limit`; `unit` is `x` for ratios of one turn."""

    what: str
    turns: Sequence[float]
    limit: float
    unit: str

    @property
    def value(self) -> float:
        """What is compared with the limit."""
        return median(self.turns)

    @property
    def words(self) -> str:
        """Met or missed; and in how many turns, where they disagree: then the median says little."""
        met = sum(turn <= self.limit for turn in self.turns)
        verdict = "met" if self.value <= self.limit else "**missed**"
        return (
            verdict if met in (0, len(self.turns)) else f"{verdict}, in doubt: met in {met} of {len(self.turns)} turns"
        )


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars, less being better; the names of ours begin with `ours`."""

    title: str
    unit: str
    bars: Sequence[tuple[str, float]]


@dataclass(slots=True)
class Outcome:
    """What a scenario found."""

    tables: list[Table] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)


class OtherWork:
    """How much of the machine was used by processes that are not ours: with much of it, times mean little."""

    def __init__(self) -> None:
        self._before = self._mark()

    def share(self) -> float:
        """Return the share of all cores since the start. Only children that have ended are known to be ours."""
        elapsed, busy, own = (new - old for new, old in zip(self._mark(), self._before, strict=True))
        return max(0.0, busy - own) / (elapsed * (os.cpu_count() or 1))

    @staticmethod
    def _mark() -> tuple[float, float, float]:
        # proc(5): user, nice, system, idle, iowait, irq, softirq
        ticks = [int(text) for text in Path("/proc/stat").read_text().split()[1:8]]
        busy = (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
        return time.monotonic(), busy, sum(os.times()[:4])


def verdict_table(verdicts: Sequence[Verdict]) -> str:
    """Return all targets with what was reached, as Markdown."""
    rows = [("target", "limit", "measured", "")]
    for verdict in verdicts:
        unit = "x" if verdict.unit == "x" else f" {verdict.unit}"
        numbers = [f"{number:,.2f}{unit}" for number in (verdict.limit, verdict.value)]
        rows.append((verdict.what, f"<= {numbers[0]}", numbers[1], verdict.words))
    return _aligned(rows)


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Return the median, and (largest - smallest) / median in per cent: `1,234 (5%)`."""
    middle = median(values)
    share = (max(values) - min(values)) / middle if middle else 0.0
    return f"{middle:,.{digits}f} ({share:.0%})"


def plain(values: Sequence[float], digits: int = 1) -> str:
    """Return the median, without the spread."""
    return f"{median(values):,.{digits}f}"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Compare turn by turn: what slows the machine for a while slows both of a turn."""
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of `ratios`."""
    return median(ratios(ours, theirs))


def describe_machine(cores: Cores, root: Path) -> list[str]:
    """Return what the numbers belong to."""
    commit = _git(root, "rev-parse", "--short", "HEAD")
    changed = " with uncommitted changes" if _git(root, "status", "--porcelain", "--", "server") else ""
    system = f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}"
    places = f"servers on core {_list(cores.server)}, generator (and databases) on core {_list(cores.generator)}"
    return [
        f"- date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; commit: {commit}{changed}",
        f"- machine: {_processor()}, {system}",
        f"- {places}; load average at the start {os.getloadavg()[0]:.1f}",
        f"- an append of 4 KiB with fdatasync takes {_fdatasync_ms():.2f} ms (median of 50)",
    ]


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _fdatasync_ms() -> float:
    times = []
    with tempfile.TemporaryFile() as file:
        for _ in range(50):
            os.write(file.fileno(), bytes(4096))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return median(times) * 1e3


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    return done.stdout.strip() or ("unknown" if done.returncode else "")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _list(cores: frozenset[int]) -> str:
    return ",".join(map(str, sorted(cores)))
