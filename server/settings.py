"""Settings: the environment, read once into a frozen dataclass. Nothing below reads configuration by itself."""

import ipaddress
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from environs import Env, EnvError

from server.contract.vapid import VapidKey, load_vapid_key, new_private_key
from server.realtime.relay import Worker
from server.services.actor import Locale
from server.services.auth import ServiceTokens
from server.services.people import Directory
from server.services.threads import ThreadCreation
from server.services.token_config import TokenConfig
from server.storage.engine import is_postgres, is_sqlite

VAR = Path("var")
DEFAULT_DATABASE_URL = f"sqlite:///{VAR}/verihome.db"
DEFAULT_REDIS_DATABASE = 4
DEMO_SUBJECT = "mailto:demo@example.com"
MAX_MESSAGE_CHARS = 20_000
"""Twelve bytes each at worst (an escaped surrogate pair): still within one frame."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SettingsError(Exception):
    """The environment is not one that the server can run in; the text says which variable and why."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All that can be configured; README.md has the table of what each means."""

    host: str
    port: int
    database_url: str
    sqlite_synchronous: str
    redis_url: str | None
    redis_prefix: str
    tokens: TokenConfig
    service_tokens: ServiceTokens
    allowed_origins: frozenset[str]
    trusted_proxies: tuple[Network, ...]
    default_locale: Locale
    max_message_chars: int
    websocket_enabled: bool
    websocket_deflate: bool
    heartbeat_interval_s: int
    reconnect_attempts: int
    presence_grace_s: float
    operations_per_s: int
    connections_per_user: int
    connections_per_address: int
    drain_s: float
    thread_creation: ThreadCreation
    directory: Directory
    log_level: str
    vapid: VapidKey | None
    demo: bool
    worker: Worker | None


def load_settings(environment: dict[str, str] | None = None) -> Settings:
    """Read the settings from the environment (or, in tests, from a mapping).

    Raises:
        SettingsError: a variable is missing or wrong.
    """
    env = _MappingEnv(environment) if environment is not None else Env()
    try:
        return _load(env)
    except (EnvError, ValueError) as error:
        raise SettingsError(str(error)) from None


def load_database_url() -> str:
    """Read `DATABASE_URL` alone: migrating needs no keys.

    Raises:
        SettingsError: it is neither SQLite's nor PostgreSQL's.
    """
    try:
        return _database_url(Env().str("DATABASE_URL", "") or DEFAULT_DATABASE_URL)
    except ValueError as error:
        raise SettingsError(str(error)) from None


class _MappingEnv(Env):
    """An environment of its own, so that tests need not touch the process's."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__()
        self._values = values

    def _get_value(self, env_key: str, default: Any) -> Any:
        return self._values.get(env_key, default)


def _load(env: Env) -> Settings:
    demo = env.bool("DEMO", False)
    return Settings(
        host=env.str("HOST", "0.0.0.0"),  # noqa: S104 - a server is there to be reached
        port=_ranged(env.int, "PORT", 8000, 0, 65_535),
        database_url=_database_url(env.str("DATABASE_URL", "") or DEFAULT_DATABASE_URL),
        sqlite_synchronous=_choice(env, "SQLITE_SYNCHRONOUS", "FULL", ("OFF", "NORMAL", "FULL", "EXTRA")),
        redis_url=redis_url(env.str("REDIS_URL", "")),
        redis_prefix=_redis_prefix(env.str("REDIS_PREFIX", "") or "verihome"),
        tokens=_tokens(env, demo=demo),
        service_tokens=ServiceTokens(_texts(env, "SERVICE_TOKENS")),
        allowed_origins=frozenset(origin.rstrip("/") for origin in _texts(env, "ALLOWED_ORIGINS")),
        trusted_proxies=_networks(env, "TRUSTED_PROXIES"),
        default_locale=_choice(env, "DEFAULT_LOCALE", "es", ("es", "en")),
        max_message_chars=_ranged(env.int, "MAX_MESSAGE_CHARS", 4_000, 1, MAX_MESSAGE_CHARS),
        websocket_enabled=env.bool("WEBSOCKET_ENABLED", True),
        websocket_deflate=env.bool("WS_DEFLATE", False),
        heartbeat_interval_s=_ranged(env.int, "WEBSOCKET_HEARTBEAT_INTERVAL", 30, 1, 3_600),
        reconnect_attempts=_ranged(env.int, "WEBSOCKET_RECONNECT_ATTEMPTS", 5, 0, 1_000_000),
        presence_grace_s=_ranged(env.float, "PRESENCE_GRACE_S", 5.0, 0, 600),
        operations_per_s=_ranged(env.int, "OPERATIONS_PER_S", 200, 0, 1_000_000),
        connections_per_user=_ranged(env.int, "CONNECTIONS_PER_USER", 100, 0, 1_000_000),
        connections_per_address=_ranged(env.int, "CONNECTIONS_PER_ADDRESS", 0, 0, 1_000_000),
        drain_s=_ranged(env.float, "DRAIN_S", 6.0, 0, 300),
        thread_creation=_choice(env, "THREAD_CREATION", "anyone", ("anyone", "service")),
        directory=_choice(env, "DIRECTORY", "all" if demo else "shared", ("shared", "all")),
        log_level=_choice(env, "LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
        vapid=_vapid(env, demo=demo),
        demo=demo,
        worker=_worker(env),
    )


def _worker(env: Env) -> Worker | None:
    """Return which worker this is; the supervisor says so to those that it starts (supervisor.py)."""
    number, _, count = env.str("VERIHOME_WORKER", "").partition("/")
    return Worker(int(number), int(count), Path(env.str("VERIHOME_WORKER_FOLDER"))) if number else None


def redis_url(url: str) -> str | None:
    """Name a database where the URL names none (4, as in the source document); None if there is no URL.

    Raises:
        ValueError: the URL is not Redis's.
    """
    if not url:
        return None
    if url.startswith("unix://"):
        return url
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("REDIS_URL has no proper host and port") from None
    if parts.scheme not in ("redis", "rediss"):
        raise ValueError("REDIS_URL must begin with redis://, rediss:// or unix://")
    if parts.path in ("", "/") and "db=" not in parts.query:
        parts = parts._replace(path=f"/{DEFAULT_REDIS_DATABASE}")
    return parts.geturl()


def _redis_prefix(prefix: str) -> str:
    if not re.fullmatch(r"[\w.:-]{1,64}", prefix, re.ASCII):
        raise ValueError("REDIS_PREFIX must be 1 to 64 letters, digits and _.:-")
    return prefix


def redis_options(url: str) -> dict[str, Any]:
    """Return options of the Redis client: short time-outs, and Heroku's self-signed certificate accepted.

    `rediss://...?ssl_cert_reqs=required` asks for a certificate that can be checked.
    """
    options: dict[str, Any] = {"socket_timeout": 1, "socket_connect_timeout": 1}
    if url.startswith("rediss://") and "ssl_cert_reqs" not in url:
        options["ssl_cert_reqs"] = "none"
    return options


def _tokens(env: Env, *, demo: bool) -> TokenConfig:
    secret = env.str("JWT_SECRET", "") or None
    public_key = env.str("JWT_PUBLIC_KEY", "").replace("\\n", "\n") or None
    jwks_url = env.str("JWT_JWKS_URL", "") or None
    if demo and not (secret or public_key or jwks_url):
        secret = demo_secret()
    if not (secret or public_key or jwks_url):
        raise SettingsError(
            "Set JWT_SECRET (32 bytes or more), JWT_PUBLIC_KEY or JWT_JWKS_URL, so that tokens can be checked;"
            " or DEMO=1 to try the server with a key and people of its own."
        )
    return TokenConfig(
        secret=secret,
        public_key=public_key,
        jwks_url=jwks_url,
        algorithms=_texts(env, "JWT_ALGORITHMS"),
        audience=env.str("JWT_AUDIENCE", "") or None,
        issuer=env.str("JWT_ISSUER", "") or None,
        user_id_claim=env.str("JWT_USER_ID_CLAIM", "user_id"),
        name_claim=env.str("JWT_NAME_CLAIM", "name"),
        token_type_claim=env.str("JWT_TOKEN_TYPE_CLAIM", "token_type"),
    )


def _vapid(env: Env, *, demo: bool) -> VapidKey | None:
    private = env.str("VAPID_PRIVATE_KEY", "")
    public = env.str("VAPID_PUBLIC_KEY", "") or None
    subject = env.str("VAPID_SUBJECT", "")
    if private:
        return load_vapid_key(private, subject, public)
    if public:
        raise ValueError("VAPID_PUBLIC_KEY is of no use without VAPID_PRIVATE_KEY")
    return load_vapid_key(demo_vapid_key(), subject or DEMO_SUBJECT) if demo else None


def demo_secret(folder: Path = VAR) -> str:
    """Return the demo's own key, made at first use and kept, so that demo tokens survive a restart."""
    return _kept(folder / "demo.key", lambda: secrets.token_urlsafe(48))


def demo_vapid_key(folder: Path = VAR) -> str:
    """Return the demo's own key for pushes, made at first use and kept, so that subscriptions survive a restart."""
    return _kept(folder / "demo-vapid.key", new_private_key)


def _kept(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written beside it and put there whole: of processes that start together one is first, and all read its key.
        scratch = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        scratch.touch(mode=0o600)
        scratch.write_text(make())
        try:
            path.hardlink_to(scratch)
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links
            scratch.rename(path)
        scratch.unlink(missing_ok=True)
    return path.read_text().strip()


def _database_url(url: str) -> str:
    if not (is_sqlite(url) or is_postgres(url)):
        raise ValueError("DATABASE_URL must begin with sqlite:///, postgres:// or postgresql://")
    return url


def _texts(env: Env, name: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in env.str(name, "").split(",") if item.strip())


def _networks(env: Env, name: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(item) for item in _texts(env, name))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _choice(env: Env, name: str, default: str, choices: tuple[str, ...]) -> Any:
    value = env.str(name, default)
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}")
    return value


def _ranged(read: Callable[..., Any], name: str, default: float, minimum: float, maximum: float) -> Any:
    value = read(name, default)
    if not minimum <= value <= maximum:
        raise ValueError(f"{name} must be from {minimum} to {maximum}")
    return value
