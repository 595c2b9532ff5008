"""How far each participant has read and received.

A receipt is a position that only moves forward. It is stored at once; it takes a `rev` only when it is told to the
others, which the service does at most once a second. In between the row says so (`read_untold`, `delivered_untold`), so
that a receipt whose process died before telling it is found and told by another.
"""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, or_, select, update

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


@dataclass(slots=True)
class _Place:
    """A participant's row, and what of their thread and name goes with it; in the order of `PLACES`."""

    thread_id: str
    user_id: str
    read_seq: int
    read_at: int | None
    delivered_seq: int
    delivered_at: int | None
    own_since_read: int
    rev: int
    read_rev: int
    delivered_rev: int
    read_untold: bool
    delivered_untold: bool
    last_seq: int
    thread_rev: int
    participant_count: int
    display_name: str

    @property
    def private(self) -> bool:
        """Whether the thread is so large that only the reader's own devices hear of it."""
        return self.participant_count > LARGE_THREAD_PARTICIPANTS

    def set_untold(self, kind: ReceiptKind, *, untold: bool) -> None:
        """Say whether the others are yet to hear."""
        if kind == "read":
            self.read_untold = untold
        else:
            self.delivered_untold = untold


# Receipts are as frequent as messages. These statements are built once: to build one costs several times what it takes
# to run it.

_MOVING = (
    "read_seq",
    "read_at",
    "delivered_seq",
    "delivered_at",
    "own_since_read",
    "rev",
    "read_rev",
    "delivered_rev",
    "read_untold",
    "delivered_untold",
)

PLACES = (
    select(
        participants.c.thread_id,
        participants.c.user_id,
        *(participants.c[name] for name in _MOVING),
        threads.c.last_seq,
        threads.c.rev.label("thread_rev"),
        threads.c.participant_count,
        users.c.display_name,
    )
    .join(threads, threads.c.id == participants.c.thread_id)
    .join(users, users.c.id == participants.c.user_id)
)
_OF_ONE = (participants.c.thread_id == bindparam("in_thread")) & (participants.c.user_id == bindparam("of_user"))
_PLACE = PLACES.where(_OF_ONE)
_MOVE = update(participants).where(_OF_ONE).values({name: bindparam(f"to_{name}") for name in _MOVING})
_LOCK = select(threads.c.id).where(threads.c.id == bindparam("in_thread")).with_for_update()
_SET_REV = update(threads).where(threads.c.id == bindparam("in_thread")).values(rev=bindparam("to"))
_AUDIENCE = select(participants.c.user_id).where(participants.c.thread_id == bindparam("in_thread"))


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
        place = self._lock(thread_id, user_id)
        before = place.read_seq if kind == "read" else place.delivered_seq
        target = min(seq if seq is not None else place.last_seq, place.last_seq)
        if target <= before:
            return self._change(kind, place, before, moved=False, told=False)
        if kind == "read":
            place.read_seq, place.read_at = target, now
            behind = target < place.last_seq
            place.own_since_read = self._messages.count_own(thread_id, user_id, target) if behind else 0
        if kind == "delivered" or target > place.delivered_seq:
            place.delivered_seq, place.delivered_at = target, now
        told = tell and not place.private
        if told:
            self._tell(kind, place)
        elif not place.private:
            place.set_untold(kind, untold=True)
        self._update(place)
        return self._change(kind, place, before, moved=True, told=told)

    def tell(self, kind: ReceiptKind, thread_id: str, user_id: str, from_seq: int) -> ReceiptChange | None:
        """Give a stored receipt its rev; None if another call already told it."""
        place = self._lock(thread_id, user_id)
        if not (place.read_untold if kind == "read" else place.delivered_untold):
            return None
        self._tell(kind, place)
        self._update(place)
        return self._change(kind, place, from_seq, moved=False, told=True)

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
        query = PLACES.where(participants.c.thread_id == thread_id, participants.c.rev > rev)
        if up_to is not None:
            query = query.where(participants.c.rev <= up_to)
        return tuple(to_receipt(row) for row in self._connection.execute(query.order_by(participants.c.rev)))

    def _tell(self, kind: ReceiptKind, place: _Place) -> None:
        place.set_untold(kind, untold=False)
        place.rev = place.thread_rev = place.thread_rev + 1
        if kind == "read":
            place.read_rev = place.rev
        else:
            place.delivered_rev = place.rev
        self._connection.execute(_SET_REV, {"in_thread": place.thread_id, "to": place.rev})

    def _update(self, place: _Place) -> None:
        values = {f"to_{name}": getattr(place, name) for name in _MOVING}
        self._connection.execute(_MOVE, {"in_thread": place.thread_id, "of_user": place.user_id, **values})

    def _lock(self, thread_id: str, user_id: str) -> _Place:
        keys = {"in_thread": thread_id, "of_user": user_id}
        if self._connection.dialect.name != "sqlite":  # whose only writer it is
            # First the thread, then the rest: a joined row read before the lock was granted could be stale.
            self._connection.execute(_LOCK, {"in_thread": thread_id})
        row = self._connection.execute(_PLACE, keys).one_or_none()
        if row is None:
            raise NotFoundError
        return _Place(*row)  # type: ignore[call-arg]

    def _change(self, kind: ReceiptKind, place: _Place, from_seq: int, *, moved: bool, told: bool) -> ReceiptChange:
        heard = told or (moved and place.private)
        ids: tuple[str, ...] = ()
        if kind == "read" and heard:
            ids = self._messages.ids_of_others(place.thread_id, place.user_id, from_seq, place.read_seq, MAX_TOLD_IDS)
        audience: tuple[str, ...] = (place.user_id,) if place.private else ()
        if heard and not place.private:
            audience = tuple(self._connection.execute(_AUDIENCE, {"in_thread": place.thread_id}).scalars())
        return ReceiptChange(to_receipt(place), audience, ids, from_seq, moved=moved, told=told, private=place.private)


def to_receipt(place: Any) -> Receipt:
    """Return a row of `PLACES` as a receipt."""
    return Receipt(
        thread_id=place.thread_id,
        user_id=place.user_id,
        user_name=place.display_name,
        read_seq=place.read_seq,
        read_at=place.read_at,
        delivered_seq=place.delivered_seq,
        delivered_at=place.delivered_at,
        unread_count=place.last_seq - place.read_seq - place.own_since_read,
        rev=place.rev,
    )
