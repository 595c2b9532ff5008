"""The faults: what is broken, for how long, and what must hold meanwhile. `FAULTS` is the table of all of them.

A strike returns when what it broke is mended, or when nothing will mend it; from then on counts the time to recover.
"""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

import aiohttp

from client_tests.answers import code, ok, until
from client_tests.chaos.check import Verdict
from client_tests.chaos.crowd import Crowd
from client_tests.chaos.load import GIVE_UP_S, PACE, READERS, Load
from client_tests.chaos.world import Plan, World, free_bytes, token_of
from client_tests.reference import NEEDS_NEWER_TOKEN, ReferenceClient

HOUR_MS = 3_600_000
BALLAST_BYTES = 1 << 16
DISK_BYTES = 48 << 20
OLD_S = -27
"""A token that is over for so long is good for three seconds more."""


@dataclass(slots=True)
class Stage:
    """Where a strike happens. `quick`: smaller crowds and shorter loads; faults last as long as always."""

    world: World
    load: Load
    verdict: Verdict
    quick: bool
    _later: list[asyncio.Task[None]] = field(default_factory=list)

    def later(self, work: Awaitable[None]) -> None:
        """Do something beside; it is waited for before the end."""
        self._later.append(asyncio.ensure_future(work))  # type: ignore[arg-type]

    async def finish(self) -> None:
        """Wait for what was to be done beside."""
        await asyncio.gather(*self._later)


Strike = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A row: within `recover_s` of the strike's end all hold everything; sends during it are acked within `ack_s`."""

    strike: Strike
    recover_s: float
    plan: Plan = field(default_factory=Plan)
    ack_s: float | None = None
    twins: bool = False
    disk_bytes: int | None = None

    @property
    def name(self) -> str:
        """What `--only` takes."""
        return self.strike.__name__


async def calm(stage: Stage) -> None:
    """Nothing breaks: nobody has to ask for anything again."""
    before = {client: client.gaps for client in stage.load.steady}
    slowest = await stage.load.slowest_probe(1 if stage.quick else 5)
    gaps = sum(client.gaps - before[client] for client in stage.load.steady)
    stage.verdict.expect(gaps == 0, f"{gaps} gaps in what live clients heard, though nothing was broken")
    stage.verdict.expect_within("delivered to all", slowest, 1.0)


async def kill9(stage: Stage) -> None:
    """SIGKILL to one of two processes, right after an ack; another takes its place a second later."""
    await stage.load.next_ack(stage.world.direct[0])
    await stage.world.servers[0].kill()
    stage.later(_start_again(stage, 1.0))


async def kill9_sqlite(stage: Stage) -> None:
    """The same on one SQLite file."""
    await kill9(stage)


async def redis_kill(stage: Stage) -> None:
    """Redis is gone for 3 s and comes back empty."""
    await asyncio.to_thread(stage.world.redis.kill)
    await _serve_meanwhile(stage, 3.0)
    await asyncio.to_thread(stage.world.redis.start)


async def redis_freeze(stage: Stage) -> None:
    """Redis takes connections and answers nothing for 8 s."""
    stage.world.redis.freeze()
    await _serve_meanwhile(stage, 8.0)
    stage.world.redis.thaw()


async def postgres_alone(stage: Stage) -> None:
    """There never was a Redis: two processes hear each other by way of PostgreSQL."""
    await _serve_meanwhile(stage, 1.0 if stage.quick else 5.0)


async def pg_restart(stage: Stage) -> None:
    """PostgreSQL is stopped for 2 s: everything is refused soon, and connections stay."""
    postgres = stage.world.postgres
    assert postgres is not None
    connections = [client.connections for client in stage.load.steady]
    await asyncio.to_thread(postgres.stop)
    try:
        for op, payload in (
            ("post_message", {"thread_id": stage.load.writers[0].thread_id, "content": "¿Hay alguien?"}),
            ("notify", {"user_id": READERS[0], "title": "Visita", "message": "¿Hay alguien?"}),
        ):
            began = time.monotonic()
            answer = await code(stage.world.services[0].call(op, payload))
            stage.verdict.expect(answer == "unavailable", f"{op} without a database: {answer}")
            stage.verdict.expect_within(f"{op} refused", time.monotonic() - began, 2.0)
        await asyncio.sleep(2)
    finally:
        await asyncio.to_thread(postgres.start)
    lost = sum(client.connections > before for client, before in zip(stage.load.steady, connections, strict=True))
    stage.verdict.expect(lost == 0, f"{lost} clients lost their connection with the database")


async def worker_freeze(stage: Stage) -> None:
    """A process stands still for 3 s (SIGSTOP)."""
    process = stage.world.servers[0].process
    process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(3)
    process.send_signal(signal.SIGCONT)


async def network_cut(stage: Stage) -> None:
    """The way to one process swallows everything for 4 s, the way to the other drops all connections for 1 s."""
    silent, broken = stage.world.proxies
    silent.swallow()
    broken.drop()
    await asyncio.sleep(1)
    broken.mend()
    await asyncio.sleep(3)
    silent.mend()


async def disk_full(stage: Stage) -> None:
    """The file system of the SQLite file is full for 3 s."""
    ballast = stage.world.folder / "ballast"
    with ballast.open("wb") as file:
        _fill(file.fileno())
        post = {"thread_id": stage.load.writers[0].thread_id, "content": "x" * 4_000}
        refused = ""
        async with asyncio.timeout(GIVE_UP_S):
            while not refused:  # pages that are free already take some more
                _fill(file.fileno())
                answer = await stage.world.services[0].call("post_message", post)
                refused = "" if answer["ok"] else answer["error"]["code"]
        stage.verdict.expect(refused == "unavailable", f"a send onto a full disk: {refused}")
        await asyncio.sleep(3)
    ballast.unlink()
    stage.verdict.expect(free_bytes(stage.world.folder) > 0, "the disk is still full")


async def sigterm(stage: Stage) -> None:
    """SIGTERM to a process with many connections; another takes its place."""
    crowd = Crowd(stage.world.direct[0])
    await crowd.join(200 if stage.quick else 2_000)
    try:
        began = time.monotonic()
        status = await stage.world.servers[0].terminate()
        took_s = time.monotonic() - began
        stage.later(_start_again(stage, 0.0))
        await crowd.until_gone()
    finally:
        await crowd.leave()
    stage.verdict.expect(status == 0, f"exit status {status}")
    stage.verdict.expect_within("exit", took_s, 10.0)
    stage.verdict.expect(crowd.told == crowd.size, f"{crowd.size - crowd.told} of {crowd.size} were not told")
    others = [close_code for close_code in crowd.close_codes if close_code != aiohttp.WSCloseCode.SERVICE_RESTART]
    stage.verdict.expect(not others, f"{len(others)} of {crowd.size} closed otherwise than with 1012: {set(others)}")


async def retry_races(stage: Stage) -> None:
    """Each message is sent by two devices on two processes at once, and again after lost connections."""
    ends = time.monotonic() + (2 if stage.quick else 8)
    while time.monotonic() < ends:
        await asyncio.sleep(0.3)
        for client in stage.load.steady:
            client.drop()


async def skewed_clocks(stage: Stage) -> None:
    """The clocks of the two processes are an hour apart."""
    await stage.load.slowest_probe(1 if stage.quick else 5)
    stamps = [
        message["sent_at"]
        for reader in stage.load.readers
        for thread in reader.threads.values()
        for _, message in sorted(thread.messages.items())
    ]
    stage.verdict.expect(stamps != sorted(stamps), "the clocks agree: nothing was tried")


async def tokens(stage: Stage) -> None:
    """Tokens expire, are refreshed, and are revoked on the other process."""
    old, silent = token_of(301, OLD_S)(), replace(PACE, heartbeat_s=GIVE_UP_S)

    def expired() -> str:
        """Nothing newer for the first connection, even if asked to renew."""
        is_next = expiring.connections and expiring.state == "connecting"
        return token_of(301)() if is_next else old

    expiring = ReferenceClient(301, stage.world.urls, expired, silent)
    renewing = ReferenceClient(301, stage.world.urls, lambda: token_of(301)() if renewing.connections else old, silent)
    revoked = [ReferenceClient(302, [url], token_of(302), PACE) for url in stage.world.urls]
    clients = [expiring, renewing, *revoked]
    running = [asyncio.create_task(client.run()) for client in clients]
    try:
        await until(lambda: all(client.state == "live" for client in clients), GIVE_UP_S)
        await _revoke(stage, revoked)
        await _expire(stage, expiring)
        stage.verdict.expect(renewing.connections == 1, "a token that was renewed in time ended its connection")
    finally:
        for client in clients:
            client.stop()
        await asyncio.gather(*running)


async def _revoke(stage: Stage, clients: list[ReferenceClient]) -> None:
    began = time.monotonic()
    await ok(stage.world.services[0].call("revoke_tokens", {"user_id": clients[0].user_id}))
    with suppress(TimeoutError):
        await until(lambda: all(client.state == "ended" for client in clients), GIVE_UP_S)
    stage.verdict.expect_within("revoked on both processes", time.monotonic() - began, 5.0)
    for client in clients:
        codes = [closing["code"] for closing in client.closings]
        stage.verdict.expect("revoked" in codes, f"a revoked client was told {codes}")


async def _expire(stage: Stage, client: ReferenceClient) -> None:
    began = time.monotonic()
    with suppress(TimeoutError):
        await until(lambda: client.connections > 1 and client.state == "live", GIVE_UP_S)
    stage.verdict.expect_within("expired, and back with another", time.monotonic() - began, 3.0 + 5.0)
    codes = {closing["code"] for closing in client.closings}
    stage.verdict.expect(codes <= set(NEEDS_NEWER_TOKEN) and bool(codes), f"who had an old token was told {codes}")
    stage.verdict.expect(4402 in client.close_codes, f"who had an old token was closed with {client.close_codes}")


async def _start_again(stage: Stage, after_s: float) -> None:
    await asyncio.sleep(after_s)
    await stage.world.start_again(0)


async def _serve_meanwhile(stage: Stage, seconds: float) -> None:
    """All are served as if nothing was broken: those who are there, and those who come."""
    load = stage.load
    probe_s, newcomer_s = await asyncio.gather(load.slowest_probe(seconds), load.slowest_newcomer(seconds))
    stage.verdict.expect_within("delivered meanwhile", probe_s, 1.0)
    stage.verdict.expect_within("connected meanwhile", newcomer_s, 2.0)


def _fill(file: int) -> None:
    with suppress(OSError):  # that is how one learns that it is full
        while True:
            os.write(file, bytes(BALLAST_BYTES))


FAULTS: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault(calm, 2.0),
        Fault(kill9, 5.0),
        Fault(kill9_sqlite, 5.0, Plan(database="sqlite")),
        Fault(redis_kill, 2.0, ack_s=1.0),
        Fault(redis_freeze, 2.0, ack_s=1.0),
        Fault(postgres_alone, 2.0, Plan(redis=False), ack_s=1.0),
        Fault(pg_restart, 15.0),
        Fault(worker_freeze, 5.0),
        Fault(network_cut, 10.0, Plan(proxied=True)),
        Fault(disk_full, 5.0, Plan(database="sqlite"), disk_bytes=DISK_BYTES),
        Fault(sigterm, 5.0),
        Fault(retry_races, 5.0, twins=True),
        Fault(skewed_clocks, 2.0, Plan(clocks_ms=(0, HOUR_MS))),
        Fault(tokens, 2.0),
    )
}
