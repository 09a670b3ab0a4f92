import pytest

from tests.end_to_end.wall.page import scorecard

RESULTS = pytest.StashKey()


def pytest_configure(config):
    config.stash[RESULTS] = []


def pytest_terminal_summary(terminalreporter, config):
    """Print the scorecard of the scenarios that were played."""
    results = config.stash[RESULTS]
    if results:
        terminalreporter.section("the wall")
        terminalreporter.write_line(scorecard(results))
