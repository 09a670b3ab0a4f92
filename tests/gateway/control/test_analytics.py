"""Charts, groups and summaries as they are asked for over HTTP."""

import json

import pytest
import sqlalchemy as sa

from gateway.http.control.analytics import GROUPS
from gateway.http.control.charts import CHARTS
from gateway.http.control.operator import Operator
from gateway.store import records
from gateway.store.tables import feedback
from tests.gateway.control.recorded import ADMIN, BLUE, RED, Recorded, RecordPlane
from tests.gateway.store.made import row

DAY = 86_400_000
START = 1_790_000_000_000 // DAY * DAY
SPAN = {"time_of_generation_min": str(START // 1000), "time_of_generation_max": str((START + DAY) // 1000)}
DISTRIBUTIONS = {"errors/status-codes", "feedbacks/scores", "feedbacks/ai-models"}
PATHS = [
    *(f"/v1/analytics/graphs/{name}" for name in CHARTS),
    *(f"/v1/analytics/groups/{name}" for name in GROUPS),
    *("/v1/analytics/groups/metadata/team", "/v1/analytics/summary", "/v1/analytics/summary/cache"),
]


@pytest.fixture
async def charts(stage):
    return Recorded(RecordPlane(stage.database))


async def put(charts, *rows, opinions=()):
    await records.insert(charts.plane.database, rows)
    if opinions:
        async with charts.plane.database.write() as connection:
            await connection.execute(sa.insert(feedback), list(opinions))


async def data(charts, path, by=ADMIN, **query):
    answer = await charts.ask("GET", f"/v1/analytics/{path}", query={**SPAN, **query}, by=by)
    assert answer.status == 200, answer.content
    return answer.json["data"]


def opinion(id_, trace, workspace="default", value=1, weight=1.0):
    return {
        "id": id_,
        "workspace": workspace,
        "trace_id": trace,
        "value": value,
        "weight": weight,
        "metadata": {},
        "created_ms": START + 1,
        "updated_ms": START + 1,
    }


ROWS = [
    row(created_ms=START, ms=10, user="ada", trace_id="t-1"),
    row(created_ms=START + 1, ms=20, user="ada", cache="HIT", cost_micros=0, saved_micros=40_000),
    row(created_ms=START + 2, ms=30, user="bob", rescued=1, cost_micros=70_000, cache="MISS", metadata={"team": "art"}),
    row(created_ms=START + 3, ms=40, user=None, status=503, images=0, cost_micros=None, maybe_billed=2),
]
BUSY = {
    "requests": {"requests": 4},
    "cost": {"cost": 11.0, "cost_usd": 0.11, "images": 3, "requests": 4},
    "latency": {"requests": 4, "avg": 25.0, "p50": 20, "p90": 40, "p95": 40, "p99": 40},
    "tokens": {"units": 3},
    "users": {"users": 2},
    "users/requests": {"requests": 4, "users": 2, "requests_per_user": 1.5},
    "errors": {"errors": 1},
    "errors/rate": {"rate": 25.0, "errors": 1, "requests": 4},
    "errors/stacks": {"stacks": [{"status_code": 503, "count": 1}]},
    "requests/rescued": {"rescued": 1, "saved": 7.0, "saved_usd": 0.07, "requests": 4},
    "cache/hit-rate": {"rate": 50.0, "hits": 1, "lookups": 2, "saved": 4.0, "saved_usd": 0.04},
    "cache/latency": {"hits": 1, "avg": 20.0, "p50": 20, "p90": 20, "p95": 20, "p99": 20},
    "feedbacks": {"feedbacks": 2},
    "feedbacks/weighted": {"weighted_feedback": 3.0, "feedbacks": 2},
}
OPINIONS = [opinion("f-1", "t-1", value=5), opinion("f-2", "t-1", value=-1, weight=0.5)]


@pytest.mark.parametrize("name", BUSY)
async def test_each_chart_has_a_point_for_every_stretch_with_zeros_where_nothing_was(charts, name):
    await put(charts, *ROWS, opinions=OPINIONS)
    points = await data(charts, f"graphs/{name}")
    assert [point.pop("timestamp") for point in points[:2]] == ["2026-09-21T00:00:00.000Z", "2026-09-21T00:10:00.000Z"]
    assert len(points) == 144
    assert points[0] == BUSY[name]
    empty = {key: [] if isinstance(value, list) else 0 for key, value in BUSY[name].items()}
    assert points[1] == empty


def test_no_chart_is_left_out_here():
    assert set(BUSY) | DISTRIBUTIONS == set(CHARTS)


async def test_distributions_are_of_the_whole_time(charts):
    await put(charts, *ROWS, row(created_ms=START + 5, status=429), opinions=OPINIONS)
    at = {"timestamp": "2026-09-21T00:00:00.000Z"}
    assert await data(charts, "graphs/errors/status-codes") == [
        {**at, "status_code": 429, "count": 1},
        {**at, "status_code": 503, "count": 1},
    ]
    assert await data(charts, "graphs/feedbacks/scores") == [
        {**at, "score": -1, "feedbacks": 1},
        {**at, "score": 5, "feedbacks": 1},
    ]
    assert await data(charts, "graphs/feedbacks/ai-models") == [
        {**at, "ai_model": "gpt-image-1", "ai_org": "openai", "feedbacks": 2, "weighted_feedback": 3.0}
    ]


async def test_the_summary_is_one_object(charts):
    await put(charts, *ROWS)
    assert await data(charts, "summary") == {
        "requests": 4,
        "errors": 1,
        "error_rate": 25.0,
        "cost": 11.0,
        "cost_usd": 0.11,
        "images": 3,
        "users": 2,
        "avg": 25.0,
        "p50": 20,
        "p90": 40,
        "p95": 40,
        "p99": 40,
        "rescued": 1,
        "saved": 7.0,
        "saved_usd": 0.07,
        "maybe_billed": 2,
        "cache_hits": 1,
        "cache_hit_rate": 50.0,
        "cache_saved": 4.0,
        "cache_saved_usd": 0.04,
    }
    assert await data(charts, "summary/cache") == {
        "cache_hits": 1,
        "cache_lookups": 2,
        "cache_hit_rate": 50.0,
        "avg_latency_hit": 20.0,
        "avg_latency_miss": 30.0,
        "saved": 4.0,
        "saved_usd": 0.04,
    }


@pytest.mark.parametrize("path", PATHS)
async def test_where_nothing_was_everything_is_zero(charts, path):
    answer = await charts.ask("GET", path, query=SPAN)
    assert answer.status == 200
    told = answer.json["data"]
    figures = [told] if isinstance(told, dict) else told
    for each in figures:
        assert not any(value for name, value in each.items() if name != "timestamp")


@pytest.mark.parametrize("path", [*GROUPS, "metadata/team"])
async def test_each_group_adds_up_to_all_of_it(charts, path):
    await put(charts, *ROWS)
    answer = (await charts.ask("GET", f"/analytics/groups/{path}", query=SPAN)).json
    assert answer["object"] == "analytics-group"
    assert answer["total"] == len(answer["data"])
    whole = {"requests": 4, "errors": 1, "cost": 11.0, "rescued": 1, "saved": 7.0, "cache_hits": 1}
    for name, figure in whole.items():
        assert sum(each[name] for each in answer["data"]) == figure


async def test_groups_have_names_columns_and_an_order(charts):
    await put(charts, *ROWS)
    users = await data(charts, "groups/users", columns="cost_usd,requests", order_by="cost", order_by_type="desc")
    assert users == [
        {"user": "bob", "cost_usd": 0.07, "requests": 1},
        {"user": "ada", "cost_usd": 0.04, "requests": 2},
        {"user": None, "cost_usd": 0.0, "requests": 1},
    ]
    second = await charts.ask("GET", "/analytics/groups/users", query={**SPAN, "page_size": 1, "current_page": 1})
    assert (second.json["total"], len(second.json["data"])) == (3, 1)
    teams = {each["metadata_value"]: each["requests"] for each in await data(charts, "groups/metadata/team")}
    assert teams == {"ads": 3, "art": 1}
    first = (await data(charts, "groups/ai-models"))[0]
    assert (first["ai_model"], first["avg_latency"], first["error_rate"]) == ("gpt-image-1", 25.0, 25.0)
    assert first["last_seen"] == "2026-09-21T00:00:00.003Z"


@pytest.mark.parametrize("path", PATHS)
async def test_all_filters_of_the_log_apply(charts, path):
    await put(charts, *ROWS, opinions=OPINIONS)
    nothing = await charts.ask("GET", path, query={**SPAN, "ai_org_model": "openai__none"})
    empty = await charts.ask("GET", path, query={**SPAN, "workspace_slug": "none"})
    assert nothing.status == 200
    assert nothing.content == empty.content


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"time_of_generation_min": ""}, "it is needed"),
        ({"time_of_generation_max": ""}, "it is needed"),
        ({"time_of_generation_max": SPAN["time_of_generation_min"]}, "has to be before"),
        ({"time_of_generation_min": "2020-01-01"}, "400 days"),
        ({"group_by": "x"}, "Unknown parameter"),
        ({"virtual_key": "x"}, "did you mean `virtual_keys`"),
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["graphs/cost", "graphs/feedbacks/scores", "groups/users", "summary", "summary/cache"])
async def test_times_are_needed_and_slips_are_told(charts, path, query, words):
    answer = await charts.ask("GET", f"/v1/analytics/{path}", query={**SPAN, **query})
    assert answer.status == 400
    assert words in answer.error["message"]
    assert answer.error["param"].startswith(("time_of", "group_by", "virtual_key"))


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("groups/prompt", {}, 404),
        ("groups/usrs", {}, 404),
        ('groups/metadata/a"b', {}, 400),
        ("groups/users", {"order_by": "name; drop"}, 400),
        ("groups/users", {"order_by_type": "up"}, 400),
        ("groups/users", {"columns": "requests,secrets"}, 400),
        ("groups/users", {"page_size": "100000"}, 400),
        ("graphs/nothing", {}, 404),
    ],
    ids=str,
)
async def test_groups_that_there_are_not_are_refused(charts, path, query, status):
    await put(charts, *ROWS)
    answer = await charts.ask("GET", f"/v1/analytics/{path}", query={**SPAN, **query})
    assert answer.status == status


async def test_the_longest_time_and_the_shortest_are_both_drawn(charts):
    await put(charts, *ROWS)
    ends = {"time_of_generation_max": str((START + 400 * DAY) // 1000)}
    long = await data(charts, "graphs/requests", **ends)
    assert len(long) <= 201
    assert long[0]["requests"] == 4
    short = await data(charts, "graphs/requests", time_of_generation_max=str(START + 2))
    assert [point["requests"] for point in short] == [2]


async def test_the_scope_is_needed(charts):
    for path in PATHS:
        answer = await charts.ask("GET", path, query=SPAN, by=Operator("key", "red", frozenset({"logs.view"})))
        assert (answer.status, answer.error["code"]) == (403, "not_allowed")
        assert "analytics.view" in answer.error["message"]


@pytest.mark.parametrize("path", PATHS)
async def test_two_workspaces_never_see_each_others_figures(charts, path):
    """What a workspace is told does not change by a byte with whatever another one does."""
    own = [row(workspace="red", created_ms=START + 10, user="red-user", trace_id="t-red", status=500, cache="HIT")]
    await put(charts, *own, opinions=[opinion("f-red", "t-red", "red")])
    asks = [
        {**SPAN, **more}
        for more in ({}, {"workspace_slug": "blue"}, {"workspace_id": "blue"}, {"ai_model": "gpt-image-1"})
    ]
    before = [(await charts.ask("GET", path, query=asked, by=RED)).content for asked in asks]
    theirs = {"workspace": "blue", "user": "blue-user", "status": 503, "cache": "HIT", "ms": 99, "rescued": 1}
    await put(
        charts,
        row(created_ms=START + 11, model="blue-model", provider="blue-provider", metadata={"team": "blue"}, **theirs),
        row(created_ms=START + 12, trace_id="t-red", model="blue-model", api_key="blue-key", config="blue", **theirs),
        opinions=[opinion("f-blue", "t-red", "blue", value=-5)],
    )
    after = [(await charts.ask("GET", path, query=asked, by=RED)).content for asked in asks]
    assert after == before
    assert len(set(before)) == 1
    assert b"red" not in (await charts.ask("GET", path, query=SPAN, by=BLUE)).content.replace(b'"rescued"', b"")
    everything = (await charts.ask("GET", path, query=SPAN)).content
    assert everything != before[0]
    assert json.loads(everything)
