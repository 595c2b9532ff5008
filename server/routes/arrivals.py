"""What stands before aiohttp: clients of Socket.IO who come by WebSocket are let in here, at half of the cost.

What aiohttp does for a request (two tasks, its objects, the router, our middlewares) is more than all the rest of such
a handshake. So one that came in one piece, and of which nothing is to be refused, is answered here, by the same rules.
Whatever else comes is aiohttp's, from its first byte on.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final, cast

import structlog
from aiohttp import web
from multidict import CIMultiDict

from server.realtime.deadlines import Deadlines
from server.realtime.engine import EngineServer
from server.realtime.handshakes import Handshake
from server.routes.middleware import Network, OriginPolicy, client_address
from server.services.connections import ConnectionService
from server.services.limits import Limits

KEEPALIVE_S: Final = 95
"""Longer than Heroku's router keeps its connections (90 s), so that it never meets one that we just closed."""
MAX_HEAD_BYTES: Final = 8 * 1024

_REQUEST = re.compile(
    rb"GET /socket\.io/\?([\w.~&=-]*) HTTP/1\.1\r\n"
    rb"((?:[\w!#$%&'*+.^`|~-]+:[\t -~]*\r\n)+)\r\n"
)
_FIELD = re.compile(r"([^:]+):[ \t]*([^\r]*?)[ \t]*\r\n")
_ASKS_FOR_MORE = ("Content-Length", "Transfer-Encoding", "Expect")

log = structlog.get_logger()


class Arrivals:
    """Makes a protocol for each connection; `aiohttp` makes those for what is not taken here."""

    def __init__(
        self,
        engine: EngineServer,
        policy: OriginPolicy,
        connections: ConnectionService,
        limits: Limits,
        trusted: tuple[Network, ...],
    ) -> None:
        self.aiohttp: Callable[[], asyncio.Protocol]
        self.silent: Deadlines[Arrival] = Deadlines(KEEPALIVE_S, Arrival.close)
        """Those who have not asked for anything yet."""
        self._engine = engine
        self._policy = policy
        self._connections = connections
        self._limits = limits
        self._trusted = trusted

    def __call__(self) -> "Arrival":
        """Make the protocol of a connection."""
        return Arrival(self)

    def close(self) -> None:
        """Close those who ask for nothing."""
        while self.silent:
            self.silent.end_first()
        self.silent.close()

    def take(self, transport: asyncio.Transport, data: bytes) -> bool:
        """Open a session for who sent this; False, and nothing done, if it is not to be had as simply as that."""
        peer = transport.get_extra_info("peername")
        if self._connections.draining or not isinstance(peer, tuple):  # another worker comes by a UNIX socket
            return False
        handshake = read_handshake(data, transport)
        if handshake is None or not self._policy.allows(handshake):
            return False
        handshake.remote = client_address(peer[0], handshake.headers, self._trusted)
        if not self._limits.has_place_from(handshake.remote) or not self._engine.open_at_once(handshake):
            return False
        log.debug("request", method="GET", path="/socket.io/", status=101)
        return True


class Arrival(asyncio.Protocol):
    """A connection until it is known what it is for."""

    __slots__ = ("_arrivals", "_transport")

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open; what it is for, it has to say."""
        self._transport = cast("asyncio.Transport", transport)
        self._arrivals.silent.add(self)

    def data_received(self, data: bytes) -> None:
        """Take it, or hand it to aiohttp."""
        self._arrivals.silent.discard(self)
        if not self._arrivals.take(self._transport, data):
            http = self._arrivals.aiohttp()
            self._transport.set_protocol(http)
            http.connection_made(self._transport)
            http.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """It went without a word."""
        del exc
        self._arrivals.silent.discard(self)

    def close(self) -> None:
        """End it."""
        self._transport.close()


class Runner(web.AppRunner):
    """Runs an application behind its `Arrivals`."""

    def __init__(self, app: web.Application, arrivals: Arrivals, **options: Any) -> None:
        super().__init__(app, access_log=None, keepalive_timeout=KEEPALIVE_S, **options)
        self.arrivals = arrivals

    @property
    def server(self) -> Any:
        """What makes a protocol for each connection that is accepted."""
        return self.arrivals

    @property
    def aiohttp(self) -> web.Server | None:
        """What makes those of aiohttp."""
        return super().server

    async def setup(self) -> None:
        """Start the application."""
        await super().setup()
        assert self.aiohttp is not None  # noqa: S101 - it was just made
        self.arrivals.aiohttp = self.aiohttp

    async def cleanup(self) -> None:
        """End the application."""
        self.arrivals.close()
        await super().cleanup()


def read_handshake(data: bytes, transport: asyncio.Transport) -> Handshake | None:
    """Read a request for a WebSocket at Socket.IO's path; None if it is not one, or not of the plainest kind."""
    found = _REQUEST.fullmatch(data) if len(data) <= MAX_HEAD_BYTES else None
    if found is None:
        return None
    pairs = [pair.partition("=") for pair in found[1].decode().split("&")]
    query = {name: value for name, _, value in pairs}
    headers = CIMultiDict(_FIELD.findall(found[2].decode()))
    if len(query) < len(pairs) or len(set(map(str.lower, headers))) < len(headers):
        return None
    if any(name in headers for name in _ASKS_FOR_MORE):
        return None
    return Handshake(transport, query, headers)
