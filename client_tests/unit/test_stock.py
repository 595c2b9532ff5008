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
# that server/realtime/{sio,managers,cluster}.py still fit, then take over the digest that the failing test shows.
REPLACED = {
    socketio.AsyncServer._handle_connect: "c97c480cf777de36",
    socketio.AsyncServer._handle_event: "65178105ef8b593d",
    socketio.AsyncServer._handle_event_internal: "472e8b723a12d507",
    socketio.AsyncServer._handle_eio_message: "bef50fc0e1635921",
    socketio.AsyncServer._handle_eio_disconnect: "9344593148b66fd9",
    socketio.AsyncServer._trigger_event: "01ba90cfa09ba43e",
    socketio.AsyncServer.shutdown: "70ac47acea94d661",
    socketio.AsyncManager.emit: "01ccd5b82b4f955e",
    AsyncPubSubManager.initialize: "e8a2b026ecea320f",
    AsyncPubSubManager.can_disconnect: "1760d6351007b6fa",
    AsyncPubSubManager.disconnect: "8ad9598aa2233025",
    AsyncPubSubManager.enter_room: "839498e1ae603f2b",
    AsyncPubSubManager.leave_room: "1e8ce1f0fa11d9eb",
    AsyncPubSubManager.close_room: "71a374e53b36d3e5",
    AsyncPubSubManager._return_callback: "242aaa59232c8623",
    AsyncPubSubManager.emit: "6cc46e0ff9b6d7cf",
    AsyncPubSubManager._handle_emit: "4284671be955f644",
    AsyncPubSubManager._thread: "fa8d075729aac64d",
    engineio.AsyncServer._get_socket: "ae2f99e66d632944",
    engineio.AsyncServer.handle_request: "1a8c878e35166cfe",
    AsyncSocket.close: "faa2e93902543244",
    AsyncSocket.poll: "826f58a9f3606db2",
    AsyncSocket._websocket_handler: "27f120df4d717a24",
    engine_aiohttp.WebSocket.__call__: "71f9a94476d737c3",
    engine_aiohttp.WebSocket.close: "47a4e4b935d2b019",
}


@pytest.mark.parametrize(("method", "digest"), REPLACED.items(), ids=lambda item: getattr(item, "__qualname__", ""))
def test_stock_method_that_we_build_on_is_unchanged(method: Any, digest: str) -> None:
    """The text is the one that was read when our subclass was written."""
    found = hashlib.sha256(inspect.getsource(method).encode()).hexdigest()[:16]
    assert found == digest, f"{method.__qualname__} changed: read it, then set its digest to {found}"
