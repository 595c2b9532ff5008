"""A database that is away: told within seconds as `unavailable`, and forgotten once it is back."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from client_tests.services import PostgresServer, postgres_server
from client_tests.storage.conftest import make_thread, make_users, new_message
from client_tests.unit.doubles import SERVICE, Clock, RecordingPublisher, user
from server.domain.commands import MarkRead, Notify
from server.domain.errors import UnavailableError
from server.domain.events import MessagesRead, NotificationCreated
from server.services.notifications import NotificationService
from server.services.receipts import ReceiptService
from server.services.tasks import Tasks
from server.storage import sqlite
from server.storage.append import Appended
from server.storage.database import Database
from server.storage.engine import migrate, open_database, sqlite_path
from server.storage.patience import patient
from server.storage.postgres import PostgresDatabase
from server.storage.unit_of_work import UnitOfWork
from server.storage.writer import Late

SLACK = 4.0
"""The machine that runs the tests may be busy."""
TOLD_WITHIN_S = 2.0 * SLACK


@pytest.fixture(scope="module")
def mortal() -> Iterator[PostgresServer]:
    """A PostgreSQL of this module's own, to stop."""
    with postgres_server(survives_kill=True) as server:
        yield server


@pytest.fixture
async def on_mortal(mortal: PostgresServer) -> AsyncIterator[Database]:
    """A migrated database on it."""
    url = mortal.create_database()
    await asyncio.to_thread(migrate, url)
    database = open_database(url)
    yield database
    await database.close()


def operations(database: Database, thread_id: str) -> list[Callable[[], Awaitable[object]]]:
    """One call of each way to use a database."""
    return [
        database.ping,
        lambda: database.read(lambda work: work.threads.get(thread_id, "1")),
        lambda: database.write(lambda work: work.users.seen(["1"], 1)),
        lambda: database.append(new_message(thread_id, "1")),
    ]


async def assert_away(database: Database, thread_id: str) -> None:
    """Every way says so in time."""
    for operation in operations(database, thread_id):
        async with patient(TOLD_WITHIN_S):
            with pytest.raises(UnavailableError):
                await operation()


async def test_postgres_stopped_is_unavailable_until_it_is_back(mortal: PostgresServer, on_mortal: Database) -> None:
    """While it is stopped every call is refused in time; started again, all work, and nothing was stored meanwhile."""
    thread_id = await make_thread(on_mortal, "1")
    await asyncio.gather(*(on_mortal.ping() for _ in range(20)))  # fill the pool with connections that will be dead
    await asyncio.to_thread(mortal.stop)
    await assert_away(on_mortal, thread_id)
    await asyncio.to_thread(mortal.start)
    for operation in operations(on_mortal, thread_id):
        await operation()
    thread = await on_mortal.read(lambda work: work.threads.get(thread_id, "1"))
    assert thread.last_seq == 1


async def test_postgres_restarted_unnoticed_fails_at_most_once(mortal: PostgresServer, on_mortal: Database) -> None:
    """A pool of dead connections costs one refused call, not one for each connection."""
    await asyncio.gather(*(on_mortal.ping() for _ in range(20)))
    await asyncio.to_thread(mortal.stop)
    await asyncio.to_thread(mortal.start)
    outcomes = [await asyncio.gather(on_mortal.ping(), return_exceptions=True) for _ in range(20)]
    failures = [outcome for (outcome,) in outcomes if outcome is not None]
    assert [type(failure) for failure in failures] in ([], [UnavailableError])


async def test_postgres_killed_and_restarted_works_at_once(mortal: PostgresServer, on_mortal: Database) -> None:
    """While it recovers from a crash it is away, not broken; all that was acked before is there."""
    thread_id = await make_thread(on_mortal, "1")
    await asyncio.gather(*(on_mortal.append(new_message(thread_id, "1")) for _ in range(20)))
    await asyncio.to_thread(mortal.kill)
    await assert_away(on_mortal, thread_id)
    starting = asyncio.create_task(asyncio.to_thread(mortal.start))
    while not starting.done():
        outcomes = await asyncio.gather(*(call() for call in operations(on_mortal, thread_id)), return_exceptions=True)
        failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert all(isinstance(failure, UnavailableError) for failure in failures), failures
    await starting
    for operation in operations(on_mortal, thread_id):
        await operation()
    thread = await on_mortal.read(lambda work: work.threads.get(thread_id, "1"))
    assert thread.last_seq >= 21


@pytest.fixture
def frozen(mortal: PostgresServer, on_mortal: Database) -> Iterator[Callable[[], None]]:
    """Freezes it; thawed at the end, whatever happens."""
    del on_mortal  # closed only when thawed
    yield mortal.freeze
    mortal.thaw()


async def test_postgres_frozen_is_unavailable_in_time_until_thawed(
    mortal: PostgresServer, on_mortal: Database, frozen: Callable[[], None]
) -> None:
    """It neither answers nor breaks a connection: every call is refused in time; thawed, all work at once."""
    thread_id = await make_thread(on_mortal, "1")
    await asyncio.gather(*(on_mortal.ping() for _ in range(20)))
    frozen()
    await assert_away(on_mortal, thread_id)
    await assert_away(on_mortal, thread_id)
    mortal.thaw()
    async with asyncio.timeout(5):
        for operation in operations(on_mortal, thread_id):
            await until_available(operation)
    thread = await on_mortal.read(lambda work: work.threads.get(thread_id, "1"))
    assert 1 <= thread.last_seq <= 3


async def until_available(operation: Callable[[], Awaitable[object]]) -> None:
    """Repeat a call until it is not refused."""
    while True:
        try:
            await operation()
        except UnavailableError:
            await asyncio.sleep(0.05)
        else:
            return


async def test_postgres_frozen_refuses_a_thousand_reads_in_time(
    mortal: PostgresServer, on_mortal: Database, frozen: Callable[[], None]
) -> None:
    """At once, and one after another: they do not take turns at waiting."""
    await asyncio.gather(*(on_mortal.ping() for _ in range(20)))
    frozen()
    async with patient(TOLD_WITHIN_S):
        outcomes = await asyncio.gather(*(on_mortal.ping() for _ in range(1_000)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {UnavailableError}
    async with patient(2 * TOLD_WITHIN_S):
        for _ in range(1_000):
            with pytest.raises(UnavailableError):
                await on_mortal.ping()
    mortal.thaw()
    async with asyncio.timeout(3):
        await until_available(on_mortal.ping)


async def test_postgres_frozen_send_is_refused_and_told_once_it_is_stored(
    mortal: PostgresServer, on_mortal: Database, frozen: Callable[[], None]
) -> None:
    """A commit that is answered too late for its sender is told all the same, and the retry finds the message."""
    thread_id = await make_thread(on_mortal, "1")
    settled: asyncio.Queue[Appended | Late | Exception] = asyncio.Queue()
    new = new_message(thread_id, "1", client_message_id="same")
    frozen()
    on_mortal.append_then(new, settled.put_nowait)
    async with patient(TOLD_WITHIN_S):
        assert isinstance(await settled.get(), UnavailableError)
    with pytest.raises(UnavailableError):  # what follows need not wait to be told the same
        on_mortal.append_then(new_message(thread_id, "1"), settled.put_nowait)
    mortal.thaw()
    async with asyncio.timeout(5):
        late = await settled.get()
    assert isinstance(late, Late)
    again = await on_mortal.append(new_message(thread_id, "1", client_message_id="same"))
    assert (again.created, again.message) == (False, late.result.message)
    assert settled.empty()


async def test_postgres_frozen_what_is_stored_late_is_told_all_the_same(
    mortal: PostgresServer, on_mortal: Database, frozen: Callable[[], None]
) -> None:
    """Other people hear of a receipt and a notification although those who caused them were told `unavailable`."""
    thread_id = await make_thread(on_mortal, "1", "2")
    await on_mortal.append(new_message(thread_id, "1"))
    told, clock, tasks = RecordingPublisher(), Clock(), Tasks()
    receipts = ReceiptService(on_mortal, told, clock, tasks)
    notifications = NotificationService(on_mortal, told, clock)
    notify = Notify(title="title", message="message", priority="high", user_id="1")
    frozen()
    calls = (receipts.mark_read(user("2"), MarkRead(thread_id=thread_id)), notifications.notify(SERVICE, notify))
    async with patient(TOLD_WITHIN_S):
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [UnavailableError, UnavailableError]
    mortal.thaw()
    [read] = await told.heard(MessagesRead)
    assert read.receipt.read_seq == 1
    [created] = await told.heard(NotificationCreated)
    assert created.notification.user_id == "1"
    await tasks.close()


async def test_postgres_lost_while_it_commits_is_asked_what_became_of_it(postgres_url: str) -> None:
    """The answer to a commit is lost with the connection: a message that is stored is acked or told, never hidden."""
    database = open_database(postgres_url)
    thread_id = await make_thread(database, "1")
    lost = _LosesCommits(database)
    stored = await database.append(new_message(thread_id, "1"))
    assert (stored.created, stored.message.seq, lost.commits) == (True, 1, 1)
    lost.before = True
    with pytest.raises(UnavailableError):
        await database.append(new_message(thread_id, "1"))
    thread = await database.read(lambda work: work.threads.get(thread_id, "1"))
    assert (thread.last_seq, lost.commits) == (1, 2)
    await database.close()


class _LosesCommits:
    """Breaks the connection when it has committed, or when it is `before` to; the next commit is left alone."""

    def __init__(self, database: Database) -> None:
        assert isinstance(database, PostgresDatabase)
        self.commits = 0
        self.before = False
        dialect = database._engine.sync_engine.dialect
        self._commit = dialect.do_commit
        self._leave_alone = False
        dialect.do_commit = self._do_commit  # type: ignore[method-assign]

    def _do_commit(self, connection: Any) -> None:
        if self._leave_alone:
            self._commit(connection)
            self._leave_alone = False
            return
        self.commits += 1
        self._leave_alone = True  # the question what became of it
        if not self.before:
            self._commit(connection)
        connection.driver_connection.terminate()
        raise connection.dbapi.OperationalError("connection lost")


async def test_postgres_session_ended_by_the_server_is_unavailable(postgres_url: str) -> None:
    """A connection that is cut in the middle of a job is a passing trouble, and the next call works."""
    database = open_database(postgres_url)
    cut = "SELECT pg_terminate_backend(pg_backend_pid())"
    for use in (database.read, database.write):
        with pytest.raises(UnavailableError):
            await use(lambda work: work._connection.exec_driver_sql(cut))
        await database.ping()
    await database.close()


async def test_postgres_unreachable_address_is_unavailable() -> None:
    """A server that does not answer at all is given up in time."""
    database = open_database("postgresql://127.0.0.1:9/none")
    await assert_away(database, "t")
    await database.close()


async def test_sqlite_locked_by_another_process_is_unavailable(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writes that wait longer than the busy time-out are refused; reads go on; afterwards all work."""
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 50)
    database = open_database(sqlite_url, sqlite_synchronous="OFF")
    thread_id = await make_thread(database, "1")
    with closing(sqlite3.connect(sqlite_path(sqlite_url), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UnavailableError):
            await database.append(new_message(thread_id, "1"))
        with pytest.raises(UnavailableError):
            await database.write(lambda work: work.users.seen(["1"], 1))
        await database.ping()
        other.execute("ROLLBACK")
    for operation in operations(database, thread_id):
        await operation()
    thread = await database.read(lambda work: work.threads.get(thread_id, "1"))
    assert thread.last_seq == 1
    await database.close()


async def test_sqlite_locked_for_a_moment_waits(sqlite_url: str) -> None:
    """A lock that is released within the busy time-out is waited for."""
    database = open_database(sqlite_url, sqlite_synchronous="OFF")
    thread_id = await make_thread(database, "1")
    with closing(sqlite3.connect(sqlite_path(sqlite_url), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        waiting = database.writer.submit(new_message(thread_id, "1"))
        await database.ping()
        assert not waiting.done()
        other.execute("ROLLBACK")
        stored = await waiting
    assert stored.message.seq == 1
    await database.close()


async def test_postgres_deadlock_is_unavailable(postgres_url: str) -> None:
    """Of two transactions that wait for each other one is ended, and may be tried again."""
    database = open_database(postgres_url)
    await make_users(database, "1", "2")
    await database.close()
    both_hold = threading.Barrier(2, timeout=5)

    async def lock(first: str, second: str) -> Exception | None:
        def job(work: UnitOfWork) -> None:
            work.users.seen([first], 1)
            both_hold.wait()
            work.users.seen([second], 1)

        database = open_database(postgres_url)
        (outcome,) = await asyncio.gather(database.write(job), return_exceptions=True)
        await database.close()
        return outcome

    # The barrier blocks an event loop, so each has a thread and a loop of its own.
    outcomes = await asyncio.gather(
        *(asyncio.to_thread(asyncio.run, lock(*order)) for order in (("1", "2"), ("2", "1")))
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "UnavailableError"]
