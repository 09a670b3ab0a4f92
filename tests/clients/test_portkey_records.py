"""Portkey's SDK for Python, sync and async, with the log, its exports and the charts of a server on a port."""

import asyncio
import csv
import datetime as dt
import io
import json

import portkey_ai
import pytest
import requests as http
from portkey_ai.api_resources.exceptions import BadRequestError, NotFoundError
from starlette.applications import Starlette

from gateway.http.control.analytics import analytics_routes
from gateway.http.control.logs import log_routes
from gateway.http.control.operator import OPERATOR
from gateway.server import serve
from gateway.store.database import database, sqlite_url
from gateway.store.migrations import migrate
from tests.gateway.control.recorded import ADMIN, BLUE, RED, RecordPlane
from tests.own_thread import OwnThread

OPERATORS = {"test-admin-key-not-real": ADMIN, "test-red-key-not-real": RED, "test-blue-key-not-real": BLUE}
REQUEST = {
    "url": "https://api.example/v1/images/generations",
    "provider": "openai",
    "method": "POST",
    "headers": {"authorization": "Bearer not-real"},
    "body": {"model": "gpt-image-1", "prompt": "an otter"},
}
RESPONSE = {"status": 200, "response_time": 1500, "cost_usd": 0.04, "body": {"data": [{"b64_json": "QUJD" * 5000}]}}


class Records(OwnThread):
    """The routes on a port, behind a stand-in for the door."""

    def __init__(self, file):
        self._file = file

    async def _serve(self, ready, stop):
        opened = database(sqlite_url(self._file))
        await migrate(opened)
        plane = RecordPlane(opened)
        app = Starlette(routes=[*log_routes(plane), *analytics_routes(plane)])

        async def door(scope, receive, send):
            if scope["type"] == "http":
                headers = dict(scope["headers"])
                scope[OPERATOR] = OPERATORS.get(headers.get(b"x-portkey-api-key", b"").decode())
            await app(scope, receive, send)

        def bound(port):
            self.port = port
            ready.set()

        await serve(door, host="127.0.0.1", port=0, stop=stop, on_bound=bound)
        await opened.close()


@pytest.fixture
def server(tmp_path):
    with Records(tmp_path / "records.db") as running:
        yield running


@pytest.fixture
def red(server, closing):
    return client(server, closing, "test-red-key-not-real")


@pytest.fixture
def blue(server, closing):
    return client(server, closing, "test-blue-key-not-real")


def client(server, closing, key):
    made = portkey_ai.Portkey(base_url=server.url, api_key=key, max_retries=0)
    closing(made.openai_client)
    return closing(made)


def span():
    now = dt.datetime.now(dt.UTC)
    hour = dt.timedelta(hours=1)
    return {
        "time_of_generation_min": (now - hour).isoformat(),
        "time_of_generation_max": (now + hour).isoformat(),
    }


def graphs(analytics):
    return [
        name for name in dir(analytics.graphs) if not name.startswith("_") and callable(getattr(analytics.graphs, name))
    ]


def test_a_record_of_their_own_is_in_the_log_and_in_the_charts(red, server):
    for status in (200, 503):
        told = red.logs.create(request=REQUEST, response={**RESPONSE, "status": status}, metadata={"_user": "ada"})
        assert told.json()["status"] == "success"
    listed = http.get(f"{server.url}/logs", headers={"x-portkey-api-key": "test-red-key-not-real"}, timeout=10).json()
    assert listed["total"] == 2
    assert {each["user"] for each in listed["data"]} == {"ada"}

    total = sum(point["requests"] for point in red.analytics.graphs.requests(**span()).data)
    assert total == 2
    assert sum(point["cost_usd"] for point in red.analytics.graphs.cost(**span()).data) == 0.08
    assert max(point["p99"] for point in red.analytics.graphs.latency(**span()).data) == pytest.approx(1500, rel=0.02)
    models = red.analytics.groups.ai_models(**span())
    assert (models.total, models.data[0]["ai_model"], models.data[0]["requests"]) == (1, "gpt-image-1", 2)
    teams = red.analytics.groups.metadata(metadata_key="_user", **span())
    assert teams.data[0]["metadata_value"] == "ada"


def test_every_chart_group_and_summary_that_the_client_knows_is_answered(red):
    red.logs.create(request=REQUEST, response=RESPONSE)
    names = graphs(red.analytics)
    assert len(names) == 17
    for name in names:
        chart = getattr(red.analytics.graphs, name)(
            **span(), ai_org_model="openai__gpt-image-1", status_code="200,503", cost_min=0, total_units_min=0
        )
        assert chart.object == "analytics-graph"
        assert all("timestamp" in point for point in chart.data)
    for name in ("users", "ai_models", "workspaces"):
        group = getattr(red.analytics.groups, name)(
            **span(), include_total=True, current_page=0, page_size=5, order_by="cost", order_by_type="asc"
        )
        assert (group.object, group.total) == ("analytics-group", 1)
    for by in ("ai_service", "model", "status_code", "api_key", "config", "workspace", "provider"):
        assert red.analytics.groups.group_by(group_by=by, columns="cost,requests", **span()).data[0]["requests"] == 1
    summary = red.analytics.summary.cache(**span())
    assert (summary.object, summary.data["cache_hits"]) == ("analytics-summary", 0)


def test_what_is_not_here_says_so(red):
    with pytest.raises(BadRequestError, match="no stored prompts"):
        red.analytics.graphs.cost(**span(), prompt_slug="a")
    with pytest.raises(NotFoundError, match="not grouped by `prompt`"):
        red.analytics.groups.group_by(group_by="prompt", **span())
    now = span()["time_of_generation_min"]
    with pytest.raises(BadRequestError, match="has to be before"):
        red.analytics.graphs.cost(time_of_generation_min=now, time_of_generation_max=now)


def test_an_export_from_its_draft_to_its_file(red, blue):
    red.logs.create(request=REQUEST, response=RESPONSE, metadata={"team": "=ads"})
    blue.logs.create(request=REQUEST, response=RESPONSE)
    exports = red.logs.exports
    made = exports.create(
        filters={"time_of_generation_min": "2023-01-01T00:00:00Z", "metadata": {"team": "=ads"}},
        description="all of it",
        requested_data=["id", "trace_id", "created_at", "request", "response", "ai_model", "cost"],
        workspace_id="red",
    )
    assert (made.object, made.total) == ("export", 1)
    assert exports.list(workspace_id="red").data[0]["id"] == made.id
    updated = exports.update(export_id=made.id, filters={"ai_model": "gpt-image-1"}, requested_data=["id", "metadata"])
    assert (updated.id, updated.total) == (made.id, 1)
    started = exports.start(export_id=made.id)
    assert started.message
    known = exports.retrieve(export_id=made.id)
    assert (known.status, known.total_records, known.workspace_id) == ("success", 1, "red")
    link = exports.download(export_id=made.id).signed_url
    lines = [json.loads(line) for line in http.get(link, timeout=10).text.splitlines()]
    assert [line["metadata"] for line in lines] == [{"team": "=ads"}]
    assert http.get(link.replace("signature=", "signature=0"), timeout=10).status_code == 403
    with pytest.raises(NotFoundError):
        blue.logs.exports.retrieve(export_id=made.id)
    assert exports.cancel(export_id=made.id).object == "export"
    assert http.get(link, timeout=10).status_code == 404


def test_a_file_of_cells_comes_straight_from_the_log(red, server):
    for _ in range(3):
        red.logs.create(request=REQUEST, response=RESPONSE)
    answer = http.get(
        f"{server.url}/logs/export",
        params={"format": "csv", "requested_data": "ai_org,cost_usd"},
        headers={"x-portkey-api-key": "test-red-key-not-real"},
        timeout=10,
    )
    assert list(csv.reader(io.StringIO(answer.text))) == [["ai_org", "cost_usd"], *[["openai", "0.04"]] * 3]


async def test_the_asynchronous_client_gets_the_same(server):
    red = portkey_ai.AsyncPortkey(base_url=server.url, api_key="test-red-key-not-real", max_retries=0)
    async with red.openai_client, red:
        told = await asyncio.gather(*(red.logs.create(request=REQUEST, response=RESPONSE) for _ in range(5)))
        assert len(told) == 5
        for name in graphs(red.analytics):
            assert (await getattr(red.analytics.graphs, name)(**span())).object == "analytics-graph"
        assert (await red.analytics.groups.users(**span())).data[0]["requests"] == 5
        assert (await red.analytics.groups.group_by(group_by="model", **span())).total == 1
        assert (await red.analytics.summary.cache(**span())).data["cache_lookups"] == 0
        exports = red.logs.exports
        made = await exports.create(filters={})
        await exports.start(export_id=made.id)
        link = (await exports.download(export_id=made.id)).signed_url
        assert len((await asyncio.to_thread(http.get, link, timeout=10)).text.splitlines()) == 5
        assert (await exports.list()).total == 1
        await exports.cancel(export_id=made.id)
        assert (await exports.retrieve(export_id=made.id)).status == "stopped"
