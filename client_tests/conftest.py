"""Fixtures: a database of each kind, the real application on a free port, and clients for its three transports."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from client_tests.clients import Clients
from client_tests.harness import SECRET, Server, make_settings
from client_tests.services import PostgresServer, RedisServer, postgres_server, redis_server
from server.bootstrap import wall_clock
from server.services.ports import Clock, PushSender
from server.storage.engine import migrate

Start = Callable[..., Awaitable[Server]]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL for the session."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def redis_session() -> Iterator[RedisServer]:
    """A real Redis for the session."""
    with redis_server() as server:
        yield server


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A real Redis of the test's own, to stop and freeze."""
    with redis_server() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "empty.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    """The name of a migrated, empty PostgreSQL database to copy."""
    url = postgres.create_database()
    migrate(url)
    return url.rpartition("/")[2]


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    """A migrated SQLite database of the test's own."""
    path = tmp_path / "test.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres: PostgresServer, postgres_template: str) -> Iterator[str]:
    """A migrated PostgreSQL database of the test's own."""
    url = postgres.create_database(template=postgres_template)
    yield url
    postgres.drop_database(url)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Each of the two databases in turn: a test that asks for this runs on both."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
async def start(sqlite_url: str) -> AsyncIterator[Start]:
    """Servers in this process, on SQLite unless told otherwise: call it with a clock and environment variables."""
    servers: list[Server] = []

    async def start_server(
        now: Clock = wall_clock, push_sender: PushSender | None = None, **environment: str
    ) -> Server:
        settings = make_settings({"DATABASE_URL": sqlite_url, **environment})
        server = await Server.start(settings, now=now, push_sender=push_sender)
        servers.append(server)
        return server

    yield start_server
    await asyncio.gather(*(server.stop() for server in servers))


@pytest.fixture
async def server(start: Start) -> Server:
    """One server on SQLite, in memory otherwise."""
    return await start()


@pytest.fixture
async def clients() -> AsyncIterator[Clients]:
    """Makes clients, and closes them at the end."""
    made = Clients(SECRET)
    yield made
    await made.close()
