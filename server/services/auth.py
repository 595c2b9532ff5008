"""Who is calling: access tokens (JWT, RFC 7519) of the users' own backend, and service tokens.

Key, algorithms and claim names come from the configuration, never from the token (RFC 8725 3.1). PyJWT checks
the signature only; the claims, and above all the times, are judged here by an injected clock.
"""

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from server.domain.errors import TokenExpiredError, UnauthenticatedError
from server.domain.ids import MAX_USER_ID_CHARS, is_numeric_user_id
from server.services.jwks import Jwks
from server.services.token_config import TokenConfig

MAX_TOKEN_CHARS = 8192
MAX_REMEMBERED = 20_000
REMEMBERED_S = 60.0
MAX_HEADERS = 100
MAX_JTI_CHARS = 256
"""As long as `POST /tokens/revoke` takes: a longer one could never be revoked."""
MAX_NAME_CHARS = 200
MAX_EPOCH_S = 253_402_300_799
"""The end of the year 9999: the last second that RFC 3339 can write."""
MIN_SERVICE_TOKEN_CHARS = 16

TRICK_HEADERS = frozenset({"crit", "b64", "jku", "jwk", "x5u", "x5c"})
"""Extensions that we do not know (RFC 7515 4.1.11) and keys of the token's own choosing (RFC 8725 3.10)."""


class _Prepared(jwt.algorithms.HMACAlgorithm):
    """HMAC with the configured secret: that it is no key of another kind was made sure of at the start."""

    def prepare_key(self, key: str | bytes) -> bytes:
        assert isinstance(key, bytes)  # noqa: S101 - see TokenConfig.local_keys
        return key


def _signatures() -> jwt.PyJWS:
    jws = jwt.PyJWS(options={"enforce_minimum_key_length": True})  # else it only warns about a short key
    hashes = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
    for name, hash_of in hashes.items():
        jws.unregister_algorithm(name)
        jws.register_algorithm(name, _Prepared(hash_of))
    return jws


_JWS = _signatures()


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


@dataclass(frozen=True, slots=True)
class _Verified:
    claims: Claims
    not_before: int | None
    until: float


class TokenVerifier:
    """Decides whether an access token is good, at a moment that the caller's clock tells.

    A client shows its token to each of four namespaces, and comes back with it after a network change: that a signature
    is good is remembered for a minute, by the token's digest (not with a JWKS, whose keys may be withdrawn). Times are
    judged anew each time.
    """

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
        self._monotonic = monotonic
        self._verified: dict[bytes, _Verified] = {}
        # By their text, of tokens that were good: all tokens of an issuer begin alike.
        self._headers: dict[str, Mapping[str, Any]] = {}
        self._keys = config.local_keys()
        self._jwks = Jwks(config.jwks_url, monotonic) if config.jwks_url else None

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
        digest = hashlib.sha256(text.encode()).digest()
        known = self._verified.get(digest)
        if known is None or known.until <= self._monotonic():
            known = await self._verify_signature(text)
            if self._jwks is None:  # a key of a JWKS may be withdrawn
                self._remember(digest, known)
        self._check_times(known.claims, known.not_before)
        return known.claims

    async def _verify_signature(self, text: str) -> _Verified:
        head = text.partition(".")[0]
        header = self._headers.get(head) or _header_of(text)
        key = await self._find_key(header)
        payload = _signed_payload(text, key, self._config.allowed_algorithms)
        if len(self._headers) < MAX_HEADERS:
            self._headers[head] = header
        self._check_purpose(payload)
        claims = self._read_claims(payload)
        return _Verified(claims, _read_time(payload, "nbf"), self._monotonic() + REMEMBERED_S)

    def _remember(self, digest: bytes, verified: _Verified) -> None:
        if len(self._verified) >= MAX_REMEMBERED:
            self._verified.clear()
        self._verified[digest] = verified

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
        payload = json.loads(_JWS.decode(token, key, algorithms=list(algorithms)))
    except jwt.InvalidSignatureError:
        raise _refused("signature") from None
    except jwt.InvalidAlgorithmError:  # not the one that the JWKS gives this key
        raise _refused("algorithm") from None
    except jwt.InvalidKeyError:  # a key of the JWKS that is too short
        raise _refused("key") from None
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise _refused("malformed") from None
    if not isinstance(payload, dict):
        raise _refused("malformed")
    return payload


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
