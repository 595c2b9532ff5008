"""Request schemas: defaults, rules over several fields, and nothing unknown."""

import uuid
from typing import Any

import pytest
from marshmallow import ValidationError

from server.contract.operations import OPERATIONS
from server.domain import commands
from server.domain.models import Subject

UUID = "0190a6c5-0000-7000-8000-000000000001"


def load(op: str, payload: Any) -> Any:
    """Turn a payload into its operation's command."""
    return OPERATIONS[op].request().load(payload)


def refused(op: str, payload: Any) -> set[str]:
    """Return the names of the fields for which a payload is refused."""
    with pytest.raises(ValidationError) as caught:
        load(op, payload)
    return set(caught.value.normalized_messages())


@pytest.mark.parametrize("op", OPERATIONS)
def test_unknown_field_is_refused_everywhere(op: str) -> None:
    """A misspelt option is told, never ignored."""
    assert "no_such_field" in refused(op, {"no_such_field": 1})


@pytest.mark.parametrize("op", OPERATIONS)
@pytest.mark.parametrize("payload", [[], [{}], "text", 1, True, 1.5])
def test_payload_that_is_no_object_is_refused_everywhere(op: str, payload: Any) -> None:
    """Whatever else JSON can hold."""
    assert refused(op, payload)


@pytest.mark.parametrize("op", OPERATIONS)
def test_request_has_a_field_for_each_of_its_command(op: str) -> None:
    """Schema and command are of one form, so that no field gets lost or stays unset."""
    schema = OPERATIONS[op].request()
    assert set(schema.fields) == set(schema.command.__dataclass_fields__)


@pytest.mark.parametrize("op", ["list_threads", "list_people", "list_notifications"])
def test_page_has_a_default_and_bounded_limit(op: str) -> None:
    """50 unless told otherwise, from 1 to 100."""
    assert (load(op, {}).limit, load(op, {}).cursor) == (50, None)
    assert load(op, {"limit": 100, "cursor": None}).limit == 100
    for limit in (0, 101, -1, "10", None, 1.0):
        assert refused(op, {"limit": limit}) == {"limit"}
    assert refused(op, {"cursor": "x" * 257}) == {"cursor"}


def test_ping_takes_a_hundred_heads() -> None:
    """And no more."""
    heads = {str(n): n for n in range(100)}
    assert load("ping", {"heads": heads, "timestamp": "t"}) == commands.Ping("t", heads)
    assert load("ping", {}) == load("ping", {"heads": None, "timestamp": None}) == commands.Ping()
    assert refused("ping", {"heads": {**heads, "one more": 1}}) == {"heads"}


def test_get_history_takes_one_anchor_at_most() -> None:
    """Two places at once are none."""
    for anchor in ("before_seq", "after_seq", "around_seq"):
        assert getattr(load("get_history", {"thread_id": "t", anchor: 0}), anchor) == 0
    both = {"thread_id": "t", "before_seq": 0, "after_seq": 0}
    assert refused("get_history", both) == {"before_seq", "after_seq"}
    assert load("get_history", {"thread_id": "t", "before_seq": 1, "after_seq": None}).before_seq == 1


def test_send_message_keeps_a_uuid_in_one_form() -> None:
    """However a UUID is written, it is the same message."""
    for written in (UUID, UUID.upper(), UUID.replace("-", "")):
        command = load("send_message", {"thread_id": "t", "content": " x ", "client_message_id": written})
        assert command == commands.SendMessage("t", " x ", UUID)


@pytest.mark.parametrize(
    "value", ["", "x", UUID[:-1], UUID + "0", 1, True, [UUID], b"0123456789abcdef", uuid.UUID(UUID)]
)
def test_send_message_with_another_client_id_is_refused(value: Any) -> None:
    """Only the text of a UUID."""
    payload = {"thread_id": "t", "content": "x", "client_message_id": value}
    assert refused("send_message", payload) == {"client_message_id"}


def test_send_message_without_its_fields_is_refused() -> None:
    """Each missing field is named; null is no content."""
    assert refused("send_message", {}) == {"thread_id", "content"}
    assert refused("send_message", {"thread_id": None, "content": None}) == {"thread_id", "content"}


def test_mark_as_read_needs_a_message_or_a_thread() -> None:
    """Either will do, both may be given."""
    assert refused("mark_as_read", {}) == {"message_id"}
    assert load("mark_as_read", {"thread_id": "t"}) == commands.MarkRead("t", None)
    assert load("mark_as_read", {"message_id": "m"}) == commands.MarkRead(None, "m")
    assert load("mark_as_read", {"thread_id": "t", "message_id": "m"}) == commands.MarkRead("t", "m")


def test_mark_messages_read_takes_a_hundred() -> None:
    """At least one, at most a hundred."""
    assert len(load("mark_messages_read", {"message_ids": [str(n) for n in range(100)]}).message_ids) == 100
    assert refused("mark_messages_read", {"message_ids": []}) == {"message_ids"}
    assert refused("mark_messages_read", {"message_ids": [str(n) for n in range(101)]}) == {"message_ids"}


def test_mark_delivered_counts_from_one() -> None:
    """There is no message 0."""
    assert load("mark_delivered", {"thread_id": "t", "seq": 1}) == commands.MarkDelivered("t", 1)
    assert refused("mark_delivered", {"thread_id": "t", "seq": 0}) == {"seq"}


@pytest.mark.parametrize("op", ["create_thread", "open_thread"])
def test_create_thread_reads_its_subject(op: str) -> None:
    """What it is about, with links that are safe to open."""
    subject = {"type": "property", "id": "7", "title": "A flat", "url": "/p/7"}
    command = load(op, {"kind": "direct", "participant_ids": [2], "subject": subject})
    assert command == commands.CreateThread("direct", ("2",), None, Subject("property", "7", "A flat", "/p/7"))
    unsafe = {"kind": "direct", "participant_ids": [2], "subject": {**subject, "url": "javascript:x", "colour": 1}}
    with pytest.raises(ValidationError) as caught:
        load(op, unsafe)
    assert set(caught.value.normalized_messages()["subject"]) == {"url", "colour"}


def test_create_thread_of_the_wrong_kind_is_refused() -> None:
    """Only the two kinds, and somebody to talk to."""
    assert refused("create_thread", {"kind": "channel", "participant_ids": []}) == {"kind", "participant_ids"}
    too_many = {"kind": "group", "participant_ids": list(range(5_001))}
    assert refused("create_thread", too_many) == {"participant_ids"}


@pytest.mark.parametrize(
    ("target", "good"),
    [
        ({}, False),
        ({"user_id": 1}, True),
        ({"user_ids": [1, 2]}, True),
        ({"thread_id": "t"}, True),
        ({"user_id": 1, "user_ids": None, "thread_id": None}, True),
        ({"user_id": 1, "thread_id": "t"}, False),
        ({"user_id": 1, "user_ids": [1]}, False),
        ({"user_ids": []}, False),
    ],
)
def test_notify_needs_exactly_one_kind_of_addressee(target: dict[str, Any], *, good: bool) -> None:
    """One user, several, or a thread."""
    payload = {"title": "t", "message": "m", **target}
    if good:
        assert load("notify", payload).priority == "medium"
    else:
        assert refused("notify", payload) <= {"user_id", "user_ids"}


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({}, "jti"),
        ({"jti": "a", "user_id": 1}, "jti"),
        ({"jti": "a", "issued_before": "2025-01-01T00:00:00Z"}, "issued_before"),
        ({"issued_before": "2025-01-01T00:00:00Z"}, "jti"),
        ({"jti": "x" * 257}, "jti"),
    ],
)
def test_revoke_tokens_of_nothing_or_two_things_is_refused(payload: dict[str, Any], field: str) -> None:
    """A token or a user; a moment goes with a user only."""
    assert refused("revoke_tokens", payload) == {field}


def test_revoke_tokens_reads_its_target() -> None:
    """Either form becomes its command."""
    assert load("revoke_tokens", {"jti": "a"}) == commands.RevokeTokens("a", None, None)
    timed = {"user_id": 1, "issued_before": "1970-01-01T00:00:01Z"}
    assert load("revoke_tokens", timed) == commands.RevokeTokens(None, "1", 1_000)


def test_put_user_takes_safe_links_and_known_locales_only() -> None:
    """What others will see or open."""
    payload = {"user_id": 1, "display_name": "Ana", "avatar_url": "//evil", "locale": "fr"}
    assert refused("put_user", payload) == {"avatar_url", "locale"}
    assert refused("put_user", {"user_id": 1, "display_name": "x" * 201}) == {"display_name"}


def test_put_user_tells_a_locale_of_null_from_none() -> None:
    """Left out it stays as it is; null takes it away."""
    person = {"user_id": 1, "display_name": "Ana"}
    assert load("put_user", person).locale is commands.UNSET
    assert load("put_user", {**person, "locale": None}).locale is None


def test_update_settings_names_what_is_changed_alone() -> None:
    """One at least; null is a value of the locale only."""
    assert load("update_settings", {"sound": False, "locale": None}).changes == {"sound": False, "locale": None}
    assert refused("update_settings", {}) == {"locale"}
    assert refused("update_settings", {"push_preview": None, "sound": 0}) == {"push_preview", "sound"}
