"""What a person chose: kept by the server, alike on all devices, and in whose language they are spoken to."""

from typing import Any

import pytest

from client_tests import push
from client_tests.answers import code, ok
from client_tests.clients import Clients, HttpClient
from client_tests.conftest import Start
from client_tests.harness import SERVICE_TOKEN, Server
from client_tests.push import KEY, Browser
from server.contract.operations import NOTIFICATIONS, PRESENCE

DEFAULTS: dict[str, Any] = {
    "locale": None,
    "sound": True,
    "push_messages": True,
    "push_notifications": "all",
    "push_preview": True,
    "push": {"public_key": None, "devices": []},
}
CHANGES: dict[str, Any] = {
    "locale": "en",
    "sound": False,
    "push_messages": False,
    "push_notifications": "none",
    "push_preview": False,
}
ENGLISH = "WebSocket connection established"
SPANISH = "Conexión WebSocket establecida"


async def test_settings_are_the_defaults_until_changed(server: Server, clients: Clients) -> None:
    """One at a time; what is not named stays, and nobody else's changes."""
    client = await clients.socket(server.url, 1, NOTIFICATIONS)
    expected = dict(DEFAULTS)
    assert await ok(client.call("get_settings")) == expected
    for name, value in CHANGES.items():
        expected[name] = value
        assert await ok(client.call("update_settings", {name: value})) == expected
    assert await ok(clients.http(server.url, 1).call("get_settings")) == expected
    assert await ok(clients.http(server.url, 2).call("get_settings")) == DEFAULTS
    assert (await ok(client.call("update_settings", {"locale": None})))["locale"] is None


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({}, "locale"),
        ({"locale": "fr"}, "locale"),
        ({"sound": None}, "sound"),
        ({"sound": "yes"}, "sound"),
        ({"push_messages": 1}, "push_messages"),
        ({"push_notifications": "some"}, "push_notifications"),
        ({"push_notifications": None}, "push_notifications"),
        ({"push_preview": []}, "push_preview"),
        ({"push": {"devices": []}}, "push"),
    ],
)
async def test_update_settings_with_bad_input_changes_nothing(
    server: Server, clients: Clients, payload: dict[str, Any], field: str
) -> None:
    """Also not what was good beside it."""
    client = clients.http(server.url, 1)
    beside = {"push_messages": False} if payload and field != "push_messages" else {}
    status, envelope = await client.request("update_settings", {**beside, **payload})
    assert (status, envelope["error"]["code"]) == (422, "invalid_payload")
    assert field in envelope["error"]["details"]
    assert await ok(client.call("get_settings")) == DEFAULTS


async def test_settings_updated_is_heard_by_all_of_ones_own_connections(start: Start, clients: Clients) -> None:
    """Whatever changed them, and by nobody else."""
    server = await start(**push.ENVIRONMENT)
    phone = await clients.socket(server.url, 1, NOTIFICATIONS)
    laptop = await clients.plain(server.url, 1, NOTIFICATIONS)
    stranger = await clients.plain(server.url, 2, NOTIFICATIONS)
    http = clients.http(server.url, 1)
    await ok(phone.call("update_settings", {"sound": False}))
    device = await ok(http.call("subscribe_push", Browser().subscription(device_name="Móvil")))
    await ok(http.call("unsubscribe_push", {"device_id": device["id"]}))
    for client in (phone, laptop):
        await client.heard("settings_updated", count=3)
        heard = [event["settings"] for event in client.all("settings_updated")]
        assert [settings["sound"] for settings in heard] == [False] * 3
        assert [settings["push"]["devices"] for settings in heard] == [[], [device], []]
        assert heard[0] == {**DEFAULTS, "sound": False, "push": {"public_key": KEY.public, "devices": []}}
    assert stranger.all("settings_updated") == []


async def test_locale_that_the_service_puts_is_the_persons_setting(
    server: Server, clients: Clients, service: HttpClient
) -> None:
    """One value in one place: their devices hear it; a PUT that names none leaves it."""
    client = await clients.socket(server.url, 1, NOTIFICATIONS)
    person = {"user_id": 1, "display_name": "Ana"}
    put = await ok(service.call("put_user", {**person, "locale": "en"}))
    assert put["locale"] == "en"
    assert (await client.heard("settings_updated"))["settings"]["locale"] == "en"
    assert (await ok(service.call("put_user", person)))["locale"] == "en"
    await ok(client.call("update_settings", {"locale": "es"}))
    assert (await ok(service.call("put_user", person)))["locale"] == "es"
    assert (await ok(service.call("put_user", {**person, "locale": None})))["locale"] is None
    assert (await ok(client.call("get_settings")))["locale"] is None
    assert len(client.all("settings_updated")) == 3


async def test_connection_speaks_what_it_asks_for_else_what_the_person_chose(start: Start, clients: Clients) -> None:
    """`auth.locale` or `?locale=`, then the setting, then (plain routes) what the browser says, then the server's."""
    server = await start(DEFAULT_LOCALE="en")

    async def greeting(**options: Any) -> str:
        socket = await clients.socket(server.url, 1, PRESENCE, **options)
        return str((await socket.heard("connection_established"))["message"])

    async def plain(**options: Any) -> str:
        client = await clients.plain_raw(server.url, clients.token(1), NOTIFICATIONS, **options)
        return str((await client.heard("connection_established"))["message"])

    spanish_browser = {"headers": {"Accept-Language": "es-ES,es;q=0.9"}}
    assert (await greeting(), await greeting(locale="es"), await greeting(locale="fr")) == (ENGLISH, SPANISH, ENGLISH)
    assert (await plain(), await plain(**spanish_browser)) == (ENGLISH, SPANISH)
    client = clients.http(server.url, 1)
    await ok(client.call("update_settings", {"locale": "es"}))
    assert (await greeting(), await greeting(locale="en"), await plain()) == (SPANISH, ENGLISH, SPANISH)
    await ok(client.call("update_settings", {"locale": "en"}))
    assert await plain(**spanish_browser) == ENGLISH


async def test_subscribe_push_on_a_server_that_does_not_push_is_a_conflict(server: Server, clients: Clients) -> None:
    """It says so, and `get_settings` names no key."""
    client = clients.http(server.url, 1)
    status, envelope = await client.request("subscribe_push", Browser().subscription())
    assert (status, envelope["error"]["code"], list(envelope["error"]["details"])) == (409, "conflict", ["push"])
    assert await code(client.call("unsubscribe_push", {"device_id": "d"})) == "not_found"


async def test_subscribe_push_of_a_shared_browser_moves_it(start: Start, clients: Clients) -> None:
    """Whoever signs in there last gets its pushes; the other's devices hear that it is gone."""
    server = await start(**push.ENVIRONMENT)
    ana, juan = clients.http(server.url, 1), clients.http(server.url, 2)
    watching = await clients.plain(server.url, 1, NOTIFICATIONS)
    browser = Browser()
    first = await ok(ana.call("subscribe_push", browser.subscription(device_name="De Ana")))
    again = await ok(ana.call("subscribe_push", browser.subscription()))
    assert again == first
    moved = await ok(juan.call("subscribe_push", browser.subscription()))
    assert (moved["id"] != first["id"], moved["name"]) == (True, None)
    await watching.heard("settings_updated", count=3)
    assert watching.all("settings_updated")[-1]["settings"]["push"]["devices"] == []
    assert await code(ana.call("unsubscribe_push", {"endpoint": browser.endpoint})) == "not_found"
    assert await ok(juan.call("unsubscribe_push", {"endpoint": browser.endpoint})) == {}


GOOD = Browser()
OFF_CURVE = push.base64url(b"\x04" + b"\x01" * 64)
COMPRESSED = push.base64url(b"\x02" + b"\x01" * 32)


@pytest.mark.parametrize(
    ("op", "payload", "field"),
    [
        ("subscribe_push", {"keys": GOOD.keys}, "endpoint"),
        ("subscribe_push", {"endpoint": GOOD.endpoint}, "keys"),
        ("subscribe_push", {"endpoint": GOOD.endpoint, "keys": {}}, "keys"),
        ("subscribe_push", {"endpoint": GOOD.endpoint, "keys": "x"}, "keys"),
        ("subscribe_push", GOOD.subscription(keys={**GOOD.keys, "p256dh": OFF_CURVE}), "keys"),
        ("subscribe_push", GOOD.subscription(keys={**GOOD.keys, "p256dh": COMPRESSED}), "keys"),
        ("subscribe_push", GOOD.subscription(keys={**GOOD.keys, "auth": push.base64url(b"x" * 15)}), "keys"),
        ("subscribe_push", GOOD.subscription(keys={**GOOD.keys, "extra": "x"}), "keys"),
        ("subscribe_push", GOOD.subscription(device_name=""), "device_name"),
        ("subscribe_push", GOOD.subscription(device_name="x" * 101), "device_name"),
        ("subscribe_push", GOOD.subscription(expirationTime=None), "expirationTime"),
        ("subscribe_push", GOOD.subscription(endpoint="http://push.example.com/x"), "endpoint"),
        ("subscribe_push", GOOD.subscription(endpoint="https://169.254.169.254/latest"), "endpoint"),
        ("unsubscribe_push", {}, "endpoint"),
        ("unsubscribe_push", {"endpoint": GOOD.endpoint, "device_id": "d"}, "endpoint"),
        ("unsubscribe_push", {"device_id": 7}, "device_id"),
    ],
)
async def test_push_operations_with_bad_input_are_refused(
    start: Start, clients: Clients, op: str, payload: dict[str, Any], field: str
) -> None:
    """With the field that is wrong, and without storing anything."""
    server = await start(**push.ENVIRONMENT)
    client = clients.http(server.url, 1)
    status, envelope = await client.request(op, payload)
    assert (status, envelope["error"]["code"]) == (422, "invalid_payload")
    assert list(envelope["error"]["details"]) == [field]
    assert (await ok(client.call("get_settings")))["push"]["devices"] == []


async def test_revoking_a_persons_tokens_ends_the_pushes_of_their_devices(start: Start, clients: Clients) -> None:
    """A lost phone hears no more; whoever signs in again subscribes again."""
    server = await start(**push.ENVIRONMENT)
    await ok(clients.http(server.url, 1).call("subscribe_push", Browser().subscription()))
    await ok(clients.http_raw(server.url, SERVICE_TOKEN).call("revoke_tokens", {"user_id": 1}))
    assert await server.parts.database.read(lambda work: work.push.devices("1")) == ()
