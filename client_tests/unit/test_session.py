"""Sessions: what black-box tests cannot see of a client that polls, and of one that upgrades."""

import asyncio
from typing import Any

import engineio
import pytest

from server.realtime.frames import Encoded
from server.realtime.lanes import MAX_WAITING, Done
from server.realtime.session import MAX_POLLED_PACKETS, SEPARATOR, PollError, Session
from server.realtime.websocket import SLOW_CONSUMER, WebSockets

REASON = engineio.AsyncServer.reason
CLOSE, NOOP = b"1", b"6"


class FakeHost:
    """A server that notes what sessions tell it."""

    reason = REASON

    def __init__(self, **limits: int) -> None:
        self.websockets = WebSockets(max_message_bytes=1_000, **limits)
        self.finished: list[tuple[Session, str]] = []
        self.received: list[Any] = []
        self.alive_count = 0

    def receive(self, session: Session, data: Any) -> None:
        """Note a message."""
        del session
        self.received.append(data)

    def alive(self, session: Session) -> None:
        """Count."""
        del session
        self.alive_count += 1

    def finish(self, session: Session, reason: str) -> None:
        """Note the end."""
        self.finished.append((session, reason))


class FakeWebSocket:
    """A WebSocket that notes what is done with it."""

    def __init__(self) -> None:
        self.listener: Any = None
        self.closing = False
        self.log: list[Any] = []

    def write(self, message: Encoded) -> None:
        """Note a message."""
        self.log.append(message.payload)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Note the code."""
        self.closing = True
        self.log.append((code, reason))

    def pause_reading(self) -> None:
        """Note it."""
        self.log.append("pause")

    def resume_reading(self) -> None:
        """Note it."""
        self.log.append("resume")


class Case:
    """A session that polls, and its server."""

    def __init__(self, **limits: int) -> None:
        self.host = FakeHost(**limits)
        self.session = Session(self.host, "sid")
        self.session.connected = True

    @property
    def ends(self) -> list[str]:
        """Why the session ended."""
        return [reason for _, reason in self.host.finished]

    def send(self, *texts: str) -> None:
        """Send packets."""
        for text in texts:
            self.session.send(Encoded(text.encode()))

    async def polled(self) -> list[str]:
        """Poll once, for what is there."""
        async with asyncio.timeout(1):
            return (await self.session.poll()).decode().split("\x1e")

    def upgraded(self) -> FakeWebSocket:
        """Go on over a WebSocket."""
        fake: Any = FakeWebSocket()
        self.session.open_websocket(fake)
        assert fake.listener is self.session
        return fake  # type: ignore[no-any-return]


# --- The queue -------------------------------------------------------------------------------------------------


def test_session_that_nobody_writes_to_has_no_queue_and_no_lane() -> None:
    """They are made for the few that need them: an idle client costs little."""
    case = Case()
    assert (case.session._queue, case.session._lane) == (None, None)
    assert not hasattr(case.session, "__dict__")
    case.upgraded()
    case.send("4a")
    assert (case.session._queue, case.session._lane) == (None, None)
    assert not case.session.throttled


async def test_session_takes_so_many_packets_and_no_more() -> None:
    """With the next it is closed, for a reason of its own; nothing that waited is kept."""
    case = Case(max_queue_packets=5)
    case.send(*(f"4{number}" for number in range(5)))
    assert case.ends == []
    case.send("45")
    assert case.ends == [SLOW_CONSUMER]
    case.send("46")
    assert case.session._queue is None
    assert case.ends == [SLOW_CONSUMER]
    assert not case.session.close_waits
    assert await case.polled() == [NOOP.decode()]


async def test_session_takes_so_many_bytes_and_no_more() -> None:
    """However few packets they are in; what was fetched counts no longer."""
    case = Case(max_queue_bytes=1_000)
    for _ in range(5):
        case.send("4" * 600, "4" * 400)
        assert case.ends == []
        assert [len(packet) for packet in await case.polled()] == [600, 400]
    case.send("4" * 600, "4" * 401)
    assert case.ends == [SLOW_CONSUMER]


async def test_packets_are_counted_as_they_are_fetched() -> None:
    """A client that polls again and again may be sent any number."""
    case = Case(max_queue_packets=MAX_POLLED_PACKETS)
    for _ in range(3):
        case.send(*["4x"] * MAX_POLLED_PACKETS)
        assert await case.polled() == ["4x"] * MAX_POLLED_PACKETS
    case.send(*["4x"] * (MAX_POLLED_PACKETS + 1))
    assert case.ends == [SLOW_CONSUMER]


def tell(case: Case, key: str, *texts: str) -> None:
    """Send volatile packets about one thing."""
    for text in texts:
        case.session.send(Encoded(text.encode(), key=key))


async def test_volatile_packets_wait_like_others_up_to_half_of_the_budget() -> None:
    """A client between two polls is not behind, and misses nothing."""
    case = Case(max_queue_packets=20)
    tell(case, "ann", *(f"4{number}" for number in range(11)))
    assert await case.polled() == [f"4{number}" for number in range(11)]


async def test_volatile_packets_beyond_half_are_the_newest_alone_and_last() -> None:
    """Durable ones keep their place and their room; the last state of each comes once there is room again."""
    case = Case(max_queue_packets=40)
    case.send(*(f"4{number}" for number in range(30)))
    tell(case, "ann", "4ann in", "4ann out")
    tell(case, "bob", "4bob in")
    tell(case, "ann", "4ann in again")
    case.send("430")
    assert await case.polled() == [f"4{number}" for number in range(16)]
    tell(case, "bob", "4bob out")  # there is room again, and what was held back comes first
    assert await case.polled() == [*(f"4{number}" for number in range(16, 31)), "4bob in"]
    assert await case.polled() == ["4ann in again", "4bob out"]
    tell(case, "ann", "4a", "4b")
    assert await case.polled() == ["4a", "4b"]
    assert case.ends == []


async def test_volatile_packets_follow_to_the_websocket() -> None:
    """An upgrade takes along what waited and what was held back."""
    case = Case(max_queue_packets=4)
    case.send("40", "41", "42")
    tell(case, "ann", "4ann in", "4ann out")
    assert case.upgraded().log == [b"40", b"41", b"42", b"4ann out"]
    assert case.session._held is None


def test_volatile_packets_of_too_many_kinds_end_the_session() -> None:
    """What is held back is bounded too."""
    case = Case(max_queue_packets=4)
    case.send("40", "41", "42")
    for number in range(4):
        tell(case, str(number), "4x")
    assert case.ends == []
    tell(case, "one too many", "4x")
    assert case.ends == [SLOW_CONSUMER]
    assert (case.session._queue, case.session._held) == (None, None)


async def test_one_poll_takes_sixteen_packets() -> None:
    """python-engineio's client fails with more; the rest comes with the next, in order."""
    case = Case()
    texts = [f"4{number}" for number in range(40)]
    case.send(*texts)
    assert [await case.polled() for _ in range(3)] == [texts[:16], texts[16:32], texts[32:]]
    waiting = asyncio.create_task(case.session.poll())
    await asyncio.sleep(0)
    assert case.session.polling
    case.send("4last")
    assert await waiting == b"4last"
    assert not case.session.polling


async def test_binary_and_text_are_polled_in_order() -> None:
    """Binary packets as base64."""
    case = Case()
    case.send("4a")
    case.session.send(Encoded(b"\x00\xff", binary=True))
    case.send("4b")
    assert await case.session.poll() == SEPARATOR.join([b"4a", b"bAP8=", b"4b"])


# --- The end ---------------------------------------------------------------------------------------------------


async def test_close_packet_is_alone_in_its_payload() -> None:
    """After all that waited: the official client drops what shares a payload with it."""
    case = Case()
    texts = [f"4{number}" for number in range(20)]
    case.send(*texts)
    case.session.close(REASON.SERVER_DISCONNECT)
    case.send("4too late")
    told = asyncio.create_task(case.session.told())
    assert [await case.polled() for _ in range(2)] == [texts[:16], texts[16:]]
    assert (case.session.close_waits, told.done()) == (True, False)
    assert await case.polled() == [CLOSE.decode()]
    assert not case.session.close_waits
    await asyncio.wait_for(told, 1)
    assert await case.polled() == [NOOP.decode()]
    assert case.ends == [REASON.SERVER_DISCONNECT]


async def test_close_releases_a_poll_that_waits() -> None:
    """With the CLOSE packet if the server ends the session, else with a packet that says nothing."""
    for reason, payload in ((REASON.SERVER_DISCONNECT, CLOSE), (REASON.PING_TIMEOUT, NOOP)):
        case = Case()
        waiting = asyncio.create_task(case.session.poll())
        await asyncio.sleep(0)
        case.session.close(reason)
        assert await waiting == payload
        await asyncio.wait_for(case.session.told(), 1)


async def test_close_for_another_reason_drops_what_waits() -> None:
    """The client is gone, or must not be trusted."""
    case = Case()
    case.send("4a")
    case.session.close(REASON.PING_TIMEOUT)
    case.session.close(REASON.SERVER_DISCONNECT)
    assert await case.polled() == [NOOP.decode()]
    assert (case.ends, case.session.close_waits) == ([REASON.PING_TIMEOUT], False)


async def test_second_poll_ends_the_session() -> None:
    """And releases the first; only one is told that it was wrong."""
    case = Case()
    first = asyncio.create_task(case.session.poll())
    await asyncio.sleep(0)
    with pytest.raises(PollError):
        await case.session.poll()
    assert await first == NOOP
    assert case.ends == [REASON.TRANSPORT_ERROR]


async def test_poll_that_is_cancelled_ends_the_session() -> None:
    """Its client is gone."""
    case = Case()
    poll = asyncio.create_task(case.session.poll())
    await asyncio.sleep(0)
    poll.cancel()
    with pytest.raises(asyncio.CancelledError):
        await poll
    assert (case.ends, case.session.polling) == ([REASON.TRANSPORT_CLOSE], False)


@pytest.mark.parametrize(("reason", "code"), [(REASON.SERVER_DISCONNECT, 4401), (REASON.PING_TIMEOUT, 1000)])
def test_close_of_a_websocket_says_code_and_reason(reason: str, code: int) -> None:
    """Once."""
    case = Case()
    fake = case.upgraded()
    case.session.close(reason, code)
    case.session.close(REASON.TRANSPORT_ERROR)
    assert fake.log == [(code, reason)]
    assert (case.ends, case.session.close_waits) == ([reason], False)


@pytest.mark.parametrize(
    ("told", "reason"), [("connection lost", REASON.TRANSPORT_CLOSE), (SLOW_CONSUMER, SLOW_CONSUMER)]
)
def test_end_of_a_websocket_ends_its_session(told: str, reason: str) -> None:
    """A client that did not read is told apart from one that left."""
    case = Case()
    case.upgraded()
    case.session.on_end(1006, told)
    assert case.ends == [reason]


# --- Upgrading -------------------------------------------------------------------------------------------------


async def test_upgrade_hands_over_what_waits_in_order() -> None:
    """Also what is sent while it is under way, when polls get nothing."""
    case = Case()
    case.send("4a", "4b")
    fake: Any = FakeWebSocket()
    probe = case.session.probe(fake)
    probe.on_text("2probe")
    assert fake.log == [b"3probe"]
    case.send("4c")
    assert await case.polled() == [NOOP.decode()]
    probe.on_text("5")
    case.send("4d")
    assert fake.log[1:] == [b"4a", b"4b", b"4c", b"4d"]
    assert case.session.upgraded
    assert await case.polled() == [NOOP.decode()]


async def test_session_closed_while_upgrading_is_closed_over_the_websocket() -> None:
    """The client no longer polls: the WebSocket must live until it is told there."""
    case = Case()
    fake: Any = FakeWebSocket()
    probe = case.session.probe(fake)
    probe.on_text("2probe")
    assert await case.polled() == [NOOP.decode()]
    case.send("4last")
    case.session.close(REASON.SERVER_DISCONNECT, 4429)
    assert fake.log == [b"3probe"]
    assert case.session.close_waits
    probe.on_text("5")
    assert fake.log[1:] == [b"4last", (4429, REASON.SERVER_DISCONNECT)]
    assert not case.session.close_waits


async def test_bounds_hold_while_upgrading() -> None:
    """A client that never completes its upgrade is dropped like any other that fetches nothing."""
    case = Case(max_queue_packets=5)
    fake: Any = FakeWebSocket()
    case.session.probe(fake).on_text("2probe")
    case.send(*["4x"] * 6)
    assert case.ends == [SLOW_CONSUMER]
    assert fake.closing


async def test_failed_upgrade_gives_the_queue_back_to_polling() -> None:
    """Whether the WebSocket ends or says what it must not."""
    for fail in ("end", "babble"):
        case = Case()
        fake: Any = FakeWebSocket()
        probe = case.session.probe(fake)
        probe.on_text("2probe")
        case.send("4a")
        if fail == "end":
            probe.on_end(1006, "connection lost")
        else:
            probe.on_text("4hello")
            assert fake.closing
        assert await case.polled() == ["4a"]
        assert case.ends == []
        second: Any = FakeWebSocket()
        case.session.probe(second)
        assert not second.closing, "it may try again"


# --- What comes ------------------------------------------------------------------------------------------------


def test_lane_that_is_full_pauses_the_websocket() -> None:
    """Until half of what waited is done; also if it was full before the upgrade."""
    case = Case()
    fake = case.upgraded()
    running: list[Done] = []
    for _ in range(MAX_WAITING + 1):
        case.session.lane.submit(running.append)
    assert (fake.log, case.session.throttled) == (["pause"], True)
    while case.session.throttled:
        running.pop()()
    assert fake.log == ["pause", "resume"]

    other = Case()
    for _ in range(MAX_WAITING + 1):
        other.session.lane.submit(running.append)
    assert other.upgraded().log == ["pause"]


@pytest.mark.parametrize("text", ["", "0", "2", "6", "7", "x", "5"])
def test_packet_that_no_client_sends_ends_the_session(text: str) -> None:
    """As one that cannot be read."""
    case = Case()
    case.session.on_text(text)
    assert case.ends == ["parse error"]


def test_packets_of_a_client() -> None:
    """Messages, answers to heartbeats, a late UPGRADE, which does no harm, and CLOSE."""
    case = Case()
    case.upgraded()
    for text in ("4hello", "4", "3", "5"):
        case.session.on_text(text)
    case.session.on_binary(b"\x00")
    assert (case.host.received, case.host.alive_count, case.ends) == (["hello", "", b"\x00"], 1, [])
    case.session.on_text("1")
    assert case.ends == [REASON.CLIENT_DISCONNECT]
