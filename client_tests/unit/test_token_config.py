"""Configuration of tokens, tokens that we issue, and service tokens."""

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from client_tests.unit.tokens import NOW_S, RSA_KEY, SECRET, Clock, pem, private_pem
from server.services.auth import ServiceTokens, TokenVerifier, issue_token
from server.services.token_config import TokenConfig


@pytest.mark.parametrize(
    ("settings", "variable"),
    [
        ({}, "JWT_SECRET"),
        ({"secret": ""}, "JWT_SECRET"),
        ({"secret": SECRET, "jwks_url": "https://id.example/jwks"}, "JWT_JWKS_URL"),
        ({"secret": SECRET, "public_key": pem(RSA_KEY)}, "JWT_PUBLIC_KEY"),
        ({"secret": SECRET[:31]}, "JWT_SECRET"),
        ({"secret": SECRET, "algorithms": ("HS512",)}, "JWT_SECRET"),
        ({"secret": pem(RSA_KEY)}, "JWT_SECRET"),
        ({"secret": SECRET + "\ud800"}, "JWT_SECRET"),
        ({"secret": SECRET, "algorithms": ("none",)}, "JWT_ALGORITHMS"),
        ({"secret": SECRET, "algorithms": ("HS256", "NONE")}, "JWT_ALGORITHMS"),
        ({"secret": SECRET, "algorithms": ("HS256", "RS256")}, "JWT_ALGORITHMS"),
        ({"public_key": pem(RSA_KEY), "algorithms": ("RS256", "HS256")}, "JWT_ALGORITHMS"),
        ({"public_key": pem(RSA_KEY), "algorithms": ("none",)}, "JWT_ALGORITHMS"),
        ({"jwks_url": "https://id.example/jwks", "algorithms": ("HS256",)}, "JWT_ALGORITHMS"),
        ({"public_key": pem(RSA_KEY), "algorithms": ("ES256",)}, "JWT_PUBLIC_KEY"),
        ({"public_key": "garbage"}, "JWT_PUBLIC_KEY"),
        ({"public_key": private_pem(RSA_KEY)}, "JWT_PUBLIC_KEY holds a private key"),
        ({"jwks_url": "file:///etc/passwd"}, "JWT_JWKS_URL"),
        ({"jwks_url": "id.example/jwks"}, "JWT_JWKS_URL"),
        ({"jwks_url": "https://"}, "JWT_JWKS_URL"),
    ],
)
def test_config_with_a_fault_names_the_variable_and_no_secret(settings: dict[str, Any], variable: str) -> None:
    """The operator learns what to mend; the log does not learn the secret."""
    with pytest.raises(ValueError, match=variable) as caught:
        TokenConfig(**settings)
    assert SECRET[:16] not in str(caught.value)


def test_config_short_rsa_key_is_refused() -> None:
    """An RSA key of 1,024 bits is no key."""
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - the point of the test
    with pytest.raises(ValueError, match="JWT_PUBLIC_KEY"):
        TokenConfig(public_key=pem(short))


def test_config_repr_hides_the_secret() -> None:
    """A configuration that lands in a log tells nothing."""
    assert SECRET not in repr(TokenConfig(secret=SECRET))


@pytest.mark.parametrize(("user_id", "claim"), [("42", 42), ("007", "007"), ("ana", "ana")])
async def test_issue_token_returns_what_verify_accepts(clock: Clock, user_id: str, claim: object) -> None:
    """Issued tokens have SimpleJWT's claims and pass our own checks."""
    config = TokenConfig(secret=SECRET, audience="verihome", issuer="https://id.example")
    text = issue_token(config, user_id=user_id, name="Ana", ttl_s=60, now_ms=clock.now_ms())
    claims = await TokenVerifier(config, clock.now_ms).verify(text)
    assert (claims.user_id, claims.name, claims.expires_at) == (user_id, "Ana", (NOW_S + 60) * 1000)
    raw = jwt.decode(text, options={"verify_signature": False})
    assert raw["user_id"] == claim
    assert len(bytes.fromhex(raw["jti"])) == 16


def test_issue_token_twice_returns_different_jti(clock: Clock) -> None:
    """Each token can be revoked by itself."""
    config = TokenConfig(secret=SECRET)
    texts = {issue_token(config, user_id="1", name=None, ttl_s=60, now_ms=clock.now_ms()) for _ in range(2)}
    assert len(texts) == 2


@pytest.mark.parametrize("settings", [{"public_key": pem(RSA_KEY)}, {"secret": SECRET * 2, "algorithms": ("HS512",)}])
def test_issue_token_without_hs256_raises_value_error(settings: dict[str, Any]) -> None:
    """Who only has a public key cannot sign."""
    with pytest.raises(ValueError, match="JWT_SECRET"):
        issue_token(TokenConfig(**settings), user_id="1", name=None, ttl_s=60, now_ms=NOW_S * 1000)


@pytest.mark.parametrize("user_id", ["", " ", "x" * 129, "a\x00"])
def test_issue_token_for_an_unusable_user_id_raises_value_error(user_id: str) -> None:
    """No token is made that verification would refuse."""
    with pytest.raises(ValueError, match="user id"):
        issue_token(TokenConfig(secret=SECRET), user_id=user_id, name=None, ttl_s=60, now_ms=NOW_S * 1000)


def test_service_tokens_match_each_configured_one_only() -> None:
    """Every configured token is accepted, and nothing that resembles one."""
    tokens = ServiceTokens(("first-service-token", "second-service-tokén"))
    assert tokens.matches("first-service-token")
    assert tokens.matches("second-service-tokén")
    for wrong in ("", "first-service-toke", "first-service-token ", "First-service-token", "\ud800", "é"):
        assert not tokens.matches(wrong)


def test_service_tokens_none_configured_match_nothing() -> None:
    """Without service tokens not even the empty one is a service."""
    assert not ServiceTokens(()).matches("")


@pytest.mark.parametrize("tokens", [("",), ("x" * 15,), ("long-enough-token", "short")])
def test_service_tokens_too_short_raise_value_error(tokens: tuple[str, ...]) -> None:
    """A guessable service token is refused at the start, by the variable's name and without the token."""
    with pytest.raises(ValueError, match="SERVICE_TOKENS") as caught:
        ServiceTokens(tokens)
    assert "x" * 15 not in str(caught.value)
