"""Compiled schemas do what marshmallow does: the same values, the same refusals, the same answers."""

import hashlib
import inspect
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType, SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import Schema, ValidationError, fields, post_dump, post_load, pre_load, validates, validates_schema
from marshmallow.schema import SchemaMeta

from client_tests.push import KEY, base64url
from server.contract import fields as own
from server.contract import schemas
from server.contract.events import EVENTS, render
from server.contract.operations import OPERATIONS, Operation
from server.contract.quick import dumper, loader
from server.contract.requests import ClientMessageId, RequestSchema, SendMessageRequest, ThreadRequest
from server.domain import events, results
from server.domain.commands import SendMessage
from server.domain.models import (
    Device,
    Message,
    Notification,
    Participant,
    Preferences,
    Presence,
    PushNote,
    Receipt,
    Subject,
    Thread,
    User,
)

NOW = 1_750_000_000_123

# --- What comes in

WRONG = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        -1,
        1,
        2**53,
        10**400,
        1.5,
        float("nan"),
        "",
        " ",
        "\x00",
        "a\x00b",
        "\ud800",
        "a\udfffb",
        "x" * 300,
        "x" * 9_000,
        b"bytes",
        [],
        [None],
        [[]],
        [1] * 101,
        ["a", "a"],
        ["\x00"],
        {},
        {"a": 1},
        {"a": {"a": None}},
        {"x" * 65: 1},
        {"a": "\ud800"},
        "javascript:alert(1)",
        "2025-01-01T12:00:00",
        str(uuid.UUID(int=7)),
        object(),
    ]
)
UUIDS = st.uuids().flatmap(
    lambda value: st.sampled_from([str(value), str(value).upper(), value.hex, f"{{{value}}}", f"urn:uuid:{value}"])
)
WORDS = st.text(alphabet="abñ👩 0/", min_size=1, max_size=8).filter(str.strip)
USER_IDS = st.one_of(WORDS, st.integers(0, 10**15 - 1), st.sampled_from(["007", "7", 10**15, -1]))
LINKS = st.sampled_from(["/a", "https://example.org/?q#f", "HTTP://a", "//a", "/a b"])
INSTANTS = st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat) | st.just("2025-01-01T12:00:00.5-05:00")
ENDPOINTS = st.sampled_from(["https://push.example.com/a", "https://push.example.com:444/a", "http://push.example.com"])


def right(field: Any) -> st.SearchStrategy[Any]:
    """Return values that a field takes, nearly always."""
    if isinstance(field, fields.Nested):
        return payloads(field.schema)
    if isinstance(field, own.Tuple):
        return st.lists(right(field.inner), min_size=1, max_size=3).flatmap(lambda items: st.just(items + items[:1]))
    if isinstance(field, own.Choice):
        return st.sampled_from(field.choices)
    if isinstance(field, own.Int):
        return st.integers(field.minimum, field.maximum)
    by_type: Mapping[type, st.SearchStrategy[Any]] = {
        ClientMessageId: UUIDS,
        own.Id: WORDS,
        own.Text: WORDS,
        own.UserId: USER_IDS,
        own.Link: LINKS,
        own.Flag: st.booleans(),
        own.Scalar: st.one_of(WORDS, st.integers(), st.floats(), st.booleans()),
        own.Timestamp: INSTANTS,
        own.Revisions: st.dictionaries(WORDS, st.integers(0, 2**53 - 1), max_size=3),
        own.PushEndpoint: ENDPOINTS,
        own.PushKey: st.just(KEY.public),
        own.PushAuth: st.binary(min_size=16, max_size=16).map(base64url),
    }
    return by_type[type(field)]


def payloads(schema: Schema) -> st.SearchStrategy[dict[str, Any]]:
    """Return payloads that a schema takes, mostly: now and then a value, a key or what is missing is wrong."""
    parts = {field.data_key or name: field for name, field in schema.load_fields.items()}
    good = st.fixed_dictionaries(
        {key: right(field) for key, field in parts.items() if field.required},
        optional={key: st.none() | right(field) for key, field in parts.items() if not field.required},
    )
    keys = st.sampled_from([*parts, "unknown", "", "\ud800", "__class__", "command"])
    mistakes = st.one_of(st.just([]), st.lists(st.tuples(keys, st.just(...) | WRONG), max_size=2))
    return st.tuples(good, mistakes).map(lambda drawn: with_mistakes(*drawn))


def with_mistakes(payload: dict[str, Any], mistakes: list[tuple[str, Any]]) -> dict[str, Any]:
    """Set keys of a payload, or leave them out."""
    changed = dict(payload)
    for key, value in mistakes:
        if value is ...:
            changed.pop(key, None)
        else:
            changed[key] = value
    return changed


def outcome(load: Any, payload: Any) -> tuple[bool, str, Any]:
    """Return what loading comes to; by its `repr` too, since 1 equals True."""
    try:
        command = load(payload)
    except ValidationError as error:
        return False, repr(error.normalized_messages()), error.normalized_messages()
    return True, repr(command), command


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)
def test_loader_does_what_marshmallow_does(operation: Operation) -> None:
    """Every request, good or bad in any way, yields the same command, or the same messages."""
    schema = operation.request()
    load = loader(operation.request())
    seen: set[bool] = set()

    @settings(max_examples=40, deadline=None, derandomize=True, database=None)
    @given(payloads(schema))
    def check(payload: dict[str, Any]) -> None:
        expected = outcome(schema.load, payload)
        assert outcome(load, payload) == expected
        seen.add(expected[0])

    check()
    assert seen == {True, False}, "the payloads of this test are too good, or too bad"


def test_loader_refuses_what_is_no_object() -> None:
    """The messages are marshmallow's."""
    for operation in OPERATIONS.values():
        schema = operation.request()
        load = loader(schema)
        for payload in (None, True, 0, "", "{}", [], [{}], b"{}", object()):
            loaded = outcome(load, payload)
            assert loaded == outcome(schema.load, payload)
            assert not loaded[0]


def test_loader_takes_any_mapping() -> None:
    """A subclass of a dictionary, or another mapping, is read as well."""
    load = loader(ThreadRequest())

    class Odd(dict[str, Any]):
        """Not exactly a dictionary."""

    for payload in (Odd(thread_id="t"), MappingProxyType({"thread_id": "t"})):
        assert load(payload) == ThreadRequest().load({"thread_id": "t"})


def test_loader_changes_no_payload() -> None:
    """What came is left as it came."""
    payload = {"thread_id": "t", "content": "hi", "client_message_id": str(uuid.UUID(int=7)).upper()}
    before = dict(payload)
    loader(SendMessageRequest())(payload)
    assert payload == before


def test_good_payload_does_not_go_to_marshmallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else nothing is gained; a bad one does, for its messages."""
    schema = SendMessageRequest()
    load = loader(schema)
    asked: list[Any] = []
    monkeypatch.setattr(schema, "load", asked.append)
    assert load({"thread_id": "t", "content": "hi"}) == SendMessage("t", "hi", None)
    assert asked == []
    load({"thread_id": "t"})
    assert asked == [{"thread_id": "t"}]


def test_schema_with_hooks_is_left_to_marshmallow() -> None:
    """Whatever runs beside the fields is run."""

    class Before(ThreadRequest):
        """With a hook before."""

        @pre_load
        def before(self, data: Any, **_: Any) -> Any:
            """Change nothing."""
            return data

    class After(ThreadRequest):
        """With a hook after."""

        @post_load
        def after(self, data: Any, **_: Any) -> Any:
            """Change nothing."""
            return data

    class Whole(ThreadRequest):
        """With a rule for the whole."""

        @validates_schema
        def whole(self, data: Any, **_: Any) -> None:
            """Allow all."""

    class One(ThreadRequest):
        """With a rule for one field."""

        @validates("thread_id")
        def one(self, value: Any, data_key: str) -> None:
            """Allow all."""

    class Other(ThreadRequest):
        """With another way to make its command."""

        @post_load
        def make_command(self, data: Any, **_: Any) -> Any:
            """Make none."""
            return data

    for kind in (Before, After, Whole, One, Other):
        schema = kind()
        assert loader(schema) == schema.load, kind.__name__
    plain = ThreadRequest()
    assert loader(plain) != plain.load


def test_field_with_processors_is_read_in_full() -> None:
    """What is registered to be called before, after or to validate, is called."""

    def refuse(_value: Any) -> None:
        raise ValidationError("no")

    class Odd(RequestSchema):
        """Fields with more than a type."""

        command = SimpleNamespace
        before = own.Int(pre_load=[lambda value: value + 1])
        after = own.Int(post_load=[lambda value: value * 2])
        never = own.Int(validate=refuse)

    load, schema = loader(Odd()), Odd()
    assert load({"before": 1, "after": 2}) == schema.load({"before": 1, "after": 2}) == Odd.command(before=2, after=4)
    assert outcome(load, {"never": 1}) == outcome(schema.load, {"never": 1})


def test_load_default_may_be_a_function() -> None:
    """It is called for every payload."""

    class Listing(RequestSchema):
        """A default that must not be shared."""

        command = SimpleNamespace
        items = fields.Raw(load_default=list)

    load = loader(Listing())
    assert load({}).items == []
    assert load({}).items is not load({}).items


def test_no_request_uses_what_the_loader_does_not_know() -> None:
    """`attribute` of a field, and fields that are only dumped, have no place in a request."""
    for operation in OPERATIONS.values():
        schema = operation.request()
        assert schema.load_fields.keys() == schema.fields.keys()
        assert not any(field.attribute or field.dump_only for field in schema.fields.values())


# --- What goes out

TEXTS = st.text(max_size=12)
COUNTS = st.integers(0, 2**53 - 1)
TIMES = st.integers(0, 4_102_444_800_000)
IDS = st.one_of(st.sampled_from(["7", "0", "007", "999999999999999", "1" * 16, "-1", "user", "ñ", " 7"]), TEXTS)
MESSAGES = st.builds(
    Message,
    id=TEXTS,
    thread_id=TEXTS,
    seq=COUNTS,
    rev=COUNTS,
    kind=st.sampled_from(["user", "system"]),
    sender_id=st.none() | IDS,
    sender_name=st.none() | TEXTS,
    content=TEXTS,
    sent_at=TIMES,
    client_message_id=st.none() | TEXTS,
    is_read=st.booleans(),
)
PLACES = st.builds(
    Participant,
    user_id=IDS,
    display_name=TEXTS,
    avatar_url=st.none() | TEXTS,
    role=st.sampled_from(["owner", "member"]),
    read_seq=COUNTS,
    read_at=st.none() | TIMES,
    delivered_seq=COUNTS,
    delivered_at=st.none() | TIMES,
    joined_at=TIMES,
    rev=COUNTS,
)
THREADS = st.builds(
    Thread,
    id=TEXTS,
    kind=st.sampled_from(["direct", "group"]),
    title=st.none() | TEXTS,
    subject=st.none() | st.builds(Subject, TEXTS, TEXTS, TEXTS, st.none() | TEXTS, st.none() | TEXTS),
    created_by=st.none() | IDS,
    created_at=TIMES,
    activity_at=TIMES,
    last_seq=COUNTS,
    rev=COUNTS,
    participant_count=COUNTS,
    participants=st.lists(PLACES, max_size=2).map(tuple),
    last_message=st.none() | MESSAGES,
    unread_count=COUNTS,
)

MESSAGE = Message("m", "t", 3, 4, "user", "7", "Ana", "hola", NOW, str(uuid.UUID(int=7)), is_read=True)
SYSTEM = Message("s", "t", 4, 5, "system", None, None, "came in", NOW)
PLACE = Participant("7", "Ana", None, "owner", 3, NOW, 3, NOW, NOW, 5)
OTHER = Participant("abc", "Bo", "/bo.png", "member", 0, None, 0, None, NOW, 6)
BARE = Thread("t", "direct", None, None, None, NOW, NOW, 0, 1, 2)
FULL = Thread(
    "t",
    "group",
    "Flat 7",
    Subject("property", "p", "Flat", "https://example.org/p", None),
    "7",
    NOW,
    NOW + 1,
    3,
    5,
    2,
    (PLACE, OTHER),
    MESSAGE,
    1,
)
RECEIPT = Receipt("t", "7", "Ana", 3, NOW, 3, NOW, 0, 5)
NO_RECEIPT = Receipt("t", "abc", "Bo", 0, None, 0, None, 4, 5)
UNREAD = Notification("n", "7", "title", "text", "urgent", None, NOW, 1)
CLEARED = Notification("n", "7", "title", "text", "low", "/a", NOW, 3, NOW + 1, NOW + 2)
NOBODY, ANA = User("8", ""), User("7", "Ana", "https://example.org/ana.png", "es", NOW)
SETTINGS = results.UserSettings(Preferences(), results.PushState(None, ()))
CHOSEN = results.UserSettings(
    Preferences("en", False, False, "urgent", False),
    results.PushState("key", (Device("d", None, NOW), Device("e", "Phone", NOW))),
)
HERE, NEVER_HERE = Presence("7", "Ana", "away", NOW), Presence("abc", "Bo", "offline", None)
CHANGES = results.ThreadChanges(5, FULL, (MESSAGE, SYSTEM), (RECEIPT, NO_RECEIPT), 1, removed=False, more=True)
CENTRE = results.NotificationChanges(3, (UNREAD, CLEARED), more=False, unread_count=1)

ANSWERS: Mapping[type[Schema], list[Any]] = {
    schemas.DoneSchema: [results.Done()],
    schemas.PingResultSchema: [results.PingResult(), results.PingResult(("t", "u"))],
    schemas.TokenAcceptedSchema: [results.TokenAccepted(NOW)],
    schemas.SyncResultSchema: [
        results.SyncResult(),
        results.SyncResult({"t": CHANGES, "u": results.ThreadChanges(0, removed=True)}, CENTRE),
    ],
    schemas.ThreadPageSchema: [
        results.ThreadPage((), None, 0),
        results.ThreadPage((FULL, BARE), "next", 3),
    ],
    schemas.ThreadSchema: [BARE, FULL],
    schemas.PeoplePageSchema: [results.PeoplePage((), None), results.PeoplePage((NOBODY, ANA), "next")],
    schemas.HistoryPageSchema: [
        results.HistoryPage((), has_more_before=False, has_more_after=False),
        results.HistoryPage((MESSAGE, SYSTEM), has_more_before=True, has_more_after=False),
    ],
    schemas.MessageSchema: [MESSAGE, SYSTEM],
    schemas.ReadPositionSchema: [results.ReadPosition("t", 3, 0)],
    schemas.DeliveredPositionSchema: [results.DeliveredPosition("t", 3)],
    schemas.NotificationPageSchema: [
        results.NotificationPage((), None, 0, 0),
        results.NotificationPage((UNREAD, CLEARED), "next", 1, 3),
    ],
    schemas.NotificationsUpdatedSchema: [results.NotificationsUpdated(1, 3)],
    schemas.NotifiedSchema: [results.Notified((UNREAD, CLEARED))],
    schemas.SettingsSchema: [SETTINGS, CHOSEN],
    schemas.DeviceSchema: [Device("d", None, NOW), Device("e", "Phone", NOW)],
    schemas.HeartbeatResultSchema: [results.HeartbeatResult(NOW), results.HeartbeatResult(NOW, 1.5)],
    schemas.PresenceListSchema: [results.PresenceList(()), results.PresenceList((HERE, NEVER_HERE))],
    schemas.UserSchema: [NOBODY, ANA],
    schemas.StatsSchema: [results.Stats(1, 2, 3, 4.5), results.Stats(1, 2, 3, 4)],
    schemas.PushPayloadSchema: [PushNote("message", "m", "t", "Ana", "hi", "/t", True, NOW, "es")],
}

HEARD: Mapping[str, list[Any]] = {
    "connection_established": [events.ConnectionEstablished("hello", "7", "s", NOW, 30, 5)],
    "connection_closing": [
        events.ConnectionClosing("draining", True, 1_000),
        events.ConnectionClosing("token_expired", False),
    ],
    "error": [
        SimpleNamespace(op="ping", code="c", message="m", details={"a": ["b"]}, retryable=False, request_id="r"),
    ],
    "pong": [events.Pong(None), events.Pong("t"), events.Pong(True)],
    "token_expiring": [events.TokenExpiring(NOW)],
    "new_message": [events.MessageSent(MESSAGE, ("7",)), events.MessageSent(SYSTEM, ())],
    "message_read_receipt": [
        events.MessagesRead(RECEIPT, ("l", "m"), ("7", "8")),
        events.MessagesRead(NO_RECEIPT, (), ("7",), private=True),
    ],
    "message_delivered_receipt": [events.MessagesDelivered(RECEIPT, ()), events.MessagesDelivered(NO_RECEIPT, ())],
    "thread_created": [events.ThreadCreated(FULL, ("7",)), events.ThreadCreated(BARE, ())],
    "typing_notification": [events.TypingChanged("t", "7", "Ana", True)],
    "user_updated": [events.UserUpdated(ANA, ("8",)), events.UserUpdated(NOBODY, ())],
    "user_status_update": [HERE, NEVER_HERE],
    "general_notification": [
        SimpleNamespace(**{name: getattr(CLEARED, name) for name in CLEARED.__slots__}, unread_count=1)
    ],
    "urgent_notification": [
        SimpleNamespace(**{name: getattr(UNREAD, name) for name in UNREAD.__slots__}, unread_count=1)
    ],
    "notification_updated": [
        events.NotificationUpdated("7", ("n",), False, NOW, None, 0, 2),
        events.NotificationUpdated("7", (), True, None, NOW, 0, 3),
    ],
    "service_degraded": [events.ServiceDegraded("cluster")],
    "service_restored": [events.ServiceRestored()],
    "settings_updated": [events.SettingsUpdated("7", SETTINGS), events.SettingsUpdated("7", CHOSEN)],
}

SCHEMAS = {schema.__name__: (schema, objects) for schema, objects in ANSWERS.items()} | {
    name: (EVENTS[name].schema, objects) for name, objects in HEARD.items()
}


def assert_dumps_alike(schema: Schema, value: Any) -> None:
    """Compare answers, and what they are as JSON (1 equals True, but is another word)."""
    dumped, expected = dumper(schema)(value), schema.dump(value)
    assert dumped == expected
    assert orjson.dumps(dumped, option=orjson.OPT_SORT_KEYS) == orjson.dumps(expected, option=orjson.OPT_SORT_KEYS)


def test_every_answer_and_event_has_an_example() -> None:
    """A new schema is to be tried here."""
    assert {operation.response for operation in OPERATIONS.values()} <= set(ANSWERS)
    assert HEARD.keys() == EVENTS.keys()


@pytest.mark.parametrize("name", SCHEMAS)
def test_dumper_does_what_marshmallow_does(name: str) -> None:
    """The same keys with the same values."""
    schema, objects = SCHEMAS[name]
    for value in objects:
        assert_dumps_alike(schema(), value)


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(MESSAGES, THREADS)
def test_dumper_does_what_marshmallow_does_for_any_message_and_thread(message: Message, thread: Thread) -> None:
    """Whatever ids, texts and times they hold."""
    assert_dumps_alike(schemas.MessageSchema(), message)
    assert_dumps_alike(schemas.ThreadSchema(), thread)


def test_dumper_leaves_mappings_to_marshmallow() -> None:
    """A dictionary is read by its keys, and what it does not hold is left out."""
    for value in ({"thread_id": "t"}, {"thread_id": "t", "read_seq": 1, "unread_count": 2, "odd": 3}, {}):
        assert_dumps_alike(schemas.ReadPositionSchema(), value)


def test_dumper_mixes_up_no_answers() -> None:
    """What it remembers of one object is not told of another, however alike, nor is anything left of a failure."""
    schema = schemas.MessageSchema()
    dump = dumper(schema)
    for message in (MESSAGE, MESSAGE, SYSTEM, MESSAGE, replace(MESSAGE, content="adiós"), MESSAGE, replace(MESSAGE)):
        assert dump(message) == schema.dump(message)
    with pytest.raises(AttributeError):
        dump(BARE)
    assert dump(SYSTEM) == schema.dump(SYSTEM)


def test_no_answer_has_hooks() -> None:
    """The dumper runs none."""
    waiting: list[type[Schema]] = [schema for schema, _ in SCHEMAS.values()]
    seen = set()
    while waiting:
        kind = waiting.pop()
        if kind in seen:
            continue
        seen.add(kind)
        assert not kind._hooks["pre_dump"]
        assert not kind._hooks["post_dump"]
        for field in kind().dump_fields.values():
            inner = field.inner if isinstance(field, fields.List) else field
            if isinstance(inner, fields.Nested):
                waiting.append(type(inner.schema))
    assert {schemas.ThreadSchema, schemas.MessageSchema, schemas.ParticipantSchema} <= seen


# --- What we rely on

# A digest of marshmallow's text in the pinned version. When one changes: read it, see that `contract/quick.py` still
# takes the same steps, then take over the digest that the failing test shows.
RELIED_ON = {
    fields.Field.deserialize: "9c693a134c082bdb",
    fields.Field._validate_missing: "e690b5e9cfa43d70",
    fields.Field.serialize: "0578e860c0a0f521",
    fields.Field._serialize: "90c6f6251e611a13",
    fields.Field.get_value: "e2998aa6ce9c6030",
    fields.Nested._serialize: "3757037695d7797c",
    fields.List._serialize: "504c1181504820c9",
    fields.Constant: "de9d6706de5a9286",
    SchemaMeta.resolve_hooks: "091daf8924f538b0",
    Schema._invoke_load_processors: "b0a1584f2707807a",
    Schema._deserialize: "4e0d764cb266da99",
    Schema._do_load: "85fa0007429d2312",
    Schema._serialize: "a7f7cb3e7de3bc41",
    Schema.dump: "c3ac5263c061b29e",
}


@pytest.mark.parametrize(("method", "digest"), RELIED_ON.items(), ids=lambda item: getattr(item, "__qualname__", ""))
def test_marshmallow_takes_the_steps_that_were_read(method: Any, digest: str) -> None:
    """The text is the one that was read when the compiled walk was written."""
    found = hashlib.sha256(inspect.getsource(method).encode()).hexdigest()[:16]
    assert found == digest, f"{method.__qualname__} changed: read it, then set its digest to {found}"


def test_hooks_of_a_schema_are_where_they_are_looked_for() -> None:
    """`Schema._hooks` lists, by kind, tuples that begin with a method's name."""

    class Hooked(RequestSchema):
        """One of each kind."""

        command = SimpleNamespace
        number = own.Int()

        @pre_load
        def before(self, data: Any, **_: Any) -> Any:
            """Change nothing."""
            return data

        @validates("number")
        def one(self, value: Any, data_key: str) -> None:
            """Allow all."""

        @validates_schema
        def whole(self, data: Any, **_: Any) -> None:
            """Allow all."""

        @post_dump
        def dumped(self, data: Any, **_: Any) -> Any:
            """Change nothing."""
            return data

    found = {kind: [name for name, *_ in hooks] for kind, hooks in Hooked._hooks.items() if hooks}
    assert found == {
        "pre_load": ["before"],
        "post_load": ["make_command"],
        "post_dump": ["dumped"],
        "validates": ["one"],
        "validates_schema": ["whole"],
    }


def test_a_message_is_rendered_once_for_its_event_and_its_answer() -> None:
    """The event of a message and the answer to its sender hold the very same rendering."""
    message = Message("m", "t", 1, 1, "user", "7", "Ana", "Hola", NOW)
    assert dumper(schemas.MessageSchema())(message) is render(events.MessageSent(message, ("7",)))[1]["message"]
