"""Answers kept by `Idempotency-Key`, so that a repeated request is done once."""

from typing import Final

from sqlalchemy import ColumnElement, Connection, delete, select, update

from server.storage.tables import idempotency_keys
from server.storage.users import insert_for

KEPT_MS: Final = 24 * 60 * 60 * 1000
CLAIMED_MS: Final = 60 * 1000


class IdempotencyRepository:
    """Rows of `idempotency_keys`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def claim(self, actor: str, path: str, key: str, now: int) -> tuple[bool, str | None]:
        """Claim a key for a request.

        Returns:
            Whether the caller is the first and must do it; else the stored answer, None while it is under way.
        """
        columns = idempotency_keys.c
        # A claim without an answer for so long: its process died, and the request may be tried again.
        abandoned = columns.answer.is_(None) & (columns.created_at < now - CLAIMED_MS)
        self._connection.execute(delete(idempotency_keys).where(abandoned | (columns.created_at < now - KEPT_MS)))
        row = {"actor": actor, "path": path, "key": key, "created_at": now}
        claim = insert_for(self._connection)(idempotency_keys).values(row).on_conflict_do_nothing()
        if self._connection.execute(claim).rowcount:
            return True, None
        return False, self._connection.execute(select(idempotency_keys.c.answer).where(*_is(actor, path, key))).scalar()

    def keep(self, actor: str, path: str, key: str, answer: str) -> None:
        """Keep the answer of a request that was done."""
        self._connection.execute(update(idempotency_keys).where(*_is(actor, path, key)).values(answer=answer))

    def release(self, actor: str, path: str, key: str) -> None:
        """Give a key back: its request failed and may be tried again."""
        self._connection.execute(delete(idempotency_keys).where(*_is(actor, path, key)))


def _is(actor: str, path: str, key: str) -> tuple[ColumnElement[bool], ...]:
    columns = idempotency_keys.c
    return (columns.actor == actor, columns.path == path, columns.key == key)
