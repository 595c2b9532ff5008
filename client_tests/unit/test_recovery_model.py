"""Recovery as a model: whatever happens to processes and connections, `recovered` means that nothing is missing."""

import asyncio
import random
import selectors
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import hiredis
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.contract.operations import MESSAGING, THREADS
from server.realtime import log as log_module
from server.realtime import redis_trails
from server.realtime.cluster import RedisManager
from server.realtime.frames import Encoded
from server.realtime.holds import Hold
from server.realtime.managers import LocalManager
from server.realtime.order import Missed, Told
from server.realtime.recovery import Recovery
from server.realtime.redis_link import Ears, pack
from server.realtime.rooms import Route, user_room
from server.realtime.sio import create_server

USER = "1"
THREAD_IDS = ("a", "b")
KEYS = tuple(f"thread:{name}" for name in THREAD_IDS)
ROOM = user_room(USER)
ARRIVES_S = 1.0
"""So long anything takes at most from process to process."""
STEPS = 100
OFFSET_OF = Recovery.offset_of
LONG_S = 200.0
"""After this all windows have ended."""


class Clock(selectors.DefaultSelector):
    """Lets a loop's time pass at once whenever nothing is to be done."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        """Pass the time instead of waiting for it."""
        if timeout is None:
            raise AssertionError("nothing will ever happen")
        self.now += max(timeout, 0)
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    """A loop whose time is the clock's."""

    def __init__(self) -> None:
        self.clock = Clock()
        super().__init__(self.clock)

    def time(self) -> float:
        """Return the time."""
        return self.clock.now


class Table:
    """What is committed, which is the truth: a message stays, a receipt is superseded by the next of its thread."""

    def __init__(self) -> None:
        self.revs = dict.fromkeys(KEYS, 0)
        self.live: dict[str, set[int]] = {key: set() for key in KEYS}
        self._receipts: dict[str, int] = {}

    def commit(self, key: str, *, receipt: bool) -> int:
        """Write something; return its rev."""
        rev = self.revs[key] = self.revs[key] + 1
        self.live[key].add(rev)
        if receipt:
            self.live[key].discard(self._receipts.get(key, 0))
            self._receipts[key] = rev
        return rev

    async def missed(self, after: Mapping[str, int]) -> dict[str, Missed]:
        """Read as `Rows` does."""
        await asyncio.sleep(0.001)
        found = {
            key: Missed(self.revs[key], [told(key, each) for each in sorted(self.live[key]) if each > rev])
            for key, rev in after.items()
            if self.revs.get(key, 0) > rev
        }
        await asyncio.sleep(0.001)
        return found

    async def threads_of(self, _user_id: str, thread_ids: Sequence[str]) -> set[str]:
        """Everybody is in all threads."""
        await asyncio.sleep(0.001)
        return set(thread_ids) & set(THREAD_IDS)

    async def revs_of(self, keys: Sequence[str]) -> dict[str, int]:
        """Read the present revs."""
        return {key: self.revs[key] for key in keys}


def told(key: str, rev: int) -> Told:
    """Return an event."""
    return Told("changed", orjson.dumps({"key": key, "rev": rev}), routes(key), None, (key, rev))


def routes(key: str) -> list[Route]:
    """Return where events of a thread are heard."""
    return [(MESSAGING, [ROOM]), (THREADS, [key])]


class Store:
    """What Redis holds, and who is subscribed. Commands take effect one by one, whoever sent them."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.hashes: dict[str, dict[str, bytes]] = defaultdict(dict)
        self.sets: dict[str, set[bytes]] = defaultdict(set)
        self.streams: dict[str, list[tuple[bytes, dict[bytes, bytes]]]] = defaultdict(list)
        self.links: list[Link] = []
        self._count = 0

    def do(self, command: Sequence[bytes]) -> None:
        """Do what a link wrote."""
        name, key, *rest = command[0], command[1].decode(), *command[2:]
        if name == b"XADD":
            self._count += 1
            entry_id = b"%d-%d" % (int(self._loop.time() * 1000) + 10**9, self._count)
            self.streams[key].append((entry_id, {b"e": rest[-1]}))
        elif name == b"HSET":
            self.hashes[key] |= {pid.decode(): value for pid, value in zip(rest[::2], rest[1::2], strict=True)}
        elif name == b"HDEL":
            for pid in rest:
                self.hashes[key].pop(pid.decode(), None)
        elif name == b"SADD":
            self.sets[key].add(rest[0])
        elif name == b"PUBLISH":
            for link in self.links:
                if command[1] in link.subscribed:
                    link.inbox.append(rest[0])
        else:
            assert name == b"EXPIRE", name


class Reads:
    """The connection over which a process reads: requests and answers take a moment."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def _moment(self) -> None:
        await asyncio.sleep(0.001)

    async def hget(self, key: str, field: str) -> bytes | None:
        """HGET."""
        await self._moment()
        return self._store.hashes[key].get(field)

    async def hdel(self, key: str, field: str) -> int:
        """HDEL."""
        await self._moment()
        return 0 if self._store.hashes[key].pop(field, None) is None else 1

    async def smembers(self, key: str) -> set[bytes]:
        """SMEMBERS."""
        await self._moment()
        return set(self._store.sets[key])

    async def sadd(self, key: str, member: str) -> None:
        """SADD."""
        self._store.sets[key].add(member.encode())

    async def srem(self, key: str, member: bytes) -> None:
        """SREM."""
        self._store.sets[key].discard(member)

    async def time(self) -> tuple[int, int]:
        """TIME."""
        return int(asyncio.get_running_loop().time()) + 10**6, 0

    async def xrange(self, key: str, min: str) -> list[Any]:  # noqa: A002 - redis-py's name
        """XRANGE from an id on, or from behind one."""
        await self._moment()
        entries = self._store.streams[key]
        if min == "-":
            return list(entries)
        return [entry for entry in entries if _place(entry[0]) > _place(min[1:].encode())]


def _place(entry_id: bytes) -> tuple[int, int]:
    moment, _, number = entry_id.partition(b"-")
    return int(moment), int(number)


class Link:
    """A process's link: what it writes reaches Redis when it is let, and what it hears reaches it likewise."""

    dropped = 0
    waiting = 0
    preface: Callable[[], list[bytes]] = list
    refused: Callable[[str], None]

    def __init__(self, store: Store) -> None:
        store.links.append(self)
        self._store = store
        self._ears: Ears | None = None
        self._publishes: list[bytes] = []
        self._scheduled = False
        self.written: deque[Sequence[bytes]] = deque()
        self.inbox: deque[bytes] = deque()
        self.subscribed: set[bytes] = set()

    def start(self, ears: Ears) -> None:
        """Connect."""
        self._ears = ears
        ears.publishing(up=True)
        ears.listening(up=True)

    def wake(self) -> None:
        """Write at the end of this turn, what is asked for first."""
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._write)

    def hang_up(self) -> None:
        """It is not deaf; only late."""

    def publish(self, channels: Sequence[bytes], message: bytes) -> None:
        """Publish."""
        self._publishes += [pack(b"PUBLISH", channel, message) for channel in channels]
        self.wake()

    def subscribe(self, channels: Sequence[bytes]) -> None:
        """Begin to hear; Redis answers at once."""
        self.subscribed.update(channels)
        self._confirm(channels)

    def unsubscribe(self, channels: Sequence[bytes]) -> None:
        """No longer hear."""
        self.subscribed.difference_update(channels)
        self._confirm(channels)

    async def close(self) -> None:
        """Disconnect."""

    def _confirm(self, channels: Sequence[bytes]) -> None:
        assert self._ears is not None
        for channel in channels:
            self._ears.confirmed(channel)

    def _write(self) -> None:
        self._scheduled = False
        reader = hiredis.Reader()
        for packed in (*self.preface(), *self._publishes):
            reader.feed(packed)
        self._publishes.clear()
        while (command := reader.gets()) is not False:
            self.written.append(command)

    def write_all(self) -> None:
        """Write, and let Redis read, at once."""
        self._write()
        self.let_write(10_000)

    def let_write(self, count: int) -> None:
        """Let Redis read some of what was written."""
        for _ in range(min(count, len(self.written))):
            self._store.do(self.written.popleft())

    def let_hear(self, count: int) -> None:
        """Let the process read some of what it was sent."""
        assert self._ears is not None
        for _ in range(min(count, len(self.inbox))):
            self._ears.take(self.inbox.popleft())


class Session:
    """What was sent to a client and it has not read yet."""

    websocket = None
    backed_up = False

    def __init__(self, sid: str) -> None:
        self.sid = sid
        self.closing = False
        self.frames: deque[bytes] = deque()

    def send(self, message: Encoded) -> None:
        """Send a packet."""
        if not self.closing:
            self.frames.append(message.payload)

    def close(self, _reason: str, _code: int = 1000) -> None:
        """The server ends it."""
        self.closing = True


class Process:
    """A process: the real manager and recovery, between doubles."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.alive = True
        self.clients: list[Client] = []
        self.link: Link | None = None
        if world.store is None:
            self.manager = LocalManager()
        else:
            self.link = Link(world.store)
            self.manager = RedisManager("redis://unused", prefix="p", link=self.link)
            self.manager.trails._redis = Reads(world.store)  # type: ignore[assignment]
        self.server = create_server(client_manager=self.manager)
        rows: Any = SimpleNamespace(
            missed=world.table.missed, threads_of=world.table.threads_of, revs=world.table.revs_of
        )
        self.manager.rows = rows
        self.recovery = self.server.recovery = Recovery(self.manager, rows)
        self._give, self.manager.order._give = self.manager.order._give, self._watch
        self.manager.initialize()

    def _watch(self, event: Told) -> int:
        """Note what is handed out behind a later one: it was overtaken by the first that anyone here heard."""
        assert event.stamp is not None
        key, rev = event.stamp
        line = self.manager.order._lines.get(key)
        if line is not None and rev < line.rev:
            self.world.late.add(event.stamp)
        return self._give(event)

    def tell(self, key: str, *, receipt: bool) -> None:
        """Commit something and tell it."""
        rev = self.world.table.commit(key, receipt=receipt)
        self.manager.tell("changed", {"key": key, "rev": rev}, routes(key), None, (key, rev))

    async def let_in(self, client: "Client", session: Session) -> None:
        """Do what a namespace does with a CONNECT."""
        manager, recovery, namespace = self.manager, self.recovery, client.namespace
        self.server.eio.sockets[session.sid] = session
        sid = await manager.pre_connect(session.sid, namespace)
        await recovery.begin(sid, namespace, USER, client.auth())
        if session.closing or not self.alive:
            self._forget(sid, session, namespace)
            return
        client.sids[session.sid] = sid
        session.frames.append(b"CONNECT" + orjson.dumps(recovery.pid_of(sid)))
        await manager.connect(sid, namespace)
        if (heard := manager.heard(ROOM)) is not None:
            await heard
        if session.closing:
            return
        offset = recovery.offset_of(sid)
        payload = ["connection_established", {}, *([] if offset is None else [offset])]
        session.frames.append(b"42%b,%b" % (namespace.encode(), orjson.dumps(payload)))
        self.server.move(sid, namespace, ROOM, enter=True)
        await recovery.play(sid)

    def see_broken(self, client: "Client", session: Session) -> None:
        """Notice that a connection is gone."""
        session.closing = True
        sid = client.sids.pop(session.sid, None)
        if sid is not None:
            self._forget(sid, session, client.namespace)

    def _forget(self, sid: str, session: Session, namespace: str) -> None:
        self.recovery.lost(sid)
        self.manager.basic_disconnect(sid, namespace)
        self.server.eio.sockets.pop(session.sid, None)

    def assert_empty(self) -> None:
        """Nothing is left of anybody."""
        recovery, manager = self.recovery, self.manager
        tables = (
            *(recovery._live, recovery._known, recovery._replays, recovery._lost, recovery._repeated),
            *(manager.holds, manager.rooms, manager._room_uses, manager._heard_since, manager._rooms_of),
            *(manager.pending_connect, manager.without_offsets),
        )
        assert not any(map(len, tables)), tables
        assert all(line.waiting is None and line.late is None for line in manager.order._lines.values())


class Client:
    """The official client, and an application that syncs when it is not recovered."""

    def __init__(self, world: "World", namespace: str, number: int) -> None:
        self.world = world
        self.namespace = namespace
        self.number = number
        self.pid: str | None = None
        self.offset: str | None = None
        self.recovered = False
        self.recoveries = 0
        self.joined = False
        self.ready = False
        self.process: Process | None = None
        self.session: Session | None = None
        self.sids: dict[str, str] = {}
        self.base: dict[str, int] = {}
        self.heard: dict[str, list[int]] = {}

    def auth(self) -> dict[str, Any]:
        """Return what it sends with CONNECT."""
        return {} if self.pid is None else {"pid": self.pid, "offset": self.offset}

    def come(self, process: Process) -> None:
        """Connect."""
        self.world.sessions += 1
        session = self.session = Session(f"e{self.world.sessions}")
        self.process, self.ready = process, False
        self.world.begin(process, process.let_in(self, session))

    def cut(self, *, noticed: bool) -> None:
        """Lose the connection and what was not read; the server may notice later, or when its client is back."""
        assert self.session is not None
        assert self.process is not None
        if noticed and self.process.alive:
            self.process.see_broken(self, self.session)
        else:
            self.world.half_open.append((self, self.process, self.session))
        self.session = self.process = None

    def leave(self) -> None:
        """Send DISCONNECT."""
        assert self.session is not None
        assert self.process is not None
        if (sid := self.sids.get(self.session.sid)) is not None:
            self.process.recovery.ended(sid)
        self.process.see_broken(self, self.session)
        self.session = self.process = None

    def read(self, count: int) -> None:
        """Read some of what was sent."""
        session = self.session
        for _ in range(min(count, len(session.frames)) if session is not None else 0):
            assert session is not None
            self._take(session.frames.popleft())

    def _take(self, frame: bytes) -> None:
        if frame.startswith(b"CONNECT"):
            pid = orjson.loads(frame.removeprefix(b"CONNECT"))
            self.recovered = pid is not None and pid == self.pid
            self.recoveries += self.recovered
            self.pid = pid
            return
        name, payload, *more = orjson.loads(frame.partition(b",")[2])
        if name == "connection_established":
            if not (self.recovered and self.joined):
                self._sync()
            self.ready = True
        else:
            self.heard[payload["key"]].append(payload["rev"])
        if more:
            self.offset = more[0]

    def _sync(self) -> None:
        assert self.session is not None
        assert self.process is not None
        self.base, self.heard = dict(self.world.table.revs), {key: [] for key in KEYS}
        sid = self.sids.get(self.session.sid)
        self.joined = sid is not None  # else its `join` is not answered
        if self.namespace == THREADS and sid is not None:
            for key in KEYS:
                self.process.server.move(sid, THREADS, key, enter=True)
            if self.process.link is not None:  # it is not killed in the very turn in which `join` is answered
                self.process.link.write_all()

    def check(self, *, ended: bool) -> None:
        """What it heard is right so far; at the end, all."""
        for key, revs in self.heard.items():
            assert len(set(revs)) == len(revs), f"doubled: {self.number} {key} {revs}"
            orderly = [rev for rev in revs if (key, rev) not in self.world.late]
            assert orderly == sorted(orderly), f"disordered: {self.number} {key} {revs}"
            if ended:
                due = {rev for rev in self.world.table.live[key] if rev > self.base[key]}
                due -= {rev for lost, rev in self.world.untold if lost == key}
                assert due <= set(revs), f"lost: {self.number} {key} {sorted(due - set(revs))} of {revs}"


class World:
    """Everything, and what may happen to it."""

    def __init__(self, loop: Loop, chance: random.Random, processes: int) -> None:
        self.loop = loop
        self.chance = chance
        self.table = Table()
        self.store = Store(loop) if processes > 1 else None
        self.late: set[tuple[str, int]] = set()
        self.untold: set[tuple[str, int]] = set()
        self.sessions = 0
        self._arrived_at = 0.0
        self.half_open: list[tuple[Client, Process, Session]] = []
        self.tasks: list[tuple[Process, asyncio.Task[None]]] = []
        self.processes = [Process(self) for _ in range(processes)]
        self.ended: list[Process] = []
        self.clients = [Client(self, MESSAGING, 0), Client(self, MESSAGING, 1), Client(self, THREADS, 2)]

    def begin(self, process: Process, work: Any) -> None:
        """Run something of a process."""
        self.tasks.append((process, self.loop.create_task(work)))

    async def step(self) -> None:
        """Let something happen, and perhaps time pass."""
        kind = self.chance.choices(
            ("tell", "write", "hear", "read", "cut", "come", "wait", "notice", "leave", "kill", "long"),
            (30, 20, 20, 20, 8, 16, 10, 4, 1, 1, 1),
        )[0]
        self._happen(kind, self.chance.choice(self.processes), self.chance.choice(self.clients))
        wait_s = {"wait": self.chance.choice((0.0005, 0.003, 0.3, 3)), "long": 30}.get(kind, 0)
        if self.loop.time() + wait_s > self._arrived_at + ARRIVES_S:
            self.let_arrive()
        await asyncio.sleep(wait_s)
        await asyncio.sleep(0)

    def _happen(self, kind: str, process: Process, client: Client) -> None:
        chance = self.chance
        if kind == "tell":
            process.tell(chance.choice(KEYS), receipt=chance.random() < 0.3)
        elif kind == "write" and process.link is not None:
            process.link.let_write(chance.choice((1, 3, 100)))
        elif kind == "hear" and process.link is not None:
            process.link.let_hear(chance.choice((1, 3, 100)))
        elif kind == "read":
            client.read(chance.choice((1, 3, 100)))
        elif kind == "cut" and client.session is not None:
            client.cut(noticed=chance.random() < 0.7)
        elif kind == "come" and client.session is None:
            client.come(process)
        elif kind == "leave" and client.session is not None:
            client.leave()
        elif kind == "notice":
            self.notice_all()
        elif kind == "kill" and self.store is not None:
            self.kill(process)

    def let_arrive(self) -> None:
        """Let all that is under way between processes arrive."""
        self._arrived_at = self.loop.time()
        for process in self.processes:
            if process.link is not None:
                process.link.let_write(10_000)
        for process in self.processes:
            if process.link is not None:
                process.link.let_hear(10_000)

    def notice_all(self) -> None:
        """Let servers notice what broke."""
        broken, self.half_open = self.half_open, []
        for client, process, session in broken:
            process.see_broken(client, session)

    def kill(self, process: Process) -> None:
        """Kill a process, and start another; what it had not written to Redis is lost."""
        process.alive = False
        assert process.link is not None
        assert self.store is not None
        process.link._write()
        self._note_untold(process.link)
        self.store.links.remove(process.link)
        for owner, task in self.tasks:
            if owner is process:
                task.cancel()
        for client in self.clients:
            if client.process is process:
                client.session = client.process = None
        self.half_open = [broken for broken in self.half_open if broken[1] is not process]
        self.processes[self.processes.index(process)] = Process(self)
        self.ended.append(process)

    def _note_untold(self, link: Link) -> None:
        for command in link.written:
            if command[0] == b"PUBLISH" and command[-1][:1] == b"\x01":
                payload = orjson.loads(command[-1][command[-1].index(b"\n", 25) :])
                self.untold.add((payload["key"], payload["rev"]))

    async def settle(self) -> None:
        """Let all that is under way arrive."""
        for _ in range(40):
            self.let_arrive()
            await asyncio.sleep(0.1)
            for client in self.clients:
                client.read(10_000)

    async def end(self) -> None:
        """Let all come back and be told everything; then let all leave, and see that nothing is left."""
        await self.settle()
        for client in self.clients:
            if client.session is not None and client.session.closing:
                client.session = client.process = None
            if client.session is None:
                client.come(self.chance.choice(self.processes))
        await self.settle()
        for key in KEYS:  # shows gaps of all before
            self.chance.choice(self.processes).tell(key, receipt=False)
        await self.settle()
        for client in self.clients:
            assert client.ready, "never let in"
            client.check(ended=True)
        for client in self.clients:
            client.cut(noticed=True)
        self.notice_all()
        for _ in range(int(LONG_S)):
            self.let_arrive()
            await asyncio.sleep(1)
        for process in self.processes:
            process.assert_empty()

    async def close(self) -> None:
        """End all."""
        for process in (*self.processes, *self.ended):
            process.recovery.close()
            await process.manager.close()
        for _, task in self.tasks:
            task.cancel()
        results = await asyncio.gather(*(task for _, task in self.tasks), return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result


async def live(loop: Loop, seed: int, steps: int, processes: int) -> int:
    """Let things happen; return how often a client was recovered."""
    world = World(loop, random.Random(seed), processes)
    try:
        for _ in range(steps):
            await world.step()
            for client in world.clients:
                client.check(ended=False)
        await world.end()
    finally:
        await world.close()
    return sum(client.recoveries for client in world.clients)


def run(monkeypatch: pytest.MonkeyPatch, seed: int, steps: int, processes: int) -> int:
    """Run it in a loop of its own."""
    loop = Loop()
    with monkeypatch.context() as patch:
        time = SimpleNamespace(monotonic=loop.time)
        for module in (log_module, redis_trails):
            patch.setattr(module, "time", time)
        try:
            return loop.run_until_complete(live(loop, seed, steps, processes))
        finally:
            loop.close()


@pytest.fixture
def loopless(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int, int], int]:
    """Return what runs the model in a loop of its own."""
    return lambda seed, steps, processes: run(monkeypatch, seed, steps, processes)


@pytest.mark.parametrize("processes", [1, 2])
def test_recovered_is_everything_once_in_order_and_nothing_stays(processes: int) -> None:
    """Whatever is cut, late, killed and taken up again, and wherever."""

    @settings(max_examples=150, deadline=None)
    @given(seed=st.integers(0, 2**32))
    def check(seed: int) -> None:
        with pytest.MonkeyPatch.context() as patch:
            run(patch, seed, STEPS, processes)

    check()


@pytest.mark.parametrize("processes", [1, 2])
def test_model_recovers_often(loopless: Callable[[int, int, int], int], processes: int) -> None:
    """Else it would prove nothing."""
    assert sum(loopless(seed, STEPS, processes) for seed in range(40)) > 20


@pytest.mark.parametrize(
    ("broken", "name", "flaw"),
    [
        (Hold, "know", lambda *_: None),  # what a replay told is told again when it comes
        (Recovery, "_end", lambda self, trail: self._known.pop(trail.pid)),  # a trail that came back by another process
        (Recovery, "offset_of", lambda self, sid: None if sid in self._replays else OFFSET_OF(self, sid)),
    ],
    ids=["repeated", "came back", "cut in a replay"],
)
def test_model_notices_a_flaw(
    loopless: Callable[[int, int, int], int], monkeypatch: pytest.MonkeyPatch, broken: Any, name: str, flaw: Any
) -> None:
    """A check that cannot fail proves nothing."""
    monkeypatch.setattr(broken, name, flaw)

    def run_all() -> None:
        for seed in range(400):
            loopless(seed, STEPS, 2)

    with pytest.raises((AssertionError, KeyError)):
        run_all()
