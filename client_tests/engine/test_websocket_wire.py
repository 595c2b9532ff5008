"""WebSocket frames (RFC 6455) as any implementation may send them, and as none should."""

import asyncio
import os
import zlib

import aiohttp
import pytest

from client_tests.engine.conftest import StartEngine
from client_tests.engine.raw import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    WEBSOCKET,
    Wire,
    frame,
    until,
)
from client_tests.engine.servers import Engine

pytestmark = [pytest.mark.usefixtures("quiet"), pytest.mark.timeout(20)]

SMALL = 10_000
RSV1, RSV2, RSV3 = 0x40, 0x20, 0x10


async def opened(engine: Engine) -> Wire:
    """Open a session and read its OPEN packet."""
    wire = await Wire.websocket(engine.url)
    opcode, payload = await wire.read_frame()
    assert (opcode, payload[:2]) == (TEXT, b"0{")
    return wire


def close_payload(code: int, reason: bytes = b"") -> bytes:
    """Return the payload of a Close frame."""
    return code.to_bytes(2, "big") + reason


# --- What must be understood ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 124, 125, 126, 127, 65_534, 65_535, 65_536, 200_000])
async def test_message_of_any_size_comes_back(engine: Engine, size: int) -> None:
    """Each of the three forms of a length, at its edges."""
    wire = await opened(engine)
    data = os.urandom(size)
    await wire.send(frame(BINARY, data) + frame(TEXT, b"4" + b"x" * size))
    assert await wire.read_frame() == (BINARY, data)
    assert await wire.read_frame() == (TEXT, b"4" + b"x" * size)
    wire.close()


async def test_frame_may_come_byte_by_byte(engine: Engine) -> None:
    """TCP keeps no boundaries."""
    wire = await opened(engine)
    for byte in frame(TEXT, "4¡Hola! 👋".encode()) + frame(BINARY, b"x" * 130):
        await wire.send(bytes([byte]))
        await asyncio.sleep(0)
    assert await wire.read_frame() == (TEXT, "4¡Hola! 👋".encode())
    assert await wire.read_frame() == (BINARY, b"x" * 130)
    wire.close()


async def test_message_may_come_in_fragments_with_control_frames_between(engine: Engine) -> None:
    """Fragments are joined; a Ping between them is answered at once."""
    wire = await opened(engine)
    text = "4¡Hola! 👋".encode()
    await wire.send(frame(TEXT, text[:3], final=False) + frame(PING, b"are you there"))
    assert await wire.read_frame() == (PONG, b"are you there")
    await wire.send(frame(CONTINUATION, b"", final=False) + frame(CONTINUATION, text[3:9], final=False))
    await wire.send(frame(PONG, b"unasked") + frame(CONTINUATION, text[9:]))
    assert await wire.read_frame() == (TEXT, text)
    await wire.send(frame(BINARY, b"a", final=False) + frame(CONTINUATION, b"b"))
    assert await wire.read_frame() == (BINARY, b"ab")
    assert engine.heard == [text[1:].decode(), b"ab"]
    wire.close()


async def test_ping_is_answered_with_its_payload(engine: Engine) -> None:
    """Up to 125 bytes, empty too."""
    wire = await opened(engine)
    for payload in (b"", b"x", b"\xff" * 125):
        await wire.send(frame(PING, payload))
        assert await wire.read_frame() == (PONG, payload)
    wire.close()


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", None),
        (close_payload(1000), 1000),
        (close_payload(1001, b"going away"), 1001),
        (close_payload(3000), 3000),
        (close_payload(4999, "¡adiós!".encode()), 4999),
    ],
)
async def test_close_frame_is_answered_and_ends_the_session(engine: Engine, payload: bytes, code: int | None) -> None:
    """With the same code, or a plain 1000; then the server ends the connection."""
    wire = await opened(engine)
    await wire.send(frame(CLOSE, payload))
    opcode, answer = await wire.read_frame()
    assert opcode == CLOSE
    assert answer[:2] in {b"", close_payload(1000), payload[:2]}
    await wire.end()
    await engine.until_left(engine.connected[0])
    wire.close()


async def test_nothing_is_heard_after_a_close_frame(engine: Engine) -> None:
    """What follows a Close frame is not read."""
    wire = await opened(engine)
    await wire.send(frame(TEXT, b"4before") + frame(CLOSE, close_payload(1000)) + frame(TEXT, b"4after"))
    await wire.end()
    await engine.until_left(engine.connected[0])
    assert engine.heard == ["before"]
    wire.close()


# --- What must be refused -------------------------------------------------------------------------------------

VIOLATIONS = [
    pytest.param(frame(TEXT, b"4x", masked=False), {1002}, id="not masked"),
    pytest.param(frame(TEXT, b"4x", reserved=RSV2), {1002}, id="RSV2"),
    pytest.param(frame(TEXT, b"4x", reserved=RSV3), {1002}, id="RSV3"),
    pytest.param(frame(TEXT, b"4x", reserved=RSV1), {1002}, id="RSV1 without deflate"),
    pytest.param(frame(0x3, b"x"), {1002}, id="reserved opcode"),
    pytest.param(frame(0xB, b"x"), {1002}, id="reserved control opcode"),
    pytest.param(frame(PING, b"x" * 126), {1002}, id="long ping"),
    pytest.param(frame(PING, b"x", final=False), {1002}, id="fragmented ping"),
    pytest.param(frame(CONTINUATION, b"x"), {1002}, id="continuation of nothing"),
    pytest.param(frame(TEXT, b"4a", final=False) + frame(TEXT, b"4b"), {1002}, id="message within a message"),
    pytest.param(frame(TEXT, b"4\xff\xfe"), {1007}, id="no UTF-8"),
    pytest.param(frame(TEXT, b"4\xed\xa0\x80"), {1007}, id="a lone surrogate"),
    pytest.param(frame(TEXT, b"4\xc3", final=False) + frame(CONTINUATION, b""), {1007}, id="half a character"),
    pytest.param(frame(CLOSE, b"\x03"), {1002}, id="close of one byte"),
    pytest.param(frame(CLOSE, close_payload(999)), {1002}, id="close 999"),
    pytest.param(frame(CLOSE, close_payload(1005)), {1002}, id="close 1005"),
    pytest.param(frame(CLOSE, close_payload(5000)), {1002, 5000}, id="close 5000"),
    pytest.param(frame(CLOSE, close_payload(1000, b"\xff")), {1002, 1007}, id="close for no UTF-8"),
]


@pytest.mark.parametrize(("data", "codes"), VIOLATIONS)
async def test_violation_of_the_protocol_ends_the_session(engine: Engine, data: bytes, codes: set[int]) -> None:
    """With the code for it, or none, but at once; the application hears of the end and of no message."""
    wire = await opened(engine)
    await wire.send(data)
    assert await wire.close_code() in codes | {None}
    await engine.until_left(engine.connected[0])
    assert engine.heard == []
    await until(lambda: not engine.eio.sockets)
    wire.close()


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"\x82\xfe\xff\xff", id="65,535"),
        pytest.param(b"\x82\xff" + (1 << 40).to_bytes(8, "big"), id="a terabyte"),
        pytest.param(b"\x82\xff" + b"\x7f" + b"\xff" * 7, id="the largest"),
        pytest.param(b"\x82\xff" + b"\xff" * 8, id="a negative length"),
    ],
)
async def test_frame_that_is_announced_too_large_is_refused_at_once(start_engine: StartEngine, head: bytes) -> None:
    """Nobody waits for, or keeps, what will not be taken."""
    engine = await start_engine(max_http_buffer_size=SMALL)
    wire = await opened(engine)
    await wire.send(head + b"mask" + b"x" * 100)
    assert await wire.close_code() in {1009, 1002, None}
    await engine.until_left(engine.connected[0])
    wire.close()


@pytest.mark.parametrize("size", [1, 1000])
async def test_fragments_that_grow_too_large_together_are_refused(start_engine: StartEngine, size: int) -> None:
    """The limit is one of messages, not of frames; empty fragments do not pile up either."""
    engine = await start_engine(max_http_buffer_size=SMALL)
    wire = await opened(engine)
    fragment = frame(CONTINUATION, b"x" * size, final=False)
    await wire.send(frame(TEXT, b"4", final=False) + fragment * (2 * SMALL // size))
    assert await wire.close_code() in {1009, None}
    await engine.until_left(engine.connected[0])
    assert engine.heard == []
    wire.close()


DEFLATE_REQUEST = (
    "GET /engine.io/?{query} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)


async def deflating(engine: Engine) -> Wire:
    """Open a session whose messages may be compressed."""
    wire = await Wire.connect(engine.url)
    await wire.send(DEFLATE_REQUEST.format(query=WEBSOCKET, host=engine.url.split("/")[2]))
    head = await wire.read_until(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101")
    assert b"permessage-deflate" in head
    await wire.read_frame()
    return wire


def deflated(data: bytes) -> bytes:
    """Compress a message (RFC 7692)."""
    compressor = zlib.compressobj(wbits=-15)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


async def test_compression_is_off_unless_asked_for(engine: Engine) -> None:
    """A client's offer is not taken up by default."""
    wire = await Wire.connect(engine.url)
    await wire.send(DEFLATE_REQUEST.format(query=WEBSOCKET, host=engine.url.split("/")[2]))
    assert b"permessage-deflate" not in await wire.read_until(b"\r\n\r\n")
    wire.close()


async def test_compressed_message_is_understood(start_engine: StartEngine) -> None:
    """In one frame and in fragments, whose first alone is marked."""
    engine = await start_engine(websocket_deflate=True)
    wire = await deflating(engine)
    data = deflated(b"4hello hello hello")
    await wire.send(frame(TEXT, data, reserved=RSV1))
    await until(lambda: engine.heard == ["hello hello hello"])
    # A compressor of its own for each message is allowed whatever was agreed: it refers to nothing before.
    await wire.send(frame(TEXT, data[:4], reserved=RSV1, final=False) + frame(CONTINUATION, data[4:]))
    await until(lambda: engine.heard == ["hello hello hello"] * 2)
    await wire.send(frame(TEXT, b"4plain"))
    await until(lambda: engine.heard[-1] == "plain")
    wire.close()


async def test_compressed_message_that_unpacks_too_large_is_refused(start_engine: StartEngine) -> None:
    """A few kilobytes that would become 50 MB end the session."""
    engine = await start_engine(max_http_buffer_size=100_000, websocket_deflate=True)
    wire = await deflating(engine)
    await wire.send(frame(BINARY, deflated(bytes(50_000_000)), reserved=RSV1))
    assert await wire.close_code() in {1009, None}
    await engine.until_left(engine.connected[0])
    assert engine.heard == []
    wire.close()


async def test_compressed_message_that_is_none_is_refused(start_engine: StartEngine) -> None:
    """Bytes that do not unpack end the session."""
    engine = await start_engine(websocket_deflate=True)
    wire = await deflating(engine)
    await wire.send(frame(TEXT, b"\xff\xff\xff\xff", reserved=RSV1))
    assert await wire.close_code() in {1002, 1003, 1007, 1011, None}
    await engine.until_left(engine.connected[0])
    assert engine.heard == []
    wire.close()


# --- The opening handshake ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Sec-WebSocket-Key": ""}, id="no key"),
        pytest.param({"Sec-WebSocket-Key": "short"}, id="a key that is none"),
        pytest.param({"Sec-WebSocket-Version": "8"}, id="another version"),
        pytest.param({"Sec-WebSocket-Version": ""}, id="no version"),
        pytest.param({"Connection": "close"}, id="no Connection: Upgrade"),
        pytest.param({"Upgrade": "h2c"}, id="another upgrade"),
    ],
)
async def test_opening_handshake_that_is_malformed_is_refused(
    engine: Engine, http: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    """It gets an error status, no session remains, and the application's connects and disconnects match."""
    good = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
    }
    wire = await Wire.connect(engine.url)
    lines = "".join(f"{name}: {value}\r\n" for name, value in {**good, **headers}.items() if value)
    await wire.send(f"GET /engine.io/?{WEBSOCKET} HTTP/1.1\r\nHost: x\r\n{lines}\r\n")
    status, _ = await wire.read_response()
    assert status in {400, 426}
    wire.close()
    await until(lambda: not engine.eio.sockets)
    assert [sid for sid, _ in engine.left] == engine.connected


async def test_client_that_leaves_mid_frame_is_gone(engine: Engine) -> None:
    """Half a frame is no message, and no traceback."""
    for cut in (1, 3, 8, 50):
        wire = await opened(engine)
        await wire.send(frame(TEXT, b"4" + b"x" * 100)[:cut])
        await asyncio.sleep(0.02)
        wire.abort()
    await until(lambda: len(engine.left) == 4)
    assert engine.heard == []
    await until(lambda: not engine.eio.sockets)
