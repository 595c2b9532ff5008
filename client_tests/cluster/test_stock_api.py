"""python-socketio's own API over several processes: `emit`, acks, rooms, `disconnect`; emitters of other programs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import socketio
from aiohttp import web

from client_tests.answers import until
from client_tests.services import LOOPBACK, RedisServer
from server.realtime.cluster import RedisManager
from server.realtime.sio import RealtimeServer, create_server
from server.settings import redis_options


class Process:
    """A Socket.IO server without the application, and one client of it."""

    def __init__(self, redis: RedisServer) -> None:
        self.manager = RedisManager(redis.url, redis_options(redis.url))
        self.server: RealtimeServer = create_server(client_manager=self.manager)
        self.client = socketio.AsyncClient()
        self.heard: list[tuple[str, Any]] = []
        self.sid = ""

    async def start(self, stack: AsyncExitStack) -> None:
        """Serve, join Redis, and connect the client."""
        app = web.Application()
        self.server.attach(app)
        self.server.on("connect", self._connected)

        async def on_any(event: str, *arguments: Any) -> str:
            self.heard.append((event, arguments[0] if arguments else None))
            return "thanks"

        self.client.on("*", on_any)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        stack.push_async_callback(self.manager.close)
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, LOOPBACK, 0).start()
        await self.client.connect(f"http://{LOOPBACK}:{runner.addresses[0][1]}", transports=["websocket"])
        stack.push_async_callback(self.client.disconnect)
        await until(lambda: self.manager.cluster_state == "ok")

    async def _connected(self, sid: str, _environ: Any) -> None:
        self.sid = sid

    def names(self) -> list[str]:
        """Return the events that the client heard."""
        return [name for name, _ in self.heard]


@pytest.fixture
async def two(redis: RedisServer) -> AsyncIterator[tuple[Process, Process]]:
    """Two of them."""
    processes = (Process(redis), Process(redis))
    async with AsyncExitStack() as stack:
        for process in processes:
            await process.start(stack)
        yield processes


async def test_emit_reaches_all_processes(two: tuple[Process, Process]) -> None:
    """To all, to a room with a channel of its own, to one without, to several, to one client; with bytes; but one."""
    here, there = two
    for room in ("chat:1", "plain"):
        await there.server.enter_room(there.sid, room)
    await here.server.emit("all", {"n": 1})
    await here.server.emit("colon", {"n": 2}, to="chat:1")
    await here.server.emit("plain", {"n": 3}, to="plain")
    await here.server.emit("several", {"n": 4}, to=["plain", "chat:1"])
    await here.server.emit("own", b"\x00\xff", to=there.sid)
    await here.server.emit("skipped", {}, skip_sid=there.sid)
    await here.server.emit("last", {})
    await until(lambda: "last" in there.names())
    assert there.heard == [
        ("all", {"n": 1}),
        ("colon", {"n": 2}),
        ("plain", {"n": 3}),
        ("several", {"n": 4}),
        ("own", b"\x00\xff"),
        ("last", {}),
    ]
    assert here.names() == ["all", "skipped", "last"]


async def test_acks_rooms_and_disconnect_cross_processes(two: tuple[Process, Process]) -> None:
    """What is asked of one process about another's client."""
    here, there = two
    assert await here.server.call("question", {}, to=there.sid, timeout=5) == "thanks"
    await here.server.enter_room(there.sid, "chat:2")
    await until(lambda: "chat:2" in there.server.rooms(there.sid))
    await until(lambda: there.manager.heard("chat:2") is None)
    await here.server.emit("joined", {}, to="chat:2")
    await until(lambda: "joined" in there.names())
    await here.server.leave_room(there.sid, "chat:2")
    await until(lambda: "chat:2" not in there.server.rooms(there.sid))
    await there.server.enter_room(there.sid, "x")
    await here.server.close_room("x")
    await until(lambda: "x" not in there.server.rooms(there.sid))
    await here.server.disconnect(there.sid)
    await until(lambda: not there.client.connected)


async def test_emitter_of_another_program_is_heard(two: tuple[Process, Process], redis: RedisServer) -> None:
    """Stock python-socketio, without a server, for example in a worker of the backend."""
    outside = socketio.AsyncRedisManager(redis.url, channel="verihome:events", write_only=True)
    await outside.emit("news", {"n": 1})
    await asyncio.gather(*(until(lambda one=one: ("news", {"n": 1}) in one.heard) for one in two))
    await outside.redis.aclose()


async def test_stock_messages_that_pile_up_are_bounded(two: tuple[Process, Process]) -> None:
    """Handling them may take longer than they take to come: the oldest go, and are counted."""
    manager = two[0].manager
    manager._stock = asyncio.Queue(3)
    for number in range(5):
        manager.take(b'{"n":%d}' % number)
    assert (manager.dropped, manager._stock.get_nowait()) == (2, b'{"n":2}')
