"""What the rows say of keys, as events to hand out: for events that were lost on their way to this process."""

from collections.abc import Callable, Iterable, Mapping

import orjson

from server.contract.events import render
from server.domain.events import Event
from server.realtime.order import Missed, Told
from server.realtime.rooms import routes, stamp, subject_of, thread_room, user_room
from server.storage.changes import Changes, TooManyChangesError
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork

KEYS_A_READ = 200

Revs = Mapping[str, int]


class Rows:
    """Reads events of keys. `hears` tells whether a connection of this process is in a room."""

    def __init__(self, database: Database, hears: Callable[[str], bool]) -> None:
        self._database = database
        self._hears = hears

    async def missed(self, after: Revs) -> dict[str, Missed]:
        """Read what happened to keys after a rev each, if anyone here hears them. Leaves out keys of too much.

        Raises:
            UnavailableError: the database is away.
        """
        found: dict[str, Missed] = {}
        for part in _parts(after):
            heard = await self._heard(part)
            changes = await self._database.read(lambda work, wanted=heard: _changes(work, wanted))  # type: ignore[misc]
            found |= {key: Missed(changed.up_to, _told(changed)) for key, changed in changes.items()}
        return found

    async def revs(self, keys: Iterable[str]) -> dict[str, int]:
        """Return the present revs of keys. Raises what `missed` raises."""
        found: dict[str, int] = {}
        for part in _parts(dict.fromkeys(keys, 0)):
            found |= await self._database.read(lambda work, wanted=part: _revs(work, wanted))  # type: ignore[misc]
        return found

    async def threads_of(self, user_id: str, thread_ids: Iterable[str]) -> set[str]:
        """Return those of the threads that a user is in. Raises what `missed` raises."""
        found: set[str] = set()
        for part in _parts(dict.fromkeys(thread_ids, 0)):
            found |= (await self._database.read(lambda work, ids=part: work.threads.heads(user_id, ids))).keys()  # type: ignore[misc]
        return found

    async def _heard(self, after: Revs) -> Revs:
        thread_ids = [subject for key in after if (subject := _thread_id(key)) is not None]
        audiences = await self._database.read(lambda work: work.changes.audiences(thread_ids)) if thread_ids else {}
        return {key: rev for key, rev in after.items() if self._is_heard(key, audiences)}

    def _is_heard(self, key: str, audiences: Mapping[str, tuple[str, ...]]) -> bool:
        kind, subject = subject_of(key)
        if kind == "user":
            return self._hears(key)
        return self._hears(thread_room(subject)) or any(map(self._hears, map(user_room, audiences.get(subject, ()))))


def to_told(event: Event, skip: str | None = None) -> Told:
    """Return an event as it is handed out."""
    name, payload = render(event)
    return Told(name, orjson.dumps(payload), routes(event), skip, stamp(event))


def _told(changes: Changes) -> list[Told]:
    return [to_told(event) for _, event in changes.events]


def _thread_id(key: str) -> str | None:
    kind, subject = subject_of(key)
    return subject if kind == "thread" else None


def _parts(revs: Revs) -> Iterable[Revs]:
    items = list(revs.items())
    return (dict(items[at : at + KEYS_A_READ]) for at in range(0, len(items), KEYS_A_READ))


def _changes(work: UnitOfWork, after: Revs) -> dict[str, Changes]:
    threads = {subject: rev for key, rev in after.items() if (subject := _thread_id(key)) is not None}
    found = {thread_room(thread_id): changed for thread_id, changed in _of_threads(work, threads).items()}
    for key, rev in after.items():
        kind, subject = subject_of(key)
        if kind == "user" and (changed := _of_centre(work, subject, rev)) is not None:
            found[key] = changed
    return found


def _of_threads(work: UnitOfWork, after: Revs) -> dict[str, Changes]:
    """Read them together; if that is too much, one by one."""
    try:
        return work.changes.of_threads(after)
    except TooManyChangesError:
        if len(after) == 1:
            return {}
        return {key: changed for one, rev in after.items() for key, changed in _of_threads(work, {one: rev}).items()}


def _of_centre(work: UnitOfWork, user_id: str, after: int) -> Changes | None:
    try:
        return work.changes.of_centre(user_id, after)
    except TooManyChangesError:
        return None


def _revs(work: UnitOfWork, keys: Revs) -> dict[str, int]:
    subjects = [subject_of(key) for key in keys]
    threads = work.changes.revs_of_threads([subject for kind, subject in subjects if kind == "thread"])
    centres = work.changes.revs_of_centres([subject for kind, subject in subjects if kind == "user"])
    return {thread_room(key): rev for key, rev in threads.items()} | {
        user_room(key): rev for key, rev in centres.items()
    }
