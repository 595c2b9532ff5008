"""Who is in a thread, remembered: the one thing that every event of a thread needs.

An entry holds as long as the thread's `info_rev`, which is read under the thread's lock anyway, is the one it was read
at. So it can never be stale, on any process, and nothing needs to be invalidated.
"""

from collections import OrderedDict
from collections.abc import Mapping

from sqlalchemy import Connection, select

from server.storage.tables import participants

MAX_THREADS = 20_000


class Audiences:
    """User ids by thread; used by the writer alone, so it needs no lock."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, tuple[int, tuple[str, ...]]] = OrderedDict()

    def load(self, connection: Connection, info_revs: Mapping[str, int]) -> None:
        """Read what is missing or outdated; `info_revs` by thread id, as just read under lock."""
        missing = [key for key, info_rev in info_revs.items() if self._entries.get(key, (-1, ()))[0] != info_rev]
        if missing:
            found: dict[str, list[str]] = {key: [] for key in missing}
            query = select(participants.c.thread_id, participants.c.user_id).where(
                participants.c.thread_id.in_(missing)
            )
            for row in connection.execute(query):
                found[row.thread_id].append(row.user_id)
            for key, user_ids in found.items():
                self._entries[key] = (info_revs[key], tuple(user_ids))
        for key in info_revs:
            self._entries.move_to_end(key)
        while len(self._entries) > max(MAX_THREADS, len(info_revs)):
            self._entries.popitem(last=False)

    def get(self, thread_id: str) -> tuple[str, ...]:
        """Return a thread's user ids, as last loaded."""
        return self._entries[thread_id][1]
