"""Where SQLite's commits happen: small ones on the event loop, whatever might wait in a thread."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing

import pytest

from client_tests.storage.conftest import make_thread, new_message, send
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


async def test_full_is_committed_in_the_thread(sqlite_url: str, committed_in: list[int]) -> None:
    """A commit that waits for the disk never does so on the event loop."""
    database = open_database(sqlite_url, sqlite_synchronous="FULL")
    await send(database, await make_thread(database, "1"), "1", "a")
    await database.close()
    assert len(committed_in) == 1
    assert threading.get_ident() not in committed_in


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
