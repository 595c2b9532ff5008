"""What all namespaces share: who may connect, and one way for every event.

Method names mean nothing here. The stock `trigger_event` calls `on_<event>` for whatever event a client names; this one
hands every event to the dispatcher, which knows the operations. A client's event named `connect` is an unknown
operation like any other: clients' events come by `operation`, the server's own by `trigger_event`.
"""

from typing import Any, ClassVar

from socketio.exceptions import ConnectionRefusedError as SocketRefusedError

from server.contract.envelope import Envelope
from server.contract.errors import row_of
from server.dispatch import Dispatcher
from server.domain.errors import InvalidPayloadError, RealtimeError, UnauthenticatedError
from server.lanes import Lane, LaneDispatcher
from server.realtime.connections import SocketConnection
from server.realtime.sio import EnvelopeNamespace
from server.services.actor import Locale, find_locale
from server.services.connections import ConnectionService


class Lanes:
    """One lane for each Engine.IO session, shared by its namespaces."""

    def __init__(self) -> None:
        self._lanes: dict[str, tuple[Lane, set[str]]] = {}

    def enter(self, engine_sid: str, sid: str) -> None:
        """A namespace of the session was joined."""
        self._lanes.setdefault(engine_sid, (Lane(), set()))[1].add(sid)

    def leave(self, engine_sid: str, sid: str) -> None:
        """A namespace of the session was left; with the last, the lane goes."""
        _, members = self._lanes.get(engine_sid, (None, set()))
        members.discard(sid)
        if not members:
            self._lanes.pop(engine_sid, None)

    def of(self, engine_sid: str | None) -> Lane:
        """Return the session's lane."""
        found = self._lanes.get(engine_sid or "")
        return found[0] if found else Lane()


class Namespace(EnvelopeNamespace):
    """One of the four; subclasses name it and add what is special to it."""

    name: ClassVar[str]

    def __init__(
        self, dispatcher: Dispatcher, connections: ConnectionService, lanes: Lanes, default_locale: Locale
    ) -> None:
        super().__init__(self.name)
        self._dispatcher = dispatcher
        self._lane_dispatcher = LaneDispatcher(dispatcher, connections, default_locale)
        self._service = connections
        self._lanes = lanes
        self._default_locale = default_locale
        self._connections: dict[str, tuple[SocketConnection, str]] = {}

    async def trigger_event(self, event: str, *args: Any) -> Any:
        """Let a client in or out. Operations do not come this way (`operation`)."""
        sid = args[0]
        if event == "connect":
            await self._connect(sid, args[2] if len(args) > 2 else None)  # noqa: PLR2004 - sid, environ, auth
        elif event == "disconnect":
            self._disconnect(sid)

    async def operation(self, sid: str, name: object, arguments: list[Any]) -> Envelope:
        """Answer an operation in its turn."""
        connection, engine_sid = self._connections.get(sid, (None, None))
        if connection is None:
            return self._lane_dispatcher.refuse(None, UnauthenticatedError())
        if len(arguments) > 1:
            return self._lane_dispatcher.refuse(connection, InvalidPayloadError({"payload": ["More than one."]}))
        payload = arguments[0] if arguments else None
        return await self._lane_dispatcher.dispatch(self._lanes.of(engine_sid), connection, name, payload)

    def refuse(self, sid: str, error: Exception) -> Envelope:
        """Describe an error in the client's language."""
        return self._lane_dispatcher.refuse(self._connections.get(sid, (None, None))[0], error)

    async def on_connected(self, sid: str) -> None:
        """Send the first event, then whatever the namespace greets with."""
        connection, _ = self._connections.get(sid, (None, None))
        if connection is not None:
            self._service.welcome(connection)
            await self._greet(connection)

    async def _greet(self, connection: SocketConnection) -> None:
        """Nothing by default."""

    def _thread_id(self, _auth: dict[str, Any]) -> str | None:
        return None

    async def _connect(self, sid: str, auth: Any) -> None:
        given = auth if isinstance(auth, dict) else {}
        asked = find_locale(given.get("locale"))
        engine_sid = self.server.engine_sid_of(sid, self.name)
        try:
            if auth is not None and not isinstance(auth, dict):
                raise InvalidPayloadError({"auth": ["Not an object."]})  # noqa: TRY301
            connection = SocketConnection(self.server, sid, self.name, self._thread_id(given))
            await self._service.open(connection, given.get("token"), asked, self._default_locale)
        except Exception as error:  # noqa: BLE001 - told to the client below, whatever it is
            await self._refuse_connect(engine_sid, error, asked or self._default_locale)
            return
        self._connections[sid] = (connection, engine_sid)
        self._lanes.enter(engine_sid, sid)

    async def _refuse_connect(self, engine_sid: str, error: Exception, locale: Locale) -> None:
        envelope = self._dispatcher.refuse(error, locale, "connect")
        row = row_of(error)
        if row.retryable or not isinstance(error, RealtimeError):
            # The official client stays away after a CONNECT_ERROR; after a closed transport it comes back.
            await self.server.close_transport(engine_sid, row.close_code)
        raise SocketRefusedError(envelope["error"]["message"], envelope)

    def _disconnect(self, sid: str) -> None:
        connection, engine_sid = self._connections.pop(sid, (None, ""))
        if connection is not None:
            self._service.closed(connection)
            self._lanes.leave(engine_sid, sid)
