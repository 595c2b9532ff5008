"""Messages: reading them. Writing is `append.py`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, bindparam, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from server.domain.models import Message
from server.domain.results import HistoryPage
from server.storage.tables import messages, participants, threads, users

_COLUMNS = (*messages.c, users.c.display_name.label("sender_name"))

_IN_THREAD = messages.c.thread_id == bindparam("in_thread")
_ABOVE = messages.c.seq > bindparam("above")
_IDS_OF_OTHERS = (
    select(messages.c.id)
    .where(
        _IN_THREAD,
        _ABOVE,
        messages.c.seq <= bindparam("up_to"),
        messages.c.sender_id.is_distinct_from(bindparam("of_user")),
    )
    .order_by(messages.c.seq.desc())
    .limit(bindparam("count"))
)
_COUNT_OWN = select(func.count()).where(_IN_THREAD, _ABOVE, messages.c.sender_id == bindparam("of_user"))


def _select_messages() -> Select[Any]:
    return select(*_COLUMNS).select_from(messages.outerjoin(users, users.c.id == messages.c.sender_id))


def _newer_than(thread_id: str, rev: int) -> ColumnElement[bool]:
    """Return the condition that a message of a thread has a rev above one.

    A message keeps the rev that it was stored with, so revs ascend with seqs, and at most as many messages have one
    above `rev` as the thread counted since. That finds them by the index on seqs: another would cost each message.
    """
    since = select(threads.c.last_seq - threads.c.rev + rev).where(threads.c.id == thread_id).scalar_subquery()
    return and_(messages.c.thread_id == thread_id, messages.c.seq > since, messages.c.rev > rev)


class MessageRepository:
    """Rows of `messages`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def locate(self, message_ids: Sequence[str]) -> list[tuple[str, int]]:
        """Return `(thread_id, seq)` of those of the messages that exist."""
        rows = self._connection.execute(
            select(messages.c.thread_id, messages.c.seq).where(messages.c.id.in_(tuple(message_ids)))
        )
        return [(row.thread_id, row.seq) for row in rows]

    def by_ids(self, message_ids: Iterable[str]) -> dict[str, Message]:
        """Return messages by id."""
        rows = self._connection.execute(_select_messages().where(messages.c.id.in_(tuple(message_ids)))).all()
        return {message.id: message for message in self._messages(rows)}

    def last_of(self, heads: Mapping[str, int]) -> dict[str, Message]:
        """Return the last message of each thread; `heads` is its `last_seq` by thread id."""
        with_any = [thread_id for thread_id, last_seq in heads.items() if last_seq]
        if not with_any:
            return {}
        newest = (
            select(messages.c.thread_id, func.max(messages.c.seq).label("seq"))
            .where(messages.c.thread_id.in_(with_any))
            .group_by(messages.c.thread_id)
            .subquery()
        )
        on_newest = (messages.c.thread_id == newest.c.thread_id) & (messages.c.seq == newest.c.seq)
        rows = self._connection.execute(_select_messages().join(newest, on_newest)).all()
        return {message.thread_id: message for message in self._messages(rows)}

    def changed_since(self, thread_id: str, rev: int, limit: int) -> tuple[tuple[Message, ...], bool]:
        """Return messages changed after `rev`, in the order of their changes, and whether there are more."""
        rows = self._connection.execute(
            _select_messages().where(_newer_than(thread_id, rev)).order_by(messages.c.seq).limit(limit + 1)
        ).all()
        return self._messages(rows[:limit]), len(rows) > limit

    def changed_within(self, spans: Mapping[str, tuple[int, int]], limit: int) -> tuple[Message, ...]:
        """Return messages that changed after one rev and up to another in several threads; `limit` of them at most."""
        changed = or_(
            *(and_(_newer_than(thread_id, after), messages.c.rev <= end) for thread_id, (after, end) in spans.items())
        )
        return self._messages(self._connection.execute(_select_messages().where(changed).limit(limit)).all())

    def history(self, thread_id: str, anchor: tuple[str, int] | None, limit: int) -> HistoryPage:
        """Return messages around an anchor (`before`, `after` or `around` a seq; None: the newest), ascending."""
        kind, seq = anchor or ("before", 2**62)
        if kind == "around":
            older = limit // 2
            rows = [
                *self._before(thread_id, seq, older + 1),
                *self._after(thread_id, seq - 1, limit - older + 1),
            ]
            before, after = older, limit - older
            at = sum(row.seq < seq for row in rows)
            has_before, has_after = at > before, len(rows) - at > after
            rows = rows[at - min(at, before) : at + after]
        elif kind == "before":
            rows = self._before(thread_id, seq, limit + 1)
            has_before = len(rows) > limit
            rows = rows[-limit:]
            has_after = anchor is not None and bool(self._after(thread_id, seq - 1, 1))
        else:
            rows = self._after(thread_id, seq, limit + 1)
            has_after = len(rows) > limit
            rows = rows[:limit]
            has_before = bool(self._before(thread_id, seq + 1, 1))
        return HistoryPage(self._messages(rows), has_before, has_after)

    def _before(self, thread_id: str, seq: int, limit: int) -> list[Row[Any]]:
        wanted = _select_messages().where(messages.c.thread_id == thread_id, messages.c.seq < seq)
        return list(self._connection.execute(wanted.order_by(messages.c.seq.desc()).limit(limit)))[::-1]

    def _after(self, thread_id: str, seq: int, limit: int) -> list[Row[Any]]:
        wanted = _select_messages().where(messages.c.thread_id == thread_id, messages.c.seq > seq)
        return list(self._connection.execute(wanted.order_by(messages.c.seq).limit(limit)))

    def ids_of_others(self, thread_id: str, user_id: str, above: int, up_to: int, limit: int) -> tuple[str, ...]:
        """Return ids of the newest messages of others with `above < seq <= up_to`, ascending."""
        keys = {"in_thread": thread_id, "of_user": user_id, "above": above, "up_to": up_to, "count": limit}
        return tuple(self._connection.execute(_IDS_OF_OTHERS, keys).scalars())[::-1]

    def count_own(self, thread_id: str, user_id: str, above: int) -> int:
        """Count a user's own messages above a seq."""
        keys = {"in_thread": thread_id, "of_user": user_id, "above": above}
        return int(self._connection.execute(_COUNT_OWN, keys).scalar_one())

    def _messages(self, rows: Sequence[Row[Any]]) -> tuple[Message, ...]:
        floors = self._lowest_readers({row.thread_id for row in rows})
        return tuple(_message(row, floors.get(row.thread_id, ())) for row in rows)

    def _lowest_readers(self, thread_ids: set[str]) -> dict[str, list[tuple[str, int]]]:
        """Return, by thread, the two participants who have read least: enough to say who has read for any sender."""
        ranked = (
            select(
                participants.c.thread_id,
                participants.c.user_id,
                participants.c.read_seq,
                func.row_number()
                .over(partition_by=participants.c.thread_id, order_by=participants.c.read_seq)
                .label("rank"),
            )
            .where(participants.c.thread_id.in_(tuple(thread_ids)))
            .subquery()
        )
        floors: dict[str, list[tuple[str, int]]] = {}
        for row in self._connection.execute(select(ranked).where(ranked.c.rank <= 2).order_by(ranked.c.rank)):  # noqa: PLR2004
            floors.setdefault(row.thread_id, []).append((row.user_id, row.read_seq))
        return floors


def _message(row: Row[Any], lowest: Sequence[tuple[str, int]]) -> Message:
    others = [read_seq for user_id, read_seq in lowest if user_id != row.sender_id]
    return Message(
        id=row.id,
        thread_id=row.thread_id,
        seq=row.seq,
        rev=row.rev,
        kind=row.kind,
        sender_id=row.sender_id,
        sender_name=row.sender_name,
        content=row.content,
        sent_at=row.sent_at,
        client_message_id=row.client_message_id,
        is_read=bool(others) and others[0] >= row.seq,
    )
