"""Who is there: derived over all of a user's connections, on all processes.

A user is `online` while any connection of theirs is open, `away` once some of these said that they are hidden and none
that it is visible (most never say), and `offline` once none is left for the grace period (so that a reload is not a
departure). Each process knows its own connections and tells the store the sum of them; a worker does that in batches,
so that a storm of reconnecting clients costs few round trips and the changes of one user keep their order.
"""

import asyncio
from collections.abc import Mapping, Sequence

from server.domain.commands import GetPresence, Heartbeat
from server.domain.events import PresenceChanged
from server.domain.models import CONTACT_THREAD_PARTICIPANTS, Presence, PresenceChange, PresenceState, User
from server.domain.results import HeartbeatResult, PresenceList
from server.services.actor import Actor
from server.services.ports import Clock, Connection, PresenceStore, Publisher
from server.services.tasks import Tasks
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork

TICK_S = 5.0
GATHER_S = 0.05
"""Where one after another comes or goes, so long is waited, and they are told together."""
SEEN_FOR_MS = 60_000
"""So long it is remembered when a user was last in sight."""


class PresenceService:
    """Counts connections, and tells contacts when someone comes, goes or looks away."""

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        store: PresenceStore,
        now: Clock,
        tasks: Tasks,
        grace_s: float,
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._store = store
        self._now = now
        self._tasks = tasks
        self._grace_s = grace_s
        self._visible: dict[str, dict[str, bool | None]] = {}
        self._leaving: dict[str, asyncio.TimerHandle] = {}
        self._dirty: dict[str, None] = {}
        self._seen: dict[str, int] = {}
        self._working = False

    @property
    def online_here(self) -> int:
        """How many users have a connection to this process."""
        return len(self._visible)

    def connected(self, user_id: str, connection: Connection) -> None:
        """A connection was opened."""
        leaving = self._leaving.pop(user_id, None)
        if leaving is not None:
            leaving.cancel()
        self._visible.setdefault(user_id, {})[connection.id] = None
        self._changed(user_id)

    def disconnected(self, user_id: str, connection: Connection) -> None:
        """A connection is gone; the user is offline when the grace period ends without another."""
        connections = self._visible.get(user_id, {})
        if connection.id not in connections:
            return
        if connections.pop(connection.id):
            self._saw(user_id)
        if connections:
            self._changed(user_id)
        else:
            del self._visible[user_id]
            loop = asyncio.get_running_loop()
            self._leaving[user_id] = loop.call_later(self._grace_s, self._left, user_id)

    def heartbeat(self, actor: Actor, command: Heartbeat) -> HeartbeatResult:
        """Note that the client is alive, and whether a person can see it."""
        assert actor.connection is not None  # noqa: S101 - offered on connections only
        connections = self._visible.get(actor.user_id, {})
        is_open = actor.connection.id in connections
        if command.visible is not None and is_open and connections[actor.connection.id] != command.visible:
            if True in (connections[actor.connection.id], command.visible):
                self._saw(actor.user_id)
            connections[actor.connection.id] = command.visible
            self._changed(actor.user_id)
        return HeartbeatResult(self._now(), command.timestamp)

    async def get(self, actor: Actor, command: GetPresence) -> PresenceList:
        """Return the presence of those of the users with whom the actor shares a thread."""
        wanted = command.user_ids
        visible = await self._database.read(lambda work: work.threads.acquainted(actor.user_id, wanted))
        return PresenceList(tuple(await self._presences([user_id for user_id in wanted if user_id in visible])))

    async def greet(self, user_id: str, connection: Connection) -> None:
        """Tell a new connection which contacts are online."""
        contacts = await self._database.read(lambda work: work.threads.contacts(user_id))
        for presence in await self._presences(await self._online(contacts)):
            connection.send(PresenceChanged(presence, (user_id,)))

    async def introduce(self, user_ids: Sequence[str]) -> None:
        """Tell people who just became contacts who of them is online."""
        if len(user_ids) > CONTACT_THREAD_PARTICIPANTS:
            return
        for presence in await self._presences(await self._online(user_ids)):
            others = tuple(user_id for user_id in user_ids if user_id != presence.user_id)
            self._publisher.publish(PresenceChanged(presence, others))

    async def last_seen(self, user_ids: Sequence[str]) -> dict[str, int]:
        """Return when each user was last in sight: a connection of theirs, on any process, said `visible`.

        It is now for those who are in sight here. Who was not for `SEEN_FOR_MS` may be left out.
        """
        found = await self._store.last_seen(user_ids)
        for user_id in user_ids:
            moment = self._now() if self._is_in_sight(user_id) else self._seen.get(user_id, 0)
            if moment:
                found[user_id] = max(moment, found.get(user_id, 0))
        return found

    async def tick(self) -> None:
        """Say that this process is alive, and who is in sight; tell of those whose process died."""
        now = self._now()
        in_sight = {user_id: now for user_id in self._visible if self._is_in_sight(user_id)}
        await self._store.saw(in_sight, now - SEEN_FOR_MS)
        await self._tell(await self._store.tick())

    async def close(self) -> None:
        """Withdraw this process: its users are offline unless they come back to another."""
        for timer in self._leaving.values():
            timer.cancel()
        leaving = tuple({*self._visible, *self._leaving})
        await self._store.close()
        await self._remember(leaving)

    def _state_here(self, user_id: str) -> PresenceState:
        connections = self._visible.get(user_id)
        if not connections:
            return "offline"
        said = set(connections.values())
        return "away" if False in said and True not in said else "online"

    def _is_in_sight(self, user_id: str) -> bool:
        return True in self._visible.get(user_id, {}).values()

    def _saw(self, user_id: str) -> None:
        self._seen[user_id] = self._now()
        if not self._working:
            self._begin_work()

    def _left(self, user_id: str) -> None:
        del self._leaving[user_id]
        self._changed(user_id)

    def _changed(self, user_id: str) -> None:
        self._dirty[user_id] = None
        if not self._working:
            self._begin_work()

    def _begin_work(self) -> None:
        self._working = True
        self._tasks.start(self._work(), "presence")

    async def _work(self) -> None:
        try:
            while self._dirty or self._seen:
                await self._tell_seen()
                batch, self._dirty = self._dirty, {}
                await self._tell(await self._store.set({user_id: self._state_here(user_id) for user_id in batch}))
                if self._dirty:
                    await asyncio.sleep(GATHER_S)
        except asyncio.CancelledError:
            self._dirty, self._seen = {}, {}  # the process stops
            raise
        finally:
            self._working = False
            if self._dirty or self._seen:  # it failed: those who came meanwhile must not wait for someone else's change
                self._begin_work()

    async def _tell_seen(self) -> None:
        seen, self._seen = self._seen, {}
        if seen:
            await self._store.saw(seen, self._now() - SEEN_FOR_MS)

    async def _tell(self, changes: Mapping[str, PresenceChange]) -> None:
        changed = [user_id for user_id, change in changes.items() if change.before != change.after]
        if not changed:
            return
        await self._remember(
            [user_id for user_id in changed if "offline" in (changes[user_id].before, changes[user_id].after)]
        )

        def job(work: UnitOfWork) -> tuple[dict[str, User], dict[str, tuple[str, ...]]]:
            return work.users.get_many(changed), work.threads.contacts_of(changed)

        people, contacts = await self._database.read(job)
        everyone = {contact for found in contacts.values() for contact in found}
        online = set(await self._online(tuple(everyone)))
        for user_id, user in people.items():
            audience = tuple(contact for contact in contacts[user_id] if contact in online)
            if audience:
                self._publisher.publish(PresenceChanged(self._presence(user, changes[user_id].after), audience))

    async def _remember(self, user_ids: Sequence[str]) -> None:
        if user_ids:
            now = self._now()
            await self._database.write(lambda work: work.users.seen(user_ids, now))

    async def _online(self, user_ids: Sequence[str]) -> list[str]:
        states = await self._store.get(user_ids)
        return [user_id for user_id in user_ids if states[user_id] != "offline"]

    async def _presences(self, user_ids: Sequence[str]) -> list[Presence]:
        if not user_ids:
            return []
        states = await self._store.get(user_ids)
        people = await self._database.read(lambda work: work.users.get_many(user_ids))
        return [self._presence(people[user_id], states[user_id]) for user_id in user_ids if user_id in people]

    def _presence(self, user: User, state: PresenceState) -> Presence:
        # Someone who is there was last seen now, whatever the row says.
        last_seen_at = self._now() if state == "online" else user.last_seen_at
        return Presence(user.id, user.display_name, state, last_seen_at)
