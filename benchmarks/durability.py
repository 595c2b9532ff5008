"""D: what storing a message costs. The same load on four kinds of storage, in turns."""

import asyncio
from contextlib import AsyncExitStack
from statistics import median

from benchmarks.load import Load, Sample
from benchmarks.population import store
from benchmarks.report import Section, plain, spread
from benchmarks.scenarios import SEND_HEADER, Bench, Case, cpu_us_per_send, joined, send_row, sends_per_s, take_turns
from benchmarks.server import ServerProcess, durable, postgres_cpu_s
from client_tests.services import ServiceError, postgres_server

BAR = 0.5
"""Durable sends per second on SQLite FULL must be at least this share of those without storage."""

FULL, NORMAL, OFF, POSTGRES = "SQLite FULL", "SQLite NORMAL", "no storage", "PostgreSQL"


async def durability(bench: Bench) -> Section:
    """Compare storages, everyone sending with one message in flight."""
    section = Section(
        "D: what durability costs",
        "Scenario A with everyone sending, on each storage; `no storage` only numbers messages in memory. PostgreSQL"
        " waits for its disk (fsync on), and shares the generator's core.",
        (*SEND_HEADER, "database us/send"),
    )
    async with AsyncExitStack() as stack:
        loads = {
            FULL: await _load(stack, bench, bench.start("d-full", SQLITE_SYNCHRONOUS="FULL")),
            NORMAL: await _load(stack, bench, bench.start("d-normal", SQLITE_SYNCHRONOUS="NORMAL")),
            OFF: await _load(stack, bench, bench.start("d-off", module=("benchmarks.without_storage",))),
        }
        try:
            loads[POSTGRES] = await _on_postgres(stack, bench)
        except ServiceError as error:
            section.after.append(f"PostgreSQL was not measured: {str(error).splitlines()[0]}")
        samples = await take_turns(bench, [Case(name, load, bench.plan(senders=2)) for name, load in loads.items()])
    for name, runs in samples.items():
        database = plain(runs, lambda run: run.database_cpu_s * 1e6 / run.sends, 0) if name == POSTGRES else "-"
        section.rows.append((*send_row(name, runs), database))
    section.after += [_ratio(name, samples) for name in loads if name != OFF]
    return section


def _ratio(name: str, samples: dict[str, list[Sample]]) -> str:
    """Compare a storage with none, turn by turn: what slows the machine for a while slows both."""
    pairs = list(zip(samples[name], samples[OFF], strict=True))
    rates = [sends_per_s(stored) / sends_per_s(unstored) for stored, unstored in pairs]
    costs = [cpu_us_per_send(unstored) / cpu_us_per_send(stored) for stored, unstored in pairs]
    verdict = ""
    if name == FULL:
        verdict = f" The bar of {BAR} is {'met' if median(rates) >= BAR else 'MISSED'}."
    return (
        f"{name} to no storage: {spread(rates, 2)} of the sends/s;"
        f" by CPU per send, which other work on the machine disturbs less, {spread(costs, 2)}.{verdict}"
    )


async def _load(stack: AsyncExitStack, bench: Bench, server: ServerProcess) -> Load:
    return await joined(stack, server, Load(server), bench)


async def _on_postgres(stack: AsyncExitStack, bench: Bench) -> Load:
    postgres = stack.enter_context(durable(stack.enter_context(postgres_server())))
    url = postgres.create_database()
    # `store` runs an event loop of its own.
    await asyncio.to_thread(store, bench.population, url)
    server = bench.start("d-postgres", DATABASE_URL=url)
    return await joined(stack, server, Load(server, lambda: postgres_cpu_s(postgres)), bench)
