"""Tokens, good and forged, and an endpoint with keys, for the tests of who is let in."""

import base64
import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from server.domain.errors import UnauthenticatedError
from server.services.auth import TokenVerifier
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
