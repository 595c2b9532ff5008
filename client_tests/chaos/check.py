"""What is true at the end: everything acknowledged is there, once, in order, and everyone holds just that."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Any

from client_tests.answers import ok, until
from client_tests.chaos.load import GIVE_UP_S, PACE, READERS, Load, Writer
from client_tests.chaos.world import SLACK, token_of
from client_tests.clients import HttpClient
from client_tests.reference import ReferenceClient, Sent
from client_tests.reference_state import Centre, Event, Thread

SETTLE_S = 20.0
"""Receipts that a killed process stored and did not tell are told within 12 s by another."""


@dataclass(slots=True)
class Verdict:
    """What one run showed; `problems` says what is wrong, in words."""

    fault: str
    sent: int = 0
    acked: int = 0
    delivered: int = 0
    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    recover_s: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, doubled or disordered, as far as one knows."""
        return not (self.lost or self.doubled or self.disordered)

    def expect(self, holds: bool, problem: str) -> None:
        """Note a problem unless something holds."""
        if not holds:
            self.problems.append(problem)

    def expect_within(self, what: str, took_s: float, limit_s: float) -> None:
        """Note a problem if something took longer than it may."""
        limit_s *= SLACK
        self.expect(took_s <= limit_s, f"{what}: {took_s:.2f} s, promised are {limit_s:.2f} s")


async def check(load: Load, verdict: Verdict) -> None:
    """Compare what was acknowledged, what is stored, and what every client holds."""
    verdict.problems += load.fallen()
    stored = {writer.thread_id: await _history(load, writer.thread_id) for writer in load.writers}
    _check_stored(load, stored, verdict)
    snapshots = await _settle(load, SETTLE_S if verdict.is_clean else 1.0)
    _check_held(load, stored, verdict)
    for client in load.clients:
        for difference in differences(client, snapshots[client.user_id]):
            verdict.problems.append(f"user {client.user_id}: {difference}")
    for user_id, ids in load.notified.items():
        verdict.expect(set(ids) <= snapshots[user_id].centre.items.keys(), f"user {user_id} lost notifications")
    verdict.lost += sum(
        len(set(ids) - snapshots[user_id].centre.items.keys()) for user_id, ids in load.notified.items()
    )


async def _history(load: Load, thread_id: str) -> list[Event]:
    """Return all stored messages of a thread."""
    messages: list[Event] = []
    reader = HttpClient(load.world.direct[-1], token_of(READERS[0])())
    try:
        more = True
        while more:
            after = messages[-1]["seq"] if messages else 0
            page = await ok(reader.call("get_history", {"thread_id": thread_id, "after_seq": after, "limit": 100}))
            messages += page["messages"]
            more = page["has_more_after"]
    finally:
        await reader.close()
    return messages


def _check_stored(load: Load, stored: dict[str, list[Event]], verdict: Verdict) -> None:
    for thread_id, messages in stored.items():
        verdict.expect(
            [message["seq"] for message in messages] == list(range(1, len(messages) + 1)), f"{thread_id}: seq has gaps"
        )
        times = Counter(message["content"] for message in messages)
        verdict.doubled += sum(times.values()) - len(times)
    for writer in load.writers:
        _check_writer(writer, {message["id"]: message for message in stored[writer.thread_id]}, verdict)


def _check_writer(writer: Writer, stored: dict[str, Event], verdict: Verdict) -> None:
    acked = [sent for sent in writer.sent if sent.message is not None]
    verdict.sent += len(writer.sent)
    verdict.acked += len(acked)
    refused = [str(sent.done.exception()) for sent in writer.sent if sent.done.done() and sent.message is None]
    verdict.expect(not refused, f"{len(refused)} sends of user {writer.client.user_id} refused: {set(refused)}")
    left = len(writer.sent) - len(acked) - len(refused)
    verdict.expect(left == 0, f"{left} sends of user {writer.client.user_id} without an answer")
    for sent in (*acked, *writer.twin_sent):
        answer = sent.message or {"id": None, "seq": 0}
        found = stored.get(answer["id"])
        verdict.lost += found is None or found["seq"] != answer["seq"] or found["content"] != sent.content
    verdict.disordered += inversions(acked)


def inversions(acked: Iterable[Sent]) -> int:
    """Count how often one connection's messages changed places. What was sent again takes a new place."""
    first_tries = [sent for sent in acked if sent.attempts == 1]
    return sum(
        before.message["seq"] > after.message["seq"]
        for _, group in groupby(first_tries, lambda sent: sent.connection)
        for before, after in pairwise(group)
        if before.message is not None and after.message is not None
    )


async def _settle(load: Load, wait_s: float) -> dict[Any, ReferenceClient]:
    """Wait until everyone holds what a newcomer is given; return the newcomers, by user."""
    newcomers = {
        user_id: ReferenceClient(user_id, load.world.direct, token_of(user_id), PACE, random.Random(1))
        for user_id in {client.user_id for client in load.clients}
        if isinstance(user_id, int)
    }
    running = [asyncio.create_task(newcomer.run()) for newcomer in newcomers.values()]
    await until(lambda: all(newcomer.state == "live" for newcomer in newcomers.values()), GIVE_UP_S)

    def settled() -> bool:
        return not any(any(differences(client, newcomers[client.user_id])) for client in load.clients)

    try:
        await until(settled, wait_s * SLACK)
    except TimeoutError:
        pass  # the differences are told
    finally:
        for newcomer in newcomers.values():
            newcomer.stop()
        await asyncio.gather(*running)
    return newcomers


def _check_held(load: Load, stored: dict[str, list[Event]], verdict: Verdict) -> None:
    for thread_id, messages in stored.items():
        held = [client.threads[thread_id].messages for client in load.clients if thread_id in client.threads]
        reached = [all(message["seq"] in one for one in held) for message in messages]
        verdict.delivered += sum(reached)
        verdict.lost += len(reached) - sum(reached)


def differences(held: ReferenceClient, fresh: ReferenceClient) -> Iterable[str]:
    """Yield what a client that was there all the while holds otherwise than one that just came."""
    if held.threads.keys() != fresh.threads.keys():
        yield "other threads"
        return
    for thread_id, thread in held.threads.items():
        one, other = _thread_state(thread), _thread_state(fresh.threads[thread_id])
        yield from (
            f"thread {thread_id}: {key} is {one[key]}, not {other[key]}" for key in one if one[key] != other[key]
        )
    one, other = _centre_state(held.centre), _centre_state(fresh.centre)
    yield from (f"notifications: {key} is {one[key]}, not {other[key]}" for key in one if one[key] != other[key])


def _texts(thread: Thread) -> dict[int, tuple[str, str]]:
    return {seq: (message["id"], message["content"]) for seq, message in thread.messages.items()}


def _thread_state(thread: Thread) -> dict[str, Any]:
    read = {user_id: _read_up_to(thread, user_id) for user_id in thread.read}
    return {
        "unread_count": thread.unread_count,
        "read": read,
        "delivered": {user_id: max(seq, read.get(user_id, 0)) for user_id, seq in thread.delivered.items()},
    }


def _read_up_to(thread: Thread, user_id: int | str) -> int:
    """Sending moves one's own position silently: so does one who compares."""
    seq = thread.read.get(user_id, 0)
    while (message := thread.messages.get(seq + 1)) is not None and message["sender_id"] == user_id:
        seq += 1
    return seq


def _centre_state(centre: Centre) -> dict[str, Any]:
    items = {
        key: (item["title"], item["read_at"] is not None)
        for key, item in centre.items.items()
        if item["cleared_at"] is None
    }
    return {"items": items, "unread_count": centre.unread_count}
