"""`serve` and its settings for telemetry: what cannot be used is said at once, all of the log is JSON."""

import json

import pytest
from click.testing import CliRunner

from gateway.cli import main
from tests.running import serving


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--otel-endpoint", "collector:4318"], "otel_endpoint: expected an address such as http://collector:4318"),
        (["--otel-headers", "nonsense"], "otel_headers: expected name=value pairs"),
        (["--log-format", "xml"], "--log-format: expected text or json, got 'xml'"),
    ],
)
def test_settings_that_cannot_be_used_end_the_command(arguments, said):
    done = CliRunner().invoke(main, ["serve", *arguments])
    assert done.exit_code == 2
    assert said in done.output


def test_every_line_of_the_log_is_json(tmp_path):
    (tmp_path / "good.yaml").write_text("provider: sandbox\n")
    (tmp_path / "bad.yaml").write_text("provider: sndbox\n")
    with serving(tmp_path, "--log-format", "json") as running:
        assert running.stop() == 0
    lines = [json.loads(line) for line in running.lines if line.startswith("{")]
    by_event = {line.get("event"): line for line in lines}
    assert by_event["config_problem"]["file"].endswith("bad.yaml")
    assert by_event["configs_loaded"]["configs"] == ["good"]
    assert not [line for line in running.lines if " ERROR " in line or " INFO " in line]
