"""A check that cannot fail proves nothing: servers that break a promise on purpose are found out."""

import pytest

from client_tests.chaos.faults import FAULTS
from client_tests.chaos.flaws import FLAWS
from client_tests.chaos.run import run, table
from client_tests.services import PostgresServer

pytestmark = pytest.mark.timeout(180)

FOUND = {
    "ack_before_commit": ("kill9_sqlite", "lost"),
    "no_dedup": ("retry_races", "doubled"),
    "drop_every_100th": ("calm", "gaps"),
    "backwards": ("calm", "disordered"),
    "sync_forgets": ("retry_races", "lost"),
}
"""By which run a flaw is found, and a word of what that says."""


@pytest.mark.parametrize("flaw", FLAWS)
async def test_flaw_is_found(flaw: str, postgres: PostgresServer) -> None:
    """The run fails, and says what is broken."""
    fault, word = FOUND[flaw]
    verdict = await run(FAULTS[fault], postgres, quick=True, flaw=flaw)
    assert any(word in problem for problem in verdict.problems), table([verdict])
