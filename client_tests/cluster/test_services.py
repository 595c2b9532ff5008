"""The servers that the other tests rely on start, fail and come back as those tests assume."""

from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from redis import exceptions
from redis.asyncio import Redis

from client_tests.services import (
    PostgresServer,
    RedisServer,
    ServiceError,
    free_port,
    postgres_server,
    redis_server,
)


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A Redis of this test's own."""
    with redis_server() as server:
        yield server


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL for the module."""
    with postgres_server() as server:
        yield server


async def ping(server: RedisServer) -> bool:
    """Ask once, without the client's own retries, and wait no longer than half a second."""
    async with Redis.from_url(server.url, socket_timeout=0.5, retry=None) as client:
        return bool(await client.ping())


async def test_redis_stop_refuses_until_started_again(redis: RedisServer) -> None:
    """A stopped Redis refuses connections, and comes back on the same port as another process."""
    first = redis.process.pid
    assert await ping(redis)
    redis.stop()
    with pytest.raises(exceptions.ConnectionError):
        await ping(redis)
    redis.start()
    assert await ping(redis)
    assert redis.process.pid != first


async def test_redis_freeze_is_silent_until_thawed(redis: RedisServer) -> None:
    """A frozen Redis keeps the connection open and answers nothing; thawed, it goes on."""
    redis.freeze()
    with pytest.raises(exceptions.TimeoutError):
        await ping(redis)
    redis.thaw()
    assert await ping(redis)


def test_redis_frozen_is_ended_at_exit_with_its_folder() -> None:
    """Nothing outlives the context manager, not even a process that was left frozen."""
    port = free_port()
    with redis_server(port) as server:
        assert server.port == port
        folder = Path(psutil.Process(server.process.pid).cwd())
        server.freeze()
    assert not psutil.pid_exists(server.process.pid)
    assert not folder.exists()


async def test_postgres_databases_are_isolated(postgres: PostgresServer) -> None:
    """A table of one database is not seen in the next, and names never repeat."""
    one, two = postgres.create_database(), postgres.create_database()
    assert one != two
    connection = await asyncpg.connect(one)
    await connection.execute("create table notes (body text)")
    await connection.close()
    connection = await asyncpg.connect(two)
    with pytest.raises(asyncpg.UndefinedTableError):
        await connection.fetch("select * from notes")
    await connection.close()
    postgres.drop_database(two)
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(two)


async def test_postgres_drop_cuts_off_sessions(postgres: PostgresServer) -> None:
    """A database goes even while a test has left a connection open."""
    url = postgres.create_database()
    connection = await asyncpg.connect(url)
    postgres.drop_database(url)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError)):
        await connection.fetch("select 1")
    connection.terminate()


async def test_postgres_stop_keeps_what_is_committed(postgres: PostgresServer) -> None:
    """After a restart on the same port the databases are still there."""
    url = postgres.create_database()
    postgres.stop()
    with pytest.raises(OSError, match="Connect"):
        await asyncpg.connect(url)
    postgres.start()
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("select count(*) from pg_tables where schemaname = 'public'") == 0
    assert await connection.fetchval("show max_connections") == "200"
    await connection.close()


def test_missing_binary_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the server, the test fails and says what to install."""
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ServiceError, match="apt-get install redis-server"), redis_server():
        pass
