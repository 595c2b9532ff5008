"""The one way of an operation, whatever brought it: validate, call the service, answer with the envelope."""

import asyncio
import time
import uuid
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from marshmallow import ValidationError
from prometheus_client import CollectorRegistry, Counter, Histogram

from server.contract.envelope import Envelope, failure, success
from server.contract.operations import OPERATIONS, Operation
from server.contract.quick import Dump, Load, dumper, loader
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
Settle = Callable[[Any], None]
Handler = Callable[[Actor, Any], Any]
"""Returns the outcome, or a coroutine for it."""
SettlingHandler = Callable[[Actor, Any, Settle], None]
CheckActor = Callable[[Actor], None]

HTTP = "http"
"""Where an operation is asked that comes over none of the namespaces."""

_CONCURRENT = frozenset(name for name, row in OPERATIONS.items() if row.concurrent)

log = structlog.get_logger()


class Dispatcher:
    """Runs operations for the three transports.

    Most handlers are coroutines, and run as tasks. Those that have nothing to wait for just return the outcome. And
    `settling_handlers` take a callback: what happens most, the sending of messages, takes neither a task nor a future.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        settling_handlers: Mapping[str, SettlingHandler],
        check_actor: CheckActor,
        tasks: Tasks,
        registry: CollectorRegistry,
    ) -> None:
        self._handlers = handlers
        self._settling_handlers = settling_handlers
        self._check_actor = check_actor
        self._tasks = tasks
        self._ways = {
            name: _Way(row, frozenset(row.request().fields), loader(row.request()), dumper(row.response()))
            for name, row in OPERATIONS.items()
        }
        answers = Counter(
            "verihome_operations", "Operations answered, by name and code.", ("op", "code"), registry=registry
        )
        latency = Histogram(
            "verihome_ack_seconds", "Time from an operation's arrival to its answer.", ("op",), registry=registry
        )
        self._count_of = _Children(answers)
        self._latency_of = _Children(latency)

    async def dispatch(
        self, actor: Actor, name: object, payload: object, place: str, defaults: Mapping[str, Any] | None = None
    ) -> Envelope:
        """Answer an operation asked at a place (a namespace, or `HTTP`). Never raises.

        `defaults` are fields that the place implies, such as the thread of a thread's own route.
        """
        answered: asyncio.Future[Envelope] = asyncio.get_running_loop().create_future()

        def answer(envelope: Envelope) -> None:
            if not answered.done():  # who asked may have gone
                answered.set_result(envelope)

        self.begin(actor, name, payload, place, defaults, answer)
        return await answered

    def begin(
        self,
        actor: Actor,
        name: object,
        payload: object,
        place: str,
        defaults: Mapping[str, Any] | None,
        answer: Answer,
    ) -> None:
        """Begin an operation; `answer` is called once, at once or later. Never raises, never waits."""
        began = time.perf_counter()
        way = self._ways.get(name) if isinstance(name, str) else None
        settle = partial(self._settle, way, actor.locale, began, answer)
        try:
            if way is None or not _offered(way.row, place):
                raise UnknownOperationError  # noqa: TRY301 - answered as what handlers raise
            command = self._command(actor, way, payload, defaults)
            settling = self._settling_handlers.get(way.row.name)
            if settling is not None:
                settling(actor, command, settle)
                return
            outcome = self._handlers[way.row.name](actor, command)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer
            outcome = error
        if isinstance(outcome, Coroutine):
            self._tasks.start(_await(outcome, settle), "operation")
        else:
            settle(outcome)

    def refuse(self, error: BaseException, locale: Locale, op: str) -> Envelope:
        """Describe an error; one that nobody foresaw is logged with the id that the caller is shown."""
        request_id = uuid.uuid4().hex
        if not isinstance(error, RealtimeError):
            log.error("operation failed", op=op, request_id=request_id, exc_info=error)
        return failure(error, locale=locale, request_id=request_id)

    def _settle(self, way: "_Way | None", locale: Locale, began: float, answer: Answer, outcome: Any) -> None:
        envelope = self._envelope(way, locale, outcome)
        label = way.row.name if way else "unknown"
        self._count_of[label, "ok" if envelope["ok"] else envelope["error"]["code"]].inc()
        self._latency_of[(label,)].observe(time.perf_counter() - began)
        answer(envelope)

    def _envelope(self, way: "_Way | None", locale: Locale, outcome: Any) -> Envelope:
        if way is not None and not isinstance(outcome, BaseException):
            try:
                return success(way.dump(outcome))
            except Exception as error:  # noqa: BLE001 - the caller gets an answer
                outcome = error
        return self.refuse(outcome, locale, way.row.name if way else "unknown")

    def _command(self, actor: Actor, way: "_Way", payload: object, defaults: Mapping[str, Any] | None) -> Any:
        if way.row.actor != actor.kind:
            raise ForbiddenError
        self._check_actor(actor)
        if payload is None:
            payload = {}
        if defaults and isinstance(payload, dict):
            implied = {key: value for key, value in defaults.items() if key in way.fields}
            payload = {**implied, **payload}
        try:
            # What is no mapping is refused by marshmallow itself.
            return way.load(payload)
        except ValidationError as error:
            details = error.normalized_messages()  # type: ignore[no-untyped-call]
            raise InvalidPayloadError(details) from None


class ConnectionDispatcher:
    """Dispatches the operations of connections; the same for Socket.IO and the plain WebSocket routes."""

    def __init__(self, dispatcher: Dispatcher, connections: ConnectionService, default_locale: Locale) -> None:
        self._dispatcher = dispatcher
        self._connections = connections
        self._default_locale = default_locale

    def begin(self, connection: Connection | None, name: object, payload: object, answer: Answer) -> None:
        """Begin an operation in its turn; `answer` is called once. Never raises."""
        if connection is None:
            answer(self.refuse(connection, UnauthenticatedError()))
            return
        try:
            # Who it is, is asked when the turn comes: a token may have been refreshed before.
            actor = self._connections.admit(connection)
        except RealtimeError as error:
            answer(self.refuse(connection, error))
            return
        self._dispatcher.begin(actor, name, payload, connection.namespace, connection.defaults, answer)

    def refuse(self, connection: Connection | None, error: Exception) -> Envelope:
        """Describe an error in the language of a connection (the server's, if it is not let in or gone)."""
        actor = self._connections.actor_of(connection) if connection is not None else None
        return self._dispatcher.refuse(error, actor.locale if actor else self._default_locale, "")


def is_concurrent(name: object) -> bool:
    """Tell whether an operation may overlap others of its connection."""
    return isinstance(name, str) and name in _CONCURRENT


@dataclass(frozen=True, slots=True)
class _Way:
    """What is between an operation's row and its handler."""

    row: Operation
    fields: frozenset[str]
    load: Load
    dump: Dump


class _Children(dict[tuple[str, ...], Any]):
    """The children of a metric by their labels: finding them anew costs more than counting."""

    def __init__(self, metric: Counter | Histogram) -> None:
        super().__init__()
        self._metric = metric

    def __missing__(self, labels: tuple[str, ...]) -> Any:
        child = self[labels] = self._metric.labels(*labels)
        return child


async def _await(work: Coroutine[Any, Any, Any], settle: Settle) -> None:
    try:
        outcome = await work
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer
        outcome = error
    settle(outcome)


def _offered(operation: Operation, place: str) -> bool:
    return operation.http is not None if place == HTTP else place in operation.namespaces
