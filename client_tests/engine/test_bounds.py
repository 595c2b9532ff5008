"""What clients that do not behave cost the server, and others: little."""

import asyncio
import gc
import os
from functools import partial

import aiohttp
import psutil
import pytest

from client_tests.engine.conftest import StartChat
from client_tests.engine.raw import (
    BINARY,
    CONTINUATION,
    POLLING,
    SETTLE_S,
    TEXT,
    WAIT_S,
    WEBSOCKET,
    Polling,
    Wire,
    ask,
    closed,
    frame,
    gone,
    open_ws,
    packet,
    receive,
    until,
)
from client_tests.engine.servers import Chat, emptied

pytestmark = [pytest.mark.usefixtures("quiet"), pytest.mark.timeout(40)]

Http = aiohttp.ClientSession
MIB = 1 << 20
EVENT_BYTES = 64 * 1024
SLOW = 20


def resident() -> int:
    """Return the memory of this process, server and clients."""
    return int(psutil.Process().memory_info().rss)


def _keeps_up(heard: list[int], emitted: int) -> bool:
    return emitted - len(heard) < 4


async def joined_wire(chat: Chat) -> Wire:
    """Join by a WebSocket of which nothing is read beyond the handshake."""
    count = len(chat.joined)
    wire = await Wire.websocket(chat.url, receive_buffer=4096)
    await wire.read_frame()
    await wire.send_text("40")
    await until(lambda: len(chat.joined) > count)
    return wire


async def joined_polling(chat: Chat, http: Http) -> Polling:
    """Join by polling."""
    client = await Polling.open(http, chat.url)
    await client.send("40")
    assert packet(f"4{(await client.messages(1))[0]!s}").type == 0
    return client


# --- Who does not read -----------------------------------------------------------------------------------------


async def test_clients_that_never_read_are_dropped_and_cost_little(chat: Chat, http: Http) -> None:
    """20 of them are dropped with a reason that says so; their neighbour gets every event, in order."""
    wires = [await joined_wire(chat) for _ in range(SLOW)]
    slow = set(chat.sids())
    ws, _ = await open_ws(http, chat.url)
    await ws.send_str("40")
    await receive(ws)
    (neighbour,) = set(chat.sids()) - slow
    heard: list[int] = []

    async def read() -> None:
        while True:
            name, number, _ballast = packet(await receive(ws)).data
            assert name == "event"
            heard.append(number)

    reading = asyncio.create_task(read())
    gc.collect()
    before = most = resident()
    emitted = 0
    async with asyncio.timeout(20):
        while len(chat.left) < SLOW:
            await chat.sio.emit("event", (emitted, f"{emitted:>{EVENT_BYTES}}"))
            emitted += 1
            assert emitted < 2000, "they are never dropped"
            await until(partial(_keeps_up, heard, emitted))
            most = max(most, resident())
    await until(lambda: len(heard) == emitted)
    assert heard == list(range(emitted))
    assert {sid for _, sid, _ in chat.left} == slow
    assert all("slow" in reason for _, _, reason in chat.left)
    assert most - before <= 60 * MIB
    assert chat.sids() == [*chat.sids()[:SLOW], neighbour]
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await until(lambda: len(chat.sio.eio.sockets) == 1)
    await ws.close()
    await emptied(chat.sio)
    for wire in wires:
        wire.close()


async def test_burst_within_one_tick_is_bounded(chat: Chat) -> None:
    """What is emitted without a pause, to 10 clients that never read, is not kept for each: 20 MB would be 200."""
    wires = [await joined_wire(chat) for _ in range(10)]
    texts = [f"{number:>{EVENT_BYTES}}" for number in range(320)]
    gc.collect()
    before = resident()
    for text in texts:
        await chat.sio.emit("event", text)
    await asyncio.sleep(SETTLE_S)
    most = resident()
    assert most - before <= 100 * MIB
    for wire in wires:
        wire.abort()
    await emptied(chat.sio)


async def test_small_events_to_a_client_that_never_reads_are_bounded(start_chat: StartChat) -> None:
    """The number of packets counts, too."""
    chat = await start_chat(max_queue_packets=100)
    wire = await joined_wire(chat)
    emitted = 0
    async with asyncio.timeout(20):
        while not chat.left:
            await chat.sio.emit("event", "x" * 2000)
            emitted += 1
            if emitted % 20 == 0:
                await asyncio.sleep(0)
            assert emitted < 50_000, "it is never dropped"
    assert "slow" in chat.left[0][2]
    await emptied(chat.sio)
    wire.close()


async def test_client_that_reads_in_time_is_not_dropped(start_chat: StartChat) -> None:
    """Whoever is behind, but within the bound, gets all of it."""
    chat = await start_chat(max_queue_bytes=64 * MIB)
    wire = await joined_wire(chat)
    for number in range(200):
        await chat.sio.emit("event", (number, f"{number:>{EVENT_BYTES}}"))
    await asyncio.sleep(SETTLE_S)
    assert chat.left == []
    assert (await wire.read_frame())[1].startswith(b"40")
    for number in range(200):
        assert (await wire.read_frame())[1].startswith(b'42["event",%d,' % number)
    wire.close()
    await emptied(chat.sio)


@pytest.mark.parametrize(
    ("limits", "event_bytes"),
    [
        pytest.param({}, 10, id="1,000 packets"),
        pytest.param({"max_queue_packets": 10}, 10, id="10 packets"),
        pytest.param({"max_queue_bytes": 100_000}, 5000, id="100,000 bytes"),
        pytest.param({}, EVENT_BYTES, id="1 MiB"),
    ],
)
async def test_polling_client_that_never_polls_is_dropped(
    start_chat: StartChat, http: Http, limits: dict[str, int], event_bytes: int
) -> None:
    """Once more waits than may: by number or by size; not before."""
    chat = await start_chat(**limits)
    client = await joined_polling(chat, http)
    packets = limits.get("max_queue_packets", 1000)
    size = limits.get("max_queue_bytes", MIB)
    emitted = 0
    while not chat.left:
        await chat.sio.emit("event", "x" * event_bytes)
        emitted += 1
        assert emitted <= packets + 1 or emitted * event_bytes <= size + 2 * event_bytes
        await asyncio.sleep(0)
        assert emitted < 5000, "it is never dropped"
    assert emitted > min(packets, size // (event_bytes + 20)) - 5
    assert "slow" in chat.left[0][2]
    await gone(client)
    await emptied(chat.sio)


async def test_polling_client_that_pauses_is_not_dropped(chat: Chat, http: Http) -> None:
    """500 events wait for it."""
    client = await joined_polling(chat, http)
    for number in range(500):
        await chat.sio.emit("event", number)
    heard = [packet(f"4{message!s}").data for message in await client.messages(500)]
    assert heard == [["event", number] for number in range(500)]
    assert chat.left == []


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_client_that_keeps_up_is_never_dropped(start_chat: StartChat, http: Http, transport: str) -> None:
    """The bounds are of what waits, not of all that was ever sent."""
    chat = await start_chat(max_queue_packets=20, max_queue_bytes=200_000)
    if transport == "polling":
        client = await joined_polling(chat, http)
    else:
        ws, _ = await open_ws(http, chat.url)
        await ws.send_str("40")
        await receive(ws)
    for number in range(60):
        for more in range(3):
            await chat.sio.emit("event", (number * 3 + more, "x" * 10_000))
        for more in range(3):
            text = f"4{(await client.messages(1))[0]!s}" if transport == "polling" else await receive(ws)
            assert packet(text).data[1] == number * 3 + more
    assert chat.left == []
    if transport == "websocket":
        await ws.close()


async def test_client_that_never_reads_its_own_echoes_is_bounded(chat: Chat) -> None:
    """One that makes the server answer, and reads no answer, is dropped or held back: memory stays."""
    wire = await joined_wire(chat)
    gc.collect()
    before = resident()
    data = frame(TEXT, b'421["ack","%s"]' % (b"x" * 50_000)) * 10
    with_pressure = 0
    try:
        async with asyncio.timeout(10):
            while not chat.left and with_pressure < 400:
                await wire.send(data)
                with_pressure += 1
    except (TimeoutError, ConnectionError):
        pass  # held back, or dropped
    await asyncio.sleep(SETTLE_S)
    assert chat.left or with_pressure < 400
    assert resident() - before <= 60 * MIB
    wire.abort()
    await emptied(chat.sio)


# --- Who sends nonsense ----------------------------------------------------------------------------------------

NONSENSE = [
    frame(TEXT, b""),
    frame(TEXT, b"4abc"),
    frame(TEXT, b"garbage"),
    frame(TEXT, b"42{}"),
    frame(TEXT, b'42["note"'),
    frame(TEXT, b"42" + b"9" * 200 + b"[]"),
    frame(TEXT, b"45999-[]"),
    frame(TEXT, b"43/nope,1[]"),
    frame(TEXT, b"44{}"),
    frame(TEXT, b"4\xff"),
    frame(BINARY, b"\x00\x01"),
    frame(CONTINUATION, b"x"),
    frame(0x3, b"x"),
    frame(TEXT, b"4x", masked=False),
    b"\x82\xff" + b"\xff" * 8,
    os.urandom(64),
]


async def test_10000_malformed_frames_write_no_log(
    chat: Chat, http: Http, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """From many short connections, joined or not, and by POST: nothing is left of them, in the log neither."""

    async def one(number: int) -> None:
        wire = await Wire.websocket(chat.url)
        await wire.send((frame(TEXT, b"40") if number % 2 else b"") + NONSENSE[number % len(NONSENSE)] * 50)
        await asyncio.sleep(0.01)
        wire.abort() if number % 3 else wire.close()

    for start in range(0, 200, 20):
        await asyncio.gather(*(one(number) for number in range(start, start + 20)))
    for body in (b"", b"4abc", b"\xff", b"\x1e\x1e", b"b###", b"42[", b"9") * 20:
        client = await Polling.open(http, chat.url)
        await client.post(body)
        await client.post("1")
    await emptied(chat.sio)
    assert len(chat.left) == len(chat.joined)
    out, err = capfd.readouterr()
    assert len(caplog.text) + len(out) + len(err) < 20_000


@pytest.mark.parametrize("joins", [True, False], ids=["joined", "not joined"])
async def test_connections_that_are_reset_mid_frame_leave_nothing(chat: Chat, joins: bool) -> None:
    """100 of them, at any byte of an event with an attachment."""
    data = frame(TEXT, b'451-["note",{"_placeholder":true,"num":0}]') + frame(BINARY, b"x" * 20)
    for cut in range(1, len(data), max(1, len(data) // 100)):
        wire = await Wire.websocket(chat.url)
        await wire.send((frame(TEXT, b"40") if joins else b"") + data[:cut])
        wire.abort()
    await emptied(chat.sio)
    assert len(chat.left) == len(chat.joined)


async def test_connections_that_end_before_or_within_the_handshake_leave_nothing(chat: Chat) -> None:
    """A request that is half sent, and one whose answer is not waited for."""
    request = (
        f"GET /socket.io/?{WEBSOCKET} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    for cut in (0, 10, len(request) - 1, len(request)):
        for _ in range(10):
            wire = await Wire.connect(chat.url)
            await wire.send(request[:cut])
            wire.abort()
    for _ in range(10):
        wire = await Wire.connect(chat.url)
        await wire.send(f"GET /socket.io/?{POLLING} HTTP/1.1\r\nHost: x\r\n\r\n")
        wire.abort()
    await asyncio.sleep(SETTLE_S)
    for sid in list(chat.sio.eio.sockets):  # those who polled are missed by their heartbeat only
        await chat.sio.eio.disconnect(sid)
    await emptied(chat.sio)


async def test_handshake_of_a_client_that_leaves_during_a_slow_engine_connect(chat: Chat) -> None:
    """A connection that is gone when the application let it in is no session."""
    gate = asyncio.Event()
    inner = chat.sio.eio.handlers["connect"]

    async def slow(sid: str, environ: dict[str, object]) -> object:
        await gate.wait()
        return await inner(sid, environ)

    chat.sio.eio.on("connect", slow)
    for abort in (True, False):
        wire = await Wire.connect(chat.url)
        await wire.send(
            f"GET /socket.io/?{WEBSOCKET} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        await asyncio.sleep(SETTLE_S)
        wire.abort() if abort else wire.close()
    await asyncio.sleep(SETTLE_S)
    gate.set()
    await emptied(chat.sio)


async def test_poll_whose_client_is_gone_costs_the_session_or_nothing(chat: Chat, http: Http) -> None:
    """What was to go with a poll that nobody waits for arrives with the next, or the session is closed: never a gap."""
    client = await joined_polling(chat, http)
    wire = await Wire.connect(chat.url)
    await wire.send(f"GET /socket.io/?{POLLING}&sid={client.sid} HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.sleep(SETTLE_S)
    wire.abort()
    await asyncio.sleep(SETTLE_S)
    for number in range(3):
        await chat.sio.emit("event", number)
        await asyncio.sleep(0.02)
    answer = await client.get()
    if answer.status == 200:
        heard = [packet(f"4{text[1:]}").data for text in answer.packets if text.startswith("4")]
        assert heard in ([["event", 0], ["event", 1], ["event", 2]], [])
        if not heard:
            await gone(client)
    else:
        await emptied(chat.sio)


async def test_many_sessions_come_and_go(chat: Chat, http: Http) -> None:
    """500 of all kinds, at once and in all ways of leaving: nothing is left."""

    async def one(number: int) -> None:
        if number % 5 == 0:
            polling = await Polling.open(http, chat.url)
            await polling.send("40")
            await polling.messages(1)
            await (polling.send("41", "1") if number % 2 else polling.send("1"))
            return
        ws, _ = await open_ws(http, chat.url)
        await ws.send_str("40")
        await receive(ws)
        await ws.send_str('42["note",1]')
        if number % 5 == 1:
            await ws.close()
        elif number % 5 == 2:
            await ws.send_str("1")
            await closed(ws)
        elif number % 5 == 3:
            await ws.send_str("garbage")
            await closed(ws)
        else:
            assert ws._response.connection is not None
            ws._response.connection.transport.abort()  # type: ignore[union-attr]

    for start in range(0, 500, 50):
        await asyncio.gather(*(one(number) for number in range(start, start + 50)))
    await emptied(chat.sio)
    assert len(chat.joined) == len(chat.left) == 500


async def test_body_larger_than_allowed_is_not_kept(start_chat: StartChat, http: Http) -> None:
    """A POST of 50 MB without a length does not fill the memory."""
    chat = await start_chat(max_http_buffer_size=100_000)
    client = await joined_polling(chat, http)
    before = resident()
    wire = await Wire.connect(chat.url)
    await wire.send(
        f"POST /socket.io/?{POLLING}&sid={client.sid} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    chunk = b"10000\r\n" + b"4" * 65536 + b"\r\n"
    try:
        async with asyncio.timeout(WAIT_S):
            for _ in range(800):
                await wire.send(chunk)
    except (TimeoutError, ConnectionError):
        pass  # refused, as it should be
    assert resident() - before <= 30 * MIB
    wire.close()
    await gone(client)
    assert (await ask(http, "GET", f"{chat.url}?{POLLING}")).status == 200
