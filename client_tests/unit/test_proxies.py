"""Proxies: the client's address is taken from those who are trusted, and from nobody else."""

import ipaddress

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from server.routes.middleware import proxy_middleware

TRUSTED = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))
Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


async def seen_address(peer: str, *forwarded: str, trusted: Networks = TRUSTED) -> str | None:
    """Return the address that a handler sees, for a peer and `X-Forwarded-For` headers."""
    seen: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.remote)
        return web.Response()

    headers = CIMultiDict(("X-Forwarded-For", value) for value in forwarded)
    request = make_mocked_request("GET", "/", headers=headers).clone(remote=peer)
    await proxy_middleware(trusted)(request, handler)
    return seen[0]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["203.0.113.7, 10.0.0.2"], "203.0.113.7"),
        ("10.0.0.1", ["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["198.51.100.1, 203.0.113.7, 10.0.0.2"], "203.0.113.7"),
        ("10.0.0.1", ["198.51.100.1", "203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", [" 203.0.113.7 ,, "], "203.0.113.7"),
        ("fd00::1", ["2001:db8::7"], "2001:db8::7"),
        ("10.0.0.1", ["10.0.0.3"], "10.0.0.3"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.7, garbage"], "garbage"),
    ],
)
async def test_forwarded_by_a_trusted_proxy_is_the_last_untrusted_hop(
    peer: str, forwarded: list[str], client: str
) -> None:
    """What the client itself claims stands further left (or in an earlier header) and is not believed."""
    assert await seen_address(peer, *forwarded) == client


@pytest.mark.parametrize("peer", ["203.0.113.9", "11.0.0.1", "::1", ""])
async def test_forwarded_by_anyone_else_is_ignored(peer: str) -> None:
    """Whoever connects directly is who they are."""
    assert await seen_address(peer, "10.0.0.1, 127.0.0.1") == peer


async def test_forwarded_without_trusted_proxies_is_ignored() -> None:
    """The default: nobody is trusted."""
    assert await seen_address("10.0.0.1", "203.0.113.7", trusted=()) == "10.0.0.1"
