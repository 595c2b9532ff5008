"""Socket.IO 5, as its protocol document and public test suite demand it, and what this server promises beyond."""

import asyncio
import base64
import json
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
import socketio

from client_tests.engine.conftest import StartChat
from client_tests.engine.raw import (
    SETTLE_S,
    WAIT_S,
    Message,
    Packet,
    Polling,
    Wire,
    Ws,
    closed,
    gone,
    open_ws,
    packet,
    receive,
    restored,
    silent,
    until,
    upgrade,
)
from client_tests.engine.servers import Chat, emptied, tables

pytestmark = [pytest.mark.usefixtures("quiet"), pytest.mark.timeout(30)]

Http = aiohttp.ClientSession
ONE = '{"_placeholder":true,"num":0}'
TWO = '{"_placeholder":true,"num":1}'


class Client:
    """A Socket.IO client by hand, on either transport: packets as WebSocket frames have them."""

    def __init__(self, transport: Polling | Ws, engine_sid: str) -> None:
        self.transport = transport
        self.engine_sid = engine_sid
        self.sid = ""

    async def send(self, *messages: Message) -> None:
        """Send packets and attachments."""
        if isinstance(self.transport, Polling):
            await self.transport.send(*(polled(message) for message in messages))
            return
        for message in messages:
            await (self.transport.send_str(message) if isinstance(message, str) else self.transport.send_bytes(message))

    async def receive(self) -> Message:
        """Return what comes next, but for pings, which it answers."""
        if isinstance(self.transport, Polling):
            (message,) = await self.transport.messages(1)
            return f"4{message}" if isinstance(message, str) else message
        return await receive(self.transport)

    async def packet(self) -> Packet:
        """Return the next packet, with its attachments in their places."""
        head = packet(await self.receive())
        attachments = [await self.receive() for _ in range(head.attachments)]
        assert all(isinstance(attachment, bytes) for attachment in attachments)
        data = restored(head.data, attachments)  # type: ignore[arg-type]
        return Packet(head.type, head.attachments, head.namespace, head.id, data)

    async def join(self, namespace: str = "/", auth: Any = None) -> str:
        """Join a namespace; return the id there."""
        await self.send(
            "40" + ("" if namespace == "/" else f"{namespace},") + ("" if auth is None else json.dumps(auth))
        )
        answer = await self.packet()
        assert (answer.type, answer.namespace) == (0, namespace), answer
        assert set(answer.data) == {"sid"}
        return str(answer.data["sid"])

    async def closed(self) -> None:
        """Wait until the server closes."""
        if isinstance(self.transport, Polling):
            await gone(self.transport)
        else:
            await closed(self.transport)

    async def leave(self) -> None:
        """Close."""
        if isinstance(self.transport, Polling):
            with suppress(AssertionError):  # it may be closed already
                await self.transport.send("1")
        else:
            await self.transport.close()


def polled(message: Message) -> str:
    """Return a packet as it is in a polling payload."""
    return message if isinstance(message, str) else "b" + base64.b64encode(message).decode()


async def open_client(http: Http, chat: Chat, transport: str) -> Client:
    """Open a session that has joined nothing."""
    if transport == "polling":
        polling = await Polling.open(http, chat.url)
        return Client(polling, polling.sid)
    if transport == "upgraded":
        polling = await Polling.open(http, chat.url)
        return Client(await upgrade(http, chat.url, polling), polling.sid)
    ws, sid = await open_ws(http, chat.url)
    return Client(ws, sid)


async def joined(http: Http, chat: Chat, transport: str = "websocket", namespace: str = "/") -> Client:
    """Open a session and join a namespace."""
    client = await open_client(http, chat, transport)
    client.sid = await client.join(namespace)
    return client


async def alive(client: Client) -> None:
    """Assert that events are handled and acked."""
    await client.send('42987["ack","alive"]')
    answer = await client.packet()
    assert (answer.type, answer.id, answer.data) == (3, 987, ["alive"])


each_transport = pytest.mark.parametrize("transport", ["websocket", "polling", "upgraded"])


# --- Connect ---------------------------------------------------------------------------------------------------


@each_transport
@pytest.mark.parametrize("namespace", ["/", "/custom"])
@pytest.mark.parametrize("auth", [None, {"token": "123", "nested": {"a": [1, None, "ñ"]}}], ids=["no auth", "auth"])
async def test_connect_to_a_namespace(chat: Chat, http: Http, transport: str, namespace: str, auth: Any) -> None:
    """The answer holds an id that is not the session's; the application is told of the payload."""
    client = await open_client(http, chat, transport)
    sid = await client.join(namespace, auth)
    assert sid != client.engine_sid
    assert chat.joined == [(namespace, sid, auth)]
    await client.leave()
    await chat.until_left(sid)
    await emptied(chat.sio)


async def test_connect_without_a_comma_is_understood(chat: Chat, http: Http) -> None:
    """`40/custom` alone names the namespace, too; a query behind it is no part of the name."""
    for text in ("40/custom", "40/custom?token=x,"):
        client = await open_client(http, chat, "websocket")
        await client.send(text)
        answer = await client.packet()
        assert (answer.type, answer.namespace) == (0, "/custom")
        await client.leave()


async def test_connect_to_several_namespaces_over_one_session(chat: Chat, http: Http) -> None:
    """Each has an id of its own, and its events go to its own handlers."""
    client = await open_client(http, chat, "websocket")
    sids = {await client.join("/"), await client.join("/custom"), client.engine_sid}
    assert len(sids) == 3
    await client.send('42/custom,5["ack",1]')
    assert await client.packet() == Packet(3, 0, "/custom", 5, [1])
    await client.send('425["ack",2]')
    assert await client.packet() == Packet(3, 0, "/", 5, [2])
    await client.leave()
    await emptied(chat.sio)
    assert {where for where, _, _ in chat.left} == {"/", "/custom"}


@each_transport
@pytest.mark.parametrize("namespace", ["/random", "/custo", "/custom/", "/_control", "/*"])
async def test_connect_to_an_unknown_namespace_is_refused(
    chat: Chat, http: Http, transport: str, namespace: str
) -> None:
    """With a CONNECT_ERROR that has a message; the session may join others."""
    client = await open_client(http, chat, transport)
    await client.send(f"40{namespace},")
    answer = await client.packet()
    assert (answer.type, answer.namespace) == (4, namespace)
    assert answer.data["message"] == "Invalid namespace"
    assert chat.sio.manager.rooms == {}
    await client.join("/")
    await alive(client)
    await client.leave()


async def test_connect_to_namespaces_that_are_named_or_all(start_chat: StartChat, http: Http) -> None:
    """`namespaces` opens some without handlers, `*` opens all."""
    named = await start_chat(namespaces=["/plain"])
    client = await open_client(http, named, "websocket")
    await client.join("/plain")
    await client.send("40/other,")
    assert (await client.packet()).type == 4
    await client.leave()
    every = await start_chat(namespaces="*")
    client = await open_client(http, every, "websocket")
    await client.join("/anything at all")
    await client.leave()
    await emptied(every.sio)


@each_transport
async def test_connect_twice_to_a_namespace_does_no_harm(chat: Chat, http: Http, transport: str) -> None:
    """The first connection goes on; the application is told of one, whatever the second is answered."""
    client = await joined(http, chat, transport)
    await client.send("40", '40{"token":"again"}')
    await client.send('42987["ack","alive"]')
    while (answer := await client.packet()).type != 3:
        assert answer.type in {0, 4}
    assert (answer.id, answer.data) == (987, ["alive"])
    assert len(chat.joined) == 1
    await client.leave()
    await emptied(chat.sio)
    assert len(chat.left) == 1


async def test_connect_twice_at_once_does_no_harm(chat: Chat, http: Http) -> None:
    """Also while the first is not let in yet."""
    gate = asyncio.Event()

    async def connect(sid: str, _environ: Any, _auth: Any) -> None:
        chat.joined.append(("/", sid, None))
        await gate.wait()

    chat.sio.on("connect", connect)
    client = await open_client(http, chat, "websocket")
    await client.send("40", "40", "40")
    await until(lambda: chat.joined)
    await asyncio.sleep(SETTLE_S)
    gate.set()
    await client.send('42987["ack","alive"]')
    sids = set()
    while (answer := await client.packet()).type != 3:
        assert answer.type in {0, 4}
        sids |= {answer.data["sid"]} if answer.type == 0 else set()
    assert sids == {chat.sids()[0]}
    assert len(chat.joined) == 1
    await client.leave()
    await emptied(chat.sio)


@pytest.mark.parametrize("payload", ['"text"', "[]", "[1]", "true", "null", "{", '{"a":', "-1", '{"a":NaN}'])
async def test_connect_with_a_payload_that_is_no_object_does_no_harm(chat: Chat, http: Http, payload: str) -> None:
    """It is refused, taken or closes the session; nothing is left, and nothing is logged."""
    client = await open_client(http, chat, "websocket")
    await client.send(f"40{payload}")
    await asyncio.sleep(SETTLE_S)
    await client.leave()
    await emptied(chat.sio)
    assert len(chat.left) == len(chat.joined)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (socketio.exceptions.ConnectionRefusedError("not today"), "not today"),
        (ConnectionRefusedError("errno"), None),
        (RuntimeError("a secret of the server"), None),
        (TypeError("a secret of the server"), None),
        (KeyError("a secret of the server"), None),
    ],
)
async def test_connect_handler_that_raises_refuses(
    chat: Chat, http: Http, caplog: pytest.LogCaptureFixture, error: Exception, message: str | None
) -> None:
    """A CONNECT_ERROR with a message, nothing left, no secrets told; other namespaces may still be joined."""

    async def connect(_sid: str, _environ: Any, _auth: Any) -> None:
        raise error

    chat.sio.on("connect", connect)
    client = await open_client(http, chat, "websocket")
    for _ in range(2):  # it may be tried again
        await client.send("40")
        answer = await client.packet()
        assert (answer.type, answer.namespace) == (4, "/")
        assert isinstance(answer.data["message"], str)
        assert message is None or answer.data["message"] == message
        assert "secret" not in json.dumps(answer.data)
    await until(lambda: not {"rooms", "pending_connect", "pending_disconnect"} & set(tables(chat.sio)))
    await client.join("/custom")
    await client.leave()
    await emptied(chat.sio)
    assert [where for where, _, _ in chat.left] == ["/custom"]
    caplog.clear()  # the application's own failure may be logged


async def test_connect_handler_that_returns_false_refuses(chat: Chat, http: Http) -> None:
    """As python-socketio has it; refusal data may be given by an exception."""
    refusals: list[Any] = [False, socketio.exceptions.ConnectionRefusedError("no", {"code": 7})]

    async def connect(_sid: str, _environ: Any, _auth: Any) -> Any:
        refusal = refusals.pop(0)
        if isinstance(refusal, Exception):
            raise refusal
        return refusal

    chat.sio.on("connect", connect)
    client = await open_client(http, chat, "polling")
    await client.send("40")
    answer = await client.packet()
    assert answer.type == 4
    assert isinstance(answer.data["message"], str)
    await client.send("40")
    answer = await client.packet()
    assert answer.data == {"message": "no", "data": {"code": 7}}
    await client.leave()
    await emptied(chat.sio)


@each_transport
@pytest.mark.parametrize("accepts", [True, False], ids=["accepted", "refused"])
@pytest.mark.parametrize("patience", [None, 0.01], ids=["soon", "after it was given up"])
async def test_client_that_leaves_while_it_is_let_in_leaves_nothing(
    chat: Chat, http: Http, monkeypatch: pytest.MonkeyPatch, transport: str, accepts: bool, patience: float | None
) -> None:
    """If the application let it in, it is told that the client left, once; else it is told nothing."""
    if patience is not None:  # how long the end of a session waits for its handlers
        monkeypatch.setattr("server.realtime.engine.LAST_EVENTS_S", patience)
    gate = asyncio.Event()
    let_in: list[str] = []

    async def connect(sid: str, _environ: Any, _auth: Any) -> bool:
        chat.joined.append(("/", sid, None))
        await gate.wait()
        if accepts:
            let_in.append(sid)
            await chat.sio.enter_room(sid, "room")
        return accepts

    chat.sio.on("connect", connect)
    client = await open_client(http, chat, transport)
    await client.send("40")
    await until(lambda: chat.joined)
    await client.leave()
    await asyncio.sleep(SETTLE_S)
    gate.set()
    await emptied(chat.sio)
    await asyncio.sleep(SETTLE_S)
    assert [sid for _, sid, _ in chat.left] == let_in


async def test_events_while_a_client_is_let_in_are_not_handled_before(chat: Chat, http: Http) -> None:
    """An event that comes before the connect handler ended waits or is dropped; it never overtakes."""
    gate = asyncio.Event()
    order: list[str] = []

    async def connect(_sid: str, _environ: Any, _auth: Any) -> None:
        await gate.wait()
        order.append("connect")

    async def note(_sid: str, text: str) -> None:
        order.append(text)

    chat.sio.on("connect", connect)
    chat.sio.on("note", note)
    client = await open_client(http, chat, "websocket")
    await client.send("40", '42["note","a"]', '42["note","b"]')
    await asyncio.sleep(SETTLE_S)
    gate.set()
    assert (await client.packet()).type == 0
    await client.send('42["note","c"]')
    await until(lambda: "c" in order)
    assert order in (["connect", "a", "b", "c"], ["connect", "c"])
    await client.leave()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_session_that_joins_nothing_is_closed_in_time(start_chat: StartChat, http: Http, transport: str) -> None:
    """Also one that tried, and was refused; not before its time, and not one that joined."""
    chat = await start_chat(connect_timeout=0.6)
    begin = asyncio.get_running_loop().time()
    idle = await open_client(http, chat, transport)
    refused = await open_client(http, chat, transport)
    await refused.send("40/nope,")
    assert (await refused.packet()).type == 4
    there = await joined(http, chat, transport)
    await refused.closed()
    assert asyncio.get_running_loop().time() - begin > 0.5
    await idle.closed()
    await until(lambda: len(chat.sio.eio.sockets) == 1)
    await asyncio.sleep(0.7)
    await alive(there)
    await there.leave()
    await emptied(chat.sio)


async def test_polling_session_that_joins_nothing_has_its_poll_released(start_chat: StartChat, http: Http) -> None:
    """The poll does not hang when the session is closed."""
    chat = await start_chat(connect_timeout=0.4)
    client = await Polling.open(http, chat.url)
    answer = await client.get()
    assert answer.status in {200, 400}
    await gone(client)


# --- Events ----------------------------------------------------------------------------------------------------


@each_transport
@pytest.mark.parametrize("namespace", ["/", "/custom"])
async def test_event_goes_both_ways(chat: Chat, http: Http, transport: str, namespace: str) -> None:
    """Any JSON, any number of arguments."""
    client = await joined(http, chat, transport, namespace)
    prefix = "" if namespace == "/" else f"{namespace},"
    for arguments in ([], [1, "2", {"3": [True]}], [None], ["¡Hola! 👋", "", -0.5, [], {}], ["x" * 50_000]):
        await client.send(f"42{prefix}{json.dumps(['echo', *arguments])}")
        assert await client.packet() == Packet(2, 0, namespace, None, ["echo-back", *arguments])
    await client.leave()


@each_transport
async def test_event_with_attachments_goes_both_ways(chat: Chat, http: Http, transport: str) -> None:
    """Wherever they are in the arguments; empty ones and the same twice too."""
    client = await joined(http, chat, transport)
    await client.send(f'452-["echo",{ONE},{TWO}]', b"\x01\x02\x03", b"\x04\x05\x06")
    text = await client.receive()
    assert packet(text) == Packet(
        5, 2, "/", None, ["echo-back", {"_placeholder": True, "num": 0}, {"_placeholder": True, "num": 1}]
    )
    assert [await client.receive(), await client.receive()] == [b"\x01\x02\x03", b"\x04\x05\x06"]
    await client.send(f'452-["echo",{{"deep":[1,{TWO},{{"a":{ONE}}}]}}]', b"", b"x" * 70_000)
    assert (await client.packet()).data == ["echo-back", {"deep": [1, b"x" * 70_000, {"a": b""}]}]
    await client.send('42["echo","after"]')
    assert (await client.packet()).data == ["echo-back", "after"]
    assert chat.sio._binary_packet == {}
    await client.leave()


@each_transport
async def test_ack_goes_to_the_client(chat: Chat, http: Http, transport: str) -> None:
    """With the id as it was, text and binary."""
    client = await joined(http, chat, transport)
    await client.send('42456["ack",1,"2",{"3":[false]}]')
    assert await client.packet() == Packet(3, 0, "/", 456, [1, "2", {"3": [False]}])
    await client.send('420["ack"]')
    assert await client.packet() == Packet(3, 0, "/", 0, [])
    await client.send(f'452-789["ack",{ONE},{TWO}]', b"\x01\x02\x03", b"\x04\x05\x06")
    assert await client.packet() == Packet(6, 2, "/", 789, [b"\x01\x02\x03", b"\x04\x05\x06"])
    await client.leave()


@each_transport
async def test_ack_comes_from_the_client(chat: Chat, http: Http, transport: str) -> None:
    """`call` returns what the client answers: nothing, one value, several, and binary ones."""
    client = await joined(http, chat, transport)
    answers: list[tuple[str, Any]] = [("[]", None), ("[5]", 5), ('[1,"2"]', (1, "2")), ("[null]", None)]
    for body, expected in answers:
        call = asyncio.create_task(chat.sio.call("question", {"n": 1}, to=client.sid, timeout=WAIT_S))
        question = await client.packet()
        assert (question.type, question.data) == (2, ["question", {"n": 1}])
        await client.send(f"43{question.id}{body}")
        assert await call == expected
    call = asyncio.create_task(chat.sio.call("question", b"\x09", to=client.sid, timeout=WAIT_S))
    question = await client.packet()
    assert (question.type, question.data) == (5, ["question", b"\x09"])
    await client.send(f"461-{question.id}[{ONE}]", b"\x01\x02")
    assert await call == b"\x01\x02"
    assert not chat.sio._binary_packet
    await client.leave()


async def test_ack_may_come_while_a_handler_waits_for_it(chat: Chat, http: Http) -> None:
    """A handler that calls its own client is no deadlock."""

    async def ask(sid: str) -> Any:
        return await chat.sio.call("question", to=sid, timeout=WAIT_S)

    chat.sio.on("ask", ask)
    client = await joined(http, chat)
    await client.send('427["ask"]')
    question = await client.packet()
    await client.send(f'43{question.id}["answer"]')
    assert await client.packet() == Packet(3, 0, "/", 7, ["answer"])
    await client.leave()


async def test_call_of_a_client_that_leaves_times_out(chat: Chat, http: Http) -> None:
    """Nothing is left of it."""
    client = await joined(http, chat)
    call = asyncio.create_task(chat.sio.call("question", to=client.sid, timeout=0.5))
    await client.packet()
    await client.leave()
    with pytest.raises(socketio.exceptions.TimeoutError):
        await call
    await emptied(chat.sio)


FORGED = [
    pytest.param("43", id="no id"),
    pytest.param("43[]", id="no id but a list"),
    pytest.param("430[]", id="zero"),
    pytest.param('431["forged"]', id="one that was used"),
    pytest.param('43999999["forged"]', id="one that was never given"),
    pytest.param('43-1["forged"]', id="negative"),
    pytest.param("43" + "9" * 90 + "[]", id="of 90 digits"),
    pytest.param("43" + "9" * 5000 + "[]", id="of 5,000 digits"),
    pytest.param('43²["forged"]', id="a digit that is none"),
    pytest.param("431{}", id="an object"),
    pytest.param('431"text"', id="a text"),
    pytest.param("431", id="no list"),
    pytest.param('43/custom,2["forged"]', id="of a namespace that was not joined"),
]


@pytest.mark.parametrize("forged", FORGED)
async def test_forged_ack_breaks_no_later_one(chat: Chat, http: Http, forged: str) -> None:
    """It is ignored, or closes the session; if that lives, later calls get their own answers."""
    client = await joined(http, chat)
    call = asyncio.create_task(chat.sio.call("question", to=client.sid, timeout=WAIT_S))
    question = await client.packet()
    await client.send(f'43{question.id}["first"]')
    assert await call == "first"
    await client.send(forged)
    await asyncio.sleep(SETTLE_S)
    if client.engine_sid in chat.sio.eio.sockets:
        call = asyncio.create_task(chat.sio.call("question", to=client.sid, timeout=WAIT_S))
        question = await client.packet()
        await client.send(f'43{question.id}["second"]', f'43{question.id}["twice"]')
        assert await call == "second"
        await alive(client)
    await client.leave()
    await emptied(chat.sio)


async def test_ack_of_another_client_is_not_taken(chat: Chat, http: Http) -> None:
    """Ids are the connection's own: nobody answers for somebody else."""
    one, other = await joined(http, chat), await joined(http, chat)
    call = asyncio.create_task(chat.sio.call("question", to=one.sid, timeout=WAIT_S))
    question = await one.packet()
    await other.send(f'43{question.id}["forged"]')
    await alive(other)
    assert not call.done()
    await one.send(f'43{question.id}["true"]')
    assert await call == "true"
    await one.leave()
    await other.leave()


@each_transport
async def test_event_that_nobody_handles_is_not_acked(chat: Chat, http: Http, transport: str) -> None:
    """The first answer is the next event's."""
    client = await joined(http, chat, transport)
    await client.send('426["nobody"]', '427["ack","next"]')
    assert await client.packet() == Packet(3, 0, "/", 7, ["next"])
    await client.leave()


@pytest.mark.parametrize("kind", ["raises", "wrong signature", "raises TypeError", "sync", "not JSON"])
async def test_handler_that_fails_is_still_acked(
    chat: Chat, http: Http, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """An id is answered whatever the handler does, without its secrets; later events are handled."""

    async def raises(_sid: str, *_args: Any) -> None:
        raise RuntimeError("a secret of the server")

    async def raises_type_error(_sid: str, *_args: Any) -> None:
        raise TypeError("a secret of the server")

    async def wrong_signature() -> None:
        pass

    def sync(_sid: str, *_args: Any) -> None:
        raise LookupError("a secret of the server")

    async def not_json(_sid: str, *_args: Any) -> object:
        return object()

    handlers: dict[str, Callable[..., Any]] = {
        "raises": raises,
        "raises TypeError": raises_type_error,
        "wrong signature": wrong_signature,
        "sync": sync,
        "not JSON": not_json,
    }
    chat.sio.on("boom", handlers[kind])
    client = await joined(http, chat)
    await client.send('425["boom",1]')
    answer = await client.packet()
    assert (answer.type, answer.id) == (3, 5)
    assert isinstance(answer.data, list)
    assert "secret" not in json.dumps(answer.data)
    await client.send('42["boom"]')
    await alive(client)
    await client.leave()
    await emptied(chat.sio)
    caplog.clear()  # the application's own failure may be logged


RESERVED = ["connect", "disconnect", "connect_error", "disconnecting", "newListener", "removeListener"]


@pytest.mark.parametrize("name", RESERVED)
@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
async def test_reserved_event_of_a_client_reaches_no_handler(chat: Chat, http: Http, name: str, binary: bool) -> None:
    """What the server says of itself, a client cannot say: it is ignored, or closes the session."""
    heard: list[tuple[Any, ...]] = []

    async def listen(*args: Any) -> None:
        heard.append(args)

    for event in {*RESERVED, "*"} - {"connect", "disconnect"}:
        chat.sio.on(event, listen)
    client = await joined(http, chat)
    if binary:
        await client.send(f'451-["{name}","forged",{ONE}]', b"forged")
    else:
        await client.send(f'42["{name}","forged",{{}}]')
        with suppress(ConnectionError):
            await client.send(f'429["{name}"]')
    await asyncio.sleep(SETTLE_S)
    await client.leave()
    await emptied(chat.sio)
    assert heard == []
    assert len(chat.joined) == len(chat.left) == 1
    assert "forged" not in json.dumps([chat.joined, chat.left])


async def test_disconnect_leaves_other_namespaces(chat: Chat, http: Http) -> None:
    """One is left, the application is told; the other goes on, and the first may be joined anew."""
    client = await open_client(http, chat, "websocket")
    await client.join("/")
    custom = await client.join("/custom")
    await client.send("41/custom,")
    assert await chat.until_left(custom) == chat.sio.reason.CLIENT_DISCONNECT
    await client.send('42["echo","to main"]')
    assert (await client.packet()).data == ["echo-back", "to main"]
    again = await client.join("/custom")
    assert again != custom
    await client.leave()
    await emptied(chat.sio)
    assert len(chat.left) == 3


async def test_disconnect_from_the_last_namespace_keeps_the_session_for_now(start_chat: StartChat, http: Http) -> None:
    """Heartbeats go on, and another namespace may be joined."""
    chat = await start_chat(ping_interval=0.2, ping_timeout=3)
    ws, _ = await open_ws(http, chat.url)
    await ws.send_str("40")
    while not (await ws.receive_str(timeout=WAIT_S)).startswith("40"):
        pass
    await ws.send_str("41")
    await chat.until_left(chat.sids()[0])
    assert await ws.receive_str(timeout=WAIT_S) == "2"
    await ws.send_str("3")
    await ws.send_str("40/custom,")
    while not (await ws.receive_str(timeout=WAIT_S)).startswith("40/custom,"):
        pass
    await ws.close()


async def test_disconnect_by_the_server_tells_the_client(chat: Chat, http: Http) -> None:
    """A DISCONNECT packet behind all that was emitted before; other namespaces go on."""
    client = await open_client(http, chat, "websocket")
    await client.join("/")
    custom = await client.join("/custom")
    await chat.sio.emit("last", "words", to=custom, namespace="/custom")
    await chat.sio.disconnect(custom, namespace="/custom")
    assert await client.packet() == Packet(2, 0, "/custom", None, ["last", "words"])
    assert await client.packet() == Packet(1, 0, "/custom", None, None)
    assert await chat.until_left(custom) == chat.sio.reason.SERVER_DISCONNECT
    await alive(client)
    await client.leave()


@each_transport
async def test_disconnect_by_a_handler_of_the_client_itself(chat: Chat, http: Http, transport: str) -> None:
    """A handler that shows its own client out is no deadlock; the application is told once."""

    async def out(sid: str) -> None:
        await chat.sio.disconnect(sid)

    chat.sio.on("out", out)
    client = await joined(http, chat, transport)
    await client.send('42["out"]')
    assert (await client.packet()).type == 1
    assert await chat.until_left(client.sid) == chat.sio.reason.SERVER_DISCONNECT
    await until(lambda: not {"rooms", "pending_connect", "pending_disconnect"} & set(tables(chat.sio)))
    await client.join("/")
    await alive(client)
    await client.leave()
    await emptied(chat.sio)


async def test_disconnect_by_the_connect_handler_does_no_harm(chat: Chat, http: Http) -> None:
    """To python-socketio a client that is not let in yet cannot be shown out: it may stay, or be refused."""

    async def connect(sid: str, _environ: Any, _auth: Any) -> None:
        chat.joined.append(("/", sid, None))
        await chat.sio.disconnect(sid)

    chat.sio.on("connect", connect)
    client = await open_client(http, chat, "websocket")
    await client.send("40")
    assert (await client.packet()).type in {0, 1, 4}
    await client.leave()
    await emptied(chat.sio)
    assert len(chat.left) <= 1


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("error", [RuntimeError("boom"), TypeError("boom")])
async def test_disconnect_handler_that_raises_leaves_nothing(
    chat: Chat, http: Http, caplog: pytest.LogCaptureFixture, transport: str, error: Exception
) -> None:
    """Nor does it keep other namespaces from being told."""

    async def disconnect(sid: str, reason: str) -> None:
        chat.left.append(("/", sid, reason))
        raise error

    chat.sio.on("disconnect", disconnect)
    client = await open_client(http, chat, transport)
    await client.join("/")
    custom = await client.join("/custom")
    await client.leave()
    await chat.until_left(custom)
    await emptied(chat.sio)
    client = await joined(http, chat, transport)
    await client.join("/custom")
    await client.send("41")  # also when only the namespace is left
    await client.send('42/custom,7["ack"]')
    assert (await client.packet()).id == 7
    await client.leave()
    await emptied(chat.sio)
    client = await joined(http, chat, transport)
    await chat.sio.disconnect(client.sid)  # and when the server shows it out
    assert (await client.packet()).type == 1
    await client.leave()
    await emptied(chat.sio)
    caplog.clear()  # the application's own failure may be logged


async def test_disconnect_handler_without_a_reason_is_told(chat: Chat, http: Http) -> None:
    """python-socketio's older form takes the id alone."""
    left: list[str] = []

    async def disconnect(sid: str) -> None:
        left.append(sid)

    chat.sio.on("disconnect", disconnect)
    client = await joined(http, chat)
    await client.leave()
    await until(lambda: left == [client.sid])
    await emptied(chat.sio)


# --- The application's side ------------------------------------------------------------------------------------


async def test_rooms_and_broadcasts(chat: Chat, http: Http) -> None:
    """Rooms, lists of rooms, skipped connections and closed rooms mean what python-socketio says."""
    sio = chat.sio
    clients = [await joined(http, chat, transport) for transport in ("websocket", "polling", "upgraded")]
    a, b, c = (client.sid for client in clients)
    for sid, room in ((a, "r"), (b, "r"), (b, "s"), (c, "s")):
        await sio.enter_room(sid, room)
    assert set(sio.rooms(b)) == {b, "r", "s"}
    await sio.emit("all")
    await sio.emit("r", {"n": 1}, room="r")
    await sio.emit("both", [1], room=["r", "s"])
    await sio.emit("skipped", (1, 2), room=["r", "s"], skip_sid=b)
    await sio.emit("binary", b"\x01", room="s")
    await sio.emit("nowhere", room="t")
    await sio.leave_room(b, "r")
    await sio.emit("after", room="r")
    await sio.close_room("r")
    await sio.emit("closed", room="r")
    await sio.emit("one", to=c)
    await sio.send("a message", to=c)
    await sio.emit("end")
    expected = {
        a: [["all"], ["r", {"n": 1}], ["both", [1]], ["skipped", 1, 2], ["after"], ["end"]],
        b: [["all"], ["r", {"n": 1}], ["both", [1]], ["binary", b"\x01"], ["end"]],
        c: [["all"], ["both", [1]], ["skipped", 1, 2], ["binary", b"\x01"], ["one"], ["message", "a message"], ["end"]],
    }
    for client in clients:
        assert [(await client.packet()).data for _ in expected[client.sid]] == expected[client.sid]
        await client.leave()
    await emptied(sio)


async def test_sessions_callbacks_and_environ(chat: Chat, http: Http) -> None:
    """User sessions, emit with a callback, `transport` and `get_environ` work as in python-socketio."""
    sio = chat.sio
    client = await joined(http, chat)
    async with sio.session(client.sid) as session:
        session["name"] = "Ada"
    assert (await sio.get_session(client.sid))["name"] == "Ada"
    assert sio.transport(client.sid) == "websocket"
    assert "QUERY_STRING" in sio.get_environ(client.sid)
    assert client.engine_sid in sio.environ
    answers: list[tuple[Any, ...]] = []

    async def answered(*args: Any) -> None:
        answers.append(args)

    await sio.emit("a", to=client.sid, callback=answered)
    await sio.emit("b", to=client.sid, callback=lambda *args: answers.append(args))
    first, second = await client.packet(), await client.packet()
    assert first.id != second.id
    await client.send(f"43{second.id}[2]", f"43{first.id}[1,1]")
    await until(lambda: len(answers) == 2)
    assert sorted(answers) == [(1, 1), (2,)]
    await client.leave()
    await emptied(sio)


async def test_connect_handler_may_emit_when_always_connected(start_chat: StartChat, http: Http) -> None:
    """With `always_connect` the CONNECT packet comes before what the connect handler emits."""
    chat = await start_chat(always_connect=True)

    async def connect(sid: str, _environ: Any, auth: Any) -> None:
        await chat.sio.emit("auth", auth or {}, to=sid)

    chat.sio.on("connect", connect)
    client = await open_client(http, chat, "websocket")
    await client.join("/", {"token": "123"})
    assert (await client.packet()).data == ["auth", {"token": "123"}]
    await client.leave()


@each_transport
async def test_binary_events_emitted_at_once_are_not_mixed(chat: Chat, http: Http, transport: str) -> None:
    """The attachments of an event follow it, whatever else is emitted meanwhile."""
    client = await joined(http, chat, transport)

    async def emit(number: int) -> None:
        await asyncio.sleep(random.random() / 50)
        if number % 2:
            await chat.sio.emit("text", number, to=client.sid)
        else:
            await chat.sio.emit("binary", [number, b"%d-0" % number, b"%d-1" % number, b"%d-2" % number], to=client.sid)

    await asyncio.gather(*(emit(number) for number in range(100)))
    seen = []
    for _ in range(100):
        name, value = (await client.packet()).data
        if name == "binary":
            number = value[0]
            assert value[1:] == [b"%d-0" % number, b"%d-1" % number, b"%d-2" % number]
            seen.append(number)
        else:
            seen.append(value)
    assert sorted(seen) == list(range(100))
    await client.leave()


# --- Order and load --------------------------------------------------------------------------------------------


@each_transport
async def test_events_of_one_client_are_handled_in_order(chat: Chat, http: Http, transport: str) -> None:
    """300 events to a handler that takes its random time: each begins when the one before has ended."""
    order: list[int] = []
    running = 0
    overlaps = 0

    async def step(_sid: str, number: int) -> int:
        nonlocal running, overlaps
        running += 1
        overlaps += running > 1
        await asyncio.sleep(random.choice([0, 0, 0.001, 0.004]))
        order.append(number)
        running -= 1
        return number

    chat.sio.on("step", step)
    client = await joined(http, chat, transport)
    packets = [f'42{number}["step",{number}]' for number in range(300)]
    if transport == "polling":
        for start in range(0, 300, 60):
            await client.send(*packets[start : start + 60])
    else:
        await client.send(*packets)
    assert [(await client.packet()).id for _ in range(300)] == list(range(300))
    assert order == list(range(300))
    assert overlaps == 0
    await client.leave()


async def test_events_of_other_clients_do_not_wait(chat: Chat, http: Http) -> None:
    """One client's slow handler holds up nobody else."""
    gate = asyncio.Event()

    async def slow(_sid: str) -> None:
        await gate.wait()

    chat.sio.on("slow", slow)
    one, other = await joined(http, chat), await joined(http, chat)
    await one.send('421["slow"]')
    await asyncio.sleep(SETTLE_S)
    await alive(other)
    gate.set()
    assert (await one.packet()).id == 1
    await one.leave()
    await other.leave()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_heartbeat_goes_on_while_a_handler_sleeps(start_chat: StartChat, http: Http, transport: str) -> None:
    """A handler that takes longer than both times together does not make its client miss a ping."""
    chat = await start_chat(ping_interval=0.2, ping_timeout=0.4)

    async def slow(_sid: str) -> str:
        await asyncio.sleep(1.5)
        return "done"

    chat.sio.on("slow", slow)
    client = await joined(http, chat, transport)
    await client.send('421["slow"]')
    assert await client.packet() == Packet(3, 0, "/", 1, ["done"])
    await client.leave()
    await chat.until_left(client.sid)


async def test_client_that_answers_no_ping_is_closed_while_a_handler_sleeps(start_chat: StartChat, http: Http) -> None:
    """A slow handler does not keep a dead client; the application is told once the handler ended."""
    chat = await start_chat(ping_interval=0.1, ping_timeout=0.2)
    order: list[str] = []

    async def slow(_sid: str) -> None:
        await asyncio.sleep(1)
        order.append("handled")

    async def disconnect(sid: str, reason: str) -> None:
        order.append("left")
        chat.left.append(("/", sid, reason))

    chat.sio.on("slow", slow)
    chat.sio.on("disconnect", disconnect)
    ws, _ = await open_ws(http, chat.url)
    await ws.send_str("40")
    await ws.send_str('42["slow"]')
    await closed(ws)
    assert await chat.until_left(chat.sids()[0]) == chat.sio.reason.PING_TIMEOUT
    await emptied(chat.sio)
    assert order == ["handled", "left"]


async def test_flood_of_events_makes_no_flood_of_tasks(chat: Chat, http: Http) -> None:
    """20,000 events to a handler that does not keep up: the sender is held back, all are handled, in order."""
    most_tasks = 0
    count = 20_000
    handled: list[int] = []
    gate = asyncio.Event()

    async def step(_sid: str, number: int, _ballast: str) -> None:
        nonlocal most_tasks
        await gate.wait()
        handled.append(number)
        if number % 50 == 0:
            most_tasks = max(most_tasks, len(asyncio.all_tasks()))
            await asyncio.sleep(0)

    chat.sio.on("step", step)
    client = await joined(http, chat)
    ballast = "x" * 1000
    sent = 0

    async def flood() -> None:
        nonlocal sent
        for number in range(count):
            await client.send(f'42["step",{number},"{ballast}"]')
            sent += 1

    flooding = asyncio.create_task(flood())
    before = -1
    while sent != before:  # until it is held back
        before = sent
        most_tasks = max(most_tasks, len(asyncio.all_tasks()))
        await asyncio.sleep(0.3)
    assert sent < count, "nothing held the sender back"
    gate.set()
    async with asyncio.timeout(20):
        await flooding
        await until(lambda: len(handled) == count, 20)
    assert handled == list(range(count))
    assert most_tasks < 300
    await alive(client)
    await client.leave()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_client_that_floods_and_leaves_leaves_nothing(chat: Chat, http: Http, transport: str) -> None:
    """What was handled is a beginning of what was sent; the disconnect is the last that the application hears."""
    heard: list[Any] = []

    async def step(_sid: str, number: int) -> None:
        await asyncio.sleep(0)
        heard.append(number)

    async def disconnect(sid: str, reason: str) -> None:
        heard.append("left")
        chat.left.append(("/", sid, reason))

    chat.sio.on("step", step)
    chat.sio.on("disconnect", disconnect)
    client = await joined(http, chat, transport)
    await client.send(*(f'42["step",{number}]' for number in range(1000)))
    await client.leave()
    await emptied(chat.sio)
    await asyncio.sleep(SETTLE_S)
    assert heard[-1] == "left"
    assert heard[:-1] == list(range(len(heard) - 1))


# --- What is malformed -----------------------------------------------------------------------------------------

CLOSED = [
    pytest.param("4abc", id="no type"),
    pytest.param("4", id="nothing"),
    pytest.param("47", id="type 7"),
    pytest.param('49["note"]', id="type 9"),
    pytest.param('4²["note"]', id="a digit that is none"),
    pytest.param('42{"not":"array"}', id="an object for an event"),
    pytest.param("42{}", id="an empty object for an event"),
    pytest.param("42[]", id="an empty list for an event"),
    pytest.param("42[{}]", id="an object for a name"),
    pytest.param("42[[]]", id="a list for a name"),
    pytest.param("42[null]", id="null for a name"),
    pytest.param("42[true]", id="true for a name"),
    pytest.param('42"note"', id="a text for an event"),
    pytest.param("42", id="no data"),
    pytest.param("427", id="only an id"),
    pytest.param('42["note"', id="broken JSON"),
    pytest.param('42["note"]x', id="JSON and more"),
    pytest.param('42["note",NaN]', id="NaN"),
    pytest.param('42["note",Infinity]', id="Infinity"),
    pytest.param('42abc["note",1,"2",{"3":[false]}]', id="letters for an id"),
    pytest.param('42-1["note"]', id="a negative id"),
    pytest.param("42" + "9" * 5000 + '["note"]', id="an id of 5,000 digits"),
    pytest.param('42["note",' + "[" * 20_000 + "]" * 20_000 + "]", id="lists 20,000 deep"),
    pytest.param('42["note",' + '{"a":' * 20_000 + "1" + "}" * 20_000 + "]", id="objects 20,000 deep"),
    pytest.param(b"binary", id="an attachment of nothing"),
    pytest.param(b"", id="an empty attachment of nothing"),
]

EITHER = [
    pytest.param('44{"message":"no"}', id="CONNECT_ERROR"),
    pytest.param('44"no"', id="CONNECT_ERROR with a text"),
    pytest.param("44", id="CONNECT_ERROR of nothing"),
    pytest.param('450-["nothing"]', id="no attachment"),
    pytest.param(f'450-["nothing",{ONE}]', id="a placeholder for no attachment"),
    pytest.param('42["note",{"_placeholder":true,"num":0}]', id="a placeholder in a text event"),
    pytest.param("41 and more", id="DISCONNECT with data"),
    pytest.param("41{}", id="DISCONNECT with an object"),
    pytest.param('42/nope,["note"]', id="an event for a namespace that was not joined"),
    pytest.param('42/custom,["note"]', id="an event for another namespace that was not joined"),
    pytest.param(f'451-/custom,["note",{ONE}]', id="a binary event for a namespace that was not joined"),
    pytest.param("41/custom,", id="DISCONNECT from a namespace that was not joined"),
    pytest.param("42" + "9" * 80 + '["note"]', id="an id of 80 digits"),
    pytest.param("42" + "0" * 30 + '["note"]', id="zeros for an id"),
    pytest.param('42["note","\\ud800"]', id="a lone surrogate"),
    pytest.param('42["note",1e999]', id="a number beyond all"),
    pytest.param('42["note",' + "9" * 10_000 + "]", id="a number of 10,000 digits"),
    pytest.param('42["note",' + "[" * 500 + "]" * 500 + "]", id="lists 500 deep"),
    pytest.param("42[7]", id="a number for a name"),
    pytest.param('42["","empty"]', id="an empty name"),
    pytest.param('42["__class__","dunder"]', id="a name of Python's"),
    pytest.param('42["' + "x" * 100_000 + '"]', id="a name of 100,000 characters"),
    pytest.param("40/" + "x" * 100_000 + ",", id="a namespace of 100,000 characters"),
    pytest.param('42/ ,["note"]', id="a blank namespace"),
    pytest.param("42?", id="a question mark"),
    pytest.param("42,,,,", id="commas"),
]


async def leave_or_be_closed(client: Client, chat: Chat) -> None:
    """Leave, or see that one was closed; in either case the application hears it once."""
    await client.leave()
    await emptied(chat.sio)
    assert len(chat.left) == len(chat.joined)


@pytest.mark.parametrize("data", CLOSED)
@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_malformed_packet_closes_the_session(chat: Chat, http: Http, transport: str, data: Message) -> None:
    """No handler is told of it, and nothing is logged."""
    client = await joined(http, chat, transport)
    if isinstance(client.transport, Polling):
        assert (await client.transport.post(polled(data))).status in {200, 400}
    else:
        await client.send(data)
    await client.closed()
    await chat.until_left(client.sid)
    await emptied(chat.sio)
    assert chat.heard == []


@pytest.mark.parametrize("data", CLOSED)
async def test_malformed_packet_before_connect_closes_the_session(chat: Chat, http: Http, data: Message) -> None:
    """The handshake cannot be skipped by it."""
    client = await open_client(http, chat, "websocket")
    await client.send(data)
    await client.closed()
    await emptied(chat.sio)
    assert chat.joined == []


@pytest.mark.parametrize("data", EITHER)
async def test_odd_packet_closes_the_session_or_is_ignored(
    chat: Chat, http: Http, caplog: pytest.LogCaptureFixture, data: str
) -> None:
    """If the client is still there, later events are handled and acked as ever; nothing is logged."""
    client = await joined(http, chat)
    await client.send(data)
    with suppress(ConnectionError):
        await client.send('42987["ack","alive"]')
    await asyncio.sleep(SETTLE_S)
    if not chat.left and client.engine_sid in chat.sio.eio.sockets:
        while (answer := await client.packet()).id != 987:
            assert answer.type in {2, 3, 4}
        assert (answer.type, answer.data) == (3, ["alive"])
    await leave_or_be_closed(client, chat)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize(
    "data", ['42["note"]', '421["note"]', "41", "431[]", f'451-["note",{ONE}]', '42/custom,["note"]', "41/custom,"]
)
async def test_packet_before_connect_reaches_no_handler(chat: Chat, http: Http, data: str) -> None:
    """It closes the session or is ignored."""
    client = await open_client(http, chat, "websocket")
    await client.send(data)
    await asyncio.sleep(SETTLE_S)
    if client.engine_sid in chat.sio.eio.sockets:
        await client.join("/")
        await alive(client)
    await leave_or_be_closed(client, chat)
    assert chat.heard == []


# --- Attachments -----------------------------------------------------------------------------------------------


async def test_ten_attachments_are_taken(chat: Chat, http: Http) -> None:
    """So many may come."""
    client = await joined(http, chat)
    places = ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(10))
    await client.send(f'4510-7["ack",{places}]', *(b"%d" % number for number in range(10)))
    assert (await client.packet()).data == [b"%d" % number for number in range(10)]
    await client.leave()


@pytest.mark.parametrize("count", ["11", "100", "9999999999", "99999999999999999999999999", "9" * 5000])
@pytest.mark.parametrize("kind", ["5", "6"], ids=["event", "ack"])
async def test_too_many_attachments_close_the_session(chat: Chat, http: Http, kind: str, count: str) -> None:
    """Before they come."""
    client = await joined(http, chat)
    await client.send(f'4{kind}{count}-1["ack",{ONE}]')
    await client.closed()
    await emptied(chat.sio)


async def test_attachments_too_large_together_close_the_session(start_chat: StartChat, http: Http) -> None:
    """Each may be taken alone, but not all; what came is not kept."""
    chat = await start_chat(max_http_buffer_size=100_000)
    client = await joined(http, chat)
    places = ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(10))
    await client.send(f'4510-["note",{places}]')
    with suppress(ConnectionError):
        for _ in range(10):
            await client.send(b"x" * 30_000)
    await client.closed()
    await emptied(chat.sio)
    assert chat.heard == []


async def test_text_where_an_attachment_is_due_closes_the_session(chat: Chat, http: Http) -> None:
    """Whatever text: also a disconnect."""
    for text in ('42["note"]', "41", "40/custom,", "", "2"):
        client = await joined(http, chat)
        await client.send(f'452-["note",{ONE},{TWO}]', b"first", f"4{text}")
        await client.closed()
    await emptied(chat.sio)
    assert chat.heard == []


PLACES = ["-1", "1", "99", "0.5", '"0"', "null", "true", "[]", "{}", "1e3", "9" * 400]


@pytest.mark.parametrize("place", PLACES)
async def test_placeholder_of_no_attachment_does_no_harm(chat: Chat, http: Http, place: str) -> None:
    """It closes the session, or is ignored; nothing is logged, and nothing is held."""
    client = await joined(http, chat)
    await client.send(f'451-["note",{{"_placeholder":true,"num":{place}}}]', b"only")
    await asyncio.sleep(SETTLE_S)
    if client.engine_sid in chat.sio.eio.sockets:
        await alive(client)
    await leave_or_be_closed(client, chat)


@each_transport
async def test_client_that_leaves_between_attachments_leaves_nothing(chat: Chat, http: Http, transport: str) -> None:
    """What came is dropped."""
    client = await joined(http, chat, transport)
    await client.send(f'452-["note",{ONE},{TWO}]', b"first")
    await until(lambda: chat.sio._binary_packet)
    await client.leave()
    await emptied(chat.sio)
    assert chat.heard == []


async def test_disconnect_by_the_server_between_attachments_does_no_harm(chat: Chat, http: Http) -> None:
    """The attachments that still come are nobody's: they may close the session, but are not taken for another's."""
    client = await open_client(http, chat, "websocket")
    main = await client.join("/")
    await client.join("/custom")
    await client.send(f'452-["note",{ONE},{TWO}]', b"first")
    await until(lambda: chat.sio._binary_packet)
    await chat.sio.disconnect(main)
    with suppress(ConnectionError):
        await client.send(b"second")
    await asyncio.sleep(SETTLE_S)
    await client.leave()
    await emptied(chat.sio)
    assert chat.heard == []


# --- Shutdown --------------------------------------------------------------------------------------------------


async def test_shutdown_closes_everyone(chat: Chat, http: Http) -> None:
    """WebSockets with 1012, polls are released, the application hears of each, and nothing is left."""
    websockets = [await joined(http, chat, transport) for transport in ("websocket", "upgraded", "websocket")]
    polling = [await joined(http, chat, "polling") for _ in range(3)]
    unjoined = await open_client(http, chat, "websocket")
    polls = [await client.transport.pending() for client in polling if isinstance(client.transport, Polling)]
    shutdown = asyncio.create_task(chat.sio.shutdown())
    for client in [*websockets, unjoined]:
        assert isinstance(client.transport, aiohttp.ClientWebSocketResponse)
        assert await closed(client.transport) == 1012
    for poll in polls:
        answer = await poll
        assert answer.status == 200
        assert answer.packets[-1] in {"1", "6"}
    await asyncio.wait_for(shutdown, WAIT_S)
    await emptied(chat.sio)
    assert sorted(sid for _, sid, _ in chat.left) == sorted(client.sid for client in websockets + polling)


async def test_shutdown_does_not_wait_for_those_who_do_not_answer(chat: Chat) -> None:
    """A client that reads nothing, and one that never polls, do not hold it up."""
    wire = await Wire.websocket(chat.url)
    await wire.send_text("40")
    async with aiohttp.ClientSession() as session:
        await joined(session, chat, "polling")
    await until(lambda: len(chat.joined) == 2)
    await asyncio.wait_for(chat.sio.shutdown(), WAIT_S)
    await emptied(chat.sio)
    assert len(chat.left) == 2
    wire.close()


async def test_shutdown_waits_for_no_handler_that_hangs(chat: Chat, http: Http) -> None:
    """A handler that never ends is left behind."""
    release = asyncio.Event()

    async def hang(_sid: str) -> None:
        await release.wait()

    chat.sio.on("hang", hang)
    client = await joined(http, chat)
    await client.send('42["hang"]')
    await asyncio.sleep(SETTLE_S)
    await asyncio.wait_for(chat.sio.shutdown(), WAIT_S)
    await client.closed()
    release.set()
    await emptied(chat.sio)


# --- An Engine.IO server that belongs to a Socket.IO server ----------------------------------------------------


async def test_engine_below_may_be_listened_to(chat: Chat, http: Http) -> None:
    """`sio.eio.on("message")` replaces the Socket.IO server as its listener, as in python-socketio."""
    heard: list[Message] = []

    async def message(sid: str, data: Message) -> None:
        heard.append(data)
        await chat.sio.eio.send(sid, data)

    chat.sio.eio.on("message", message)
    ws, _ = await open_ws(http, chat.url)
    await ws.send_str("4hello")
    assert await receive(ws) == "4hello"
    assert heard == ["hello"]
    await ws.close()


async def test_silence_is_kept(chat: Chat, http: Http) -> None:
    """A client that joined hears nothing that nobody said."""
    client = await joined(http, chat)
    assert isinstance(client.transport, aiohttp.ClientWebSocketResponse)
    await silent(client.transport)
    await client.leave()
