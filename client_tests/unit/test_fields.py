"""Fields: what each takes of all that JSON can hold, and what it gives back."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError, fields

from client_tests.push import KEY, base64url
from server.contract.fields import (
    MAX_INT,
    Choice,
    Flag,
    Id,
    Int,
    Link,
    PushAuth,
    PushEndpoint,
    PushKey,
    Revisions,
    Scalar,
    Text,
    Timestamp,
    Tuple,
    UserId,
    rfc3339,
)

Field = fields.Field[Any]

NOT_TEXT = [None, 1, 1.5, True, b"bytes", [], {}, ["a"]]
UNSTORABLE = ["\x00", "a\x00b", "\ud800", "a\udfffb"]


def refused(field: Field, value: Any) -> list[str]:
    """Return why a field refuses a value; the test fails if it does not."""
    with pytest.raises(ValidationError) as caught:
        field.deserialize(value)
    return list(caught.value.messages)


@pytest.mark.parametrize("value", [*NOT_TEXT, *UNSTORABLE, "", " ", "\n\t\u2003"])
def test_text_of_the_wrong_kind_is_refused(value: Any) -> None:
    """Neither other types, nor what a database cannot store, nor blanks."""
    assert refused(Text(), value)


@pytest.mark.parametrize("value", ["a", " a ", "ñ", "👩‍👩‍👧", "\u202e", "\x01", "<script>", "'; --", "\U0010ffff"])
def test_text_is_given_back_as_it_came(value: str) -> None:
    """Nothing is trimmed or normalised."""
    assert Text().deserialize(value) == value


def test_text_counts_code_points() -> None:
    """The limit is in code points, whatever a character takes in UTF-16 or bytes."""
    assert Text(max_chars=3).deserialize("👩👩👩")
    assert refused(Text(max_chars=3), "abcd") == ["Longer than 3 characters."]
    assert Text(blank=True).deserialize("") == ""


@pytest.mark.parametrize("value", [*NOT_TEXT, *UNSTORABLE, "", "x" * 65])
def test_id_of_the_wrong_kind_is_refused(value: Any) -> None:
    """An id is short text."""
    assert refused(Id(), value)
    assert Id().deserialize("x" * 64)


@pytest.mark.parametrize(
    ("value", "inside", "outside"),
    [
        (0, "0", 0),
        (42, "42", 42),
        ("42", "42", 42),
        (10**15 - 1, "999999999999999", 10**15 - 1),
        (str(10**15), "1000000000000000", "1000000000000000"),
        ("042", "042", "042"),
        ("-1", "-1", "-1"),
        ("1.0", "1.0", "1.0"),
        (" 42", " 42", " 42"),
        ("42\n", "42\n", "42\n"),
        ("٤٢", "٤٢", "٤٢"),
        ("ana@example.com", "ana@example.com", "ana@example.com"),
    ],
)
def test_user_id_is_a_number_where_it_looks_like_one(value: Any, inside: str, outside: Any) -> None:
    """Both forms come in, text is kept inside, and only small plain numbers go out as numbers."""
    field = UserId()
    assert field.deserialize(value) == inside
    sent = field.serialize("id", {"id": inside})
    assert sent == outside
    assert type(sent) is type(outside)


@pytest.mark.parametrize("value", [-1, 10**15, 1.0, True, False, b"1", "", " ", *UNSTORABLE, "x" * 129, [1], None])
def test_user_id_of_the_wrong_kind_is_refused(value: Any) -> None:
    """Booleans and fractions are no numbers, and too large ones would not survive JSON."""
    assert refused(UserId(), value)


def test_user_id_of_nobody_is_null() -> None:
    """A message of the system has no sender."""
    assert UserId().serialize("id", {"id": None}) is None


@pytest.mark.parametrize("value", [True, False, "1", 1.0, 1.5, b"1", None, [], {}, float("nan"), float("inf")])
def test_int_of_another_type_is_refused(value: Any) -> None:
    """Only a JSON integer is one."""
    assert refused(Int(), value)


@pytest.mark.parametrize("value", [-1, 2**53, 2**63, 10**30])
def test_int_out_of_range_is_refused(value: int) -> None:
    """Nothing below 0, and nothing that a JSON reader may round."""
    assert refused(Int(), value) == [f"Must be from 0 to {MAX_INT}."]


def test_int_within_bounds_is_taken() -> None:
    """Both ends belong to the range."""
    assert [Int().deserialize(value) for value in (0, 2**53 - 1)] == [0, 2**53 - 1]
    assert [Int(minimum=1, maximum=100).deserialize(value) for value in (1, 100)] == [1, 100]
    assert refused(Int(minimum=1, maximum=100), 0)
    assert refused(Int(minimum=1, maximum=100), 101)


@pytest.mark.parametrize("value", [0, 1, "true", "yes", "on", None, []])
def test_flag_of_another_type_is_refused(value: Any) -> None:
    """Only JSON true and false are flags."""
    assert refused(Flag(), value)
    assert [Flag().deserialize(value) for value in (True, False)] == [True, False]


@pytest.mark.parametrize("value", [1, -1.5, True, "", "x" * 256, "\n"])
def test_scalar_is_given_back_as_it_came(value: Any) -> None:
    """Type and value stay."""
    given_back = Scalar().deserialize(value)
    assert (given_back, type(given_back)) == (value, type(value))


@pytest.mark.parametrize("value", [[], {}, [1], b"x", "x" * 257, None])
def test_scalar_of_another_kind_is_refused(value: Any) -> None:
    """No lists, no objects, no long text; null only where it is allowed."""
    assert refused(Scalar(), value)


@pytest.mark.parametrize("value", ["A", "c", "a ", "", None, 1, ["a"]])
def test_choice_outside_the_words_is_refused(value: Any) -> None:
    """Exactly one of the words."""
    assert refused(Choice("a", "b"), value)
    assert Choice("a", "b").deserialize("b") == "b"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2025-01-01T12:00:00Z", 1_735_732_800_000),
        ("2025-01-01t12:00:00z", 1_735_732_800_000),
        ("2025-01-01T14:00:00+02:00", 1_735_732_800_000),
        ("2025-01-01T12:00:00.001Z", 1_735_732_800_001),
        ("2025-01-01T12:00:00.9999999Z", 1_735_732_800_999),
        ("2024-02-29T00:00:00-00:30", 1_709_166_600_000),
    ],
)
def test_timestamp_of_rfc3339_is_milliseconds(value: str, expected: int) -> None:
    """Any zone, any fraction; what is finer than a millisecond is cut off."""
    assert Timestamp().deserialize(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 0, 1_735_732_800, "", "now", "2025-01-01", "2025-01-01T12:00:00", "2025-01-01T12:00Z"),
        *("2025-02-29T00:00:00Z", "2025-13-01T00:00:00Z", "2025-01-01T25:00:00Z", "20250101T120000Z"),
        *("2025-W01-1T00:00:00Z", "2025-01-01T12:00:00+0200", "2025-01-01T12:00:00+24:00", "0000-01-01T00:00:00Z"),
        *("2025-01-01 12:00:00Z", "2025-01-01T12:00:60Z"),
        *(
            "10000-01-01T00:00:00Z",
            "2025-01-01T12:00:00Z\n",
            "\uff12\uff10\uff12\uff15-01-01T12:00:00Z",
            "2025-01-01T12:00:00 Z",
        ),
        *([], {}, b"2025-01-01T12:00:00Z"),
    ],
)
def test_timestamp_of_another_form_is_refused(value: Any) -> None:
    """RFC 3339 with a zone, nothing else that ISO 8601 allows."""
    assert refused(Timestamp(), value)


@given(st.integers(0, 253_402_300_799_999))
def test_timestamp_round_trip_is_exact(ms: int) -> None:
    """What was written is read as the same millisecond, up to the year 9999."""
    text = rfc3339(ms)
    assert Timestamp().deserialize(text) == ms
    assert datetime.fromisoformat(text) == datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)
    assert len(text) == len("2025-01-01T12:00:00.000Z")


@pytest.mark.parametrize(
    "value",
    [
        "/",
        "/threads/1?a=b#c",
        "https://example.com",
        "HTTP://example.com:8000/ñ",
        "https://user@example.com/",
        "/@evil",
    ],
)
def test_link_that_is_safe_is_taken(value: str) -> None:
    """A path of one's own, or http(s)."""
    assert Link().deserialize(value) == value


@pytest.mark.parametrize(
    "value",
    [
        *("//evil.com", "///evil.com", "/\\evil.com", "\\\\evil.com", "/a\\b", "https:\\\\evil.com", "/\t/evil.com"),
        *("javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd"),
        *("java\nscript:alert(1)", " javascript:alert(1)", " https://a", "https://a b", "/a\nb", "/a\x7fb", "/a\x1bb"),
        *("http:evil.com", "https:/evil.com", "https://", "http:///x", "https://?q", "relative", "mailto:a@b", "#x"),
        *("/" + "x" * 2048, "/\x00", "/\ud800", "", None, 1, ["/"]),
    ],
)
def test_link_that_is_not_is_refused(value: Any) -> None:
    """No scheme but http(s), no host by the back door, no control characters."""
    assert refused(Link(), value)


def test_tuple_keeps_order_without_repetitions() -> None:
    """A list becomes a tuple; one user named twice, in whatever form, is one."""
    assert Tuple(UserId()).deserialize([2, "1", "2", 1]) == ("2", "1")


@pytest.mark.parametrize("value", [[], [1] * 4, "ab", None, 1, {"a": 1}, {}, [None], [[1]]])
def test_tuple_of_the_wrong_kind_or_size_is_refused(value: Any) -> None:
    """Only a list, within bounds (counted as sent), of what its inner field takes."""
    assert refused(Tuple(UserId(), maximum=3), value)


@pytest.mark.parametrize(
    "value", [None, [], "a", 1, {"a": -1}, {"a": 2**53}, {"a": "1"}, {"a": True}, {"a": None}, {"": 1}, {1: 1}]
)
def test_revisions_of_the_wrong_kind_are_refused(value: Any) -> None:
    """Only an object of revisions by thread id."""
    assert refused(Revisions(maximum=2), value)


def test_revisions_within_the_maximum_are_taken() -> None:
    """As many as allowed, and 0 for a thread of which nothing is known."""
    assert Revisions(maximum=2).deserialize({"a": 0, "b": 7}) == {"a": 0, "b": 7}
    assert Revisions(maximum=2).deserialize({}) == {}
    assert refused(Revisions(maximum=2), {"a": 0, "b": 0, "c": 0})


@pytest.mark.parametrize(
    "value",
    [
        "https://fcm.googleapis.com/fcm/send/abc:APA91b-_x%3D?y=z",
        "https://updates.push.services.mozilla.com/wpush/v2/gAAAA",
        "https://web.push.apple.com:443/QGx",
        "HTTPS://Push.Example.COM/x",
        "https://8.8.8.8/x",
        "https://[2606:4700::1111]/x",
    ],
)
def test_push_endpoint_of_a_public_push_service_is_taken(value: str) -> None:
    """As it is: not a character may change, or the push service does not know it."""
    assert PushEndpoint().deserialize(value) == value


@pytest.mark.parametrize(
    "value",
    [
        *NOT_TEXT,
        *UNSTORABLE,
        *(
            "",
            " ",
            "push.example.com",
            "/push",
            "//push.example.com/x",
            "https://",
            "https:///x",
            "https:push.example.com",
        ),
        *("http://push.example.com/x", "wss://push.example.com/x", "file:///etc/passwd", "javascript:alert(1)"),
        *("https://user@push.example.com/x", "https://u:p@push.example.com/x", "https://@push.example.com/x"),
        *("https://push.example.com:8443/x", "https://push.example.com:80/x", "https://push.example.com:x/"),
        *("https://push.example.com:65537/", "https://[::1/x", "https://push.example.com/x#y"),
        *("https://localhost/x", "https://db/x", "https://db.internal/x", "https://printer.local/x"),
        *("https://127.0.0.1/x", "https://127.1/x", "https://0x7f.0.0.1/x", "https://2130706433/x", "https://0/x"),
        *("https://10.0.0.1/x", "https://169.254.169.254/latest", "https://[::1]/x", "https://[::ffff:10.0.0.1]/x"),
        *("https://push.example.com\\@127.0.0.1/", "https://push.example.com /x", "https://push.example.com/\n"),
        *("https://push.example.com/ñ", "https://püsh.example.com/", "https://push.example.com\t/"),
        "https://push.example.com/" + "x" * 2_048,
    ],
)
def test_push_endpoint_that_the_server_must_not_call_is_refused(value: Any) -> None:
    """Who subscribes chooses what the server calls: nothing but a public push service by https."""
    assert refused(PushEndpoint(), value)


POINT = KEY.public
AUTH = base64url(bytes(range(16)))


def test_push_keys_are_given_back_without_padding() -> None:
    """Browsers write them either way."""
    for field, text in ((PushKey(), POINT), (PushAuth(), AUTH)):
        assert field.deserialize(text) == text
        assert field.deserialize(text + "=" * (-len(text) % 4)) == text


@pytest.mark.parametrize(
    "value",
    [
        *NOT_TEXT,
        *("", "=", "a", "a b", "á" * 87, POINT[:-1], POINT + "A", POINT.replace(POINT[0], "+", 1), f" {POINT}"),
        *(base64url(b"\x04" + b"\x01" * 64), base64url(b"\x02" + b"\x01" * 32), base64url(b"\x00"), "A" * 129),
    ],
)
def test_push_key_that_is_no_point_of_the_curve_is_refused(value: Any) -> None:
    """Nothing could be encrypted with it, and a point off the curve is an attack."""
    assert refused(PushKey(), value)


@pytest.mark.parametrize("value", [*NOT_TEXT, "", AUTH[:-2], AUTH + "AAAA", "A" * 129, base64url(b"x" * 17)])
def test_push_auth_that_is_not_16_bytes_is_refused(value: Any) -> None:
    """As RFC 8291 has it."""
    assert refused(PushAuth(), value)
