"""The few statements of a batch of messages, on each database's own driver.

This is the hot path: SQLAlchemy's expression layer costs several times what the statements themselves do, so here, and
only here, SQL is written out (ADR 0002). Both classes do the same; `append.py` decides what.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from sqlalchemy import Connection

from server.domain.models import Message


@dataclass(slots=True)
class Head:
    """A thread's counters, as read under its lock."""

    last_seq: int
    rev: int
    activity_at: int
    info_rev: int


@dataclass(slots=True)
class Place:
    """A sender's place in a thread."""

    name: str
    read_seq: int
    own_since_read: int
    moved: bool = False


PlaceKey = tuple[str, str]
"""`(thread_id, user_id)`."""
StoredKey = tuple[str, str, str]
"""What makes a retry the same message: `(thread_id, sender_id, client_message_id)`; the system's `sender_id` is ""."""


class AppendIo(Protocol):
    """Reads and writes of one batch, inside its transaction."""

    def lock_threads(self, ids: Sequence[str]) -> dict[str, Head]:
        """Lock threads in the order of `ids` (sorted by the caller) and return those that exist."""
        ...

    def places(self, keys: Sequence[PlaceKey]) -> dict[PlaceKey, Place]:
        """Return the places that exist."""
        ...

    def stored(self, keys: Sequence[StoredKey]) -> list[str]:
        """Return the ids of messages that are stored already."""
        ...

    def write(
        self,
        messages: Sequence[Message],
        heads: Sequence[tuple[int, int, int, str]],
        places: Sequence[tuple[int, int, str, str]],
    ) -> None:
        """Insert messages, set `(last_seq, rev, activity_at)` by id, and `(read_seq, own_since_read)` by key."""
        ...


def append_io(connection: Connection) -> AppendIo:
    """Return the statements for a connection's database."""
    return SqliteAppendIo(connection) if connection.dialect.name == "sqlite" else PostgresAppendIo(connection)


_COLUMNS = "id, thread_id, seq, rev, kind, sender_id, content, client_message_id, sent_at"


def _heads(rows: Iterable[Sequence[Any]]) -> dict[str, Head]:
    return {key: Head(*counters) for key, *counters in rows}


def _places(rows: Iterable[Sequence[Any]]) -> dict[PlaceKey, Place]:
    return {(thread_id, user_id): Place(*place) for thread_id, user_id, *place in rows}


def _message_row(message: Message) -> tuple[Any, ...]:
    return (
        message.id,
        message.thread_id,
        message.seq,
        message.rev,
        message.kind,
        message.sender_id,
        message.content,
        message.client_message_id,
        message.sent_at,
    )


FEW = 4
"""So many rows or less are found more cheaply one by one than by way of JSON."""


class SqliteAppendIo:
    """On `sqlite3` itself; lists travel as JSON, both ways. The writer's `BEGIN IMMEDIATE` is the lock.

    Python's driver gives up the interpreter's lock for each row that it reads and each execution, and must win it back
    from the event loop each time. So each of these statements takes a whole batch and yields one row or none.
    """

    def __init__(self, connection: Connection) -> None:
        self._sqlite: Any = connection.connection.driver_connection

    def lock_threads(self, ids: Sequence[str]) -> dict[str, Head]:
        """Return the threads."""
        query = """
            SELECT json_group_array(json_array(id, last_seq, rev, activity_at, info_rev))
            FROM threads WHERE id IN (SELECT value FROM json_each(?))
        """
        return _heads(self._read(query, ids))

    def places(self, keys: Sequence[PlaceKey]) -> dict[PlaceKey, Place]:
        """Return the places. CROSS JOIN keeps the planner from starting anywhere but at the keys."""
        query = """
            SELECT json_group_array(json_array(p.thread_id, p.user_id, u.display_name, p.read_seq, p.own_since_read))
            FROM json_each(?) AS k
            CROSS JOIN participants AS p
                ON p.thread_id = json_extract(k.value, '$[0]') AND p.user_id = json_extract(k.value, '$[1]')
            CROSS JOIN users AS u ON u.id = p.user_id
        """
        return _places(self._read(query, keys))

    def stored(self, keys: Sequence[StoredKey]) -> list[str]:
        """Return the ids, by the unique index on just these expressions."""
        query = """
            SELECT json_group_array(m.id) FROM json_each(?) AS k
            CROSS JOIN messages AS m
                ON m.thread_id = json_extract(k.value, '$[0]')
                AND coalesce(m.sender_id, '') = json_extract(k.value, '$[1]')
                AND m.client_message_id = json_extract(k.value, '$[2]')
        """
        ids: list[str] = self._read(query, keys)
        return ids

    def write(
        self,
        messages: Sequence[Message],
        heads: Sequence[tuple[int, int, int, str]],
        places: Sequence[tuple[int, int, str, str]],
    ) -> None:
        """Write each table by one statement."""
        self._write(_SQLITE_INSERT, [_message_row(message) for message in messages])
        self._write(
            """
            UPDATE threads SET
                last_seq = json_extract(k.value, '$[0]'),
                rev = json_extract(k.value, '$[1]'),
                activity_at = json_extract(k.value, '$[2]')
            FROM json_each(?) AS k WHERE threads.id = json_extract(k.value, '$[3]')
            """,
            heads,
        )
        self._write(
            """
            UPDATE participants SET
                read_seq = json_extract(k.value, '$[0]'), own_since_read = json_extract(k.value, '$[1]')
            FROM json_each(?) AS k
            WHERE participants.thread_id = json_extract(k.value, '$[2]')
                AND participants.user_id = json_extract(k.value, '$[3]')
            """,
            places,
        )

    def _read(self, query: str, keys: Sequence[Any]) -> Any:
        return orjson.loads(self._sqlite.execute(query, (_json(keys),)).fetchone()[0])

    def _write(self, statement: str, rows: Sequence[Any]) -> None:
        self._sqlite.execute(statement, (_json(rows),))


def _json(rows: Sequence[Any]) -> str:
    return orjson.dumps(rows).decode()


class SqliteLoopAppendIo(SqliteAppendIo):
    """The same on the event loop, where nobody else wants the interpreter's lock: row by row, unless many are read.

    A statement that writes several rows keeps a copy of each page that it touches, to take them all back if one fails.
    """

    def lock_threads(self, ids: Sequence[str]) -> dict[str, Head]:
        """Return the threads."""
        if len(ids) > FEW:
            return super().lock_threads(ids)
        query = "SELECT id, last_seq, rev, activity_at, info_rev FROM threads WHERE id = ?"
        return _heads(self._each(query, ((key,) for key in ids)))

    def places(self, keys: Sequence[PlaceKey]) -> dict[PlaceKey, Place]:
        """Return the places."""
        if len(keys) > FEW:
            return super().places(keys)
        query = """
            SELECT p.thread_id, p.user_id, u.display_name, p.read_seq, p.own_since_read
            FROM participants AS p CROSS JOIN users AS u ON u.id = p.user_id WHERE p.thread_id = ? AND p.user_id = ?
        """
        return _places(self._each(query, keys))

    def stored(self, keys: Sequence[StoredKey]) -> list[str]:
        """Return the ids."""
        if len(keys) > FEW:
            return super().stored(keys)
        query = """
            SELECT id FROM messages
            WHERE thread_id = ? AND coalesce(sender_id, '') = ? AND client_message_id = ?
        """
        return [row[0] for row in self._each(query, keys)]

    def _each(self, query: str, keys: Iterable[tuple[str, ...]]) -> Iterator[tuple[Any, ...]]:
        """Run a query that finds one row or none for each key."""
        run = self._sqlite.execute
        return (row for key in keys if (row := run(query, key).fetchone()) is not None)

    def write(
        self,
        messages: Sequence[Message],
        heads: Sequence[tuple[int, int, int, str]],
        places: Sequence[tuple[int, int, str, str]],
    ) -> None:
        """Write each table row by row."""
        run = self._sqlite.executemany
        run(f"INSERT INTO messages ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", map(_message_row, messages))  # noqa: S608 - constants
        run("UPDATE threads SET last_seq = ?, rev = ?, activity_at = ? WHERE id = ?", heads)
        run("UPDATE participants SET read_seq = ?, own_since_read = ? WHERE thread_id = ? AND user_id = ?", places)


_SQLITE_INSERT = "INSERT INTO messages ({}) SELECT {} FROM json_each(?)".format(  # noqa: S608 - constants
    _COLUMNS, ", ".join(f"json_extract(value, '$[{number}]')" for number in range(len(_COLUMNS.split(","))))
)


_POSTGRES_WRITE = f"""
    WITH added AS (
        INSERT INTO messages ({_COLUMNS}) SELECT * FROM unnest(
            $1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[],
            $6::text[], $7::text[], $8::text[], $9::bigint[])
    ), advanced AS (
        UPDATE threads AS t SET last_seq = v.last_seq, rev = v.rev, activity_at = v.activity_at
        FROM unnest($10::bigint[], $11::bigint[], $12::bigint[], $13::text[]) AS v (last_seq, rev, activity_at, id)
        WHERE t.id = v.id
    )
    UPDATE participants AS p SET read_seq = v.read_seq, own_since_read = v.own_since_read
    FROM unnest($14::bigint[], $15::bigint[], $16::text[], $17::text[])
        AS v (read_seq, own_since_read, thread_id, user_id)
    WHERE p.thread_id = v.thread_id AND p.user_id = v.user_id
"""  # noqa: S608 - constants


class PostgresAppendIo:
    """On asyncpg by way of SQLAlchemy's connection; lists travel as arrays, one round trip a statement."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock_threads(self, ids: Sequence[str]) -> dict[str, Head]:
        """Lock and return the threads."""
        query = """
            SELECT id, last_seq, rev, activity_at, info_rev FROM threads
            WHERE id = ANY($1::text[]) ORDER BY id COLLATE "C" FOR UPDATE
        """
        return _heads(self._run(query, list(ids)))

    def places(self, keys: Sequence[PlaceKey]) -> dict[PlaceKey, Place]:
        """Return the places."""
        query = """
            SELECT p.thread_id, p.user_id, u.display_name, p.read_seq, p.own_since_read
            FROM unnest($1::text[], $2::text[]) AS k (thread_id, user_id)
            JOIN participants AS p ON p.thread_id = k.thread_id AND p.user_id = k.user_id
            JOIN users AS u ON u.id = p.user_id
        """
        return _places(self._run(query, *_columns(keys, 2)))

    def stored(self, keys: Sequence[StoredKey]) -> list[str]:
        """Return the ids."""
        query = """
            SELECT m.id FROM unnest($1::text[], $2::text[], $3::text[]) AS k (thread_id, sender_id, client_message_id)
            JOIN messages AS m ON m.thread_id = k.thread_id
                AND coalesce(m.sender_id, '') = k.sender_id AND m.client_message_id = k.client_message_id
        """
        return [row[0] for row in self._run(query, *_columns(keys, 3))]

    def write(
        self,
        messages: Sequence[Message],
        heads: Sequence[tuple[int, int, int, str]],
        places: Sequence[tuple[int, int, str, str]],
    ) -> None:
        """Write all three tables in one statement."""
        rows = _columns([_message_row(message) for message in messages], 9)
        self._run(_POSTGRES_WRITE, *rows, *_columns(heads, 4), *_columns(places, 4))

    def _run(self, query: str, *arrays: list[Any]) -> Any:
        return self._connection.exec_driver_sql(query, arrays)


def _columns(rows: Sequence[Sequence[Any]], count: int) -> list[list[Any]]:
    return [[row[index] for row in rows] for index in range(count)]
