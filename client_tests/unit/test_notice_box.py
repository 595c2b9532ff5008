"""What waits to be told by notices: coalesced, cut to size, and kept until it is sent."""

from typing import Any

import orjson

from server.realtime import notice_box
from server.realtime.notice_box import NoticeBox

MAX = 7_500
MESSAGING = "/messaging"


def make() -> NoticeBox:
    """A box of the process `h`."""
    return NoticeBox("h", MAX)


def parsed(texts: list[str]) -> list[Any]:
    """Read notices; each is of this process and short enough."""
    notices = [orjson.loads(text) for text in texts]
    assert all(host == "h" for _, host, _ in notices)
    assert all(len(text.encode()) <= MAX for text in texts)
    return [(kind, content) for kind, _, content in notices]


def say(box: NoticeBox, event: str, user_id: int = 1, *rooms: str, note: str = "") -> None:
    """Tell something about a user to rooms of `/messaging`."""
    box.say(event, orjson.dumps({"user_id": user_id, "note": note}), [(MESSAGING, rooms)], None)


def test_heads_of_one_key_are_one_span() -> None:
    """Revisions of a key are told as first and last, whatever the order; nothing is told twice."""
    box = make()
    for stamp in (("thread:a", 3), ("user:7", 1), ("thread:a", 2), ("thread:a", 5)):
        box.note(stamp)
    assert parsed(box.take_heads()) == [("heads", {"thread:a": [2, 5], "user:7": [1, 1]})]
    box.sent()
    assert box.take_heads() == []


def test_heads_that_were_not_sent_are_taken_again_with_the_new() -> None:
    """A lost connection loses none."""
    box = make()
    box.note(("thread:a", 3))
    box.take_heads()
    box.note(("thread:a", 4))
    box.note(("thread:b", 1))
    box.not_sent()
    assert parsed(box.take_heads()) == [("heads", {"thread:a": [3, 4], "thread:b": [1, 1]})]


def test_heads_too_long_for_a_notice_are_several_and_too_many_are_all() -> None:
    """Split while that is reasonable; else the others are to look for themselves. Keys may hold any characters."""
    box = make()
    keys = [f'user:"é{n:05}' for n in range(600)]
    for key in keys:
        box.note((key, 1))
    notices = parsed(box.take_heads())
    assert len(notices) > 1
    assert [key for _, heads in notices for key in heads] == keys
    for n in range(20_000):
        box.note((f"thread:{n}", 1))
    assert parsed(box.take_heads()) == [("all", None)]
    box.not_sent()
    assert parsed(box.take_heads()) == [("all", None)]
    box.sent()
    assert box.take_heads() == []


def test_help_is_asked_for_once_a_call() -> None:
    """It goes out with the heads."""
    box = make()
    box.ask_for_help()
    assert parsed(box.take_heads()) == [("help", None)]
    assert box.take_heads() == []


def test_say_typing_keeps_the_newest_of_a_person_in_a_place() -> None:
    """Others' and those in other places stay; what must not be lost goes first and is never coalesced."""
    box = make()
    say(box, "typing_notification", 1, "typing:a", note="old")
    say(box, "typing_notification", 2, "typing:a")
    say(box, "typing_notification", 1, "typing:b")
    say(box, "typing_notification", 1, "typing:a", note="new")
    say(box, "settings_updated", 1, "user:1", note="1")
    say(box, "settings_updated", 1, "user:1", note="2")
    ((kind, entries),) = parsed(box.take_events())
    assert kind == "events"
    told = [(event, payload["user_id"], routes[0][1][0], payload["note"]) for event, _, routes, payload in entries]
    assert told == [
        ("settings_updated", 1, "user:1", "1"),
        ("settings_updated", 1, "user:1", "2"),
        ("typing_notification", 1, "typing:a", "new"),
        ("typing_notification", 2, "typing:a", ""),
        ("typing_notification", 1, "typing:b", ""),
    ]
    assert (box.take_events(), box.has_events, box.dropped) == ([], False, 0)


def test_say_to_many_rooms_is_split_and_names_each_once() -> None:
    """A route that is too long for a notice goes in parts."""
    box = make()
    rooms = [f"user:{n:040}" for n in range(500)]
    box.say("user_updated", b"{}", [(MESSAGING, rooms), ("/threads", ["thread:a"])], "sid")
    heard: list[tuple[str, str]] = []
    while box.has_events:
        ((_, entries),) = parsed(box.take_events())
        for event, skip, routes, _ in entries:
            assert (event, skip) == ("user_updated", "sid")
            heard += [(namespace, room) for namespace, part in routes for room in part]
    assert heard == [*((MESSAGING, room) for room in rooms), ("/threads", "thread:a")]


def test_say_more_than_a_notice_holds_waits_for_the_next() -> None:
    """One notice at a time; the rest is not lost."""
    box = make()
    for n in range(30):
        say(box, "settings_updated", n, f"user:{n}", note="x" * 1_000)
    told: list[int] = []
    while box.has_events:
        ((_, entries),) = parsed(box.take_events())
        assert 1 <= len(entries) <= 7
        told += [payload["user_id"] for _, _, _, payload in entries]
    assert told == list(range(30))


def test_say_too_long_a_payload_or_room_is_dropped_and_counted() -> None:
    """PostgreSQL would refuse the whole notice."""
    box = make()
    say(box, "settings_updated", 1, "user:1", note="x" * 7_300)
    say(box, "settings_updated", 1, "user:" + "x" * 7_500)
    assert (box.has_events, box.dropped) == (False, 2)


def test_events_that_were_not_sent() -> None:
    """Who typed is no news by then; settings and control are told again, first."""
    box = make()
    say(box, "settings_updated", 1, "user:1", note="1")
    box.take_events()
    say(box, "settings_updated", 1, "user:1", note="2")
    say(box, "typing_notification", 1, "typing:a")
    box.not_sent()
    ((_, entries),) = parsed(box.take_events())
    assert [payload["note"] for _, _, _, payload in entries] == ["1", "2"]
    assert box.dropped == 1


def test_events_beyond_the_limit_drop_the_oldest() -> None:
    """Typing never takes the room of what must not be lost."""
    box = make()
    for n in range(notice_box.MAX_WAITING + 1):
        say(box, "settings_updated", n, f"user:{n}")
        say(box, "typing_notification", n, "typing:a")
    assert box.dropped == 2
    ((_, entries),) = parsed(box.take_events())
    assert (entries[0][0], entries[0][3]["user_id"]) == ("settings_updated", 1)
