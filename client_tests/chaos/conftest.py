"""The table of all runs, at the end."""

import pytest

from client_tests.chaos.check import Verdict
from client_tests.chaos.run import table

VERDICTS = pytest.StashKey[list[Verdict]]()


def pytest_configure(config: pytest.Config) -> None:
    """Have a place for what runs show."""
    config.stash[VERDICTS] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what they showed."""
    if config.stash[VERDICTS]:
        terminalreporter.section("chaos")
        terminalreporter.write_line(table(config.stash[VERDICTS]))


@pytest.fixture
def verdicts(pytestconfig: pytest.Config) -> list[Verdict]:
    """Where a run's verdict goes, to be printed at the end."""
    return pytestconfig.stash[VERDICTS]
