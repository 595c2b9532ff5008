"""The four plain WebSocket routes, as the source document's clients know them.

In: `{"type": NAME, ...fields, "ref"?}`. Out: events as `{"type": EVENT, ...payload}`, answers as `{"type": "ack",
"ref", "op", ...envelope}` where a `ref` was given, else `{"type": "error", "op", ...error}` on failure only. A browser
cannot read a refused handshake, so refusals come after the upgrade: one `error`, then a close code.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

from aiohttp import web

from server.contract.envelope import Envelope
from server.contract.errors import BINARY_CLOSE_CODE, row_of
from server.contract.operations import MESSAGING, NOTIFICATIONS, PRESENCE, THREADS
from server.dispatch import ConnectionDispatcher, Dispatcher, is_concurrent
from server.domain.errors import InvalidPayloadError, RealtimeError
from server.domain.events import OperationFailed
from server.realtime import json
from server.realtime.connections import PlainConnection
from server.realtime.deadlines import Deadlines
from server.realtime.engine import LAST_EVENTS_S
from server.realtime.frames import Encoded
from server.realtime.hub import Hub
from server.realtime.lanes import Done, Lane
from server.realtime.sio import MAX_OP_CHARS, PING_INTERVAL_S, PING_TIMEOUT_S
from server.realtime.websocket import WebSocket, WebSockets
from server.routes.credentials import websocket_token
from server.services.actor import Locale, choose_locale, find_locale
from server.services.connections import ConnectionService
from server.services.limits import Limits
from server.services.tasks import Tasks

SUBPROTOCOL = "bearer"


class PlainRoutes:
    """Serves the plain routes."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        connections: ConnectionService,
        websockets: WebSockets,
        hub: Hub,
        tasks: Tasks,
        limits: Limits,
        default_locale: Locale,
    ) -> None:
        self.limits = limits
        self.dispatcher = dispatcher
        self.operations = ConnectionDispatcher(dispatcher, connections, default_locale)
        self.service = connections
        self.hub = hub
        self.tasks = tasks
        self.default_locale = default_locale
        self.pings: Deadlines[PlainClient] = Deadlines(PING_INTERVAL_S, PlainClient.ping)
        self.pongs: Deadlines[PlainClient] = Deadlines(PING_TIMEOUT_S, PlainClient.miss_pong)
        self._websockets = websockets

    def add_to(self, app: web.Application) -> None:
        """Mount the four routes."""
        app.router.add_get("/ws/messaging/", self._serve(MESSAGING))
        app.router.add_get("/ws/messaging/thread/{thread_id}/", self._serve(THREADS))
        app.router.add_get("/ws/notifications/", self._serve(NOTIFICATIONS))
        app.router.add_get("/ws/user-status/", self._serve(PRESENCE))

    def _serve(self, namespace: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            return self._websockets.accept(request, partial(PlainClient, self, request, namespace), (SUBPROTOCOL,))

        return handle


class PlainClient:
    """A client of one of the plain routes, from the handshake to the end."""

    __slots__ = ("_closed", "_connection", "_lane", "_routes", "_websocket")

    def __init__(self, routes: PlainRoutes, request: web.Request, namespace: str, websocket: WebSocket) -> None:
        self._routes = routes
        self._websocket = websocket
        self._lane = Lane(self._throttle)
        self._connection = PlainConnection(
            routes.hub, websocket, namespace, request.match_info.get("thread_id"), self._close, self._lane.idle
        )
        self._closed = False
        routes.pings.add(self)
        websocket.pause_reading()  # what the client asks waits until it is let in
        routes.tasks.start(self._open(request), "open plain websocket")

    async def _open(self, request: web.Request) -> None:
        routes, connection = self._routes, self._connection
        asked = find_locale(request.query.get("locale"))
        # A browser names its own languages in every request, so what its user chose here counts for more.
        default = choose_locale(request.headers.get("Accept-Language"), routes.default_locale)
        try:
            routes.limits.enter_from(request.remote, connection.transport)
            await routes.service.open(connection, websocket_token(request), asked, default)
            await routes.service.welcome(connection)
            if connection.namespace == PRESENCE:
                await routes.service.greet(connection)
        except Exception as error:  # noqa: BLE001 - told to the client, whatever it is
            self._tell("connect", routes.dispatcher.refuse(error, asked or default, "connect"))
            await connection.close(row_of(error).close_code)
        else:
            if self._closed:  # it left while it was let in
                routes.service.closed(connection)
            else:
                self._websocket.resume_reading()

    def on_text(self, text: str) -> None:
        """Take an operation."""
        try:
            message = json.loads(text)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            self._refuse(InvalidPayloadError({"frame": ["Not a JSON object."]}))
            return
        name = message.pop("type", None)
        self._lane.submit(partial(self._begin, name, message), concurrent=is_concurrent(name))

    def on_binary(self, data: bytes) -> None:
        """Refuse it: there is no binary message."""
        del data
        self._refuse(InvalidPayloadError({"frame": ["Binary where text is due."]}))
        self._websocket.close(BINARY_CLOSE_CODE)
        self._close()

    def on_pong(self) -> None:
        """The client is there."""
        self._routes.pongs.discard(self)
        if not self._closed:
            self._routes.pings.add(self)

    def on_end(self, code: int, reason: str) -> None:
        """The client is gone."""
        del code, reason
        self._close()

    def ping(self) -> None:
        """Ask whether the client is still there."""
        self._websocket.ping()
        self._routes.pongs.add(self)

    def miss_pong(self) -> None:
        """It does not answer."""
        if self._lane.full:  # its answer may be among what is not read yet
            self._routes.pongs.add(self)
        else:
            self._websocket.close()
            self._close()

    def _begin(self, name: object, message: dict[str, Any], done: Done) -> None:
        has_ref = "ref" in message
        ref = message.pop("ref", None)
        op = name[:MAX_OP_CHARS] if isinstance(name, str) else ""

        def answer(envelope: Envelope) -> None:
            if has_ref:
                self._write({"type": "ack", "ref": ref, "op": op, **envelope})
            elif not envelope["ok"]:
                self._tell(op, envelope)
            done()

        self._routes.operations.begin(self._connection, name, message, answer)

    def _refuse(self, error: RealtimeError) -> None:
        self._tell("", self._routes.operations.refuse(self._connection, error))

    def _tell(self, op: str, envelope: Envelope) -> None:
        self._connection.send(OperationFailed(op, envelope["error"]))

    def _write(self, message: dict[str, Any]) -> None:
        self._connection.write(Encoded(json.dumps(message).encode()))

    def _throttle(self, throttled: bool) -> None:  # noqa: FBT001 - a callback with one meaning
        if throttled:
            self._websocket.pause_reading()
        else:
            self._websocket.resume_reading()

    def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._routes.pings.discard(self)
        self._routes.pongs.discard(self)
        self._routes.tasks.start(self._finish(), "close plain websocket")

    async def _finish(self) -> None:
        """Leave, once the operations that came are answered."""
        self._connection.leave_all()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._lane.idle(), LAST_EVENTS_S)
        self._routes.service.closed(self._connection)
        self._routes.limits.leave_from(self._connection.transport)
