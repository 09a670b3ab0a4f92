"""What lives as long as the process goes on when the configs change under it."""

import asyncio
import gc
import json

import pytest

from gateway.app import build
from gateway.config.snapshot import Snapshot
from gateway.config.spec import ConfigSpec, TargetSpec
from gateway.config.watch import NoConfigs
from gateway.running import Gateway
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


ASKED = {"model": "gpt-image-1", "prompt": "an otter", "size": "1024x1024"}
RESCUED = {
    "strategy": {"mode": "fallback"},
    "targets": [
        {"provider": "sandbox", "override_params": {"sandbox": {"status": 503}}, "retry": {"attempts": 0}},
        {"provider": "sandbox"},
    ],
}


@pytest.mark.parametrize(
    ("config", "asked", "status"),
    [
        ({"provider": "sandbox"}, ASKED, 200),
        (RESCUED, ASKED, 200),
        ({"provider": "sandbox"}, {**ASKED, "size": "7x7x7"}, 400),
        ({"provider": "sandbox"}, {**ASKED, "sandbox": {"status": 500}}, 500),
    ],
    ids=["painted", "painted by the second", "refused", "failed"],
)
async def test_no_request_leaves_a_circle_for_the_collector_whose_pauses_are_everybodys(config, asked, status):
    app, _ = build(Settings(), NoConfigs())
    body, answers = json.dumps({**asked, "size": asked["size"].replace("1024", "64")}).encode(), []
    headers = {
        "host": "here",
        "content-type": "application/json",
        "content-length": str(len(body)),
        "x-portkey-config": json.dumps(config),
    }

    async def send(message):
        answers.append(message)

    async def ask():
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive():
            return messages.pop() if messages else await asyncio.Future()  # the client stays

        path = "/v1/images/generations"
        scope = {"type": "http", "http_version": "1.1", "method": "POST", "path": path, "raw_path": path.encode()}
        lines = [(name.encode(), value.encode()) for name, value in headers.items()]
        await app({**scope, "query_string": b"", "headers": lines, "scheme": "http"}, receive, send)

    for _ in range(5):
        await ask()
    assert [each["status"] for each in answers if "status" in each] == [status] * 5
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            await ask()
        assert gc.collect() < 20, "what is left is not of each request"
    finally:
        gc.enable()
