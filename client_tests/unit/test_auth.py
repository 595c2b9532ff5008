"""Access tokens: what is let in, and every known way of forging one."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from client_tests.unit.tokens import (
    EC_KEY,
    NOW_S,
    RSA_KEY,
    SECRET,
    Clock,
    JwksServer,
    b64,
    forged,
    payload,
    pem,
    refusal,
    token,
    verifier,
)
from server.domain.errors import TokenExpiredError
from server.services.auth import Claims


async def test_verify_simplejwt_token_returns_claims(clock: Clock) -> None:
    """A token as Django SimpleJWT makes them gives all its claims, times in milliseconds."""
    claims = await verifier(clock).verify(token(name="Ana"))
    assert claims == Claims(user_id="42", expires_at=(NOW_S + 60) * 1000, issued_at=NOW_S * 1000, jti="j1", name="Ana")


async def test_verify_least_token_returns_none_for_the_rest(clock: Clock) -> None:
    """`iat`, `jti` and the name may be absent."""
    claims = await verifier(clock).verify(token(iat=None, jti=None))
    assert (claims.issued_at, claims.jti, claims.name) == (None, None, None)


@pytest.mark.parametrize("forgery", ["payload", "signature", "no signature", "nothing more"])
async def test_verify_good_header_of_another_token_helps_no_forgery(clock: Clock, forgery: str) -> None:
    """That a header was on a good token says nothing of what follows it."""
    judge = verifier(clock)
    header, body, signature = token().split(".")
    await judge.verify(f"{header}.{body}.{signature}")
    _, other, stranger = token(user_id=7).split(".")
    forgeries = {
        "payload": (f"{header}.{other}.{signature}", "signature"),
        "signature": (f"{header}.{body}.{stranger}", "signature"),
        "no signature": (f"{header}.{other}.", "signature"),
        "nothing more": (header, "malformed"),
    }
    text, reason = forgeries[forgery]
    assert await refusal(judge, text) == reason


@pytest.mark.parametrize(
    ("claim", "user_id"),
    [(42, "42"), ("42", "42"), ("007", "007"), (0, "0"), (-5, "-5"), ("ana@x.es", "ana@x.es"), ("x" * 128, "x" * 128)],
)
async def test_verify_good_user_id_returns_text(clock: Clock, claim: object, user_id: str) -> None:
    """A number and its text are the same user."""
    assert (await verifier(clock).verify(token(user_id=claim))).user_id == user_id


@pytest.mark.parametrize("claim", [None, "", "  ", True, 1.0, [1], {"id": 1}, "x" * 129, 10**128, "a\x00b", "a\ud800b"])
async def test_verify_bad_user_id_is_refused(clock: Clock, claim: object) -> None:
    """Nothing but usable text or an integer names a user."""
    assert await refusal(verifier(clock), token(user_id=claim)) == "claims"


@pytest.mark.parametrize("name", ["", "  ", 7, ["Ana"], "x" * 201, "a\x00b", "a\udfffb"])
async def test_verify_unusable_name_returns_none(clock: Clock, name: object) -> None:
    """A name that cannot be shown is as if it were absent."""
    assert (await verifier(clock).verify(token(name=name))).name is None


async def test_verify_configured_claim_names_are_read(clock: Clock) -> None:
    """The claims may have other names."""
    checker = verifier(clock, user_id_claim="sub", name_claim="nick", token_type_claim="use")
    text = token(token_type=None, user_id=None, use="access", sub=7, nick="Ana")
    claims = await checker.verify(text)
    assert (claims.user_id, claims.name) == ("7", "Ana")


@pytest.mark.parametrize("missing", [None, ""])
async def test_verify_missing_token_is_refused(clock: Clock, missing: object) -> None:
    """No token, no entry."""
    assert await refusal(verifier(clock), missing) == "missing"


@pytest.mark.parametrize(
    "garbage",
    [7, True, b"a.b.c", ["a"], {}, " ", "garbage", "a.b", "a.b.c", "....", "é.é.é", "\ud800", "Bearer x", "\x00"],
)
async def test_verify_garbage_is_refused(clock: Clock, garbage: object) -> None:
    """Whatever is no compact JWS is refused, and nothing else happens."""
    assert await refusal(verifier(clock), garbage) == "malformed"


@pytest.mark.parametrize("claims", [b"[]", b"7", b"\xff", b"{", b"[" * 4000])
async def test_verify_signed_payload_that_is_no_object_is_refused(clock: Clock, claims: bytes) -> None:
    """Even well signed, the payload must be a JSON object."""
    assert await refusal(verifier(clock), forged({"alg": "HS256"}, claims)) == "malformed"


@pytest.mark.parametrize("header", [[], 7, "x", None])
async def test_verify_header_that_is_no_object_is_refused(clock: Clock, header: object) -> None:
    """The header must be a JSON object."""
    assert await refusal(verifier(clock), forged(header)) == "malformed"


async def test_verify_token_over_the_limit_is_refused(clock: Clock) -> None:
    """A token of 8,193 characters is not even parsed, one just below is."""
    padding = 8192 * 3 // 4 - 250
    assert (await verifier(clock).verify(token(pad="x" * padding))).user_id == "42"
    assert await refusal(verifier(clock), "x" * 8193) == "too_long"
    assert await refusal(verifier(clock), token(pad="x" * 6200)) == "too_long"


async def test_verify_wrong_key_is_refused(clock: Clock) -> None:
    """A signature by another secret does not count."""
    assert await refusal(verifier(clock), token(key=SECRET[::-1])) == "signature"


async def test_verify_changed_payload_is_refused(clock: Clock) -> None:
    """A signature covers the payload."""
    head, _, signature = token().split(".")
    body = b64(json.dumps(payload(user_id=1)).encode())
    assert await refusal(verifier(clock), f"{head}.{body}.{signature}") == "signature"


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", None, 7, ["HS256"], {"a": 1}, "HS512", "RS256", "XX"])
@pytest.mark.parametrize("signed", [True, False])
async def test_verify_other_algorithm_is_refused(clock: Clock, alg: object, *, signed: bool) -> None:
    """The token does not choose its algorithm, `none` least of all."""
    text = forged({"alg": alg, "typ": "JWT"})
    assert await refusal(verifier(clock), text if signed else text.rpartition(".")[0] + ".") == "algorithm"


async def test_verify_no_algorithm_is_refused(clock: Clock) -> None:
    """A header must name its algorithm."""
    assert await refusal(verifier(clock), forged({"typ": "JWT"})) == "algorithm"


async def test_verify_unsigned_token_is_refused(clock: Clock) -> None:
    """The right algorithm with an empty signature is a wrong signature."""
    assert await refusal(verifier(clock), token().rpartition(".")[0] + ".") == "signature"


@pytest.mark.parametrize("source", ["public_key", "jwks"])
async def test_verify_public_key_as_hmac_secret_is_refused(clock: Clock, jwks: JwksServer, source: str) -> None:
    """RS->HS confusion: the public key, which all may know, is no HMAC secret."""
    config = {"jwks_url": jwks.url} if source == "jwks" else {"public_key": pem(RSA_KEY)}
    text = forged({"alg": "HS256", "kid": "one"}, key=pem(RSA_KEY).encode())
    assert await refusal(verifier(clock, **config), text) == "algorithm"


@pytest.mark.parametrize(
    "trick",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": True},
        {"crit": []},
        {"crit": None},
        {"b64": True},
        {"jku": "https://evil.example/jwks.json"},
        {"x5u": "https://evil.example/cert.pem"},
        {"x5c": ["MIIB"]},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"kid": 7},
        {"kid": ["one"]},
        {"kid": None},
    ],
)
async def test_verify_header_trick_is_refused(clock: Clock, trick: dict[str, Any]) -> None:
    """Unknown extensions and keys brought along are refused even under a good signature."""
    assert await refusal(verifier(clock), forged({"alg": "HS256", **trick})) == "header"


async def test_verify_detached_payload_is_refused(clock: Clock) -> None:
    """RFC 7797's unencoded payload is an extension that we do not know."""
    text = forged({"alg": "HS256", "b64": False, "crit": ["b64"]})
    assert await refusal(verifier(clock), text) == "malformed"


@pytest.mark.parametrize("kid", ["../../dev/null", "' OR 1=1 --", "http://evil.example/", ""])
async def test_verify_kid_with_a_secret_changes_nothing(clock: Clock, kid: str) -> None:
    """With one configured key, `kid` selects nothing, hence cannot select anything bad."""
    assert (await verifier(clock).verify(token(headers={"kid": kid}))).user_id == "42"
    assert await refusal(verifier(clock), forged({"alg": "HS256", "kid": kid}, key=b"")) == "signature"


@pytest.mark.parametrize("kind", ["refresh", "Access", "", 1, ["access"], None])
async def test_verify_token_of_another_type_is_refused(clock: Clock, kind: object) -> None:
    """A refresh token opens nothing, nor does one that does not say what it is."""
    assert await refusal(verifier(clock), token(token_type=kind)) == "token_type"


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("moment", ["never", "1750000060", True, [1], -1, 253_402_300_800, 10**400])
async def test_verify_unusable_time_is_refused(clock: Clock, claim: str, moment: object) -> None:
    """A time is a number within what a calendar can hold."""
    text = forged({"alg": "HS256"}, payload(**{claim: moment}))
    assert await refusal(verifier(clock), text) == "claims"


@pytest.mark.parametrize("moment", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
async def test_verify_time_that_is_no_number_is_refused(clock: Clock, moment: bytes) -> None:
    """What Python's JSON reader takes beyond JSON is no time either."""
    claims = b'{"token_type": "access", "user_id": 1, "exp": ' + moment + b"}"
    assert await refusal(verifier(clock), forged({"alg": "HS256"}, claims)) == "claims"


async def test_verify_token_without_exp_is_refused(clock: Clock) -> None:
    """Nothing is good for ever."""
    assert await refusal(verifier(clock), token(exp=None)) == "claims"


async def test_verify_exp_passed_raises_token_expired_after_the_leeway(clock: Clock) -> None:
    """A token ends at `exp` + 30 s, to the millisecond, by the injected clock."""
    text = token(exp=NOW_S - 30)
    clock.seconds = NOW_S - 0.001
    assert (await verifier(clock).verify(text)).expires_at == (NOW_S - 30) * 1000
    clock.seconds = NOW_S
    with pytest.raises(TokenExpiredError) as caught:
        await verifier(clock).verify(text)
    assert caught.value.details == {"reason": "expired"}


async def test_verify_fraction_in_exp_counts(clock: Clock) -> None:
    """A NumericDate may have a fraction (RFC 7519 2)."""
    assert (await verifier(clock).verify(token(exp=NOW_S + 0.5))).expires_at == NOW_S * 1000 + 500


async def test_verify_expired_and_forged_is_no_expired_token(clock: Clock) -> None:
    """Only a token that was good once is told to have expired."""
    expired = {"exp": NOW_S - 3600}
    assert await refusal(verifier(clock), token(key=SECRET[::-1], **expired)) == "signature"
    assert await refusal(verifier(clock), token(token_type="refresh", **expired)) == "token_type"


@pytest.mark.parametrize("claim", ["iat", "nbf"])
async def test_verify_token_of_the_future_is_refused_beyond_the_leeway(clock: Clock, claim: str) -> None:
    """A clock 30 s ahead is borne, one of 31 s is not."""
    assert (await verifier(clock).verify(token(**{claim: NOW_S + 30}))).user_id == "42"
    assert await refusal(verifier(clock), token(**{claim: NOW_S + 31})) == "not_yet_valid"


@pytest.mark.parametrize("jti", ["", " ", 7, ["j"], "x" * 257, "a\x00b", "a\ud800b"])
async def test_verify_unusable_jti_is_refused(clock: Clock, jti: object) -> None:
    """A token that could not be revoked by its id does not get in."""
    assert await refusal(verifier(clock), token(jti=jti)) == "claims"


@pytest.mark.parametrize("audience", ["verihome", ["other", "verihome"]])
async def test_verify_right_audience_is_accepted(clock: Clock, audience: object) -> None:
    """`aud` is one audience or several."""
    assert (await verifier(clock, audience="verihome").verify(token(aud=audience))).user_id == "42"


@pytest.mark.parametrize("audience", [None, "other", "verihome2", [], ["other"], [["verihome"]], {"verihome": 1}, 7])
async def test_verify_wrong_audience_is_refused(clock: Clock, audience: object) -> None:
    """A token for others is not for us, nor is one for nobody."""
    assert await refusal(verifier(clock, audience="verihome"), token(aud=audience)) == "audience"


async def test_verify_issuer_is_compared_where_configured(clock: Clock) -> None:
    """`iss` must be exactly the configured one."""
    checker = verifier(clock, issuer="https://id.example")
    assert (await checker.verify(token(iss="https://id.example"))).user_id == "42"
    assert await refusal(checker, token(iss="https://id.example/")) == "issuer"
    assert await refusal(checker, token()) == "issuer"
    listed = forged({"alg": "HS256"}, payload(iss=["https://id.example"]))
    assert await refusal(checker, listed) == "issuer"


async def test_verify_unconfigured_audience_and_issuer_are_not_looked_at(clock: Clock) -> None:
    """Without a configured audience or issuer any will do."""
    assert (await verifier(clock).verify(token(aud="any", iss="any"))).user_id == "42"


@pytest.mark.parametrize(("key", "alg"), [(RSA_KEY, "RS256"), (EC_KEY, "ES256")])
async def test_verify_public_key_accepts_its_own_algorithm_only(clock: Clock, key: Any, alg: str) -> None:
    """RS256 and ES256 are default, and each key serves the one that it fits."""
    checker = verifier(clock, public_key=pem(key))
    assert (await checker.verify(token(key=key, alg=alg))).user_id == "42"
    other, other_alg = (EC_KEY, "ES256") if alg == "RS256" else (RSA_KEY, "RS256")
    assert await refusal(checker, token(key=other, alg=other_alg)) == "algorithm"
    stranger = RSA_KEY if alg == "RS256" else ec.generate_private_key(ec.SECP256R1())
    forged_text = token(key=stranger, alg=alg) if alg == "ES256" else token(key=key, alg=alg)[:-4] + "AAAA"
    assert await refusal(checker, forged_text) == "signature"


async def test_verify_configured_algorithms_replace_the_default(clock: Clock) -> None:
    """With JWT_ALGORITHMS=PS256, RS256 is a wrong algorithm."""
    checker = verifier(clock, public_key=pem(RSA_KEY), algorithms=("PS256",))
    assert (await checker.verify(token(key=RSA_KEY, alg="PS256"))).user_id == "42"
    assert await refusal(checker, token(key=RSA_KEY, alg="RS256")) == "algorithm"
