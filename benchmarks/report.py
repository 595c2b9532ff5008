"""From samples to tables: medians over the runs, with the spread beside them."""

import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks.load import Sample
from benchmarks.server import ROOT, Cores


@dataclass(slots=True)
class Section:
    """One table with what to know about it. `failures` are bars that were missed."""

    title: str
    note: str
    header: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    after: list[str] = field(default_factory=list)

    def render(self) -> str:
        """Return the section as Markdown with aligned columns."""
        table = [list(self.header), *map(list, self.rows)]
        widths = [max(len(row[i]) for row in table) for i in range(len(self.header))]
        lines = [
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
            for row in table
        ]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join([f"## {self.title}", "", self.note, "", *lines, "", *(f"{line}\n" for line in self.after)])


Read = Callable[[Sample], float]


def column(samples: Sequence[Sample], read: Read, digits: int = 0) -> str:
    """Return the median of a value over the runs and the spread: `1,234 (5%)`."""
    return spread([read(sample) for sample in samples], digits)


def plain(samples: Sequence[Sample], read: Read, digits: int = 1) -> str:
    """Return the median of a value over the runs, without the spread."""
    return f"{median(map(read, samples)):,.{digits}f}"


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Return the median, and (largest - smallest) / median in per cent."""
    middle = median(values)
    share = (max(values) - min(values)) / middle if middle else 0.0
    return f"{middle:,.{digits}f} ({share:.0%})"


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which that share of the ordered values lies."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def describe_machine(cores: Cores) -> list[str]:
    """Return what the numbers belong to."""
    commit = _git("rev-parse", "--short", "HEAD")
    changed = " with uncommitted changes" if _git("status", "--porcelain", "--", "server") else ""
    system = f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}"
    places = f"server on core {_list(cores.server)}, generator (and PostgreSQL) on core {_list(cores.generator)}"
    return [
        f"- date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; commit: {commit}{changed}",
        f"- machine: {_processor()}, {system}",
        f"- {places}; load average at the start {os.getloadavg()[0]:.1f}",
        f"- an append of 4 KiB with fdatasync takes {_fdatasync_ms():.2f} ms (median of 50)",
    ]


def _fdatasync_ms() -> float:
    times = []
    with tempfile.TemporaryFile() as file:
        for _ in range(50):
            os.write(file.fileno(), bytes(4096))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return median(times) * 1e3


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or ("unknown" if done.returncode else "")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _list(cores: frozenset[int]) -> str:
    return ",".join(map(str, sorted(cores)))
