"""Flaws put into a server on purpose: a check that cannot fail proves nothing.

Each breaks one promise in a running container. They live among the tests, which are in no wheel: no setting and no
variable of a deployed server can switch one on, and none costs it anything.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from server.bootstrap import Container
from server.storage.append import NewMessage

EARLY_S = 0.1
"""So long is a message acknowledged before it is committed."""
EVERY = 100
FORGOTTEN_SEQ = 7


def ack_before_commit(parts: Container) -> None:
    """Acknowledge what is written but not committed (SQLite)."""
    database: Any = parts.database
    run, commit = database._run_segment, database._commit
    database._belongs_on_loop = lambda *_: False  # all in the thread, which can be stopped in between
    last: asyncio.Future[Any] | None = None

    async def commit_later(works: Sequence[Any]) -> Sequence[Any]:
        nonlocal last
        if last is not None:
            await asyncio.wait({last})
        loop = asyncio.get_running_loop()
        told: asyncio.Future[Sequence[Any]] = loop.create_future()
        outcomes: list[Any] = []

        def run_and_tell(connection: Any, segment: Sequence[Any]) -> list[Any]:
            outcomes.extend(results := run(connection, segment))
            if len(outcomes) == len(works):
                loop.call_soon_threadsafe(told.set_result, outcomes)
                time.sleep(EARLY_S)
            return list(results)

        database._run_segment = run_and_tell
        last = asyncio.ensure_future(commit(works))
        await asyncio.wait((told, last), return_when=asyncio.FIRST_COMPLETED)
        return told.result() if told.done() else await last

    parts.database.writer._commit = commit_later


def no_dedup(parts: Container) -> None:
    """Store every retry as another message."""
    database: Any = parts.database
    append = database.append_then

    def append_anew(new: NewMessage, settle: Callable[[Any], None]) -> None:
        append(replace(new, client_message_id=None), settle)

    database.append_then = append_anew


def drop_every_100th(parts: Container) -> None:
    """Keep every 100th event from the clients of this process, though its turn has come."""
    manager: Any = parts.manager
    deliver, told = manager._deliver_routes, 0

    def deliver_most(*arguments: Any) -> None:
        nonlocal told
        told += 1
        if told % EVERY:
            deliver(*arguments)

    manager._deliver_routes = deliver_most


def backwards(parts: Container) -> None:
    """Store messages that come together from the last to the first."""
    writer = parts.database.writer
    commit = writer._commit

    async def commit_backwards(works: Sequence[Any]) -> Sequence[Any]:
        return (await commit(works[::-1]))[::-1]

    writer._commit = commit_backwards


def sync_forgets(parts: Container) -> None:
    """Leave messages out of what `sync` answers."""
    handlers: Any = parts.dispatcher._handlers
    sync = handlers["sync"]

    async def sync_most(*arguments: Any) -> Any:
        result = await sync(*arguments)
        threads = {
            thread_id: replace(
                changes, messages=tuple(message for message in changes.messages if message.seq % FORGOTTEN_SEQ)
            )
            for thread_id, changes in result.threads.items()
        }
        return replace(result, threads=threads)

    handlers["sync"] = sync_most


FLAWS: dict[str, Callable[[Container], None]] = {
    flaw.__name__: flaw for flaw in (ack_before_commit, no_dedup, drop_every_100th, backwards, sync_forgets)
}
