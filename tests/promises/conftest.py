import pytest

from tests.end_to_end.wall.faults import FAULTS, REFUSALS
from tests.end_to_end.wall.rig import rig
from tests.promises.faults import MORE_FAULTS, MORE_REFUSALS
from tests.promises.figures import Figures

TOLD = pytest.StashKey()


def pytest_configure(config):
    config.stash[TOLD] = []


def pytest_terminal_summary(terminalreporter, config):
    """Print what was measured."""
    told = config.stash[TOLD]
    if told:
        terminalreporter.section("promises")
        for figure in told:
            terminalreporter.write_line(str(figure))


@pytest.fixture
def figures(request):
    """Collect the figures of a test; its module's name says of which promise: `test_r05_money`."""
    found = Figures(f"R{int(request.module.__name__.rpartition('test_r')[2][:2])}")
    yield found
    request.config.stash[TOLD].extend(found.told)


@pytest.fixture(scope="session")
def stage():
    """Serve the wall with more faults than the scenarios have."""
    with pytest.MonkeyPatch.context() as patch:
        for name, fault in MORE_FAULTS.items():
            patch.setitem(FAULTS, name, fault)
        for name, refusal in MORE_REFUSALS.items():
            patch.setitem(REFUSALS, name, refusal)
        with rig() as it:
            yield it
