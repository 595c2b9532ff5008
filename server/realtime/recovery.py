"""A connection that breaks goes on where it was: Socket.IO's connection state recovery, as its official client has it.

The client is given a `pid` with CONNECT and an offset behind every durable event. It comes back with both, to any
process: then it is in the rooms that it was in, and is told what it missed, in order, before anything else (ADR 15).
When that cannot be promised it is a new connection, and the client syncs. Never is a part told as if it were all.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from server.contract.operations import MESSAGING, NOTIFICATIONS, THREADS
from server.domain.errors import RealtimeError
from server.domain.ids import new_secret
from server.realtime.deadlines import Deadlines
from server.realtime.frames import Encoded
from server.realtime.holds import Hold
from server.realtime.log import parse_offset
from server.realtime.managers import LocalManager
from server.realtime.order import Missed, Told
from server.realtime.rooms import Stamp, subject_of, user_room
from server.realtime.rows import Rows
from server.realtime.trails import WINDOW_S, Missing, Trail, is_told, widen

MAX_LOST: Final = 50_000
MAX_REPLAY: Final = 2_000
"""More missed events than this are not replayed: the client syncs."""
PLAY_S: Final = 30.0
PART_EVENTS: Final = 100
PART_BYTES: Final = 256 * 1024
"""So much is told at once; then the client has to read."""
CHECK_S: Final = 0.02
REPEATED_S: Final = 10.0
"""So long what a client heard elsewhere may yet come to this process. What it was told from the rows alone may come
whenever the next event of its key shows that it was not told: nobody knows when."""
IN_REPLAY: Final = 0
"""The number of a client that is told what it missed: how far it is nobody knows, and no trail begins before 1."""

_KINDS = {THREADS: "thread", NOTIFICATIONS: "user"}
"""What the keys of a namespace name; those of `/messaging` are the user's threads, whose rooms it is not in."""


@dataclass(slots=True)
class _Replay:
    """What a recovered connection missed, and what comes while it is told that."""

    trail: Trail
    hold: Hold
    events: Sequence[Told]


class Recovery:
    """All trails of this process: of connections that are open, and of those that broke not long ago."""

    def __init__(self, manager: LocalManager, rows: Rows) -> None:
        self._manager = manager
        self._rows = rows
        self._trails = manager.trails
        self._known: dict[str, Trail] = {}
        self._live: dict[str, Trail] = {}
        self._replays: dict[str, _Replay] = {}
        self._lost: Deadlines[str] = Deadlines(WINDOW_S, self._forget)
        self._repeated: Deadlines[str] = Deadlines(REPEATED_S, self._let_all)
        self._closed = False
        self.recovered = 0
        self.refused = 0

    # --- What others ask

    def pid_of(self, sid: str) -> str | None:
        """Return what the client of a connection is to come back with; None if it does not want to."""
        trail = self._replays[sid].trail if sid in self._replays else self._live.get(sid)
        return trail.pid if trail is not None else None

    def is_recovered(self, sid: str) -> bool:
        """Tell whether a connection that is being let in goes on where another broke."""
        return sid in self._replays

    def offset_of(self, sid: str) -> str | None:
        """Return the offset of a connection's first event; None if it is to have none."""
        replay = self._replays.get(sid)
        if replay is not None:
            return self._manager.log.offset(IN_REPLAY if replay.events else replay.hold.number).decode()
        return self._manager.log.offset(self._manager.log.number).decode() if sid in self._live else None

    # --- A connection's life

    async def begin(self, sid: str, namespace: str, user_id: str, auth: Mapping[str, Any]) -> None:
        """Let a connection go on where the one broke that its `auth` names, or begin a new trail.

        `auth.recovery: false` wants neither.
        """
        if auth.get("recovery") is False:
            self._manager.without_offsets.add(sid)
            return
        pid, offset = auth.get("pid"), parse_offset(auth.get("offset"))
        if isinstance(pid, str) and offset is not None:
            if await self._resume(sid, Trail(pid, namespace, user_id), *offset):
                self.recovered += 1
                return
            self.refused += 1
        trail = Trail(new_secret(), namespace, user_id, began=self._manager.log.mark())
        self._follow(sid, trail)

    def moved(self, sid: str, room: str, *, enter: bool) -> None:
        """A connection entered or left a room."""
        replay = self._replays.get(sid)
        trail = self._live.get(sid) if replay is None else replay.trail
        if trail is None or room == user_room(trail.user_id):
            return
        if enter:
            trail.rooms.setdefault(room, self._manager.log.number)
        else:
            trail.rooms.pop(room, None)
        if replay is None:
            self._trails.save(trail)

    def lost(self, sid: str) -> None:
        """A connection broke: its rooms are heard for it until it comes back or its time is over."""
        self._replays.pop(sid, None)
        trail = self._live.pop(sid, None)
        if trail is None:
            return
        trail.sid = None
        for room in trail.all_rooms:
            self._manager.keep_hearing(room)
        if not self._closed:
            self._lost.add(trail.pid)
        if len(self._lost) > MAX_LOST:
            self._lost.end_first()

    def ended(self, sid: str) -> None:
        """A connection is over for good: it left, or was shown the door."""
        self._replays.pop(sid, None)
        trail = self._live.pop(sid, None)
        if trail is not None:
            del self._known[trail.pid]
            self._trails.remove(trail.pid)

    async def play(self, sid: str) -> bool:
        """Tell a recovered connection what it missed, at its own pace, and let live events follow.

        False: it reads too slowly for that, and must be closed.
        """
        replay = self._replays.get(sid)
        if replay is None:
            return True
        session = self._session(sid, replay.trail.namespace)
        try:
            async with asyncio.timeout(PLAY_S):
                await self._play(session, replay)
        except TimeoutError:
            return False
        if self._replays.pop(sid, None) is None or session.closing:
            return True  # it is gone
        if replay.hold.full:
            return False
        replay.hold.is_open = True
        self._repeated.add(sid)  # until then it drops what may come again
        self._follow(sid, replay.trail)
        return True

    async def _play(self, session: Any, replay: _Replay) -> None:
        """Tell what was missed, then what came since: return in the turn in which nothing is left."""
        offset = self._manager.log.offset(replay.hold.number)
        *first, last = _parts(replay.events)
        for part in first:
            self._tell(session, replay, part)
            await _drained(session)
        self._tell(session, replay, last, offset)
        while kept := replay.hold.take(PART_EVENTS):
            await _drained(session)
            for message in kept:
                session.send(message)

    def close(self) -> None:
        """Wait for nobody any more."""
        self._closed = True
        self._lost.close()
        self._repeated.close()

    def _let_all(self, sid: str) -> None:
        hold = self._manager.holds.get(sid)
        if hold is None:
            return
        if hold.narrow(self._manager.order.rev_of):
            self._repeated.add(sid)
        else:
            del self._manager.holds[sid]

    def _follow(self, sid: str, trail: Trail) -> None:
        if trail.pid in self._known:  # it went elsewhere meanwhile, and is back
            self._end(self._known[trail.pid])
        trail.sid = sid
        self._live[sid] = self._known[trail.pid] = trail
        self._trails.save(trail)

    def _forget(self, pid: str) -> None:
        trail = self._known.pop(pid, None)
        if trail is not None:
            self._trails.remove(pid)
            for room in trail.all_rooms:
                self._manager.stop_hearing(room)

    # --- Coming back

    async def _resume(self, sid: str, wanted: Trail, process: str, number: int) -> bool:
        if self._manager.cluster_state == "degraded":
            return False  # what others told meanwhile is not known
        trail, kept = await self._take(process, wanted)
        if trail is None:
            return False
        try:
            return await self._enter(sid, trail, process, number)
        except RealtimeError:  # the database is away
            return False
        finally:
            for room in kept:
                self._manager.stop_hearing(room)
            if sid not in self._replays:
                self._undo(sid, trail)

    async def _take(self, process: str, wanted: Trail) -> tuple[Trail | None, frozenset[str]]:
        """Return the trail, and the rooms that were heard for it here."""
        if process != self._manager.log.process:
            return await self._trails.take(process, wanted), frozenset()
        trail = self._known.get(wanted.pid)
        if trail is None or (trail.namespace, trail.user_id) != (wanted.namespace, wanted.user_id):
            return None, frozenset()
        self._withdraw(trail)
        return trail, trail.all_rooms

    def _withdraw(self, trail: Trail) -> None:
        """Nobody finds a trail any more; its rooms are still heard for it."""
        if trail.sid is not None:  # the server has not noticed yet that it broke
            self._break(trail.sid, trail.namespace)
        self._lost.discard(trail.pid)
        del self._known[trail.pid]
        self._trails.remove(trail.pid)

    def _end(self, trail: Trail) -> None:
        self._withdraw(trail)
        for room in trail.all_rooms:
            self._manager.stop_hearing(room)

    def _break(self, sid: str, namespace: str) -> None:
        session = self._session(sid, namespace)
        self.lost(sid)
        if session is not None:
            session.close(self._manager.server.reason.TRANSPORT_ERROR)

    async def _enter(self, sid: str, trail: Trail, process: str, number: int) -> bool:
        """Enter the rooms, held, and find out what was missed. In this order: what comes in between is kept."""
        manager = self._manager
        entered = replace(trail, rooms=dict.fromkeys(await self._still_in(trail), 0), told=dict(trail.told))
        waits = [wait for room in entered.all_rooms if (wait := manager.heard(room)) is not None]
        await asyncio.gather(*waits)
        if manager.eio_sid_from_sid(sid, trail.namespace) is None:
            return False
        hold = manager.holds[sid] = Hold(manager.log.mark())
        entered.began = hold.number
        for room in entered.all_rooms:
            manager.basic_enter_room(sid, trail.namespace, room)
        missing = await self._missing(process, number, trail) if number >= trail.began else None
        events = None if missing is None else await self._read(entered, missing)
        if events is None or sid not in manager.holds:
            return False
        hold.know(entered.told)
        entered.rooms = dict.fromkeys(entered.rooms, hold.number)
        self._replays[sid] = _Replay(entered, hold, events)
        return True

    def _undo(self, sid: str, trail: Trail) -> None:
        self._manager.holds.pop(sid, None)
        for room in trail.all_rooms:
            self._manager.basic_leave_room(sid, trail.namespace, room)

    async def _still_in(self, trail: Trail) -> set[str]:
        """Return those of a trail's rooms whose thread the user is still in."""
        threads = {room: subject_of(room)[1] for room in trail.rooms}
        mine = await self._rows.threads_of(trail.user_id, threads.values()) if threads else set()
        return {room for room, thread_id in threads.items() if thread_id in mine}

    async def _missing(self, process: str, number: int, trail: Trail) -> Missing | None:
        if process != self._manager.log.process:
            return await self._trails.missing(process, number, trail)
        stamps, doubtful = self._manager.log.after(number), self._manager.order.late_after(number)
        if stamps is None or doubtful is None:
            return None
        first: dict[str, int] = {}
        for at, (key, rev) in enumerate(stamps, number + 1):
            if at > trail.rooms.get(key, 0) and not is_told(trail.told, (key, rev)):
                first[key] = min(rev, first.get(key, rev))
        return Missing(first, stamps, {}, doubtful)

    async def _read(self, trail: Trail, missing: Missing) -> Sequence[Told] | None:
        """Return what the user is to be told, and note what that is.

        None if it is too much, or not sure.
        """
        concern = await self._of_concern(trail, {*missing.first, *missing.heard, *missing.doubtful})
        if not concern.isdisjoint(missing.doubtful):
            return None
        keys = concern & missing.first.keys()
        missed = await self._rows.missed({key: missing.first[key] - 1 for key in keys})
        if missed.keys() < keys:
            return None
        for key in concern & missing.heard.keys():
            widen(trail.told, key, missing.heard[key])
        for key, found in missed.items():
            widen(trail.told, key, (missing.first[key] - 1, found.up_to))
        events = _in_order(missed.values(), missing.order)
        mine = [told for told in events if any(namespace == trail.namespace for namespace, _ in told.routes)]
        if len(mine) > MAX_REPLAY:
            return None
        return mine

    async def _of_concern(self, trail: Trail, keys: Iterable[str]) -> set[str]:
        if trail.namespace != MESSAGING:
            kind = _KINDS.get(trail.namespace)
            return {key for key in keys if key in trail.all_rooms and subject_of(key)[0] == kind}
        threads = {key: subject for key in keys for kind, subject in [subject_of(key)] if kind == "thread"}
        mine = await self._rows.threads_of(trail.user_id, threads.values()) if threads else set()
        return {key for key, thread_id in threads.items() if thread_id in mine}

    # --- Telling

    def _session(self, sid: str, namespace: str) -> Any:
        manager = self._manager
        return manager.server.eio.sockets.get(manager.eio_sid_from_sid(sid, namespace))

    @staticmethod
    def _tell(session: Any, replay: _Replay, events: Sequence[Told], offset: bytes | None = None) -> None:
        """Send events; the last one with an offset, if there is one."""
        namespace = replay.trail.namespace.encode()
        for at, told in enumerate(events, 1):
            end = b',"%b"]' % offset if offset is not None and at == len(events) else b"]"
            session.send(Encoded(b'42%b,["%b",%b%b' % (namespace, told.event.encode(), told.body, end)))


def _in_order(missed: Iterable[Missed], order: Sequence[Stamp]) -> list[Told]:
    """Return events in the order in which they were told; what nobody told, behind the one before it of its key."""
    places = {stamp: place for place, stamp in enumerate(order)}
    placed: list[tuple[int, int, Told]] = []
    for found in missed:
        place = 0
        for told in found.events:
            assert told.stamp is not None  # noqa: S101 - rows tell of durable events only
            place = max(place, places.get(told.stamp, place))
            placed.append((place, len(placed), told))
    return [told for _, _, told in sorted(placed, key=lambda row: row[:2])]


def _parts(events: Sequence[Told]) -> list[Sequence[Told]]:
    """Cut events into parts that make a good size; the last may be empty."""
    parts: list[Sequence[Told]] = []
    start = size = 0
    for at, told in enumerate(events):
        size += len(told.body)
        if at + 1 - start >= PART_EVENTS or size >= PART_BYTES:
            parts.append(events[start : at + 1])
            start, size = at + 1, 0
    return [*parts, events[start:]] if start < len(events) or not parts else parts


async def _drained(session: Any) -> None:
    """Wait until a client has read, or fetched, most of what was sent to it."""
    await asyncio.sleep(0)  # what was sent leaves at the end of this turn
    while session.backed_up and not session.closing:  # noqa: ASYNC110 - seldom, and an event for each costs memory
        await asyncio.sleep(CHECK_S)
