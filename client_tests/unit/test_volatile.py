"""Which events are volatile, and when one makes another superfluous."""

import orjson
import pytest

from server.contract.events import EVENTS
from server.realtime.frames import Encoded
from server.realtime.volatile import HeldBack, volatile_key

TYPING = {"user_id": 1, "user_name": "Ana", "thread_id": "t", "is_typing": True}
PRESENCE = {"user_id": 1, "user_name": "Ana", "is_online": True, "last_seen": None, "state": "online"}


def key(event: str, payload: object) -> str | None:
    """Return the key of an event."""
    return volatile_key(event, orjson.dumps(payload))


def test_no_durable_event_is_volatile() -> None:
    """What has a `rev` is never left out."""
    volatile = {row.name for row in EVENTS.values() if row.newest_by}
    assert volatile == {"typing_notification", "user_status_update"}
    assert not any(EVENTS[name].durable for name in volatile)
    for row in EVENTS.values():
        assert (key(row.name, {"user_id": 1}) is not None) == (row.name in volatile)
        assert set(row.newest_by) <= row.schema().fields.keys()


@pytest.mark.parametrize(
    ("event", "payload", "change", "is_same"),
    [
        ("typing_notification", TYPING, {"is_typing": False}, True),
        ("typing_notification", TYPING, {"thread_id": "u"}, False),
        ("typing_notification", TYPING, {"user_id": 2}, False),
        ("typing_notification", TYPING, {"user_id": "1"}, False),
        ("user_status_update", PRESENCE, {"is_online": False, "state": "offline"}, True),
        ("user_status_update", PRESENCE, {"user_id": 2}, False),
    ],
)
def test_newer_event_about_the_same_has_the_same_key(
    event: str, payload: dict[str, object], change: dict[str, object], *, is_same: bool
) -> None:
    """The same person in the same thread; the same person."""
    assert (key(event, payload) == key(event, payload | change)) == is_same


def test_keys_of_different_events_differ_and_strange_payloads_have_none() -> None:
    """Emitters of other programs may say anything."""
    assert key("typing_notification", TYPING) != key("user_status_update", PRESENCE)
    assert key("user_status_update", [1]) is None
    assert key("user_status_update", {}) is not None
    assert key("someone's own", PRESENCE) is None


def test_held_back_is_in_the_order_of_the_newest() -> None:
    """What was replaced stands where its newest came."""
    held = HeldBack()
    for text, about in ((b"1", "a"), (b"2", "b"), (b"3", "a"), (b"4", "c")):
        held.keep(Encoded(text, key=about))
    assert [held.take().payload for _ in range(3)] == [b"2", b"3", b"4"]
    assert not held
