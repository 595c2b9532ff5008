"""Tokens that ended before their time: remembered here, kept in the database, learnt from other processes by polling.

Polling rather than a message: it needs no Redis, misses nothing while Redis is away, and every two seconds is well
inside the five that a revoked connection may still live.
"""

from server.domain.commands import RevokeTokens
from server.domain.errors import RevokedError
from server.domain.results import Done
from server.services.actor import Actor
from server.services.auth import Claims
from server.services.ports import Clock
from server.storage.database import Database
from server.storage.revocations import Revocation
from server.storage.unit_of_work import UnitOfWork

POLL_S = 2.0

_OVERLAP_MS = 60_000
"""Read again what is this recent: clocks of processes differ, and a commit may come later than its time says."""


class RevocationService:
    """Knows which tokens are revoked."""

    def __init__(self, database: Database, now: Clock) -> None:
        self._database = database
        self._now = now
        self._jtis: set[str] = set()
        self._issued_before: dict[str, int] = {}
        self._polled_at = 0

    async def revoke(self, _actor: Actor, command: RevokeTokens) -> Done:
        """Revoke a token by `jti`, or a user's tokens issued before a time (now, if none is given).

        With a user's tokens go their devices that did not subscribe since: a lost phone must hear no more.
        """
        now = self._now()
        if command.jti is not None:
            new = Revocation("jti", command.jti, None, now)
        else:
            before = now if command.issued_before is None else command.issued_before
            new = Revocation("user", command.user_id or "", before, now)
        await self._database.write(lambda work: _revoke(work, new))
        self._learn(new)
        return Done()

    async def poll(self) -> None:
        """Learn what other processes revoked since the last poll."""
        now = self._now()
        since = self._polled_at - _OVERLAP_MS
        for revocation in await self._database.read(lambda work: work.revocations.since(since)):
            self._learn(revocation)
        self._polled_at = now

    def check(self, claims: Claims) -> None:
        """Refuse a revoked token.

        A token without `iat` counts as issued before any revocation of its user.

        Raises:
            RevokedError: it is.
        """
        if claims.jti is not None and claims.jti in self._jtis:
            raise RevokedError
        before = self._issued_before.get(claims.user_id)
        if before is not None and (claims.issued_at is None or claims.issued_at < before):
            raise RevokedError

    def _learn(self, revocation: Revocation) -> None:
        if revocation.kind == "jti":
            self._jtis.add(revocation.value)
        else:
            before = self._issued_before.get(revocation.value, 0)
            self._issued_before[revocation.value] = max(before, revocation.issued_before or 0)


def _revoke(work: UnitOfWork, new: Revocation) -> None:
    work.revocations.add(new)
    if new.kind == "user":
        work.push.remove_older(new.value, new.issued_before or 0)
