"""The official JavaScript client, with its default settings, where it is too many: it comes back by itself."""

from collections.abc import AsyncIterator

import pytest

from client_tests.answers import until
from client_tests.clients import Clients
from client_tests.conftest import Start
from client_tests.harness import SECRET
from client_tests.js import JsClients


@pytest.fixture
async def js() -> AsyncIterator[JsClients]:
    """Makes JavaScript clients, and closes them at the end."""
    async with JsClients(SECRET) as made:
        yield made


@pytest.mark.parametrize("limit", ["CONNECTIONS_PER_USER", "CONNECTIONS_PER_ADDRESS"])
@pytest.mark.parametrize("transports", [None, ["polling"], ["websocket"]], ids=["default", "polling", "websocket"])
async def test_the_client_that_is_one_too_many_is_let_in_once_another_is_gone(
    start: Start, clients: Clients, js: JsClients, limit: str, transports: list[str] | None
) -> None:
    """No CONNECT_ERROR keeps it away, whichever limit it met."""
    server = await start(**{limit: "1"})
    first = await clients.plain(server.url, 1)
    client = await js.idle(server.url, js.token(1))
    await client.dial(transports=transports)
    await until(lambda: server.parts.limits.refused.total() > 1, 15)
    assert not client.all("connection_established")
    assert all("data" not in error or error["data"] is None for error in client.all("connect_error"))
    await first.close()
    await client.heard("connection_established")
    assert (await client.call("ping"))["ok"]
