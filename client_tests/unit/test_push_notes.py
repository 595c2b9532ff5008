"""What a push says: short, in the person's language, and as openly as they chose."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.contract.schemas import dump_push
from server.domain.models import Message, Notification, Preferences, ThreadKind
from server.services.push_notes import MAX_PAYLOAD_BYTES, note_of_message, note_of_notification, shorten

NOW = 1_750_000_000_000
THREAD = "01980000-0000-7000-8000-000000000001"
ENGLISH = Preferences(locale="en")
CLOSED = Preferences(push_preview=False)


def message(content: str = "Hola", sender: str | None = "Ana") -> Message:
    """Return a message."""
    sender_id = "7" if sender else None
    return Message("m", THREAD, 1, 2, "user" if sender else "system", sender_id, sender, content, NOW)


def notification(**values: Any) -> Notification:
    """Return a notification."""
    return Notification(
        **{
            "id": "n",
            "user_id": "1",
            "title": "Visita",
            "message": "A las 10",
            "priority": "high",
            "action_url": None,
            "created_at": NOW,
            "rev": 1,
            **values,
        }
    )


def test_note_of_a_message_has_all_that_a_service_worker_needs() -> None:
    """The whole payload, once."""
    assert dump_push(note_of_message(message(), ("direct", "Piso"), Preferences(), "es")) == {
        "type": "message",
        "id": "m",
        "thread_id": THREAD,
        "title": "Ana",
        "body": "Hola",
        "tag": "message:m",
        "url": f"/t/{THREAD}",
        "urgent": False,
        "timestamp": "2025-06-15T15:06:40.000Z",
        "locale": "es",
    }


@pytest.mark.parametrize(
    ("sender", "kind", "title", "expected"),
    [
        ("Ana", "direct", None, "Ana"),
        ("Ana", "group", None, "Ana"),
        ("Ana", "group", "Comunidad", "Ana · Comunidad"),
        (None, "group", "Comunidad", "Comunidad"),
        (None, "direct", "Piso en Ruzafa", "Piso en Ruzafa"),
        (None, "direct", None, "VeriHome"),
    ],
)
def test_title_of_a_message_names_sender_and_group(
    sender: str | None, kind: ThreadKind, title: str | None, expected: str
) -> None:
    """The system has no name: then the thread's stands for it."""
    assert note_of_message(message(sender=sender), (kind, title), Preferences(), "es").title == expected


def test_note_without_preview_tells_no_text() -> None:
    """Of a message only who wrote; of a notification not even the title."""
    hidden = note_of_message(message("secreto"), ("direct", None), CLOSED, "es")
    assert (hidden.title, hidden.body) == ("Ana", "Nuevo mensaje")
    assert note_of_message(message(), ("direct", None), CLOSED, "en").body == "New message"
    hidden = note_of_notification(notification(), CLOSED, "es")
    assert (hidden.title, hidden.body) == ("VeriHome", "Nueva notificación")
    english = Preferences(locale="en", push_preview=False)
    assert note_of_notification(notification(), english, "es").body == "New notification"


def test_note_speaks_the_persons_language_else_the_servers() -> None:
    """Which one it is, the service worker is told."""
    assert note_of_message(message(), ("direct", None), ENGLISH, "es").locale == "en"
    assert note_of_notification(notification(), Preferences(), "es").locale == "es"


def test_note_of_a_notification_opens_its_address() -> None:
    """The app itself, if there is none or it is too long to send."""
    shown = note_of_notification(notification(action_url="/avisos/1", priority="urgent"), Preferences(), "es")
    assert (shown.title, shown.body, shown.url, shown.urgent) == ("Visita", "A las 10", "/avisos/1", True)
    assert (shown.tag, shown.thread_id) == ("notification:n", None)
    assert note_of_notification(notification(), Preferences(), "es").url == "/"
    assert note_of_notification(notification(action_url="/" + "ñ" * 500), Preferences(), "es").url == "/"


FAMILY = "👩‍👩‍👧"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("short", "short"),
        ("1234567890", "1234567890"),
        ("12345678901", "123456789…"),
        ("12345678 01", "12345678…"),
        ("12345678e\u0301xx", "12345678…"),
        ("1234567" + FAMILY + "xx", "1234567…"),
        ("12345678👍🏽xx", "12345678…"),
        ("12345678🇪🇸xx", "12345678…"),
        ("\u0301" * 20, "\u0301" * 9 + "…"),
        ("a\r\n\tb\x00\x1b", "a \n b"),
    ],
)
def test_shorten_cuts_between_characters(text: str, expected: str) -> None:
    """Ten code points at most, the ellipsis among them; nobody sees half an accent, flag or family."""
    assert shorten(text, 10) == expected


@given(st.text(max_size=400), st.text(max_size=400), st.text(max_size=2_048))
def test_payload_is_never_longer_than_push_services_take(title: str, text: str, url: str) -> None:
    """Whatever people write; a push that is too long would be refused as a whole."""
    long = note_of_notification(notification(title=title, message=text, action_url="/" + url), Preferences(), "es")
    group = note_of_message(message(text, title), ("group", title), Preferences(), "es")
    for note in (long, group):
        assert len(json.dumps(dump_push(note), ensure_ascii=False).encode()) <= MAX_PAYLOAD_BYTES
