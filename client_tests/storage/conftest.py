"""A database of each kind, opened, and a short way to people, threads and messages in it."""

from collections.abc import AsyncIterator, Iterator
from itertools import count

import asyncpg
import pytest

from client_tests.services import PostgresServer
from server.domain.ids import new_id
from server.domain.models import Message, Subject, Thread, ThreadKind
from server.storage.append import Appended, NewMessage
from server.storage.database import Database
from server.storage.engine import open_database
from server.storage.tables import metadata
from server.storage.threads import NewThread

_CLOCK = count(1_000)


@pytest.fixture(scope="session")
def shared_postgres_url(postgres: PostgresServer, postgres_template: str) -> Iterator[str]:
    """A migrated PostgreSQL database that all tests of this folder use, one after another."""
    url = postgres.create_database(template=postgres_template)
    yield url
    postgres.drop_database(url)


@pytest.fixture
async def postgres_url(shared_postgres_url: str) -> AsyncIterator[str]:
    """An empty PostgreSQL database; emptying one costs a tenth of making one."""
    yield shared_postgres_url
    connection = await asyncpg.connect(shared_postgres_url)
    await connection.execute("".join(f"DELETE FROM {table};" for table in reversed(metadata.sorted_tables)))  # noqa: S608
    await connection.close()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database of the test's own."""
    opened = open_database(database_url, sqlite_synchronous="OFF")
    yield opened
    await opened.close()


@pytest.fixture
async def pair(database_url: str) -> AsyncIterator[tuple[Database, Database]]:
    """Two on the same file or server, as two processes have."""
    one, two = (open_database(database_url, sqlite_synchronous="OFF") for _ in range(2))
    yield one, two
    await one.close()
    await two.close()


def new_thread(
    *user_ids: str,
    kind: ThreadKind = "group",
    subject: Subject | None = None,
    direct_key: str | None = None,
    created_at: int | None = None,
) -> NewThread:
    """Describe a thread; the first user opens it, a moment after the last one made here."""
    return NewThread(
        id=new_id(),
        kind=kind,
        title=None,
        subject=subject,
        direct_key=direct_key,
        created_by=user_ids[0],
        created_at=next(_CLOCK) if created_at is None else created_at,
        participant_ids=user_ids,
    )


async def make_users(database: Database, *user_ids: str) -> None:
    """Create people, named by their ids."""
    await database.write(lambda work: work.users.create_missing(user_ids, 1))


async def make_thread(database: Database, *user_ids: str, created_at: int | None = None) -> str:
    """Create a group and whoever of its people is missing; returns its id."""
    await make_users(database, *user_ids)
    new = new_thread(*user_ids, created_at=created_at)
    return (await database.write(lambda work: work.threads.create(new)))[0]


def new_message(
    thread_id: str, sender_id: str | None, content: str = "hello", client_message_id: str | None = None
) -> NewMessage:
    """Describe a message, a moment after the last one made here."""
    return NewMessage(new_id(), thread_id, sender_id, content, client_message_id, next(_CLOCK))


async def send(database: Database, thread_id: str, sender_id: str | None, *contents: str) -> list[Appended]:
    """Store messages one after another (one, if no contents are given)."""
    return [await database.append(new_message(thread_id, sender_id, content)) for content in contents or ("hello",)]


async def all_messages(database: Database, thread_id: str) -> tuple[Message, ...]:
    """Return everything in a thread, ascending."""
    return (await database.read(lambda work: work.messages.history(thread_id, None, 10_000))).messages


async def get_thread(database: Database, thread_id: str, user_id: str) -> Thread:
    """Return a thread as a participant sees it."""
    return await database.read(lambda work: work.threads.get(thread_id, user_id))
