"""Revocations: kept, replaced only by one that reaches further, found again by when they were made."""

from server.storage.database import Database
from server.storage.revocations import Revocation


async def add(database: Database, *revocations: Revocation) -> None:
    """Store revocations one after another."""
    for revocation in revocations:
        await database.write(lambda work, new=revocation: work.revocations.add(new))


async def since(database: Database, created_at: int) -> list[Revocation]:
    """Read what was revoked at or after a time."""
    found = await database.read(lambda work: work.revocations.since(created_at))
    return sorted(found, key=lambda revocation: (revocation.kind, revocation.value))


async def test_since_includes_its_own_moment(database: Database) -> None:
    """What was made at the very moment is found, what was made before is not."""
    one, two = Revocation("jti", "a", None, 10), Revocation("user", "1", 5, 20)
    await add(database, one, two)
    assert await since(database, 10) == [one, two]
    assert await since(database, 11) == [two]
    assert await since(database, 21) == []


async def test_add_for_a_user_again_reaches_as_far_as_the_furthest(database: Database) -> None:
    """A later revocation that reaches less far takes nothing back; one that reaches further is found as new."""
    await add(database, Revocation("user", "1", 50, 10), Revocation("user", "1", 40, 20))
    assert await since(database, 0) == [Revocation("user", "1", 50, 10)]
    await add(database, Revocation("user", "1", 60, 30))
    assert await since(database, 30) == [Revocation("user", "1", 60, 30)]


async def test_add_of_a_token_again_changes_nothing(database: Database) -> None:
    """A revoked token stays revoked, however often that is said."""
    first = Revocation("jti", "a", None, 10)
    await add(database, first, Revocation("jti", "a", None, 20))
    assert await since(database, 0) == [first]


async def test_add_keeps_kinds_apart(database: Database) -> None:
    """A token whose id looks like a user's id revokes nothing of the user."""
    both = [Revocation("jti", "1", None, 10), Revocation("user", "1", 5, 10)]
    await add(database, *both)
    assert await since(database, 0) == both
