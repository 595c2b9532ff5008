"""Settings: what each variable is by default, what it takes, and how a wrong one is told."""

import ipaddress
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from client_tests.push import KEY
from server import settings as settings_module
from server.contract.vapid import VapidKey, load_vapid_key, new_private_key
from server.settings import (
    Settings,
    SettingsError,
    demo_secret,
    demo_vapid_key,
    load_settings,
    redis_options,
    redis_url,
)

SECRET = "do-not-echo-this-secret-0123456789abcdef"


def load(**environment: str) -> Settings:
    """Load settings with a secret and some variables more."""
    return load_settings({"JWT_SECRET": SECRET, **environment})


def test_load_with_a_secret_alone_has_the_documented_defaults() -> None:
    """As the contract lists them."""
    loaded = load()
    assert (loaded.host, loaded.port, loaded.database_url) == ("0.0.0.0", 8000, "sqlite:///var/verihome.db")
    assert (loaded.sqlite_synchronous, loaded.redis_url, loaded.default_locale) == ("FULL", None, "es")
    assert (loaded.allowed_origins, loaded.trusted_proxies) == (frozenset(), ())
    assert (loaded.max_message_chars, loaded.websocket_enabled) == (4_000, True)
    assert (loaded.heartbeat_interval_s, loaded.reconnect_attempts, loaded.presence_grace_s) == (30, 5, 5.0)
    assert (loaded.operations_per_s, loaded.connections_per_user, loaded.connections_per_address) == (200, 100, 0)
    assert loaded.drain_s == 6.0
    assert (loaded.thread_creation, loaded.directory) == ("anyone", "shared")
    assert (loaded.log_level, loaded.demo) == ("INFO", False)
    assert loaded.tokens.allowed_algorithms == ("HS256",)
    assert (loaded.tokens.user_id_claim, loaded.tokens.name_claim) == ("user_id", "name")
    assert not loaded.service_tokens.matches("")


def test_load_reads_every_variable() -> None:
    """Each may be set to something else."""
    loaded = load(
        JWT_SECRET=SECRET * 2,
        HOST="::1",
        PORT="0",
        DATABASE_URL="postgres://u:p@h/d",
        SQLITE_SYNCHRONOUS="NORMAL",
        REDIS_URL="redis://h",
        JWT_ALGORITHMS="HS256, HS384",
        JWT_AUDIENCE="a",
        JWT_ISSUER="i",
        JWT_USER_ID_CLAIM="sub",
        JWT_NAME_CLAIM="n",
        JWT_TOKEN_TYPE_CLAIM="typ",
        SERVICE_TOKENS="0123456789abcdef, fedcba9876543210,",
        ALLOWED_ORIGINS="https://a.example/ , https://b.example",
        TRUSTED_PROXIES="10.0.0.0/8,::1",
        DEFAULT_LOCALE="en",
        MAX_MESSAGE_CHARS="10",
        WEBSOCKET_ENABLED="false",
        WEBSOCKET_HEARTBEAT_INTERVAL="10",
        WEBSOCKET_RECONNECT_ATTEMPTS="0",
        PRESENCE_GRACE_S="0.5",
        OPERATIONS_PER_S="0",
        CONNECTIONS_PER_USER="7",
        CONNECTIONS_PER_ADDRESS="8",
        DRAIN_S="0.5",
        THREAD_CREATION="service",
        DIRECTORY="all",
        LOG_LEVEL="DEBUG",
    )
    assert (loaded.host, loaded.port, loaded.database_url) == ("::1", 0, "postgres://u:p@h/d")
    assert (loaded.sqlite_synchronous, loaded.redis_url) == ("NORMAL", "redis://h/4")
    assert (loaded.tokens.algorithms, loaded.tokens.audience, loaded.tokens.issuer) == (("HS256", "HS384"), "a", "i")
    claims = (loaded.tokens.user_id_claim, loaded.tokens.name_claim, loaded.tokens.token_type_claim)
    assert claims == ("sub", "n", "typ")
    assert [loaded.service_tokens.matches(token) for token in ("fedcba9876543210", "x")] == [True, False]
    assert loaded.allowed_origins == {"https://a.example", "https://b.example"}
    assert loaded.trusted_proxies == (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128"))
    assert (loaded.default_locale, loaded.max_message_chars, loaded.websocket_enabled) == ("en", 10, False)
    assert (loaded.heartbeat_interval_s, loaded.reconnect_attempts, loaded.presence_grace_s) == (10, 0, 0.5)
    assert (loaded.operations_per_s, loaded.connections_per_user, loaded.connections_per_address) == (0, 7, 8)
    assert loaded.drain_s == 0.5
    assert (loaded.thread_creation, loaded.directory, loaded.log_level) == ("service", "all", "DEBUG")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("PORT", ["-1", "65536", "http", "80.5", ""]),
        ("DATABASE_URL", ["mysql://h/d", "sqlite://x", "/var/db", "postgresql+asyncpg://h/d"]),
        ("SQLITE_SYNCHRONOUS", ["full", "MAYBE"]),
        ("REDIS_PREFIX", ["a b", "ü", "x" * 65, "*"]),
        ("REDIS_URL", ["http://h", "h:6379", "redis://[", "redis://h:port"]),
        ("JWT_SECRET", ["short"]),
        ("JWT_ALGORITHMS", ["none", "RS256", "HS256,ES256"]),
        ("JWT_PUBLIC_KEY", ["a key beside the secret"]),
        ("JWT_JWKS_URL", ["https://beside.the.secret/jwks"]),
        ("SERVICE_TOKENS", ["too-short", "0123456789abcdef,short"]),
        ("TRUSTED_PROXIES", ["10.0.0.1/8", "proxy.example", "*"]),
        ("DEFAULT_LOCALE", ["fr", "ES"]),
        ("MAX_MESSAGE_CHARS", ["0", "1e3", "40001", "many"]),
        ("WEBSOCKET_ENABLED", ["perhaps"]),
        ("WEBSOCKET_HEARTBEAT_INTERVAL", ["0", "3601"]),
        ("WEBSOCKET_RECONNECT_ATTEMPTS", ["-1"]),
        ("PRESENCE_GRACE_S", ["-0.1", "601", "nan", "inf"]),
        ("OPERATIONS_PER_S", ["-1", "0.5", "1000001", "many"]),
        ("CONNECTIONS_PER_USER", ["-1", "x"]),
        ("CONNECTIONS_PER_ADDRESS", ["-1", "x"]),
        ("DRAIN_S", ["-0.1", "301", "nan", "inf"]),
        ("THREAD_CREATION", ["nobody"]),
        ("DIRECTORY", ["some"]),
        ("LOG_LEVEL", ["debug", "TRACE"]),
        ("DEMO", ["maybe"]),
    ],
)
def test_load_with_a_wrong_value_names_the_variable(name: str, values: list[str]) -> None:
    """The text says which variable it is, and never what the secret is."""
    for value in values:
        with pytest.raises(SettingsError) as caught:
            load(**{name: value})
        assert name in str(caught.value), value
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "environment",
    [
        {"JWT_SECRET": SECRET[:31]},
        {"JWT_PUBLIC_KEY": f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----"},
        {"JWT_SECRET": SECRET, "SERVICE_TOKENS": SECRET[:15]},
        {"JWT_SECRET": SECRET, "DATABASE_URL": f"mysql://u:{SECRET}@h/d"},
        {"JWT_SECRET": SECRET, "REDIS_URL": f"http://u:{SECRET}@h"},
        {"JWT_SECRET": SECRET, "REDIS_URL": f"redis://u:{SECRET}@h:port"},
    ],
)
def test_load_with_a_wrong_secret_does_not_echo_it(environment: dict[str, str]) -> None:
    """Error texts end in logs."""
    with pytest.raises(SettingsError) as caught:
        load_settings(environment)
    assert SECRET[:15] not in str(caught.value)
    assert caught.value.__cause__ is None


def test_settings_do_not_show_their_secrets() -> None:
    """Printed by accident, they still tell nothing."""
    shown = repr(load(SERVICE_TOKENS="do-not-echo-this-token"))
    assert SECRET not in shown
    assert "do-not-echo" not in shown


@pytest.mark.parametrize("environment", [{}, {"JWT_SECRET": ""}, {"DEMO": "0"}])
def test_load_without_a_key_is_refused(environment: dict[str, str]) -> None:
    """A server that could not check tokens does not start; the text says what to set."""
    with pytest.raises(SettingsError, match=r"JWT_SECRET.*JWT_PUBLIC_KEY.*JWT_JWKS_URL.*DEMO"):
        load_settings(environment)


def test_load_demo_makes_a_key_and_opens_the_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """DEMO=1 needs nothing else; a key that is given is preferred."""
    monkeypatch.setattr(settings_module, "demo_secret", lambda: "d" * 40)
    monkeypatch.setattr(settings_module, "demo_vapid_key", lambda: KEY.private)
    loaded = load_settings({"DEMO": "1"})
    assert (loaded.demo, loaded.directory, loaded.tokens.secret) == (True, "all", "d" * 40)
    assert loaded.vapid == VapidKey(KEY.private, KEY.public, "mailto:demo@example.com")
    assert load(DEMO="1").tokens.secret == SECRET
    other = new_private_key()
    given = load(DEMO="1", VAPID_PRIVATE_KEY=other, VAPID_SUBJECT=KEY.subject).vapid
    assert given == load_vapid_key(other, KEY.subject)


def test_demo_vapid_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    """Subscriptions survive a restart, and of processes that start together all have the same key."""
    folder = tmp_path / "var"
    first = demo_vapid_key(folder)
    assert demo_vapid_key(folder) == first
    assert load_vapid_key(first, KEY.subject)
    assert (folder / "demo-vapid.key").stat().st_mode & 0o777 == 0o600
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(demo_vapid_key, [tmp_path / "other"] * 32))
    assert len(keys) == 1
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["demo-vapid.key"]


def test_demo_key_is_kept_where_there_are_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some file systems have none."""

    def refuse(*_: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    assert demo_secret(tmp_path) == demo_secret(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["demo.key"]


def test_load_pushes_only_with_a_key() -> None:
    """Without one nothing is pushed; with one, whoever runs push services can write to somebody."""
    assert load().vapid is None
    assert load(VAPID_SUBJECT=KEY.subject).vapid is None
    loaded = load(VAPID_PRIVATE_KEY=KEY.private, VAPID_PUBLIC_KEY=KEY.public, VAPID_SUBJECT=KEY.subject)
    assert loaded.vapid == KEY
    assert KEY.private not in repr(loaded)
    other = load_vapid_key(new_private_key(), KEY.subject)
    for wrong in (
        {"VAPID_PRIVATE_KEY": KEY.private},
        {"VAPID_PRIVATE_KEY": KEY.private, "VAPID_SUBJECT": "me"},
        {"VAPID_PRIVATE_KEY": KEY.private[:-1], "VAPID_SUBJECT": KEY.subject},
        {"VAPID_PRIVATE_KEY": KEY.private, "VAPID_SUBJECT": KEY.subject, "VAPID_PUBLIC_KEY": other.public},
        {"VAPID_PUBLIC_KEY": KEY.public},
    ):
        with pytest.raises(SettingsError, match="VAPID_") as caught:
            load(**wrong)
        assert KEY.private[:20] not in str(caught.value)


def test_demo_secret_is_made_once_and_kept_private(tmp_path: Path) -> None:
    """Demo tokens survive a restart, and only the owner can read the key."""
    folder = tmp_path / "var"
    first = demo_secret(folder)
    assert len(first) >= 32
    assert demo_secret(folder) == first
    assert (folder / "demo.key").stat().st_mode & 0o777 == 0o600
    assert demo_secret(tmp_path / "other") != first


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", None),
        ("redis://h", "redis://h/4"),
        ("redis://h:6379/", "redis://h:6379/4"),
        ("redis://u:p@h/0", "redis://u:p@h/0"),
        ("redis://h?db=2", "redis://h?db=2"),
        ("rediss://h:6380?ssl_cert_reqs=required", "rediss://h:6380/4?ssl_cert_reqs=required"),
        ("unix:///tmp/redis.sock?db=1", "unix:///tmp/redis.sock?db=1"),
    ],
)
def test_redis_url_without_a_database_gets_the_fourth(given: str, expected: str | None) -> None:
    """As in the source document; a database that is named stays."""
    assert redis_url(given) == expected


def test_redis_options_accept_herokus_certificate_unless_told_otherwise() -> None:
    """Time-outs are short everywhere."""
    assert redis_options("redis://h/4") == {"socket_timeout": 1, "socket_connect_timeout": 1}
    assert redis_options("rediss://h/4")["ssl_cert_reqs"] == "none"
    assert "ssl_cert_reqs" not in redis_options("rediss://h/4?ssl_cert_reqs=required")
