"""Fixtures: servers, an HTTP session for raw clients, and a log in which no traceback may be."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import pytest

from client_tests.engine.raw import Wire
from client_tests.engine.servers import Chat, Engine, Site

StartEngine = Callable[..., Awaitable[Engine]]
StartChat = Callable[..., Awaitable[Chat]]


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """No exception is logged, and none is lost in a task; a test whose application fails clears the log itself."""
    yield caplog
    gc.collect(1)  # a task whose exception nobody retrieved says so when it is collected
    records = [record for record in caplog.get_records("call") if record.exc_info or "Traceback" in record.getMessage()]
    assert [(record.getMessage(), record.exc_info) for record in records] == []


@pytest.fixture(autouse=True)
def wires() -> Iterator[None]:
    """Bare connections are closed also when their test failed before it did so."""
    yield
    Wire.close_all()


@pytest.fixture
async def sites() -> AsyncIterator[list[Site]]:
    """Servers that are stopped at the end, after which they must remember nobody."""
    started: list[Site] = []
    yield started
    await asyncio.gather(*(site.stop() for site in started))


@pytest.fixture
async def start_engine(sites: list[Site]) -> StartEngine:
    """Starts Engine.IO servers."""

    async def start(**options: Any) -> Engine:
        engine = Engine(**options)
        await engine.start()
        sites.append(engine)
        return engine

    return start


@pytest.fixture
async def engine(start_engine: StartEngine) -> Engine:
    """An Engine.IO server that echoes, with the usual heartbeat."""
    return await start_engine()


@pytest.fixture
async def start_chat(sites: list[Site]) -> StartChat:
    """Starts Socket.IO servers."""

    async def start(**options: Any) -> Chat:
        chat = Chat(**options)
        await chat.start()
        sites.append(chat)
        return chat

    return start


@pytest.fixture
async def chat(start_chat: StartChat) -> Chat:
    """A Socket.IO server with the usual heartbeat."""
    return await start_chat()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP session with as many connections as it takes."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session
