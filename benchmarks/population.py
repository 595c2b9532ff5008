"""Who is there before the load begins: people, their threads and their tokens.

They are written through the server's own storage layer into the database, before the server starts: the same rows as
`PUT /users` and `POST /threads` would leave, in a second.
"""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import jwt

from server.domain.ids import new_id
from server.domain.models import User
from server.storage.engine import migrate, open_database
from server.storage.threads import NewThread
from server.storage.unit_of_work import UnitOfWork

SECRET = "a secret of the benchmarks, 32 bytes or more"  # noqa: S105 - guards nothing but a benchmark
TOKEN_LIFE_S = 3_600

GROUP_SIZE = 100


@dataclass(frozen=True, slots=True)
class SeededThread:
    """A thread and the ids of those in it."""

    id: str
    user_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Population:
    """`direct`: threads of 2, nobody in more than one of them. `group`: one of 100, of other people."""

    direct: tuple[SeededThread, ...]
    group: SeededThread
    tokens: dict[str, str]

    @property
    def direct_tokens(self) -> list[str]:
        """Tokens of the people in direct threads."""
        return [self.tokens[user_id] for thread in self.direct for user_id in thread.user_ids]


def make_population(direct_threads: int) -> Population:
    """Think up the people; `store` writes them."""
    pairs = [(str(2 * i + 1), str(2 * i + 2)) for i in range(direct_threads)]
    group = tuple(str(10_000 + i) for i in range(GROUP_SIZE))
    everyone = [user_id for pair in pairs for user_id in pair] + list(group)
    return Population(
        direct=tuple(SeededThread(new_id(), pair) for pair in pairs),
        group=SeededThread(new_id(), group),
        tokens={user_id: _token(user_id) for user_id in everyone},
    )


def store(population: Population, url: str) -> None:
    """Create the tables and the rows in an empty database."""
    migrate(url)
    asyncio.run(_store(population, url))


def sqlite_url(path: Path) -> str:
    """Return the `DATABASE_URL` of an absolute path."""
    return f"sqlite:///{path}"


async def _store(population: Population, url: str) -> None:
    database = open_database(url)
    now = time.time_ns() // 1_000_000

    def job(work: UnitOfWork) -> None:
        for user_id in population.tokens:
            work.users.put(User(user_id, f"Person {user_id}"), now)
        for thread in (*population.direct, population.group):
            work.threads.create(_new_thread(thread, now))

    await database.write(job)
    await database.close()


def _new_thread(thread: SeededThread, now: int) -> NewThread:
    direct = len(thread.user_ids) == 2
    return NewThread(
        id=thread.id,
        kind="direct" if direct else "group",
        title=None if direct else "Benchmark",
        subject=None,
        direct_key=thread.id if direct else None,
        created_by=thread.user_ids[0],
        created_at=now,
        participant_ids=thread.user_ids,
    )


def _token(user_id: str) -> str:
    now = int(time.time())
    claims = {"token_type": "access", "user_id": user_id, "iat": now, "exp": now + TOKEN_LIFE_S, "jti": user_id}
    return jwt.encode(claims, SECRET, algorithm="HS256")
