"""Feedback, on both databases."""

import pytest
import sqlalchemy as sa

from gateway.store import feedback
from gateway.store.kept import Missing
from gateway.store.tables import feedback as table

ONE = {"trace_id": "t", "value": 5, "weight": 0.25, "metadata": {"why": ["é", 1]}}


async def rows(store):
    async with store.read() as connection:
        return {row["id"]: row for row in (await connection.execute(sa.select(table))).mappings()}


async def test_feedback_is_kept_and_changed(store):
    ids = await feedback.add(store, "red", [ONE, ONE | {"value": -1}])
    found = await rows(store)
    assert [{name: found[id_][name] for name in ONE} for id_ in ids] == [ONE, ONE | {"value": -1}]
    await feedback.change(store, "red", ids[0], {"value": 0, "metadata": {}})
    await feedback.change(store, None, ids[1], {"weight": 1})
    found = await rows(store)
    assert (found[ids[0]]["value"], found[ids[0]]["metadata"], found[ids[1]]["weight"]) == (0, {}, 1.0)


async def test_anothers_feedback_is_missing(store):
    [id_] = await feedback.add(store, "red", [ONE])
    for workspace, name in (("blue", id_), ("red", "nothing"), ("red", "a\0b"), (None, "x" * 300)):
        with pytest.raises(Missing):
            await feedback.change(store, workspace, name, {"value": 0})
    assert (await rows(store))[id_]["value"] == 5
