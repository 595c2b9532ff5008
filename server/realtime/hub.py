"""Rooms of the plain WebSocket connections: what python-socketio's manager is to Socket.IO."""

from collections.abc import Iterable
from typing import Any, Protocol

from server.realtime import json


class Subscriber(Protocol):
    """A plain WebSocket connection."""

    @property
    def id(self) -> str:
        """Unique over all processes."""
        ...

    def write(self, text: str) -> None:
        """Send a text frame; never waits."""
        ...


class Hub:
    """Who is in which room of which namespace."""

    def __init__(self) -> None:
        self._rooms: dict[tuple[str, str], dict[str, Subscriber]] = {}
        self._memberships: dict[str, set[tuple[str, str]]] = {}

    def enter(self, subscriber: Subscriber, namespace: str, room: str) -> None:
        """Let a connection hear a room."""
        self._rooms.setdefault((namespace, room), {})[subscriber.id] = subscriber
        self._memberships.setdefault(subscriber.id, set()).add((namespace, room))

    def leave(self, subscriber: Subscriber, namespace: str, room: str) -> None:
        """Let a connection no longer hear a room."""
        members = self._rooms.get((namespace, room), {})
        members.pop(subscriber.id, None)
        if not members:
            self._rooms.pop((namespace, room), None)
        self._memberships.get(subscriber.id, set()).discard((namespace, room))

    def leave_all(self, subscriber: Subscriber) -> None:
        """Forget a connection that is gone."""
        for namespace, room in tuple(self._memberships.get(subscriber.id, ())):
            self.leave(subscriber, namespace, room)
        self._memberships.pop(subscriber.id, None)

    def deliver(
        self, event: str, payload: dict[str, Any], namespace: str, rooms: Iterable[str], skip: str | None
    ) -> int:
        """Send an event to everyone in the rooms, encoded once; returns to how many."""
        heard: dict[str, Subscriber] = {}
        for room in rooms:
            heard.update(self._rooms.get((namespace, room), {}))
        if skip is not None:
            heard.pop(skip, None)
        if heard:
            text = json.dumps({"type": event, **payload})
            for subscriber in heard.values():
                subscriber.write(text)
        return len(heard)
