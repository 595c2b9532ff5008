"""Engine.IO 4, as its protocol document and public test suite demand it; what neither says is accepted both ways."""

import asyncio
import itertools
from contextlib import suppress
from typing import Any

import aiohttp
import pytest

from client_tests.engine.conftest import StartEngine
from client_tests.engine.raw import (
    BINARY,
    POLLING,
    SEPARATOR,
    SETTLE_S,
    TEXT,
    WAIT_S,
    WEBSOCKET,
    Message,
    Polling,
    Wire,
    Ws,
    as_message,
    ask,
    closed,
    dial,
    frame,
    gone,
    handshake,
    open_ws,
    receive,
    silent,
    until,
    upgrade,
)
from client_tests.engine.servers import Engine

pytestmark = [pytest.mark.usefixtures("quiet"), pytest.mark.timeout(20)]

Http = aiohttp.ClientSession
QUICK = {"ping_interval": 0.15, "ping_timeout": 0.25}
LENIENT = {"ping_interval": 0.15, "ping_timeout": 3.0}
SMALL = 10_000


# --- Handshake -------------------------------------------------------------------------------------------------


async def test_handshake_by_polling_describes_the_session(start_engine: StartEngine, http: Http) -> None:
    """All five fields, durations in milliseconds, also when they are given as parts of a second."""
    engine = await start_engine(ping_interval=0.3, ping_timeout=0.2, max_http_buffer_size=1_000_000)
    answer = await ask(http, "GET", f"{engine.url}?{POLLING}")
    assert answer.status == 200
    opened = handshake(answer.text)
    sid = opened.pop("sid")
    assert opened == {"upgrades": ["websocket"], "pingInterval": 300, "pingTimeout": 200, "maxPayload": 1_000_000}
    assert isinstance(sid, str)
    assert engine.connected == [sid]


async def test_handshake_by_websocket_describes_the_session(start_engine: StartEngine, http: Http) -> None:
    """The same five fields; there is nothing to upgrade to."""
    engine = await start_engine(ping_interval=0.3, ping_timeout=0.2, max_http_buffer_size=1_000_000)
    ws = await dial(http, engine.url)
    opened = handshake(await ws.receive_str(timeout=WAIT_S))
    sid = opened.pop("sid")
    assert opened == {"upgrades": [], "pingInterval": 300, "pingTimeout": 200, "maxPayload": 1_000_000}
    assert engine.connected == [sid]
    await ws.close()


async def test_handshake_gives_everyone_a_session_id_of_their_own(engine: Engine, http: Http) -> None:
    """Ids are long, unlike, and fit into a query as they are."""
    sids = {(await Polling.open(http, engine.url)).sid for _ in range(20)}
    assert len(sids) == 20
    assert all(len(sid) >= 16 and set(sid) <= set("-_=") | set(map(chr, range(48, 123))) for sid in sids)


@pytest.mark.parametrize("eio", ["", "EIO=abc&", "EIO=3&", "EIO=5&", "EIO=&"])
@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_handshake_with_another_protocol_version_is_refused(
    engine: Engine, http: Http, eio: str, transport: str
) -> None:
    """`EIO` must be there and 4."""
    query = f"{eio}transport={transport}"
    assert (await ask(http, "GET", f"{engine.url}?{query}")).status == 400
    if transport == "websocket":
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(f"{engine.url}?{query}")
        assert refused.value.status == 400
    assert engine.connected == []


@pytest.mark.parametrize("transport", ["", "&transport=", "&transport=abc", "&transport=constructor"])
async def test_handshake_with_an_unknown_transport_is_refused(engine: Engine, http: Http, transport: str) -> None:
    """`transport` must be there and known."""
    answer = await ask(http, "GET", f"{engine.url}?EIO=4{transport}")
    assert answer.status == 400
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect(f"{engine.url}?EIO=4{transport}")
    assert refused.value.status == 400
    assert engine.connected == []


async def test_handshake_by_websocket_without_an_upgrade_header_is_refused(engine: Engine, http: Http) -> None:
    """A plain GET is no WebSocket."""
    assert (await ask(http, "GET", f"{engine.url}?{WEBSOCKET}")).status == 400
    assert engine.connected == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_handshake_is_made_by_get_only(engine: Engine, http: Http, method: str) -> None:
    """Any other method is refused, with a session too (POST then sends)."""
    assert (await ask(http, method, f"{engine.url}?{POLLING}")).status == 400
    assert engine.connected == []
    if method != "POST":
        client = await Polling.open(http, engine.url)
        assert (await ask(http, method, f"{engine.url}?{POLLING}&sid={client.sid}")).status == 400
        await client.send("4still here")
        assert await client.messages(1) == ["still here"]


@pytest.mark.parametrize("index", ["0", "", "x", "%22)%3Balert(1)"])
async def test_handshake_by_jsonp_is_refused(engine: Engine, http: Http, index: str) -> None:
    """JSONP, an invitation to other sites' scripts, is not part of version 4."""
    answer = await ask(http, "GET", f"{engine.url}?{POLLING}&j={index}")
    assert answer.status == 400
    assert "___eio" not in answer.text
    assert "alert" not in answer.text


async def test_handshake_offers_only_what_is_allowed(start_engine: StartEngine, http: Http) -> None:
    """Without WebSocket no upgrade is offered or taken, without polling there is none."""
    polling = await start_engine(transports=["polling"])
    client = await Polling.open(http, polling.url)
    assert handshake((await ask(http, "GET", f"{polling.url}?{POLLING}")).text)["upgrades"] == []
    for sid in ("", client.sid):
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await dial(http, polling.url, sid)
    websocket = await start_engine(transports=["websocket"])
    assert (await ask(http, "GET", f"{websocket.url}?{POLLING}")).status == 400
    ws, _ = await open_ws(http, websocket.url)
    await ws.close()


async def test_handshake_without_upgrades_allows_either_transport(start_engine: StartEngine, http: Http) -> None:
    """`allow_upgrades=False` offers none."""
    engine = await start_engine(allow_upgrades=False)
    assert handshake((await ask(http, "GET", f"{engine.url}?{POLLING}")).text)["upgrades"] == []
    ws, _ = await open_ws(http, engine.url)
    await ws.close()


async def test_handshake_that_the_application_refuses_leaves_nothing(engine: Engine, http: Http) -> None:
    """A connect handler that returns False refuses, whatever the transport."""

    async def refuse(_sid: str, _environ: Any) -> bool:
        return False

    engine.eio.on("connect", refuse)
    answer = await ask(http, "GET", f"{engine.url}?{POLLING}")
    assert answer.status in {400, 401, 403}
    with suppress(aiohttp.WSServerHandshakeError):
        ws = await dial(http, engine.url)
        await closed(ws)
    await until(lambda: not engine.eio.sockets)


# --- Unknown sessions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sid", ["nope", "AAAAAAAAAAAAAAAAAAAA", "<script>alert(1)</script>", "%00", "x" * 3000])
async def test_unknown_session_is_refused_and_not_reflected(engine: Engine, http: Http, sid: str) -> None:
    """What a client claims as its session is in no answer."""
    for transport in ("polling", "websocket"):
        query = {"EIO": "4", "transport": transport, "sid": sid}
        for method in ("GET", "POST"):
            answer = await ask(http, method, engine.url, params=query)
            assert answer.status == 400
            assert sid not in answer.text
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect(engine.url, params={"EIO": "4", "transport": "websocket", "sid": sid})
    assert refused.value.status == 400


# --- Messages --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param("4hello", id="text"),
        pytest.param("4¡Hola! 👋 \u2028", id="beyond ASCII"),
        pytest.param("4", id="empty text"),
        pytest.param(SEPARATOR.join(["4test1", "4test2", "4test3"]), id="several"),
        pytest.param("bAQIDBA==", id="binary"),
        pytest.param(SEPARATOR.join(["4hello", "bAQIDBA==", "4", "bAA=="]), id="text and binary"),
    ],
)
async def test_polling_carries_payloads_both_ways(engine: Engine, http: Http, payload: str) -> None:
    """POST is answered `ok`; what is echoed is the same payload."""
    client = await Polling.open(http, engine.url)
    answer = await client.post(payload.encode())
    assert (answer.status, answer.text) == (200, "ok")
    sent = [as_message(packet) for packet in payload.split(SEPARATOR)]
    assert await client.messages(len(sent)) == sent
    assert engine.heard == sent


async def test_polling_answers_a_poll_that_waits(engine: Engine, http: Http) -> None:
    """A poll waits until there is something, and is answered then, exactly as it is."""
    client = await Polling.open(http, engine.url)
    poll = await client.pending()
    await engine.eio.send(client.sid, "news")
    assert (await poll) == (await poll).__class__(200, "4news")
    poll = await client.pending()
    await engine.eio.send(client.sid, b"\x01\x02\x03\x04")
    assert (await poll).text == "bAQIDBA=="


async def test_polling_sends_what_waits_together(engine: Engine, http: Http) -> None:
    """What piled up between polls comes in few payloads, in order (python-engineio's client takes 16 packets each)."""
    client = await Polling.open(http, engine.url)
    for number in range(50):
        await engine.eio.send(client.sid, f"m{number}")
    packets: list[str] = []
    polls = 0
    while len(packets) < 50:
        packets += (await client.get()).packets
        polls += 1
    assert polls <= 4
    assert packets == [f"4m{number}" for number in range(50)]


async def test_polling_takes_200_packets_in_one_post(engine: Engine, http: Http) -> None:
    """All arrive, in order."""
    client = await Polling.open(http, engine.url)
    numbers = [f"n{number}" for number in range(200)]
    await client.send(*(f"4{number}" for number in numbers))
    assert await client.messages(200) == numbers
    assert engine.heard == numbers


async def test_polling_takes_a_body_in_pieces(engine: Engine, http: Http) -> None:
    """A body that comes in several TCP segments, with pauses, also within a character, arrives whole."""
    client = await Polling.open(http, engine.url)
    text = "¡Hola! 👋" * 20
    body = f"4{text}{SEPARATOR}4second".encode()
    wire = await Wire.connect(engine.url)
    await wire.send(
        f"POST /{engine.path}/?{POLLING}&sid={client.sid} HTTP/1.1\r\nHost: x\r\n"
        f"Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    for start in range(0, len(body), 101):
        await wire.send(body[start : start + 101])
        await asyncio.sleep(0.05)
    assert await wire.read_response() == (200, "ok")
    wire.close()
    await until(lambda: engine.heard == [text, "second"])


async def test_polling_takes_a_chunked_body(engine: Engine, http: Http) -> None:
    """A body without a length, in chunks, arrives whole."""
    client = await Polling.open(http, engine.url)
    body = f"4{'¡Hola!' * 50}{SEPARATOR}4second".encode()
    wire = await Wire.connect(engine.url)
    await wire.send(
        f"POST /{engine.path}/?{POLLING}&sid={client.sid} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    for start in range(0, len(body), 67):
        chunk = body[start : start + 67]
        await wire.send(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        await asyncio.sleep(0.02)
    await wire.send("0\r\n\r\n")
    assert await wire.read_response() == (200, "ok")
    wire.close()
    await until(lambda: engine.heard == ["¡Hola!" * 50, "second"])


async def test_polling_body_of_broken_chunks_does_no_harm(engine: Engine, http: Http) -> None:
    """A client that sends nonsense for a chunk, and leaves, is no error of the server's."""
    client = await Polling.open(http, engine.url)
    wire = await Wire.connect(engine.url)
    await wire.send(
        f"POST /{engine.path}/?{POLLING}&sid={client.sid} HTTP/1.1\r\nHost: x\r\n"
        "Transfer-Encoding: chunked\r\n\r\n2\r\n4a"
    )
    await asyncio.sleep(SETTLE_S)
    await wire.send("\r\nzz\r\n")
    await asyncio.sleep(SETTLE_S)
    wire.abort()
    await asyncio.sleep(SETTLE_S)
    assert engine.heard == []


async def test_polling_body_that_does_not_come_is_given_up(
    start_engine: StartEngine, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that sends half a body and waits gets an error in time."""
    monkeypatch.setattr("server.realtime.engine.POST_TIMEOUT_S", 0.3)
    engine = await start_engine()
    client = await Polling.open(http, engine.url)
    wire = await Wire.connect(engine.url)
    await wire.send(
        f"POST /{engine.path}/?{POLLING}&sid={client.sid} HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n4a"
    )
    status, _ = await wire.read_response()
    assert status in {400, 408, 413}
    wire.close()
    await engine.until_left(client.sid)
    await gone(client)


async def test_polling_body_that_never_ends_leaves_nothing(start_engine: StartEngine, http: Http) -> None:
    """A client that goes in the midst of its POST is missed like any other."""
    engine = await start_engine(**QUICK)
    client = await Polling.open(http, engine.url)
    wire = await Wire.connect(engine.url)
    await wire.send(
        f"POST /{engine.path}/?{POLLING}&sid={client.sid} HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n4a"
    )
    await asyncio.sleep(SETTLE_S)
    wire.abort()
    await engine.until_left(client.sid)
    await gone(client)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("abc", id="no type"),
        pytest.param("9x", id="unknown type"),
        pytest.param("7", id="type 7"),
        pytest.param("-4x", id="negative"),
        pytest.param("²hello", id="a digit that is none"),
        pytest.param(f"4a{SEPARATOR}{SEPARATOR}4b", id="empty packet"),
        pytest.param(f"4a{SEPARATOR}", id="empty last packet"),
        pytest.param("b####", id="no base64"),
        pytest.param("bA", id="half a base64"),
        pytest.param(b"4\xff\xfe", id="no UTF-8"),
        pytest.param(b"4\xed\xa0\x80", id="a lone surrogate"),
        pytest.param(b"\x04\x01", id="bytes"),
    ],
)
async def test_polling_invalid_payload_closes_the_session(engine: Engine, http: Http, body: Message) -> None:
    """It is answered 400, and the application is told."""
    client = await Polling.open(http, engine.url)
    poll = await client.pending()
    assert (await client.post(body)).status == 400
    assert (await poll).status in {200, 400}
    await engine.until_left(client.sid)
    await gone(client)


@pytest.mark.parametrize("end", ["garbage", "1"])
@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_nothing_is_heard_behind_what_ends_a_session(
    engine: Engine, http: Http, transport: str, end: str
) -> None:
    """Packets behind a malformed one, or a CLOSE, are not handled; those before it may be."""
    packets = ["4before", end, "4behind", "bAA=="]
    if transport == "polling":
        client = await Polling.open(http, engine.url)
        sid = client.sid
        assert (await client.post(SEPARATOR.join(packets))).status in {200, 400}
    else:
        wire = await Wire.websocket(engine.url)
        (sid,) = engine.connected
        await wire.send_text(*packets)
    await engine.until_left(sid)
    await asyncio.sleep(SETTLE_S)
    assert engine.heard in (["before"], [])


@pytest.mark.parametrize("packet", ["0{}", "2", "2probe", "3probe", "5", "6"])
async def test_polling_packet_that_is_not_the_clients_to_send_does_no_harm(
    engine: Engine, http: Http, packet: str
) -> None:
    """It closes the session or is ignored: the document does not say which."""
    client = await Polling.open(http, engine.url)
    answer = await client.post(packet)
    if answer.status == 400:
        await engine.until_left(client.sid)
        await gone(client)
    else:
        assert (answer.status, answer.text) == (200, "ok")
        await client.send("4after")
        assert await client.messages(1) == ["after"]


@pytest.mark.parametrize("chunked", [False, True], ids=["sized", "chunked"])
async def test_polling_body_that_is_too_large_closes_the_session(
    start_engine: StartEngine, http: Http, chunked: bool
) -> None:
    """Whether its size is announced or not, it is refused, and the session is closed."""
    engine = await start_engine(max_http_buffer_size=SMALL)
    client = await Polling.open(http, engine.url)
    body = b"4" + b"x" * (2 * SMALL)

    async def chunks() -> Any:
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    answer = await ask(http, "POST", f"{engine.url}?{POLLING}&sid={client.sid}", data=chunks() if chunked else body)
    assert answer.status in {400, 413}
    await engine.until_left(client.sid)
    assert engine.heard == []
    await gone(client)


async def test_polling_body_that_is_announced_too_large_is_refused_at_once(
    start_engine: StartEngine, http: Http
) -> None:
    """Nobody waits for a body that will not be taken."""
    engine = await start_engine(max_http_buffer_size=SMALL)
    client = await Polling.open(http, engine.url)
    wire = await Wire.connect(engine.url)
    await wire.send(
        f"POST /{engine.path}/?{POLLING}&sid={client.sid} HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n4x"
    )
    status, _ = await wire.read_response()
    assert status in {400, 413}
    wire.close()
    await engine.until_left(client.sid)
    await gone(client)


async def test_polling_body_of_the_largest_size_is_taken(start_engine: StartEngine, http: Http) -> None:
    """`maxPayload` itself is allowed."""
    engine = await start_engine(max_http_buffer_size=SMALL)
    client = await Polling.open(http, engine.url)
    await client.send("4" + "x" * (SMALL - 1))
    assert await client.messages(1) == ["x" * (SMALL - 1)]


async def test_polling_twice_at_once_closes_the_session(engine: Engine, http: Http) -> None:
    """The second poll is refused, the first is released with CLOSE (or NOOP), and the session is no more."""
    client = await Polling.open(http, engine.url)
    first = await client.pending()
    assert (await client.get()).status == 400
    answer = await first
    assert answer.status == 200
    assert answer.text in {"1", "6"}
    await engine.until_left(client.sid)
    await gone(client)


async def test_polling_response_is_compressed_for_those_who_ask(engine: Engine, http: Http) -> None:
    """A client that offers gzip may get it, one that does not gets none; the text is the same."""
    client = await Polling.open(http, engine.url)
    text = "x" * 20_000
    for encoding in ("gzip, deflate", "identity"):
        await engine.eio.send(client.sid, text)
        async with http.get(
            f"{engine.url}?{POLLING}&sid={client.sid}", headers={"Accept-Encoding": encoding}
        ) as response:
            assert encoding != "identity" or "Content-Encoding" not in response.headers
            assert await response.text() == f"4{text}"


@pytest.mark.parametrize(
    "message", ["hello", "¡Hola! 👋", "", "x" * 70_000, b"\x01\x02\x03\x04", b"", b"\xff" * 70_000]
)
@pytest.mark.parametrize("compress", [0, 15], ids=["plain", "deflate offered"])
async def test_websocket_carries_messages_both_ways(
    engine: Engine, http: Http, message: Message, compress: int
) -> None:
    """Text as `4` and text, binary as a binary frame."""
    ws, _ = await open_ws(http, engine.url, compress=compress)
    for _ in range(3):
        await (ws.send_str(f"4{message}") if isinstance(message, str) else ws.send_bytes(message))
        assert await receive(ws) == (f"4{message}" if isinstance(message, str) else message)
    assert engine.heard == [message] * 3
    await ws.close()


async def test_websocket_keeps_the_order_of_many(engine: Engine, http: Http) -> None:
    """2,000 messages of both kinds come back as they went."""
    ws, _ = await open_ws(http, engine.url)
    sent: list[Message] = [f"4m{number}" if number % 3 else b"%d" % number for number in range(2000)]

    async def write() -> None:
        for message in sent:
            await (ws.send_str(message) if isinstance(message, str) else ws.send_bytes(message))

    writer = asyncio.create_task(write())
    assert [await receive(ws) for _ in sent] == sent
    await writer
    await ws.close()


async def test_websocket_hears_no_stray_noops(engine: Engine, http: Http) -> None:
    """NOOP is for polls: neither a new session nor an upgraded one hears it."""
    ws, _ = await open_ws(http, engine.url)
    await silent(ws)
    await ws.close()
    client = await Polling.open(http, engine.url)
    ws = await upgrade(http, engine.url, client)
    await silent(ws)
    await ws.close()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("", id="empty"),
        pytest.param("abc", id="no type"),
        pytest.param("9x", id="unknown type"),
        pytest.param("²hello", id="a digit that is none"),
        pytest.param("\x00", id="a control character"),
    ],
)
async def test_websocket_malformed_frame_closes_the_session(engine: Engine, http: Http, data: str) -> None:
    """At once, not when a pong is missed; and the application is told."""
    ws, sid = await open_ws(http, engine.url)
    await ws.send_str(data)
    await closed(ws)
    await engine.until_left(sid)


@pytest.mark.parametrize("packet", ["0{}", "2", "2probe", "3probe", "5", "6"])
async def test_websocket_packet_that_is_not_the_clients_to_send_does_no_harm(
    engine: Engine, http: Http, packet: str
) -> None:
    """It closes the session or is ignored (a ping may be answered, too): the document does not say which."""
    ws, sid = await open_ws(http, engine.url)
    await ws.send_str(packet)
    await ws.send_str("4after")
    while (message := await ws.receive(timeout=WAIT_S)).type is aiohttp.WSMsgType.TEXT:
        if message.data == "4after":
            await ws.close()
            break
        assert message.data in {"3", "3probe"}
    await engine.until_left(sid)


@pytest.mark.parametrize("compress", [0, 15], ids=["plain", "deflate offered"])
@pytest.mark.parametrize("data", ["4" + "x" * 3 * SMALL, b"\x00" * 3 * SMALL], ids=["text", "binary"])
async def test_websocket_message_that_is_too_large_closes_with_1009(
    start_engine: StartEngine, http: Http, data: Message, compress: int
) -> None:
    """Its size when unpacked counts; the application is told of the end, not of the message."""
    engine = await start_engine(max_http_buffer_size=SMALL)
    ws, sid = await open_ws(http, engine.url, compress=compress)
    await (ws.send_str(data) if isinstance(data, str) else ws.send_bytes(data))
    assert await closed(ws) == 1009
    await engine.until_left(sid)
    assert engine.heard == []


async def test_websocket_message_of_the_largest_size_is_taken(start_engine: StartEngine, http: Http) -> None:
    """`maxPayload` itself is allowed."""
    engine = await start_engine(max_http_buffer_size=SMALL)
    ws, _ = await open_ws(http, engine.url)
    for message in ("4" + "x" * (SMALL - 1), b"x" * SMALL):
        await (ws.send_str(message) if isinstance(message, str) else ws.send_bytes(message))
        assert await receive(ws) == message
    await ws.close()


# --- Heartbeat -------------------------------------------------------------------------------------------------


async def test_heartbeat_by_polling(start_engine: StartEngine, http: Http) -> None:
    """The server pings, the client answers, and it goes on."""
    engine = await start_engine(**LENIENT)
    client = await Polling.open(http, engine.url)
    for _ in range(3):
        assert (await client.get()).text == "2"
        await client.send("3")
    await client.send("4alive")
    assert await client.messages(1) == ["alive"]


async def test_heartbeat_by_websocket(start_engine: StartEngine, http: Http) -> None:
    """The server pings, the client answers, and it goes on."""
    engine = await start_engine(**LENIENT)
    ws, _ = await open_ws(http, engine.url)
    for _ in range(3):
        assert await ws.receive_str(timeout=WAIT_S) == "2"
        await ws.send_str("3")
    await ws.send_str("4alive")
    assert await receive(ws) == "4alive"
    await ws.close()


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_heartbeat_that_is_answered_closes_nothing(start_engine: StartEngine, http: Http, transport: str) -> None:
    """Also when a ping is rarer than the time that a pong may take, as by default."""
    engine = await start_engine(ping_interval=0.7, ping_timeout=0.5)
    pings = 0
    if transport == "polling":
        client = await Polling.open(http, engine.url)
        while pings < 3:
            assert (await client.get()).text == "2"
            await client.send("3")
            pings += 1
    else:
        ws, _ = await open_ws(http, engine.url)
        while pings < 3:
            assert await ws.receive_str(timeout=WAIT_S) == "2"
            await ws.send_str("3")
            pings += 1
        await silent(ws)
        await ws.close()
    assert transport == "websocket" or engine.left == []


async def test_heartbeat_goes_on_after_an_upgrade(start_engine: StartEngine, http: Http) -> None:
    """Also when a ping was under way on the other transport."""
    engine = await start_engine(**LENIENT)
    client = await Polling.open(http, engine.url)
    await asyncio.sleep(0.3)  # a ping waits for a poll
    ws = await upgrade(http, engine.url, client)
    pings = 0
    async with asyncio.timeout(WAIT_S):
        while pings < 3:
            if await ws.receive_str() == "2":
                pings += 1
                await ws.send_str("3")
    await ws.close()


async def test_heartbeat_missed_by_polling_closes_the_session(start_engine: StartEngine, http: Http) -> None:
    """A client that polls but answers no ping is closed, its poll released; not before its time, though."""
    engine = await start_engine(**QUICK)
    client = await Polling.open(http, engine.url)
    begin = asyncio.get_running_loop().time()
    assert (await client.get()).text == "2"
    answer = await client.get()
    assert answer.status in {200, 400}
    assert await engine.until_left(client.sid) == engine.eio.reason.PING_TIMEOUT
    assert asyncio.get_running_loop().time() - begin > 0.39
    await gone(client)
    await until(lambda: not engine.eio.sockets)


async def test_heartbeat_missed_by_one_who_never_polls_closes_the_session(
    start_engine: StartEngine, http: Http
) -> None:
    """Whoever does not even poll misses the ping too."""
    engine = await start_engine(**QUICK)
    client = await Polling.open(http, engine.url)
    await engine.until_left(client.sid)
    assert (await client.post("3")).status == 400
    await gone(client)


async def test_heartbeat_missed_by_websocket_closes_the_session(start_engine: StartEngine, http: Http) -> None:
    """A client that reads but answers no ping is closed, not before its time."""
    engine = await start_engine(**QUICK)
    begin = asyncio.get_running_loop().time()
    ws, sid = await open_ws(http, engine.url)
    await closed(ws)
    assert await engine.until_left(sid) == engine.eio.reason.PING_TIMEOUT
    assert asyncio.get_running_loop().time() - begin > 0.39
    await until(lambda: not engine.eio.sockets)


async def test_heartbeat_missed_by_one_who_does_not_read_closes_the_session(start_engine: StartEngine) -> None:
    """A client that neither reads nor answers is closed without its help."""
    engine = await start_engine(**QUICK)
    wire = await Wire.websocket(engine.url)
    await until(lambda: engine.left)
    await until(lambda: not engine.eio.sockets)
    wire.close()


async def test_heartbeat_is_not_multiplied_by_pongs_that_nobody_asked_for(
    start_engine: StartEngine, http: Http
) -> None:
    """Each pong begins one interval, not one each."""
    engine = await start_engine(**LENIENT)
    ws, _ = await open_ws(http, engine.url)
    for _ in range(20):
        await ws.send_str("3")
    pings = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(0.8):
            while True:
                assert await ws.receive_str() == "2"
                pings += 1
                await ws.send_str("3")
                await ws.send_str("3")
    assert 1 <= pings <= 6
    await ws.close()


# --- Close -----------------------------------------------------------------------------------------------------


async def test_close_by_a_polling_client_releases_its_poll(engine: Engine, http: Http) -> None:
    """The POST is answered, the poll released with NOOP (or CLOSE), and the session is no more."""
    client = await Polling.open(http, engine.url)
    poll = await client.pending()
    await client.send("1")
    answer = await poll
    assert answer.status == 200
    assert answer.text in {"6", "1"}
    assert (await client.get()).status == 400
    assert await engine.until_left(client.sid) == engine.eio.reason.CLIENT_DISCONNECT
    await until(lambda: not engine.eio.sockets)


async def test_close_by_a_polling_client_without_a_poll(engine: Engine, http: Http) -> None:
    """Nothing remains."""
    client = await Polling.open(http, engine.url)
    await client.send("4last words", "1")
    await engine.until_left(client.sid)
    assert engine.heard == ["last words"]
    await gone(client)
    assert (await client.post("4more")).status == 400


async def test_close_by_packet_over_websocket(engine: Engine, http: Http) -> None:
    """The server closes the WebSocket."""
    ws, sid = await open_ws(http, engine.url)
    await ws.send_str("1")
    await closed(ws)
    assert await engine.until_left(sid) == engine.eio.reason.CLIENT_DISCONNECT
    await until(lambda: not engine.eio.sockets)


@pytest.mark.parametrize("code", [1000, 1001, 4000])
async def test_close_of_the_websocket(engine: Engine, http: Http, code: int) -> None:
    """A Close frame ends the session, and is answered."""
    ws, sid = await open_ws(http, engine.url)
    assert await asyncio.wait_for(ws.close(code=code), WAIT_S)
    assert await engine.until_left(sid) == engine.eio.reason.TRANSPORT_CLOSE
    await until(lambda: not engine.eio.sockets)


@pytest.mark.parametrize("how", ["abort", "half close", "close"])
async def test_close_of_the_connection_alone(engine: Engine, how: str) -> None:
    """A client whose connection ends without a word is gone at once."""
    wire = await Wire.websocket(engine.url)
    await wire.read_frame()
    {"abort": wire.abort, "half close": wire.half_close, "close": wire.close}[how]()
    await engine.until_left(engine.connected[0])
    await until(lambda: not engine.eio.sockets)
    wire.close()


async def test_close_by_the_server_releases_a_poll(engine: Engine, http: Http) -> None:
    """What was sent before arrives, then CLOSE (or NOOP)."""
    client = await Polling.open(http, engine.url)
    poll = await client.pending()
    await engine.eio.disconnect(client.sid)
    answer = await poll
    assert answer.status == 200
    assert answer.packets[-1] in {"1", "6"}
    assert await engine.until_left(client.sid) == engine.eio.reason.SERVER_DISCONNECT
    await gone(client)


async def test_close_by_the_server_over_websocket(engine: Engine, http: Http) -> None:
    """What was sent before arrives, then the WebSocket is closed (after a CLOSE packet or without)."""
    ws, sid = await open_ws(http, engine.url)
    await engine.eio.send(sid, "last words")
    disconnecting = asyncio.create_task(engine.eio.disconnect(sid))
    assert await receive(ws) == "4last words"
    await closed(ws)
    await asyncio.wait_for(disconnecting, WAIT_S)
    assert await engine.until_left(sid) == engine.eio.reason.SERVER_DISCONNECT
    await until(lambda: not engine.eio.sockets)


async def test_close_leaves_a_session_that_cannot_be_sent_to(engine: Engine, http: Http) -> None:
    """Sending to who is gone is no error."""
    ws, sid = await open_ws(http, engine.url)
    await ws.close()
    await engine.until_left(sid)
    await engine.eio.send(sid, "nobody hears")
    await engine.eio.send("never was", "nobody hears")


# --- Upgrade ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before the probe", "after the probe"])
async def test_upgrade_releases_the_poll_and_carries_on(engine: Engine, http: Http, when: str) -> None:
    """`2probe` is answered `3probe`; a poll that waits, or comes now, is released by NOOP; `5` completes."""
    client = await Polling.open(http, engine.url)
    poll = await client.pending() if when == "before the probe" else None
    ws = await dial(http, engine.url, client.sid)
    await ws.send_str("2probe")
    assert await receive(ws) == "3probe"
    answer = await poll if poll else await client.get()
    assert (answer.status, answer.text) == (200, "6")
    await ws.send_str("5")
    await ws.send_str("4hello")
    assert await receive(ws) == "4hello"
    await ws.send_bytes(b"\x01\x02")
    assert await receive(ws) == b"\x01\x02"
    assert engine.connected == [client.sid]
    assert engine.eio.transport(client.sid) == "websocket"
    await ws.close()
    assert await engine.until_left(client.sid) == engine.eio.reason.TRANSPORT_CLOSE
    await gone(client)


async def test_upgrade_in_one_go_releases_the_poll(engine: Engine, http: Http) -> None:
    """A client that does not wait for `3probe` is upgraded too, and its poll does not hang."""
    client = await Polling.open(http, engine.url)
    poll = await client.pending()
    ws = await dial(http, engine.url, client.sid)
    await ws.send_str("2probe")
    await ws.send_str("5")
    await ws.send_str("4hello")
    answer = await poll
    assert answer.status == 200
    assert answer.text in {"6", "4hello"}
    heard = [await receive(ws)]
    while answer.text == "6" and heard[-1] != "4hello":
        heard.append(await receive(ws))
    assert heard[0] == "3probe"
    await ws.close()


async def test_upgraded_session_refuses_polls_and_posts(engine: Engine, http: Http) -> None:
    """Its WebSocket is not harmed."""
    client = await Polling.open(http, engine.url)
    ws = await upgrade(http, engine.url, client)
    await ws.send_str("4first")
    assert await receive(ws) == "4first"
    assert (await client.get()).status == 400
    assert (await client.post("4by post")).status == 400
    await ws.send_str("4hello")
    assert await receive(ws) == "4hello"
    assert engine.heard == ["first", "hello"]
    await ws.close()


@pytest.mark.parametrize("begun", ["by polling", "by websocket"])
async def test_second_websocket_of_a_session_is_closed(engine: Engine, http: Http, begun: str) -> None:
    """It is refused or closed, and the first is not harmed."""
    if begun == "by polling":
        client = await Polling.open(http, engine.url)
        sid = client.sid
        ws = await upgrade(http, engine.url, client)
        await ws.send_str("4up")
        assert await receive(ws) == "4up"
    else:
        ws, sid = await open_ws(http, engine.url)
    with suppress(aiohttp.WSServerHandshakeError):
        second = await dial(http, engine.url, sid)
        with suppress(ConnectionError):
            await second.send_str("2probe")
        await closed(second)
    await ws.send_str("4hello")
    assert await receive(ws) == "4hello"
    assert engine.left == []
    await ws.close()


async def test_two_probes_at_once_upgrade_one(engine: Engine, http: Http) -> None:
    """Of two WebSockets that probe the same session one is upgraded; the other is closed at the latest then."""
    client = await Polling.open(http, engine.url)
    sockets: list[Ws] = [await dial(http, engine.url, client.sid)]
    with suppress(aiohttp.WSServerHandshakeError):
        sockets.append(await dial(http, engine.url, client.sid))
    probed = []
    for ws in sockets:
        with suppress(ConnectionError):
            await ws.send_str("2probe")
        message = await ws.receive(timeout=WAIT_S)
        if message.type is aiohttp.WSMsgType.TEXT:
            assert message.data == "3probe"
            probed.append(ws)
    assert probed
    first, *others = probed
    await first.send_str("5")
    await first.send_str("4hello")
    assert await receive(first) == "4hello"
    for ws in others:
        await closed(ws)
    await engine.eio.send(client.sid, "once")
    assert await receive(first) == "4once"
    await silent(first)
    await first.close()


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
async def test_upgrade_loses_and_doubles_nothing(start_engine: StartEngine, http: Http, binary: bool) -> None:
    """What is sent before, between and after the steps arrives exactly once and in order."""
    engine = await start_engine(echo=False)
    client = await Polling.open(http, engine.url)
    numbers = itertools.count()

    async def send() -> None:
        for _ in range(10):
            text = f"m{next(numbers)}"
            await engine.eio.send(client.sid, text.encode() if binary else text)

    heard: list[Message | None] = []
    await send()
    heard += map(as_message, (await client.get()).packets)
    poll = await client.pending()
    ws = await dial(http, engine.url, client.sid)
    await send()
    heard += map(as_message, (await poll).packets)
    poll = asyncio.create_task(client.get())
    await ws.send_str("2probe")
    assert await receive(ws) == "3probe"
    await send()
    heard += map(as_message, (await poll).packets)
    await send()
    await ws.send_str("5")
    await send()
    heard = [message for message in heard if message is not None]
    await asyncio.sleep(SETTLE_S)
    await send()
    while len(heard) < 60:
        message = await receive(ws)
        heard.append(message[1:] if isinstance(message, str) else message)
    expected = [f"m{number}" for number in range(60)]
    assert heard == [text.encode() for text in expected] if binary else expected
    await silent(ws)
    await ws.close()


async def test_upgrade_keeps_what_the_client_sends(engine: Engine, http: Http) -> None:
    """Posts before `5` and frames after it are heard in order."""
    client = await Polling.open(http, engine.url)
    await client.send("4a", "4b")
    ws = await dial(http, engine.url, client.sid)
    await client.send("4c")
    await ws.send_str("2probe")
    assert await receive(ws) == "3probe"
    await client.send("4d")
    await ws.send_str("5")
    for text in "efg":
        await ws.send_str(f"4{text}")
    await until(lambda: engine.heard == list("abcdefg"))
    await ws.close()


BAD_PROBES = [
    pytest.param(["2hello"], id="wrong probe"),
    pytest.param(["hello"], id="no packet"),
    pytest.param(["4hello"], id="a message"),
    pytest.param(["3probe"], id="an answer"),
    pytest.param([""], id="empty"),
    pytest.param([b"\x00\x01"], id="binary"),
    pytest.param(["2" + "x" * 3 * SMALL], id="too large"),
    pytest.param(["2probe", "4too early"], id="a message for the upgrade"),
    pytest.param(["2probe", ""], id="empty for the upgrade"),
    pytest.param(["2probe", b"\x05"], id="binary for the upgrade"),
    pytest.param(["2probe", "nonsense"], id="nonsense for the upgrade"),
    pytest.param(["2probe", "4" + "x" * 3 * SMALL], id="too large for the upgrade"),
]


async def works(engine: Engine, client: Polling) -> None:
    """Assert that polling carries messages both ways, and that polls wait instead of spinning."""
    await client.send("4still here")
    assert await client.messages(1) == ["still here"]
    poll = await client.pending()
    await engine.eio.send(client.sid, "pushed")
    assert (await poll).text == "4pushed"


@pytest.mark.parametrize("frames", BAD_PROBES)
async def test_failed_probe_is_closed_and_leaves_polling_usable(
    start_engine: StartEngine, http: Http, frames: list[Message]
) -> None:
    """Whatever comes over a WebSocket that probes, the session goes on as it was."""
    engine = await start_engine(max_http_buffer_size=SMALL)
    client = await Polling.open(http, engine.url)
    ws = await dial(http, engine.url, client.sid)
    for data in frames:
        await (ws.send_str(data) if isinstance(data, str) else ws.send_bytes(data))
    await closed(ws)
    await works(engine, client)
    assert engine.left == []
    ws = await upgrade(http, engine.url, client)
    await ws.send_str("4upgraded at last")
    assert await receive(ws) == "4upgraded at last"
    await ws.close()


@pytest.mark.parametrize("probed", [False, True], ids=["before the probe", "after the probe"])
@pytest.mark.parametrize("how", ["close frame", "close", "abort"])
async def test_probe_that_goes_away_leaves_polling_usable(engine: Engine, http: Http, probed: bool, how: str) -> None:
    """A message that was sent meanwhile is not lost."""
    client = await Polling.open(http, engine.url)
    wire = await Wire.websocket(engine.url, f"{WEBSOCKET}&sid={client.sid}")
    if probed:
        await wire.send_text("2probe")
        assert await wire.read_frame() == (TEXT, b"3probe")
    await engine.eio.send(client.sid, "meanwhile")
    if how == "close frame":
        await wire.send(frame(0x8, (1000).to_bytes(2, "big")))
        await wire.end()
        wire.close()
    else:
        {"close": wire.close, "abort": wire.abort}[how]()
    await asyncio.sleep(SETTLE_S)
    assert await client.messages(1) == ["meanwhile"]
    await works(engine, client)
    assert engine.left == []


async def test_probe_that_says_nothing_leaves_polling_usable(engine: Engine, http: Http) -> None:
    """A WebSocket that was opened is no upgrade yet."""
    client = await Polling.open(http, engine.url)
    ws = await dial(http, engine.url, client.sid)
    await works(engine, client)
    await ws.close()
    await works(engine, client)


async def test_upgrade_that_is_not_completed_is_given_up(
    start_engine: StartEngine, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A WebSocket that stalls is closed in time, whether it probed or not, and polling goes on."""
    monkeypatch.setattr("server.realtime.engine.UPGRADE_TIMEOUT_S", 0.3)
    engine = await start_engine()
    for probed in (False, True):
        client = await Polling.open(http, engine.url)
        ws = await dial(http, engine.url, client.sid)
        if probed:
            await ws.send_str("2probe")
            assert await receive(ws) == "3probe"
            await engine.eio.send(client.sid, "meanwhile")
        await closed(ws)
        assert not probed or await client.messages(1) == ["meanwhile"]
        await works(engine, client)


async def test_session_that_ends_while_it_is_probed_leaves_nothing(engine: Engine, http: Http) -> None:
    """Its WebSocket is closed with it."""
    for probed in (False, True):
        client = await Polling.open(http, engine.url)
        ws = await dial(http, engine.url, client.sid)
        if probed:
            await ws.send_str("2probe")
            assert await receive(ws) == "3probe"
        await client.send("1")
        await engine.until_left(client.sid)
        await closed(ws)
        await gone(client)
    await until(lambda: not engine.eio.sockets)


async def test_websocket_frames_that_come_with_the_request_are_heard(engine: Engine) -> None:
    """A client that does not wait for the handshake's answer loses nothing."""
    wire = await Wire.connect(engine.url)
    request = (
        f"GET /{engine.path}/?{WEBSOCKET} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()
    await wire.send(request + frame(TEXT, b"4early") + frame(BINARY, b"bird"))
    assert (await wire.read_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    assert (await wire.read_frame())[1].startswith(b"0{")
    assert [await wire.read_frame() for _ in range(2)] == [(TEXT, b"4early"), (BINARY, b"bird")]
    wire.close()


async def test_websocket_frames_right_behind_the_upgrade_are_heard(engine: Engine, http: Http) -> None:
    """Frames that share a TCP segment with the probe and the upgrade are neither lost nor taken for another."""
    client = await Polling.open(http, engine.url)
    wire = await Wire.websocket(engine.url, f"{WEBSOCKET}&sid={client.sid}")
    texts = b"".join(frame(TEXT, text.encode()) for text in ("2probe", "5", "4a", "4b"))
    await wire.send(texts + frame(BINARY, b"c"))
    assert [await wire.read_frame() for _ in range(4)] == [
        (TEXT, b"3probe"),
        (TEXT, b"4a"),
        (TEXT, b"4b"),
        (BINARY, b"c"),
    ]
    wire.close()
    await engine.until_left(client.sid)
