"""Pushes over HTTP to the push services of browsers: encrypted for one browser (RFC 8291), signed by us (RFC 8292).

The address comes from whoever subscribed, so it is called with care: https only (checked when it was stored); public
addresses only, checked for the very socket that is opened, so a name that resolves to something else by then is of no
use; no redirects, no proxy, and of the answer nothing is read but its head. `pywebpush` encrypts only: its own way of
sending follows redirects and reads whole answers.
"""

import socket
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from ssl import SSLContext
from typing import Any

import aiohttp
import jwt
import orjson
import structlog
from aiohttp.abc import AbstractResolver
from pywebpush import WebPusher
from yarl import URL

from server.contract.schemas import dump_push
from server.contract.vapid import VapidKey
from server.domain.addresses import is_public_address
from server.domain.models import Push, PushResult, PushSubscription

TTL_S = 24 * 60 * 60
TIMEOUT_S = 10.0
MAX_CONNECTIONS = 20
TOKEN_LIFE_S = 12 * 60 * 60
TOKEN_RENEW_S = 60 * 60
MAX_TOKENS = 1_000
WARN_EVERY_S = 10.0

AddressInfo = tuple[Any, Any, int, str, tuple[Any, ...]]
"""As `socket.getaddrinfo` has them."""

log = structlog.get_logger()


class ForbiddenAddressError(OSError):
    """The host turned out to be no public one."""


class WebPush:
    """Sends pushes. `is_allowed`, `resolver` and `tls` are for tests, whose push services are on this machine."""

    def __init__(
        self,
        key: VapidKey,
        now: Callable[[], int],
        *,
        is_allowed: Callable[[str], bool] = is_public_address,
        resolver: AbstractResolver | None = None,
        tls: SSLContext | None = None,
    ) -> None:
        self._signer = _Signer(key, now)
        self._now = now
        self._is_allowed = is_allowed
        self._resolver = resolver
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None
        self._warned_at = float("-inf")

    async def send(self, push: Push) -> PushResult:
        """Send one push, once. Never raises."""
        url = URL(push.subscription.endpoint, encoded=True)
        try:
            status, retry_after = await self._post(url, push)
        except aiohttp.ClientConnectorError as error:
            is_forbidden = isinstance(error.os_error, ForbiddenAddressError)
            self._warn(url, "address not public" if is_forbidden else "not reached")
            return PushResult("refused" if is_forbidden else "later")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self._warn(url, type(error).__name__)
            return PushResult("later")
        except Exception as error:  # noqa: BLE001 - keys that turn out unusable; nobody is there to be told
            self._warn(url, type(error).__name__)
            return PushResult("refused")
        return self._judge(url, status, retry_after)

    async def close(self) -> None:
        """Let go of all connections."""
        if self._session is not None:
            await self._session.close()

    async def _post(self, url: URL, push: Push) -> tuple[int, str | None]:
        body = _encrypt(push.subscription, orjson.dumps(dump_push(push.note)))
        headers = self._signer.headers(url) | _headers(push)
        async with self._connected().post(url, data=body, headers=headers, allow_redirects=False) as response:
            return response.status, response.headers.get("Retry-After")

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=MAX_CONNECTIONS,
                resolver=self._resolver,
                socket_factory=self._open_socket,
                ssl=self._tls if self._tls is not None else True,
            )
            # No cookies and, as `trust_env` is not set, no proxy: a proxy would choose the address by itself.
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            )
        return self._session

    def _open_socket(self, info: AddressInfo) -> socket.socket:
        family, kind, protocol, _, address = info
        if not self._is_allowed(str(address[0])):
            raise ForbiddenAddressError("the address is not a public one")
        return socket.socket(family, kind, protocol)

    def _judge(self, url: URL, status: int, retry_after: str | None) -> PushResult:
        if status in range(200, 300):
            return PushResult("sent")
        if status in (404, 410):
            return PushResult("gone")
        self._warn(url, "our key is refused" if status in (401, 403) else "refused", status=status)
        if status == 429 or status >= 500:  # noqa: PLR2004 - HTTP's own numbers
            return PushResult("later", _seconds(retry_after, self._now()))
        return PushResult("refused")

    def _warn(self, url: URL, reason: str, **more: Any) -> None:
        """Log a failure, now and then. Of the address only the host: with the rest, anybody could push."""
        if time.monotonic() - self._warned_at > WARN_EVERY_S:
            self._warned_at = time.monotonic()
            log.warning("push failed", host=url.host, reason=reason, **more)


class _Signer:
    """Says who we are, to each push service with a token of its own; one token serves for hours."""

    def __init__(self, key: VapidKey, now: Callable[[], int]) -> None:
        self._key = key
        self._private_key = key.private_key()
        self._now = now
        self._tokens: dict[str, tuple[str, int]] = {}

    def headers(self, url: URL) -> dict[str, str]:
        """Return the header that signs a request."""
        audience, now_s = str(url.origin()), self._now() // 1000
        token, expires_at = self._tokens.get(audience, ("", 0))
        if expires_at - TOKEN_RENEW_S <= now_s:
            expires_at = now_s + TOKEN_LIFE_S
            claims = {"aud": audience, "exp": expires_at, "sub": self._key.subject}
            token = jwt.encode(claims, self._private_key, "ES256")
            if len(self._tokens) >= MAX_TOKENS:
                self._tokens.clear()
            self._tokens[audience] = (token, expires_at)
        return {"Authorization": f"vapid t={token}, k={self._key.public}"}


def _encrypt(subscription: PushSubscription, payload: bytes) -> bytes:
    keys = {"p256dh": subscription.keys.p256dh, "auth": subscription.keys.auth}
    pusher = WebPusher({"endpoint": subscription.endpoint, "keys": keys})
    return bytes(pusher.encode(payload)["body"])


def _headers(push: Push) -> dict[str, str]:
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Encoding": "aes128gcm",
        "TTL": str(TTL_S),
        "Urgency": "high" if push.note.urgent else "normal",
    }
    return headers if push.topic is None else headers | {"Topic": push.topic}


def _seconds(retry_after: str | None, now_ms: int) -> float | None:
    """Read a `Retry-After`: seconds, or a date."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:9])
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - now_ms / 1000)
    except (ValueError, OverflowError):
        return None
