"""Writes a population into an empty database: `python -P seed.py POPULATION.json DATABASE_URL` (see `population.py`).

It runs as a process of its own, since it imports the server that is to be measured, which may be another version than
the one beside these benchmarks.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from server.domain.models import User
from server.storage.engine import migrate, open_database
from server.storage.threads import NewThread
from server.storage.unit_of_work import UnitOfWork

AT_ONCE = 200
"""Rows of a write: the server gives up on one that takes seconds."""


def main(spec: Path, url: str) -> None:
    """Create the tables and the rows."""
    migrate(url)
    asyncio.run(_store(json.loads(spec.read_text()), url))


async def _store(threads: list[dict[str, Any]], url: str) -> None:
    database = open_database(url)
    now = time.time_ns() // 1_000_000

    user_ids = [user_id for thread in threads for user_id in thread["user_ids"]]
    for at in range(0, len(user_ids), AT_ONCE):
        await database.write(partial(_put_users, user_ids=user_ids[at : at + AT_ONCE], now=now))
    for at in range(0, len(threads), AT_ONCE):
        await database.write(partial(_create_threads, threads=threads[at : at + AT_ONCE], now=now))
    await database.close()


def _put_users(work: UnitOfWork, *, user_ids: Sequence[str], now: int) -> None:
    for user_id in user_ids:
        work.users.put(User(user_id, f"Person {user_id}"), now)


def _create_threads(work: UnitOfWork, *, threads: Sequence[dict[str, Any]], now: int) -> None:
    for thread in threads:
        work.threads.create(_new_thread(thread["id"], tuple(thread["user_ids"]), now))


def _new_thread(thread_id: str, user_ids: tuple[str, ...], now: int) -> NewThread:
    direct = len(user_ids) == 2
    return NewThread(
        id=thread_id,
        kind="direct" if direct else "group",
        title=None if direct else "Benchmark",
        subject=None,
        direct_key=thread_id if direct else None,
        created_by=user_ids[0],
        created_at=now,
        participant_ids=user_ids,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
