"""The link to a real Redis: whatever way to it, and whatever happens to it."""

import asyncio
import hashlib
import inspect
import ipaddress
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from redis._parsers.hiredis import _AsyncHiredisParser
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection, ConnectionPool

from client_tests.services import LOOPBACK, RedisServer, free_port, redis_server
from server.realtime import redis_link
from server.realtime.outbox import MAX_OUTBOX_BYTES
from server.realtime.redis_link import RedisLink, pack
from server.settings import redis_options

# What `_open` relies on, and a digest of its text in the pinned version. When one changes: read the new text, see that
# server/realtime/redis_link.py still fits, then take over the digest that the failing test shows.
RELIED_ON = {
    AbstractConnection._connect: "a84a7bbad0f55762",
    AbstractConnection.connect_check_health: "5cfa2c49e83e3645",
    AbstractConnection.on_connect_check_health: "afcc760f27d5b93b",
    AbstractConnection.disconnect: "11194f01c2f6d3c2",
    AbstractConnection.__del__: "43833913903de04a",
    ConnectionPool.make_connection: "d6f95077e2414e79",
    _AsyncHiredisParser.read_response: "6cba18b62d2aad4d",
}


@pytest.mark.parametrize(("method", "digest"), RELIED_ON.items(), ids=lambda item: getattr(item, "__qualname__", ""))
def test_part_of_redis_py_that_we_rely_on_is_unchanged(method: Any, digest: str) -> None:
    """The text is the one that was read when the link was written."""
    found = hashlib.sha256(inspect.getsource(method).encode()).hexdigest()[:16]
    assert found == digest, f"{method.__qualname__} changed: read it, then set its digest to {found}"


class Ears:
    """Remember what they are told, and let a test wait for it."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.channels: list[bytes] = []
        self.is_listening = self.is_publishing = False
        self.changes = 0

    def take(self, message: bytes) -> None:
        """A message."""
        self.messages.append(message)

    def confirmed(self, channel: bytes) -> None:
        """An answer."""
        self.channels.append(channel)

    def listening(self, *, up: bool) -> None:
        """Up or down."""
        self.changes += up != self.is_listening
        self.is_listening = up

    def publishing(self, *, up: bool) -> None:
        """Up or down."""
        self.changes += up != self.is_publishing
        self.is_publishing = up

    @property
    def up(self) -> bool:
        """Whether both connections are there."""
        return self.is_listening and self.is_publishing


async def until(condition: Callable[[], Any], within_s: float = 5.0) -> float:
    """Wait until something holds; return how long that took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - nothing tells when
            await asyncio.sleep(0.01)
    return loop.time() - began


@asynccontextmanager
async def linked(url: str, **options: Any) -> AsyncIterator[tuple[RedisLink, Ears]]:
    """A link that is up."""
    link, ears = RedisLink(url, {**redis_options(url), **options}), Ears()
    link.start(ears)
    try:
        await until(lambda: ears.up)
        yield link, ears
    finally:
        await link.close()


async def check(link: RedisLink, ears: Ears) -> None:
    """A message goes to Redis and comes back."""
    channel, message = uuid.uuid4().hex.encode(), uuid.uuid4().bytes * 50
    link.subscribe([channel])
    await until(lambda: channel in ears.channels)
    link.publish([channel, b"nobody"], message)
    await until(lambda: message in ears.messages)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RedisServer, int, Path]]:
    """A Redis with a TLS port, with a certificate that nobody signed but itself, and a Unix socket."""
    folder, port = tmp_path_factory.mktemp("redis"), free_port()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "redis")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    plain = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    files = ["--tls-cert-file", str(folder / "cert.pem"), "--tls-key-file", str(folder / "key.pem")]
    tls = ["--tls-port", str(port), *files, "--tls-auth-clients", "no"]
    with redis_server(None, *tls, "--unixsocket", str(folder / "r.sock")) as server:
        yield server, port, folder


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("way", ["tcp", "tls", "unix", "password"])
def test_link_works_whatever_the_way(everything: tuple[RedisServer, int, Path], way: str, loop: str) -> None:
    """On both event loops: plainly, over TLS that nobody vouches for (Heroku), over a Unix socket, and as a user."""
    server, tls_port, folder = everything
    urls = {
        "tcp": server.url,
        "tls": f"rediss://{LOOPBACK}:{tls_port}/4",
        "unix": f"unix://{folder}/r.sock?db=4",
        "password": f"redis://someone:s%40cret@{LOOPBACK}:{server.port}/4",
    }

    async def run() -> None:
        async with Redis.from_url(server.url) as client:
            await client.execute_command("ACL", "SETUSER", "someone", "on", ">s@cret", "~*", "&*", "+@all")
        async with linked(urls[way]) as (link, ears):
            await check(link, ears)
            link.publish([b"big"], b"x" * 5_000_000)
            await check(link, ears)
            assert link.dropped == 0

    runner = asyncio.Runner(loop_factory=uvloop.new_event_loop if loop == "uvloop" else None)
    with runner:
        runner.run(run())


async def test_certificate_is_checked_if_the_url_asks(everything: tuple[RedisServer, int, Path]) -> None:
    """`ssl_cert_reqs=required` refuses one that nobody vouches for."""
    link, ears = RedisLink(f"rediss://{LOOPBACK}:{everything[1]}/4?ssl_cert_reqs=required"), Ears()
    link.start(ears)
    await asyncio.sleep(0.5)
    assert not ears.up
    await link.close()


async def test_restarted_redis_is_found_again_and_gets_what_waited(redis: RedisServer) -> None:
    """Whoever subscribes again hears it, in order."""
    async with linked(redis.url) as (link, ears):
        redis.stop()
        await until(lambda: not ears.is_listening and not ears.is_publishing)
        for number in range(1_500):
            link.publish([b"c"], b"%d" % number)
        listener = Redis.from_url(redis.url)
        redis.start()
        async with listener.pubsub() as pubsub:
            # The link may be there before this is subscribed: then only what is published from now on is heard.
            await pubsub.subscribe("c")
            took_s = await until(lambda: ears.up)
            assert took_s < redis_link.MAX_RETRY_S + 1
            await until(lambda: not len(link._outbox))
        await listener.aclose()
        await check(link, ears)
        assert link.dropped == 0


async def test_broken_connections_are_made_again_and_what_was_written_is_written_again(redis: RedisServer) -> None:
    """Nothing is lost but what was published while nobody listened."""
    async with linked(redis.url) as (link, ears), Redis.from_url(redis.url) as admin:
        await check(link, ears)
        for kind in ("normal", "pubsub"):
            before = ears.changes
            link.publish([b"c"], b"1")
            await admin.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
            link.publish([b"c"], b"2")
            await until(lambda seen=before: ears.up and ears.changes == seen + 2)
            await check(link, ears)
        await until(lambda: not len(link._outbox))


async def test_frozen_redis_is_noticed_within_five_seconds_and_blocks_nothing(redis: RedisServer) -> None:
    """Connections stay open, and nothing is answered; what is sent is kept within its bounds."""
    async with linked(redis.url) as (link, ears):
        await asyncio.sleep(1.5)
        assert ears.up
        redis.freeze()
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(200):
            link.publish([b"c"], b"x" * 100_000)
            await asyncio.sleep(0)
        assert loop.time() - began < 1
        assert link._outbox._bytes <= MAX_OUTBOX_BYTES
        assert link.dropped > 0
        took_s = await until(lambda: not ears.is_listening and not ears.is_publishing, 8)
        assert took_s < 5.5
        redis.thaw()
        await until(lambda: ears.up, 8)
        await check(link, ears)


async def test_quiet_link_stays(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pings are answered, with and without subscriptions."""
    monkeypatch.setattr(redis_link, "PING_EVERY_S", 0.01)
    async with linked(redis.url) as (link, ears):
        await asyncio.sleep(0.3)
        link.subscribe([b"c"])
        await asyncio.sleep(0.3)
        assert ears.changes == 2


async def test_user_who_may_not_use_the_channels_is_away_and_tries_slowly(redis: RedisServer) -> None:
    """Redis refuses the command: that is no link, whatever else works."""
    async with Redis.from_url(redis.url) as client:
        await client.execute_command("ACL", "SETUSER", "someone", "on", ">s", "~*", "resetchannels", "+@all")
        link, ears = RedisLink(f"redis://someone:s@{LOOPBACK}:{redis.port}/4"), Ears()
        link.start(ears)
        downs = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(2):
                while True:
                    await until(lambda: ears.is_listening)
                    link.subscribe([b"c"])
                    await until(lambda: not ears.is_listening)
                    downs += 1
        assert 2 <= downs <= 8
        await link.close()


async def test_close_publishes_what_waits_first(redis: RedisServer) -> None:
    """What the last clients said is told although the process goes."""
    async with linked(redis.url) as (_, ears), linked(redis.url) as (link, _):
        async with linked(redis.url) as (other, heard):
            other.subscribe([b"c"])
            await until(lambda: b"c" in heard.channels)
            for number in range(2_000):
                link.publish([b"c"], b"%d" % number)
            await link.close()
            await until(lambda: len(heard.messages) == 2_000)
            assert heard.messages == [b"%d" % number for number in range(2_000)]
        assert ears.up


async def test_what_redis_refuses_of_the_preface_is_told_and_breaks_nothing(redis: RedisServer) -> None:
    """A Redis without streams, or without room, still publishes; a refused command is not sent again."""
    async with linked(redis.url) as (link, ears):
        await check(link, ears)
        changes = ears.changes
        refusals: list[str] = []
        commands = [pack(b"NOSUCHCOMMAND", b"a")]
        link.preface, link.refused = lambda: [commands.pop()] if commands else [], refusals.append
        channel = uuid.uuid4().hex.encode()
        link.subscribe([channel])
        await until(lambda: channel in ears.channels)
        link.publish([channel], b"after")
        await until(lambda: b"after" in ears.messages)
        await until(lambda: not link.waiting)
        assert len(refusals) == 1
        assert "unknown command" in refusals[0]
        assert ears.changes == changes


async def test_close_writes_what_the_preface_says(redis: RedisServer) -> None:
    """What is noted in the last turn is not lost."""
    key = uuid.uuid4().hex
    async with linked(redis.url) as (link, ears):
        await check(link, ears)
        commands = [pack(b"SET", key.encode(), b"noted")]
        link.preface = lambda: [commands.pop()] if commands else []
        link.wake()
    client = Redis.from_url(redis.url)
    try:
        assert await client.get(key) == b"noted"
    finally:
        await client.aclose()
