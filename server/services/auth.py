"""Who is calling: access tokens (JWT, RFC 7519) of the users' own backend, and service tokens.

Key, algorithms and claim names come from the configuration, never from the token (RFC 8725 3.1). PyJWT checks
the signature only; the claims, and above all the times, are judged here by an injected clock.
"""

import asyncio
import contextlib
import hmac
import http.client
import logging
import re
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt

from server.domain.errors import TokenExpiredError, UnauthenticatedError, UnavailableError
from server.domain.ids import MAX_USER_ID_CHARS, is_numeric_user_id

MAX_TOKEN_CHARS = 8192
MAX_JTI_CHARS = 256
"""As long as `POST /tokens/revoke` takes: a longer one could never be revoked."""
MAX_NAME_CHARS = 200
MAX_EPOCH_S = 253_402_300_799
"""The end of the year 9999: the last second that RFC 3339 can write."""
MIN_SERVICE_TOKEN_CHARS = 16

HMAC_MIN_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
"""A key as long as the hash, RFC 7518 3.2."""
RSA_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
PUBLIC_KEY_ALGORITHMS = (*RSA_ALGORITHMS, "ES256", "ES384", "ES512", "EdDSA")

TRICK_HEADERS = frozenset({"crit", "b64", "jku", "jwk", "x5u", "x5c"})
"""Extensions that we do not know (RFC 7515 4.1.11) and keys of the token's own choosing (RFC 8725 3.10)."""

SIGNATURE_ONLY: jwt.types.Options = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
    "enforce_minimum_key_length": True,  # PyJWT only warns about a short key otherwise
}

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

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TokenConfig:
    """Which access tokens are good: one key source, and what the claims must say.

    Attributes:
        secret: HMAC secret of at least 32 bytes (RFC 7518 3.2).
        public_key: RSA (2,048 bits or more), EC or Ed25519 public key as PEM.
        jwks_url: http(s) address of a JSON Web Key Set (RFC 7517).
        algorithms: RFC 7518 names; empty means HS256 for a secret, RS256 and ES256 otherwise.
        audience: What `aud` must be or contain; unset, `aud` is not looked at.
        issuer: What `iss` must be; unset, `iss` is not looked at.
        user_id_claim: Name of the claim with the user's id.
        name_claim: Name of the claim with the display name.
        token_type_claim: Name of the claim that must say "access".
        leeway_s: Seconds that clocks may differ, allowed on `exp`, `nbf` and `iat`.

    Raises:
        ValueError: A setting is unusable; the text names its environment variable and tells no secret.
    """

    secret: str | None = field(default=None, repr=False)
    public_key: str | None = None
    jwks_url: str | None = field(default=None, repr=False)  # may hold credentials
    algorithms: tuple[str, ...] = ()
    audience: str | None = None
    issuer: str | None = None
    user_id_claim: str = "user_id"
    name_claim: str = "name"
    token_type_claim: str = "token_type"  # noqa: S105 - the name of a claim
    leeway_s: int = 30

    def __post_init__(self) -> None:
        if sum(map(bool, (self.secret, self.public_key, self.jwks_url))) != 1:
            raise ValueError("Set exactly one of JWT_SECRET, JWT_PUBLIC_KEY and JWT_JWKS_URL.")
        # One family only: with both, a public key could be passed off as an HMAC secret (RFC 8725 2.1).
        family = tuple(HMAC_MIN_BYTES) if self.secret else PUBLIC_KEY_ALGORITHMS
        if unfit := [name for name in self.algorithms if name not in family]:
            raise ValueError(f"JWT_ALGORITHMS: {unfit} does not fit the key; use {', '.join(family)}.")
        if self.jwks_url and not re.fullmatch(r"https?://[^/\s]\S*", self.jwks_url):
            raise ValueError("JWT_JWKS_URL must be an http:// or https:// address.")
        self.local_keys()

    @property
    def allowed_algorithms(self) -> tuple[str, ...]:
        """The algorithms that a token may be signed with."""
        return self.algorithms or (("HS256",) if self.secret else ("RS256", "ES256"))

    def local_keys(self) -> dict[str, Any]:
        """Return the configured key, as PyJWT wants it, by algorithm; nothing where a JWKS has the keys.

        Raises:
            ValueError: JWT_SECRET is too short or no secret at all, or JWT_PUBLIC_KEY cannot be used.
        """
        if self.secret:
            return _hmac_keys(self.secret, self.allowed_algorithms)
        return _public_keys(self.public_key, self.allowed_algorithms) if self.public_key else {}


def _hmac_keys(secret: str, algorithms: tuple[str, ...]) -> dict[str, Any]:
    try:
        raw = secret.encode(errors="surrogateescape")  # the bytes that the environment held
        keys = {name: jwt.get_algorithm_by_name(name).prepare_key(raw) for name in algorithms}
    except (jwt.InvalidKeyError, UnicodeEncodeError):
        raise ValueError("JWT_SECRET must be a shared secret, not a key pair, certificate or JWK.") from None
    needed = max(HMAC_MIN_BYTES[name] for name in keys)
    if len(raw) < needed:
        raise ValueError(f"JWT_SECRET must have at least {needed} bytes for {', '.join(keys)}.")
    return keys


def _public_keys(pem: str, algorithms: tuple[str, ...]) -> dict[str, Any]:
    """Keep the algorithms that the key fits: an RSA key serves RS256 but not ES256."""
    if "PRIVATE KEY" in pem:
        raise ValueError("JWT_PUBLIC_KEY holds a private key: give the server the public one only.")
    keys = {}
    for name in algorithms:
        # `cryptography` raises errors of many families for one and the same "not this kind of key".
        with contextlib.suppress(Exception):
            algorithm = jwt.get_algorithm_by_name(name)
            key = algorithm.prepare_key(pem)
            if algorithm.check_key_length(key) is None:
                keys[name] = key
    if not keys:
        wanted = " or ".join(algorithms)
        raise ValueError(f"JWT_PUBLIC_KEY is not a PEM public key for {wanted} (RSA: 2048 bits or more).")
    return keys


@dataclass(frozen=True, slots=True)
class Claims:
    """What a good access token says.

    Attributes:
        user_id: Canonical text, never blank.
        expires_at: `exp` in milliseconds since 1970; the leeway is not added.
        issued_at: `iat` in milliseconds since 1970, where present.
        jti: The token's own id, where present.
        name: Display name of 1 to 200 characters, where there is a usable one.
    """

    user_id: str
    expires_at: int
    issued_at: int | None
    jti: str | None
    name: str | None


class TokenVerifier:
    """Decides whether an access token is good, at a moment that the caller's clock tells."""

    def __init__(
        self, config: TokenConfig, now: Callable[[], int], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Prepare the keys.

        Args:
            config: What a good token is.
            now: The wall clock, in milliseconds since 1970.
            monotonic: Seconds of a clock that never jumps; it times the fetching of a JWKS.

        Raises:
            ValueError: The configured key cannot be used.
        """
        self._config = config
        self._now = now
        self._keys = config.local_keys()
        self._jwks = _Jwks(config.jwks_url, monotonic) if config.jwks_url else None

    async def verify(self, token: object) -> Claims:
        """Return the claims of a good access token (RFC 7519 7.2, RFC 8725).

        Args:
            token: What the caller sent, of whatever type; compact JWS of at most 8,192 characters.

        Raises:
            TokenExpiredError: The token was good until its `exp` + leeway.
            UnauthenticatedError: Anything else about it is wrong; `details["reason"]` is one of missing,
                malformed, too_long, header, algorithm, key, signature, token_type, audience, issuer, claims,
                not_yet_valid.
            UnavailableError: The JWKS endpoint cannot be reached.
        """
        text = _text_of(token)
        header = _header_of(text)
        key = await self._find_key(header)
        payload = _signed_payload(text, key, self._config.allowed_algorithms)
        self._check_purpose(payload)
        claims = self._read_claims(payload)
        self._check_times(claims, _read_time(payload, "nbf"))
        return claims

    async def _find_key(self, header: Mapping[str, Any]) -> Any:
        algorithm = header.get("alg")
        if algorithm not in self._config.allowed_algorithms:
            raise _refused("algorithm")
        if self._jwks is not None:
            return await self._jwks.find(header.get("kid"))
        if algorithm not in self._keys:  # allowed, but not what the configured key is for
            raise _refused("algorithm")
        return self._keys[algorithm]

    def _check_purpose(self, payload: Mapping[str, Any]) -> None:
        """Insist on an access token (no refresh token), for us, from whom we trust."""
        config = self._config
        if payload.get(config.token_type_claim) != "access":
            raise _refused("token_type")
        named = payload.get("aud")
        audiences = named if isinstance(named, list) else [named]  # one or several, RFC 7519 4.1.3
        if config.audience and config.audience not in audiences:
            raise _refused("audience")
        if config.issuer and payload.get("iss") != config.issuer:
            raise _refused("issuer")

    def _read_claims(self, payload: Mapping[str, Any]) -> Claims:
        expires_at = _read_time(payload, "exp")
        if expires_at is None:
            raise _refused("claims")
        name = payload.get(self._config.name_claim)
        return Claims(
            user_id=_read_user_id(payload.get(self._config.user_id_claim)),
            expires_at=expires_at,
            issued_at=_read_time(payload, "iat"),
            jti=_read_jti(payload.get("jti")),
            name=name if _is_text(name, MAX_NAME_CHARS) else None,
        )

    def _check_times(self, claims: Claims, not_before: int | None) -> None:
        now = self._now()
        leeway = self._config.leeway_s * 1000
        if max(not_before or 0, claims.issued_at or 0) > now + leeway:
            raise _refused("not_yet_valid")
        if now >= claims.expires_at + leeway:
            raise TokenExpiredError({"reason": "expired"})


def _refused(reason: str) -> UnauthenticatedError:
    return UnauthenticatedError({"reason": reason})


def _text_of(token: object) -> str:
    if token is None or token == "":
        raise _refused("missing")
    if not isinstance(token, str) or not token.isascii():
        raise _refused("malformed")
    if len(token) > MAX_TOKEN_CHARS:
        raise _refused("too_long")
    return token


def _header_of(token: str) -> dict[str, Any]:
    try:
        header = jwt.get_unverified_header(token)
    except jwt.DecodeError:
        raise _refused("malformed") from None
    except jwt.PyJWTError:  # a `kid` that is no text, a `crit`
        raise _refused("header") from None
    if TRICK_HEADERS & header.keys():
        raise _refused("header")
    return header


def _signed_payload(token: str, key: Any, algorithms: Iterable[str]) -> dict[str, Any]:
    try:
        return jwt.decode(token, key, algorithms=list(algorithms), options=SIGNATURE_ONLY)
    except jwt.InvalidSignatureError:
        raise _refused("signature") from None
    except jwt.InvalidAlgorithmError:  # not the one that the JWKS gives this key
        raise _refused("algorithm") from None
    except jwt.InvalidKeyError:  # a key of the JWKS that is too short
        raise _refused("key") from None
    except jwt.PyJWTError:
        raise _refused("malformed") from None


def _is_text(value: object, max_chars: int) -> bool:
    """Tell whether a claim is text that any database can hold, and not blank."""
    if not isinstance(value, str) or not value.strip() or len(value) > max_chars:
        return False
    return "\x00" not in value and not any("\ud800" <= char <= "\udfff" for char in value)


def _read_user_id(value: object) -> str:
    # bool is an int to Python, but no id.
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(text, str) and _is_text(text, MAX_USER_ID_CHARS):
        return text
    raise _refused("claims")


def _read_jti(value: object) -> str | None:
    if value is None or (isinstance(value, str) and _is_text(value, MAX_JTI_CHARS)):
        return value
    raise _refused("claims")


def _read_time(payload: Mapping[str, Any], claim: str) -> int | None:
    """Turn a NumericDate (RFC 7519 2: seconds, fractions allowed) into milliseconds."""
    value = payload.get(claim)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_EPOCH_S:
        raise _refused("claims")
    return int(value * 1000)


class _Jwks:
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
        if kid is None:
            raise _refused("key")
        if self._lacks(kid) and (self._fetching is not None or self._may_fetch()):
            await self._fetch_once()
        if not self._lacks(kid):
            return self._keys[kid]
        if self._reached:
            raise _refused("key")
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
            LOG.warning("jwks_unreachable: %r", error)
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


class ServiceTokens:
    """The tokens by which the users' own backend is known."""

    def __init__(self, tokens: tuple[str, ...]) -> None:
        """Take the tokens of SERVICE_TOKENS; none at all means that nobody has service rights.

        Raises:
            ValueError: A token of fewer than 16 characters.
        """
        if any(len(token) < MIN_SERVICE_TOKEN_CHARS for token in tokens):
            raise ValueError(f"SERVICE_TOKENS: each needs at least {MIN_SERVICE_TOKEN_CHARS} characters.")
        self._tokens = [_bytes_of(token) for token in tokens]

    def matches(self, token: str) -> bool:
        """Tell whether this is a service token, in a time that does not tell how nearly it is one."""
        candidate = _bytes_of(token)
        # Not `any`, which would stop at the first match.
        return sum(hmac.compare_digest(known, candidate) for known in self._tokens) > 0


def _bytes_of(token: str) -> bytes:
    return token.encode(errors="surrogatepass")  # compare_digest takes text only if it is ASCII


def issue_token(config: TokenConfig, *, user_id: str, name: str | None, ttl_s: int, now_ms: int) -> str:
    """Make an access token (HS256) as Django SimpleJWT makes them, for the command line and the demo page.

    Args:
        config: Must have a secret, and allow HS256.
        user_id: Canonical text; becomes a JSON number where it looks like one.
        name: Display name, if any.
        ttl_s: Seconds until `exp`.
        now_ms: The current time, in milliseconds since 1970.

    Raises:
        ValueError: No secret is configured, HS256 is not allowed, or the user id is unusable.
    """
    key = config.local_keys().get("HS256")
    if key is None:
        raise ValueError("Only a JWT_SECRET, with HS256 in JWT_ALGORITHMS, can sign a token here.")
    if not _is_text(user_id, MAX_USER_ID_CHARS):
        raise ValueError(f"The user id must be text of 1 to {MAX_USER_ID_CHARS} characters, not blank.")
    issued_at = now_ms // 1000
    optional = {config.name_claim: name, "aud": config.audience, "iss": config.issuer}
    payload = {
        config.token_type_claim: "access",
        "exp": issued_at + ttl_s,
        "iat": issued_at,
        "jti": uuid.uuid4().hex,
        config.user_id_claim: int(user_id) if is_numeric_user_id(user_id) else user_id,
    }
    return jwt.encode(payload | {k: v for k, v in optional.items() if v}, key, algorithm="HS256")
