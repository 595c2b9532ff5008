"""The reference client's rule: whatever order, gaps and repeats events come in, it ends with what the server holds."""

import asyncio
import random
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from pytest_aiohttp import AiohttpServer

from client_tests.chaos.check import inversions
from client_tests.reference import Sent
from client_tests.reference_state import Thread
from client_tests.reference_wire import Wire

ME, OTHER = 1, 2


def message(rev: int, sender_id: int = OTHER) -> dict[str, Any]:
    """Return a message of a thread in which nothing else happens: its seq is its rev."""
    return {"id": f"m{rev}", "seq": rev, "rev": rev, "sender_id": sender_id, "content": str(rev)}


def changes(since: int, head: int, page: int = 3) -> dict[str, Any]:
    """Return what `sync` answers of such a thread."""
    reached = min(head, since + page)
    return {
        "rev": reached,
        "thread": None,
        "messages": [message(rev) for rev in range(since + 1, reached + 1)],
        "receipts": [],
        "unread_count": head,
        "removed": False,
        "more": reached < head,
    }


def hear(thread: Thread, rev: int) -> bool:
    """Let a thread hear a message."""
    return thread.hear(rev, "new_message", {"message": message(rev)})


def test_event_that_follows_is_applied_and_one_that_was_applied_is_dropped() -> None:
    """Once, however often it comes."""
    thread = Thread("t", ME)
    assert hear(thread, 1)
    assert hear(thread, 1)
    assert (thread.rev, thread.unread_count, list(thread.messages)) == (1, 1, [1])


def test_event_ahead_waits_for_what_is_missing() -> None:
    """It says so, and is applied once `sync` has brought the rest."""
    thread = Thread("t", ME)
    assert not hear(thread, 3)
    assert (thread.rev, list(thread.messages)) == (0, [])
    assert thread.catch_up(changes(0, 2))
    assert (thread.rev, thread.unread_count, list(thread.messages)) == (3, 3, [1, 2, 3])


def test_sync_that_was_overtaken_takes_nothing_back() -> None:
    """Its unread count is older than what was heard meanwhile."""
    thread = Thread("t", ME)
    old = changes(0, 1)
    assert hear(thread, 1)
    assert hear(thread, 2)
    assert thread.catch_up(old)
    assert (thread.rev, thread.unread_count) == (2, 2)


def test_sync_with_more_asks_again() -> None:
    """Until there is no more."""
    thread = Thread("t", ME)
    assert not thread.catch_up(changes(0, 5))
    assert thread.catch_up(changes(thread.rev, 5))
    assert sorted(thread.messages) == [1, 2, 3, 4, 5]


@given(head=st.integers(1, 20), seed=st.integers(), lossy=st.floats(0, 1))
def test_any_order_gaps_and_repeats_converge(head: int, seed: int, lossy: float) -> None:
    """Events are shuffled, repeated and lost, and answers come late: the end is the same."""
    rng = random.Random(seed)
    thread = Thread("t", ME)
    heard = [rev for rev in range(1, head + 1) for _ in range(2) if rng.random() >= lossy]
    rng.shuffle(heard)
    late = changes(0, rng.randint(1, head))
    for rev in heard:
        hear(thread, rev)
        if rng.random() < 0.2:
            thread.catch_up(late)
            late = changes(thread.rev, rng.randint(thread.rev, head))
    while not thread.catch_up(changes(thread.rev, head)):
        pass
    assert (thread.rev, thread.unread_count, thread.is_whole) == (head, head, True)
    assert {seq: one["id"] for seq, one in thread.messages.items()} == {seq: f"m{seq}" for seq in range(1, head + 1)}


@pytest.mark.parametrize(("seqs", "attempts", "found"), [((1, 2, 3), 1, 0), ((1, 3, 2), 1, 1), ((1, 3, 2), 2, 0)])
async def test_inversions_counts_first_tries_of_one_connection(
    seqs: tuple[int, ...], attempts: int, found: int
) -> None:
    """What was sent again takes a new place."""
    done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    sents = [Sent("t", "", "", done, attempts=attempts, connection=1, message=message(seq)) for seq in seqs]
    assert inversions(sents) == found


async def test_an_answer_to_who_gave_up_joining_hurts_nobody(aiohttp_server: AiohttpServer) -> None:
    """A server that lets us in just after we stopped waiting: the connection goes on."""

    async def answer_late(request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        await websocket.send_str('0{"pingInterval":25000,"pingTimeout":20000}')
        await websocket.receive_str()
        await given_up.wait()
        await websocket.send_str('40/messaging,{"sid":"late"}')
        await websocket.send_str('44/messaging,{"data":{"error":{"code":"late"}}}')
        await websocket.send_str('42/messaging,["pong",{}]')
        await websocket.receive()
        return websocket

    given_up, heard = asyncio.Event(), asyncio.Event()
    app = web.Application()
    app.router.add_get("/socket.io/", answer_late)
    server = await aiohttp_server(app)
    async with aiohttp.ClientSession() as session:
        wire = await Wire.open(session, str(server.make_url("")), lambda *_event: heard.set())
        reading = asyncio.create_task(wire.listen())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(wire.join("/messaging", {}), 0.05)
        given_up.set()
        await asyncio.wait_for(heard.wait(), 5)
        assert not reading.done()
        wire.abort()
        await reading
