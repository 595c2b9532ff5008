"""permessage-deflate with Node's `ws`, as the official client brings it: large events are compressed once for all."""

from collections.abc import AsyncIterator

import pytest

from client_tests.harness import SECRET, Server, make_settings
from client_tests.js import JsClients
from client_tests.js.test_js_client import make_thread
from server.realtime.frames import Encoded

LARGE = "Una frase que se repite. " * 150


@pytest.fixture
async def deflating(sqlite_url: str) -> AsyncIterator[Server]:
    """A server with WS_DEFLATE=1."""
    started = await Server.start(make_settings({"DATABASE_URL": sqlite_url, "WS_DEFLATE": "1"}))
    yield started
    await started.stop()


async def test_large_events_are_compressed_once_and_read_by_ws(
    deflating: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ways: what the client compresses is read, and what is shared by all is read by each, among small ones."""
    compressed: list[bytes] = []
    compress = Encoded._compress

    def count(message: Encoded) -> bytes:
        made = compress(message)
        if len(made) < len(message.payload):
            compressed.append(made)
        return made

    monkeypatch.setattr(Encoded, "_compress", count)
    async with JsClients(SECRET) as js:
        writer = await js.socket(deflating.url, 1, transports=["websocket"])
        reader = await js.socket(deflating.url, 1, transports=["websocket"])
        thread_id = await make_thread(writer, 1)
        sessions = list(deflating.parts.sio.eio.sockets.values())
        assert [session.websocket.deflates for session in sessions] == [True, True]
        for content in (LARGE, "corto", LARGE[::-1], LARGE):
            assert (await writer.call("send_message", {"thread_id": thread_id, "content": content}))["ok"]
        for client in (writer, reader):
            await client.heard("new_message", count=4)
            heard = [event["message"]["content"] for event in client.all("new_message")]
            assert heard == [LARGE, "corto", LARGE[::-1], LARGE]
    events = 3
    acks = 3
    assert len(compressed) == events + acks, "an event was compressed for each of its readers"
    assert all(len(made) < 2_000 for made in compressed)
