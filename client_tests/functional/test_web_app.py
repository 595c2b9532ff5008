"""The web app's files: one page at each of its addresses, under a policy that lets nothing else in."""

import gzip
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpClient

from client_tests.clients import Clients
from client_tests.conftest import Start
from server.routes.web_app import NONCE, WebAppRoutes


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A small build, as Vite lays it out."""
    folder = tmp_path / "app"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(f'<script src="/assets/a-1.js" nonce="{NONCE}"></script>')
    (folder / "assets" / "a-1.js").write_text("let a = 1;")
    (folder / "assets" / "a-1.js.gz").write_bytes(gzip.compress(b"let a = 1;"))
    (folder / "sw.js").write_text("// worker")
    (tmp_path / "secret.js").write_text("outside")
    return folder


def make_app(build: Path) -> web.Application:
    """Return an application of nothing but the web app."""
    app = web.Application()
    WebAppRoutes(build).add_to(app)
    return app


@pytest.mark.parametrize("path", ["/", "/t/0190a4c2-0000-7000-8000-000000000000", "/settings"])
async def test_page_at_each_address_carries_its_own_nonce(
    aiohttp_client: AiohttpClient, build: Path, path: str
) -> None:
    """The nonce of the page is the one of its policy, and the next page has another."""
    client = await aiohttp_client(make_app(build))
    nonces = []
    for _ in range(2):
        answer = await client.get(path)
        nonce = (await answer.text()).partition('nonce="')[2].partition('"')[0]
        assert f"style-src 'self' 'nonce-{nonce}'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-cache"
        nonces.append(nonce)
    assert NONCE not in nonces
    assert nonces[0] != nonces[1]


async def test_policy_allows_no_inline_code_and_no_other_host(aiohttp_client: AiohttpClient, build: Path) -> None:
    """Scripts come from the server alone, and sockets go to it alone."""
    client = await aiohttp_client(make_app(build))
    rules = (await client.get("/")).headers["Content-Security-Policy"].split("; ")
    assert "default-src 'none'" in rules
    assert "script-src 'self'" in rules
    host = f"127.0.0.1:{client.port}"
    assert f"connect-src 'self' ws://{host} wss://{host}" in rules
    assert "frame-ancestors 'none'" in rules


async def test_host_header_with_a_rule_in_it_adds_nothing_to_the_policy(
    aiohttp_client: AiohttpClient, build: Path
) -> None:
    """A forged Host cannot widen the policy."""
    client = await aiohttp_client(make_app(build))
    answer = await client.get("/", headers={"Host": "a;script-src *"})
    assert "script-src *" not in answer.headers.get("Content-Security-Policy", "")


async def test_asset_is_kept_for_good_and_comes_compressed(aiohttp_client: AiohttpClient, build: Path) -> None:
    """A hashed name never changes its content; the gzip beside it saves the wire."""
    client = await aiohttp_client(make_app(build))
    answer = await client.get("/assets/a-1.js", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "immutable" in answer.headers["Cache-Control"]
    assert await answer.text() == "let a = 1;"


async def test_worker_is_never_kept_and_has_its_own_policy(aiohttp_client: AiohttpClient, build: Path) -> None:
    """A service worker that a cache held back would hold back every later version."""
    client = await aiohttp_client(make_app(build))
    answer = await client.get("/sw.js")
    assert answer.headers["Cache-Control"] == "no-cache"
    assert "connect-src 'self'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path",
    ["/assets/missing.js", "/assets/..%2f..%2fsecret.js", "/assets/a/../../../secret.js", "/assets/", "/nowhere"],
)
async def test_what_is_not_in_the_build_is_not_found(aiohttp_client: AiohttpClient, build: Path, path: str) -> None:
    """Nothing outside the build, and no page for an address that the app does not know."""
    client = await aiohttp_client(make_app(build))
    answer = await client.get(aiohttp.client.URL(path, encoded=True))
    assert answer.status == 404


async def test_without_a_build_the_page_says_how_to_make_one(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    """A checkout without the app answers with what to do, not with a bare 404."""
    client = await aiohttp_client(make_app(tmp_path))
    answer = await client.get("/")
    assert answer.status == 503
    assert "make run" in await answer.text()


async def test_demo_fills_an_empty_database_once(start: Start, clients: Clients) -> None:
    """A second start finds the conversations of the first and adds none."""
    for _ in range(2):
        server = await start(DEMO="1")
        maria = clients.http(server.url, 1)
        threads = (await maria.call("list_threads"))["data"]["threads"]
        assert len(threads) == 4
        assert {thread["unread_count"] for thread in threads[1:]} == {0}
        assert threads[0]["unread_count"] == 2
        assert (await maria.call("list_notifications"))["data"]["unread_count"] == 3
