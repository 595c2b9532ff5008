"""Socket.IO 5 over Engine.IO 4 over one WebSocket, as far as a client needs it: join namespaces, ask, hear.

It knows nothing of messages or revisions (see `reference.py`). One `Wire` is one connection: it ends once.
"""

import asyncio
import itertools
import json
import re
from collections.abc import Callable
from typing import Any

import aiohttp

Event = dict[str, Any]
Hear = Callable[[str, str, Event], None]
"""Called with the namespace, the name of the event, and its payload."""

_PACKET = re.compile(r"([0-4])(?:(/[^,]*),?)?(\d*)(.*)", re.DOTALL)
_CONNECT, _DISCONNECT, _EVENT, _ACK, _CONNECT_ERROR = "01234"


class Refused(Exception):  # noqa: N818 - what happened, not a fault of the program
    """The server said no, and why: `error` is the envelope's `{code, message, details, retryable, request_id}`."""

    def __init__(self, error: Event) -> None:
        super().__init__(error.get("code"))
        self.error = error


class Gone(ConnectionError):  # noqa: N818 - likewise
    """The connection ended before the answer came: whether the operation took effect is not known."""


class Wire:
    """One connection. `open` it, run `listen` in a task, `join` what is needed, then `ask`."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse, silence_s: float, hear: Hear) -> None:
        self._websocket = websocket
        self._silence_s = silence_s
        self._hear = hear
        self._out: asyncio.Queue[str] = asyncio.Queue()
        self._ids = itertools.count(1)
        self._asked: dict[str, asyncio.Future[Event]] = {}
        self._joining: dict[str, asyncio.Future[Event]] = {}
        self.close_code: int | None = None

    @classmethod
    async def open(cls, session: aiohttp.ClientSession, url: str, hear: Hear) -> "Wire":
        """Connect. Raises what aiohttp raises."""
        websocket = await session.ws_connect(f"{url}/socket.io/?EIO=4&transport=websocket", max_msg_size=0)
        try:
            hello = json.loads((await websocket.receive_str())[1:])
        except TypeError:  # closed at once
            raise Gone from None
        # A server that is silent for longer than it promised to be is gone.
        return cls(websocket, (hello["pingInterval"] + hello["pingTimeout"]) / 1000, hear)

    async def listen(self) -> None:
        """Read until the connection ends. All who still wait then get `Gone`."""
        writing = asyncio.create_task(self._write())
        try:
            while (frame := await self._websocket.receive(self._silence_s)).type is aiohttp.WSMsgType.TEXT:
                self._take(frame.data)
        except TimeoutError:
            pass
        finally:
            self.close_code = self._websocket.close_code
            writing.cancel()
            for waiting in (*self._asked.values(), *self._joining.values()):
                if not waiting.done():
                    waiting.set_exception(Gone())
                    waiting.exception()  # looked at, in case that nobody does

    async def join(self, namespace: str, auth: Event) -> None:
        """Join a namespace.

        Raises:
            Refused: the server does not let us in.
            Gone: the connection ended.
        """
        joined = self._joining[namespace] = asyncio.get_running_loop().create_future()
        self._out.put_nowait(f"40{namespace},{json.dumps(auth)}")
        try:
            await joined
        finally:  # who gives up hears no answer any more
            self._joining.pop(namespace, None)

    def ask(self, namespace: str, op: str, payload: Event) -> asyncio.Future[Event]:
        """Ask an operation; frames leave in the order of the calls. The future gets the envelope, or raises `Gone`."""
        number = str(next(self._ids))
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        if self._websocket.closed:
            answer.set_exception(Gone())
        self._out.put_nowait(f"42{namespace},{number}{json.dumps([op, payload])}")
        return answer

    def abort(self) -> None:
        """End it at once, without a word to a server that may not answer."""
        self._websocket._writer.transport.abort()

    async def _write(self) -> None:
        try:
            while True:
                await self._websocket.send_str(await self._out.get())
        except (ConnectionError, aiohttp.ClientError):
            pass  # the reader finds out, too

    def _take(self, text: str) -> None:
        if text == "2":
            self._out.put_nowait("3")
        elif text.startswith("4") and (packet := _PACKET.fullmatch(text, 1)) is not None:
            kind, namespace, number, body = packet.groups()
            self._take_packet(kind, namespace or "/", number, json.loads(body) if body else None)

    def _take_packet(self, kind: str, namespace: str, number: str, body: Any) -> None:
        if kind == _EVENT:
            self._hear(namespace, body[0], body[1])
        elif kind == _ACK:
            answer = self._asked.pop(number, None)
            if answer is not None and not answer.done():
                answer.set_result(body[0])
        elif kind in (_CONNECT, _CONNECT_ERROR):
            joined = self._joining.get(namespace)
            if joined is None or joined.done():
                return
            if kind == _CONNECT:
                joined.set_result(body)
            else:
                joined.set_exception(Refused(body["data"]["error"]))
        elif kind == _DISCONNECT:
            self._hear(namespace, "disconnect", {})
