"""Access tokens and service tokens: what is let in, and every known way of forging one."""

import asyncio
import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from server.domain.errors import TokenExpiredError, UnauthenticatedError, UnavailableError
from server.services.auth import Claims, ServiceTokens, TokenVerifier, issue_token
from server.services.token_config import TokenConfig

SECRET = "0123456789abcdef0123456789abcdef"
NOW_S = 1_750_000_000
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


class Clock:
    """A clock that stands until it is told otherwise."""

    def __init__(self) -> None:
        self.seconds = float(NOW_S)

    def now_ms(self) -> int:
        """Return milliseconds since 1970."""
        return int(self.seconds * 1000)

    def monotonic(self) -> float:
        """Return seconds."""
        return self.seconds


class JwksServer:
    """A real endpoint on the loopback interface: `keys` is what it serves, `requests` how often it was asked."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = []
        self.body: bytes | None = None
        self.status = 200
        self.requests = 0
        self.gate = threading.Event()
        self.gate.set()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/jwks.json"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                endpoint.requests += 1
                endpoint.gate.wait(5)
                body = json.dumps({"keys": endpoint.keys}).encode() if endpoint.body is None else endpoint.body
                self.send_response(endpoint.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        return Handler

    def close(self) -> None:
        """Stop listening: from here on, connections are refused."""
        self.gate.set()
        if self.thread.is_alive():
            self.http.shutdown()
            self.thread.join()
            self.http.server_close()


@pytest.fixture
def clock() -> Clock:
    """A clock that stands."""
    return Clock()


@pytest.fixture
def jwks(monkeypatch: pytest.MonkeyPatch) -> Iterator[JwksServer]:
    """A JWKS endpoint, reached without a proxy, that serves the RSA key as "one"."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = JwksServer()
    server.keys = [jwk(RSA_KEY, "one")]
    yield server
    server.close()


def jwk(key: Any, kid: str, **fields: Any) -> dict[str, Any]:
    """Describe a private key's public half as a JWK."""
    algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", **fields}


def pem(key: Any) -> str:
    """Write a private key's public half as PEM."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def private_pem(key: Any) -> str:
    """Write a private key as PEM."""
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def payload(**changes: Any) -> dict[str, Any]:
    """Return the claims of a good token; a change to None removes the claim."""
    good = {"token_type": "access", "exp": NOW_S + 60, "iat": NOW_S, "jti": "j1", "user_id": 42}
    return {name: value for name, value in (good | changes).items() if value is not None}


def token(*, key: Any = SECRET, alg: str = "HS256", headers: dict[str, Any] | None = None, **changes: Any) -> str:
    """Sign a good token with the changes given."""
    return jwt.encode(payload(**changes), key, algorithm=alg, headers=headers)


def b64(data: bytes) -> str:
    """Encode as a JWS part."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(header: Any, claims: Any = None, key: bytes = SECRET.encode()) -> str:
    """Put together by hand, and sign with HMAC-SHA256, what PyJWT refuses to make."""
    raw_claims = claims if isinstance(claims, bytes) else json.dumps(claims or payload()).encode()
    signed = f"{b64(json.dumps(header).encode())}.{b64(raw_claims)}"
    return f"{signed}.{b64(hmac.digest(key, signed.encode(), hashlib.sha256))}"


def verifier(clock: Clock, **config: Any) -> TokenVerifier:
    """Return a verifier for the secret, or for the key source given."""
    source = {} if {"public_key", "jwks_url"} & config.keys() else {"secret": SECRET}
    return TokenVerifier(TokenConfig(**source, **config), clock.now_ms, monotonic=clock.monotonic)


async def refusal(checker: TokenVerifier, text: object) -> str:
    """Return the reason why a token is refused; fails where it is accepted or its text is told."""
    with pytest.raises(UnauthenticatedError) as caught:
        await checker.verify(text)
    assert list(caught.value.details) == ["reason"]
    return str(caught.value.details["reason"])


async def test_verify_simplejwt_token_returns_claims(clock: Clock) -> None:
    """A token as Django SimpleJWT makes them gives all its claims, times in milliseconds."""
    claims = await verifier(clock).verify(token(name="Ana"))
    assert claims == Claims(user_id="42", expires_at=(NOW_S + 60) * 1000, issued_at=NOW_S * 1000, jti="j1", name="Ana")


async def test_verify_least_token_returns_none_for_the_rest(clock: Clock) -> None:
    """`iat`, `jti` and the name may be absent."""
    claims = await verifier(clock).verify(token(iat=None, jti=None))
    assert (claims.issued_at, claims.jti, claims.name) == (None, None, None)


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


async def test_verify_jwks_token_fetches_once(clock: Clock, jwks: JwksServer) -> None:
    """The key set is fetched at the first token and then remembered, for each of its keys."""
    jwks.keys.append(jwk(EC_KEY, "two"))
    checker = verifier(clock, jwks_url=jwks.url)
    for key, alg, kid in [(RSA_KEY, "RS256", "one"), (EC_KEY, "ES256", "two")] * 3:
        assert (await checker.verify(token(key=key, alg=alg, headers={"kid": kid}))).user_id == "42"
    assert jwks.requests == 1


async def test_verify_jwks_concurrently_shares_one_fetch(clock: Clock, jwks: JwksServer) -> None:
    """A hundred at once cost one request, and one that goes away takes nobody along."""
    jwks.gate.clear()
    checker = verifier(clock, jwks_url=jwks.url)
    text = token(key=RSA_KEY, alg="RS256", headers={"kid": "one"})
    tasks = [asyncio.create_task(checker.verify(text)) for _ in range(100)]
    await asyncio.to_thread(lambda: None)
    tasks[0].cancel()
    jwks.gate.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert all(isinstance(claims, Claims) for claims in results[1:])
    assert jwks.requests == 1


async def test_verify_jwks_rotated_key_is_fetched_after_the_pause(clock: Clock, jwks: JwksServer) -> None:
    """A new key counts within 10 s, and the key that it replaced no longer does."""
    checker = verifier(clock, jwks_url=jwks.url)
    old = token(key=RSA_KEY, alg="RS256", headers={"kid": "one"})
    new = token(key=EC_KEY, alg="ES256", headers={"kid": "two"})
    await checker.verify(old)
    jwks.keys = [jwk(EC_KEY, "two")]
    assert await refusal(checker, new) == "key"
    clock.seconds += 10
    assert (await checker.verify(new)).user_id == "42"
    assert await refusal(checker, old) == "key"
    assert jwks.requests == 2


async def test_verify_jwks_withdrawn_key_is_forgotten(clock: Clock, jwks: JwksServer) -> None:
    """The set is fetched anew every five minutes, so that a withdrawn key ends by itself."""
    checker = verifier(clock, jwks_url=jwks.url)
    text = token(key=RSA_KEY, alg="RS256", headers={"kid": "one"}, exp=NOW_S + 3600)
    await checker.verify(text)
    jwks.keys = [jwk(EC_KEY, "two")]
    clock.seconds += 299
    assert (await checker.verify(text)).user_id == "42"
    clock.seconds += 1
    assert await refusal(checker, text) == "key"


async def test_verify_jwks_unknown_kids_do_not_hammer_the_endpoint(clock: Clock, jwks: JwksServer) -> None:
    """A flood of random `kid`s costs one request in 10 s, while good tokens pass."""
    checker = verifier(clock, jwks_url=jwks.url)
    good = token(key=RSA_KEY, alg="RS256", headers={"kid": "one"})
    await checker.verify(good)
    flood = [token(key=RSA_KEY, alg="RS256", headers={"kid": f"x{i}"}) for i in range(100)]
    for pause in range(3):
        assert {await refusal(checker, text) for text in flood[:50]} == {"key"}
        assert set(await asyncio.gather(*(refusal(checker, text) for text in flood[50:]))) == {"key"}
        assert (await checker.verify(good)).user_id == "42"
        assert jwks.requests == pause + 1
        clock.seconds += 10


async def test_verify_jwks_no_kid_is_refused_without_a_fetch(clock: Clock, jwks: JwksServer) -> None:
    """A token that names no key has none, and costs nothing."""
    assert await refusal(verifier(clock, jwks_url=jwks.url), token(key=RSA_KEY, alg="RS256")) == "key"
    assert jwks.requests == 0


async def test_verify_jwks_wrong_signature_is_refused(clock: Clock, jwks: JwksServer) -> None:
    """Naming a key is not having it."""
    jwks.keys = [jwk(EC_KEY, "two")]
    stranger = ec.generate_private_key(ec.SECP256R1())
    text = token(key=stranger, alg="ES256", headers={"kid": "two"})
    assert await refusal(verifier(clock, jwks_url=jwks.url), text) == "signature"


async def test_verify_jwks_key_of_another_algorithm_is_refused(clock: Clock, jwks: JwksServer) -> None:
    """A key verifies the algorithm that its JWK has, not the one of the token's choosing."""
    text = token(key=EC_KEY, alg="ES256", headers={"kid": "one"})
    assert await refusal(verifier(clock, jwks_url=jwks.url), text) == "algorithm"


async def test_verify_jwks_key_for_encryption_is_refused(clock: Clock, jwks: JwksServer) -> None:
    """A key with `use: enc` signs nothing (RFC 7517 4.2)."""
    jwks.keys = [jwk(RSA_KEY, "one", use="enc"), jwk(EC_KEY, "two")]
    text = token(key=RSA_KEY, alg="RS256", headers={"kid": "one"})
    assert await refusal(verifier(clock, jwks_url=jwks.url), text) == "key"


async def test_verify_jwks_shared_secret_in_the_set_is_refused(clock: Clock, jwks: JwksServer) -> None:
    """A set that all may read holds no secrets."""
    jwks.keys.append({"kty": "oct", "kid": "oct", "alg": "HS256", "k": b64(SECRET.encode())})
    assert await refusal(verifier(clock, jwks_url=jwks.url), token(headers={"kid": "oct"})) == "algorithm"


async def test_verify_jwks_short_key_in_the_set_is_refused(clock: Clock, jwks: JwksServer) -> None:
    """An RSA key of 1,024 bits is refused, not only warned about."""
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - the point of the test
    jwks.keys = [jwk(short, "one")]
    head = b64(json.dumps({"alg": "RS256", "kid": "one"}).encode())
    text = f"{head}.{b64(json.dumps(payload()).encode())}.{b64(b'x' * 128)}"
    assert await refusal(verifier(clock, jwks_url=jwks.url), text) == "key"


async def test_verify_jwks_unreachable_raises_unavailable(clock: Clock, jwks: JwksServer) -> None:
    """While the endpoint is away nobody is told that the token is bad; a second later it is asked again."""
    jwks.status = 503
    checker = verifier(clock, jwks_url=jwks.url)
    text = token(key=RSA_KEY, alg="RS256", headers={"kid": "one"})
    for _ in range(20):
        with pytest.raises(UnavailableError):
            await checker.verify(text)
    assert jwks.requests == 1
    jwks.status = 200
    clock.seconds += 1
    assert (await checker.verify(text)).user_id == "42"


async def test_verify_jwks_refused_connection_raises_unavailable(clock: Clock, jwks: JwksServer) -> None:
    """Nobody listening is a passing trouble for unknown keys, and none for those at hand."""
    checker = verifier(clock, jwks_url=jwks.url)
    known = token(key=RSA_KEY, alg="RS256", headers={"kid": "one"})
    await checker.verify(known)
    jwks.close()
    clock.seconds += 10
    for _ in range(2):
        with pytest.raises(UnavailableError):
            await checker.verify(token(key=EC_KEY, alg="ES256", headers={"kid": "two"}))
    assert (await checker.verify(known)).user_id == "42"
    clock.seconds += 20
    with pytest.raises(UnavailableError):
        await verifier(clock, jwks_url=jwks.url).verify(known)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'{"keys": []}', b'{"keys": 7}', b"\xff", b"[" * 9000, b'{"keys": [{"kty": "X"}]}',
     b'{"keys": [{"kty": "RSA", "kid": "one", "n": 5, "e": "AQAB"}]}'],
)  # fmt: skip
async def test_verify_jwks_answer_without_keys_raises_unavailable(clock: Clock, jwks: JwksServer, body: bytes) -> None:
    """An endpoint that answers nonsense is as good as away."""
    jwks.body = body
    with pytest.raises(UnavailableError):
        await verifier(clock, jwks_url=jwks.url).verify(token(key=RSA_KEY, alg="RS256", headers={"kid": "one"}))


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
