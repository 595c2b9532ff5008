"""The four plain WebSocket routes, as the source document's clients know them.

In: `{"type": NAME, ...fields, "ref"?}`. Out: events as `{"type": EVENT, ...payload}`, answers as `{"type": "ack",
"ref", "op", ...envelope}` where a `ref` was given, else `{"type": "error", "op", ...error}` on failure only. A browser
cannot read a refused handshake, so refusals come after the upgrade: one `error`, then a close code.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from server.contract.envelope import Envelope
from server.contract.errors import BINARY_CLOSE_CODE, row_of
from server.contract.operations import MESSAGING, NOTIFICATIONS, PRESENCE, THREADS
from server.dispatch import Dispatcher
from server.domain.errors import InvalidPayloadError, RealtimeError
from server.domain.events import OperationFailed
from server.lanes import Lane, LaneDispatcher
from server.realtime import json
from server.realtime.connections import PlainConnection
from server.realtime.hub import Hub
from server.realtime.sio import CLOSE_TIMEOUT_S, MAX_FRAME_BYTES, MAX_OP_CHARS, PING_INTERVAL_S
from server.routes.credentials import websocket_token
from server.services.actor import Locale, choose_locale, find_locale
from server.services.connections import ConnectionService
from server.services.tasks import Tasks

SUBPROTOCOL = "bearer"


class PlainRoutes:
    """Serves the plain routes."""

    def __init__(
        self, dispatcher: Dispatcher, connections: ConnectionService, hub: Hub, tasks: Tasks, default_locale: Locale
    ) -> None:
        self._dispatcher = dispatcher
        self._lane_dispatcher = LaneDispatcher(dispatcher, connections, default_locale)
        self._service = connections
        self._hub = hub
        self._tasks = tasks
        self._default_locale = default_locale

    def add_to(self, app: web.Application) -> None:
        """Mount the four routes."""
        app.router.add_get("/ws/messaging/", self._serve(MESSAGING))
        app.router.add_get("/ws/messaging/thread/{thread_id}/", self._serve(THREADS))
        app.router.add_get("/ws/notifications/", self._serve(NOTIFICATIONS))
        app.router.add_get("/ws/user-status/", self._serve(PRESENCE))

    def _serve(self, namespace: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            websocket = web.WebSocketResponse(
                protocols=(SUBPROTOCOL,),
                compress=False,
                max_msg_size=MAX_FRAME_BYTES,
                heartbeat=PING_INTERVAL_S,
                timeout=CLOSE_TIMEOUT_S,
            )
            await websocket.prepare(request)
            await self._session(request, websocket, namespace)
            return websocket

        return handle

    async def _session(self, request: web.Request, websocket: web.WebSocketResponse, namespace: str) -> None:
        thread_id = request.match_info.get("thread_id")
        connection = PlainConnection(self._hub, websocket, request.transport, namespace, thread_id)
        asked = find_locale(request.query.get("locale"))
        # A browser names its own languages in every request, so what its user chose here counts for more.
        default = choose_locale(request.headers.get("Accept-Language"), self._default_locale)
        close_code: int | None = None
        try:
            await self._service.open(connection, websocket_token(request), asked, default)
            self._service.welcome(connection)
            if namespace == PRESENCE:
                await self._service.greet(connection)
            close_code = await self._receive_all(websocket, connection)
        except Exception as error:  # noqa: BLE001 - told to the client, whatever it is
            self._tell(connection, "connect", self._dispatcher.refuse(error, asked or default, "connect"))
            close_code = row_of(error).close_code
        finally:
            self._service.closed(connection)
            await connection.finish(close_code)

    async def _receive_all(self, websocket: web.WebSocketResponse, connection: PlainConnection) -> int | None:
        """Read until the client leaves; return the code to close with, if the fault is the client's."""
        lane = Lane()
        async for frame in websocket:
            if frame.type is WSMsgType.BINARY:
                self._refuse(connection, InvalidPayloadError({"frame": ["Binary where text is due."]}))
                return BINARY_CLOSE_CODE
            if frame.type is WSMsgType.TEXT:
                self._receive(frame.data, connection, lane)
        return websocket.close_code if websocket.close_code == WSCloseCode.MESSAGE_TOO_BIG else None

    def _receive(self, text: str, connection: PlainConnection, lane: Lane) -> None:
        try:
            message = json.loads(text)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            self._refuse(connection, InvalidPayloadError({"frame": ["Not a JSON object."]}))
            return
        # Tasks begin in the order in which they are made, and take their turn in the lane as they begin.
        self._tasks.start(self._operation(message, connection, lane), "plain operation")

    async def _operation(self, message: dict[str, Any], connection: PlainConnection, lane: Lane) -> None:
        name = message.pop("type", None)
        has_ref = "ref" in message
        ref = message.pop("ref", None)
        envelope = await self._lane_dispatcher.dispatch(lane, connection, name, message)
        op = name if isinstance(name, str) else ""
        if has_ref:
            connection.write(json.dumps({"type": "ack", "ref": ref, "op": op[:MAX_OP_CHARS], **envelope}))
        elif not envelope["ok"]:
            self._tell(connection, op[:MAX_OP_CHARS], envelope)

    def _refuse(self, connection: PlainConnection, error: RealtimeError) -> None:
        self._tell(connection, "", self._lane_dispatcher.refuse(connection, error))

    @staticmethod
    def _tell(connection: PlainConnection, op: str, envelope: Envelope) -> None:
        connection.send(OperationFailed(op, envelope["error"]))
