"""Read and delivered receipts: positions that only move forward.

Each is stored at once and told at most once a second for a participant and thread: the first at once, of later ones
the newest when the second is over. A receipt that a process stored and died before telling is told by the sweep.
"""

import asyncio
from dataclasses import dataclass

from server.domain.commands import MarkDelivered, MarkMessagesRead, MarkRead
from server.domain.errors import InvalidPayloadError, NotFoundError
from server.domain.events import MessagesDelivered, MessagesRead
from server.domain.results import DeliveredPosition, ReadPosition
from server.services.actor import Actor
from server.services.ports import Clock, Publisher
from server.services.tasks import Tasks
from server.storage.database import Database
from server.storage.receipts import ReceiptChange, ReceiptKind
from server.storage.unit_of_work import UnitOfWork

TELL_EVERY_S = 1.0
SWEEP_S = 10.0

Key = tuple[ReceiptKind, str, str]


@dataclass(slots=True)
class _Turn:
    """Until the timer ends, further receipts of this key wait; `from_seq` is where the waiting ones began."""

    timer: asyncio.TimerHandle
    from_seq: int | None = None


class ReceiptService:
    """Moves positions and tells them."""

    def __init__(self, database: Database, publisher: Publisher, now: Clock, tasks: Tasks) -> None:
        self._database = database
        self._publisher = publisher
        self._now = now
        self._tasks = tasks
        self._turns: dict[Key, _Turn] = {}

    async def mark_read(self, actor: Actor, command: MarkRead) -> ReadPosition:
        """Read up to a message, or to the thread's last.

        Raises:
            NotFoundError: the actor is in no such thread, or there is no such message in it.
        """
        ids = () if command.message_id is None else (command.message_id,)
        return await self._read(actor, command.thread_id, ids)

    async def mark_messages_read(self, actor: Actor, command: MarkMessagesRead) -> ReadPosition:
        """Read up to the newest of some messages of one thread.

        Raises:
            NotFoundError: one of the messages is unknown or not the actor's to see.
            InvalidPayloadError: they are of different threads.
        """
        return await self._read(actor, command.thread_id, command.message_ids)

    async def mark_delivered(self, actor: Actor, command: MarkDelivered) -> DeliveredPosition:
        """Record that everything up to a seq reached the actor's device.

        Raises:
            NotFoundError: the actor is in no such thread.
        """
        change = await self._move("delivered", actor.user_id, command.thread_id, (), command.seq)
        return DeliveredPosition(change.receipt.thread_id, change.receipt.delivered_seq)

    async def sweep(self) -> None:
        """Tell receipts that were stored but not told by a process that is no more."""
        before = self._now() - int(2 * TELL_EVERY_S * 1000)
        for kind, thread_id, user_id in await self._database.read(lambda work: work.receipts.untold(before)):
            if (kind, thread_id, user_id) not in self._turns:
                await self._tell((kind, thread_id, user_id), 0)

    async def _read(self, actor: Actor, thread_id: str | None, message_ids: tuple[str, ...]) -> ReadPosition:
        change = await self._move("read", actor.user_id, thread_id, message_ids, None)
        receipt = change.receipt
        return ReadPosition(receipt.thread_id, receipt.read_seq, receipt.unread_count)

    async def _move(
        self, kind: ReceiptKind, user_id: str, thread_id: str | None, message_ids: tuple[str, ...], seq: int | None
    ) -> ReceiptChange:
        now = self._now()
        turns = self._turns

        def job(work: UnitOfWork) -> ReceiptChange:
            found, target = (thread_id, seq) if not message_ids else _locate(work, thread_id, message_ids, user_id)
            assert found is not None  # noqa: S101 - the schema asks for one of the two
            tell = (kind, found, user_id) not in turns
            return work.receipts.move(kind, found, user_id, target, now, tell=tell)

        def tell(change: ReceiptChange) -> None:
            if change.moved:
                self._follow_up((kind, change.receipt.thread_id, user_id), change)

        return await self._database.write(job, tell)

    def _follow_up(self, key: Key, change: ReceiptChange) -> None:
        if change.told or change.private:
            self._publish(key[0], change)
        turn = self._turns.get(key)
        if turn is None:
            turn = self._turns[key] = _Turn(self._end_turn_later(key))
        if not (change.told or change.private) and turn.from_seq is None:
            turn.from_seq = change.from_seq

    def _end_turn_later(self, key: Key) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(TELL_EVERY_S, self._end_turn, key)

    def _end_turn(self, key: Key) -> None:
        turn = self._turns.pop(key)
        if turn.from_seq is not None:
            self._turns[key] = _Turn(self._end_turn_later(key))
            self._tasks.start(self._tell(key, turn.from_seq), "tell receipt")

    async def _tell(self, key: Key, from_seq: int) -> None:
        kind, thread_id, user_id = key

        def tell(change: ReceiptChange | None) -> None:
            if change is not None:
                self._publish(kind, change)

        await self._database.write(lambda work: work.receipts.tell(kind, thread_id, user_id, from_seq), tell)

    def _publish(self, kind: ReceiptKind, change: ReceiptChange) -> None:
        if kind == "read":
            event = MessagesRead(change.receipt, change.message_ids, change.audience, private=change.private)
            self._publisher.publish(event)
        else:
            self._publisher.publish(MessagesDelivered(change.receipt, change.audience, private=change.private))


def _locate(work: UnitOfWork, thread_id: str | None, message_ids: tuple[str, ...], user_id: str) -> tuple[str, int]:
    """Return the thread of some messages and the seq of the newest; the user must be in it."""
    places = work.messages.locate(message_ids)
    threads = {found for found, _ in places}
    if len(places) != len(message_ids) or len(work.threads.heads(user_id, threads)) != len(threads):
        raise NotFoundError
    if len(threads) > 1:
        raise InvalidPayloadError({"message_ids": ["The messages are of different threads."]})
    found, seq = max(places, key=lambda place: place[1])
    if thread_id not in (None, found):
        raise NotFoundError
    return found, seq
