"""One run: load, strike, recover, quiet, check."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import quantiles

from client_tests.chaos.check import Verdict, check
from client_tests.chaos.faults import Fault, Stage
from client_tests.chaos.load import Load
from client_tests.chaos.world import World
from client_tests.services import PostgresServer

COLUMNS = ("fault", "sent", "acked", "delivered", "lost", "doubled", "disordered", "recover_s")


class CannotRunError(Exception):
    """This machine cannot break that; the text says why."""


async def run(fault: Fault, postgres: PostgresServer, *, quick: bool, flaw: str | None = None) -> Verdict:
    """Run a fault, with a flaw in the servers if one is named.

    Raises:
        CannotRunError: this machine cannot.
    """
    verdict = Verdict(fault.name)
    with scratch_folder(fault.disk_bytes) as folder:
        async with World(replace(fault.plan, flaw=flaw), folder, postgres) as world:
            load = Load(world, twins=fault.twins)
            try:
                await _play(fault, Stage(world, load, verdict, quick=quick))
            finally:
                await load.close()
        if verdict.problems and "-v" in sys.argv:
            print(world.logs(), file=sys.stderr)  # noqa: T201 - for whoever looks for the reason
    verdict.expect(verdict.sent > 0, "nothing was sent")
    for what in ("lost", "doubled", "disordered"):
        verdict.expect(getattr(verdict, what) == 0, f"{getattr(verdict, what)} {what}")
    return verdict


async def _play(fault: Fault, stage: Stage) -> None:
    load, verdict = stage.load, stage.verdict
    await load.start()
    await asyncio.sleep(0.5 if stage.quick else 3.0)
    began = time.monotonic()
    await fault.strike(stage)
    verdict.recover_s = await load.probe()
    ended = time.monotonic()
    verdict.expect_within("recovered", verdict.recover_s, fault.recover_s)
    await stage.finish()
    await asyncio.sleep(0.5 if stage.quick else 3.0)
    await load.stop()
    await check(load, verdict)
    if fault.ack_s is not None:
        verdict.expect_within("99th percentile of acks", _ack_p99(load, began, ended), fault.ack_s)


def _ack_p99(load: Load, began: float, ended: float) -> float:
    took = [
        sent.acked_at - sent.began_at
        for writer in load.writers
        for sent in writer.sent
        if began <= sent.began_at <= ended and sent.message is not None
    ]
    return quantiles(took, n=100)[98]


@contextmanager
def scratch_folder(disk_bytes: int | None) -> Iterator[Path]:
    """Yield an empty folder; with `disk_bytes` it is a file system of that size, which only root can make."""
    folder = Path(tempfile.mkdtemp(prefix="verihome-chaos-"))
    try:
        with _small_disk(folder, disk_bytes):
            yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def _small_disk(folder: Path, disk_bytes: int | None) -> Iterator[None]:
    if disk_bytes is None:
        yield
        return
    if os.geteuid() != 0:
        raise CannotRunError("only root can mount a small file system to fill")
    command = ["mount", "-t", "tmpfs", "-o", f"size={disk_bytes}", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        raise CannotRunError(f"no file system of its own: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def table(verdicts: Sequence[Verdict]) -> str:
    """Return a table of runs, and below it what was wrong."""
    rows = [COLUMNS, *(_row(verdict) for verdict in verdicts)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(COLUMNS))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    lines += [f"{verdict.fault}: {problem}" for verdict in verdicts for problem in verdict.problems]
    return "\n".join(lines)


def _row(verdict: Verdict) -> tuple[str, ...]:
    return (*(str(getattr(verdict, column)) for column in COLUMNS[:-1]), f"{verdict.recover_s:.2f}")
