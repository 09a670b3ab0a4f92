"""24 ways in which a provider, a line or a caller fails, against one running gateway; the provider's books judge."""

import pytest

from tests.end_to_end.wall.conftest import RESULTS
from tests.end_to_end.wall.judge import PASS
from tests.end_to_end.wall.rig import playing, rig
from tests.end_to_end.wall.scenarios import SCENARIOS


@pytest.fixture(scope="module")
def wall():
    with rig() as it:
        yield it


@pytest.fixture(scope="module")
def results(wall):
    with playing(wall, SCENARIOS) as coming:
        yield coming


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_scenario(results, scenario, pytestconfig):
    result = results[scenario.name].result()
    pytestconfig.stash[RESULTS].append(result)
    assert (result.failures, result.blemishes) == ([], [])
    assert result.verdict == PASS
    assert result.rows


def test_nothing_was_sent_that_no_gateway_may_send(results, wall):
    for result in results.values():
        result.result()
    assert wall.wall.wrong == []
    assert wall.elsewhere.log == []
    assert wall.gateway.process.poll() is None


def test_there_are_24():
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS) == 24
