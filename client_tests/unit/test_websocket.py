"""WebSockets over real connections, on both event loops: nothing lost, nothing left, and no client without bounds."""

import asyncio
import base64
import gc
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import uvloop
from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from structlog.testing import capture_logs

from client_tests.engine.raw import BINARY, CLOSE, PING, PONG, TEXT, Wire, frame, until
from server.contract.errors import SLOW_CONSUMER_CLOSE_CODE
from server.realtime import websocket as module
from server.realtime.frames import Encoded
from server.realtime.handshakes import accepts_deflate
from server.realtime.websocket import SLOW_CONSUMER, TakenOver, WebSocket, WebSockets

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}
RSV1 = 0x40
LARGE = Encoded(b"large " * 1_000)
SMALL = Encoded(b"small")
WAIT_S = 10.0

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a scenario on each of the two event loops."""

    async def bounded(scenario: Coroutine[Any, Any, None]) -> None:
        async with asyncio.timeout(WAIT_S):
            await scenario

    return lambda scenario: request.param(bounded(scenario))


class Ear:
    """A listener that remembers."""

    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket
        self.heard: list[str | bytes] = []
        self.pongs = 0
        self.ends: list[tuple[int, str]] = []
        self.on_message: Callable[[str | bytes], None] = lambda _message: None

    def on_text(self, text: str) -> None:
        """Remember a text."""
        self.heard.append(text)
        self.on_message(text)

    def on_binary(self, data: bytes) -> None:
        """Remember bytes."""
        self.heard.append(data)
        self.on_message(data)

    def on_pong(self) -> None:
        """Count pongs."""
        self.pongs += 1

    def on_end(self, code: int, reason: str) -> None:
        """Remember the end."""
        self.ends.append((int(code), reason))

    def write(self, *texts: str) -> None:
        """Send texts."""
        for text in texts:
            self.websocket.write(Encoded(text.encode()))


class Place:
    """An aiohttp server whose only page is a WebSocket."""

    def __init__(self, **options: Any) -> None:
        self.websockets = WebSockets(**{"max_message_bytes": 1 << 20, **options})
        self.protocols: Iterable[str] = ()
        self.ears: list[Ear] = []
        self.answers: list[web.StreamResponse] = []
        self.before: Callable[[web.Request], Coroutine[Any, Any, None]] | None = None
        self.prepare: Callable[[Ear], None] = lambda _ear: None
        app = web.Application(middlewares=[self._note])
        app.router.add_get("/", self._handle)
        self.runner = web.AppRunner(app, access_log=None)
        self.port = 0

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def ear(self) -> Ear:
        """The latest listener."""
        return self.ears[-1]

    async def start(self) -> None:
        """Begin to serve."""
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.port = self.runner.addresses[0][1]

    async def wire(self, tail: bytes = b"", *, receive_buffer: int | None = None, **headers: str) -> Wire:
        """Open a WebSocket by hand; `tail` goes in the same segment as the request."""
        wire = await Wire.connect(self.url, receive_buffer=receive_buffer)
        await wire.send(request_for(headers) + tail)
        return wire

    async def opened(self, **options: Any) -> tuple[Wire, Ear]:
        """Open a WebSocket, and read the answer to the handshake."""
        wire = await self.wire(**options)
        assert (await wire.read_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        return wire, self.ear

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if self.before is not None:
            await self.before(request)
        return self.websockets.accept(request, self._listen, self.protocols)

    def _listen(self, websocket: WebSocket) -> Ear:
        ear = Ear(websocket)
        self.ears.append(ear)
        self.prepare(ear)
        return ear

    @web.middleware
    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        answer: web.StreamResponse = await handler(request)
        self.answers.append(answer)
        return answer


def request_for(headers: dict[str, str]) -> bytes:
    """Write a handshake; empty headers are left out."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in {**HANDSHAKE, **headers}.items() if value)
    return f"GET / HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode()


def close_payload(code: int, reason: str = "") -> bytes:
    """Return what is in a Close frame."""
    return code.to_bytes(2, "big") + reason.encode()


def masked_text(text: str) -> bytes:
    """Return a text frame with a mask that is no random one."""
    mask, data = b"\x01\x02\x03\x04", text.encode()
    return bytes((0x81, 0x80 | len(data))) + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))


@asynccontextmanager
async def served(**options: Any) -> AsyncIterator[Place]:
    """Serve for the time of a scenario; afterwards no WebSocket is known any more."""
    place = Place(**options)
    await place.start()
    try:
        yield place
        Wire.close_all()
        await until(lambda: not place.websockets.open)
        assert len(place.websockets.closing) == 0
        assert all(len(ear.ends) <= 1 for ear in place.ears)
    finally:
        Wire.close_all()
        await place.websockets.closed(0)
        await place.runner.cleanup()


async def ended(ear: Ear) -> tuple[int, str]:
    """Wait until a listener is told of the end."""
    await until(lambda: ear.ends)
    return ear.ends[0]


async def at_end(wire: Wire) -> bool:
    """Tell whether nothing more comes, and the connection is closed."""
    try:
        await wire.read(1)
    except (EOFError, ConnectionError):
        return True
    return False


def of_aiohttp() -> list[Any]:
    """Return what there is of aiohttp's for each connection and request: other tests may have left some."""
    return [thing for thing in gc.get_objects() if type(thing) in {RequestHandler, web.Request}]


class Recorder:
    """A transport that counts what it is asked to write."""

    def __init__(self, websocket: WebSocket) -> None:
        assert websocket.transport is not None
        self._transport = websocket.transport
        self.written: list[bytes] = []
        websocket.transport = self  # type: ignore[assignment]

    def write(self, data: bytes) -> None:
        """Remember, and write."""
        self.written.append(data)
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        """Everything else is the transport's."""
        return getattr(self._transport, name)


# --- The handshake


@pytest.mark.parametrize(
    "headers",
    [
        {"Upgrade": ""},
        {"Upgrade": "h2c"},
        {"Connection": ""},
        {"Connection": "keep-alive"},
        {"Sec-WebSocket-Version": ""},
        {"Sec-WebSocket-Version": "8"},
        {"Sec-WebSocket-Key": ""},
        {"Sec-WebSocket-Key": "short"},
        {"Sec-WebSocket-Key": "ñ"},
        {"Sec-WebSocket-Key": base64.b64encode(b"x" * 15).decode()},
        {"Sec-WebSocket-Key": base64.b64encode(b"x" * 17).decode()},
        {"Sec-WebSocket-Key": KEY[:-2] + "!="},
    ],
    ids=str,
)
def test_what_is_no_handshake_is_refused(run: Run, headers: dict[str, str]) -> None:
    """With 400 (RFC 6455 4.2.1) and the version that is understood; the connection remains aiohttp's."""

    async def scenario() -> None:
        async with served() as place:
            wire = await place.wire(**headers)
            head = await wire.read_until(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 400 ")
            assert (b"Sec-WebSocket-Version: 13" in head) is ("Sec-WebSocket-Version" in headers)
            assert place.ears == []
            assert not place.websockets.open

    run(scenario())


@pytest.mark.parametrize(
    "headers",
    [
        {"Upgrade": "WebSocket"},
        {"Connection": "keep-alive, upgrade"},
        {"Connection": "Upgrade,Keep-Alive"},
    ],
    ids=str,
)
def test_handshake_may_be_written_differently(run: Run, headers: dict[str, str]) -> None:
    """Tokens know no case, and Connection is a list."""

    async def scenario() -> None:
        async with served() as place:
            wire = await place.wire(**headers)
            head = (await wire.read_until(b"\r\n\r\n")).decode()
            assert head.split("\r\n")[0] == "HTTP/1.1 101 Switching Protocols"
            assert "Upgrade: websocket" in head
            assert "Connection: Upgrade" in head
            assert "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head  # RFC 6455 1.3
            assert "Sec-WebSocket-Protocol" not in head
            assert "Sec-WebSocket-Extensions" not in head

    run(scenario())


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [("a", "a"), ("b,a", "b"), ("x, b , a", "b"), ("x", None), ("", None), ("A", None)],
)
def test_first_subprotocol_that_both_know_is_chosen(run: Run, offered: str, chosen: str | None) -> None:
    """The client's order counts; if there is none, none is named."""

    async def scenario() -> None:
        async with served() as place:
            place.protocols = ("a", "b")
            wire = await place.wire(**{"Sec-WebSocket-Protocol": offered})
            head = (await wire.read_until(b"\r\n\r\n")).decode()
            named = [line for line in head.split("\r\n") if line.startswith("Sec-WebSocket-Protocol")]
            assert named == ([] if chosen is None else [f"Sec-WebSocket-Protocol: {chosen}"])

    run(scenario())


@pytest.mark.parametrize("slowly", [False, True])
def test_what_comes_behind_the_request_is_not_lost(run: Run, slowly: bool) -> None:
    """Frames in the segment of the request, whether it is answered at once or not."""

    async def scenario() -> None:
        async with served() as place:
            if slowly:
                place.before = lambda _request: asyncio.sleep(0.05)
            texts = [f"text {number}" for number in range(2_000)]
            wire = await place.wire(b"".join(frame(TEXT, text.encode()) for text in texts))
            await wire.send(frame(TEXT, b"last"))
            await until(lambda: place.ears and place.ear.heard[-1:] == ["last"])
            assert place.ear.heard == [*texts, "last"]

    run(scenario())


def test_what_is_written_at_once_follows_the_answer(run: Run) -> None:
    """From within `listen` too."""

    async def scenario() -> None:
        async with served() as place:
            place.prepare = lambda ear: ear.write("first")
            wire, ear = await place.opened()
            ear.write("second")
            assert [await wire.read_frame(), await wire.read_frame()] == [(TEXT, b"first"), (TEXT, b"second")]

    run(scenario())


def test_client_that_is_gone_is_not_listened_to(run: Run) -> None:
    """It left while its request was looked at."""

    async def scenario() -> None:
        async with served() as place:
            going = asyncio.Event()

            async def before(request: web.Request) -> None:
                going.set()
                await until(lambda: request.transport is None)

            place.before = before
            wire = await place.wire()
            await going.wait()
            wire.close()
            await until(lambda: place.answers)
            assert place.ears == []
            assert not place.websockets.open

    run(scenario())


def test_aiohttp_forgets_the_connection(run: Run) -> None:
    """No request, no task and no protocol of it is left, only ours; it would else be paid for by every idle client."""

    async def scenario() -> None:
        async with served() as place:
            wire, ear = await place.opened()
            await wire.send(frame(TEXT, b"hi"))
            await until(lambda: ear.heard == ["hi"])
            assert [type(answer) for answer in place.answers] == [TakenOver]
            assert place.answers[0].status == 101
            place.answers.clear()
            assert place.runner.server is not None
            assert place.runner.server.connections == []
            assert asyncio.all_tasks() == {asyncio.current_task()}
            gc.collect()
            assert [thing for thing in of_aiohttp() if id(thing) not in known] == []
            assert place.websockets.open == {ear.websocket}

    before = of_aiohttp()
    known = {id(thing) for thing in before}
    run(scenario())


# --- Messages


def test_messages_go_both_ways(run: Run) -> None:
    """Text and bytes, with an aiohttp client at the other end."""

    async def scenario() -> None:
        async with served() as place, aiohttp.ClientSession() as session, session.ws_connect(place.url) as client:
            await client.send_str("ñ")
            await client.send_bytes(b"\x00\xff")
            await until(lambda: place.ear.heard == ["ñ", b"\x00\xff"])
            place.ear.write("é")
            place.ear.websocket.write(Encoded(b"\xff", binary=True))
            assert await client.receive_str() == "é"
            assert await client.receive_bytes() == b"\xff"

    run(scenario())


def test_pings_are_answered_both_ways(run: Run) -> None:
    """The client's with what it said; ours are told to the listener."""

    async def scenario() -> None:
        async with served() as place:
            wire, ear = await place.opened()
            await wire.send(frame(PING, b"are you there"))
            assert await wire.read_frame() == (PONG, b"are you there")
            ear.websocket.ping()
            assert await wire.read_frame() == (PING, b"")
            await wire.send(frame(PONG))
            await until(lambda: ear.pongs == 1)
            assert ear.heard == []

    run(scenario())


def test_frames_of_one_turn_leave_in_one_write(run: Run) -> None:
    """Also those that answer a message, a ping, or go to another client."""

    async def scenario() -> None:
        async with served() as place:
            (wire, one), (other_wire, two) = await place.opened(), await place.opened()
            first, second = Recorder(one.websocket), Recorder(two.websocket)
            one.write("a", "b")
            two.write("x")
            one.websocket.ping()
            one.write("c")
            assert (first.written, second.written) == ([], [])
            await asyncio.sleep(0)
            assert first.written == [b"\x81\x01a\x81\x01b\x89\x00\x81\x01c"]
            assert second.written == [b"\x81\x01x"]
            one.write("d")
            await asyncio.sleep(0)
            assert first.written[1:] == [b"\x81\x01d"]
            one.on_message = lambda text: one.write(f"{text}!")
            await wire.send(frame(TEXT, b"1") + frame(PING, b"p") + frame(TEXT, b"2"))
            await until(lambda: len(one.heard) == 2)
            await asyncio.sleep(0)
            assert first.written[2:] == [b"\x81\x021!\x8a\x01p\x81\x022!"]
            assert await other_wire.read_frame() == (TEXT, b"x")

    run(scenario())


def test_one_frame_is_written_as_it_is(run: Run) -> None:
    """The very bytes that all recipients share are handed on."""

    async def scenario() -> None:
        async with served() as place:
            ears = [(await place.opened())[1] for _ in range(3)]
            recorders = [Recorder(ear.websocket) for ear in ears]
            for ear in ears:
                ear.websocket.write(LARGE)
            await asyncio.sleep(0)
            assert all(recorder.written[0] is LARGE.frame for recorder in recorders)

    run(scenario())


@pytest.mark.parametrize("pause_every", [1, 7, 1_000])
def test_pauses_keep_order(run: Run, pause_every: int) -> None:
    """Thousands of small frames in few segments, read by a listener that pauses again and again."""

    async def scenario() -> None:
        async with served() as place:
            wire, ear = await place.opened()
            loop = asyncio.get_running_loop()
            texts = [f"{number}" for number in range(5_000)]

            def pause(_text: str | bytes) -> None:
                if len(ear.heard) % pause_every == 0:
                    ear.websocket.pause_reading()
                    loop.call_soon(ear.websocket.resume_reading)

            ear.on_message = pause
            await wire.send(b"".join(frame(TEXT, text.encode()) for text in texts))
            await until(lambda: len(ear.heard) == len(texts))
            assert ear.heard == texts

    run(scenario())


def test_pause_is_heeded_within_one_segment(run: Run) -> None:
    """After at most 16 KiB nothing is heard until it is over, whatever came in the same read."""

    async def scenario() -> None:
        async with served() as place:
            _, ear = await place.opened()
            ear.on_message = lambda _text: ear.websocket.pause_reading()
            data = b"".join(frame(TEXT, b"%04d" % number) for number in range(9_000))
            ear.websocket.data_received(data)
            size = len(data) // 9_000
            assert len(ear.heard) <= 16 * 1024 // size + 1
            before = len(ear.heard)
            ear.websocket.resume_reading()
            assert before < len(ear.heard) <= before + 16 * 1024 // size + 1
            ear.on_message = lambda _text: None
            ear.websocket.resume_reading()
            assert ear.heard == [f"{number:04d}" for number in range(9_000)]

    run(scenario())


def test_pause_and_resume_from_within_a_message(run: Run) -> None:
    """A listener may change its mind at once."""

    async def scenario() -> None:
        async with served() as place:
            wire, ear = await place.opened()

            def change_mind(_text: str | bytes) -> None:
                ear.websocket.pause_reading()
                ear.websocket.resume_reading()

            ear.on_message = change_mind
            await wire.send(b"".join(frame(TEXT, b"%d" % number) for number in range(4_000)))
            await until(lambda: len(ear.heard) == 4_000)
            assert ear.heard == [str(number) for number in range(4_000)]

    run(scenario())


def test_listener_may_pause_before_anything_is_read(run: Run) -> None:
    """What came with the request waits as well."""

    async def scenario() -> None:
        async with served() as place:
            place.prepare = lambda ear: ear.websocket.pause_reading()
            wire = await place.wire(frame(TEXT, b"one"))
            await wire.read_until(b"\r\n\r\n")
            await wire.send(frame(TEXT, b"two"))
            await asyncio.sleep(0.05)
            assert place.ear.heard == []
            place.ear.websocket.resume_reading()
            await until(lambda: place.ear.heard == ["one", "two"])

    run(scenario())


def test_first_frame_may_be_cut_anywhere(run: Run) -> None:
    """Also within its head, whose second byte says whether it is masked."""

    async def scenario() -> None:
        async with served() as place:
            for cut in (2, 3, 5, 6, 8):
                _, ear = await place.opened()
                data = masked_text("hello")
                ear.websocket.data_received(data[:cut])
                ear.websocket.data_received(data[cut:])
                assert (ear.heard, ear.ends) == (["hello"], [])

    run(scenario())


def test_first_frame_may_be_cut_after_its_first_byte(run: Run) -> None:
    """Then what comes next begins with the byte that says whether it is masked."""

    async def scenario() -> None:
        async with served() as place:
            _, ear = await place.opened()
            data = masked_text("hello")
            ear.websocket.data_received(data[:1])
            ear.websocket.data_received(data[1:])
            assert (ear.heard, ear.ends) == (["hello"], [])

    run(scenario())


@pytest.mark.parametrize("cut", [None, 1])
def test_client_that_does_not_mask_is_refused(run: Run, cut: int | None) -> None:
    """A protocol error (RFC 6455 5.1), however its first frame is cut."""

    async def scenario() -> None:
        async with served() as place:
            wire, ear = await place.opened()
            data = frame(TEXT, b"hello", masked=False)
            if cut:
                ear.websocket.data_received(data[:cut])
            ear.websocket.data_received(data[cut or 0 :])
            assert (await ended(ear))[0] == 1002
            assert await wire.close_code() == 1002
            assert ear.heard == []

    run(scenario())


# --- The end


def test_client_closes(run: Run) -> None:
    """It is answered with its own code, and the listener is told once; what was written before goes first."""

    async def scenario() -> None:
        async with served() as place:
            wire, ear = await place.opened()
            ear.on_message = lambda _text: ear.write("bye")
            await wire.send(frame(TEXT, b"hi") + frame(CLOSE, close_payload(4001, "ñ")) + frame(TEXT, b"late"))
            assert await wire.read_frame() == (TEXT, b"bye")
            assert await wire.read_frame() == (CLOSE, close_payload(4001, "ñ"))
            assert await at_end(wire)
            assert ear.ends == [(4001, "ñ")]
            assert ear.heard == ["hi"]
            ear.write("too late")
            ear.websocket.close(4002)
            ear.websocket.abort()

    run(scenario())


def test_client_closes_without_a_code(run: Run) -> None:
    """It is taken for 1000."""

    async def scenario() -> None:
        async with served() as place:
            wire, ear = await place.opened()
            await wire.send(frame(CLOSE))
            assert await wire.close_code() == 1000
            assert await ended(ear) == (1000, "")

    run(scenario())


def test_aiohttp_client_closes(run: Run) -> None:
    """A client of another make sees a clean end."""

    async def scenario() -> None:
        async with served() as place, aiohttp.ClientSession() as session:
            client = await session.ws_connect(place.url)
            await client.close(code=4001, message=b"bye")
            assert client.close_code == 4001
            assert await ended(place.ear) == (4001, "bye")

    run(scenario())


def test_server_closes(run: Run) -> None:
    """What was written goes first; the listener is not told of an end that it wanted."""

    async def scenario() -> None:
        async with served() as place, aiohttp.ClientSession() as session:
            client = await session.ws_connect(place.url)
            place.ear.write("one", "two")
            place.ear.websocket.close(4002, "go")
            place.ear.write("three")
            place.ear.websocket.close(4003)
            place.ear.websocket.ping()
            messages = [await client.receive() for _ in range(3)]
            assert [message.data for message in messages] == ["one", "two", 4002]
            assert messages[2].extra == "go"
            await until(lambda: not place.websockets.open)
            assert place.ear.ends == []

    run(scenario())


def test_nothing_is_heard_after_the_server_closed(run: Run) -> None:
    """Messages that were on their way are dropped, whether they came in one segment or not, or reading was paused."""

    async def scenario() -> None:
        async with served() as place:
            wire, ear = await place.opened()

            def end(_text: str | bytes) -> None:
                ear.websocket.pause_reading()
                ear.websocket.close(4002)

            ear.on_message = end
            await wire.send(frame(TEXT, b"one") + frame(TEXT, b"two"))
            assert await wire.close_code() == 4002
            await wire.send(frame(TEXT, b"three") + frame(PING, b"p") + frame(CLOSE, close_payload(4002)))
            assert await at_end(wire)
            await until(lambda: not place.websockets.open)
            assert (ear.heard, ear.ends) == (["one"], [])

    run(scenario())


@pytest.mark.parametrize("how", ["close", "shutdown", "reset"])
def test_connection_that_is_lost_is_told(run: Run, how: str) -> None:
    """As 1006, once; what is written afterwards goes nowhere."""

    async def scenario() -> None:
        async with served() as place:
            wire, ear = await place.opened()
            if how == "close":
                wire.close()
            elif how == "shutdown":
                wire._sock.shutdown(1)
            else:
                wire.abort()
            assert await ended(ear) == (1006, "connection lost")
            ear.write("too late")
            ear.websocket.ping()
            ear.websocket.pause_reading()
            ear.websocket.resume_reading()
            ear.websocket.close()
            ear.websocket.abort()
            await asyncio.sleep(0)
            assert ear.ends == [(1006, "connection lost")]

    run(scenario())


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(TEXT, b"\xff"), 1007),
        (frame(0x3, b""), 1002),
        (frame(TEXT, b"x", reserved=RSV1), 1002),
        (frame(TEXT, b"x" * 1_001), 1009),
        (frame(CLOSE, b"\x03"), 1002),
    ],
    ids=["no UTF-8", "unknown opcode", "compressed, though not agreed", "too large", "half a code"],
)
def test_what_must_not_come_ends_it(run: Run, data: bytes, code: int) -> None:
    """With the code that the RFC has for it, told to both sides."""

    async def scenario() -> None:
        async with served(max_message_bytes=1_000) as place:
            wire, ear = await place.opened()
            await wire.send(frame(TEXT, b"x" * 1_000) + data + frame(TEXT, b"late"))
            assert await wire.close_code() == code
            assert (await ended(ear))[0] == code
            assert len(ear.heard) == 1

    run(scenario())


def test_listener_that_fails_ends_its_own_connection(run: Run) -> None:
    """With 1011, and no other."""

    async def scenario() -> None:
        async with served() as place:
            (wire, ear), (other_wire, other) = await place.opened(), await place.opened()

            def fail(_text: str | bytes) -> None:
                raise RuntimeError("a bug")

            ear.on_message = fail
            await wire.send(frame(TEXT, b"hi"))
            assert await wire.close_code() == 1011
            assert await ended(ear) == (1011, "internal error")
            await other_wire.send(frame(TEXT, b"hi"))
            await until(lambda: other.heard == ["hi"])

    run(scenario())


def test_failure_of_a_listener_is_logged(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """It is a bug, and somebody has to hear of it."""

    async def scenario() -> None:
        async with served() as place:
            wire, ear = await place.opened()

            def fail(_text: str | bytes) -> None:
                raise RuntimeError("a bug")

            ear.on_message = fail
            await wire.send(frame(TEXT, b"hi"))
            await ended(ear)

    with capture_logs() as logs:
        run(scenario())
    assert any(record.exc_info for record in caplog.records) or any("exc_info" in entry for entry in logs)


def test_abort_ends_at_once(run: Run) -> None:
    """Nothing is sent, not even what was written, and nothing told."""

    async def scenario() -> None:
        async with served() as place:
            wire, ear = await place.opened()
            ear.write("never")
            ear.websocket.abort()
            assert await at_end(wire)
            await until(lambda: not place.websockets.open)
            assert ear.ends == []

    run(scenario())


@pytest.mark.parametrize("who", ["server", "rules"])
def test_client_that_does_not_answer_a_close_is_aborted(run: Run, monkeypatch: pytest.MonkeyPatch, who: str) -> None:
    """After a while, and whoever began."""
    monkeypatch.setattr(module, "CLOSE_TIMEOUT_S", 0.05)

    async def scenario() -> None:
        async with served() as place:
            wire, ear = await place.opened()
            if who == "server":
                ear.websocket.close(4002)
            else:
                await wire.send(frame(TEXT, b"\xff"))
            assert await wire.close_code() is not None
            assert await at_end(wire)
            await until(lambda: not place.websockets.open)
            assert len(ear.ends) == (who == "rules")

    run(scenario())


def test_answer_to_a_close_is_read_though_reading_was_paused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind all that came before it, of which nothing is heard any more: nobody has to wait for the time-out."""
    monkeypatch.setattr(module, "CLOSE_TIMEOUT_S", 60)

    async def scenario() -> None:
        async with served() as place:
            wire, ear = await place.opened()
            ear.on_message = lambda _message: ear.websocket.pause_reading()
            await wire.send(b"".join(frame(TEXT, b"%05d" % number) for number in range(10_000)))
            await until(lambda: ear.heard)
            heard = len(ear.heard)
            ear.websocket.close(4001)
            assert await wire.close_code() == 4001
            await wire.send(frame(CLOSE, close_payload(4001)))
            await until(lambda: not place.websockets.open, 1)
            assert (len(ear.heard), ear.ends) == (heard, [])

    run(scenario())


def test_shutdown_waits_for_those_who_answer(run: Run) -> None:
    """`closed` returns when nobody is left, and not before."""

    async def scenario() -> None:
        async with served() as place:
            places = [await place.opened() for _ in range(2)]
            for _, ear in places:
                ear.websocket.close(4002)
            waiting = asyncio.create_task(place.websockets.closed(WAIT_S))
            for wire, ear in places:
                assert not waiting.done()
                assert await wire.close_code() == 4002
                await wire.send(frame(CLOSE, close_payload(4002)))
                await until(lambda ear=ear: ear.websocket not in place.websockets.open)
            await waiting

    run(scenario())


def test_shutdown_aborts_those_who_do_not_answer(run: Run) -> None:
    """When its time is over, and no timer is left."""

    async def scenario() -> None:
        async with served() as place:
            wire, ear = await place.opened()
            ear.websocket.close(4002)
            await place.websockets.closed(0.05)
            assert len(place.websockets.closing) == 0
            assert await wire.close_code() == 4002
            assert await at_end(wire)

    run(scenario())


# --- Clients that do not read


async def stuffed(place: Place) -> tuple[Wire, Ear]:
    """Open a WebSocket of a client that does not read, and write until the system takes no more."""
    wire, ear = await place.opened(receive_buffer=4_096)
    assert ear.websocket.transport is not None
    ear.websocket.transport.get_extra_info("socket").setsockopt(1, 7, 4_096)  # SOL_SOCKET, SO_SNDBUF
    for _ in range(1_000):
        if ear.websocket._paused:
            return wire, ear
        ear.websocket.write(Encoded(b"x" * 16_384))
        await asyncio.sleep(0)
    raise AssertionError("the system takes all")


def test_client_that_lets_too_many_packets_wait_is_dropped(run: Run) -> None:
    """With 4413, told once; one packet fewer does no harm."""

    async def scenario() -> None:
        async with served(max_queue_packets=10, max_queue_bytes=1 << 30) as place:
            wire, ear = await stuffed(place)
            ear.websocket._late_packets = ear.websocket._late_bytes = 0
            for number in range(10):
                ear.write(str(number))
                await asyncio.sleep(0)
            assert (ear.ends, ear.websocket.closing) == ([], False)
            ear.write("one too many")
            await asyncio.sleep(0)
            assert ear.ends == [(SLOW_CONSUMER_CLOSE_CODE, SLOW_CONSUMER)]
            ear.write("nobody hears this")
            assert await wire.close_code() == SLOW_CONSUMER_CLOSE_CODE

    run(scenario())


def test_many_packets_of_one_turn_are_too_many_as_well(run: Run) -> None:
    """They are counted one by one, though they would leave in one write."""

    async def scenario() -> None:
        async with served(max_queue_packets=10, max_queue_bytes=1 << 30) as place:
            _, ear = await stuffed(place)
            ear.websocket._late_packets = ear.websocket._late_bytes = 0
            ear.write(*"0123456789a")
            await asyncio.sleep(0)
            assert ear.ends == [(SLOW_CONSUMER_CLOSE_CODE, SLOW_CONSUMER)]

    run(scenario())


def test_client_that_lets_too_many_bytes_wait_is_dropped(run: Run) -> None:
    """What the transport holds counts too."""

    async def scenario() -> None:
        async with served(max_queue_packets=1_000_000, max_queue_bytes=1 << 20) as place:
            wire, ear = await stuffed(place)
            transport = ear.websocket.transport
            assert transport is not None
            ear.websocket.write(Encoded(b"x" * ((1 << 20) - transport.get_write_buffer_size() - 2_000)))
            await asyncio.sleep(0.02)
            assert ear.ends == []
            ear.websocket.write(Encoded(b"y" * 20_000))
            await asyncio.sleep(0)
            assert ear.ends == [(SLOW_CONSUMER_CLOSE_CODE, SLOW_CONSUMER)]
            assert await wire.close_code() == SLOW_CONSUMER_CLOSE_CODE

    run(scenario())


def test_client_that_never_reads_is_aborted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Close frame itself may never leave."""
    monkeypatch.setattr(module, "CLOSE_TIMEOUT_S", 0.05)

    async def scenario() -> None:
        async with served(max_queue_packets=1) as place:
            _, ear = await stuffed(place)
            ear.write("a", "b")
            await until(lambda: not place.websockets.open)
            assert ear.ends == [(SLOW_CONSUMER_CLOSE_CODE, SLOW_CONSUMER)]

    run(scenario())


def test_client_that_keeps_pace_is_not_dropped(run: Run) -> None:
    """The limit is on what waits: one that always lags a little, and no more, may be sent any number."""

    async def scenario() -> None:
        async with served(max_queue_packets=50) as place:
            _, ear = await place.opened()
            transport: Any = Recorder(ear.websocket)
            transport.get_write_buffer_size = lambda: 40_000  # as much leaves as is written
            ear.websocket.pause_writing()
            for _ in range(200):
                ear.write("x" * 1_000)
                ear.websocket.flush()
            assert ear.ends == []

    run(scenario())


def test_volatile_messages_to_a_client_that_is_behind_are_the_newest_alone(run: Run) -> None:
    """They take nothing of the budget, come once it has caught up, in order, and behind what was written before."""

    async def scenario() -> None:
        async with served(max_queue_packets=10, max_queue_bytes=1 << 30) as place:
            wire, ear = await stuffed(place)
            ear.websocket._late_packets = ear.websocket._late_bytes = 0
            for number in range(500):
                for key in ("ann", "bob"):
                    ear.websocket.write(Encoded(f"{key} {number}".encode(), key=key))
            place.websockets.write_all([_Sender(ear.websocket)], Encoded(b"ann last", key="ann"))
            ear.write("durable")
            heard = []
            while (text := (await wire.read_frame())[1]) != b"ann last":
                heard += [text] if len(text) < 100 else []
            assert heard == [b"durable", b"bob 499"]
            assert ear.ends == []
            await until(lambda: not ear.websocket._paused)
            for number in range(3):
                ear.websocket.write(Encoded(b"ann %d" % number, key="ann"))
            assert [(await wire.read_frame())[1] for _ in range(3)] == [b"ann 0", b"ann 1", b"ann 2"]

    run(scenario())


def test_volatile_messages_of_too_many_kinds_drop_the_client(run: Run) -> None:
    """Rather than to leave it with a state that is wrong for ever."""

    async def scenario() -> None:
        async with served(max_queue_packets=10, max_queue_bytes=1 << 30) as place:
            wire, ear = await stuffed(place)
            for number in range(10):
                ear.websocket.write(Encoded(b"x", key=str(number)))
            assert ear.ends == []
            ear.websocket.write(Encoded(b"x", key="one too many"))
            assert ear.ends == [(SLOW_CONSUMER_CLOSE_CODE, SLOW_CONSUMER)]
            assert await wire.close_code() == SLOW_CONSUMER_CLOSE_CODE
            wire.close()
            await until(lambda: not place.websockets.open)
            assert ear.websocket._held is None

    run(scenario())


class _Sender:
    """A session with a WebSocket."""

    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket

    def send(self, message: Encoded) -> None:
        """Send a message."""
        self.websocket.write(message)


def test_listener_that_fails_when_its_client_is_dropped_harms_nobody_else(run: Run) -> None:
    """Who was written to in the same turn still gets it, and what follows."""

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        async with served(max_queue_packets=1) as place:
            (_, slow), (wire, quick) = await place.opened(), await place.opened()

            def fail(_code: int, _reason: str) -> None:
                raise LookupError

            slow.on_end = fail  # type: ignore[method-assign]
            slow.websocket.pause_writing()
            slow.write("a", "b")
            quick.write("hello")
            await asyncio.sleep(0.02)
            quick.write("again")
            async with asyncio.timeout(0.5):
                assert [(await wire.read_frame())[1] for _ in range(2)] == [b"hello", b"again"]

    run(scenario())


def test_client_that_catches_up_begins_anew(run: Run) -> None:
    """What waited once is not held against it."""

    async def scenario() -> None:
        async with served(max_queue_packets=10, max_queue_bytes=1 << 30) as place:
            wire, ear = await stuffed(place)
            ear.websocket._late_packets = ear.websocket._late_bytes = 0
            for round_ in range(3):
                ear.write(*(f"{round_} {number}" for number in range(8)))
                while not (await wire.read_frame())[1].startswith(b"%d 7" % round_):
                    pass
                await until(lambda: not ear.websocket._paused)
                while not ear.websocket._paused:
                    ear.websocket.write(Encoded(b"x" * 16_384))
                    await asyncio.sleep(0)
                assert ear.ends == []
                ear.websocket._late_packets = ear.websocket._late_bytes = 0

    run(scenario())


def test_close_that_finds_too_much_waiting_sends_one_close_frame(run: Run) -> None:
    """The last flush drops a client that does not read; nothing may follow its Close frame (RFC 6455 5.5.1)."""

    async def scenario() -> None:
        async with served(max_queue_packets=1) as place:
            _, ear = await stuffed(place)
            recorder = Recorder(ear.websocket)
            ear.write("a", "b", "c")
            ear.websocket.close(4002)
            assert [data[:1] for data in recorder.written] == [b"\x88"]

    run(scenario())


# --- Compression


@pytest.mark.parametrize(
    ("offers", "accepted"),
    [
        ([], False),
        ([""], False),
        (["permessage-deflate"], True),
        (["permessage-deflate; client_max_window_bits"], True),
        (["permessage-deflate;client_max_window_bits=10;server_no_context_takeover"], True),
        (["permessage-deflate; client_no_context_takeover; server_no_context_takeover"], True),
        (["permessage-deflate; server_max_window_bits=10"], False),
        (['permessage-deflate; server_max_window_bits="8"'], False),
        (["permessage-deflate; server_max_window_bits"], False),
        (["permessage-deflate; server_max_window_bits=10, permessage-deflate"], True),
        (["permessage-deflate; server_max_window_bits=10", "permessage-deflate"], True),
        (["x-webkit-deflate-frame"], False),
        (["x-webkit-deflate-frame, permessage-deflate"], True),
        (["permessage-deflate; unknown"], False),
        (["permessage-deflate; unknown=1"], False),
        (["permessage-bzip2"], False),
    ],
)
def test_offers_that_can_be_shared_are_accepted(offers: list[str], accepted: bool) -> None:
    """Frames are compressed for all alike: an offer with wishes of its own is declined, another one may be taken."""
    assert accepts_deflate(offers) is accepted


@pytest.mark.parametrize("deflate", [True, False])
def test_compression_is_agreed_on_exactly(run: Run, deflate: bool) -> None:
    """Neither side may use what came before; nothing is agreed on unless it is switched on."""

    async def scenario() -> None:
        async with served(deflate=deflate) as place:
            wire = await place.wire(**{"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"})
            head = (await wire.read_until(b"\r\n\r\n")).decode()
            line = (
                "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover"
            )
            found = [text for text in head.split("\r\n") if text.startswith("Sec-WebSocket-Extensions")]
            assert found == ([line] if deflate else [])
            assert place.ear.websocket.deflates is deflate
            plain = await place.wire()
            assert b"Extensions" not in await plain.read_until(b"\r\n\r\n")

    run(scenario())


def test_window_that_is_asked_for_is_answered(run: Run) -> None:
    """Whoever names `server_max_window_bits` must be answered with it, or not at all (RFC 7692 7.1.2.1)."""

    async def scenario() -> None:
        async with served(deflate=True) as place:
            wire = await place.wire(**{"Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=15"})
            head = (await wire.read_until(b"\r\n\r\n")).decode()
            assert "permessage-deflate" not in head or "server_max_window_bits=15" in head

    run(scenario())


def test_large_messages_are_compressed_for_those_who_agreed(run: Run) -> None:
    """By one and the same frame; small ones, and those for others, go as they are."""

    async def scenario() -> None:
        async with served(deflate=True) as place:
            offer = {"Sec-WebSocket-Extensions": "permessage-deflate"}
            (wire, one), (_, two), (_, plain) = (
                await place.opened(**offer),
                await place.opened(**offer),
                await place.opened(),
            )
            recorders = [Recorder(ear.websocket) for ear in (one, two, plain)]
            for ear in (one, two, plain):
                ear.websocket.write(LARGE)
            await asyncio.sleep(0)
            compressed = [recorder.written[0] for recorder in recorders]
            assert compressed[0] is compressed[1]
            assert compressed[2] is LARGE.frame
            one.websocket.write(SMALL)
            assert await wire.read(1) == b"\xc1"
            await asyncio.sleep(0)
            assert recorders[0].written[1] == b"\x81\x05small"

    run(scenario())


def test_aiohttp_client_compresses_and_is_sent_compressed(run: Run) -> None:
    """Several messages in a row, since none may build on another."""

    async def scenario() -> None:
        async with (
            served(deflate=True) as place,
            aiohttp.ClientSession() as session,
            session.ws_connect(place.url, compress=15) as client,
        ):
            assert client.compress == 15
            texts = [f"{number} " * 1_000 for number in range(3)]
            for text in texts:
                await client.send_str(text)
            await client.send_str("small")
            await until(lambda: place.ear.heard == [*texts, "small"])
            for message in (LARGE, SMALL, LARGE):
                place.ear.websocket.write(message)
            received = [await client.receive_str() for _ in range(3)]
            assert [text.encode() for text in received] == [LARGE.payload, SMALL.payload, LARGE.payload]

    run(scenario())


def test_compressed_message_in_the_segment_of_the_request_is_read(run: Run) -> None:
    """Text or bytes, compressed by hand."""

    async def scenario() -> None:
        async with served(deflate=True) as place:
            compressor = zlib.compressobj(wbits=-15)
            data = (compressor.compress(b"hello") + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
            frames = frame(TEXT, data, reserved=RSV1) + frame(BINARY, data, reserved=RSV1) + frame(TEXT, b"plain")
            await place.wire(frames, **{"Sec-WebSocket-Extensions": "permessage-deflate"})
            await until(lambda: place.ears and len(place.ear.heard) == 3)
            assert place.ear.heard == ["hello", b"hello", "plain"]

    run(scenario())
