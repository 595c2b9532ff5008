"""The only place where rooms are named, and where it is decided who hears an event.

Thread events go to the rooms of the participants' users on `/messaging`, resolved when the event is published, and to
the thread's room on `/threads` (ADR 0003).
"""

from collections.abc import Sequence
from functools import lru_cache

from server.contract.operations import MESSAGING, NOTIFICATIONS, PRESENCE, THREADS
from server.domain import events
from server.domain.events import Event

Route = tuple[str, Sequence[str]]
"""A namespace and rooms in it; a connection that is in several of the rooms hears the event once."""

Stamp = tuple[str, int]
"""What a durable event changed, a thread or a user's notifications, by the name of its room; and the `rev` of that."""


def user_room(user_id: str) -> str:
    """Everything that concerns a user; every connection is in its own."""
    return f"user:{user_id}"


def thread_room(thread_id: str) -> str:
    """A thread, on `/threads`."""
    return f"thread:{thread_id}"


def typing_room(thread_id: str) -> str:
    """Who is typing in a thread, on `/messaging`."""
    return f"typing:{thread_id}"


def routes(event: Event) -> list[Route]:  # noqa: PLR0911 - a table, one line an event
    """Return where an event is heard."""
    match event:
        case events.MessageSent():  # first, since most are
            return [(MESSAGING, _user_rooms(event.audience)), (THREADS, (thread_room(event.thread_id),))]
        case events.MessagesRead(private=True) | events.MessagesDelivered(private=True):
            rooms = [*_user_rooms(event.audience)]
            return [(MESSAGING, rooms), (THREADS, rooms)]
        case events.MessagesRead() | events.MessagesDelivered():
            return [(MESSAGING, _user_rooms(event.audience)), (THREADS, [thread_room(event.thread_id)])]
        case events.TypingChanged():
            return [(MESSAGING, [typing_room(event.thread_id)]), (THREADS, [thread_room(event.thread_id)])]
        case events.ThreadCreated() | events.UserUpdated():
            return [(MESSAGING, _user_rooms(event.audience))]
        case events.PresenceChanged():
            return [(PRESENCE, _user_rooms(event.audience))]
        case events.NotificationCreated():
            return [(NOTIFICATIONS, [user_room(event.notification.user_id)])]
        case events.NotificationUpdated() | events.SettingsUpdated():
            return [(NOTIFICATIONS, [user_room(event.user_id)])]
        case _:
            raise TypeError(type(event))


def stamp(event: Event) -> Stamp | None:  # noqa: PLR0911 - a table, likewise
    """Return the stamp of a durable event; None of any other, and of what only the reader's own devices hear."""
    match event:
        case events.MessageSent():
            return thread_room(event.thread_id), event.message.rev
        case events.MessagesRead(private=True) | events.MessagesDelivered(private=True):
            return None
        case events.MessagesRead() | events.MessagesDelivered():
            return thread_room(event.thread_id), event.receipt.rev
        case events.ThreadCreated():
            return thread_room(event.thread.id), event.thread.rev
        case events.NotificationCreated():
            return user_room(event.notification.user_id), event.notification.rev
        case events.NotificationUpdated():
            return user_room(event.user_id), event.rev
        case _:
            return None


def subject_of(key: str) -> tuple[str, str]:
    """Return what the key of a stamp names: `thread` or `user`, and its id."""
    kind, _, subject = key.partition(":")
    return kind, subject


@lru_cache(maxsize=512)
def _user_rooms(user_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return rooms of users: again and again of those in the same threads."""
    return tuple(map(_known_user_room, user_ids))


_known_user_room = lru_cache(maxsize=16_384)(user_room)
"""Kept once, however many threads a user is in."""
