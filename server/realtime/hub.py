"""Rooms of the plain WebSocket connections: what python-socketio's manager is to Socket.IO."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from server.realtime.frames import Encoded
from server.realtime.volatile import volatile_key


class Subscriber(Protocol):
    """A plain WebSocket connection."""

    @property
    def id(self) -> str:
        """Unique over all processes."""
        ...

    def write(self, message: Encoded) -> None:
        """Send a text; never waits."""
        ...


class Hub:
    """Who is in which room of which namespace. `count(room, 1)` tells of a room that comes, -1 of one that goes.

    `heard(room)` returns what to wait for until a room is heard on all processes.
    """

    def __init__(
        self,
        count: Callable[[str, int], None] = lambda _room, _change: None,
        heard: Callable[[str], Awaitable[None] | None] = lambda _room: None,
    ) -> None:
        self.heard = heard
        self._count = count
        self._rooms: dict[str, dict[str, dict[str, Subscriber]]] = {}
        self._memberships: dict[str, set[tuple[str, str]]] = {}

    def enter(self, subscriber: Subscriber, namespace: str, room: str) -> None:
        """Let a connection hear a room."""
        rooms = self._rooms.setdefault(namespace, {})
        members = rooms.get(room)
        if members is None:
            members = rooms[room] = {}
            self._count(room, 1)
        members[subscriber.id] = subscriber
        self._memberships.setdefault(subscriber.id, set()).add((namespace, room))

    def leave(self, subscriber: Subscriber, namespace: str, room: str) -> None:
        """Let a connection no longer hear a room."""
        self._memberships.get(subscriber.id, set()).discard((namespace, room))
        rooms = self._rooms.get(namespace, {})
        members = rooms.get(room)
        if members is None:
            return
        members.pop(subscriber.id, None)
        if not members:
            del rooms[room]
            if not rooms:
                del self._rooms[namespace]
            self._count(room, -1)

    def leave_all(self, subscriber: Subscriber) -> None:
        """Forget a connection that is gone."""
        for namespace, room in tuple(self._memberships.get(subscriber.id, ())):
            self.leave(subscriber, namespace, room)
        self._memberships.pop(subscriber.id, None)

    def deliver(self, event: str, body: bytes, namespace: str, rooms: Iterable[str], skip: str | None) -> int:
        """Send an event to everyone in the rooms, encoded once; returns to how many."""
        found = self._rooms.get(namespace)
        if not found:
            return 0
        heard: dict[str, Subscriber] = {}
        for room in rooms:
            if (members := found.get(room)) is not None:
                heard.update(members)
        if skip is not None:
            heard.pop(skip, None)
        if heard:
            message = plain_event(event, body, volatile_key(event, body))
            for subscriber in heard.values():
                subscriber.write(message)
        return len(heard)


def plain_event(event: str, body: bytes, key: str | None = None) -> Encoded:
    """Return an event as the plain routes send it: `{"type": EVENT, ...payload}`; `body` is the payload's JSON."""
    fields = body[1:] if body == b"{}" else b"," + body[1:]
    return Encoded(b'{"type":"%b"%b' % (event.encode(), fields), key=key)
