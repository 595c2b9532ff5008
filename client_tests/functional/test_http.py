"""What is HTTP's own: idempotency keys, origins, health, metrics, documents."""

import asyncio
import uuid

import aiohttp
import pytest

from client_tests.answers import ok
from client_tests.clients import Clients, HttpClient
from client_tests.conftest import Start
from client_tests.functional.conftest import open_thread
from client_tests.harness import SERVICE_TOKEN, Server


async def test_idempotency_key_makes_a_repeated_request_one_request(
    server: Server, clients: Clients, service: HttpClient
) -> None:
    """The same answer, one thread; another request with the key is a conflict."""
    key = {"Idempotency-Key": "pedido-1"}
    wanted = {"kind": "group", "participant_ids": [1, 2], "title": "Obras"}
    first = await service.request("open_thread", wanted, **key)
    assert await service.request("open_thread", wanted, **key) == first
    status, envelope = await service.request("open_thread", {**wanted, "title": "Otra"}, **key)
    assert (status, envelope["error"]["code"]) == (409, "conflict")
    threads = await ok(clients.http(server.url, 1).call("list_threads"))
    assert len(threads["threads"]) == 1


async def test_idempotency_key_of_a_refused_request_can_be_used_again(service: HttpClient) -> None:
    """A refusal stored nothing, so the corrected request is done."""
    key = {"Idempotency-Key": str(uuid.uuid4())}
    status, _ = await service.request("notify", {"user_id": 404, "title": "T", "message": "M"}, **key)
    assert status == 404
    await ok(service.call("put_user", {"user_id": 404, "display_name": "N"}))
    status, envelope = await service.request("notify", {"user_id": 404, "title": "T", "message": "M"}, **key)
    assert (status, envelope["ok"]) == (200, True)


async def test_idempotency_keys_racing_do_the_work_once(server: Server, clients: Clients, service: HttpClient) -> None:
    """Of many at once one does it; the others get its answer, or are told that it is under way."""
    wanted = {"kind": "group", "participant_ids": [1, 2]}
    answers = await asyncio.gather(
        *(service.request("open_thread", wanted, **{"Idempotency-Key": "k"}) for _ in range(10))
    )
    assert {status for status, _ in answers} <= {200, 409}
    assert len({envelope["data"]["id"] for status, envelope in answers if status == 200}) == 1
    assert len((await ok(clients.http(server.url, 1).call("list_threads")))["threads"]) == 1


async def test_post_message_with_a_key_that_is_no_uuid_is_stored_once(service: HttpClient) -> None:
    """On messages the key becomes the `client_message_id`."""
    thread_id = await open_thread(service, 1, 2)
    post = {"thread_id": thread_id, "sender_id": 1, "content": "x"}
    first = await service.request("post_message", post, **{"Idempotency-Key": "recibo 17"})
    assert await service.request("post_message", post, **{"Idempotency-Key": "recibo 17"}) == first
    assert first[1]["data"]["seq"] == 1


@pytest.mark.parametrize("path", ["/socket.io/?EIO=4&transport=polling", "/ws/messaging/"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://{host}"}, 200),
        ({"Origin": "https://{host}"}, 200),  # TLS may end at a proxy
        ({"Origin": "http://127.0.0.1"}, 403),  # port 80 is not this server's
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://evil.example", "X-Forwarded-Host": "evil.example"}, 403),
        ({"Origin": "https://app.example"}, 200),
    ],
)
async def test_origin_of_another_page_is_refused_before_anything_else(
    start: Start, path: str, headers: dict[str, str], status: int
) -> None:
    """Same origin, none, or one that is allowed by name."""
    server = await start(ALLOWED_ORIGINS="https://app.example")
    host = server.url.removeprefix("http://")
    sent = {name: value.format(host=host) for name, value in headers.items()}
    async with aiohttp.ClientSession() as session:
        if path.startswith("/ws/") and status == 200:
            async with session.ws_connect(server.url + path, headers=sent) as ws:
                assert (await ws.receive_json(timeout=5))["code"] == "unauthenticated"
            return
        async with session.get(server.url + path, headers=sent) as response:
            assert response.status == status
            allowed = sent.get("Origin") if status == 200 else None
            assert response.headers.get("Access-Control-Allow-Origin") == allowed


async def test_api_answers_preflight_of_an_allowed_page(start: Start) -> None:
    """A browser may ask with a token from an allowed page, and no other can read the answer."""
    server = await start(ALLOWED_ORIGINS="https://app.example")
    async with aiohttp.ClientSession() as session:
        for origin, allowed in (("https://app.example", "https://app.example"), ("https://evil.example", None)):
            headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            async with session.options(f"{server.url}/api/v1/threads", headers=headers) as response:
                assert response.headers.get("Access-Control-Allow-Origin") == allowed
                assert response.status == 200


async def test_health_readiness_stats_and_metrics_tell_the_state(
    server: Server, clients: Clients, service: HttpClient, thread_id: str
) -> None:
    """What an operator looks at, with figures that moved."""
    client = await clients.socket(server.url, 1)
    await clients.plain(server.url, 2)
    await ok(client.call("send_message", {"thread_id": thread_id, "content": "x"}))
    await client.call("nope", {}, "/messaging")
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{server.url}/healthz") as response:
            assert await response.json() == {"status": "alive"}
        async with session.get(f"{server.url}/readyz") as response:
            assert (response.status, (await response.json())["redis"]) == (200, "off")
        async with session.get(f"{server.url}/api/v1/stats") as response:
            stats = (await response.json())["data"]
        async with session.get(f"{server.url}/metrics") as response:
            metrics = await response.text()
    assert (stats["active_connections"], stats["total_messages_sent"]) == (2, 1)
    assert stats["uptime_s"] > 0
    for line in (
        "verihome_connections 2.0",
        "verihome_messages_total 1.0",
        "verihome_write_queue_depth 0.0",
        "verihome_cluster_dropped_total 0.0",
        'verihome_operations_total{code="ok",op="send_message"} 1.0',
        'verihome_operations_total{code="unknown_operation",op="unknown"} 1.0',
        'verihome_ack_seconds_count{op="send_message"} 1.0',
    ):
        assert line in metrics
    deliveries = next(line for line in metrics.splitlines() if line.startswith("verihome_deliveries_total"))
    assert float(deliveries.split()[1]) >= 2


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/stats"])
async def test_figures_are_for_the_service_or_loopback(start: Start, path: str) -> None:
    """Through a proxy nobody is loopback."""
    server = await start()
    forwarded = {"X-Forwarded-For": "203.0.113.9"}
    async with aiohttp.ClientSession() as session:
        async with session.get(server.url + path, headers=forwarded) as response:
            assert response.status in (401, 403)
        headers = {**forwarded, "Authorization": f"Bearer {SERVICE_TOKEN}"}
        async with session.get(server.url + path, headers=headers) as response:
            assert response.status == 200
        async with session.get(server.url + path, headers={"Authorization": "Bearer wrong"}) as response:
            assert response.status in (401, 403)


async def test_plain_routes_can_be_switched_off(start: Start) -> None:
    """`WEBSOCKET_ENABLED=false` leaves Socket.IO and HTTP alone."""
    server = await start(WEBSOCKET_ENABLED="false")
    async with aiohttp.ClientSession() as session, session.get(f"{server.url}/ws/messaging/") as response:
        assert response.status == 404


async def test_thread_creation_by_the_service_alone_is_forbidden_to_people(start: Start, clients: Clients) -> None:
    """`THREAD_CREATION=service`."""
    server = await start(THREAD_CREATION="service")
    client = clients.http(server.url, 1)
    status, envelope = await client.request("create_thread", {"kind": "direct", "participant_ids": [2]})
    assert (status, envelope["error"]["code"]) == (403, "forbidden")


async def test_directory_of_all_lists_everyone_but_oneself(start: Start, clients: Clients) -> None:
    """`DIRECTORY=all`; otherwise only people with whom one shares a thread."""
    everyone, shared = await start(DIRECTORY="all"), await start()
    service = clients.http_raw(everyone.url, SERVICE_TOKEN)
    for user_id, name in ((1, "Ana"), (2, "Álvaro"), (3, "Zoe")):
        await ok(service.call("put_user", {"user_id": user_id, "display_name": name}))
    people = await ok(clients.http(everyone.url, 1).call("list_people", {"limit": 1}))
    assert [person["display_name"] for person in people["people"]] == ["Álvaro"]
    rest = await ok(clients.http(everyone.url, 1).call("list_people", {"cursor": people["next_cursor"]}))
    assert [person["display_name"] for person in rest["people"]] == ["Zoe"]
    assert (await ok(clients.http(shared.url, 1).call("list_people")))["people"] == []
