"""The benchmarks: the generator counts exactly, and the report says what was counted."""

import asyncio
import json
import shutil
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from benchmarks.chart import svg
from benchmarks.install import BENCHMARKS, PEERS, compiled
from benchmarks.profile import Stack, by_area, read_stacks
from benchmarks.report import Chart, Verdict, ratio, spread, verdict_table
from benchmarks.targets import PLAIN_WIRE, our_wire

CLIENTS = 6

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="make bench installs gcc")

Say = Callable[[web.WebSocketResponse, str], Awaitable[None]]


class Broadcaster:
    """Tells everyone what anyone says; `say` may break it."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._members: list[web.WebSocketResponse] = []

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Speak the protocol of peers/node_ws.mjs."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
            said = json.loads(message.data)
            if said["type"] == "join":
                self._members.append(socket)
                await socket.send_str('{"type":"joined"}')
                continue
            for member in [*self._members]:
                await self._say(member, f'{{"type":"message","content":"{said["content"]}"}}')
            await socket.send_str(f'{{"type":"ack","id":{said["id"]}}}')
        self._members.remove(socket)
        return socket


async def _well(socket: web.WebSocketResponse, text: str) -> None:
    await socket.send_str(text)


@asynccontextmanager
async def _served(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _drive(port: int, folder: Path, orders: str, *options: str, wire: tuple[str, ...] = PLAIN_WIRE) -> list[Any]:
    """Run the generator with one room of six, and return its answers."""
    (folder / "tokens").write_text("secret\n" * CLIENTS)
    (folder / "rooms").write_text("somewhere\n")
    command = [str(await asyncio.to_thread(compiled, BENCHMARKS / "generator/loadgen.c")), "--port", str(port), *wire]
    command += ["--clients", str(CLIENTS), "--tokens", str(folder / "tokens"), "--room-names", str(folder / "rooms")]
    command += ["--settle", "0", "--drain", "0.3", *options]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    output, errors = await asyncio.wait_for(process.communicate(orders.encode()), 30)
    assert process.returncode == 0, errors.decode()
    return [json.loads(line) for line in output.splitlines()]


def _wrong(run: dict[str, Any]) -> dict[str, int]:
    names = ("lost", "doubled", "disordered", "unanswered", "refused", "faults")
    return {name: run[name] for name in names if run[name]}


@needs_gcc
async def test_faultless_server_has_no_faults(tmp_path: Path) -> None:
    """Closed loop, steady rate, and a reconnect between them."""
    async with _served(Broadcaster(_well).serve) as port:
        connected, closed, back, steady = await _drive(
            port, tmp_path, "run 0.1 0.3 2 0\nreconnect\nrun 0 0.5 1 100\n", "--senders", "3"
        )
    assert connected["clients"] == back["clients"] == CLIENTS
    assert _wrong(closed) == {}
    assert closed["sends"] > 0
    assert closed["delivery_ms"]["count"] == closed["ack_ms"]["count"] * CLIENTS
    assert _wrong(steady) == {}
    assert steady["ack_ms"]["count"] == pytest.approx(50, abs=1)
    assert 0 < steady["delivery_ms"]["p50"] <= steady["delivery_ms"]["p99"] <= steady["delivery_ms"]["max"]


@needs_gcc
async def test_generator_counts_what_is_lost(tmp_path: Path) -> None:
    """The tenth delivery does not take place."""
    count = 0

    async def lose(socket: web.WebSocketResponse, text: str) -> None:
        nonlocal count
        count += 1
        if count != 10:
            await socket.send_str(text)

    async with _served(Broadcaster(lose).serve) as port:
        _, run = await _drive(port, tmp_path, "run 0 0.2 8 0\n", "--senders", "1")
    assert run["lost"] == 1
    assert run["doubled"] == run["disordered"] == 0


@needs_gcc
async def test_generator_counts_what_comes_twice(tmp_path: Path) -> None:
    """The tenth delivery takes place twice."""
    count = 0

    async def double(socket: web.WebSocketResponse, text: str) -> None:
        nonlocal count
        count += 1
        for _ in range(2 if count == 10 else 1):
            await socket.send_str(text)

    async with _served(Broadcaster(double).serve) as port:
        _, run = await _drive(port, tmp_path, "run 0 0.2 8 0\n", "--senders", "1")
    assert _wrong(run) == {"doubled": 1}


@needs_gcc
async def test_generator_counts_what_is_out_of_order(tmp_path: Path) -> None:
    """One recipient hears one message after the next one."""
    kept: dict[web.WebSocketResponse, str] = {}
    count = 0

    async def swap(socket: web.WebSocketResponse, text: str) -> None:
        nonlocal count
        count += 1
        if count == 10:
            kept[socket] = text
            return
        await socket.send_str(text)
        if socket in kept:
            await socket.send_str(kept.pop(socket))

    async with _served(Broadcaster(swap).serve) as port:
        _, run = await _drive(port, tmp_path, "run 0 0.2 8 0\n", "--senders", "1")
    assert _wrong(run) == {"disordered": 1}


@needs_gcc
async def test_frames_in_many_pieces_are_put_together(tmp_path: Path) -> None:
    """Frames of three sizes of header, each byte a packet of its own where that is bearable; pings are answered."""

    async def in_pieces(socket: web.WebSocketResponse, text: str) -> None:
        await socket.ping(b"there?")
        await socket.send_str(text)

    async with _served(Broadcaster(in_pieces).serve) as port, _served_in_pieces(port) as slow:
        for size in ("60", "2000"):
            _, run = await _drive(slow, tmp_path, "run 0 0.2 1 0\n", "--senders", "1", "--content-bytes", size)
            assert _wrong(run) == {}
            assert run["sends"] > 0


@asynccontextmanager
async def _served_in_pieces(port: int) -> AsyncIterator[int]:
    """Pass everything on, what comes back in pieces of seven bytes."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, piece: int) -> None:
        while data := await reader.read(65_536):
            for start in range(0, len(data), piece):
                writer.write(data[start : start + piece])
                await writer.drain()
                await asyncio.sleep(0)

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        ways = [asyncio.create_task(carry(reader, back, 65_536)), asyncio.create_task(carry(there, writer, 7))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        writer.close()
        back.close()
        await asyncio.gather(*ways, back.wait_closed(), return_exceptions=True)

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@needs_gcc
async def test_refused_upgrade_is_tried_again_and_counted(tmp_path: Path) -> None:
    """Each client is sent away once."""
    broadcaster, seen = Broadcaster(_well), 0

    async def busy(request: web.Request) -> web.StreamResponse:
        nonlocal seen
        seen += 1
        if seen <= CLIENTS:
            return web.Response(status=503)
        return await broadcaster.serve(request)

    async with _served(busy) as port:
        connected, run = await _drive(port, tmp_path, "run 0 0.1 1 0\n")
    assert connected["refused"] == CLIENTS
    assert _wrong(run) == {}


@needs_gcc
async def test_socketio_is_spoken(tmp_path: Path) -> None:
    """Open, two namespaces with a token, their greetings, an event with its ack, and a ping."""
    members: list[web.WebSocketResponse] = []

    async def socketio(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str('0{"sid":"a"}')
        pinged = False
        async for message in socket:
            text = message.data
            if text.startswith("40/"):
                namespace, _, auth = text[2:].partition(",")
                assert json.loads(auth) == {"token": "secret"}
                await socket.send_str(f'40{namespace},{{"sid":"b"}}')
                await socket.send_str(f'42{namespace},["connection_established",{{}}]')
                if namespace == "/messaging":
                    members.append(socket)
                await socket.send_str("2")
            elif text == "3":
                pinged = True
            else:
                assert pinged
                head, _, body = text.partition("[")
                said = json.loads(f"[{body}")[1]
                assert said["thread_id"] == "somewhere"
                for member in members:
                    await member.send_str(f'42/messaging,["new_message",{{"message":{json.dumps(said)}}}]')
                await socket.send_str(f'43/messaging,{head.removeprefix("42/messaging,")}[{{"ok":true}}]')
        return socket

    wire = our_wire("/messaging", "/threads")
    async with _served(socketio) as port:
        _, run = await _drive(port, tmp_path, "run 0 0.2 1 0\n", wire=wire)
    assert _wrong(run) == {}
    assert run["sends"] > 0


@needs_gcc
async def test_floor_delivers_to_everyone(tmp_path: Path) -> None:
    """The C floor does what the other peers do."""
    program = await asyncio.to_thread(compiled, PEERS / "floor.c")
    process = await asyncio.create_subprocess_exec(str(program), "0", stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout
        port = int((await process.stdout.readline()).split()[1])
        _, run = await _drive(port, tmp_path, "run 0 0.2 4 0\n")
    finally:
        process.terminate()
        await process.wait()
    assert _wrong(run) == {}
    assert run["sends"] > 0


def test_ratio_compares_turn_by_turn() -> None:
    """A turn in which the machine was slow for both does not count for one of them."""
    assert ratio([1.0, 10.0, 1.0], [2.0, 20.0, 2.0]) == 0.5
    assert spread([90.0, 100.0, 110.0]) == "100 (20%)"


def test_missed_targets_are_told() -> None:
    """Met and missed, each with its number."""
    table = verdict_table([Verdict("a delivery", [0.7], 0.75, "x"), Verdict("a connection", [20], 18, "KiB")])
    met, missed = table.splitlines()[2:]
    assert "0.70x" in met
    assert "| met" in met
    assert "20.00 KiB" in missed
    assert "**missed**" in missed


def test_targets_on_which_turns_disagree_are_in_doubt() -> None:
    """A median alone would hide that the next run may say the opposite."""
    table = verdict_table([Verdict("p99", [0.5, 0.6, 4.0], 1.0, "x"), Verdict("growth", [1.5, 1.6, 1.1], 1.3, "x")])
    met, missed = table.splitlines()[2:]
    assert "| met, in doubt: met in 2 of 3 turns" in met
    assert "**missed**, in doubt: met in 1 of 3 turns" in missed


def test_chart_is_well_formed_and_scaled() -> None:
    """The longest bar is the largest value; names are escaped."""
    drawn = ET.fromstring(svg([Chart("A <title>", "us", [("ours", 5.0), ("R&D", 10.0)])]))  # noqa: S314 - our own text
    bars = [element for element in drawn.iter() if element.tag.endswith("rect")]
    assert [bar.get("class") for bar in bars] == ["bar ours", "bar"]
    widths = [int(bar.get("width") or 0) for bar in bars]
    assert widths[1] == 2 * widths[0]


def test_profile_reads_stacks() -> None:
    """Line numbers go, paths are short, and threads that wait are left out."""
    lines = [
        "thread (0x1);main (/srv/app/server/__main__.py:3);emit (/x/site-packages/aiohttp/web.py:10) 30",
        "thread (0x1);main (/srv/app/server/__main__.py:4);emit (/x/site-packages/aiohttp/web.py:99) 10",
        "thread (0x2);_worker (/usr/lib/python3.11/concurrent/futures/thread.py:83) 60",
    ]
    stacks = list(read_stacks(lines, Path("/srv/app")))
    assert [stack.count for stack in stacks] == [30, 10]
    assert stacks[0].calls[1:] == ("main (server/__main__.py)", "emit (aiohttp/web.py)")
    table = by_area([*stacks, Stack(("dumps (server/realtime/json.py)",), 10)], 100.0)
    assert table.rows == [("80.0%", "80.0", "aiohttp"), ("20.0%", "20.0", "server/realtime")]
