"""Revocations: known at once where they were made, and to other processes by their next poll."""

from collections.abc import AsyncIterator

import pytest

from client_tests.unit.doubles import SERVICE, Clock
from server.domain.commands import RevokeTokens
from server.domain.errors import RevokedError
from server.services.auth import Claims
from server.services.revocations import RevocationService
from server.storage.database import Database
from server.storage.engine import open_database

CLOCK = Clock()
NOW = CLOCK.now


def claims(*, user_id: str = "1", issued_at: int | None = NOW, jti: str | None = "j") -> Claims:
    """Return what a token says."""
    return Claims(user_id, NOW + 60_000, issued_at, jti, None)


def is_revoked(service: RevocationService, token: Claims) -> bool:
    """Tell whether a token is refused."""
    try:
        service.check(token)
    except RevokedError:
        return True
    return False


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    """An SQLite database."""
    opened = open_database(sqlite_url, sqlite_synchronous="OFF")
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> Clock:
    """A clock that stands."""
    return Clock()


@pytest.fixture
def service(database: Database, clock: Clock) -> RevocationService:
    """The service of one process."""
    return RevocationService(database, clock)


async def test_revoke_of_a_token_ends_that_token_alone(service: RevocationService) -> None:
    """Other tokens of the same user, and tokens without an id, go on."""
    await service.revoke(SERVICE, RevokeTokens(jti="j"))
    assert is_revoked(service, claims())
    assert is_revoked(service, claims(user_id="2"))
    assert not is_revoked(service, claims(jti="other"))
    assert not is_revoked(service, claims(jti=None))


@pytest.mark.parametrize(
    ("issued_at", "revoked"), [(NOW - 1, True), (NOW, False), (NOW + 1_000, False), (None, True), (0, True)]
)
async def test_revoke_of_a_user_ends_what_was_issued_before(
    service: RevocationService, issued_at: int | None, *, revoked: bool
) -> None:
    """Without `issued_before` the moment is now; a token that does not say when it was issued is an old one."""
    await service.revoke(SERVICE, RevokeTokens(user_id="1"))
    assert is_revoked(service, claims(issued_at=issued_at)) == revoked
    assert not is_revoked(service, claims(user_id="2", issued_at=issued_at))


async def test_revoke_with_an_earlier_moment_takes_nothing_back(service: RevocationService) -> None:
    """The furthest moment counts."""
    for moment in (NOW - 1_000, NOW - 5_000):
        await service.revoke(SERVICE, RevokeTokens(user_id="1", issued_before=moment))
    assert is_revoked(service, claims(issued_at=NOW - 2_000))
    assert not is_revoked(service, claims(issued_at=NOW - 1_000))


async def test_revoke_before_the_epoch_revokes_nothing_later(service: RevocationService) -> None:
    """A moment of 0 is a moment, not a missing one."""
    await service.revoke(SERVICE, RevokeTokens(user_id="1", issued_before=0))
    assert not is_revoked(service, claims(issued_at=NOW - 1))


async def test_poll_learns_what_other_processes_revoked(
    service: RevocationService, database: Database, clock: Clock
) -> None:
    """Whatever was revoked before this process started, and since."""
    other = RevocationService(database, clock)
    await other.revoke(SERVICE, RevokeTokens(jti="before"))
    await service.poll()
    assert is_revoked(service, claims(jti="before"))
    await other.revoke(SERVICE, RevokeTokens(user_id="7"))
    assert not is_revoked(service, claims(user_id="7", issued_at=NOW - 1))
    await service.poll()
    assert is_revoked(service, claims(user_id="7", issued_at=NOW - 1))


@pytest.mark.parametrize("skew_ms", [-50_000, 50_000])
async def test_poll_learns_from_a_process_whose_clock_differs(
    service: RevocationService, database: Database, clock: Clock, skew_ms: int
) -> None:
    """A clock that is a little behind or ahead hides nothing."""
    await service.poll()
    other = RevocationService(database, Clock(clock.now + skew_ms))
    await other.revoke(SERVICE, RevokeTokens(jti="j"))
    clock.now += 2_000
    await service.poll()
    assert is_revoked(service, claims())


async def test_check_of_a_good_token_passes(service: RevocationService) -> None:
    """With nothing revoked, nothing is refused."""
    await service.poll()
    service.check(claims())
    service.check(claims(issued_at=None, jti=None))
