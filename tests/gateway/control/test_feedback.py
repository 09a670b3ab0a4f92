"""Feedback: one piece or many, all of it or none."""

import sqlite3

import pytest

from gateway.http.control.operator import Operator
from tests.gateway.control.stage import BLUE, RED

PATH = "/v1/feedback"
ONE = {"trace_id": "t-1", "value": 5}


def rows(stage):
    connection = sqlite3.connect(stage.file)
    try:
        asked = "SELECT id, workspace, trace_id, value, weight, metadata FROM feedback ORDER BY trace_id"
        return connection.execute(asked).fetchall()
    finally:
        connection.close()


async def test_feedback_is_kept_and_changed(stage):
    answer = await stage.made(PATH, {**ONE, "weight": 0.5, "metadata": {"why": "blurred"}}, by=RED)
    [id_] = answer["feedback_ids"]
    assert answer["status"] == "success"
    assert rows(stage) == [(id_, "red", "t-1", 5, 0.5, '{"why": "blurred"}')]
    changed = await stage.ask("PUT", f"/feedback/{id_}", {"value": -10}, by=RED)
    assert (changed.status, changed.json["feedback_ids"]) == (200, [id_])
    assert rows(stage) == [(id_, "red", "t-1", -10, 0.5, '{"why": "blurred"}')]


async def test_many_are_kept_together(stage):
    answer = await stage.made(PATH, [ONE, {"trace_id": "t-2", "value": -1}])
    assert [(id_, *row) for id_, *row in rows(stage)] == [
        (answer["feedback_ids"][0], "default", "t-1", 5, 1.0, "{}"),
        (answer["feedback_ids"][1], "default", "t-2", -1, 1.0, "{}"),
    ]
    refused = await stage.ask("POST", PATH, [ONE, {"trace_id": "t-3", "value": 11}, {"value": 0}])
    assert (refused.status, refused.error["param"]) == (400, "$[1].value")
    assert "$[2].trace_id" in refused.error["message"]
    assert len(rows(stage)) == 2


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"value": 5}, "$.trace_id"),
        ({"trace_id": "", "value": 5}, "$.trace_id"),
        ({"trace_id": "x" * 257, "value": 5}, "$.trace_id"),
        ({"trace_id": "t"}, "$.value"),
        ({"trace_id": "t", "value": 1.5}, "$.value"),
        ({"trace_id": "t", "value": True}, "$.value"),
        ({"trace_id": "t", "value": None}, "$.value"),
        ({"trace_id": "t", "value": "5"}, "$.value"),
        ({"trace_id": "t", "value": -11}, "$.value"),
        ({**ONE, "weight": 1.1}, "$.weight"),
        ({**ONE, "weight": False}, "$.weight"),
        ({**ONE, "metadata": []}, "$.metadata"),
        ({**ONE, "metadata": {"x": "y" * 17_000}}, "$.metadata"),
        ({**ONE, "workspace": "x"}, "$.workspace"),
        ([], "$"),
        ([ONE] * 1001, "$"),
        ([[]], None),
        ("text", None),
    ],
)
async def test_bad_feedback_is_refused(stage, body, param):
    refused = await stage.ask("POST", PATH, body)
    assert (refused.status, refused.error["param"]) == (400, param), refused.text
    assert rows(stage) == []


async def test_whoever_may_have_pictures_made_may_say_what_they_think(stage):
    for scopes, status in (({"completions.write"}, 200), ({"feedback.write"}, 200), ({"logs.view"}, 403)):
        by = Operator("k", "red", frozenset(scopes))
        answer = await stage.ask("POST", PATH, ONE, by=by)
        assert answer.status == status
        assert (await stage.ask("PUT", f"{PATH}/x", {"value": 1}, by=by)).status == (404 if status == 200 else 403)


async def test_feedback_is_changed_in_its_workspace_alone(stage):
    [id_] = (await stage.made(PATH, ONE, by=RED))["feedback_ids"]
    foreign = await stage.ask("PUT", f"{PATH}/{id_}", {"value": 1}, by=BLUE)
    missing = await stage.ask("PUT", f"{PATH}/no-such-id", {"value": 1}, by=BLUE)
    assert (foreign.status, foreign.text) == (404, missing.text)
    assert (await stage.ask("PUT", f"{PATH}/{id_}", {}, by=RED)).status == 400
    assert (await stage.ask("PUT", f"{PATH}/{id_}", {"value": 1}, query={"workspace_id": "red"})).status == 200
