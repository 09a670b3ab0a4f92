"""What simulations tell."""

import gc
import math
import tracemalloc

import pytest

from gateway.simulate import Unusable, difference
from gateway.simulate.asked import answered
from gateway.simulate.watch import covered
from tests.simulate.acting import SMALL, balance, fallback, openai, result_of, traffic_of

TWO = fallback(openai("a"), openai("b"))


def test_a_quiet_day():
    result = result_of(TWO, requests=300, a={"latency_ms": 2000})
    assert (result["success_rate"], result["rescued"], result["maybe_billed"]) == (1.0, 0, 0)
    assert (result["p50"], result["p95"], result["p99"]) == (2.0, 2.0, 2.0)
    assert result["seconds"] == pytest.approx(299 / 10 + 2.0)
    assert result["cost_usd"] == pytest.approx(300 * 0.011)
    assert {name: target["share"] for name, target in result["targets"].items()} == {"a": 1.0, "b": 0.0}
    assert result["series"]["p50"] == [2.0] * len(result["series"]["seconds"])
    assert sum(result["series"]["requests"]) == 300
    assert math.fsum(result["series"]["cost_usd"]) == pytest.approx(result["cost_usd"])


def test_an_outage_is_covered_by_the_backup_and_shows_where_it_was():
    result = result_of(
        TWO,
        requests=600,
        a={"latency_ms": 1000, "faults": [{"from_s": 20, "to_s": 40, "status": 503}]},
        b={"latency_ms": 3000},
    )
    a, b = result["targets"]["a"], result["targets"]["b"]
    assert result["success_rate"] == 1.0
    assert a["failures"].keys() == {"provider_error"}
    assert b["rescued"] == result["rescued"] == sum(a["failures"].values())
    assert a["passed_over"]["unreachable"] + result["rescued"] == b["answered"]  # the others never came to a
    assert a["openings"] >= 1
    assert 15 <= a["open_seconds"] <= 40
    series = result["series"]
    at = series["seconds"].index(30.0)
    assert series["shares"]["b"][at] == 1.0
    assert series["open"]["a"][at] == 1.0
    assert (series["shares"]["a"][0], series["open"]["a"][0], series["p50"][0]) == (1.0, 0.0, 1.0)
    assert sum(series["rescued"]) == result["rescued"]


def test_a_rate_limit_is_counted_with_the_time_it_asked_for():
    result = result_of(
        TWO,
        requests=400,
        a={"latency_ms": 1000, "faults": [{"from_s": 10, "to_s": 11, "status": 429, "retry_after_s": 9}]},
    )
    a = result["targets"]["a"]
    assert 9 <= a["throttled_seconds"] <= 11
    assert a["passed_over"].keys() == {"rate_limited"}
    assert result["success_rate"] == 1.0


def test_weights_are_shares():
    result = result_of(balance(openai("a", weight=7), openai("b", weight=3)), requests=1500)
    assert result["targets"]["a"]["share"] == pytest.approx(0.7, abs=0.04)


def test_what_may_have_been_billed_is_money_at_risk():
    result = result_of(
        fallback(openai("a", request_timeout=5000), openai("b")),
        requests=100,
        a={"latency_ms": 1000, "faults": [{"answer": "timeout", "ratio": 0.5}]},
    )
    failed = result["targets"]["a"]["failures"]["timeout"]
    assert result["maybe_billed"] == result["targets"]["a"]["maybe_billed"] == failed > 30
    assert result["at_risk_usd"] == pytest.approx(failed * 0.011, rel=0.01)
    assert result["cost_usd"] == pytest.approx(100 * 0.011)
    assert result["success_rate"] == 1.0


def test_refusals_by_policy_stay_and_are_the_same_for_a_request_that_is_sent_twice():
    one = result_of(TWO, requests=500, a={"latency_ms": 100, "refusal_ratio": 0.2})
    assert one["failures"] == {"policy": 500 - one["successes"]}
    assert one["success_rate"] == pytest.approx(0.8, abs=0.05)


def test_a_fault_answers_soon_unless_it_says_when_but_what_stands_for_a_picture_takes_as_long():
    took = {}
    for answer in (503, "policy", "incomplete"):
        result = result_of(openai("a"), requests=1, a={"latency_ms": 4000, "faults": [{"answer": answer}]})
        took[answer] = result["seconds"]
    assert took == {503: 0.2, "policy": 4.0, "incomplete": 4.0}
    slow = [{"status": 500, "latency_ms": 7000}]
    assert result_of(openai("a"), requests=1, a={"latency_ms": 1000, "faults": slow})["seconds"] == 7.0
    quick = {"latency_ms": 50, "faults": [{"status": 500}]}
    assert result_of(openai("a"), requests=1, a=quick)["seconds"] == 0.05


def test_sandboxes_are_providers_of_their_own():
    sandbox = {"provider": "sandbox", "override_params": {"model": "sandbox"}}
    config = fallback({**sandbox, "name": "a"}, {**sandbox, "name": "b"})
    result = result_of(config, requests=300, a={"latency_ms": 100, "faults": [{"status": 503}]})
    assert result["targets"]["a"]["openings"] > 0
    assert result["targets"]["b"]["openings"] == 0
    assert result["success_rate"] == 1.0


def test_requests_differ_unless_they_are_said_not_to():
    config = {**openai("a"), "cache": {"mode": "simple"}}
    assert result_of(config, requests=500)["cache"] == {"MISS": 500}
    mix = [{"request": SMALL, "distinct": 20}]
    cached = result_of(config, traffic_of(mix=mix), requests=500, a={"latency_ms": 100})
    assert (cached["cache"], cached["attempts"]) == ({"HIT": 480, "MISS": 20}, 20)
    assert cached["saved_usd"] == pytest.approx(480 * 0.011)
    assert cached["rescued"] == 0


def test_edits_and_variations_come_with_a_picture():
    mix = [{"request": {"prompt": "an otter", "size": "1024x1024"}, "operation": "edit"}]
    assert result_of(openai("a"), traffic_of(mix=mix), requests=20)["success_rate"] == 1.0


def test_conditions_see_metadata_and_headers():
    config = {
        "strategy": {
            "mode": "conditional",
            "conditions": [
                {"query": {"metadata.plan": "pro"}, "then": "a"},
                {"query": {"headers.x-team": "art"}, "then": "b"},
            ],
            "default": "c",
        },
        "targets": [openai("a"), openai("b"), openai("c")],
    }
    mix = [
        {"share": 1, "request": SMALL, "metadata": {"plan": "pro"}},
        {"share": 2, "request": SMALL, "headers": {"X-Team": "art"}},
        {"share": 5, "request": SMALL},
        {"share": 0, "request": {"prompt": ""}},
    ]
    result = result_of(config, traffic_of(mix=mix), requests=1000)
    shares = [target["share"] for target in result["targets"].values()]
    assert shares == pytest.approx([1 / 8, 2 / 8, 5 / 8], abs=0.05)
    assert result["refused"] == {}


def test_what_the_gateway_refuses_at_its_door_is_told_apart():
    config = {"name": "a", "provider": "openai", "api_key": "a-not-real"}
    mix = [
        {"share": 1, "request": {"prompt": "an otter", "model": "gpt-image-1", "size": "7x7"}},
        {"share": 1, "request": {"prompt": "an otter", "model": "gpt-image-1", "size": "1024x1024"}},
    ]
    result = result_of(config, traffic_of(mix=mix), requests=200)
    [refused] = result["refused"].values()
    assert result["failures"] == {"refused": refused}
    assert result["successes"] + refused == 200
    assert result["unsent"] == refused
    assert result["attempts"] == result["successes"]


def test_a_callers_own_deadline_holds():
    mix = [{"request": SMALL, "headers": {"x-gateway-deadline": "2000"}}]
    result = result_of(openai("a"), traffic_of(mix=mix), requests=10, a={"latency_ms": 3000})
    assert result["failures"] == {"deadline": 10}
    assert result["seconds"] == pytest.approx(0.9 + 2.0)


KEY = {"provider": "openai", "api_key": "not-real"}
MINUTE = [{"type": "requests", "unit": "rpm", "value": 60}]


def test_the_rates_of_a_virtual_key_are_counted_in_virtual_time():
    traffic = {"rate": 2, "arrivals": "even", "mix": [{"request": {**SMALL, "model": "gpt-image-1"}}]}
    asked = {"config": {"virtual_key": "k"}, "virtual_keys": {"k": {**KEY, "rate_limits": MINUTE}}, "traffic": traffic}
    result = answered({**asked, "requests": 600})  # five minutes
    assert result["failures"].keys() == {"budget"}
    assert 280 <= result["successes"] <= 360
    assert result["unsent"] == result["failures"]["budget"]


def test_the_budget_of_a_virtual_key_ends():
    traffic = {"rate": 2, "arrivals": "even", "mix": [{"request": {**SMALL, "model": "gpt-image-1"}}]}
    key = {**KEY, "usage_limits": {"credit_limit": 1}}
    result = answered({"config": {"virtual_key": "k"}, "virtual_keys": {"k": key}, "traffic": traffic, "requests": 300})
    assert result["failures"] == {"budget": 300 - result["successes"]}
    assert 0.9 <= result["cost_usd"] <= 1


def test_as_many_at_a_time_as_a_target_may_have():
    config = {**openai("a"), "max_in_flight": 1}
    result = result_of(config, traffic_of(2.0), requests=40, a={"latency_ms": 4000})
    assert result["failures"].keys() == {"unreachable"}
    assert result["unsent"] == 40 - result["successes"] > 10


def test_the_same_seed_gives_the_same_result_and_another_one_another():
    faults = {"a": {"latency_ms": {"p50": 900, "p95": 4000}, "faults": [{"from_s": 3, "status": 500, "ratio": 0.3}]}}
    traffic = traffic_of(arrivals="poisson")
    first, again, other = (result_of(TWO, traffic, seed=seed, **faults) for seed in (1, 1, 2))
    assert first == again
    assert first["p95"] != other["p95"]


def test_two_configs_meet_the_same_traffic_and_the_same_providers():
    faults = {"a": {"latency_ms": {"p50": 900, "p95": 4000}}, "b": {"latency_ms": {"p50": 2000, "p95": 3000}}}
    first = result_of(TWO, traffic_of(arrivals="poisson"), **faults)
    second = result_of(
        fallback(openai("a", request_timeout=60000), openai("b")), traffic_of(arrivals="poisson"), **faults
    )
    assert (first["p50"], first["p99"], first["series"]) == (second["p50"], second["p99"], second["series"])
    third = result_of(fallback(openai("b"), openai("a")), traffic_of(arrivals="poisson"), **faults)
    change = difference(first, third)
    assert change["targets"]["a"]["share"] == -1.0
    assert change["p50"] == pytest.approx(third["p50"] - first["p50"])
    assert change["success_rate"] == 0.0
    assert difference(first, first)["p95"] == 0.0


def test_a_target_that_only_one_config_has_counts_as_idle_in_the_other():
    first, second = result_of(openai("a")), result_of(openai("b"))
    change = difference(first, second)["targets"]
    assert (change["a"]["share"], change["b"]["share"]) == (-1.0, 1.0)


def test_names_that_several_targets_have_are_told_by_path():
    inner = fallback(openai("a"), openai("b"))
    result = result_of(fallback({"name": "x", **inner}, openai("a")), requests=5)
    assert list(result["targets"]) == ["config.targets[0].targets[0]", "b", "config.targets[1]"]


def test_progress_grows_to_the_end():
    heard = []
    result_of(TWO, requests=500, progress=heard.append)
    assert heard == sorted(heard)
    assert (heard[0], heard[-1]) == (0.0, 1.0)
    assert len(heard) < 300


def test_the_collector_is_left_as_it_was():
    before = gc.get_threshold()
    result_of(TWO, requests=5)
    assert gc.get_threshold() == before


@pytest.mark.parametrize(
    ("rate", "requests", "config", "words"),
    [
        (10, 0, TWO, "ask for 1 to 1,000,000"),
        (10, -5, TWO, "ask for 1 to 1,000,000"),
        (10, 1_000_001, TWO, "ask for 1 to 1,000,000"),
        (0.0001, 10_000, TWO, "raise the rate"),
        (10_000, 900_000, TWO, "lower the rate"),
        (10, 1_000_000, fallback(*(openai(f"t{index}", retry={"attempts": 5}) for index in range(8))), "48,000,000"),
    ],
)
def test_what_would_not_end_says_so_before_it_begins(rate, requests, config, words):
    with pytest.raises(Unusable, match=words):
        result_of(config, traffic_of(rate), requests=requests)


def test_a_request_that_is_over_leaves_only_its_numbers():
    """What one under way takes is about 10 KiB."""
    tracemalloc.start()
    try:
        most = []
        for requests in (200, 800):
            tracemalloc.reset_peak()
            result_of(TWO, traffic_of(2.0), requests=requests, a={"latency_ms": 100})
            most.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
    assert (most[1] - most[0]) / 600 < 500


def test_stretches_that_overlap_are_one():
    assert covered([(5, 7), (1, 3), (2, 4), (7, 8)]) == [(1, 4), (5, 8)]
