"""The other side of pushes: a browser that subscribes and decrypts, and a push service on this machine."""

import asyncio
import base64
import datetime as dt
import ipaddress
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import http_ece
import jwt
import orjson
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from client_tests.services import LOOPBACK
from server.contract.vapid import VapidKey, load_vapid_key
from server.domain.models import PushKeys, PushSubscription
from server.realtime.webpush import WebPush
from server.services.ports import Clock

HOST = "push.example.com"
HEARD_S = 10.0
KEY = load_vapid_key("ojuTxMnpi6yrHmAX6LY3BSahyWhEsbfFNAFk2S-SjCU", "mailto:tests@example.com")
ENVIRONMENT = {"VAPID_PRIVATE_KEY": KEY.private, "VAPID_SUBJECT": KEY.subject}


def base64url(value: bytes) -> str:
    """Write bytes as browsers do."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


class Browser:
    """A browser with a subscription of its own."""

    def __init__(self, name: str = "b", host: str = HOST) -> None:
        self.endpoint = f"https://{host}/send/{name}-{os.urandom(6).hex()}"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._auth = os.urandom(16)

    @property
    def keys(self) -> dict[str, str]:
        """The keys, as `PushSubscription.toJSON()` has them."""
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {"p256dh": base64url(point), "auth": base64url(self._auth)}

    def subscription(self, **more: Any) -> dict[str, Any]:
        """Return the payload of `subscribe_push`."""
        return {"endpoint": self.endpoint, "keys": self.keys, **more}

    def stored(self, device_id: str = "d", user_id: str = "1") -> PushSubscription:
        """Return the subscription as the server holds it."""
        return PushSubscription(device_id, user_id, self.endpoint, PushKeys(**self.keys))

    def read(self, body: bytes) -> dict[str, Any]:
        """Decrypt a push, as the service worker gets it."""
        text = http_ece.decrypt(body, private_key=self._key, auth_secret=self._auth, version="aes128gcm")
        return dict(orjson.loads(text))


@dataclass(frozen=True)
class Request:
    """What a push service was asked."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class PushService:
    """A push service that answers as it is told (201 unless told otherwise), over HTTPS."""

    port: int = 0
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    trust: ssl.SSLContext | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def sender(self, now: Clock, key: VapidKey = KEY, **options: Any) -> WebPush:
        """Return the server's real sender, to which this push service is a public one."""
        choices = {"is_allowed": LOOPBACK.__eq__, "resolver": Resolver(self.port), "tls": self.trust, **options}
        return WebPush(key, now, **choices)

    async def heard(self, number: int = 1) -> list[Request]:
        """Wait until it was asked so often."""
        async with asyncio.timeout(HEARD_S):
            while len(self.requests) < number:
                self._news.clear()
                await self._news.wait()
        return self.requests

    async def handle(self, request: web.Request) -> web.Response:
        """Answer a push."""
        self.requests.append(Request(request.path, dict(request.headers), await request.read()))
        self._news.set()
        await self.gate.wait()
        status, headers = self.answers.pop(0) if self.answers else (201, {})
        return web.Response(status=status, headers=headers)


class Resolver(AbstractResolver):
    """Resolves every name to one address."""

    def __init__(self, port: int, address: str = LOOPBACK) -> None:
        self._port = port
        self._address = address

    async def resolve(
        self,
        host: str,
        port: int = 0,  # noqa: ARG002 - the one of the push service is used
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - the address's own is used
    ) -> list[ResolveResult]:
        """Return the address."""
        kind = socket.AF_INET6 if ":" in self._address else socket.AF_INET
        found = ResolveResult(hostname=host, host=self._address, port=self._port, family=kind, proto=0, flags=0)
        return [found]

    async def close(self) -> None:
        """Nothing to close."""


@asynccontextmanager
async def push_service(folder: Path) -> AsyncIterator[PushService]:
    """Run a push service with a certificate of its own."""
    service = PushService()
    service.gate.set()
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = _make_certificate(folder)
    served.load_cert_chain(certificate)
    service.trust = ssl.create_default_context(cafile=str(certificate))
    app = web.Application()
    app.router.add_post("/{path:.*}", service.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, 0, ssl_context=served).start()
    service.port = runner.addresses[0][1]
    yield service
    service.gate.set()
    await runner.cleanup()


def verify(request: Request, key: VapidKey = KEY) -> dict[str, Any]:
    """Check the signature of a push as a push service does, and return its claims."""
    scheme, _, values = request.headers["Authorization"].partition(" ")
    assert scheme == "vapid"
    parts = dict(part.strip().split("=", 1) for part in values.split(","))
    assert parts["k"] == key.public
    point = base64.urlsafe_b64decode(parts["k"] + "=" * (-len(parts["k"]) % 4))
    public_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    options: Any = {"verify_aud": False, "verify_exp": False}  # clocks of tests stand still
    return jwt.decode(parts["t"], public_key, ["ES256"], options=options)


def _make_certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName(HOST), x509.DNSName(f"*.{HOST}"), x509.IPAddress(ipaddress.ip_address(LOOPBACK))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "push.pem"
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(certificate.public_bytes(Encoding.PEM) + text)
    return path
