"""Tests in configs: what they can say, and what is said of them when they do not hold."""

import pytest

from gateway.catalogue import BUILT_IN
from gateway.cockpit.cases import run_cases
from gateway.config.document import Document
from gateway.config.parse import parse
from gateway.errors import InvalidConfig

OPENAI = {"provider": "openai", "api_key": "test-key-not-real"}
TREE = {
    "strategy": {"mode": "fallback"},
    "targets": [
        {**OPENAI, "name": "primary", "override_params": {"model": "gpt-image-2"}, "request_timeout": 20000},
        {"name": "backup", "provider": "sandbox", "override_params": {"model": "sandbox"}},
    ],
}
RATE_LIMITED = {"given": {"primary": [429]}}


def ran(case, tree=TREE):
    (found,) = run_cases(spec_of(case, tree), BUILT_IN)
    return found


def spec_of(case, tree=TREE):
    written = {"name": "it does", "expect": {}, **case}
    return parse(Document(data={**tree, "tests": [written]}, file="tree.yaml"), virtual_keys={})


HOLDS = {
    "SPEC's own": {
        "request": {"prompt": "otter", "size": "1024x1024"},
        "metadata": {"plan": "paid"},
        "given": {"primary": [429], "backup": [200]},
        "expect": {"status": 200, "target": "backup", "attempts": 2, "max_cost_usd": 0.1},
    },
    "a target by its path": {**RATE_LIMITED, "expect": {"target": "config.targets[1]"}},
    "each attempt": {**RATE_LIMITED, "expect": {"tried": ["primary", "backup"]}},
    "an answer without its list": {"given": {"primary": 503}, "expect": {"target": "backup"}},
    "what it costs": {"request": {"quality": "high", "size": "1024x1024"}, "expect": {"cost_usd": 0.211}},
    "what it costs at most where quality is left to the model": {"expect": {"max_cost_usd": 0.211}},
    "a failure, as the caller sees it": {
        "given": {"primary": ["policy"]},
        "expect": {"status": 400, "cause": "policy", "code": "content_policy_violation", "attempts": 1},
    },
    "a time-out, and what it may have cost": {
        "given": {"primary": ["timeout"]},
        "expect": {"target": "backup", "maybe_billed": 1, "max_ms": 20000},
    },
    "time that it takes": {"given": {"primary": [{"after_ms": 1500}]}, "expect": {"max_ms": 1500, "target": "primary"}},
    "headers": {
        **RATE_LIMITED,
        "expect": {"headers": {"X-Portkey-Provider": "sandbox", "x-gateway-attempts": "2"}},
    },
    "nothing is adapted": {"expect": {"adaptations": []}},
    "what is refused before anything is tried": {
        "request": {"n": 0},
        "expect": {"status": 400, "attempts": 0},
    },
    "an edit": {"operation": "edit", "expect": {"target": "primary"}},
    "retry after": {
        "given": {"primary": [{"answer": 429, "retry_after": 30}], "backup": ["unreachable"]},
        "expect": {"status": 429, "headers": {"retry-after": "30"}},
    },
}


@pytest.mark.parametrize("case", HOLDS.values(), ids=HOLDS)
def test_what_holds(case):
    assert ran(case).problems == ()


FAILS = {
    "status: expected 503, got 200": {"expect": {"status": 503}},
    "status: expected 200, got 400 (content_policy_violation)": {
        "given": {"primary": ["policy"]},
        "expect": {"status": 200},
    },
    "target: expected backup, got primary": {"expect": {"target": "backup"}},
    "attempts: expected 1, got 2": {**RATE_LIMITED, "expect": {"attempts": 1}},
    "tried: expected primary, got primary, backup": {**RATE_LIMITED, "expect": {"tried": ["primary"]}},
    "tried: expected backup, primary, got primary, backup": {
        **RATE_LIMITED,
        "expect": {"tried": ["backup", "primary"]},
    },
    "cause: expected timeout, got none": {"expect": {"cause": "timeout"}},
    "code: expected x, got deadline_exceeded": {
        "given": {"primary": ["timeout"], "backup": ["timeout"]},
        "expect": {"code": "x"},
    },
    "maybe_billed: expected 1, got 0": {**RATE_LIMITED, "expect": {"maybe_billed": 1}},
    "header x-portkey-provider: expected 'sandbox', got 'openai'": {
        "expect": {"headers": {"x-portkey-provider": "sandbox"}}
    },
    "header x-none: expected 'y', got 'none'": {"expect": {"headers": {"x-none": "y"}}},
    "cost_usd: expected $1, got $0.006": {
        "request": {"quality": "low", "size": "1024x1024"},
        "expect": {"cost_usd": 1},
    },
    "max_cost_usd: expected at most $0.1, got $0.211": {"expect": {"max_cost_usd": 0.1}},
    "max_ms: expected at most 10, got 20": {"given": {"primary": [{"after_ms": 20}]}, "expect": {"max_ms": 10}},
}


@pytest.mark.parametrize(("words", "case"), FAILS.items(), ids=FAILS)
def test_what_does_not_hold_is_told(words, case):
    assert ran(case).problems == (words,)


def test_what_was_adapted_is_told():
    target = {**OPENAI, "name": "primary", "override_params": {"model": "gpt-image-1.5"}}
    tree = {"strategy": {"mode": "single"}, "targets": [target]}
    asked = {"request": {"size": "1792x1024"}}
    assert ran({**asked, "expect": {"adaptations": ["size=1792x1024->1536x1024"]}}, tree).problems == ()
    found = ran({**asked, "expect": {"adaptations": []}}, tree)
    assert found.problems == ("adaptations: expected none, got size=1792x1024->1536x1024",)


def test_calls_are_answered_one_by_one_and_the_last_answer_stays():
    tree = {**TREE, "targets": [{**target, "retry": {"attempts": 3}} for target in TREE["targets"]]}
    found = ran({"given": {"primary": [429, 500]}, "expect": {"tried": [*["primary"] * 4, "backup"]}}, tree)
    assert found.problems == ()
    assert [attempt["status"] for attempt in found.attempts] == [429, 500, 500, 500, None]


def test_hours_pass_in_no_time_and_each_test_begins_with_well_targets():
    case = {"name": "one", "given": {"primary": ["timeout"]}, "expect": {"target": "backup", "max_ms": 20000}}
    cases = [{**case, "name": str(number)} for number in range(40)]  # a breaker would have opened after the fifth
    spec = parse(Document(data={**TREE, "tests": cases}, file="tree.yaml"), virtual_keys={})
    assert [found.problems for found in run_cases(spec, BUILT_IN)] == [()] * 40


BAD = {
    "an unknown target": ({"given": {"primry": [429]}}, "$.tests[0].given.primry", "did you mean `primary`"),
    "an unknown expected target": ({"expect": {"target": "x"}}, "$.tests[0].expect.target", "Its targets: "),
    "an unknown target tried": ({"expect": {"tried": ["x"]}}, "$.tests[0].expect.tried[0]", "No target of this"),
    "no answer": ({"given": {"primary": []}}, "$.tests[0].given.primary", "List 1 to 64 answers"),
    "an answer that is none": ({"given": {"primary": [700]}}, "$.tests[0].given.primary[0]", "from 200 to 599"),
    "a word misspelt": ({"given": {"primary": ["timeot"]}}, "$.tests[0].given.primary[0]", "did you mean `timeout`"),
    "a cause that is ours": (
        {"given": {"primary": ["budget"]}},
        "$.tests[0].given.primary[0]",
        "nothing that a provider",
    ),
    "an unknown key": ({"given": {"primary": [{"anser": 1}]}}, "$.tests[0].given.primary[0].anser", "`answer`"),
    "too long": ({"given": {"primary": [{"after_ms": 1e9}]}}, "$.tests[0].given.primary[0].after_ms", "milliseconds"),
    "nothing expected": ({"expect": {}}, "$.tests[0].expect", "could not fail"),
    "metadata that is no text": ({"metadata": {"plan": 1}}, "$.tests[0].metadata.plan", "must be a string"),
    "a header that is none": ({"headers": {"a b": "c"}}, "$.tests[0].headers.a b", "no name of a header"),
    "an unknown field": ({"exepct": {}}, "$.tests[0].exepct", "did you mean `expect`"),
    "an unknown operation": ({"operation": "paint"}, "$.tests[0].operation", "`generate`, `edit` or `vary`"),
}


@pytest.mark.parametrize(("case", "path", "words"), BAD.values(), ids=BAD)
def test_a_bad_test_is_refused_where_it_is_wrong(case, path, words):
    with pytest.raises(InvalidConfig) as refused:
        spec_of({"expect": {"status": 200}, **case})
    (problem,) = refused.value.problems
    assert problem.path == path
    assert words in problem.message


def test_two_tests_of_one_name_are_refused():
    tests = [{"name": "it does", "expect": {"status": 200}}] * 2
    with pytest.raises(InvalidConfig, match="The test 0 has this name already"):
        parse(Document(data={**TREE, "tests": tests}, file="tree.yaml"), virtual_keys={})


def test_tests_are_no_part_of_what_a_config_does():
    assert spec_of({"expect": {"status": 200}}).version == spec_of({"expect": {"status": 201}}).version


def test_the_sandbox_does_as_it_is_told_by_its_config():
    orders = {"sandbox": {"status": 503, "latency_ms": 1500}, "model": "sandbox"}
    tree = {
        **TREE,
        "targets": [{**TREE["targets"][1], "name": "primary", "override_params": orders}, TREE["targets"][1]],
    }
    case = {"expect": {"tried": ["primary", "backup"], "max_ms": 1500}}
    assert ran(case, tree).problems == ()
    refused = {
        **tree,
        "targets": [{"name": "primary", "provider": "sandbox", "override_params": {"sandbox": {"x": 1}}}],
    }
    assert (
        ran({"expect": {"status": 400, "target": "primary"}}, {**refused, "strategy": {"mode": "single"}}).problems
        == ()
    )
