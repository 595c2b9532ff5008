"""Connection state recovery with the official JavaScript client: `recovered`, and what it missed, once and in order."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable

import pytest

from client_tests.answers import ok, until
from client_tests.clients import Clients, HttpClient
from client_tests.conftest import Start
from client_tests.functional.conftest import open_thread
from client_tests.harness import SECRET, SERVICE_TOKEN, Server, ServerProcess
from client_tests.js import JsClient, JsClients
from server.contract.operations import MESSAGING, NAMESPACES, NOTIFICATIONS, THREADS
from server.realtime.log import Log

TRANSPORTS = pytest.mark.parametrize(
    "transports", [["websocket"], ["polling"], None], ids=["websocket", "polling", "upgrade"]
)


@pytest.fixture
async def js() -> AsyncIterator[JsClients]:
    """Makes JavaScript clients, and closes them at the end."""
    async with JsClients(SECRET) as made:
        yield made


@pytest.fixture
async def service(server: Server, clients: Clients) -> HttpClient:
    """The users' backend."""
    return clients.http_raw(server.url, SERVICE_TOKEN)


class Unaware:
    """Does not notice that its WebSocket ends, as a server whose client's cable was pulled."""

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_: None


async def post(service: HttpClient, thread_id: str, count: int) -> list[str]:
    """Write messages; return their texts in the order of the thread."""
    letters = [{"thread_id": thread_id, "sender_id": 1, "content": uuid.uuid4().hex} for _ in range(count)]
    acks = await asyncio.gather(*(ok(service.call("post_message", letter)) for letter in letters))
    return [ack["content"] for ack in sorted(acks, key=lambda ack: ack["seq"])]


def texts_of(client: JsClient, namespace: str = MESSAGING) -> list[str]:
    """Return the texts of the messages that a client heard."""
    return [event["message"]["content"] for name, event in client.heard_on(namespace) if name == "new_message"]


def recovered(client: JsClient, namespace: str = MESSAGING) -> list[bool]:
    """Return what the client said of each of its connections."""
    return [bool(event.get("recovered")) for name, event in client.heard_on(namespace) if name == "connect"]


async def leaver(js: JsClients, server: Server | ServerProcess, *namespaces: str, **options: object) -> JsClient:
    """Connect user 2 with a client that comes back only when told."""
    client = await js.idle(server.url, js.token(2))
    return await client.connect(*namespaces, reconnection=False, **options)  # type: ignore[arg-type]


@TRANSPORTS
@pytest.mark.parametrize("gap", [0, 1, 100, 1000])
async def test_what_was_missed_is_replayed_in_order_before_what_comes_next(
    server: Server, js: JsClients, service: HttpClient, transports: list[str] | None, gap: int
) -> None:
    """Gaps of no, 1, 100 and 1,000 events: `recovered` is true, and all are there once."""
    thread_id = await open_thread(service, 1, 2)
    client = await leaver(js, server, transports=transports)
    before = await post(service, thread_id, 2)
    await client.heard("new_message", count=2)
    await client.cut()
    missed = await post(service, thread_id, gap)
    await client.dial_again()
    after = await post(service, thread_id, 3)
    await client.heard("new_message", count=2 + gap + 3)
    assert recovered(client) == [False, True]
    assert texts_of(client) == before + missed + after
    assert client.all("connection_established")[-1]["recovered"] is True
    assert not client.all("too_many_arguments")


async def test_recovery_needs_no_event_before(server: Server, js: JsClients, service: HttpClient) -> None:
    """The first event of a connection carries an offset, so one that heard nothing yet can be recovered too."""
    thread_id = await open_thread(service, 1, 2)
    client = await leaver(js, server)
    await client.cut()
    missed = await post(service, thread_id, 2)
    await client.dial_again()
    await client.heard("new_message", count=2)
    assert (recovered(client), texts_of(client)) == ([False, True], missed)


async def test_recovered_again_and_again(server: Server, js: JsClients, service: HttpClient) -> None:
    """Each recovered connection can be recovered."""
    thread_id = await open_thread(service, 1, 2)
    client = await leaver(js, server)
    sent = []
    for _ in range(4):
        await client.cut()
        sent += await post(service, thread_id, 3)
        await client.dial_again()
        await client.heard("new_message", count=len(sent))
    assert (recovered(client), texts_of(client)) == ([False, True, True, True, True], sent)


async def test_rooms_are_restored(server: Server, js: JsClients, service: HttpClient, clients: Clients) -> None:
    """A thread that was joined is heard again, typing included, without asking; also the notification centre."""
    thread_id, left = await open_thread(service, 1, 2), await open_thread(service, 1, 2)
    client = await leaver(js, server, *NAMESPACES)
    for joined in (thread_id, left):
        await ok(client.call("join", {"thread_id": joined}, THREADS))
    await ok(client.call("join_conversation", {"thread_id": thread_id}))
    await ok(client.call("leave", {"thread_id": left}, THREADS))
    await client.cut()
    missed = await post(service, thread_id, 2)
    await post(service, left, 1)
    await ok(service.call("notify", {"user_id": 2, "title": "T", "message": "M", "priority": "urgent"}))
    await client.dial_again()
    await client.heard("urgent_notification")
    typist = await clients.socket(server.url, 1)
    await ok(typist.call("typing_start", {"thread_id": thread_id}))
    await client.heard("typing_notification", count=2)
    assert texts_of(client, THREADS) == missed
    assert {namespace: recovered(client, namespace) for namespace in NAMESPACES} == {
        namespace: [False, True] for namespace in NAMESPACES
    }
    assert [name for name, _ in client.heard_on(NOTIFICATIONS)].count("urgent_notification") == 1


async def test_receipts_and_new_threads_are_replayed(
    server: Server, js: JsClients, service: HttpClient, clients: Clients
) -> None:
    """All durable events are, in the order of their revs, as the rows have them."""
    thread_id = await open_thread(service, 1, 2)
    await post(service, thread_id, 2)
    client = await leaver(js, server)
    reader = clients.http(server.url, 1)
    await client.cut()
    await ok(service.call("post_message", {"thread_id": thread_id, "sender_id": 2, "content": "¿Leído?"}))
    await ok(reader.call("mark_as_read", {"thread_id": thread_id}))
    opened = await open_thread(service, 1, 2)
    await client.dial_again()
    assert (await client.heard("thread_created"))["thread"]["id"] == opened
    names = [name for name, _ in client.heard_on(MESSAGING)]
    assert names[-3:] == ["new_message", "message_read_receipt", "thread_created"]
    receipt = client.all("message_read_receipt")[-1]
    assert (receipt["reader_id"], receipt["read_seq"], receipt["rev"]) == (1, 3, 5)


async def test_after_a_clean_disconnect_nothing_is_recovered(
    server: Server, js: JsClients, service: HttpClient
) -> None:
    """Who leaves is not waited for, and its trail is gone."""
    thread_id = await open_thread(service, 1, 2)
    client = await leaver(js, server)
    await client.disconnect()
    await client.heard("disconnect")
    await post(service, thread_id, 1)
    await client.dial_again()
    last = await post(service, thread_id, 1)
    await client.heard("new_message")
    assert (recovered(client), texts_of(client)) == ([False, False], last)


async def test_another_users_pid_is_of_no_use_and_stays_its_owners(
    server: Server, js: JsClients, service: HttpClient
) -> None:
    """The token decides whose connection it is."""
    thread_id = await open_thread(service, 1, 2)
    client = await leaver(js, server)
    await client.cut()
    await client.renew(js.token(3))
    await client.dial_again()
    assert recovered(client) == [False, False]
    await post(service, thread_id, 1)
    await client.call("ping")
    assert texts_of(client) == []


async def test_past_the_window_nothing_is_recovered(
    server: Server, js: JsClients, service: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later than that the client is told so, and syncs."""
    thread_id = await open_thread(service, 1, 2)
    recovery = server.parts.sio.recovery
    assert recovery is not None
    monkeypatch.setattr(recovery._lost, "_delay_s", 0.05)
    client = await leaver(js, server)
    await client.cut()
    await until(lambda: not recovery._known)
    await post(service, thread_id, 1)
    await client.dial_again()
    assert recovered(client) == [False, False]
    assert texts_of(client) == []


async def test_more_than_the_log_holds_is_not_recovered(
    start: Start, js: JsClients, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never a part as if it were all."""
    monkeypatch.setattr(Log.__init__, "__defaults__", (5,))
    server = await start()
    service = clients.http_raw(server.url, SERVICE_TOKEN)
    thread_id = await open_thread(service, 1, 2)
    client = await leaver(js, server)
    await client.cut()
    await post(service, thread_id, 6)
    await client.dial_again()
    assert (recovered(client), texts_of(client)) == ([False, False], [])
    await client.cut()
    missed = await post(service, thread_id, 5)
    await client.dial_again()
    await client.heard("new_message", count=5)
    assert (recovered(client), texts_of(client)) == ([False, False, True], missed)


async def test_half_open_connection_is_taken_over(server: Server, js: JsClients, service: HttpClient) -> None:
    """The client noticed that its connection broke, the server did not: the old one is closed."""
    thread_id = await open_thread(service, 1, 2)
    client = await leaver(js, server, transports=["websocket"])
    for websocket in server.parts.sio.eio.websockets.open:
        websocket.listener = Unaware()  # type: ignore[assignment]
    await client.cut()
    missed = await post(service, thread_id, 2)
    recovery = server.parts.sio.recovery
    assert recovery is not None
    old = list(recovery._live)
    await client.dial_again()
    await client.heard("new_message", count=2)
    assert (recovered(client), texts_of(client)) == ([False, True], missed)
    assert len(recovery._live) == 1
    assert list(recovery._live) != old
    assert len(server.parts.sio.eio.sockets) == 1


async def test_without_recovery_no_offsets_are_sent(server: Server, js: JsClients, service: HttpClient) -> None:
    """`recovery: false` is for clients whose handlers take one argument."""
    thread_id = await open_thread(service, 1, 2)
    client = await leaver(js, server, recovery=False)
    await post(service, thread_id, 1)
    await client.heard("new_message")
    await client.cut()
    await client.dial_again()
    assert recovered(client) == [False, False]
    assert not client.all("offset")


async def test_nothing_is_left_of_connections_that_are_gone(server: Server, js: JsClients, service: HttpClient) -> None:
    """Every table is empty once the window is over."""
    await open_thread(service, 1, 2)
    client = await leaver(js, server, *NAMESPACES)
    await client.cut()
    await client.dial_again()
    await client.cut()
    recovery, manager = server.parts.sio.recovery, server.parts.manager
    assert recovery is not None
    await until(lambda: not recovery._live)
    while len(recovery._lost):
        recovery._lost.end_first()
    tables = [recovery._known, recovery._replays, manager.holds, manager.without_offsets, manager._room_uses]
    assert not any([*tables, manager._heard_since])


async def test_connect_that_fails_at_the_last_leaves_nothing(
    server: Server, js: JsClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection had been let in already: it counts no longer."""
    recovery, services = server.parts.sio.recovery, server.parts.services
    assert recovery is not None
    begin, failures = recovery.begin, asyncio.Event()

    async def fail(*_: object) -> None:
        monkeypatch.setattr(recovery, "begin", begin)
        failures.set()
        raise RuntimeError("not this time")

    monkeypatch.setattr(recovery, "begin", fail)
    await (await js.idle(server.url, js.token(2))).dial(reconnection=False)
    await asyncio.wait_for(failures.wait(), 10)
    await until(lambda: services.connections.count == 0 and not server.parts.manager.rooms)
    assert server.parts.limits.tracked == 0
