"""What is relayed arrives as if it had come to the right worker: bodies, compression, upgrades, and what gets lost."""

import asyncio
import gzip
import os
import signal

import orjson

from client_tests.clients import make_token
from client_tests.engine.raw import TEXT, WAIT_S, WEBSOCKET, Wire, frame, until
from client_tests.harness import SECRET, ServerProcess
from client_tests.workers.conftest import (
    ENGINE,
    Kept,
    Standing,
    open_descriptors,
    pairs,
    polling,
    process_of,
)

AT_ONCE = 150
SPARE = 20
HANDSHAKE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
)


async def joined(owner: Kept, user: int = 1) -> None:
    """Join `/messaging` with the session of a connection."""
    body = b"40/messaging," + orjson.dumps({"token": make_token(SECRET, user)})
    assert await owner.ask("POST", polling(owner.sid), body) == (200, "ok")
    heard = ""
    async with asyncio.timeout(WAIT_S):
        while "connection_established" not in heard:
            heard += (await owner.ask("GET", polling(owner.sid)))[1]


def pings(count: int) -> bytes:
    """Return a payload that asks for so many answers."""
    return b"\x1e".join(b'42/messaging,%d["ping",{"none":1}]' % number for number in range(count))


async def test_relayed_bodies_arrive_however_they_are_sent(standing: Standing) -> None:
    """Packed, in chunks, announced first, too large, or with a header that means nothing here."""
    ((owner, other),) = await pairs(standing.url, 1)
    await joined(owner)
    target, body = polling(owner.sid), pings(1)
    assert await other.ask("POST", target, gzip.compress(body), "Content-Encoding: gzip") == (200, "ok")
    chunked = b"POST %b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
    await other.send(chunked % (target.encode(), len(body), body))
    assert await other.read_response() == (200, "ok")
    assert (await other.ask("POST", target, body, "Expect: 100-continue"))[0] == 100
    assert await other.read_response() == (200, "ok")
    assert await other.ask("POST", target, body, "Connection: Upgrade", "Upgrade: websocket") == (200, "ok")
    # As to a proxy (RFC 9112 3.2.2).
    assert (await other.ask("GET", "http://x" + target))[1].count("43/messaging,0") == 4
    assert (await other.ask("POST", target, b"4" * 400_000))[0] == 413


async def test_relayed_answer_is_compressed_only_for_a_client_that_asks(standing: Standing) -> None:
    """Between workers nothing is asked for that the client did not ask for."""
    ((owner, other),) = await pairs(standing.url, 1)
    await joined(owner)
    for headers, packed in (((), False), (("Accept-Encoding: gzip",), True)):
        assert await owner.ask("POST", polling(owner.sid), pings(12)) == (200, "ok")
        await other.begin("GET", polling(owner.sid), b"", *headers)
        head = (await other.read_until(b"\r\n\r\n")).decode().lower()
        assert ("content-encoding: gzip" in head) is packed
        body = await other.read(int(head.partition("content-length: ")[2].partition("\r")[0]))
        assert b"43/messaging,11" in (gzip.decompress(body) if packed else body)


async def test_packets_that_a_relayed_poll_loses_end_the_session(standing: Standing) -> None:
    """As those of a poll that came straight: the client must know that it has to catch up."""
    ((owner, other),) = await pairs(standing.url, 1)
    await joined(owner)
    await other.begin("GET", polling(owner.sid))
    await asyncio.sleep(0.2)
    other.close()
    await asyncio.sleep(0.2)
    await owner.ask("POST", polling(owner.sid), pings(1))
    async with asyncio.timeout(WAIT_S):
        while (await owner.ask("POST", polling(owner.sid), b"3"))[0] == 200:
            pass


async def test_upgrade_is_passed_with_all_that_was_read(standing: Standing) -> None:
    """Behind another request on the same connection, and with its first frame in the same packet."""
    ((owner, other),) = await pairs(standing.url, 1)
    head = "\r\n".join((f"GET {ENGINE}?{WEBSOCKET}&sid={owner.sid} HTTP/1.1", "Host: x", *HANDSHAKE, "", ""))
    await other.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + head.encode() + frame(TEXT, b"2probe"))
    assert (await other.read_response())[0] == 200
    assert (await other.read_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    assert await other.read_frame() == (TEXT, b"3probe")
    await other.send_text("5", "40/messaging,{}")
    opcode, answer = await other.read_frame()
    assert (opcode, answer[:14]) == (TEXT, b"44/messaging,{")


async def test_many_upgrades_at_once_all_reach_their_worker(standing: Standing) -> None:
    """However short the queue between two workers is; afterwards nobody holds a connection that is another's."""
    before = open_descriptors(standing)
    made = await pairs(standing.url, AT_ONCE)

    async def upgrade(owner: Kept, other: Kept) -> tuple[int, bytes]:
        await other.begin("GET", f"{ENGINE}?{WEBSOCKET}&sid={owner.sid}", b"", *HANDSHAKE)
        await other.read_until(b"\r\n\r\n")
        await other.send_text("2probe")
        return await other.read_frame()

    answers = await asyncio.gather(*(upgrade(*pair) for pair in made))
    assert set(answers) == {(TEXT, b"3probe")}
    # The spare ones are what workers hold of each other.
    await until(lambda: open_descriptors(standing) - before < 2 * AT_ONCE + SPARE)
    Wire.close_all()
    await until(lambda: open_descriptors(standing) - before < SPARE)


async def test_worker_that_drains_loses_no_session_of_another(served: ServerProcess) -> None:
    """A poll that it relays is answered at once, with nothing; the client polls again, by another worker."""
    ((owner, other),) = await pairs(served.url, 1)
    await joined(owner)
    await other.begin("GET", polling(owner.sid))
    await asyncio.sleep(0.2)
    os.kill(process_of(served, other.worker), signal.SIGTERM)
    head = (await other.read_until(b"\r\n\r\n")).decode()
    assert ("200 OK" in head, "Connection: close" in head) == (True, True)
    assert await other.read(1) == b"6"
    assert await owner.ask("POST", polling(owner.sid), pings(1)) == (200, "ok")
    assert "43/messaging,0" in (await owner.ask("GET", polling(owner.sid)))[1]
