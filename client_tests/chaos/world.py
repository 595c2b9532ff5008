"""What is broken: server processes, their database, Redis and the network, all real and all on ports of their own."""

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from client_tests.answers import ok
from client_tests.chaos.proxy import Proxy
from client_tests.clients import HttpClient, make_token
from client_tests.harness import SECRET, SERVICE_TOKEN, ServerProcess
from client_tests.services import PostgresServer, RedisServer, free_port, redis_server
from server.storage.engine import migrate

SLACK = float(os.environ.get("CHAOS_SLACK") or (3 if os.environ.get("CI") else 1))
"""Deadlines are multiplied by it, for machines that are slow or busy."""

SETTINGS = {"SQLITE_SYNCHRONOUS": "FULL", "CONNECTIONS_PER_USER": "0"}
LAUNCH = "client_tests.chaos.launch"


@dataclass(frozen=True, slots=True)
class Plan:
    """Which servers: `flaw` and `clocks_ms` (how much each is ahead) are theirs; `proxied`: clients come by proxies."""

    database: Literal["postgres", "sqlite"] = "postgres"
    redis: bool = True
    proxied: bool = False
    clocks_ms: tuple[int, ...] = (0, 0)
    flaw: str | None = None


class World:
    """Two servers of one installation. `urls` are where clients connect, `direct` the servers themselves."""

    def __init__(self, plan: Plan, folder: Path, postgres: PostgresServer | None) -> None:
        self.plan = plan
        self.folder = folder
        self.postgres = postgres
        self.redis: RedisServer
        self.servers: list[ServerProcess] = []
        self.proxies: list[Proxy] = []
        self.services: list[HttpClient] = []
        self._ports = [free_port() for _ in plan.clocks_ms]
        self._environment = dict(SETTINGS)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._environment["DATABASE_URL"] = await self._make_database()
        if self.plan.redis:
            self.redis = self._stack.enter_context(redis_server())
            self._environment["REDIS_URL"] = self.redis.url
        self.servers = list(await asyncio.gather(*(self._spawn(index) for index in range(len(self._ports)))))
        for server in self.servers:
            service = HttpClient(server.url, SERVICE_TOKEN)
            self.services.append(service)
            self._stack.push_async_callback(service.close)
            if self.plan.proxied:
                self.proxies.append(proxy := Proxy(server.url))
                await proxy.start()
                self._stack.push_async_callback(proxy.close)
        return self

    async def __aexit__(self, *_error: object) -> None:
        for server in self.servers:
            await server.end()
        await self._stack.aclose()

    @property
    def direct(self) -> list[str]:
        """The servers' own addresses."""
        return [server.url for server in self.servers]

    @property
    def urls(self) -> list[str]:
        """Where clients connect."""
        return [proxy.url for proxy in self.proxies] or self.direct

    async def start_again(self, index: int) -> None:
        """Start a server that ended, on the same port."""
        self.servers[index] = await self._spawn(index)

    async def open_thread(self, user_ids: list[int]) -> str:
        """Open a thread and return its id."""
        wanted = {"kind": "group", "participant_ids": user_ids}
        return str((await ok(self.services[0].call("open_thread", wanted)))["id"])

    def logs(self) -> str:
        """Return the end of what each server logged."""
        return "\n".join(f"{path.name}:\n{path.read_text()[-3000:]}" for path in sorted(self.folder.glob("*.log")))

    async def _spawn(self, index: int) -> ServerProcess:
        clock_ms = self.plan.clocks_ms[index]
        arguments = ["--flaw", self.plan.flaw] if self.plan.flaw else []
        arguments += ["--clock-ms", str(clock_ms)] if clock_ms else []
        return await ServerProcess.start(
            self._environment,
            *arguments,
            log=self.folder / f"server-{index}.log",
            port=self._ports[index],
            program=LAUNCH if arguments else "server",
        )

    async def _make_database(self) -> str:
        if self.plan.database == "sqlite":
            url = f"sqlite:///{self.folder}/chaos.db"
        else:
            assert self.postgres is not None
            url = await asyncio.to_thread(self.postgres.create_database)
            self._stack.callback(self.postgres.drop_database, url)
        await asyncio.to_thread(migrate, url)
        return url


def token_of(user_id: int, ttl_s: int = 4 * 3600) -> Callable[[], str]:
    """Return what makes tokens of a user: good for hours, for there are clocks that are an hour ahead."""

    def make() -> str:
        now = int(time.time())
        return make_token(SECRET, user_id, name=f"User {user_id}", iat=now, exp=now + ttl_s)

    return make


def free_bytes(folder: Path) -> int:
    """Return how much room a file system has."""
    return shutil.disk_usage(folder).free
