"""Catching up by revision: the current state of what changed, never a log of how. Bounded, and it converges.

A thread's rev is read before its rows. Rows that change in between may be newer than the rev says; the client then
hears or fetches them once more, which its revisions let it notice.
"""

from collections.abc import Coroutine, Mapping
from typing import Any

from server.domain.commands import Ping, Sync
from server.domain.events import Pong
from server.domain.results import NotificationChanges, PingResult, SyncResult, ThreadChanges
from server.services.actor import Actor
from server.storage.database import Database
from server.storage.threads import Head
from server.storage.unit_of_work import UnitOfWork

PAGE = 100
"""So many changed messages of a thread, and so many changed notifications, are answered at once."""

TOTAL = 1_000
"""So many messages are answered at once over all threads; further threads answer `more` with nothing."""


class SyncService:
    """Answers what changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ping(self, actor: Actor, command: Ping) -> PingResult | Coroutine[Any, Any, PingResult]:
        """Answer with `pong`, and with the threads of which the client holds an older revision."""
        if actor.connection is not None:
            actor.connection.send(Pong(command.timestamp))
        return self._behind(actor.user_id, command.heads) if command.heads else PingResult()

    async def _behind(self, user_id: str, held: Mapping[str, int]) -> PingResult:
        heads = await self._database.read(lambda work: work.threads.heads(user_id, held))
        return PingResult(tuple(thread_id for thread_id, head in heads.items() if head.rev > held[thread_id]))

    async def sync(self, actor: Actor, command: Sync) -> SyncResult:
        """Answer what changed in threads and in the notification centre since the revisions that the client holds."""
        return await self._database.read(lambda work: _sync(work, actor.user_id, command))


def _sync(work: UnitOfWork, user_id: str, command: Sync) -> SyncResult:
    held = command.threads or {}
    heads = work.threads.heads(user_id, held)
    changes: dict[str, ThreadChanges] = {}
    room = TOTAL
    for thread_id, rev in held.items():
        if thread_id not in heads:
            changes[thread_id] = ThreadChanges(rev, removed=True)
        elif heads[thread_id].rev <= rev:
            changes[thread_id] = ThreadChanges(heads[thread_id].rev, unread_count=heads[thread_id].unread_count)
        elif room <= 0:
            changes[thread_id] = ThreadChanges(rev, unread_count=heads[thread_id].unread_count, more=True)
        else:
            changes[thread_id] = _thread_changes(work, user_id, thread_id, rev, heads[thread_id])
            room -= len(changes[thread_id].messages)
    return SyncResult(changes, _notification_changes(work, user_id, command.notifications))


def _thread_changes(work: UnitOfWork, user_id: str, thread_id: str, rev: int, head: Head) -> ThreadChanges:
    messages, more = work.messages.changed_since(thread_id, rev, PAGE)
    # Not the rev of a message that came meanwhile: the unread count is of the head.
    reached = messages[-1].rev if more else head.rev
    return ThreadChanges(
        rev=reached,
        thread=work.threads.get(thread_id, user_id) if head.info_rev > rev else None,
        messages=messages,
        receipts=work.receipts.changed_since(thread_id, rev, reached if more else None),
        unread_count=head.unread_count,
        more=more,
    )


def _notification_changes(work: UnitOfWork, user_id: str, rev: int | None) -> NotificationChanges | None:
    return None if rev is None else work.notifications.changed_since(user_id, rev, PAGE)
