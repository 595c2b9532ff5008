"""The one way of an operation, whatever brought it: validate, call the service, answer with the envelope."""

import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from marshmallow import Schema, ValidationError
from prometheus_client import CollectorRegistry, Counter, Histogram

from server.contract.envelope import Envelope, failure, success
from server.contract.operations import OPERATIONS, Operation
from server.contract.requests import RequestSchema
from server.domain.errors import (
    ForbiddenError,
    InvalidPayloadError,
    RealtimeError,
    UnauthenticatedError,
    UnknownOperationError,
)
from server.services.actor import Actor, Locale
from server.services.connections import ConnectionService
from server.services.ports import Connection
from server.services.tasks import Tasks

Answer = Callable[[Envelope], None]
Handler = Callable[[Actor, Any], Awaitable[Any]]
CheckActor = Callable[[Actor], None]

HTTP = "http"
"""Where an operation is asked that comes over none of the namespaces."""

log = structlog.get_logger()


class Dispatcher:
    """Runs operations for the three transports."""

    def __init__(self, handlers: Mapping[str, Handler], check_actor: CheckActor, registry: CollectorRegistry) -> None:
        self._handlers = handlers
        self._check_actor = check_actor
        self._requests: Mapping[str, RequestSchema] = {name: row.request() for name, row in OPERATIONS.items()}
        self._responses: Mapping[str, Schema] = {name: row.response() for name, row in OPERATIONS.items()}
        self._answers = Counter(
            "verihome_operations", "Operations answered, by name and code.", ("op", "code"), registry=registry
        )
        self._latency = Histogram(
            "verihome_ack_seconds", "Time from an operation's arrival to its answer.", ("op",), registry=registry
        )

    async def dispatch(
        self, actor: Actor, name: object, payload: object, place: str, defaults: Mapping[str, Any] | None = None
    ) -> Envelope:
        """Answer an operation asked at a place (a namespace, or `HTTP`). Never raises.

        `defaults` are fields that the place implies, such as the thread of a thread's own route.
        """
        began = time.perf_counter()
        operation = OPERATIONS.get(name) if isinstance(name, str) else None
        label = operation.name if operation else "unknown"
        try:
            envelope = success(await self._run(actor, operation, payload, place, defaults))
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer
            envelope = self.refuse(error, actor.locale, label)
        self._answers.labels(label, "ok" if envelope["ok"] else envelope["error"]["code"]).inc()
        self._latency.labels(label).observe(time.perf_counter() - began)
        return envelope

    def refuse(self, error: BaseException, locale: Locale, op: str) -> Envelope:
        """Describe an error; one that nobody foresaw is logged with the id that the caller is shown."""
        request_id = uuid.uuid4().hex
        if not isinstance(error, RealtimeError):
            log.error("operation failed", op=op, request_id=request_id, exc_info=error)
        return failure(error, locale=locale, request_id=request_id)

    async def _run(
        self,
        actor: Actor,
        operation: Operation | None,
        payload: object,
        place: str,
        defaults: Mapping[str, Any] | None,
    ) -> Any:
        if operation is None or not _offered(operation, place):
            raise UnknownOperationError
        if operation.actor != actor.kind:
            raise ForbiddenError
        self._check_actor(actor)
        command = self._load(operation, payload, defaults)
        return self._responses[operation.name].dump(await self._handlers[operation.name](actor, command))

    def _load(self, operation: Operation, payload: object, defaults: Mapping[str, Any] | None) -> Any:
        if payload is None:
            payload = {}
        schema = self._requests[operation.name]
        if defaults and isinstance(payload, dict):
            implied = {key: value for key, value in defaults.items() if key in schema.fields}
            payload = {**implied, **payload}
        try:
            # What is no mapping is refused by marshmallow itself.
            return schema.load(payload)  # type: ignore[arg-type]
        except ValidationError as error:
            details = error.normalized_messages()  # type: ignore[no-untyped-call]
            raise InvalidPayloadError(details) from None


def _offered(operation: Operation, place: str) -> bool:
    return operation.http is not None if place == HTTP else place in operation.namespaces


class ConnectionDispatcher:
    """Dispatches the operations of connections; the same for Socket.IO and the plain WebSocket routes."""

    def __init__(
        self, dispatcher: Dispatcher, connections: ConnectionService, tasks: Tasks, default_locale: Locale
    ) -> None:
        self._dispatcher = dispatcher
        self._connections = connections
        self._tasks = tasks
        self._default_locale = default_locale

    def begin(self, connection: Connection | None, name: object, payload: object, answer: Answer) -> None:
        """Begin an operation in its turn; `answer` is called once. Never raises."""
        # Who it is, is asked when the turn comes: a token may have been refreshed before.
        actor = self._connections.actor_of(connection) if connection is not None else None
        if connection is None or actor is None:
            answer(self.refuse(connection, UnauthenticatedError()))
            return
        self._tasks.start(self._run(actor, connection, name, payload, answer), "operation")

    async def _run(self, actor: Actor, connection: Connection, name: object, payload: object, answer: Answer) -> None:
        answer(await self._dispatcher.dispatch(actor, name, payload, connection.namespace, connection.defaults))

    def refuse(self, connection: Connection | None, error: Exception) -> Envelope:
        """Describe an error in the language of a connection (the server's, if it is not let in or gone)."""
        actor = self._connections.actor_of(connection) if connection is not None else None
        return self._dispatcher.refuse(error, actor.locale if actor else self._default_locale, "")


def is_concurrent(name: object) -> bool:
    """Tell whether an operation may overlap others of its connection."""
    row = OPERATIONS.get(name) if isinstance(name, str) else None
    return row is not None and row.concurrent
