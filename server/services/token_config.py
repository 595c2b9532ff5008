"""Which access tokens are good, by configuration: one key source and what the claims must say."""

import contextlib
import re
from dataclasses import dataclass, field
from typing import Any

import jwt

HMAC_MIN_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
"""A key as long as the hash, RFC 7518 3.2."""
RSA_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
PUBLIC_KEY_ALGORITHMS = (*RSA_ALGORITHMS, "ES256", "ES384", "ES512", "EdDSA")


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
