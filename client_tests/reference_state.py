"""What a client holds of a thread and of the notification centre, and the rule by which it follows the server.

The rule is one for both. `rev` is the revision up to which everything is held. What follows it is applied; what was
applied already is dropped; what is ahead is kept until `sync` has brought what is missing in between.
"""

from collections.abc import Iterable
from typing import Any

Event = dict[str, Any]


class Held:
    """The revisions of one thing."""

    def __init__(self, user_id: int | str) -> None:
        self.user_id = user_id
        self.rev = 0
        self.unread_count = 0
        self.repeats = 0
        self._ahead: dict[int, tuple[str, Event]] = {}

    @property
    def is_whole(self) -> bool:
        """Whether nothing is known to be missing."""
        return not self._ahead

    def hear(self, rev: int, name: str, payload: Event) -> bool:
        """Take an event. False: something before it is missing, ask `sync`."""
        if rev <= self.rev:
            self.repeats += 1
            return True
        self._ahead[rev] = name, payload
        return self._advance()

    def catch_up(self, changes: Event) -> bool:
        """Take the answer of `sync`. False: ask again, there is more or something is still missing."""
        self._store(changes)
        if changes["rev"] >= self.rev:
            # Older than what we hold, it would take the count back.
            self.rev, self.unread_count = changes["rev"], changes["unread_count"]
            self._ahead = {rev: event for rev, event in self._ahead.items() if rev > self.rev}
        return self._advance() and not changes["more"]

    def _advance(self) -> bool:
        while (event := self._ahead.pop(self.rev + 1, None)) is not None:
            self.rev += 1
            self._apply(*event)
        return self.is_whole

    def _apply(self, name: str, payload: Event) -> None:
        raise NotImplementedError

    def _store(self, changes: Event) -> None:
        raise NotImplementedError


class Thread(Held):
    """A thread: messages by `seq`, and how far each participant has read and received."""

    def __init__(self, thread_id: str, user_id: int | str) -> None:
        super().__init__(user_id)
        self.id = thread_id
        self.info: Event | None = None
        self.messages: dict[int, Event] = {}
        self.read: dict[int | str, int] = {}
        self.delivered: dict[int | str, int] = {}

    def _apply(self, name: str, payload: Event) -> None:
        if name == "new_message":
            message = payload["message"]
            self._put(message)
            self.unread_count += message["sender_id"] != self.user_id
        elif name == "message_read_receipt":
            self._move(self.read, payload["reader_id"], payload["read_seq"])
            if payload["reader_id"] == self.user_id:
                self.unread_count = payload["unread_count"]
        elif name == "message_delivered_receipt":
            self._move(self.delivered, payload["user_id"], payload["delivered_seq"])
        elif name == "thread_created":
            self._take_info(payload["thread"])

    def _store(self, changes: Event) -> None:
        for message in changes["messages"]:
            self._put(message)
        if changes["thread"] is not None:
            self._take_info(changes["thread"])
        self._take_receipts(changes["receipts"])

    def _put(self, message: Event) -> None:
        held = self.messages.get(message["seq"])
        if held is None or held["rev"] <= message["rev"]:
            self.messages[message["seq"]] = message

    def _take_info(self, thread: Event) -> None:
        self.info = thread
        self._take_receipts(thread["participants"])

    def _take_receipts(self, receipts: Iterable[Event]) -> None:
        for receipt in receipts:
            self._move(self.read, receipt["user_id"], receipt["read_seq"])
            self._move(self.delivered, receipt["user_id"], receipt["delivered_seq"])

    def _move(self, positions: dict[int | str, int], user_id: int | str, seq: int) -> None:
        positions[user_id] = max(positions.get(user_id, 0), seq)


class Centre(Held):
    """The notification centre: items by id; of cleared ones, those that were heard of."""

    def __init__(self, user_id: int | str) -> None:
        super().__init__(user_id)
        self.items: dict[str, Event] = {}

    def _apply(self, name: str, payload: Event) -> None:
        self.unread_count = payload["unread_count"]
        if name != "notification_updated":
            self.items[payload["id"]] = payload
            return
        unread = [key for key, item in self.items.items() if item["read_at"] is None]
        # One that was made and cleared while we were away may not be here.
        for key in unread if payload["all"] else self.items.keys() & payload["notification_ids"]:
            item = self.items[key]
            read_at = item["read_at"] or payload["read_at"]
            self.items[key] = item | {"read_at": read_at, "cleared_at": payload["cleared_at"] or item["cleared_at"]}

    def _store(self, changes: Event) -> None:
        for item in changes["items"]:
            self.items[item["id"]] = item
