"""Tokens that ended before their time."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, select

from server.storage.tables import revocations
from server.storage.users import insert_for


@dataclass(frozen=True, slots=True)
class Revocation:
    """One `jti`, or all of a user's tokens issued before a time (milliseconds)."""

    kind: Literal["jti", "user"]
    value: str
    issued_before: int | None
    created_at: int


class RevocationRepository:
    """Rows of `revocations`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, new: Revocation) -> None:
        """Store a revocation; a later one of the same user replaces the earlier unless it reaches less far."""
        insert = insert_for(self._connection)(revocations)
        row = {
            "kind": new.kind,
            "value": new.value,
            "issued_before": new.issued_before,
            "created_at": new.created_at,
        }
        reaches_further = revocations.c.issued_before < insert.excluded.issued_before
        changes = {"issued_before": insert.excluded.issued_before, "created_at": insert.excluded.created_at}
        self._connection.execute(
            insert.values(row).on_conflict_do_update(
                index_elements=["kind", "value"], set_=changes, where=reaches_further
            )
        )

    def since(self, created_at: int) -> list[Revocation]:
        """Return revocations made at or after a time."""
        rows = self._connection.execute(select(revocations).where(revocations.c.created_at >= created_at))
        return [Revocation(row.kind, row.value, row.issued_before, row.created_at) for row in rows]
