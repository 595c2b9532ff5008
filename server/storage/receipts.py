"""How far each participant has read and received.

A receipt is a position that only moves forward. It is stored at once; it takes a `rev` only when it is told to the
others, which the service does at most once a second. In between the row says so (`read_untold`, `delivered_untold`), so
that a receipt whose process died before telling it is found and told by another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, or_, select, update

from server.domain.errors import NotFoundError
from server.domain.models import LARGE_THREAD_PARTICIPANTS, Receipt
from server.storage.messages import MessageRepository
from server.storage.tables import participants, threads, users

ReceiptKind = Literal["read", "delivered"]

MAX_TOLD_IDS = 100


@dataclass(frozen=True, slots=True)
class ReceiptChange:
    """Where a receipt stands now.

    `moved`: this call moved it. `told`: it has a rev and the others must hear it. `private`: the thread is so large
    that only the reader's own devices hear it. `from_seq`: where it stood before.
    """

    receipt: Receipt
    audience: tuple[str, ...]
    message_ids: tuple[str, ...]
    from_seq: int
    moved: bool
    told: bool
    private: bool


class ReceiptRepository:
    """The positions in `participants`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._messages = MessageRepository(connection)

    def move(
        self, kind: ReceiptKind, thread_id: str, user_id: str, seq: int | None, now: int, *, tell: bool
    ) -> ReceiptChange:
        """Move a position forward to `seq` (None: the last message).

        Raises:
            NotFoundError: there is no such thread, or the user is not in it.
        """
        row = self._lock(thread_id, user_id)
        before = row.read_seq if kind == "read" else row.delivered_seq
        target = min(seq if seq is not None else row.last_seq, row.last_seq)
        if target <= before:
            return self._change(kind, row, before, moved=False, told=False)
        private = row.participant_count > LARGE_THREAD_PARTICIPANTS
        values = self._read_values(row, target, now) if kind == "read" else {}
        if kind == "delivered" or target > row.delivered_seq:
            values |= {"delivered_seq": target, "delivered_at": now}
        if tell and not private:
            values |= {f"{kind}_untold": False, "rev": self._next_rev(row)}
        elif not private:
            values[f"{kind}_untold"] = True
        self._update(row, values)
        return self._change(kind, self._lock(thread_id, user_id), before, moved=True, told=tell and not private)

    def tell(self, kind: ReceiptKind, thread_id: str, user_id: str, from_seq: int) -> ReceiptChange | None:
        """Give a stored receipt its rev; None if another call already told it."""
        row = self._lock(thread_id, user_id)
        if not getattr(row, f"{kind}_untold"):
            return None
        self._update(row, {f"{kind}_untold": False, "rev": self._next_rev(row)})
        return self._change(kind, self._lock(thread_id, user_id), from_seq, moved=False, told=True)

    def untold(self, moved_before: int) -> list[tuple[ReceiptKind, str, str]]:
        """Return `(kind, thread_id, user_id)` of receipts that nobody told although they moved before a time."""
        rows = self._connection.execute(
            select(participants).where(or_(participants.c.read_untold, participants.c.delivered_untold))
        )
        found: list[tuple[ReceiptKind, str, str]] = []
        for row in rows:
            if row.read_untold and row.read_at < moved_before:
                found.append(("read", row.thread_id, row.user_id))
            if row.delivered_untold and row.delivered_at < moved_before:
                found.append(("delivered", row.thread_id, row.user_id))
        return found

    def changed_since(self, thread_id: str, rev: int, up_to: int | None) -> tuple[Receipt, ...]:
        """Return receipts that were told after `rev` (and not after `up_to`)."""
        query = self._select().where(participants.c.thread_id == thread_id, participants.c.rev > rev)
        if up_to is not None:
            query = query.where(participants.c.rev <= up_to)
        return tuple(_receipt(row) for row in self._connection.execute(query.order_by(participants.c.rev)))

    def _read_values(self, row: Row[Any], target: int, now: int) -> dict[str, Any]:
        own = 0
        if target < row.last_seq:
            own = self._messages.count_own(row.thread_id, row.user_id, target)
        return {"read_seq": target, "read_at": now, "own_since_read": own}

    def _next_rev(self, row: Row[Any]) -> int:
        rev = int(row.thread_rev) + 1
        self._connection.execute(update(threads).where(threads.c.id == row.thread_id).values(rev=rev))
        return rev

    def _update(self, row: Row[Any], values: Mapping[str, Any]) -> None:
        place = (participants.c.thread_id == row.thread_id) & (participants.c.user_id == row.user_id)
        self._connection.execute(update(participants).where(place).values(values))

    @staticmethod
    def _select() -> Any:
        return (
            select(
                participants,
                threads.c.last_seq,
                threads.c.rev.label("thread_rev"),
                threads.c.participant_count,
                users.c.display_name,
            )
            .join(threads, threads.c.id == participants.c.thread_id)
            .join(users, users.c.id == participants.c.user_id)
        )

    def _lock(self, thread_id: str, user_id: str) -> Row[Any]:
        # First the thread, then the rest: a joined row read before the lock was granted could be stale.
        self._connection.execute(select(threads.c.id).where(threads.c.id == thread_id).with_for_update())
        row = self._connection.execute(
            self._select().where(participants.c.thread_id == thread_id, participants.c.user_id == user_id)
        ).one_or_none()
        if row is None:
            raise NotFoundError
        return row

    def _change(self, kind: ReceiptKind, row: Row[Any], from_seq: int, *, moved: bool, told: bool) -> ReceiptChange:
        private = row.participant_count > LARGE_THREAD_PARTICIPANTS
        heard = told or (moved and private)
        ids: tuple[str, ...] = ()
        if kind == "read" and heard:
            ids = self._messages.ids_of_others(row.thread_id, row.user_id, from_seq, row.read_seq, MAX_TOLD_IDS)
        everyone = select(participants.c.user_id).where(participants.c.thread_id == row.thread_id)
        audience = (row.user_id,) if private else tuple(self._connection.execute(everyone).scalars()) if heard else ()
        return ReceiptChange(_receipt(row), audience, ids, from_seq, moved=moved, told=told, private=private)


def _receipt(row: Row[Any]) -> Receipt:
    return Receipt(
        thread_id=row.thread_id,
        user_id=row.user_id,
        user_name=row.display_name,
        read_seq=row.read_seq,
        read_at=row.read_at,
        delivered_seq=row.delivered_seq,
        delivered_at=row.delivered_at,
        unread_count=row.last_seq - row.read_seq - row.own_since_read,
        rev=row.rev,
    )
