"""Servers that note what they hear: a bare Engine.IO one, and a Socket.IO one made by `create_server`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import socketio
from aiohttp import web

from client_tests.engine.raw import POLLING, WAIT_S, ask, until
from client_tests.services import LOOPBACK
from server.realtime.engine import EngineServer
from server.realtime.sio import create_server

Handler = Callable[..., Awaitable[Any]]


def tables(sio: socketio.AsyncServer) -> dict[str, Any]:
    """Return what the server remembers of clients, without what is empty."""
    manager = sio.manager
    kept = {
        "rooms": manager.rooms,
        "pending_connect": manager.pending_connect,
        "pending_disconnect": manager.pending_disconnect,
        "callbacks": manager.callbacks,
        "sockets": sio.eio.sockets,
        "environ": sio.environ,
        "binary packets": sio._binary_packet,
    }
    return {name: dict(value) for name, value in kept.items() if value}


async def emptied(sio: socketio.AsyncServer, seconds: float = WAIT_S) -> None:
    """Assert that nothing is remembered of anyone, now or soon."""
    try:
        await until(lambda: not tables(sio), seconds)
    except TimeoutError:
        assert tables(sio) == {}


class Site:
    """A server on a free port in this event loop."""

    path: str

    def __init__(self) -> None:
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        self.attach(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, 0).start()
        self.url = f"http://{LOOPBACK}:{self._runner.addresses[0][1]}/{self.path}/"

    def attach(self, app: web.Application) -> None:
        """Mount the server."""
        raise NotImplementedError

    @property
    def engine(self) -> EngineServer:
        """The Engine.IO server."""
        raise NotImplementedError

    async def end_clients(self) -> None:
        """End all clients."""
        raise NotImplementedError

    async def fetch_closes(self, session: aiohttp.ClientSession) -> None:
        """Poll for those who are to be told that they are closed: the server would wait for them for a while."""
        for sid, client in list(self.engine.sockets.items()):
            while sid in self.engine.sockets and not client.upgraded:
                await ask(session, "GET", f"{self.url}?{POLLING}&sid={sid}")

    async def stop(self) -> None:
        """End all clients, then the server."""
        try:
            async with asyncio.timeout(WAIT_S), aiohttp.ClientSession() as session:
                ending = asyncio.create_task(self.end_clients())
                await asyncio.sleep(0)
                await self.fetch_closes(session)
                await ending
        finally:
            if self._runner is not None:
                await self._runner.cleanup()


class Engine(Site):
    """An Engine.IO server that echoes messages if `echo` is set."""

    path = "engine.io"

    def __init__(self, *, echo: bool = True, **options: Any) -> None:
        super().__init__()
        self.eio = EngineServer(async_mode="aiohttp", **options)
        self.echo = echo
        self.connected: list[str] = []
        self.heard: list[str | bytes] = []
        self.left: list[tuple[str, str]] = []
        self.eio.on("connect", self._connect)
        self.eio.on("message", self._message)
        self.eio.on("disconnect", self._disconnect)

    def attach(self, app: web.Application) -> None:
        """Mount the Engine.IO server alone."""
        self.eio.attach(app, self.path)

    @property
    def engine(self) -> EngineServer:
        """The server itself."""
        return self.eio

    async def end_clients(self) -> None:
        """End all sessions."""
        await self.eio.shutdown()
        await until(lambda: not self.eio.sockets)

    async def until_left(self, sid: str) -> str:
        """Wait until the application is told that a client left, once; return the reason."""
        await until(lambda: sid in [who for who, _ in self.left])
        reasons = [reason for who, reason in self.left if who == sid]
        assert len(reasons) == 1
        return reasons[0]

    async def _connect(self, sid: str, _environ: Any) -> None:
        self.connected.append(sid)

    async def _message(self, sid: str, data: str | bytes) -> None:
        self.heard.append(data)
        if self.echo:
            await self.eio.send(sid, data)

    async def _disconnect(self, sid: str, reason: str) -> None:
        self.left.append((sid, reason))


class Chat(Site):
    """A Socket.IO server on the namespaces `/` and `/custom`.

    `echo` emits `echo-back` to its sender, `ack` returns its arguments; anything else is noted only.
    """

    path = "socket.io"

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.sio = create_server(**options)
        self.joined: list[tuple[str, str, Any]] = []
        self.heard: list[tuple[Any, ...]] = []
        self.left: list[tuple[str, str, str]] = []
        for namespace in ("/", "/custom"):
            self._listen(namespace)

    def attach(self, app: web.Application) -> None:
        """Mount the Socket.IO server."""
        self.sio.attach(app)

    @property
    def engine(self) -> EngineServer:
        """The Engine.IO server below."""
        return self.sio.eio

    async def end_clients(self) -> None:
        """End all clients, after which nobody is remembered."""
        await self.sio.shutdown()
        await emptied(self.sio)

    def sids(self, namespace: str = "/") -> list[str]:
        """Return who joined a namespace so far."""
        return [sid for where, sid, _ in self.joined if where == namespace]

    async def until_left(self, sid: str) -> str:
        """Wait until the application is told that a client left a namespace, once; return the reason."""
        await until(lambda: sid in [who for _, who, _ in self.left])
        reasons = [reason for _, who, reason in self.left if who == sid]
        assert len(reasons) == 1
        return reasons[0]

    def _listen(self, namespace: str) -> None:
        async def connect(sid: str, _environ: Any, auth: Any) -> None:
            self.joined.append((namespace, sid, auth))

        async def disconnect(sid: str, reason: str) -> None:
            self.left.append((namespace, sid, reason))

        async def echo(sid: str, *args: Any) -> None:
            await self.sio.emit("echo-back", args, to=sid, namespace=namespace)

        async def ack(_sid: str, *args: Any) -> tuple[Any, ...]:
            return args

        async def note(_sid: str, *args: Any) -> None:
            self.heard.append(args)

        for handler in (connect, disconnect, echo, ack, note):
            self.sio.on(handler.__name__, handler, namespace=namespace)
