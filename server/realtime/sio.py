"""The Socket.IO server: python-socketio, subclassed where it must be (ADR 0004).

What differs from the stock server:

- no permessage-deflate, and any number of packets in a polling POST (stock drops a POST of more than 16 whole);
- a client hears `connection_established` after its CONNECT packet, and a client that leaves while it connects leaves
  nothing behind;
- every event with an ack id is answered, and a malformed packet is told rather than logged;
- the transport can be closed with a close code, by the process or at shutdown.

python-socketio has no type hints: this module and `namespaces/base.py` are the seam to typed code.
"""

import asyncio
import re
import uuid
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Any, Literal

import engineio
import socketio
from aiohttp import web
from engineio import packet as engine_packet
from engineio.async_drivers import aiohttp as engine_aiohttp
from engineio.payload import Payload
from socketio import packet as socket_packet

from server.contract.envelope import Envelope, failure
from server.contract.errors import BINARY_CLOSE_CODE, DRAINING_CLOSE_CODE, ERROR_ROWS
from server.domain.errors import InvalidPayloadError, NotFoundError
from server.realtime import json

MAX_FRAME_BYTES = 256 * 1024
PING_INTERVAL_S = 25
PING_TIMEOUT_S = 20
CLOSE_TIMEOUT_S = 2.0
LAST_POLL_S = 1.0
MAX_OP_CHARS = 64

# The size of the body bounds it already; stock drops a POST of more than 16 packets whole, and answers 200.
Payload.max_decode_packets = MAX_FRAME_BYTES

_PACKET_HEAD = re.compile(r"2(?:(/[^,]*),)?(\d{1,15})?")
"""An EVENT packet up to its JSON: namespace and ack id (Socket.IO protocol v5)."""


class WebSocket(engine_aiohttp.WebSocket):
    """The driver's WebSocket: without compression, and closing with a code."""

    close_code = 1000

    async def __call__(self, environ: dict[str, Any]) -> web.WebSocketResponse:
        """Serve one WebSocket request."""
        self._sock = web.WebSocketResponse(
            compress=False, max_msg_size=self.server.max_http_buffer_size, timeout=CLOSE_TIMEOUT_S
        )
        await self._sock.prepare(environ["aiohttp.request"])
        # The handler is the session's bound method: let the session know its WebSocket.
        self.handler.__self__.websocket = self
        await self.handler(self)
        return self._sock

    async def close(self) -> None:
        """Close with the code that was chosen."""
        await self._sock.close(code=self.close_code)


class EngineServer(engineio.AsyncServer):
    """The Engine.IO server, with our WebSocket."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._async: dict[str, Any] = {**self._async, "websocket": WebSocket}

    def _get_socket(self, sid: str) -> Any:
        """Return a session; a closed one too as long as its CLOSE packet waits for a poll (stock answers that 400)."""
        socket = self.sockets.get(sid)
        if socket is not None and socket.closed and not socket.upgraded and not socket.queue.empty():
            return socket
        return super()._get_socket(sid)


class EnvelopeNamespace(socketio.AsyncNamespace, ABC):
    """A namespace whose operations are all answered with an envelope."""

    @abstractmethod
    async def operation(self, sid: str, name: object, arguments: list[Any]) -> Envelope:
        """Answer an event; never raises."""

    @abstractmethod
    def refuse(self, sid: str, error: Exception) -> Envelope:
        """Describe an error in the client's language."""

    @abstractmethod
    async def on_connected(self, sid: str) -> None:
        """The client has its CONNECT packet: what is sent now, it hears."""


class RealtimeServer(socketio.AsyncServer):
    """The Socket.IO server."""

    default_locale: Literal["es", "en"] = "es"

    def _engineio_server_class(self) -> type[EngineServer]:
        return EngineServer

    def engine_sid_of(self, sid: str, namespace: str) -> str | None:
        """Return the Engine.IO session of a connection; None once it is gone."""
        if namespace not in self.manager.rooms:
            return None
        found: str | None = self.manager.eio_sid_from_sid(sid, namespace)
        return found

    def send_now(self, sid: str, namespace: str, event: str, payload: Any) -> None:
        """Queue an event for one connection; never waits."""
        self._queue_packet(
            sid, namespace, socket_packet.Packet(socket_packet.EVENT, [event, payload], namespace, binary=False)
        )

    def send_disconnect(self, sid: str, namespace: str) -> None:
        """Queue a DISCONNECT packet, after which the official client does not come back by itself."""
        self._queue_packet(sid, namespace, socket_packet.Packet(socket_packet.DISCONNECT, None, namespace))

    def move(self, sid: str, namespace: str, room: str, *, enter: bool) -> None:
        """Let a connection enter or leave a room of this process."""
        if self.engine_sid_of(sid, namespace) is None:
            return
        if enter:
            self.manager.basic_enter_room(sid, namespace, room)
        else:
            self.manager.basic_leave_room(sid, namespace, room)

    async def close_transport(self, engine_sid: str, close_code: int) -> None:
        """Send what is queued and close a client's transport, without a DISCONNECT packet."""
        socket = self.eio.sockets.get(engine_sid)
        if socket is None or socket.closed:
            return
        if not socket.upgraded:
            # The official client drops what shares a payload with the CLOSE packet: let a poll fetch it before.
            with suppress(TimeoutError):
                await asyncio.wait_for(socket.queue.join(), LAST_POLL_S)
        websocket = getattr(socket, "websocket", None)
        if websocket is None or not socket.upgraded:
            await socket.close(wait=False, reason=self.reason.SERVER_DISCONNECT)
            return
        websocket.close_code = close_code
        await socket.close(wait=False, abort=True, reason=self.reason.SERVER_DISCONNECT)

    async def shutdown(self) -> None:
        """Close all clients (stock closes none), and end background tasks."""
        await asyncio.gather(*(self.close_transport(sid, DRAINING_CLOSE_CODE) for sid in list(self.eio.sockets)))
        await super().shutdown()

    def _queue_packet(self, sid: str, namespace: str, packet: Any) -> None:
        engine_sid = self.engine_sid_of(sid, namespace)
        socket = self.eio.sockets.get(engine_sid) if engine_sid else None
        if socket is not None and not socket.closed:
            socket.queue.put_nowait(engine_packet.Packet(engine_packet.MESSAGE, packet.encode()))

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        namespace = namespace or "/"
        if not self._is_known(namespace):
            await self._send_packet(eio_sid, self._unknown_namespace(namespace))
            return
        await super()._handle_connect(eio_sid, namespace, data)
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace)
        if sid is None:
            return
        socket = self.eio.sockets.get(eio_sid)
        if socket is None or socket.closed:  # it left while it was let in
            await self._handle_disconnect(eio_sid, namespace, self.reason.TRANSPORT_CLOSE)
        elif isinstance(handler := self.namespace_handlers.get(namespace), EnvelopeNamespace):
            await handler.on_connected(sid)

    def _is_known(self, namespace: str) -> bool:
        return namespace in self.namespace_handlers or namespace in self.handlers or self.namespaces == "*"

    def _unknown_namespace(self, namespace: str) -> Any:
        error = NotFoundError({"namespaces": sorted(self.namespace_handlers)})
        envelope = failure(error, locale=self.default_locale, request_id=uuid.uuid4().hex)
        error_data = {"message": envelope["error"]["message"], "data": envelope}
        return self.packet_class(socket_packet.CONNECT_ERROR, error_data, namespace)

    async def _handle_event_internal(
        self,
        server: Any,
        sid: str,
        eio_sid: str,
        data: list[Any],
        namespace: str,
        id: int | None,  # noqa: A002
    ) -> None:
        handler = self.namespace_handlers.get(namespace)
        if not isinstance(handler, EnvelopeNamespace):
            await super()._handle_event_internal(server, sid, eio_sid, data, namespace, id)
            return
        envelope = await handler.operation(sid, data[0], data[1:])
        await self._answer(eio_sid, sid, namespace, id, str(data[0])[:MAX_OP_CHARS], envelope)

    async def _answer(
        self, eio_sid: str, sid: str, namespace: str, ack_id: int | None, op: str, envelope: Envelope
    ) -> None:
        if ack_id is not None:
            packet = self.packet_class(socket_packet.ACK, [envelope], namespace, ack_id, binary=False)
            await self._send_packet(eio_sid, packet)
        elif not envelope["ok"]:
            self.send_now(sid, namespace, "error", {"op": op, **envelope["error"]})

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        try:
            await super()._handle_eio_message(eio_sid, data)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
            await self._refuse_packet(eio_sid, data)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        socket = self.eio.sockets.get(eio_sid)
        if socket is not None:
            # Release a poll that still waits, once what was queued before is in it (stock lets it hang for 45 s).
            asyncio.get_running_loop().call_soon(socket.queue.put_nowait, None)
        self._binary_packet.pop(eio_sid, None)
        await super()._handle_eio_disconnect(eio_sid, reason)

    async def _refuse_packet(self, eio_sid: str, data: Any) -> None:
        """Answer a packet that could not be read if it can be told whose it was; else close the transport."""
        self._binary_packet.pop(eio_sid, None)
        head = _PACKET_HEAD.match(data) if isinstance(data, str) else None
        namespace = (head[1] or "/") if head else "/"
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace)
        handler = self.namespace_handlers.get(namespace)
        if head is None or sid is None or not isinstance(handler, EnvelopeNamespace):
            code = BINARY_CLOSE_CODE if isinstance(data, bytes) else ERROR_ROWS[InvalidPayloadError].close_code
            await self.close_transport(eio_sid, code)
            return
        envelope = handler.refuse(sid, InvalidPayloadError({"packet": ["Not a Socket.IO packet."]}))
        await self._answer(eio_sid, sid, namespace, int(head[2]) if head[2] else None, "", envelope)


def create_server(**kwargs: Any) -> RealtimeServer:
    """Return a server without namespaces; takes the arguments of `socketio.AsyncServer`.

    Origins are not checked here but by the application (`routes/middleware.py`), for all its routes alike.
    """
    defaults: dict[str, Any] = {
        "async_mode": "aiohttp",
        "json": json,
        "cors_allowed_origins": [],
        "max_http_buffer_size": MAX_FRAME_BYTES,
        "ping_interval": PING_INTERVAL_S,
        "ping_timeout": PING_TIMEOUT_S,
    }
    return RealtimeServer(**(defaults | kwargs))
