"""Several workers behind one port: a request that reaches the wrong one is handed to the right one (ADR 0013).

A session lives in one worker, whose tag begins the session's id. Connections are spread over the workers by the system,
so polling requests and WebSocket upgrades of a session reach any of them:

- a polling request is repeated to the session's worker over its UNIX socket, and its answer passed on;
- of an upgrade the socket itself is passed, with what has been read of it, and that worker goes on as if it had
  accepted the connection.
"""

import asyncio
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import structlog
from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, UnixConnector, web
from multidict import CIMultiDict
from yarl import URL

from server.domain.results import Stats
from server.realtime.session import Session
from server.realtime.websocket import TakenOver, detach

PEER_HEADER = "X-VeriHome-Peer"
"""Whom a relayed request is from. Believed on the UNIX socket alone, which only workers can reach."""

STATS_PATH = "/internal/stats"
METRICS_PATH = "/internal/metrics"
POLL_PATH = "/internal/polls/"
RELEASED, LOST = "released", "lost"
"""What may become of a poll that is relayed: it is to be answered now; its answer did not reach the client."""
CONNECT_TIMEOUT_S = 2.0
GATHER_TIMEOUT_S = 1.5
MAX_HANDED_OVER = 256 * 1024
HAND_OVER_TRIES = 100
HAND_OVER_PAUSE_S = 0.02

_NOT_RELAYED = frozenset(
    {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", PEER_HEADER.lower()}
)
"""Headers of one connection (RFC 9110 7.6.1)."""
_NOT_PASSED = _NOT_RELAYED | {"content-length", "date", "server", "vary"}
"""Those, and what the answer is given anew."""
_NOOP = "6"
"""Engine.IO's packet without a meaning."""
_NOT_ADDED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""Headers that aiohttp's client would add. A client that asks for no compression must get none."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Worker:
    """One of `count` workers. `folder` holds the sockets by which they reach one another, and nobody else."""

    number: int
    count: int
    folder: Path

    @property
    def tag(self) -> str:
        """What the ids of this worker's sessions begin with."""
        return f"{self.number:x}."

    @property
    def http_path(self) -> Path:
        """Where this worker answers requests of the others."""
        return self.folder / f"{self.number}.http"

    @property
    def handover_path(self) -> Path:
        """Where this worker takes connections from the others."""
        return self.folder / f"{self.number}.take"

    @property
    def others(self) -> list["Worker"]:
        """The other workers."""
        return [Worker(number, self.count, self.folder) for number in range(self.count) if number != self.number]

    def owner_of(self, sid: str) -> "Worker | None":
        """Return the worker that a session's id names; None if there is no such, or it is this one."""
        return next((other for other in self.others if sid.startswith(other.tag)), None)


def is_from_worker(request: web.Request) -> bool:
    """Tell whether a request came over the UNIX socket."""
    transport = request.transport
    found = transport.get_extra_info("socket") if transport is not None else None
    return found is not None and found.family == socket.AF_UNIX


class Relay:
    """What a worker asks of the others."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self._sessions: dict[int, ClientSession] = {}
        self._taking: socket.socket | None = None
        self._polls: dict[str, Worker] = {}
        self._draining = False

    def add_to(self, app: web.Application, sessions: Mapping[str, Session]) -> None:
        """Mount what only other workers may ask of these sessions."""

        async def end_poll(request: web.Request) -> web.Response:
            session = sessions.get(request.match_info["sid"])
            if session is None or not is_from_worker(request):
                raise web.HTTPNotFound
            if request.query.get("fate") == LOST:
                session.lose_poll()
            else:
                session.release_poll()
            return web.Response(status=204)

        app.router.add_get(POLL_PATH + "{sid}", end_poll)

    def start(self, server: Any) -> None:
        """Take connections that others hand over; `server` makes a protocol for each (`web.AppRunner.server`)."""
        taking = self._taking = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        taking.settimeout(0)
        with suppress(FileNotFoundError):
            self.worker.handover_path.unlink()  # of a worker that died
        taking.bind(str(self.worker.handover_path))
        asyncio.get_running_loop().add_reader(taking, self._take, taking, server)

    async def drain(self) -> None:
        """Have the polls answered that wait at other workers: their clients go on by another way, and lose nothing."""
        self._draining = True
        await asyncio.gather(*(self._tell(owner, sid, RELEASED) for sid, owner in self._polls.items()))

    async def close(self) -> None:
        """Take no more connections, and let go of those to the others."""
        if self._taking is not None:
            asyncio.get_running_loop().remove_reader(self._taking)
            self._taking.close()
        await asyncio.gather(*(session.close() for session in self._sessions.values()))

    async def relay(self, request: web.Request, sid: str) -> web.StreamResponse | None:
        """Let the worker of a session answer a request; None if there is no such worker."""
        owner = self.worker.owner_of(sid)
        if owner is None:
            return None
        if _is_upgrade(request):
            return await self._hand_over(request, owner)
        if request.method == "GET":
            return await self._poll(request, sid, owner)
        return await self._repeat(request, owner)

    async def gather(self, path: str) -> dict[int, bytes]:
        """Return what the other workers answer to a GET, by number; those that do not answer in time are left out."""
        others = self.worker.others
        answers = await asyncio.gather(*(self._get(other, path) for other in others))
        return {other.number: answer for other, answer in zip(others, answers, strict=True) if answer is not None}

    async def stats(self) -> list[Stats]:
        """Return the figures of the other workers."""
        return [Stats(**orjson.loads(answer)) for answer in (await self.gather(STATS_PATH)).values()]

    # --- Polling

    async def _poll(self, request: web.Request, sid: str, owner: Worker) -> web.StreamResponse | None:
        answer = web.Response(text=_NOOP) if self._draining else await self._ask_for_packets(request, sid, owner)
        if answer is not None and self._draining:
            answer.force_close()  # the next poll is to come to another worker
        return answer

    async def _ask_for_packets(self, request: web.Request, sid: str, owner: Worker) -> web.StreamResponse | None:
        self._polls[sid] = owner
        try:
            answer = await self._repeat(request, owner)
        finally:
            self._polls.pop(sid, None)
        if answer is not None and (request.transport is None or request.transport.is_closing()):
            await self._tell(owner, sid, LOST)
        return answer

    async def _tell(self, owner: Worker, sid: str, fate: str) -> None:
        await self._get(owner, f"{POLL_PATH}{quote(sid, safe='')}?fate={fate}")

    async def _repeat(self, request: web.Request, owner: Worker) -> web.StreamResponse | None:
        headers = _relayed_headers(request)
        body = request.content if request.can_read_body else None
        url = URL(f"http://worker{request.rel_url}", encoded=True)
        try:
            async with self._session(owner).request(
                request.method, url, headers=headers, data=body, allow_redirects=False
            ) as response:
                answer = await response.read()
        except (ClientError, OSError, TimeoutError) as error:
            log.warning("request not relayed", worker=owner.number, error=type(error).__name__)
            return None
        passed = CIMultiDict(
            (name, value) for name, value in response.headers.items() if name.lower() not in _NOT_PASSED
        )
        return web.Response(status=response.status, body=answer, headers=passed)

    async def _get(self, other: Worker, path: str) -> bytes | None:
        try:
            async with asyncio.timeout(GATHER_TIMEOUT_S), self._session(other).get(f"http://worker{path}") as response:
                return await response.read() if response.ok else None
        except (ClientError, OSError, TimeoutError):
            return None

    def _session(self, other: Worker) -> ClientSession:
        session = self._sessions.get(other.number)
        if session is None:
            session = self._sessions[other.number] = ClientSession(
                connector=UnixConnector(str(other.http_path), limit=0),
                timeout=ClientTimeout(total=None, connect=CONNECT_TIMEOUT_S),
                auto_decompress=False,
                cookie_jar=DummyCookieJar(),  # the cookies of one client are not those of the next
                skip_auto_headers=_NOT_ADDED,
            )
        return session

    # --- Upgrades

    async def _hand_over(self, request: web.Request, owner: Worker) -> web.StreamResponse | None:
        transport = request.transport
        if transport is None or transport.get_extra_info("sslcontext") is not None:
            return None
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
            sending.settimeout(0)
            try:
                sending.connect(str(owner.handover_path))
            except OSError:
                return None
            transport.pause_reading()  # what comes from now on is the other's to read
            # A descriptor of our own: should the connection end while we wait, its number may soon be another's.
            connection = os.dup(transport.get_extra_info("socket").fileno())
            try:
                if not await _send(sending, _head_of(request), connection):
                    transport.resume_reading()
                    return None
            finally:
                os.close(connection)
        passed, _ = detach(request)
        if passed is not None:
            passed.abort()  # closes only our descriptor of it
        return TakenOver(request)

    def _take(self, taking: socket.socket, server: Any) -> None:
        with suppress(BlockingIOError):
            while True:
                head, descriptors, _, _ = socket.recv_fds(taking, MAX_HANDED_OVER, 1)
                for descriptor in descriptors:
                    connection = socket.socket(fileno=descriptor)
                    connection.settimeout(0)
                    task = asyncio.ensure_future(_go_on(server, connection, head))
                    task.add_done_callback(_TASKS.discard)
                    _TASKS.add(task)


_TASKS: set["asyncio.Future[None]"] = set()
"""The event loop keeps weak references only."""


async def _go_on(server: Any, connection: socket.socket, head: bytes) -> None:
    try:
        await asyncio.get_running_loop().connect_accepted_socket(lambda: _Introduction(server, head), connection)
    except OSError:
        connection.close()


class _Introduction(asyncio.Protocol):
    """Begins a connection that another worker accepted: with what it had read."""

    def __init__(self, server: Any, head: bytes) -> None:
        self._server = server
        self._head = head

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let aiohttp go on, before anything more is read."""
        http = self._server()
        transport.set_protocol(http)
        http.connection_made(transport)
        http.data_received(self._head)


async def _send(sending: socket.socket, head: bytes, descriptor: int) -> bool:
    """Send a connection; False if the other does not take it."""
    if len(head) > MAX_HANDED_OVER:
        return False
    for _ in range(HAND_OVER_TRIES):
        try:
            socket.send_fds(sending, [head], [descriptor])
        except BlockingIOError:  # its queue is full
            await asyncio.sleep(HAND_OVER_PAUSE_S)
        except OSError:
            return False
        else:
            return True
    return False


def _is_upgrade(request: web.Request) -> bool:
    """Tell whether a request is a handshake of which nothing follows but frames."""
    return (
        request.query.get("transport") == "websocket"
        and request.method == "GET"
        and not request.can_read_body
        and request.headers.get("Upgrade", "").strip().lower() == "websocket"
    )


def _relayed_headers(request: web.Request) -> CIMultiDict[str]:
    headers = CIMultiDict((name, value) for name, value in request.headers.items() if name.lower() not in _NOT_RELAYED)
    if headers.popall("Content-Encoding", ()):  # aiohttp has unpacked the body
        headers.popall("Content-Length", ())
    headers[PEER_HEADER] = request.remote or ""
    return headers


def _head_of(request: web.Request) -> bytes:
    """Write a request down again, as it came, and what was read behind it."""
    version = f"{request.version.major}.{request.version.minor}"
    lines = [f"{request.method} {request.raw_path} HTTP/{version}".encode()]
    lines += [b"%b: %b" % (name, value) for name, value in request.raw_headers]
    http: Any = request.protocol
    return b"\r\n".join(lines) + b"\r\n\r\n" + bytes(http._message_tail)  # noqa: SLF001 - see websocket.py
