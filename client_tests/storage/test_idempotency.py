"""Kept answers: claimed once, kept for a day, given back when the request was refused."""

import asyncio

from server.storage.database import Database
from server.storage.idempotency import CLAIMED_MS, KEPT_MS

Claim = tuple[bool, str | None]


async def claim(database: Database, key: str = "k", *, actor: str = "a", path: str = "/p", now: int = 1_000) -> Claim:
    """Claim a key."""
    return await database.write(lambda work: work.idempotency.claim(actor, path, key, now))


async def keep(database: Database, answer: str) -> None:
    """Keep an answer under the usual key."""
    await database.write(lambda work: work.idempotency.keep("a", "/p", "k", answer))


async def test_claim_twice_is_under_way_until_answered(database: Database) -> None:
    """The first does it; others wait for the answer, then get it."""
    assert await claim(database) == (True, None)
    assert await claim(database) == (False, None)
    await keep(database, "done")
    assert await claim(database) == (False, "done")


async def test_claim_of_another_actor_path_or_key_is_its_own(database: Database) -> None:
    """Nobody gets another's answer."""
    await claim(database)
    await keep(database, "secret")
    assert await claim(database, actor="b") == (True, None)
    assert await claim(database, path="/q") == (True, None)
    assert await claim(database, "l") == (True, None)


async def test_claim_racing_on_two_processes_has_one_winner(pair: tuple[Database, Database]) -> None:
    """However many ask at once, one does it."""
    claims = await asyncio.gather(*(claim(pair[n % 2]) for n in range(20)))
    assert sorted(claims) == [(False, None)] * 19 + [(True, None)]


async def test_release_gives_the_key_back(database: Database) -> None:
    """A refused request may be corrected and tried again; other keys stay."""
    await claim(database)
    await claim(database, "other")
    await database.write(lambda work: work.idempotency.release("a", "/p", "k"))
    assert await claim(database) == (True, None)
    assert await claim(database, "other") == (False, None)


async def test_claim_after_a_day_is_new(database: Database) -> None:
    """An answer is kept for 24 hours, not a moment less."""
    await claim(database)
    await keep(database, "old")
    assert await claim(database, now=1_000 + KEPT_MS) == (False, "old")
    assert await claim(database, now=1_001 + KEPT_MS) == (True, None)


async def test_claim_that_nobody_answers_is_given_up(database: Database) -> None:
    """The process of the first request may have died: after a minute it may be tried again."""
    await claim(database)
    assert await claim(database, now=1_000 + CLAIMED_MS) == (False, None)
    assert await claim(database, now=1_001 + CLAIMED_MS) == (True, None)
