"""The server with message storage switched off: what storing costs is the difference to this.

`append` numbers messages in memory and answers at once; membership is read from SQLite the first time that a thread is
written to. Everything else is the real server: the other writes and all reads go to SQLite. Nothing but a measure: a
message is gone as soon as it is sent, and a retry is not recognised.

    python -m benchmarks.without_storage
"""

from dataclasses import dataclass
from pathlib import Path

from server.app import create_app, run
from server.bootstrap import build
from server.domain.errors import NotFoundError
from server.domain.models import Message
from server.logs import set_up_logs
from server.settings import load_settings
from server.storage.append import Appended, NewMessage
from server.storage.engine import sqlite_path
from server.storage.sqlite import SqliteDatabase
from server.storage.unit_of_work import UnitOfWork


@dataclass(slots=True)
class _Thread:
    names: dict[str, str]
    audience: tuple[str, ...]
    last_seq: int
    rev: int


class NumberingDatabase(SqliteDatabase):
    """Numbers messages and forgets them."""

    def __init__(self, path: Path, *, synchronous: str) -> None:
        super().__init__(path, synchronous=synchronous)
        self._threads: dict[str, _Thread] = {}

    async def append(self, message: NewMessage) -> Appended:
        """Number a message; returns without a wait once the thread is known."""
        thread = self._threads.get(message.thread_id) or await self._load(message.thread_id)
        if message.sender_id not in thread.names:
            raise NotFoundError
        thread.last_seq += 1
        thread.rev += 1
        stored = Message(
            id=message.id,
            thread_id=message.thread_id,
            seq=thread.last_seq,
            rev=thread.rev,
            kind="user",
            sender_id=message.sender_id,
            sender_name=thread.names[message.sender_id],
            content=message.content,
            sent_at=message.sent_at,
            client_message_id=message.client_message_id,
        )
        return Appended(stored, thread.audience, created=True)

    async def _load(self, thread_id: str) -> _Thread:
        def job(work: UnitOfWork) -> _Thread:
            found = work.threads.get_any(thread_id)
            names = {place.user_id: place.display_name for place in found.participants}
            return _Thread(names, work.threads.audience(thread_id), found.last_seq, found.rev)

        loaded = await self.read(job)
        # Several sends may have asked at the same time: the first one's counters are everyone's.
        return self._threads.setdefault(thread_id, loaded)


def main() -> None:
    """Serve on HOST and PORT."""
    settings = load_settings()
    set_up_logs(settings.log_level)
    database = NumberingDatabase(sqlite_path(settings.database_url), synchronous=settings.sqlite_synchronous)
    run(create_app(settings, build(settings, database=database)), settings)


if __name__ == "__main__":
    main()
