"""What we replaced of python-socketio and python-engineio: an upgrade that changes it must be read by a person."""

import hashlib
import inspect
from typing import Any

import engineio
import pytest
import socketio
from engineio.async_drivers import aiohttp as engine_aiohttp
from engineio.async_socket import AsyncSocket
from socketio.async_pubsub_manager import AsyncPubSubManager

# What we override or rely on, and a digest of its text in the pinned versions. When one changes: read the new text, see
# that server/realtime/{sio,managers}.py still fit, then take over the digest that the failing test shows.
REPLACED = {
    socketio.AsyncServer._handle_connect: "",
    socketio.AsyncServer._handle_event: "",
    socketio.AsyncServer._handle_event_internal: "",
    socketio.AsyncServer._handle_eio_message: "",
    socketio.AsyncServer._handle_eio_disconnect: "",
    socketio.AsyncServer._trigger_event: "",
    socketio.AsyncServer.shutdown: "",
    socketio.AsyncManager.emit: "",
    AsyncPubSubManager.emit: "",
    AsyncPubSubManager._handle_emit: "",
    AsyncPubSubManager._thread: "",
    socketio.AsyncRedisManager._publish: "",
    socketio.AsyncRedisManager._redis_connect: "",
    socketio.AsyncRedisManager._redis_listen_with_retries: "",
    socketio.AsyncRedisManager._listen: "",
    engineio.AsyncServer._get_socket: "",
    engineio.AsyncServer.handle_request: "",
    AsyncSocket.close: "",
    AsyncSocket.poll: "",
    AsyncSocket._websocket_handler: "",
    engine_aiohttp.WebSocket.__call__: "",
    engine_aiohttp.WebSocket.close: "",
}


@pytest.mark.parametrize(("method", "digest"), REPLACED.items(), ids=lambda item: getattr(item, "__qualname__", ""))
def test_stock_method_that_we_build_on_is_unchanged(method: Any, digest: str) -> None:
    """The text is the one that was read when our subclass was written."""
    found = hashlib.sha256(inspect.getsource(method).encode()).hexdigest()[:16]
    assert found == digest, f"{method.__qualname__} changed: read it, then set its digest to {found}"
