"""Who is connected to which process, and which processes are alive, by the database's clock.

All changes take turns, over all processes: what is read before and after one is what that very change did. Processes
change it in batches, one at a time each, so the queue is short.
"""

from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import Connection, delete, func, select, text, update

from server.domain.models import PresenceChange, PresenceState
from server.storage.tables import presence_processes, presence_seen, presence_states
from server.storage.users import insert_for

USERS_A_QUERY = 500


class PresenceRepository:
    """Rows of `presence_processes`, `presence_states` and `presence_seen`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, user_ids: Iterable[str]) -> dict[str, PresenceState]:
        """Return the states of users over all processes."""
        user_ids = tuple(user_ids)
        said: dict[str, set[str]] = {user_id: set() for user_id in user_ids}
        query = select(presence_states.c.user_id, presence_states.c.state)
        for part in _parts(user_ids):
            for row in self._connection.execute(query.where(presence_states.c.user_id.in_(part))):
                said[row.user_id].add(row.state)
        return {user_id: sum_of(states) for user_id, states in said.items()}

    def put(self, process_id: str, states: Mapping[str, PresenceState]) -> dict[str, PresenceChange]:
        """Record the states of users on a process, and return how they changed over all."""
        if not states:
            return {}
        self._take_turn()
        before = self.get(states)
        for part in _parts(tuple(states)):
            mine = (presence_states.c.process_id == process_id) & presence_states.c.user_id.in_(part)
            self._connection.execute(delete(presence_states).where(mine))
        rows = [
            {"user_id": user_id, "process_id": process_id, "state": state}
            for user_id, state in states.items()
            if state != "offline"
        ]
        if rows:
            self._connection.execute(insert_for(self._connection)(presence_states), rows)
        after = self.get(states)
        return {user_id: PresenceChange(before[user_id], after[user_id]) for user_id in states}

    def renew(self, process_id: str, alive_ms: int) -> bool:
        """Believe a process to be alive for so long from now; returns whether it was not known."""
        until = self._now() + alive_ms
        renewed = update(presence_processes).where(presence_processes.c.id == process_id).values(alive_until=until)
        if self._connection.execute(renewed).rowcount:
            return False
        row = {"id": process_id, "alive_until": until}
        self._connection.execute(insert_for(self._connection)(presence_processes).values(row))
        return True

    def leave(self, process_id: str, alive_ms: int) -> None:
        """Believe a process that is known to be alive for only so long from now."""
        mine = presence_processes.c.id == process_id
        until = self._now() + alive_ms
        self._connection.execute(update(presence_processes).where(mine).values(alive_until=until))

    def bury(self) -> dict[str, PresenceChange]:
        """Remove the processes whose time is over and all they said, and return how states changed by that."""
        is_over = presence_processes.c.alive_until <= self._now()
        if self._connection.execute(select(presence_processes.c.id).where(is_over).limit(1)).first() is None:
            return {}
        self._take_turn()
        dead = self._connection.execute(
            delete(presence_processes).where(is_over).returning(presence_processes.c.id)
        ).scalars().all()  # fmt: skip
        theirs = presence_states.c.process_id.in_(dead)
        users = self._connection.execute(select(presence_states.c.user_id).where(theirs).distinct()).scalars().all()
        before = self.get(users)
        self._connection.execute(delete(presence_states).where(theirs))
        after = self.get(users)
        return {user_id: PresenceChange(before[user_id], after[user_id]) for user_id in users}

    def saw(self, moments: Mapping[str, int], forget_before: int) -> None:
        """Record when users were last in sight, unless a later moment is known; forget what is older."""
        self._take_turn()
        if moments:
            insert = insert_for(self._connection)(presence_seen)
            later = insert.on_conflict_do_update(
                index_elements=["user_id"],
                set_={"seen_at": insert.excluded.seen_at},
                where=presence_seen.c.seen_at < insert.excluded.seen_at,
            )
            rows = [{"user_id": user_id, "seen_at": moment} for user_id, moment in moments.items()]
            self._connection.execute(later, rows)
        self._connection.execute(delete(presence_seen).where(presence_seen.c.seen_at < forget_before))

    def last_seen(self, user_ids: Iterable[str]) -> dict[str, int]:
        """Return when users were last in sight, of those of whom it is known."""
        found: dict[str, int] = {}
        for part in _parts(tuple(user_ids)):
            for row in self._connection.execute(select(presence_seen).where(presence_seen.c.user_id.in_(part))):
                found[row.user_id] = row.seen_at
        return found

    def _take_turn(self) -> None:
        # SQLite's one writer has it already.
        if self._connection.dialect.name == "postgresql":
            # Any fixed number; until the end of the transaction.
            self._connection.execute(select(func.pg_advisory_xact_lock(7305802)))

    def _now(self) -> int:
        """Return the milliseconds since the epoch on the database's clock."""
        return int(self._connection.execute(_NOW[self._connection.dialect.name]).scalar_one())


_NOW = {
    "postgresql": text("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)"),
    "sqlite": text("SELECT (julianday('now') - 2440587.5) * 86400000"),
}


def sum_of(states: Collection[str]) -> PresenceState:
    """Return what several processes said together: online beats away."""
    if "online" in states:
        return "online"
    return "away" if states else "offline"


def _parts(ids: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    return (ids[at : at + USERS_A_QUERY] for at in range(0, len(ids), USERS_A_QUERY))
