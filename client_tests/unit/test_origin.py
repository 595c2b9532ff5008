"""Origins: the server's own page and those allowed by name may connect, whatever a page claims."""

import pytest
from aiohttp.test_utils import make_mocked_request

from server.routes.middleware import OriginPolicy, is_realtime

OWN = OriginPolicy(frozenset())
NAMED = OriginPolicy(frozenset({"https://app.example", "http://localhost:3000"}))


def allows(policy: OriginPolicy, origin: str | None, host: str = "chat.example", **headers: str) -> bool:
    """Ask as a page of some origin."""
    given = {"Host": host, **({} if origin is None else {"Origin": origin})}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    return policy.allows(make_mocked_request("GET", "/socket.io/", headers=given))


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "chat.example"),
        ("https://chat.example", "chat.example"),
        ("http://chat.example", "chat.example"),
        ("https://CHAT.example", "chat.EXAMPLE"),
        ("https://chat.example:443", "chat.example"),
        ("https://chat.example", "chat.example:443"),
        ("http://chat.example", "chat.example:80"),
        ("http://chat.example:8000", "chat.example:8000"),
        ("http://[::1]:8000", "[::1]:8000"),
        ("http://127.0.0.1:8000", "127.0.0.1:8000"),
    ],
)
def test_origin_that_is_the_servers_own_is_allowed(origin: str | None, host: str) -> None:
    """Host and port are equal, the scheme may differ (TLS ends at a proxy); no Origin is no browser."""
    assert allows(OWN, origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://evil.example", "chat.example"),
        ("https://chat.example.evil.example", "chat.example"),
        ("https://evilchat.example", "chat.example"),
        ("https://sub.chat.example", "chat.example"),
        ("https://chat.example@evil.example", "chat.example"),
        ("https://chat.example:8443", "chat.example"),
        ("http://chat.example:8001", "chat.example:8000"),
        ("http://chat.example", "chat.example:8000"),
        ("http://127.0.0.1:8000", "localhost:8000"),
        ("null", "chat.example"),
        ("null", "null"),
        ("", "chat.example"),
        ("", ""),
        ("file://", "chat.example"),
        ("file://", ""),
        ("chat.example", "chat.example"),
        ("//chat.example", "other.example"),
        ("https://", ""),
        ("https://chat.example:port", "chat.example"),
        ("https://chat.example:99999", "chat.example"),
        ("https://[", "chat.example"),
        ("https://[::1", "chat.example"),
        ("https://chat.example", "chat.example:port"),
        ("https://chat.example", "["),
    ],
)
def test_origin_that_is_foreign_or_malformed_is_refused(origin: str, host: str) -> None:
    """Also `null` (a sandboxed frame, a file), and whatever cannot be read: refused, never an error."""
    assert not allows(OWN, origin, host)


@pytest.mark.parametrize("header", ["X_Forwarded_Host", "X_Forwarded_Proto", "Forwarded", "X_Original_Host"])
def test_origin_is_not_compared_with_a_forged_header(header: str) -> None:
    """What a client may write itself proves nothing."""
    assert not allows(OWN, "https://evil.example", **{header: "evil.example"})
    assert not allows(OWN, "https://evil.example", **{header: "host=evil.example"})


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://app.example", True),
        ("http://localhost:3000", True),
        ("https://chat.example", True),
        ("http://app.example", False),
        ("https://app.example:8443", False),
        ("https://app.example.evil.example", False),
        ("http://localhost:3001", False),
        ("null", False),
    ],
)
def test_origin_that_is_named_is_allowed_exactly(origin: str, *, allowed: bool) -> None:
    """Scheme and port count for those; the server's own page is allowed as well."""
    assert allows(NAMED, origin) == allowed


@pytest.mark.parametrize("origin", ["https://any.example", "null", "https://["])
def test_origin_with_a_star_is_any(origin: str) -> None:
    """Whoever asks for it gets it."""
    assert allows(OriginPolicy(frozenset({"*"})), origin)


@pytest.mark.parametrize(
    ("path", "realtime"),
    [("/socket.io/", True), ("/ws/messaging/", True), ("/api/v1/threads", False), ("/", False), ("/wsx", False)],
)
def test_is_realtime_knows_the_routes_that_browsers_open_without_asking(path: str, *, realtime: bool) -> None:
    """WebSockets and polling are not protected by CORS, so their Origin is checked here."""
    assert is_realtime(make_mocked_request("GET", path)) == realtime
