"""The life of a connection: who it is, how long it may stay, and what its coming and going means to others.

The same for Socket.IO and the plain WebSocket routes: each opens a `Connection` here, and closes it when it is gone.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from server.contract.errors import row_of
from server.domain.commands import DisconnectUser, RefreshToken, ThreadCommand
from server.domain.errors import (
    ForbiddenError,
    RealtimeError,
    RevokedError,
    TokenExpiredError,
    UnauthenticatedError,
    UnavailableError,
)
from server.domain.events import (
    ConnectionEstablished,
    ServiceDegraded,
    ServiceRestored,
    TokenExpiring,
    UserDisconnected,
)
from server.domain.results import Done, TokenAccepted
from server.services.actor import Actor, Locale
from server.services.auth import Claims, ServiceTokens, TokenVerifier
from server.services.limits import Limits
from server.services.people import PeopleService
from server.services.ports import Clock, Connection, Publisher
from server.services.presence import PresenceService
from server.services.revocations import RevocationService
from server.services.threads import ThreadService
from server.services.typing import TypingService

CHECK_EVERY_S = 1.0
DRAINED_PER_S = 400
"""So many clients a second are sent away: what comes to the other processes at once, they must bear."""
DRAIN_TICK_S = 0.05
LAST_ANSWERS_S = 1.0
"""So long is waited, before a connection is closed, for the answers to what it asked."""
EXPIRY_LEEWAY_MS = 30_000
EXPIRY_WARNING_MS = 60_000

_GREETINGS = {"es": "Conexión WebSocket establecida", "en": "WebSocket connection established"}


@dataclass(slots=True)
class _Open:
    connection: Connection
    actor: Actor
    warned: bool = False
    greeted: bool = False
    paid_until: float = 0.0
    """See `Limits.take_operation`."""


@dataclass(frozen=True, slots=True)
class Hello:
    """What every connection is told first."""

    heartbeat_interval_s: int
    reconnect_attempts: int


class ConnectionService:
    """All connections of this process."""

    def __init__(  # noqa: PLR0913 - this is where everything about a connection meets
        self,
        *,
        verifier: TokenVerifier,
        service_tokens: ServiceTokens,
        revocations: RevocationService,
        people: PeopleService,
        presence: PresenceService,
        typing: TypingService,
        threads: ThreadService,
        publisher: Publisher,
        limits: Limits,
        now: Clock,
        hello: Hello,
    ) -> None:
        self._verifier = verifier
        self._service_tokens = service_tokens
        self._revocations = revocations
        self._people = people
        self._presence = presence
        self._typing = typing
        self._threads = threads
        self._publisher = publisher
        self._limits = limits
        self._now = now
        self._hello = hello
        self._open: dict[str, _Open] = {}
        self._draining = False
        self._degraded: str | None = None

    @property
    def count(self) -> int:
        """How many connections are open."""
        return len(self._open)

    @property
    def draining(self) -> bool:
        """Whether the process is shutting down."""
        return self._draining

    async def authenticate(self, token: object, locale: Locale, connection: Connection | None = None) -> Actor:
        """Return the user of a token; they exist from now on.

        Raises:
            UnauthenticatedError, TokenExpiredError, RevokedError: the token is not to be trusted (any more).
            UnavailableError: the keys or the database cannot be reached.
        """
        claims = await self._trust(token)
        await self._people.ensure(claims)
        return Actor("user", claims.user_id, locale, claims, connection)

    async def _trust(self, token: object) -> Claims:
        claims = await self._verifier.verify(token)
        self._revocations.check(claims)
        return claims

    async def authenticate_request(self, token: str | None, locale: Locale) -> Actor:
        """Return the user or the service of an HTTP request's bearer token.

        Raises:
            RateLimitedError: the user asks too fast; a service may.
            UnauthenticatedError and others: what `authenticate` raises.
        """
        if token is not None and self._service_tokens.matches(token):
            return Actor("service", "", locale)
        actor = await self.authenticate(token, locale)
        self._limits.take_request(actor.user_id)
        return actor

    async def open(self, connection: Connection, token: object, asked: Locale | None, default: Locale) -> Actor:
        """Let a connection in. It speaks the language that it asked for, else its user's, else the default.

        Raises:
            UnauthenticatedError, TokenExpiredError, RevokedError: the token is not to be trusted.
            NotFoundError: the user is not in the connection's thread.
            RateLimitedError: the user has as many connections as one may.
            UnavailableError: the server is shutting down, or something it needs is away.
        """
        if self._draining:
            raise UnavailableError
        if asked is not None:
            actor = await self.authenticate(token, asked, connection)
        else:
            claims = await self._trust(token)
            locale = await self._people.meet(claims) or default
            actor = Actor("user", claims.user_id, locale, claims, connection)
        if connection.thread_id is not None:
            await self._threads.get(actor, ThreadCommand(connection.thread_id))
        # A revocation, or the shutdown, may have come while the database was asked.
        self._revocations.check(claims_of(actor))
        if self._draining:
            raise UnavailableError
        self._limits.enter_as(actor.user_id, connection.transport)
        self._open[connection.id] = _Open(connection, actor)
        return actor

    async def welcome(self, connection: Connection) -> None:
        """Send the first event and begin to hear; the transport calls it once the client can hear it.

        A client reads what it shows when it has its first event, so by then the other processes are heard.
        """
        opened = self._open.get(connection.id)
        if opened is None:
            return
        user_id = opened.actor.user_id
        if (heard := connection.expect(user_id)) is not None:
            await heard
            if self._open.get(connection.id) is not opened:
                return  # it left meanwhile
        connection.send(
            ConnectionEstablished(
                message=_GREETINGS[opened.actor.locale],
                user_id=user_id,
                session_id=connection.id,
                server_time=self._now(),
                heartbeat_interval_s=self._hello.heartbeat_interval_s,
                reconnect_attempts=self._hello.reconnect_attempts,
                recovered=connection.is_recovered,
            )
        )
        opened.greeted = True
        if self._degraded is not None:
            connection.send(ServiceDegraded(self._degraded))
        connection.hear_user(user_id)
        if connection.thread_id is not None:
            connection.hear_thread(connection.thread_id, hear=True)
        self._presence.connected(user_id, connection)

    async def greet(self, connection: Connection) -> None:
        """Tell a presence connection who is online."""
        opened = self._open.get(connection.id)
        if opened is not None:
            await self._presence.greet(opened.actor.user_id, connection)

    def set_degraded(self, reason: str | None) -> None:
        """Tell everyone that something is away, or (None) that it is back."""
        if reason == self._degraded:
            return
        self._degraded = reason
        event = ServiceRestored() if reason is None else ServiceDegraded(reason)
        for opened in tuple(self._open.values()):
            if opened.greeted:
                opened.connection.send(event)

    def closed(self, connection: Connection) -> None:
        """A connection is gone, however."""
        opened = self._open.pop(connection.id, None)
        if opened is not None:
            self._limits.leave_as(opened.actor.user_id, connection.transport)
            self._typing.disconnected(connection)
            self._presence.disconnected(opened.actor.user_id, connection)

    def actor_of(self, connection: Connection) -> Actor | None:
        """Return whom a connection belongs to; None once it is gone."""
        opened = self._open.get(connection.id)
        return opened.actor if opened else None

    def admit(self, connection: Connection) -> Actor:
        """Let a connection ask one operation, and return whom it belongs to.

        Raises:
            UnauthenticatedError: it is gone.
            RateLimitedError: it asks too fast.
        """
        opened = self._open.get(connection.id)
        if opened is None:
            raise UnauthenticatedError
        opened.paid_until = self._limits.take_operation(opened.paid_until)
        return opened.actor

    def check_token(self, actor: Actor) -> None:
        """Refuse an operation on a token that ended while the connection is still there.

        Raises:
            TokenExpiredError, RevokedError: it has.
        """
        if actor.claims is not None:
            if actor.claims.expires_at + EXPIRY_LEEWAY_MS <= self._now():
                raise TokenExpiredError
            self._revocations.check(actor.claims)

    async def refresh_token(self, actor: Actor, command: RefreshToken) -> TokenAccepted:
        """Go on with a newer token of the same user, in place.

        Raises:
            UnauthenticatedError, TokenExpiredError, RevokedError: the new token is not to be trusted.
            ForbiddenError: it is another user's.
        """
        assert actor.connection is not None  # noqa: S101 - offered on connections only
        fresh = await self.authenticate(command.token, actor.locale, actor.connection)
        if fresh.user_id != actor.user_id:
            raise ForbiddenError
        opened = self._open.get(actor.connection.id)
        if opened is not None:
            opened.actor = replace(opened.actor, claims=fresh.claims)
            opened.warned = False
        return TokenAccepted(claims_of(fresh).expires_at)

    async def disconnect_user(self, _actor: Actor, command: DisconnectUser) -> Done:
        """Close a user's connections on all processes."""
        self._publisher.publish(UserDisconnected(command.user_id))
        return Done()

    async def end_connections_of(self, user_id: str) -> None:
        """Close a user's connections to this process."""
        error = RevokedError()
        await self._end([(opened, error) for opened in self._open.values() if opened.actor.user_id == user_id])

    async def check_all(self) -> None:
        """Warn connections whose token ends soon, and end those whose token has ended."""
        self._limits.forget_idle()
        now = self._now()
        ended: list[tuple[_Open, RealtimeError]] = []
        for opened in self._open.values():
            claims = claims_of(opened.actor)
            try:
                self.check_token(opened.actor)
            except RealtimeError as error:
                ended.append((opened, error))
                continue
            if not opened.warned and claims.expires_at - EXPIRY_WARNING_MS <= now:
                opened.warned = True
                opened.connection.send(TokenExpiring(claims.expires_at))
        await self._end(ended)

    async def drain(self, close_code: int, within_s: float) -> None:
        """Let nobody in any more, and send all clients elsewhere: one after another, in `within_s` seconds at most.

        Until its turn comes, a connection hears and asks as before.
        """
        self._draining = True
        transports: dict[str, list[Connection]] = {}
        for opened in self._open.values():
            transports.setdefault(opened.connection.transport, []).append(opened.connection)
        loop = asyncio.get_running_loop()
        began, each_s = loop.time(), min(1 / DRAINED_PER_S, within_s / max(len(transports), 1))
        leaving = []
        for number, sharing in enumerate(transports.values()):
            ahead_s = began + number * each_s - loop.time()
            if ahead_s > DRAIN_TICK_S:
                await asyncio.sleep(ahead_s)
            leaving.append(asyncio.create_task(self._send_away(sharing, close_code)))
        await asyncio.gather(*leaving)

    async def _send_away(self, sharing: Sequence[Connection], close_code: int) -> None:
        """Answer what a client has asked, tell it to go, and close its transport."""
        with suppress(TimeoutError):
            await asyncio.wait_for(sharing[0].settle(), LAST_ANSWERS_S)
        for connection in sharing:
            if connection.id in self._open:
                connection.tell_closing("draining", retryable=True)
        await sharing[0].close(close_code)

    async def _end(self, ended: Sequence[tuple[_Open, RealtimeError]]) -> None:
        """End connections. Some may share a transport, so all are told before the first is closed."""
        for opened, error in ended:
            row = row_of(error)
            opened.connection.tell_closing(row.code, retryable=row.retryable)
        await asyncio.gather(*(opened.connection.close(row_of(error).close_code) for opened, error in ended))
        for opened, _ in ended:
            self.closed(opened.connection)


def claims_of(actor: Actor) -> Claims:
    """Return the claims of a user's token."""
    assert actor.claims is not None  # noqa: S101 - a user always comes with a token
    return actor.claims
