"""Where SQLite's commits happen: small ones on the event loop, whatever might wait in a thread."""

import asyncio
import errno
import os
import sqlite3
import threading
import uuid
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from client_tests.storage.conftest import make_thread, new_message, send
from server.domain.errors import UnavailableError
from server.storage import sqlite
from server.storage.append import Append
from server.storage.database import Database
from server.storage.engine import open_database, sqlite_path


@pytest.fixture
async def normal(sqlite_url: str) -> AsyncIterator[Database]:
    """A database whose commits wait for no disk."""
    database = open_database(sqlite_url, sqlite_synchronous="NORMAL")
    yield database
    await database.close()


@pytest.fixture
def committed_in(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The threads in which batches of messages are stored, one after another."""
    threads: list[int] = []
    run = Append.run

    def noting(self: Append, batch: list[object]) -> object:
        threads.append(threading.get_ident())
        return run(self, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(Append, "run", noting)
    return threads


async def test_small_batch_is_committed_on_the_event_loop(normal: Database, committed_in: list[int]) -> None:
    """A message takes no thread, and is there for other connections at once."""
    thread_id = await make_thread(normal, "1")
    await send(normal, thread_id, "1", "a")
    assert committed_in == [threading.get_ident()]
    assert (await normal.read(lambda work: work.threads.get(thread_id, "1"))).last_seq == 1


async def test_large_batch_is_committed_in_the_thread(normal: Database, committed_in: list[int]) -> None:
    """What would hold up everybody for long does not."""
    thread_id = await make_thread(normal, "1")
    messages = [new_message(thread_id, "1") for _ in range(sqlite.MAX_ON_LOOP + 1)]
    await asyncio.gather(*(normal.append(message) for message in messages))
    assert threading.get_ident() not in committed_in


@pytest.fixture
async def full(sqlite_url: str) -> AsyncIterator[Database]:
    """A database whose commits survive a power cut."""
    database = open_database(sqlite_url, sqlite_synchronous="FULL")
    yield database
    await database.close()


async def test_full_answers_once_the_log_is_on_the_disk(
    sqlite_url: str, full: Database, committed_in: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit is the event loop's, the wait for the disk is a thread's, and nobody is answered before."""
    thread_id = await make_thread(full, "1")
    log, on_disk, synced = Path(f"{sqlite_path(sqlite_url)}-wal"), threading.Event(), []

    def slow_sync(descriptor: int) -> None:
        assert on_disk.wait(5)
        synced.append((os.path.samestat(os.fstat(descriptor), log.stat()), threading.get_ident()))

    monkeypatch.setattr(sqlite, "sync", slow_sync)
    sending = asyncio.create_task(full.append(new_message(thread_id, "1")))
    while (await full.read(lambda work: work.threads.get(thread_id, "1"))).last_seq == 0:
        pass  # committed it is
    assert not sending.done()
    on_disk.set()
    assert (await sending).message.seq == 1
    assert committed_in == [threading.get_ident()]
    ((is_log, thread),) = synced
    assert is_log
    assert thread != threading.get_ident()


async def test_full_with_a_disk_that_fails_is_unavailable(full: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is not told that it is stored tries again, and by its id it is the same message."""
    thread_id = await make_thread(full, "1")
    message = new_message(thread_id, "1", client_message_id=str(uuid.uuid4()))

    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(sqlite, "sync", fail)
        with pytest.raises(UnavailableError):
            await full.append(message)
    assert (await full.append(message)).message.seq == 1


@pytest.mark.parametrize(("synchronous", "in_thread", "on_loop"), [("FULL", 2, 1), ("EXTRA", 3, 1), ("NORMAL", 1, 1)])
async def test_jobs_are_as_synchronous_as_configured(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, synchronous: str, in_thread: int, on_loop: int
) -> None:
    """SQLite itself syncs what the thread commits, also after messages that were committed on the event loop."""
    found: list[int] = []
    run = Append.run

    def noting(self: Append, batch: list[object]) -> object:
        found.append(self._connection.exec_driver_sql("PRAGMA synchronous").scalar_one())
        return run(self, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(Append, "run", noting)
    database = open_database(sqlite_url, sqlite_synchronous=synchronous)
    thread_id = await make_thread(database, "1")
    for _ in range(2):
        await send(database, thread_id, "1", "a")
        found.append(
            await database.write(lambda work: work._connection.exec_driver_sql("PRAGMA synchronous").scalar_one())
        )
    await database.close()
    assert found == [on_loop, in_thread, on_loop, in_thread]


async def test_slow_disk_is_left_to_the_thread(
    normal: Database, committed_in: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After one commit that took too long the next ones are the thread's."""
    monkeypatch.setattr(sqlite, "SLOW_COMMIT_S", 0.0)
    thread_id = await make_thread(normal, "1")
    await send(normal, thread_id, "1", "a", "b", "c")
    assert [thread == threading.get_ident() for thread in committed_in] == [True, False, False]


async def test_file_that_another_is_writing_to_does_not_stop_the_event_loop(
    sqlite_url: str, normal: Database, committed_in: list[int]
) -> None:
    """The thread waits for its turn, and the message is stored once it has it."""
    thread_id = await make_thread(normal, "1")
    with closing(sqlite3.connect(sqlite_path(sqlite_url), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        sending = asyncio.create_task(normal.append(new_message(thread_id, "1")))
        # The loop is free: reads are answered while the write waits.
        thread = await normal.read(lambda work: work.threads.get(thread_id, "1"))
        assert (thread.last_seq, sending.done()) == (0, False)
        other.execute("COMMIT")
    assert (await sending).message.seq == 1
    assert threading.get_ident() not in committed_in
    await send(normal, thread_id, "1", "next")
    assert committed_in[-1] == threading.get_ident()


async def test_log_is_copied_into_the_file_by_the_thread(
    sqlite_url: str, normal: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many rows; commits on the event loop then find no checkpoint to make."""
    monkeypatch.setattr(sqlite, "ROWS_A_CHECKPOINT", 30)
    thread_id = await make_thread(normal, "1")
    await send(normal, thread_id, "1", "a message to be found", *"bcdefghijklmnop")
    await normal.write(lambda _work: None)  # the thread does one thing after another
    assert b"a message to be found" in await asyncio.to_thread(sqlite_path(sqlite_url).read_bytes)


async def test_log_begins_anew_although_messages_come_all_the_time(
    sqlite_url: str, normal: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is committed while the log is copied is copied before the next commit, or the log would grow for ever."""
    monkeypatch.setattr(sqlite, "ROWS_A_CHECKPOINT", 30)
    copied, is_told = threading.Event(), threading.Event()
    checkpoint = sqlite.SqliteDatabase._checkpoint

    def slow(self: sqlite.SqliteDatabase) -> None:
        checkpoint(self)
        copied.set()
        assert is_told.wait(5)

    monkeypatch.setattr(sqlite.SqliteDatabase, "_checkpoint", slow)
    thread_id = await make_thread(normal, "1")
    began = log_number(sqlite_url)
    while not copied.is_set():
        await send(normal, thread_id, "1", "a")
    await send(normal, thread_id, "1", "committed meanwhile")
    is_told.set()
    await asyncio.wrap_future(normal._write_thread.submit(lambda: None))  # type: ignore[attr-defined]
    await send(normal, thread_id, "1", "the first of the new log")
    assert log_number(sqlite_url) != began
    assert b"committed meanwhile" in await asyncio.to_thread(sqlite_path(sqlite_url).read_bytes)


def log_number(url: str) -> bytes:
    """Return what counts how often the log was begun anew (https://sqlite.org/fileformat2.html#walformat)."""
    return Path(f"{sqlite_path(url)}-wal").read_bytes()[12:16]
