"""The keys of a JSON Web Key Set endpoint (RFC 7517)."""

import asyncio
import http.client
from collections.abc import Callable

import jwt
import structlog

from server.domain.errors import UnauthenticatedError, UnavailableError

JWKS_LIFESPAN_S = 300.0
JWKS_REFETCH_S = 10.0
JWKS_RETRY_S = 1.0
JWKS_TIMEOUT_S = 5.0
JWKS_FAULTS = (
    jwt.PyJWTError,
    OSError,
    http.client.HTTPException,
    ValueError,
    TypeError,
    AttributeError,
    RecursionError,
)
"""No connection, or an answer that is no key set. PyJWT does not wrap all of what it meets."""

log = structlog.get_logger()


class Jwks:
    """The keys of a JWKS endpoint by `kid`; fetched by one thread at a time, and seldom."""

    def __init__(self, url: str, monotonic: Callable[[], float]) -> None:
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=JWKS_TIMEOUT_S)
        self._monotonic = monotonic
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fresh_until = float("-inf")
        self._attempted_at = float("-inf")
        self._reached = False
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str | None) -> jwt.PyJWK:
        """Return the key of a token's `kid`.

        Raises:
            UnauthenticatedError: there is none.
            UnavailableError: the endpoint, which might have it, cannot be reached.
        """
        if kid is None:
            raise UnauthenticatedError({"reason": "key"})
        if self._lacks(kid) and (self._fetching is not None or self._may_fetch()):
            await self._fetch_once()
        if not self._lacks(kid):
            return self._keys[kid]
        if self._reached:
            raise UnauthenticatedError({"reason": "key"})
        raise UnavailableError  # the endpoint might have known it

    def _is_fresh(self) -> bool:
        return self._monotonic() < self._fresh_until

    def _lacks(self, kid: str) -> bool:
        return not self._is_fresh() or kid not in self._keys

    def _may_fetch(self) -> bool:
        # Random kids must not hammer the endpoint. Without any keys nobody gets in at all: retry sooner.
        pause = JWKS_REFETCH_S if self._is_fresh() else JWKS_RETRY_S
        return self._monotonic() - self._attempted_at >= pause

    async def _fetch_once(self) -> None:
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch())
        await asyncio.shield(self._fetching)  # one caller's going away must not fail the others

    async def _fetch(self) -> None:
        try:
            # urllib's own time-out covers neither the name's resolution nor an answer that only trickles in.
            keys = await asyncio.wait_for(asyncio.to_thread(self._read_keys), JWKS_TIMEOUT_S)
        except JWKS_FAULTS as error:
            self._reached = False
            log.warning("jwks unreachable", error=repr(error))
        else:
            self._keys = keys
            self._fresh_until = self._monotonic() + JWKS_LIFESPAN_S
            self._reached = True
        finally:
            self._attempted_at = self._monotonic()
            self._fetching = None

    def _read_keys(self) -> dict[str, jwt.PyJWK]:
        """Block until the endpoint has answered; keys for encryption are left out (RFC 7517 4.2)."""
        keys = self._client.get_jwk_set()
        return {key.key_id: key for key in keys if key.key_id and key.public_key_use in (None, "sig")}
