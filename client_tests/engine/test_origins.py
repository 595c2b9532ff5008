"""Whose pages may connect, by `cors_allowed_origins`, for either transport."""

from typing import Any

import aiohttp
import pytest

from client_tests.engine.conftest import StartChat
from client_tests.engine.raw import POLLING, WEBSOCKET, Polling, closed, until
from client_tests.engine.servers import Chat

pytestmark = [pytest.mark.usefixtures("quiet"), pytest.mark.timeout(20)]

Http = aiohttp.ClientSession
EVIL = "https://evil.example"


async def connects(http: Http, chat: Chat, headers: dict[str, str]) -> bool:
    """Try both transports, which must agree; leaves again."""
    async with http.get(f"{chat.url}?{POLLING}", headers=headers) as response:
        body = await response.text()
        polling = response.status == 200
        assert polling or response.status in {400, 403}
        assert polling == body.startswith("0{")
        allowed = response.headers.get("Access-Control-Allow-Origin")
        if not polling:
            assert allowed is None
            assert EVIL not in body
    websocket = f"{chat.url}?{WEBSOCKET}"
    if not polling:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(websocket, headers=headers)
        assert refused.value.status in {400, 403}
        return False
    ws = await http.ws_connect(websocket, headers=headers)
    await ws.send_str("1")
    await closed(ws)
    return True


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        pytest.param({}, True, id="no origin"),
        pytest.param({"Origin": "http://{host}"}, True, id="same origin"),
        pytest.param({"Origin": "https://{host}"}, True, id="TLS ends at a proxy"),
        pytest.param({"Origin": "https://chat.example", "Host": "chat.example"}, True, id="a proxy's host"),
        pytest.param({"Origin": "HTTPS://Chat.Example", "Host": "chat.example"}, True, id="capitals"),
        pytest.param({"Origin": EVIL}, False, id="another"),
        pytest.param({"Origin": "null"}, False, id="null"),
        pytest.param({"Origin": ""}, False, id="empty"),
        pytest.param({"Origin": "https://["}, False, id="malformed"),
        pytest.param({"Origin": "{host}"}, False, id="no scheme"),
        pytest.param({"Origin": "https://{host}.evil.example"}, False, id="the host as a prefix"),
        pytest.param({"Origin": "https://evil.example@{host}:1"}, False, id="the host with another port"),
        pytest.param({"Origin": "http://localhost:1"}, False, id="another port"),
        pytest.param({"Origin": EVIL, "X-Forwarded-Host": "evil.example"}, False, id="forged X-Forwarded-Host"),
        pytest.param(
            {"Origin": EVIL, "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"},
            False,
            id="forged X-Forwarded-Host and -Proto",
        ),
        pytest.param({"Origin": EVIL, "Forwarded": "host=evil.example"}, False, id="forged Forwarded"),
    ],
)
async def test_same_origin_is_the_default(
    start_chat: StartChat, http: Http, headers: dict[str, str], allowed: bool
) -> None:
    """With None, only pages of the host that was asked; what a header claims beside does not widen it."""
    chat = await start_chat(cors_allowed_origins=None)
    host = chat.url.split("/")[2]
    given = {name: value.format(host=host) for name, value in headers.items()}
    assert await connects(http, chat, given) == allowed


async def test_default_of_create_server_allows_no_foreign_page(chat: Chat, http: Http) -> None:
    """Whoever gives no option is not open to the world."""
    assert await connects(http, chat, {})
    assert not await connects(http, chat, {"Origin": EVIL})


@pytest.mark.parametrize(
    ("option", "origins"),
    [
        pytest.param("*", {EVIL: True, "http://app.example": True}, id="star"),
        pytest.param(["*"], {EVIL: True}, id="star in a list"),
        pytest.param("http://app.example", {EVIL: False, "http://app.example": True}, id="one"),
        pytest.param(
            ["http://app.example", "http://b.example:8000"],
            {
                EVIL: False,
                "http://app.example": True,
                "http://b.example:8000": True,
                "https://app.example": False,
                "http://b.example": False,
                "http://app.example.evil.example": False,
            },
            id="several",
        ),
        pytest.param([], {EVIL: True}, id="not checked here"),
        pytest.param(lambda origin: origin.endswith(".example"), {EVIL: True, "http://x.test": False}, id="a function"),
        pytest.param(
            lambda origin, environ: origin == environ["HTTP_ORIGIN"] == EVIL,
            {EVIL: True, "http://x.test": False},
            id="a function of the request",
        ),
    ],
)
async def test_origins_are_allowed_as_the_option_says(
    start_chat: StartChat, http: Http, option: Any, origins: dict[str, bool]
) -> None:
    """A star, a name, several, a function, or no check at all."""
    chat = await start_chat(cors_allowed_origins=option)
    for origin, allowed in origins.items():
        assert await connects(http, chat, {"Origin": origin}) == allowed, origin


async def test_allowed_page_may_read_the_answer(start_chat: StartChat, http: Http) -> None:
    """The CORS headers name it, for the preflight, the poll and the POST."""
    chat = await start_chat(cors_allowed_origins=["http://app.example"])
    headers = {"Origin": "http://app.example"}
    url = f"{chat.url}?{POLLING}"
    async with http.options(
        url, headers={**headers, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-a"}
    ) as preflight:
        assert preflight.status in {200, 204}
        assert preflight.headers["Access-Control-Allow-Origin"] == "http://app.example"
        assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
        assert preflight.headers["Access-Control-Allow-Headers"] == "x-a"
    async with http.get(url, headers=headers) as response:
        assert response.headers["Access-Control-Allow-Origin"] == "http://app.example"
        assert response.headers["Access-Control-Allow-Credentials"] == "true"
    async with http.post(f"{url}&sid=nope", data="4x", headers=headers) as refused:
        assert refused.status == 400
        assert refused.headers["Access-Control-Allow-Origin"] == "http://app.example"
    async with http.options(url, headers={"Origin": EVIL}) as foreign:
        assert "Access-Control-Allow-Origin" not in foreign.headers


async def test_foreign_page_cannot_use_a_session_it_did_not_open(start_chat: StartChat, http: Http) -> None:
    """The origin is checked for each request, not only the first."""
    chat = await start_chat(cors_allowed_origins=None)
    client = await Polling.open(http, chat.url)
    sid = client.sid
    for method in ("GET", "POST"):
        async with http.request(
            method, f"{chat.url}?{POLLING}&sid={sid}", headers={"Origin": EVIL}, data=b"40"
        ) as answer:
            assert answer.status in {400, 403}
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await http.ws_connect(f"{chat.url}?{WEBSOCKET}&sid={sid}", headers={"Origin": EVIL})
    assert chat.joined == []
    await client.send("40")
    await until(lambda: chat.joined)
