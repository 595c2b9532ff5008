"""What we replaced of other libraries, or rely on: an upgrade that changes it must be read by a person."""

import hashlib
import inspect
from typing import Any

import engineio
import pytest
import socketio
from aiohttp._websocket import reader_py
from aiohttp.web_protocol import RequestHandler
from engineio.async_drivers import aiohttp as engine_aiohttp
from engineio.base_server import BaseServer
from socketio.async_pubsub_manager import AsyncPubSubManager
from socketio.base_manager import BaseManager
from socketio.packet import Packet

# What we override or rely on, and a digest of its text in the pinned versions. When one changes: read the new text, see
# that server/realtime/{engine,session,sio,managers,cluster,websocket,relay}.py still fit, then take over the digest
# that the failing test shows.
REPLACED = {
    engineio.AsyncServer.handle_request: "1a8c878e35166cfe",
    engineio.AsyncServer._handle_connect: "5bd7edc1d1ae115a",
    engineio.AsyncServer.send: "ff1fdb18f1c30bb3",
    engineio.AsyncServer.send_packet: "c54317440865030d",
    engineio.AsyncServer.disconnect: "8bb6448caae41ca6",
    engineio.AsyncServer.shutdown: "3f734c62c291d56a",
    engineio.AsyncServer._trigger_event: "4a09b6e47eb66532",
    engineio.AsyncServer._get_socket: "ae2f99e66d632944",
    engineio.AsyncServer.attach: "7874d4dc1c319bc6",
    BaseServer.on: "7b5457b52dc7fd22",
    BaseServer.generate_id: "b6a591454237c0bb",
    BaseServer._generate_sid_cookie: "30faebd18e6204cb",
    engine_aiohttp.translate_request: "20aa782740060790",
    socketio.AsyncServer._handle_connect: "c97c480cf777de36",
    socketio.AsyncServer._handle_disconnect: "c0b32ada5b371230",
    socketio.AsyncServer._handle_event: "65178105ef8b593d",
    socketio.AsyncServer._handle_eio_message: "bef50fc0e1635921",
    socketio.AsyncServer._handle_eio_disconnect: "9344593148b66fd9",
    socketio.AsyncServer._handle_eio_connect: "76704886d944a7e6",
    socketio.AsyncServer._handle_ack: "b7521c6c30972551",
    socketio.AsyncServer._send_packet: "a00022b42c1c29e9",
    socketio.AsyncServer._trigger_event: "01ba90cfa09ba43e",
    socketio.AsyncServer.shutdown: "70ac47acea94d661",
    socketio.AsyncServer.attach: "4ee66bedf2aec638",
    socketio.AsyncManager.emit: "01ccd5b82b4f955e",
    socketio.AsyncManager.trigger_callback: "9cf95a1d1a3aaeeb",
    socketio.AsyncManager.pre_connect: "84f2cdf2a4ddf07c",
    socketio.AsyncManager.connect: "f505d30770526112",
    socketio.AsyncManager.disconnect: "88bed2cbade06a57",
    BaseManager.basic_enter_room: "3f509586d2d7f47e",
    BaseManager.basic_leave_room: "e27f3eea06d1c6a6",
    BaseManager.basic_disconnect: "2933b50bc4b2ea7b",
    BaseManager.basic_close_room: "1d81a80fe1cac5a5",
    BaseManager.get_participants: "7d78ad681c95de5b",
    BaseManager.get_rooms: "56a1017f85af9f91",
    BaseManager.is_connected: "d37721466718b4f4",
    BaseManager.is_sid_room: "e9a9393a969c85fd",
    BaseManager.pre_connect: "bfdba4c0c8f1bd8a",
    BaseManager.connect: "a0214ac7cb24346c",
    BaseManager.pre_disconnect: "18a8d01ed87a9682",
    BaseManager.sid_from_eio_sid: "15467098a36bcd71",
    BaseManager.eio_sid_from_sid: "b0c0aeb5430d5248",
    BaseManager._generate_ack_id: "ca3840d6559ee335",
    Packet.decode: "61ad7904b539f472",
    Packet.add_attachment: "01e024038f3d99f5",
    Packet.reconstruct_binary: "b5bf13b2bea3ee6f",
    Packet.encode: "513c45be75181da2",
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
    RequestHandler.connection_lost: "df2fe6e95fd04c7c",
    RequestHandler.start: "2e565fd40c8e04fb",
    RequestHandler.finish_response: "b7eb53db8f4b30ca",
    RequestHandler.data_received: "1ee57ebe052e6c80",
    reader_py.WebSocketDataQueue: "526af2531df720ee",
    reader_py.WebSocketReader: "a2db8242e7f27072",
}


@pytest.mark.parametrize(("method", "digest"), REPLACED.items(), ids=lambda item: getattr(item, "__qualname__", ""))
def test_stock_method_that_we_build_on_is_unchanged(method: Any, digest: str) -> None:
    """The text is the one that was read when our subclass was written."""
    found = hashlib.sha256(inspect.getsource(method).encode()).hexdigest()[:16]
    assert found == digest, f"{method.__qualname__} changed: read it, then set its digest to {found}"
