"""What a process has to tell the others by notices, until it is sent: gathered, coalesced, cut to size.

A notice is the JSON of `[kind, host, content]`:

    heads   {key: [first rev, last rev]}           committed revisions of threads and notification centres
    events  [[event, skip, routes, payload], ...]  what is not stored
    help    null                                   the sender hears and tells the others by notices alone
    all     null                                   too much was committed to name it
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import Any, Final

import orjson

from server.realtime.rooms import Route, Stamp

MAX_HEADS_NOTICES: Final = 16
"""Heads that need more notices than this are told as `all`."""
MAX_WAITING: Final = 1_000
"""So many events of each kind wait; those that came first are dropped."""
ROOMS_BYTES: Final = 500
"""What a payload must leave for the names of rooms; one that does not cannot be told."""
COALESCED: Final = frozenset({"typing_notification", "user_status_update"})
"""Of these only the newest about a person in a place counts, and none is worth telling late."""


class NoticeBox:
    """`dropped` counts events that nobody else will hear. What was taken is kept until `sent` or `not_sent` is said."""

    def __init__(self, host: str, max_bytes: int) -> None:
        self.dropped = 0
        self._host = host
        self._max_bytes = max_bytes
        self._heads: dict[str, tuple[int, int]] = {}
        self._sending: dict[str, tuple[int, int]] = {}
        self._all = False
        self._help = False
        self._events: dict[Any, bytes] = {}
        self._newest: dict[Any, bytes] = {}
        self._sending_events: list[bytes] = []
        self._numbers = count()

    def note(self, stamp: Stamp) -> None:
        """Tell that a revision was committed."""
        key, rev = stamp
        self._heads[key] = _span(self._heads.get(key), (rev, rev))

    def ask_for_help(self) -> None:
        """Tell that this process is heard by notices alone."""
        self._help = True

    def say(self, event: str, body: bytes, routes: Sequence[Route], skip: str | None) -> None:
        """Tell an event that is not stored; `body` is the JSON of its payload."""
        room_for_rooms = self._max_bytes - len(self._text("events")) - len(body) - len(event) - ROOMS_BYTES // 2
        if room_for_rooms < ROOMS_BYTES // 2:
            self.dropped += 1
            return
        about = _about(event, body) if event in COALESCED else None
        for part in _split(routes, room_for_rooms):
            entry = orjson.dumps((event, skip, part, orjson.Fragment(body)))
            if len(entry) > self._max_bytes - len(self._text("events")):  # a room's name alone is too long
                self.dropped += 1
            elif about is None:
                self._put(self._events, next(self._numbers), entry)
            else:
                self._put(self._newest, (about, str(part)), entry)

    def _put(self, waiting: dict[Any, bytes], key: Any, entry: bytes) -> None:
        if key not in waiting and len(waiting) >= MAX_WAITING:
            del waiting[next(iter(waiting))]
            self.dropped += 1
        waiting[key] = entry

    @property
    def has_events(self) -> bool:
        """Whether events wait."""
        return bool(self._events or self._newest)

    def take_heads(self) -> list[str]:
        """Take all heads, and what is said of the process itself, as notices."""
        texts = [self._text(kind) for kind, is_due in (("help", self._help), ("all", self._all)) if is_due]
        self._sending, self._heads, self._help = self._heads, {}, False
        if self._sending:
            items = (b"%b:[%d,%d]" % (orjson.dumps(key), *span) for key, span in self._sending.items())
            notices = [text for text, _ in self._packed("heads", b"{", items, b"}")]
            texts += notices if len(notices) <= MAX_HEADS_NOTICES else [self._text("all")]
        return texts

    def take_events(self) -> list[str]:
        """Take as many events as one notice holds; those that must not be lost first."""
        if not self.has_events:
            return []
        waiting = {**self._events, **{("newest", key): entry for key, entry in self._newest.items()}}
        text, held = next(self._packed("events", b"[", waiting.values(), b"]"))
        for key in list(waiting)[:held]:
            if key in self._events:
                self._sending_events.append(self._events.pop(key))
            else:
                del self._newest[key[1]]
        return [text]

    def sent(self) -> None:
        """What was taken is told."""
        self._sending, self._sending_events, self._all = {}, [], False

    def not_sent(self) -> None:
        """It is perhaps not told: take it again. Who typed and who came meanwhile is no news by then."""
        for key, span in self._sending.items():
            self._heads[key] = _span(self._heads.get(key), span)
        if len(self._heads) > MAX_WAITING * MAX_HEADS_NOTICES:
            self._heads, self._all = {}, True
        again = dict(zip(self._numbers, self._sending_events, strict=False))
        self._events = {**again, **self._events}
        self.dropped += len(self._newest)
        self._sending, self._sending_events, self._newest = {}, [], {}

    def _text(self, kind: str) -> str:
        return orjson.dumps((kind, self._host, None)).decode()

    def _packed(self, kind: str, begin: bytes, items: Iterable[bytes], end: bytes) -> Iterator[tuple[str, int]]:
        """Yield notices, each with how many of the items it holds."""
        head = b"[%b,%b,%b" % (orjson.dumps(kind), orjson.dumps(self._host), begin)
        room = self._max_bytes - len(head) - len(end) - 1
        held: list[bytes] = []
        size = 0
        for item in items:
            if held and size + len(item) + 1 > room:
                yield (head + b",".join(held) + end + b"]").decode(), len(held)
                held, size = [], 0
            held.append(item)
            size += len(item) + 1
        yield (head + b",".join(held) + end + b"]").decode(), len(held)


def _span(one: tuple[int, int] | None, other: tuple[int, int]) -> tuple[int, int]:
    return other if one is None else (min(one[0], other[0]), max(one[1], other[1]))


def _about(event: str, body: bytes) -> Any:
    payload = orjson.loads(body)
    return event, str(payload.get("user_id"))


def _split(routes: Sequence[Route], max_bytes: int) -> Iterator[list[Route]]:
    """Yield the routes in parts whose names of rooms take not much more than so many bytes: mostly one part.

    The rooms of one event in one namespace have no connection in common, so nobody hears two parts.
    """
    part: list[tuple[str, list[str]]] = []
    size = 0
    for namespace, rooms in routes:
        part.append((namespace, []))
        for room in rooms:
            room_bytes = len(orjson.dumps(room)) + 1
            if size + room_bytes > max_bytes and size:
                yield [route for route in part if route[1]]
                part, size = [(namespace, [])], 0
            size += room_bytes
            part[-1][1].append(room)
    if any(rooms for _, rooms in part):
        yield [route for route in part if route[1]]
