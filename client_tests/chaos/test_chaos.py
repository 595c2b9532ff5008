"""Each fault, with short loads. `make chaos` runs the long ones."""

import os

import pytest

from client_tests.chaos.check import Verdict
from client_tests.chaos.faults import FAULTS
from client_tests.chaos.run import CannotRunError, run, table
from client_tests.services import PostgresServer

pytestmark = pytest.mark.timeout(180)


@pytest.mark.parametrize("name", FAULTS)
async def test_fault_under_load_loses_doubles_and_reorders_nothing(
    name: str, postgres: PostgresServer, verdicts: list[Verdict]
) -> None:
    """What was acknowledged is stored once and in order, everyone holds it, and all is well again in time."""
    try:
        verdict = await run(FAULTS[name], postgres, quick=True)
    except CannotRunError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    verdicts.append(verdict)
    assert not verdict.problems, table([verdict])
