"""The dashboard, and the alerts of the documentation, ask for nothing that a running gateway does not tell."""

import asyncio
import json
import re

import pytest
import yaml

from tests.documents import ROOT
from tests.telemetry.asking import RESCUED, open_gateway, sandbox
from tests.telemetry.promql import NotUnderstood, read

DASHBOARD = json.loads((ROOT / "docs" / "grafana" / "beamsplitter.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
PAGE = (ROOT / "docs" / "telemetry.md").read_text()
ALERTS = yaml.safe_load(re.search(r"```yaml\n(groups:\n.*?)```", PAGE, re.DOTALL)[1])
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
EXPRESSIONS = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]
EXPRESSIONS += [(rule["alert"], rule["expr"]) for rule in RULES]
_OF_PROMETHEUS = {"job", "instance"}
"""Labels that it puts to whatever it scrapes."""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Return the labels of each sample that a gateway tells, once there was something of each to tell."""

    async def scraped():
        files = {"good.yaml": "provider: sandbox\ncache: {mode: simple}\n", "bad.yaml": "provider: sndbox\n"}
        async with open_gateway(tmp_path_factory.mktemp("grafana"), files) as asked:
            for config in ("good", RESCUED, sandbox(status=500), *[sandbox(status=429, retry_after=60)] * 2):
                await asked.paint(config)
            for _ in range(25):  # as many answers as it takes to speak of a percentile
                await asked.paint("good", user=str(_))
            left = {"strategy": {"mode": "fallback"}, "targets": [sandbox(status=429, retry_after=60), sandbox()]}
            await asked.paint(left)
            return await asked.metrics()

    found = {}
    for name, labels in asyncio.run(scraped()):
        found.setdefault(name, set()).update(label for label, _ in labels)
    return found


@pytest.mark.parametrize(("title", "expression"), EXPRESSIONS, ids=[title for title, _ in EXPRESSIONS])
def test_what_is_asked_for_is_told(title, expression, told):
    asked = read(expression.replace("$__rate_interval", "5m").replace("$__range", "6h"))
    assert asked.selectors
    everywhere = set()
    for selected in asked.selectors:
        assert selected.name in told, f"no metric is called {selected.name}"
        has = told[selected.name] | _OF_PROMETHEUS
        assert selected.labels - has == set(), f"{selected.name} has no such label"
        is_counted = selected.name.endswith(("_total", "_bucket", "_count", "_sum"))
        assert selected.ranged == is_counted, "a counter is asked for its rate, a gauge for its value"
        everywhere |= has
    assert asked.grouped - everywhere == set()


def test_what_a_legend_names_is_what_is_summed_by():
    for panel in PANELS:
        for target in panel["targets"]:
            named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert named <= read(target["expr"]).grouped, panel["title"]


def test_variables_are_filled_from_metrics_that_there_are(told):
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]).groups()
            assert label in told[metric] | _OF_PROMETHEUS
    text = json.dumps(DASHBOARD)
    known = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    assert set(re.findall(r"\$\{?(?!__)([a-z]+)", text)) <= known


def test_panels_say_what_they_show_and_lie_side_by_side():
    places = set()
    for panel in PANELS:
        assert panel["description"].endswith(".")
        box = panel["gridPos"]
        cells = {(x, y) for x in range(box["x"], box["x"] + box["w"]) for y in range(box["y"], box["y"] + box["h"])}
        assert not cells & places
        assert box["x"] + box["w"] <= 24
        places |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


@pytest.mark.parametrize(
    "wrong", ["sum(", "rate(a[5m]", "a b", "a{b}", "a{b=c}", "nonsense(a)", "sum by a", "a § b", "a +"]
)
def test_what_is_no_query_is_not_taken_for_one(wrong):
    with pytest.raises(NotUnderstood):
        read(wrong)
