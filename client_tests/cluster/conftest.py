"""Processes of the real server that share a PostgreSQL and a Redis."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from client_tests.harness import ServerProcess
from client_tests.services import RedisServer

Spawn = Callable[..., Awaitable[ServerProcess]]


@pytest.fixture
async def spawn(tmp_path: Path, postgres_url: str) -> AsyncIterator[Spawn]:
    """Start server processes; whatever of them is left at the end is killed, by its own process id."""
    made: list[ServerProcess] = []

    async def start(*arguments: str, **environment: str) -> ServerProcess:
        log = tmp_path / f"server-{len(made)}.log"
        server = await ServerProcess.start({"DATABASE_URL": postgres_url, **environment}, *arguments, log=log)
        made.append(server)
        return server

    yield start
    for server in made:
        await server.end()
    for path in tmp_path.glob("server-*.log"):
        print(path.name, path.read_text()[-3000:], sep="\n")  # noqa: T201 - shown when the test failed


@pytest.fixture
async def two(spawn: Spawn, redis: RedisServer) -> tuple[ServerProcess, ServerProcess]:
    """Two processes of one cluster."""
    first, second = await asyncio.gather(spawn(REDIS_URL=redis.url), spawn(REDIS_URL=redis.url))
    return first, second
