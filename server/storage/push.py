"""Browsers that get pushes, and what has to be known to push to people."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select

from server.domain.errors import NotFoundError
from server.domain.models import Device, Preferences, PushKeys, PushSubscription, ThreadKind
from server.storage.tables import push_subscriptions, threads, users
from server.storage.users import PREFERENCES, insert_for, preferences_of

MAX_DEVICES = 20
MAX_NAMED = 5_000
"""So many users are named in one query: databases take a limited number of parameters."""


@dataclass(frozen=True, slots=True)
class NewSubscription:
    """A browser that wants pushes."""

    subscription: PushSubscription
    name: str | None
    now: int


@dataclass(frozen=True, slots=True)
class PushTarget:
    """A device that may be pushed to, and what its owner chose."""

    subscription: PushSubscription
    preferences: Preferences


class PushRepository:
    """Rows of `push_subscriptions`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def devices(self, user_id: str) -> tuple[Device, ...]:
        """Return a user's devices, oldest first."""
        rows = self._connection.execute(
            select(push_subscriptions)
            .where(push_subscriptions.c.user_id == user_id)
            .order_by(push_subscriptions.c.created_at, push_subscriptions.c.id)
        )
        return tuple(Device(row.id, row.name, row.created_at) for row in rows)

    def subscribe(self, new: NewSubscription) -> tuple[Device, str | None]:
        """Store a browser, or renew it; another user's becomes this one's. The least lately renewed give way.

        Returns:
            The device, and the user who lost it, if any.
        """
        mine = new.subscription
        former = self._take_from_others(mine)
        columns = push_subscriptions.c
        insert = insert_for(self._connection)(push_subscriptions)
        row = {
            "id": mine.id,
            "user_id": mine.user_id,
            "endpoint": mine.endpoint,
            "p256dh": mine.keys.p256dh,
            "auth": mine.keys.auth,
            "name": new.name,
            "created_at": new.now,
            "renewed_at": new.now,
        }
        renewed = {
            # Another process may have stored it for another user at this very moment: the later one counts.
            "user_id": insert.excluded.user_id,
            "p256dh": insert.excluded.p256dh,
            "auth": insert.excluded.auth,
            "name": func.coalesce(insert.excluded.name, columns.name),
            "renewed_at": insert.excluded.renewed_at,
        }
        stored = self._connection.execute(
            insert.values(row)
            .on_conflict_do_update(index_elements=["endpoint"], set_=renewed)
            .returning(columns.id, columns.name, columns.created_at)
        ).one()
        self._drop_surplus(mine.user_id)
        return Device(stored.id, stored.name, stored.created_at), former

    def unsubscribe(self, user_id: str, *, endpoint: str | None, device_id: str | None) -> None:
        """Remove a device of a user.

        Raises:
            NotFoundError: they have no such device.
        """
        named = (
            push_subscriptions.c.id == device_id if device_id is not None else push_subscriptions.c.endpoint == endpoint
        )
        removal = delete(push_subscriptions).where(named, push_subscriptions.c.user_id == user_id)
        if self._connection.execute(removal).rowcount == 0:
            raise NotFoundError

    def remove(self, subscription: PushSubscription) -> bool:
        """Remove a device of whose end the push service told; returns whether it was still there."""
        removal = delete(push_subscriptions).where(
            push_subscriptions.c.id == subscription.id, push_subscriptions.c.user_id == subscription.user_id
        )
        return self._connection.execute(removal).rowcount > 0

    def remove_older(self, user_id: str, renewed_before: int) -> None:
        """Remove a user's devices that did not subscribe since a moment."""
        self._connection.execute(
            delete(push_subscriptions).where(
                push_subscriptions.c.user_id == user_id, push_subscriptions.c.renewed_at < renewed_before
            )
        )

    def targets(self, user_ids: Sequence[str]) -> list[PushTarget]:
        """Return all devices of some users, with what these chose."""
        found: list[PushTarget] = []
        for start in range(0, len(user_ids), MAX_NAMED):
            rows = self._connection.execute(
                select(push_subscriptions, *PREFERENCES)
                .join(users, users.c.id == push_subscriptions.c.user_id)
                .where(push_subscriptions.c.user_id.in_(user_ids[start : start + MAX_NAMED]))
                .order_by(push_subscriptions.c.id)
            )
            found += [_target(row) for row in rows]
        return found

    def thread_titles(self, thread_ids: Iterable[str]) -> dict[str, tuple[ThreadKind, str | None]]:
        """Return kind and title of threads (the subject's title, if they have none of their own)."""
        rows = self._connection.execute(
            select(
                threads.c.id, threads.c.kind, func.coalesce(threads.c.title, threads.c.subject_title).label("title")
            ).where(threads.c.id.in_(tuple(thread_ids)))
        )
        return {row.id: (row.kind, row.title) for row in rows}

    def _take_from_others(self, mine: PushSubscription) -> str | None:
        removal = delete(push_subscriptions).where(
            push_subscriptions.c.endpoint == mine.endpoint, push_subscriptions.c.user_id != mine.user_id
        )
        former = self._connection.execute(removal.returning(push_subscriptions.c.user_id)).scalar_one_or_none()
        return None if former is None else str(former)

    def _drop_surplus(self, user_id: str) -> None:
        kept = (
            select(push_subscriptions.c.id)
            .where(push_subscriptions.c.user_id == user_id)
            .order_by(push_subscriptions.c.renewed_at.desc(), push_subscriptions.c.id.desc())
            .limit(MAX_DEVICES)
        )
        self._connection.execute(
            delete(push_subscriptions).where(
                push_subscriptions.c.user_id == user_id, push_subscriptions.c.id.not_in(kept)
            )
        )


def _target(row: Row[Any]) -> PushTarget:
    keys = PushKeys(row.p256dh, row.auth)
    subscription = PushSubscription(row.id, row.user_id, row.endpoint, keys)
    return PushTarget(subscription, preferences_of(row))
