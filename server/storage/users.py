"""People: who exists, what they are called, when they were last here."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from server.domain.models import Locale, Preferences, User
from server.domain.results import PeoplePage
from server.storage.cursors import decode_cursor, encode_cursor
from server.storage.tables import participants, users


def insert_for(connection: Connection) -> Any:
    """Return the INSERT that knows ON CONFLICT for this database; both dialects spell it alike."""
    return sqlite_insert if connection.dialect.name == "sqlite" else postgresql_insert


def fold(name: str) -> str:
    """Fold a name for search: no case, no accents."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def _like_prefix_of_words(query: str) -> str:
    escaped = fold(query.strip()).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _user(row: Row[Any]) -> User:
    return User(row.id, row.display_name, row.avatar_url, row.locale, row.last_seen_at)


PREFERENCES = tuple(users.c[field.name] for field in fields(Preferences))
"""Each preference is a column of the same name."""


def preferences_of(row: Row[Any]) -> Preferences:
    """Read what a person chose from a row that has the columns `PREFERENCES`."""
    return Preferences(row.locale, row.sound, row.push_messages, row.push_notifications, row.push_preview)


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a person who connects."""

    display_name: str
    name_is_put: bool
    locale: Locale | None

    def would_rename(self, claim_name: str | None) -> bool:
        """Tell whether a token's name is to take the place of theirs."""
        return bool(claim_name) and not self.name_is_put and claim_name != self.display_name


_PROFILES = select(users.c.id, users.c.display_name, users.c.name_is_put, users.c.locale).where(
    users.c.id.in_(bindparam("user_ids", expanding=True))
)
"""Built once: to build a query costs several times what it takes to run it."""


class UserRepository:
    """Rows of `users`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, user_id: str) -> User | None:
        """Return a person, or None."""
        row = self._connection.execute(select(users).where(users.c.id == user_id)).one_or_none()
        return _user(row) if row else None

    def get_many(self, user_ids: Iterable[str]) -> dict[str, User]:
        """Return those of the people who exist, by id."""
        rows = self._connection.execute(select(users).where(users.c.id.in_(tuple(user_ids))))
        return {row.id: _user(row) for row in rows}

    def ensure(self, user_id: str, claim_name: str | None, now: int) -> tuple[User, bool]:
        """Create a person at their first connection; keep the name in step with the token's until one is PUT.

        Returns:
            The person, and whether the name changed.
        """
        row = self._connection.execute(select(users).where(users.c.id == user_id)).one_or_none()
        if row is None:
            self._insert(user_id, claim_name or user_id, now, name_is_put=False)
            return User(user_id, claim_name or user_id), False
        if claim_name is None or not _profile(row).would_rename(claim_name):
            return _user(row), False
        values = {"display_name": claim_name, "search_name": fold(claim_name)}
        self._connection.execute(update(users).where(users.c.id == user_id).values(values))
        return User(user_id, claim_name, row.avatar_url, row.locale, row.last_seen_at), True

    def put(self, user: User, now: int, *, keep_locale: bool = False) -> tuple[User, bool]:
        """Create or rename a person; `keep_locale` leaves the language as it is.

        Returns:
            The person, and whether anything that others see changed.
        """
        before = self.get(user.id)
        if before is None:
            self._insert(user.id, user.display_name, now, name_is_put=True)
        values = {
            "display_name": user.display_name,
            "search_name": fold(user.display_name),
            "name_is_put": True,
            "avatar_url": user.avatar_url,
            **({} if keep_locale else {"locale": user.locale}),
        }
        self._connection.execute(update(users).where(users.c.id == user.id).values(values))
        after = self.get(user.id)
        assert after is not None  # noqa: S101 - just written, in this transaction
        changed = before is None or (before.display_name, before.avatar_url) != (
            after.display_name,
            after.avatar_url,
        )
        return after, changed

    def profiles(self, user_ids: Iterable[str]) -> dict[str, Profile]:
        """Return what is to be known of those who connect."""
        rows = self._connection.execute(_PROFILES, {"user_ids": tuple(user_ids)})
        return {row.id: _profile(row) for row in rows}

    def preferences(self, user_id: str) -> Preferences:
        """Return what a person chose; of one who does not exist, what one is given at first."""
        row = self._connection.execute(select(*PREFERENCES).where(users.c.id == user_id)).one_or_none()
        return preferences_of(row) if row else Preferences()

    def choose(self, user_id: str, changes: Mapping[str, Any]) -> None:
        """Change some of a person's preferences, by the names of `Preferences`."""
        self._connection.execute(update(users).where(users.c.id == user_id).values(changes))

    def create_missing(self, user_ids: Iterable[str], now: int) -> None:
        """Create those who do not exist yet, named by their ids."""
        # Sorted, so that two processes that create the same people wait for each other in the same order.
        for user_id in sorted(user_ids):
            self._insert(user_id, user_id, now, name_is_put=False)

    def _insert(self, user_id: str, name: str, now: int, *, name_is_put: bool) -> None:
        insert = insert_for(self._connection)
        row: Mapping[str, Any] = {
            "id": user_id,
            "display_name": name,
            "search_name": fold(name),
            "name_is_put": name_is_put,
            "created_at": now,
        }
        self._connection.execute(insert(users).values(row).on_conflict_do_nothing())

    def seen(self, user_ids: Iterable[str], now: int) -> None:
        """Record that these people were here now."""
        self._connection.execute(update(users).where(users.c.id.in_(tuple(user_ids))).values(last_seen_at=now))

    def page(self, user_id: str, query: str | None, cursor: str | None, limit: int, *, everyone: bool) -> PeoplePage:
        """Return a page of people by name: those who share a thread with `user_id`, or everyone else."""
        wanted = [users.c.id != user_id]
        if not everyone:
            mine = select(participants.c.thread_id).where(participants.c.user_id == user_id)
            wanted.append(
                users.c.id.in_(select(participants.c.user_id).where(participants.c.thread_id.in_(mine)).distinct())
            )
        if query:
            wanted.append(users.c.search_name.like(_like_prefix_of_words(query), escape="\\"))
        if cursor:
            wanted.append(tuple_(users.c.search_name, users.c.id) > tuple_(*decode_cursor(cursor, str, str)))
        rows = self._connection.execute(
            select(users).where(and_(*wanted)).order_by(users.c.search_name, users.c.id).limit(limit + 1)
        ).all()
        more = len(rows) > limit
        rows = rows[:limit]
        next_cursor = encode_cursor(rows[-1].search_name, rows[-1].id) if more else None
        return PeoplePage(tuple(_user(row) for row in rows), next_cursor)


def _profile(row: Any) -> Profile:
    return Profile(row.display_name, row.name_is_put, row.locale)
