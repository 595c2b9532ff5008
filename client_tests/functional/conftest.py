"""A server with people and a thread, for tests of one behaviour each."""

import pytest

from client_tests.answers import ok
from client_tests.clients import Clients, HttpClient
from client_tests.harness import SERVICE_TOKEN, Server


async def open_thread(service: HttpClient, *user_ids: int | str, kind: str = "group") -> str:
    """Open a thread as the service and return its id."""
    thread = await ok(service.call("open_thread", {"kind": kind, "participant_ids": list(user_ids)}))
    return str(thread["id"])


@pytest.fixture
async def service(server: Server, clients: Clients) -> HttpClient:
    """The users' backend."""
    return clients.http_raw(server.url, SERVICE_TOKEN)


@pytest.fixture
async def thread_id(service: HttpClient) -> str:
    """A group thread of users 1, 2 and 3."""
    return await open_thread(service, 1, 2, 3)
