"""Fixtures of unit tests."""

from collections.abc import Iterator

import pytest

from client_tests.unit.tokens import RSA_KEY, Clock, JwksServer, jwk


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
