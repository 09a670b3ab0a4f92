"""The requests of a simulation: when they come, which they are, and how a log is read."""

import io
import itertools
import json

import pytest

from gateway.http.control.shown import FIELDS, comma_separated, header, ndjson
from gateway.simulate import Unusable, traffic_in
from gateway.simulate.recorded import read_csv, read_ndjson, read_rows
from tests.simulate.acting import SMALL, openai, result_of, traffic_of


def times(traffic, requests, seed=1):
    return [arrival.at for arrival in traffic.arrivals(requests, seed)]


def test_even_arrivals_are_even():
    assert times(traffic_of(4.0), 5) == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_arrivals_by_chance_come_as_often_as_they_are_said_to():
    traffic = traffic_of(4.0, arrivals="poisson")
    found = times(traffic, 2000)
    assert found == sorted(found)
    assert found[-1] == pytest.approx(500, rel=0.07)
    gaps = [later - earlier for earlier, later in itertools.pairwise(found)]
    assert sum(gap > 0.25 for gap in gaps) / len(gaps) == pytest.approx(1 / 2.718, abs=0.04)
    assert times(traffic, 2000) == found != times(traffic, 2000, seed=2)


def test_the_shape_of_a_day():
    traffic = traffic_of([{"from_s": 10, "rate": 1}, {"from_s": 20, "rate": 0}, {"from_s": 30, "rate": 2}])
    found = times(traffic, 16)
    assert found[:11] == [10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]
    assert found[11:] == [30.5, 31.0, 31.5, 32.0, 32.5]
    assert traffic.lasts(16) == 33.0
    assert traffic.at_once(5, 16) == 10


def test_a_mix_is_drawn_by_its_shares_and_each_request_is_numbered():
    mix = [
        {"share": 3, "request": {"prompt": "an otter"}},
        {"share": 0, "request": {"prompt": "nobody"}},
        {"share": 1, "request": {"prompt": "a bear", "n": None}, "distinct": 3},
    ]
    prompts = [arrival.request.params["prompt"] for arrival in traffic_of(mix=mix).arrivals(2000, 1)]
    bears = [prompt for prompt in prompts if prompt.startswith("a bear")]
    assert len(set(prompts)) == len(prompts) - len(bears) + 3
    assert len(bears) / 2000 == pytest.approx(1 / 4, abs=0.03)
    assert not any(prompt.startswith("nobody") for prompt in prompts)
    assert set(bears) == {"a bear (1)", "a bear (2)", "a bear (3)"}


ROW = dict.fromkeys(FIELDS, None) | {
    "id": "r1",
    "created_ms": 1_772_366_400_000,
    "workspace": "default",
    "operation": "generate",
    "asked_model": "gpt-image-1",
    "status": 200,
    "ms": 8000,
    "upstream_ms": 7900,
    "queued_ms": 0,
    "images": 1,
    "rescued": 0,
    "cache": "DISABLED",
    "size": "1024x1024",
    "prompt": "-an otter",
    "provider": "openai",
    "model": "gpt-image-1",
    "api_key": None,
    "cost_micros": 11_000,
    "saved_micros": None,
    "metadata": {"plan": "pro"},
    "more": {},
}
ROWS = [
    ROW,
    {**ROW, "id": "r3", "created_ms": ROW["created_ms"] + 5500, "images": 3, "prompt": None},
    {**ROW, "id": "r2", "created_ms": ROW["created_ms"] + 2000, "operation": "edit", "metadata": {}},
]
EXPORTS = {
    "as lines of JSON": lambda: read_ndjson(io.BytesIO(ndjson(ROWS, list(FIELDS))), "log.ndjson"),
    "as cells": lambda: read_csv(io.BytesIO(header(list(FIELDS)) + comma_separated(ROWS, list(FIELDS))), "log.csv"),
    "as a list": lambda: read_rows([json.loads(line) for line in ndjson(ROWS, list(FIELDS)).splitlines()], "traffic"),
}


@pytest.mark.parametrize("export", EXPORTS.values(), ids=EXPORTS)
def test_a_log_that_the_gateway_exported_is_made_again(export):
    traffic = export()
    first, second, third = traffic.arrivals(3, seed=1)
    assert [arrival.at for arrival in (first, second, third)] == [0.0, 2.0, 5.5]
    assert traffic.began == 1_772_366_400.0
    assert first.request.params == {"prompt": "-an otter", "model": "gpt-image-1", "size": "1024x1024"}
    assert (first.request.metadata, second.request.metadata) == ({"plan": "pro"}, {})
    assert (first.request.operation, second.request.operation) == ("generate", "edit")
    assert third.request.params["n"] == 3
    assert third.request.params["prompt"] == "request 2"
    assert (traffic.most, traffic.at_once(2.0, 3), traffic.lasts(2)) == (3, 2, 2.0)
    assert result_of(openai("a", fan_out=True), traffic, requests=3)["success_rate"] == 1.0


def test_more_than_a_log_holds_cannot_be_had():
    traffic = EXPORTS["as a list"]()
    with pytest.raises(Unusable, match="the log holds 3 requests, not 4"):
        result_of(openai("a"), traffic, requests=4)


def test_a_file_is_read_by_what_its_name_ends_in(tmp_path):
    for name, content in {
        "t.yaml": b"rate: 2\nmix: [{request: {prompt: otter}}]",
        "t.json": json.dumps({"rate": 2, "mix": [{"request": SMALL}]}).encode(),
        "t.ndjson": ndjson(ROWS, list(FIELDS)),
        "t.CSV": header(list(FIELDS)) + comma_separated(ROWS, list(FIELDS)),
    }.items():
        path = tmp_path / name
        path.write_bytes(content)
        assert len(times(traffic_in(path), 3)) == 3
