"""What all namespaces share: who may connect, and one way for every event.

Method names mean nothing here. The stock server calls `on_<event>` for whatever event a client names; ours hands every
event to `begin`, and so to the dispatcher, which knows the operations. A client's event named `connect` is an unknown
operation like any other.
"""

from typing import Any, ClassVar

from server.contract.envelope import Envelope
from server.contract.errors import SLOW_CONSUMER_CLOSE_CODE, row_of
from server.dispatch import Answer, ConnectionDispatcher, Dispatcher, is_concurrent
from server.domain.errors import InvalidPayloadError, RealtimeError
from server.realtime.connections import SocketConnection
from server.realtime.sio import EnvelopeNamespace
from server.services.actor import Locale, find_locale
from server.services.connections import ConnectionService


class Namespace(EnvelopeNamespace):
    """One of the four; subclasses name it and add what is special to it."""

    name: ClassVar[str]

    def __init__(self, dispatcher: Dispatcher, connections: ConnectionService, default_locale: Locale) -> None:
        super().__init__(self.name)
        self._dispatcher = dispatcher
        self._operations = ConnectionDispatcher(dispatcher, connections, default_locale)
        self._service = connections
        self._default_locale = default_locale
        self._connections: dict[str, SocketConnection] = {}

    def is_concurrent(self, name: object) -> bool:
        """Tell whether an operation may overlap others of its client."""
        return is_concurrent(name)

    def begin(self, sid: str, name: object, arguments: list[Any], answer: Answer) -> None:
        """Begin an operation in its turn."""
        if len(arguments) > 1:
            answer(self.refuse(sid, InvalidPayloadError({"payload": ["More than one."]})))
        else:
            self._operations.begin(self._connections.get(sid), name, arguments[0] if arguments else None, answer)

    def refuse(self, sid: str, error: Exception) -> Envelope:
        """Describe an error in the client's language."""
        return self._operations.refuse(self._connections.get(sid), error)

    async def on_connected(self, sid: str) -> None:
        """Send the first event, then whatever the namespace greets with."""
        connection = self._connections.get(sid)
        if connection is not None:
            await self._service.welcome(connection)
            recovery = self.server.recovery
            if recovery is not None and not await recovery.play(sid):
                await connection.close(SLOW_CONSUMER_CLOSE_CODE)
            await self._greet(connection)

    async def _greet(self, connection: SocketConnection) -> None:
        """Nothing by default."""

    def _thread_id(self, _auth: dict[str, Any]) -> str | None:
        return None

    async def let_in(self, sid: str, auth: Any) -> dict[str, Any] | None:
        """Let a client in; or return why not, as its CONNECT_ERROR packet is to say it."""
        given = auth if isinstance(auth, dict) else {}
        asked = find_locale(given.get("locale"))
        engine_sid = self.server.engine_sid_of(sid, self.name)
        connection: SocketConnection | None = None
        try:
            if auth is not None and not isinstance(auth, dict):
                raise InvalidPayloadError({"auth": ["Not an object."]})  # noqa: TRY301
            connection = SocketConnection(self.server, sid, self.name, self._thread_id(given))
            actor = await self._service.open(connection, given.get("token"), asked, self._default_locale)
            if self.server.recovery is not None:
                await self.server.recovery.begin(sid, self.name, actor.user_id, given)
        except Exception as error:  # noqa: BLE001 - told to the client, whatever it is
            if connection is not None:  # whatever it had entered by then
                self._service.closed(connection)
            return self._refusal(engine_sid, error, asked or self._default_locale)
        self._connections[sid] = connection
        return None

    def _refusal(self, engine_sid: str, error: Exception, locale: Locale) -> dict[str, Any]:
        envelope = self._dispatcher.refuse(error, locale, "connect")
        row = row_of(error)
        if row.retryable or not isinstance(error, RealtimeError):
            # The official client stays away after a CONNECT_ERROR; after a closed transport it comes back.
            self.server.close_transport(engine_sid, row.close_code)
        return {"message": envelope["error"]["message"], "data": envelope}

    def let_out(self, sid: str) -> None:
        """A client is gone."""
        connection = self._connections.pop(sid, None)
        if self.server.recovery is not None:
            self.server.recovery.lost(sid)
        if connection is not None:
            self._service.closed(connection)
