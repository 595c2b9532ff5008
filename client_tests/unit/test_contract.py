"""The tables and the code behind them: no operation without a handler, no event without a form and a place."""

from collections.abc import Iterator
from typing import Any

import pytest

from client_tests.harness import make_settings
from server.bootstrap import Container, build
from server.contract.events import EVENTS, render
from server.contract.operations import NAMESPACES, OPERATIONS
from server.contract.schemas import MessageSchema, dump_message
from server.domain import events
from server.domain.events import Event
from server.domain.models import (
    Device,
    Message,
    Notification,
    Participant,
    Preferences,
    Presence,
    Receipt,
    Thread,
    User,
)
from server.domain.results import PushState, UserSettings
from server.realtime.rooms import routes

NOW = 1_750_000_000_000
MESSAGE = Message("m", "t", 3, 4, "user", "7", "Ana", "hi", NOW)
RECEIPT = Receipt("t", "7", "Ana", 3, NOW, 3, NOW, 0, 5)
PLACE = Participant("7", "Ana", None, "owner", 3, NOW, 3, NOW, NOW, 5)
THREAD = Thread("t", "direct", None, None, "7", NOW, NOW, 3, 5, 2, (PLACE,), MESSAGE, 0)
NOTIFICATION = Notification("n", "7", "title", "text", "high", "/a", NOW, 1)

EXAMPLES: tuple[Event, ...] = (
    events.ConnectionEstablished("hello", "7", "s", NOW, 30, 5),
    events.ConnectionClosing("draining", True, 1_000),
    events.Pong("t"),
    events.TokenExpiring(NOW),
    events.OperationFailed("ping", {"code": "c", "message": "m", "details": {}, "retryable": False, "request_id": "r"}),
    events.MessageSent(MESSAGE, ("7", "8")),
    events.MessagesRead(RECEIPT, ("m",), ("7", "8")),
    events.MessagesRead(RECEIPT, (), ("7",), private=True),
    events.MessagesDelivered(RECEIPT, ("7", "8")),
    events.MessagesDelivered(RECEIPT, ("7",), private=True),
    events.ThreadCreated(THREAD, ("7", "8")),
    events.TypingChanged("t", "7", "Ana", True),
    events.UserUpdated(User("7", "Ana"), ("8",)),
    events.PresenceChanged(Presence("7", "Ana", "online", NOW), ("8",)),
    events.NotificationCreated(NOTIFICATION, 1),
    events.NotificationUpdated("7", ("n",), False, NOW, None, 0, 2),
    events.ServiceDegraded("cluster"),
    events.ServiceRestored(),
    events.SettingsUpdated("7", UserSettings(Preferences(), PushState("key", (Device("d", None, NOW),)))),
)

OWN_CONNECTION_ONLY = {
    events.ConnectionEstablished,
    events.ConnectionClosing,
    events.Pong,
    events.TokenExpiring,
    events.OperationFailed,
    events.ServiceDegraded,
    events.ServiceRestored,
}
PUBLISHED = tuple(event for event in EXAMPLES if type(event) not in OWN_CONNECTION_ONLY)


def name_of(event: Event) -> str:
    """Name a test's case."""
    return type(event).__name__


@pytest.fixture
async def container(sqlite_url: str) -> Any:
    """All parts of a process, not started."""
    parts: Container = build(make_settings({"DATABASE_URL": sqlite_url}))
    yield parts
    await parts.database.close()


async def test_every_operation_has_a_handler_and_every_handler_an_operation(container: Container) -> None:
    """The table and `bootstrap` name the same operations."""
    handlers, settling = container.dispatcher._handlers, container.dispatcher._settling_handlers
    assert {*handlers, *settling} == set(OPERATIONS)
    assert not handlers.keys() & settling.keys()


@pytest.mark.parametrize("row", OPERATIONS.values(), ids=lambda row: row.name)
def test_operation_can_be_asked_somewhere(row: Any) -> None:
    """Users ask on namespaces, services over HTTP; each has a summary for the documents."""
    assert row.namespaces <= set(NAMESPACES)
    assert bool(row.namespaces) == (row.actor == "user")
    assert row.summary.endswith(".")
    if row.http is not None:
        assert row.method in {"GET", "POST", "PUT", "PATCH", "DELETE"}
        assert row.path.startswith("/")
    else:
        assert row.actor == "user"


def test_no_two_operations_of_an_actor_share_a_route() -> None:
    """Method, path and actor decide."""
    routes_of = [(row.http, row.actor) for row in OPERATIONS.values() if row.http]
    assert len(set(routes_of)) == len(routes_of)


def test_path_fields_are_fields_of_the_request() -> None:
    """What a path names, its schema takes."""
    for row in OPERATIONS.values():
        named = {part[1:-1] for part in row.path.split("/") if part.startswith("{")}
        assert named <= set(row.request().fields), row.name


def all_events(kind: type[Event] = Event) -> Iterator[type[Event]]:
    """Walk down the tree of events."""
    for child in kind.__subclasses__():
        yield child
        yield from all_events(child)


def test_every_event_has_an_example_here() -> None:
    """So that the tests below leave none out. `@dataclass(slots=True)` makes each class anew: compare by name."""
    assert {name_of(event) for event in EXAMPLES} == {kind.__name__ for kind in all_events()} - {"UserDisconnected"}


@pytest.mark.parametrize("event", EXAMPLES, ids=name_of)
def test_render_gives_exactly_the_declared_keys(event: Event) -> None:
    """An event's payload has the keys of its schema, whatever is null in it."""
    name, payload = render(event)
    assert set(payload) == set(EVENTS[name].schema().fields)
    assert EVENTS[name].durable == ("rev" in payload or name in {"new_message", "thread_created"})


def test_render_knows_every_name_of_the_table() -> None:
    """No row of the table is without an event."""
    urgent = events.NotificationCreated(Notification("n", "7", "t", "m", "urgent", None, NOW, 1), 1)
    assert {render(event)[0] for event in (*EXAMPLES, urgent)} == set(EVENTS)


def test_render_between_processes_only_is_refused() -> None:
    """What is not for clients has no form on the wire, and no room."""
    with pytest.raises(KeyError):
        render(events.UserDisconnected("7"))
    with pytest.raises(TypeError):
        routes(events.UserDisconnected("7"))


@pytest.mark.parametrize("event", PUBLISHED, ids=name_of)
def test_routes_lead_where_the_table_says(event: Event) -> None:
    """An event is published to the namespaces of its row, and nobody's room is forgotten."""
    name, _ = render(event)
    found = routes(event)
    assert {namespace for namespace, _ in found} == set(EVENTS[name].namespaces)
    assert all(rooms for _, rooms in found)


@pytest.mark.parametrize("event", [event for event in EXAMPLES if type(event) in OWN_CONNECTION_ONLY], ids=name_of)
def test_routes_of_what_one_connection_is_told_are_refused(event: Event) -> None:
    """Nobody else may ever hear it."""
    with pytest.raises(TypeError):
        routes(event)


def test_routes_of_a_private_receipt_are_its_readers() -> None:
    """In a large thread nobody else hears it, not even in the thread's room."""
    private = events.MessagesRead(RECEIPT, (), ("7",), private=True)
    assert routes(private) == [("/messaging", ["user:7"]), ("/threads", ["user:7"])]


def test_message_has_all_keys_of_the_contract() -> None:
    """Keys of features to come are there from the first release, null or empty."""
    dumped = dump_message(MESSAGE)
    assert set(dumped) == set(MessageSchema().fields)
    assert dumped["sender_id"] == 7
    assert dumped["sent_at"] == "2025-06-15T15:06:40.000Z"
    later = ("edited_at", "deleted_at", "expires_at", "reply_to", "reactions", "attachments")
    assert [dumped[key] for key in later] == [None, None, None, None, [], []]
