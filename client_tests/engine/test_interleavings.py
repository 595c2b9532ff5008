"""Any interleaving of emits, polls, upgrades, acks and ends: nothing is lost, doubled or out of order."""

import asyncio
import base64
import itertools
import json
from collections import deque
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from client_tests.engine.raw import (
    SEPARATOR,
    WAIT_S,
    Message,
    Polling,
    Ws,
    as_message,
    dial,
    packet,
    restored,
    until,
)
from client_tests.engine.servers import Chat, emptied

pytestmark = pytest.mark.timeout(60)

LARGE = 80_000
BIG_ENOUGH = {"max_queue_bytes": 1 << 28, "max_queue_packets": 1 << 20}
TIGHT = {"max_queue_bytes": 100_000, "max_queue_packets": 6}


class GoneError(Exception):
    """The server ended the session."""


class Traveller:
    """A client that starts by polling and may upgrade, step by step; notes the events it gets.

    It does what the protocol allows, in whatever order it is told: it never polls twice at once, and sends `5` only
    once its last poll was answered.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.http = session
        self._url = url
        self._frames: deque[Message] = deque()
        self._sent = itertools.count()
        self._poll: asyncio.Task[Any] | None = None
        self._reader: asyncio.Task[None] | None = None
        self._probe: Ws | None = None
        self._probed = False
        self._ws: Ws | None = None
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._asked: list[int] = []
        self.events: list[list[Any]] = []
        self.sent = 0
        self.ended = False

    async def open(self, *, websocket: bool) -> None:
        """Connect and join."""
        if websocket:
            self._ws = await dial(self.http, self._url)
            self._begin_reading(self._ws)
        else:
            self._polling = await Polling.open(self.http, self._url)
        await self._send("40")

    # --- Steps

    async def poll(self) -> None:
        """Begin a poll, if none is waiting."""
        if self._ws is None and self._poll is None and not self.ended and not self._probed:
            self._poll = asyncio.create_task(self._polling.get())

    async def fetch(self) -> None:
        """Take what a poll brought, if it is answered."""
        if self._poll is not None and self._poll.done():
            await self._finish_poll()

    async def upgrade(self) -> None:
        """Take the next step: open a WebSocket, probe, or complete."""
        if self._ws is not None or self.ended:
            return
        if self._probe is None:
            with suppress(aiohttp.ClientError):
                self._probe = await dial(self.http, self._url, self._polling.sid)
        elif not self._probed:
            await self._probe.send_str("2probe")
            answer = await self._probe.receive(timeout=WAIT_S)
            if answer.type is not aiohttp.WSMsgType.TEXT:
                raise GoneError
            assert answer.data == "3probe"
            self._probed = True
        else:
            if self._poll is not None:
                await self._finish_poll()
            self._ws, self._probe, self._probed = self._probe, None, False
            with suppress(ConnectionError):
                await self._ws.send_str("5")
            self._begin_reading(self._ws)

    async def abandon(self) -> None:
        """Give the upgrade up."""
        if self._probe is not None:
            await self._probe.close()
            self._probe, self._probed = None, False

    async def send(self) -> None:
        """Emit an event."""
        if not self.ended:
            await self._send(f'42["note",{next(self._sent)}]')
            self.sent += 1

    async def answer(self) -> None:
        """Ack what was asked."""
        asked, self._asked = self._asked, []
        for ack_id in asked:
            if not self.ended:
                await self._send(f'43{ack_id}["answer {ack_id}"]')

    def stop_reading(self) -> None:
        """Leave what comes over the WebSocket where it is."""
        self._may_read.clear()

    def go_on_reading(self) -> None:
        """Read again."""
        self._may_read.set()

    async def leave(self, *, rudely: bool) -> None:
        """End the session."""
        if self._ws is None:
            await self._send("1")
        elif rudely and self._ws._response.connection is not None:
            self._ws._response.connection.transport.abort()  # type: ignore[union-attr]
        else:
            await self._ws.send_str("1")
        self.ended = True

    async def catch_up(self, count: int) -> None:
        """Get so many events, in all, if the session lives."""
        self.go_on_reading()
        with suppress(GoneError):
            async with asyncio.timeout(WAIT_S):
                while len(self.events) < count and not self.ended:
                    if self._probed:
                        await self.upgrade()
                    await self.poll()
                    await (self._finish_poll() if self._poll is not None else asyncio.sleep(0.002))

    async def close(self) -> None:
        """Put everything away."""
        self.go_on_reading()
        for task in (self._poll, self._reader):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        for ws in (self._ws, self._probe):
            if ws is not None:
                await ws.close()

    # --- What comes

    async def _finish_poll(self) -> None:
        assert self._poll is not None
        answer = await self._poll
        self._poll = None
        if answer.status != 200 or "1" in answer.packets:
            self.ended = True
        if answer.status != 200:
            raise GoneError
        for text in answer.packets:
            if text == "2":
                await self._send("3")
            elif (message := as_message(text)) is not None:
                self._take(f"4{message}" if isinstance(message, str) else message)

    def _begin_reading(self, ws: Ws) -> None:
        async def read() -> None:
            while True:
                await self._may_read.wait()
                message = await ws.receive()
                if message.type not in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
                    self.ended = True
                    return
                if message.data == "2":
                    await ws.send_str("3")
                elif not isinstance(message.data, str) or not message.data.startswith("0"):
                    assert message.data != "6", "a NOOP on a WebSocket"
                    self._take(message.data)

        self._reader = asyncio.create_task(read())

    def _take(self, message: Message) -> None:
        """Note an event once all of its attachments are there."""
        self._frames.append(message)
        while self._frames:
            head = packet(self._frames[0])
            if len(self._frames) <= head.attachments:
                return
            self._frames.popleft()
            attachments = [self._frames.popleft() for _ in range(head.attachments)]
            if head.type in {2, 5}:
                self.events.append(restored(head.data, [bytes(data) for data in attachments]))  # type: ignore[arg-type]
                if head.id is not None:
                    self._asked.append(head.id)

    async def _send(self, text: str) -> None:
        if self._ws is not None:
            with suppress(ConnectionError):
                await self._ws.send_str(text)
            return
        answer = await self._polling.post(text)
        if answer.status != 200:
            self.ended = True


# --- The model ------------------------------------------------------------------------------------------------

EMITS = ["text", "binary", "two binaries", "large", "large binary", "many", "question"]
STEPS = [*EMITS, "poll", "fetch", "upgrade", "upgrade", "abandon", "send", "answer", "wait", "stop", "go on"]
ENDS = ["stay", "leave", "leave rudely", "server"]

actions = st.lists(st.sampled_from(STEPS), min_size=1, max_size=25)


class World:
    """A server, a client, and what was emitted to it."""

    def __init__(self, chat: Chat, client: Traveller) -> None:
        self.chat = chat
        self.client = client
        self.emitted: list[list[Any]] = []
        self.answers: list[Any] = []
        self.asked = 0

    async def act(self, name: str) -> None:
        """Take a step."""
        number = len(self.emitted)
        binary = b"%d" % number
        payloads: dict[str, list[list[Any]]] = {
            "text": [["text", number]],
            "binary": [["binary", number, binary]],
            "two binaries": [["binary", number, {"a": [binary, None]}, binary * 2]],
            "large": [["large", number, "x" * LARGE]],
            "large binary": [["large", number, binary.ljust(LARGE)]],
            "many": [["many", number + more] for more in range(8)],
            "question": [["question", number]],
        }
        if name in payloads:
            for event in payloads[name]:
                await self._emit(event, asks=name == "question")
        elif name in {"stop", "go on"}:
            self.client.stop_reading() if name == "stop" else self.client.go_on_reading()
        elif name == "wait":
            await asyncio.sleep(0.01)
        else:
            await getattr(self.client, name)()

    async def _emit(self, event: list[Any], *, asks: bool) -> None:
        self.emitted.append(event)
        callback = self.answers.append if asks else None
        self.asked += asks
        await self.chat.sio.emit(event[0], tuple(event[1:]), to=self.chat.sids()[0], callback=callback)


async def travel(steps: list[str], end: str, *, websocket: bool, tight: bool) -> None:
    """Run one interleaving and compare what came with the model."""
    chat = Chat(**(TIGHT if tight else BIG_ENOUGH))
    await chat.start()
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            client = Traveller(session, chat.url)
            await client.open(websocket=websocket)
            await until(lambda: chat.joined)
            world = World(chat, client)
            try:
                await play(world, steps, end, tight=tight)
            finally:
                await client.close()
    finally:
        await chat.stop()
    assert len(chat.left) == 1


async def play(world: World, steps: list[str], end: str, *, tight: bool) -> None:
    """Take the steps, then the end."""
    client, chat = world.client, world.chat
    dropped = False
    try:
        for step in steps:
            await world.act(step)
    except GoneError:
        dropped = True
    dropped = dropped or bool(chat.left)
    assert tight or not dropped, chat.left
    if end in {"leave", "leave rudely"} and not dropped and not client.ended:
        await client.leave(rudely=end == "leave rudely")
    elif end == "server":
        await chat.sio.eio.disconnect()
    await client.catch_up(len(world.emitted))
    assert client.events == world.emitted[: len(client.events)]
    if end == "stay" and not (tight and chat.left):
        assert len(client.events) == len(world.emitted)
        await client.answer()
        await until(lambda: len(world.answers) == world.asked)
        assert len(set(world.answers)) == world.asked
        await until(lambda: len(chat.heard) == client.sent)
    assert chat.heard == [(number,) for number in range(len(chat.heard))]
    if end in {"leave", "leave rudely", "server"} or dropped:
        await chat.fetch_closes(client.http)
        await emptied(chat.sio)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=actions, end=st.sampled_from(ENDS), websocket=st.booleans(), tight=st.sampled_from([False, False, True]))
def test_any_interleaving_delivers_in_order(steps: list[str], end: str, *, websocket: bool, tight: bool) -> None:
    """What came is a beginning of what was emitted; all of it, if the client stays and is not dropped for slowness."""
    asyncio.run(travel(steps, end, websocket=websocket, tight=tight))


# --- What parses packets ---------------------------------------------------------------------------------------

_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=10),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=8,
)
_valid = st.builds(
    lambda name, args, ack: f"42{ack}{json.dumps([name, *args])}",
    st.sampled_from(["note", "ack", "echo", "nobody", "connect", "disconnect"]),
    st.lists(_json, max_size=3),
    st.sampled_from(["", "0", "7", "123456"]),
)
_cut = st.builds(lambda text, where: text[: where % (len(text) + 1)], _valid, st.integers(0, 200))
_noise = st.builds(
    lambda kind, text: kind + text,
    st.sampled_from(["4", "40", "41", "42", "43", "44", "451-", "452-", "461-1", "46", "42/custom,", "40/custom,"]),
    st.text(alphabet='0123456789[]{}",:-/abc\\ \x1e\u00b2', max_size=12),
)
_messages = st.lists(_valid | _cut | _noise | st.binary(max_size=8), min_size=1, max_size=12)


async def babble(messages: list[Message], *, polling: bool) -> None:
    """Say anything, then see that the server is well and remembers nothing."""
    chat = Chat()
    errors: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: errors.append(context))
    await chat.start()
    try:
        async with aiohttp.ClientSession() as session:
            if polling:
                client = await Polling.open(session, chat.url)
                for message in ["40", *messages]:
                    text = message if isinstance(message, str) else "b" + base64.b64encode(message).decode()
                    assert (await client.post(text.replace(SEPARATOR, ""))).status in {200, 400}
                await client.post("1")
            else:
                ws = await dial(session, chat.url)
                with suppress(ConnectionError):
                    for message in ["40", *messages]:
                        await (ws.send_str(message) if isinstance(message, str) else ws.send_bytes(message))
                await ws.close()
        await emptied(chat.sio)
        assert len(chat.left) == len(chat.joined)
        assert errors == []
    finally:
        await chat.stop()


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(messages=_messages, polling=st.booleans())
def test_any_babble_leaves_nothing(messages: list[Message], *, polling: bool) -> None:
    """Whatever a client says: no exception that nobody handles, and every join has its leave."""
    asyncio.run(babble(messages, polling=polling))
