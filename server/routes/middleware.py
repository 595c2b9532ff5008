"""What holds for every request: whose page may ask (Origin), from where it comes, and what the log says of it."""

import ipaddress
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from server.contract.operations import OPERATIONS
from server.dispatch import Dispatcher
from server.domain.errors import ForbiddenError, RateLimitedError, UnavailableError
from server.realtime.engine import Admit
from server.realtime.handshakes import Headers, Request
from server.realtime.relay import PEER_HEADER, is_from_worker
from server.routes.rest import PREFIX, respond
from server.services.actor import Locale, choose_locale
from server.services.connections import ConnectionService
from server.services.limits import Limits

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

log = structlog.get_logger()

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

_METHODS = ", ".join(sorted({row.method for row in OPERATIONS.values() if row.http}))


@dataclass(frozen=True, slots=True)
class OriginPolicy:
    """Which origins may connect: the server's own, and those allowed by name (`*`: any)."""

    allowed: frozenset[str]

    def allows(self, request: Request) -> bool:
        """Tell whether a request's Origin may connect. None at all is allowed: it is not a browser.

        Same origin means that host and port are equal. The scheme is not compared, since TLS may end at a proxy.
        """
        origin = request.headers.get("Origin")
        if origin is None or "*" in self.allowed or origin in self.allowed:
            return True
        host = request.headers.get("Host", "")
        try:
            parts = urlsplit(origin)
            default = DEFAULT_PORTS.get(parts.scheme)
            mine = urlsplit(f"//{host}")
            same_port = (parts.port or default) == (mine.port or default)
        except ValueError:
            return False
        return parts.hostname is not None and parts.hostname == mine.hostname and same_port


def is_realtime(request: web.Request) -> bool:
    """Tell whether a request is for Socket.IO or a plain WebSocket route."""
    return request.path.startswith(("/socket.io/", "/ws/"))


def origin_middleware(
    policy: OriginPolicy, dispatcher: Dispatcher, connections: ConnectionService, default_locale: Locale
) -> Middleware:
    """Refuse foreign pages and, while shutting down, new connections; let allowed pages read answers (CORS).

    While shutting down only those whose session is here keep the connection on which they asked.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        locale = choose_locale(request.headers.get("Accept-Language"), default_locale)
        allowed = policy.allows(request)
        if is_realtime(request) and not allowed:
            return respond(dispatcher.refuse(ForbiddenError({"origin": ["Not allowed."]}), locale, "connect"))
        goes = connections.draining and not (is_realtime(request) and "sid" in request.query)
        if goes and is_realtime(request):
            response: web.StreamResponse = respond(dispatcher.refuse(UnavailableError(), locale, "connect"))
        elif request.method == "OPTIONS" and request.path.startswith((PREFIX, "/socket.io/")):
            response = web.Response()
        else:
            response = await handler(request)
        if goes and not response.prepared:
            response.force_close()
        origin = request.headers.get("Origin")
        if origin is not None and allowed and not response.prepared:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Allow-Methods"] = _METHODS
            response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, Idempotency-Key"
            response.headers.add("Vary", "Origin")
        return response

    return middleware


def admit_by_address(limits: Limits, dispatcher: Dispatcher, default_locale: Locale) -> Admit:
    """Refuse the handshakes of Socket.IO from an address that has as many connections as one may."""

    def admit(request: Request, sid: str) -> web.Response | None:
        try:
            limits.enter_from(request.remote, sid)
        except RateLimitedError as error:
            locale = choose_locale(request.headers.get("Accept-Language"), default_locale)
            return respond(dispatcher.refuse(error, locale, "connect"))
        return None

    return admit


@web.middleware
async def security_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Add the headers that no answer should lack."""
    response = await handler(request)
    if not response.prepared:
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "no-referrer")
        response.headers.setdefault("X-Frame-Options", "DENY")
    return response


def proxy_middleware(trusted: Sequence[Network]) -> Middleware:
    """Take the client's address from `X-Forwarded-For`, as far as the proxies it came through are trusted."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        # Of what another worker passes on, it has found out already whom it is from.
        if is_from_worker(request):
            address = request.headers.get(PEER_HEADER, "")
        else:
            address = client_address(request.remote or "", request.headers, trusted)
        return await handler(request.clone(remote=address) if address != request.remote else request)

    return middleware


@web.middleware
async def log_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Log a request: method, path, status and time. Never the query, which may carry a token."""
    began = time.perf_counter()
    status = 500
    try:
        response = await handler(request)
        status = response.status
    except web.HTTPException as error:
        status = error.status
        raise
    else:
        return response
    finally:
        took_ms = round((time.perf_counter() - began) * 1000, 1)
        log.debug("request", method=request.method, path=request.path[:200], status=status, took_ms=took_ms)


def client_address(peer: str, headers: Headers, trusted: Sequence[Network]) -> str:
    """Return the address from which a request came, by what its peer and further trusted proxies say of it."""
    # A proxy may add a header of its own instead of extending the one that the client sent.
    forwarded = ",".join(headers.getall("X-Forwarded-For", ()))
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    while hops and _is_trusted(peer, trusted):
        peer = hops.pop()
    return peer


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in trusted)
