"""Tokens whose keys come from a JWKS endpoint, which rotates them, is away, or talks nonsense."""

import asyncio
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from client_tests.unit.tokens import (
    EC_KEY,
    NOW_S,
    RSA_KEY,
    SECRET,
    Clock,
    JwksServer,
    b64,
    jwk,
    payload,
    refusal,
    token,
    verifier,
)
from server.domain.errors import UnavailableError
from server.services.auth import Claims


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
