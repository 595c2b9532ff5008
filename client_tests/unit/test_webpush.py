"""Sending pushes: what a push service is told, what is made of its answers, and whom the server refuses to call."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from client_tests.push import HOST, KEY, Browser, PushService, Resolver, push_service, verify
from client_tests.services import LOOPBACK, free_port
from client_tests.unit.doubles import Clock
from server.contract.schemas import dump_push
from server.domain.models import Push, PushKeys, PushNote, PushResult
from server.realtime import webpush
from server.realtime.webpush import WebPush

CLOCK = Clock()
THREAD = "01980000-0000-7000-8000-000000000001"
TOPIC = THREAD.replace("-", "")
NOTE = PushNote(
    "message", "m", THREAD, "Ana", "¿Mañana? 👍🏽", f"/t/{THREAD}", urgent=False, timestamp=CLOCK.now, locale="es"
)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[PushService]:
    """A push service."""
    async with push_service(tmp_path) as running:
        yield running


@asynccontextmanager
async def sender_of(service: PushService, **options: Any) -> AsyncIterator[WebPush]:
    """Make a sender that reaches the push service, unless told otherwise."""
    sender = service.sender(CLOCK, **options)
    yield sender
    await sender.close()


@pytest.fixture
async def sender(service: PushService) -> AsyncIterator[WebPush]:
    """A sender that reaches the push service."""
    async with sender_of(service) as made:
        yield made


def push_to(browser: Browser, note: PushNote = NOTE, topic: str | None = TOPIC) -> Push:
    """Return a push to a browser."""
    return Push(browser.stored(), note, topic)


async def test_send_is_read_by_the_browser_alone_and_signed_by_us(service: PushService, sender: WebPush) -> None:
    """RFC 8291 and RFC 8292: the payload encrypted for one browser, the token for one push service."""
    browser = Browser()
    assert await sender.send(push_to(browser)) == PushResult("sent")
    (request,) = service.requests
    assert f"https://{HOST}{request.path}" == browser.endpoint
    assert browser.read(request.body) == dump_push(NOTE)
    claims = verify(request)
    assert claims == {"aud": f"https://{HOST}", "exp": CLOCK.now // 1000 + 12 * 3600, "sub": KEY.subject}
    named = ("TTL", "Urgency", "Topic", "Content-Encoding")
    assert [request.headers[name] for name in named] == ["86400", "normal", TOPIC, "aes128gcm"]
    with pytest.raises(Exception, match="Decryption"):
        Browser().read(request.body)


async def test_send_of_something_urgent_says_so(service: PushService, sender: WebPush) -> None:
    """A sleeping phone is woken for it; it replaces nothing."""
    urgent = replace(NOTE, type="notification", urgent=True, thread_id=None)
    await sender.send(push_to(Browser(), urgent, topic=None))
    assert service.requests[0].headers["Urgency"] == "high"
    assert "Topic" not in service.requests[0].headers


async def test_send_signs_once_for_each_service_and_half_a_day(service: PushService) -> None:
    """Signing is dear; a token that is about to end is renewed."""
    clock = Clock()
    sender = service.sender(clock)
    tokens = []
    for host, hours in ((HOST, 0), (HOST, 10), (f"two.{HOST}", 0), (HOST, 1.5)):
        clock.now += int(hours * 3_600_000)
        assert await sender.send(push_to(Browser(host=host))) == PushResult("sent")
        tokens.append(service.requests[-1].headers["Authorization"])
    await sender.close()
    assert tokens[0] == tokens[1]
    assert len(set(tokens)) == 3
    assert verify(service.requests[2])["aud"] == f"https://two.{HOST}"


DATE = formatdate(CLOCK.now / 1000 + 90, usegmt=True)


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (200, {}, PushResult("sent")),
        (202, {}, PushResult("sent")),
        (404, {}, PushResult("gone")),
        (410, {}, PushResult("gone")),
        (429, {}, PushResult("later")),
        (429, {"Retry-After": "120"}, PushResult("later", 120.0)),
        (503, {"Retry-After": DATE}, PushResult("later", 90.0)),
        (503, {"Retry-After": "soon"}, PushResult("later")),
        (503, {"Retry-After": formatdate(0, usegmt=True)}, PushResult("later", 0.0)),
        (500, {}, PushResult("later")),
        (400, {}, PushResult("refused")),
        (401, {}, PushResult("refused")),
        (403, {}, PushResult("refused")),
        (413, {}, PushResult("refused")),
    ],
)
async def test_send_judges_by_the_status(
    service: PushService, sender: WebPush, status: int, headers: dict[str, str], expected: PushResult
) -> None:
    """Gone is gone, trouble may pass, and what is refused is refused for good."""
    service.answers = [(status, headers)]
    assert await sender.send(push_to(Browser())) == expected


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_send_follows_no_redirect(service: PushService, sender: WebPush, status: int) -> None:
    """Wherever it leads: it was not checked, and push services have no use for it."""
    service.answers = [(status, {"Location": f"https://{HOST}/elsewhere"})]
    assert await sender.send(push_to(Browser())) == PushResult("refused")
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("::1", "fd00::1", "fe80::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1"),
    ],
)
async def test_send_to_a_name_that_resolves_inside_is_refused(service: PushService, address: str) -> None:
    """The address of the very socket counts, not the name: a name may resolve to another at each question."""
    resolver = Resolver(service.port, address)
    async with sender_of(service, is_allowed=webpush.is_public_address, resolver=resolver) as sender:
        assert await sender.send(push_to(Browser())) == PushResult("refused")
    assert service.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1"])
async def test_send_with_the_real_resolver_refuses_what_is_inside(service: PushService, host: str) -> None:
    """As it runs in production; these would not be stored, and are not called either."""
    browser = Browser()
    browser.endpoint = f"https://{host}:{service.port}/send"
    async with sender_of(service, is_allowed=webpush.is_public_address, resolver=None) as sender:
        assert (await sender.send(push_to(browser))).outcome == "refused"
    assert service.requests == []


async def test_send_ignores_proxies_of_the_environment(
    service: PushService, sender: WebPush, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would choose the address by itself."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://{LOOPBACK}:{free_port()}")
    assert await sender.send(push_to(Browser())) == PushResult("sent")


async def test_send_to_nobody_or_without_a_good_certificate_is_tried_again_later(service: PushService) -> None:
    """Such trouble may pass."""
    async with sender_of(service, resolver=Resolver(free_port())) as sender:
        assert await sender.send(push_to(Browser())) == PushResult("later")
    async with sender_of(service, tls=None) as sender:
        assert await sender.send(push_to(Browser())) == PushResult("later")
    assert service.requests == []


async def test_send_that_takes_too_long_is_tried_again_later(
    service: PushService, sender: WebPush, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A push service that does not answer holds nobody up for ever."""
    monkeypatch.setattr(webpush, "TIMEOUT_S", 0.2)
    service.gate.clear()
    assert await sender.send(push_to(Browser())) == PushResult("later")


async def test_send_reads_nothing_of_an_endless_answer() -> None:
    """Only the head counts: a hostile push service cannot fill the memory."""
    sent = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 100000000000\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()
        except ConnectionError:
            sent.set()
        finally:
            writer.close()

    server = await asyncio.start_server(answer, LOOPBACK, 0)
    port = server.sockets[0].getsockname()[1]
    sender = WebPush(KEY, CLOCK, is_allowed=LOOPBACK.__eq__, resolver=Resolver(port))
    browser = Browser()
    browser.endpoint = browser.endpoint.replace("https:", "http:")
    assert await sender.send(push_to(browser)) == PushResult("sent")
    await asyncio.wait_for(sent.wait(), 5)
    await sender.close()
    server.close()


async def test_send_with_unusable_keys_is_refused_and_does_not_raise(service: PushService, sender: WebPush) -> None:
    """They are checked when they are stored; should one slip through, the worker lives on."""
    push = push_to(Browser())
    bad = replace(push, subscription=replace(push.subscription, keys=PushKeys("BAAA", "AAAA")))
    assert await sender.send(bad) == PushResult("refused")


async def test_send_logs_the_host_and_never_the_path(service: PushService, sender: WebPush) -> None:
    """Who knows the whole address can push; failures are told now and then, not each."""
    browser = Browser("secret")
    service.answers = [(403, {}), (500, {})]
    with capture_logs() as logs:
        await sender.send(push_to(browser))
        await sender.send(push_to(browser))
    assert logs == [
        {"event": "push failed", "host": HOST, "reason": "our key is refused", "status": 403, "log_level": "warning"}
    ]
