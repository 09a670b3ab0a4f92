"""What lives as long as the process goes on when the configs change under it."""

from gateway.app import Gateway
from gateway.config.snapshot import Snapshot
from gateway.config.spec import ConfigSpec, TargetSpec
from gateway.config.watch import NoConfigs
from gateway.settings import Settings


def test_configs_that_cannot_be_compiled_leave_those_before_them_serving(caplog):
    live = NoConfigs()
    gateway = Gateway(Settings(), live)
    before = gateway.chooser()
    nowhere = TargetSpec(path="config", provider="openai-compatible")  # no reading lets it through: it has no address
    live.snapshot = Snapshot(configs={"broken": ConfigSpec(root=nowhere, id="broken")})
    assert gateway.chooser() is before
    assert gateway.chooser() is before
    assert [record.message for record in caplog.records] == [
        "the changed configs cannot be compiled; those before them go on serving"
    ]
    live.snapshot = Snapshot()
    assert gateway.chooser() is not before
