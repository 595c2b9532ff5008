"""The code of the client pages keeps what the pages promise, against a real server."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from client_tests.answers import ok, until
from client_tests.clients import Clients, Event, make_token
from client_tests.conftest import Start
from client_tests.docs.drivers import DocClient, DocClients, JavaScriptClient, PythonClient
from client_tests.docs.pages import Page
from client_tests.harness import SECRET, SERVICE_TOKEN, Server, ServerProcess
from server.bootstrap import wall_clock

ANA, BEA = 1, 2
LEEWAY_S = 30
COMES_BACK_S = 30
SOCKETS = ("/messaging", "/notifications", "/presence")


@dataclass
class Clock:
    """The server's clock, to be put forward."""

    ahead_ms: int = 0

    def __call__(self) -> int:
        """Return milliseconds since the epoch."""
        return wall_clock() + self.ahead_ms


@pytest.fixture(params=[JavaScriptClient, PythonClient], ids=["javascript", "python"])
async def docs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DocClients]:
    """Makes clients of each page in turn, and closes them at the end."""
    async with DocClients(request.param, tmp_path) as made:
        yield made


def token(user_id: int, **claims: object) -> str:
    """Return a token for a user."""
    return make_token(SECRET, user_id, name=f"User {user_id}", **claims)


async def direct_thread(client: DocClient, user_id: int) -> str:
    """Open a direct thread."""
    thread = await client.ask("/messaging", "create_thread", {"kind": "direct", "participant_ids": [user_id]})
    return str(thread["id"])


async def shown(client: DocClient, thread_id: str) -> list[str]:
    """What a client shows of a thread; nothing may be missing in between."""
    messages: list[Event] = (await client.held(thread_id))["messages"]
    assert [message["seq"] for message in messages] == list(range(1, len(messages) + 1))
    return [message["content"] for message in messages]


def told(client: DocClient) -> list[str]:
    """The texts of all messages that the app was told, in order."""
    return [message["content"] for message in client.all("message")]


async def hears(client: DocClient, content: str) -> Event:
    """Wait until the app is told a message."""
    return await client.heard("message", lambda message: message["content"] == content)


# --- Sending, receiving, receipts, typing -----------------------------------------------------------------------


async def test_a_message_arrives_and_is_acknowledged(server: Server, docs: DocClients) -> None:
    """What one sends is answered with the stored message, and told to both once."""
    ana, bea = await docs.online(server.url, token(ANA)), await docs.online(server.url, token(BEA))
    thread_id = await direct_thread(ana, BEA)
    stored = await ana.send(thread_id, "Hola")
    assert (stored["content"], stored["seq"], stored["sender_id"]) == ("Hola", 1, ANA)
    assert (await hears(bea, "Hola"))["id"] == stored["id"]
    await hears(ana, "Hola")
    assert (await bea.held(thread_id))["thread"]["unread_count"] == 1
    await ana.send(thread_id, "¿Qué tal?")
    await hears(bea, "¿Qué tal?")
    assert told(bea) == ["Hola", "¿Qué tal?"] == await shown(bea, thread_id)
    assert (await bea.held(thread_id))["thread"]["unread_count"] == 2


async def test_history_that_was_there_before_is_loaded(server: Server, docs: DocClients, clients: Clients) -> None:
    """A client that comes later sees what was written, and is told none of it as news."""
    await ok(clients.http_raw(server.url, SERVICE_TOKEN).call("put_user", {"user_id": BEA, "display_name": "Bea"}))
    ana = await docs.online(server.url, token(ANA))
    thread_id = await direct_thread(ana, BEA)
    for content in ("uno", "dos"):
        await ana.send(thread_id, content)
    bea = await docs.online(server.url, token(BEA))
    await bea.load(thread_id)
    assert await shown(bea, thread_id) == ["uno", "dos"]
    assert told(bea) == []
    assert (await bea.held(thread_id))["thread"]["unread_count"] == 2


async def test_a_resend_is_answered_with_the_first_row(server: Server, docs: DocClients, clients: Clients) -> None:
    """The same `client_message_id` again stores nothing and tells nobody, whatever the text."""
    ana, bea = await docs.online(server.url, token(ANA)), await docs.online(server.url, token(BEA))
    thread_id = await direct_thread(ana, BEA)
    client_message_id = str(uuid.uuid4())
    first = await ana.send(thread_id, "una vez", client_message_id)
    again = await ana.send(thread_id, "otra vez", client_message_id)
    assert (again["id"], again["seq"], again["content"]) == (first["id"], 1, "una vez")
    await ana.send(thread_id, "fin")
    await hears(bea, "fin")
    assert told(bea) == ["una vez", "fin"]
    page = await ok(clients.http(server.url, BEA).call("get_history", {"thread_id": thread_id}))
    assert [message["content"] for message in page["messages"]] == ["una vez", "fin"]


async def test_receipts_move_the_state_of_a_message(server: Server, docs: DocClients) -> None:
    """Reading counts down to zero, and the sender sees it."""
    ana, bea = await docs.online(server.url, token(ANA)), await docs.online(server.url, token(BEA))
    thread_id = await direct_thread(ana, BEA)
    await ana.send(thread_id, "Hola")
    await hears(bea, "Hola")
    assert (await bea.mark_read(thread_id))["unread_count"] == 0

    def read(thread: Event) -> bool:
        return any(one["user_id"] == BEA and one["read_seq"] == 1 for one in thread["participants"])

    await ana.heard("receipt", read)
    assert (await ana.held(thread_id))["states"] == ["read"]
    await bea.heard("receipt", read)
    assert (await bea.held(thread_id))["thread"]["unread_count"] == 0


async def test_typing_is_heard_in_an_open_thread(server: Server, docs: DocClients) -> None:
    """Who types is shown by name."""
    ana, bea = await docs.online(server.url, token(ANA)), await docs.online(server.url, token(BEA))
    thread_id = await direct_thread(ana, BEA)
    await bea.heard("thread", lambda thread: thread["id"] == thread_id)
    await bea.open_thread(thread_id)
    await ana.type(thread_id)
    await bea.heard("typing")
    assert await bea.typists(thread_id) == ["User 1"]


# --- Gaps ---------------------------------------------------------------------------------------------------------


async def test_a_gap_is_noticed_by_the_next_event(server: Server, docs: DocClients) -> None:
    """An event that was lost is fetched once the next one comes."""
    ana, bea = await docs.online(server.url, token(ANA)), await docs.online(server.url, token(BEA))
    thread_id = await direct_thread(ana, BEA)
    for content in ("uno", "dos"):
        await ana.send(thread_id, content)
        await hears(bea, content)
    await bea.lose(thread_id)
    assert await shown(bea, thread_id) == ["uno"]
    await ana.send(thread_id, "tres")
    await bea.heard("message", lambda message: message["content"] == "dos", count=2)
    await hears(bea, "tres")
    assert await shown(bea, thread_id) == ["uno", "dos", "tres"]


async def test_the_last_lost_event_is_found_by_ping(server: Server, docs: DocClients) -> None:
    """An event after which nothing comes is found by `ping {heads}`."""
    ana, bea = await docs.online(server.url, token(ANA)), await docs.online(server.url, token(BEA))
    thread_id = await direct_thread(ana, BEA)
    await ana.send(thread_id, "uno")
    await hears(bea, "uno")
    await bea.lose(thread_id)
    assert await shown(bea, thread_id) == []
    await bea.ping()
    assert await shown(bea, thread_id) == ["uno"]


async def test_a_receipt_shows_a_gap_too(server: Server, docs: DocClients, clients: Clients) -> None:
    """A receipt with a later `rev` than the next one tells that something was missed."""
    await ok(clients.http_raw(server.url, SERVICE_TOKEN).call("put_user", {"user_id": BEA, "display_name": "Bea"}))
    ana = await docs.online(server.url, token(ANA))
    thread_id = await direct_thread(ana, BEA)
    for content in ("uno", "dos"):
        await ana.send(thread_id, content)
        await hears(ana, content)
    await ana.lose(thread_id)
    await ok(clients.http(server.url, BEA).call("mark_as_read", {"thread_id": thread_id}))
    await ana.heard("message", lambda message: message["content"] == "dos", count=2)
    held = await ana.held(thread_id)
    assert [message["content"] for message in held["messages"]] == ["uno", "dos"]
    assert held["states"] == ["read", "read"]


# --- The server is gone -------------------------------------------------------------------------------------------


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kill", [True, False], ids=["killed", "terminated"])
async def test_a_restart_loses_nothing_and_doubles_nothing(
    sqlite_url: str, docs: DocClients, clients: Clients, *, kill: bool
) -> None:
    """The client comes back to the same address, and is told once what was written meanwhile; what it sends, too."""
    environment = {"DATABASE_URL": sqlite_url}
    process = await ServerProcess.start(environment)
    port = int(process.url.rpartition(":")[2])
    try:
        ana, bea = await docs.online(process.url, token(ANA)), await docs.online(process.url, token(BEA))
        thread_id = await direct_thread(ana, BEA)
        await ana.send(thread_id, "antes")
        await hears(bea, "antes")
        quiet = await ana.ask("/messaging", "create_thread", {"kind": "group", "participant_ids": [BEA]})
        await bea.heard("thread", lambda thread: thread["id"] == quiet["id"])
        await bea.open_thread(thread_id)
        await (process.kill() if kill else process.terminate())
        new_thread_id = await write_meanwhile(environment, clients, thread_id, quiet["id"])
        waiting = asyncio.create_task(ana.send(thread_id, "en el aire"))
        process = await ServerProcess.start(environment, port=port)
        async with asyncio.timeout(COMES_BACK_S):
            stored = await waiting
        assert stored["content"] == "en el aire"
        await hears(bea, "en el aire")
        everything = ["antes", "uno", "dos", "tres", "en el aire"]
        with_quiet = sorted([*everything, "callado"])
        for client in (ana, bea):
            await until(lambda heard=client: len(heard.all("recovered")) > 1, COMES_BACK_S)
            await until(lambda heard=client: len(told(heard)) == len(with_quiet), COMES_BACK_S)
            assert sorted(told(client)) == with_quiet
            assert await shown(client, thread_id) == everything
            assert await shown(client, quiet["id"]) == ["callado"]  # no later event told of it: `sync` did
            assert new_thread_id in await client.known()
        await ana.send(thread_id, "después")
        await hears(bea, "después")
        assert sorted(told(bea)) == sorted([*with_quiet, "después"])
        assert (await bea.held(thread_id))["rev"] == (await ana.held(thread_id))["rev"]
        # The new connection joined the open thread again.
        await ana.type(thread_id)
        await bea.heard("typing")
    finally:
        await process.end()


async def write_meanwhile(environment: dict[str, str], clients: Clients, thread_id: str, quiet_id: str) -> str:
    """On another port, with the same database, write messages and open a thread; return its id."""
    elsewhere = await ServerProcess.start(environment)
    try:
        writer = clients.http(elsewhere.url, ANA)
        for place, content in ((thread_id, "uno"), (thread_id, "dos"), (thread_id, "tres"), (quiet_id, "callado")):
            await ok(writer.call("send_message", {"thread_id": place, "content": content}))
        group = {"kind": "group", "participant_ids": [BEA], "title": "Nuevo"}
        return str((await ok(writer.call("create_thread", group)))["id"])
    finally:
        await elsewhere.end()


# --- Tokens -------------------------------------------------------------------------------------------------------


async def test_a_token_is_renewed_in_place(start: Start, docs: DocClients, clients: Clients) -> None:
    """With a newer token on every namespace the connections outlive the first token."""
    clock = Clock()
    server = await start(clock)
    soon = int(time.time()) + 59  # within the minute in which connections are warned
    ana = await docs.idle(server.url, token(ANA, exp=soon))
    await ana.connect()
    await ana.heard("token_wanted")
    await ana.token(token(ANA, exp=soon + 3600))
    await ana.heard("recovered")
    await ana.heard("token_expiring", count=len(SOCKETS))
    await ana.heard("token_wanted", lambda wanted: wanted["reason"] == "expiring")
    for namespace in SOCKETS:  # asked after the renewals, hence answered after them
        await ana.ask(namespace, "ping", {})
    careless = await clients.plain_raw(server.url, token(BEA, exp=soon))
    await careless.heard("connection_established")
    clock.ahead_ms = (59 + LEEWAY_S + 5) * 1000
    await careless.closed.wait()
    assert careless.close_code == 4402
    for namespace in SOCKETS:
        await ana.ask(namespace, "ping", {})
    assert not ana.all("connection_closing")
    assert len(ana.all("connection_established")) == len(SOCKETS)


async def test_an_expired_token_is_replaced(server: Server, docs: DocClients) -> None:
    """A connect that is refused for its token is tried again with a newer one."""
    ana = await docs.idle(server.url, token(ANA, exp=int(time.time()) - 60))
    await ana.connect()
    await ana.heard("token_wanted", lambda wanted: wanted["reason"] == "connect")
    await ana.token(token(ANA))
    await ana.heard("token_wanted", lambda wanted: wanted["reason"] == "refused")
    await ana.heard("recovered")
    assert not ana.all("signed_out")


async def test_a_client_returns_after_a_revocation_with_a_newer_token(
    server: Server, docs: DocClients, clients: Clients
) -> None:
    """After DISCONNECT the client comes back if there is a newer token, and misses nothing."""
    now = int(time.time())
    ana, bea = await docs.online(server.url, token(ANA, iat=now - 100)), await docs.online(server.url, token(BEA))
    thread_id = await direct_thread(bea, ANA)
    await ana.heard("thread", lambda thread: thread["id"] == thread_id)
    await ana.token(token(ANA, iat=now))
    await revoke(clients, server, now - 50)
    assert (await ana.heard("connection_closing"))["code"] == "revoked"
    await bea.send(thread_id, "¿Sigues ahí?")
    await ana.heard("recovered", count=2)
    await hears(ana, "¿Sigues ahí?")
    assert told(ana) == ["¿Sigues ahí?"]


async def test_a_revoked_person_is_signed_out(server: Server, docs: DocClients, clients: Clients) -> None:
    """Where there is no newer token the app is told, and nothing tries again."""
    now = int(time.time())
    ana = await docs.online(server.url, token(ANA, iat=now - 100))
    await ana.token(None)
    await revoke(clients, server, now - 50)
    await ana.heard("signed_out")
    assert len(ana.all("signed_out")) == 1
    await until(lambda: server.parts.services.connections.count == 0)


async def revoke(clients: Clients, server: Server, issued_before: int) -> None:
    """End Ana's tokens that were issued before a time."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(issued_before))
    service = clients.http_raw(server.url, SERVICE_TOKEN)
    await ok(service.call("revoke_tokens", {"user_id": ANA, "issued_before": moment}))


# --- What only the page of JavaScript has -------------------------------------------------------------------------


@pytest.fixture
async def javascript(tmp_path: Path) -> AsyncIterator[DocClients]:
    """Makes clients of javascript.md."""
    async with DocClients(JavaScriptClient, tmp_path) as made:
        yield made


async def test_notifications_are_heard_and_found_again(
    server: Server, javascript: DocClients, clients: Clients
) -> None:
    """One that comes is told once; what happened without a connection is there after the next."""
    service = clients.http_raw(server.url, SERVICE_TOKEN)
    ana = await javascript.online(server.url, token(ANA))
    assert isinstance(ana, JavaScriptClient)
    first = {"user_id": ANA, "title": "Visita", "message": "Jueves a las 10"}
    await ok(service.call("notify", first))
    heard = await ana.heard("notification", lambda item: item["title"] == "Visita")
    assert await ana.unread() == 1
    await ana.read_notification(heard["id"])
    assert [item["read_at"] is None for item in await ana.notifications()] == [False]
    assert await ana.unread() == 0
    await ana.ask("/notifications", "ping", {})
    await ok(service.call("disconnect_user", {"user_id": ANA}))
    await ana.heard("connection_closing")
    await ok(service.call("notify", {**first, "title": "Urgente", "priority": "urgent"}))
    await ana.heard("notification", lambda item: item["title"] == "Urgente")
    assert await ana.unread() == 1
    assert [item["title"] for item in ana.all("notification")] == ["Visita", "Urgente"]


async def test_presence_is_shown_and_told(server: Server, javascript: DocClients) -> None:
    """Others are seen to come, to look away and to go."""
    ana, bea = await javascript.online(server.url, token(ANA)), await javascript.online(server.url, token(BEA))
    assert isinstance(ana, JavaScriptClient)
    assert isinstance(bea, JavaScriptClient)
    await direct_thread(ana, BEA)
    await ana.heard("presence", lambda one: one["user_id"] == BEA and one["is_online"])
    assert BEA in await ana.online()
    await bea.visible(value=False)
    await ana.heard("presence", lambda one: one["user_id"] == BEA and one["state"] == "away")
    await bea.close()
    await ana.heard("presence", lambda one: one["user_id"] == BEA and not one["is_online"])
    assert BEA not in await ana.online()


async def test_a_short_break_is_recovered_without_a_sync(server: Server, javascript: DocClients) -> None:
    """The client and the server go on where the line broke: what was missed is told once, and nothing is asked."""
    ana, bea = await javascript.online(server.url, token(ANA)), await javascript.online(server.url, token(BEA))
    thread_id = await direct_thread(ana, BEA)
    await ana.send(thread_id, "before")
    await hears(bea, "before")
    assert isinstance(bea, JavaScriptClient)
    await bea.cut()
    await ana.send(thread_id, "meanwhile")
    await bea.heard("connection_established", lambda event: event["recovered"] is True)
    await hears(bea, "meanwhile")
    await bea.heard("recovered", count=2)
    await ana.send(thread_id, "after")
    await hears(bea, "after")
    assert told(bea) == ["before", "meanwhile", "after"]
    assert await shown(bea, thread_id) == ["before", "meanwhile", "after"]


async def test_a_line_can_be_given_up(server: Server, javascript: DocClients) -> None:
    """`reconnect` opens a new connection at once, and the client recovers."""
    ana = await javascript.online(server.url, token(ANA))
    assert isinstance(ana, JavaScriptClient)
    await ana.reconnect()
    await ana.heard("connection_established", count=2 * len(SOCKETS))
    await ana.heard("recovered", count=2)


# --- The app at the end of the page ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("page", "language", "suffix"), [("javascript.md", "javascript", "mjs")])
async def test_the_example_app_is_well_formed(tmp_path: Path, page: str, language: str, suffix: str) -> None:
    """What is not run is at least parsed."""
    module = Page.read(page).write_module(language, tmp_path / f"app.{suffix}")
    process = await asyncio.create_subprocess_exec("node", "--check", str(module), stderr=asyncio.subprocess.PIPE)
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()


def test_the_example_bot_is_well_formed() -> None:
    """What is not run is at least parsed."""
    (bot,) = Page.read("python.md").blocks("py")
    compile(bot, "bot.py", "exec")
