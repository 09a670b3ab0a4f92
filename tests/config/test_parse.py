import json
import time
from pathlib import Path

import pytest
from tests.config.bad_configs import BEYOND_JSON, MEANING, NOT_YET, PAINT, SHAPE, VIRTUAL_KEYS, chain
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.document import Document
from gateway.config.parse import VirtualKey, canonical, needs_target, parse, parse_virtual_key
from gateway.config.spec import leaves
from gateway.errors import InvalidConfig
from gateway.secret import Secret
from schemas import load
from strategies import Cause


def read(data, **more):
    return parse(Document(data=data, file=more.pop("file", None)), virtual_keys=VIRTUAL_KEYS, **more)


def problems(data, **more):
    with pytest.raises(InvalidConfig) as refused:
        read(data, **more)
    return refused.value.problems


TABLE = [(why, data, path, "invalid_config", words) for why, data, path, words in (*SHAPE, *BEYOND_JSON)] + MEANING


@pytest.mark.parametrize(("data", "path", "code", "words"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_a_bad_config_is_refused_once_where_it_is_wrong(data, path, code, words):
    found = problems(data)
    assert [(problem.path, problem.code) for problem in found] == [(path, code)]
    assert words in found[0].message


@pytest.mark.parametrize(("keys", "path"), NOT_YET, ids=[path for _, path in NOT_YET])
def test_what_has_no_effect_yet_is_refused_and_says_what_to_do(keys, path):
    (found,) = problems({**PAINT, **keys})
    assert found.path == path
    assert "has no effect" in found.message
    assert "remove `" in found.message


@pytest.mark.parametrize("key", ["sticky", "cb_config"])
def test_what_has_no_effect_yet_in_a_strategy_is_refused(key):
    (found,) = problems({"strategy": {"mode": "loadbalance", key: {}}, "targets": [PAINT]})
    assert found.path == f"$.strategy.{key}"
    assert "has no effect" in found.message


def test_all_problems_are_told_at_once_with_their_lines():
    data = {"retires": 1, "targets": [{"provider": "opnai"}, {"weight": -1, **PAINT}]}
    places = {"$": (1, 1), "$.retires": (2, 1), "$.targets": (3, 1), "$.targets[1]": (5, 5)}
    with pytest.raises(InvalidConfig) as refused:
        parse(Document(data=data, file="a.yaml", places=places), virtual_keys={})
    assert {(problem.path, problem.line) for problem in refused.value.problems} == {
        ("$.retires", 2),
        ("$.targets", 3),
        ("$.targets[0].provider", 3),
        ("$.targets[1].weight", 5),
    }


def test_a_flood_of_problems_is_cut_off():
    assert len(problems({f"k{index}": 1 for index in range(5000)})) == 100


def test_endless_nesting_is_refused():
    for data in (chain(100_000), {**PAINT, "override_params": chain(100_000)}):
        assert "deep" in problems(data)[0].message


def test_too_many_nodes_are_refused_once():
    wide = {"strategy": {"mode": "single"}, "targets": [PAINT] * 32}
    assert "128" in problems({"strategy": {"mode": "single"}, "targets": [wide] * 32})[0].message


def test_eight_nodes_on_a_path_and_128_in_all_are_allowed():
    assert leaves(read(chain(8)).root)[0].path == "config" + ".targets[0]" * 7
    inner = {"strategy": {"mode": "fallback"}, "targets": [PAINT] * 31}
    spare = {"strategy": {"mode": "fallback"}, "targets": [PAINT] * 30}
    tree = {"strategy": {"mode": "fallback"}, "targets": [inner, inner, inner, spare]}
    assert len(leaves(read(tree).root)) == 123


def test_a_secret_is_never_repeated():
    for data in (
        {"provider": "openai", "api_key": "top secret"},
        {"provider": "openai", "api_key": 31337},
        {"provider": "sandbox", "api_key": "topsecret"},
        {"provider": "openai-compatible", "custom_host": "https://top:secret@a.example"},
        {"provider": "openai", "api_key": "secret", "passthrough": True},
    ):
        text = str(problems(data)).replace("a secret", "")
        assert "secret" not in text
        assert "31337" not in text
    assert "topsecret" not in repr(read({"provider": "openai", "api_key": "topsecret"}))


def test_settings_pass_down_and_the_nearer_word_wins():
    near = {"request_timeout": 9000, "retry": {"attempts": 1}, "override_params": {"a": 2}, "drop_params": ["y"]}
    spec = read(
        {
            "request_timeout": 5000,
            "retry": {"attempts": 3, "use_retry_after_headers": True},
            "override_params": {"a": 1, "b": 1},
            "drop_params": ["x"],
            "adapt": "strict",
            "delivery": {"verify": False},
            "deadline": 60_000,
            "strategy": {"mode": "fallback"},
            "targets": [PAINT, {**PAINT, **near, "deadline": 90_000}],
        }
    )
    far, near = spec.root.children
    assert (far.request_timeout, near.request_timeout) == (5.0, 9.0)
    assert (far.retry.attempts, far.retry.use_retry_after_header) == (3, True)
    assert (near.retry.attempts, near.retry.use_retry_after_header) == (1, False)
    assert near.shaping.override_params == {"a": 2, "b": 1}
    assert near.shaping.drop_params == ("x", "y")
    assert (near.adapt, near.verify, near.billing) == ("strict", False, "once")
    assert (spec.root.deadline, far.deadline, near.deadline) == (60.0, None, 60.0)


def test_a_virtual_key_is_nearer_than_the_tree_and_weaker_than_its_leaf():
    key = parse_virtual_key(
        "k",
        Document(
            data={"provider": "openai", "api_key": "s", "requestTimeout": 2000, "override_params": {"a": 2, "b": 2}},
            file="gateway.yaml",
        ),
        "$.virtual_keys.k",
    )
    tree = {"request_timeout": 1000, "override_params": {"a": 1, "c": 1}, "strategy": {"mode": "fallback"}}
    own = {"virtual_key": "k", "request_timeout": 3000, "override_params": {"b": 3}}
    document = Document(data={**tree, "targets": [{"virtual_key": "@k"}, own]})
    first, second = parse(document, virtual_keys={"k": key}).root.children
    assert (first.request_timeout, second.request_timeout) == (2.0, 3.0)
    assert second.shaping.override_params == {"a": 2, "b": 3, "c": 1}
    assert first.virtual_key == "k"
    assert first.credentials["api_key"] == Secret("s")


def test_a_virtual_key_is_checked_like_a_target_and_at_its_own_place():
    def told(data):
        found = parse_virtual_key("k", Document(data=data, file="g.yaml"), "$.virtual_keys.k")
        return [(problem.path, problem.message) for problem in found]

    assert told(3)[0][0] == "$.virtual_keys.k"
    assert told({"provider": "openai"})[0][0] == "$.virtual_keys.k"
    assert told({"provider": "openai", "api_key": "s", "weight": 1})[0][0] == "$.virtual_keys.k.weight"
    assert "another virtual key" in told({"provider": "@a"})[0][1]
    assert "budgets" in told({"provider": "openai", "api_key": "s", "usage_limits": {}})[0][1]


def test_a_stored_key_goes_to_hosts_that_files_or_operators_name():
    wanted = {"virtual_key": "openai-prod", "custom_host": "http://10.0.0.5:8080/v1/"}
    asked = []
    (target,) = leaves(read(wanted, trusted_hosts=lambda host: not asked.append(host)).root)
    assert (asked, target.custom_host, target.custom_host_trusted) == (["10.0.0.5:8080"], wanted["custom_host"][:-1], True)
    assert leaves(read(wanted, file="a.yaml").root)[0].custom_host_trusted
    own = {"provider": "openai", "api_key": "k", "custom_host": "https://a.example"}
    assert leaves(read(own).root)[0].custom_host_trusted is False


def test_the_virtual_keys_own_host_is_nearer_than_an_inherited_one():
    key = VirtualKey(slug="k", provider="openai", credentials={"api_key": Secret("s")}, custom_host="http://10.0.0.1")
    data = {"custom_host": "https://evil.example", "targets": [{"virtual_key": "k"}]}
    (target,) = leaves(parse(Document(data=data), virtual_keys={"k": key}).root)
    assert (target.custom_host, target.custom_host_trusted) == ("http://10.0.0.1", True)


def test_a_host_from_a_header_stands_in_for_the_targets_own():
    assert read({"provider": "openai-compatible"}, host_from_header=True).root.custom_host is None


@pytest.mark.parametrize(
    ("data", "wanted"),
    [({}, True), ({"retry": {}}, True), ({"virtualKey": "a"}, False), ({"targets": []}, False), ([], False)],
    ids=str,
)
def test_a_config_of_settings_alone_needs_a_target(data, wanted):
    assert needs_target(Document(data=data)) is wanted


def test_spelling_and_order_do_not_change_the_version():
    first = {"requestTimeout": 5, "provider": "sandbox"}
    second = {"provider": "sandbox", "request_timeout": 5}
    assert canonical(first) == canonical(second) == b'{"provider":"sandbox","request_timeout":5}'
    assert read(first).version == read(second).version
    assert len(read(first).version) == 12
    assert read(first).version != read(PAINT).version
    with pytest.raises(InvalidConfig):
        canonical({"retires": 1})


def test_free_objects_keep_their_spelling():
    (target,) = leaves(read({**PAINT, "overrideParams": {"someKey": {"innerKey": 1}}, "defaultParams": {"aB": 1}}).root)
    assert target.shaping.override_params == {"someKey": {"innerKey": 1}}
    assert target.shaping.default_params == {"aB": 1}


def test_an_empty_list_of_codes_means_the_default():
    spec = read({"strategy": {"mode": "fallback", "on_status_codes": []}, "targets": [{**PAINT, "retry": {"on_status_codes": []}}]})  # fmt: skip # noqa: E501
    assert spec.root.on_status_codes is None
    assert spec.root.children[0].retry.on_status_codes is None


def test_the_schema_lists_every_cause():
    causes = load("gateway_config")["$defs"]["strategy"]["properties"]["on_causes"]["items"]["enum"]
    assert causes == [str(cause) for cause in Cause]


PORTKEY = [
    {"strategy": {"mode": "fallback"}, "targets": [{"virtual_key": "openai-prod"}, {"provider": "@azure-eu"}]},
    {"strategy": {"mode": "fallback", "on_status_codes": [429]}, "targets": [{"virtual_key": "openai-prod"}, PAINT]},
    {"strategy": {"mode": "loadbalance"}, "targets": [{"virtual_key": "openai-prod", "weight": 0.7}, {"virtual_key": "azure-eu", "weight": 0.3}]},
    {"strategy": {"mode": "loadbalance"}, "targets": [{"provider": "openai", "api_key": "sk-1", "weight": 1}, {"strategy": {"mode": "fallback"}, "targets": [{"provider": "openai", "apiKey": "sk-2"}, {"virtualKey": "azure-eu"}]}]},
    {"retry": {"attempts": 5, "on_status_codes": [408, 429, 401]}, "virtual_key": "openai-prod"},
    {"retry": {"attempts": 3, "use_retry_after_headers": True}, "virtual_key": "openai-prod", "request_timeout": 10000},
    {"strategy": {"mode": "conditional", "conditions": [{"query": {"metadata.user_plan": {"$eq": "paid"}}, "then": "a"}, {"query": {"$or": [{"metadata.x": {"$in": ["a"]}}, {"params.model": {"$regex": "^gpt"}}]}, "then": "b"}], "default": "b"}, "targets": [{"name": "a", "virtual_key": "openai-prod"}, {"name": "b", "virtual_key": "azure-eu"}]},
    {"provider": "openai", "api_key": "sk", "custom_host": "https://a.example/v1", "forward_headers": ["my-auth"], "strict_open_ai_compliance": True},
    {"provider": "azure-openai", "api_key": "k", "resource_name": "r", "deployment_id": "d", "api_version": "2024-02-01"},
    {"strategy": {"mode": "single"}, "targets": [{"provider": "openai", "api_key": "k", "override_params": {"model": "dall-e-3"}}]},
]  # fmt: skip


@pytest.mark.parametrize("data", PORTKEY, ids=lambda data: json.dumps(data)[:60])
def test_portkeys_own_examples_load(data):
    assert leaves(read(data).root)


KEYS = [*load("gateway_config")["properties"], "requestTimeout", "mode", "conditions", "query", "then", "$or", "x"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["fallback", "sandbox", "@openai-prod"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner),
    max_leaves=30,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), JSON) | JSON)
def test_no_json_raises_anything_but_invalid_config(data):
    try:
        spec = read(data)
    except InvalidConfig as refused:
        assert refused.problems
        assert all(problem.message.endswith((".", "?")) for problem in refused.problems)
    else:
        assert read(json.loads(canonical(data))) == spec


def test_a_config_of_32_targets_is_read_fast():
    target = {"provider": "openai", "api_key": "k", "retry": {"attempts": 2, "on_status_codes": [429, 503]}}
    more = {"request_timeout": 60_000, "override_params": {"model": "m"}, "forward_headers": ["x-request-id"]}
    data = {"strategy": {"mode": "loadbalance"}, "targets": [{**target, **more, "name": f"t{i}"} for i in range(32)]}
    read(data)

    def once():
        start = time.perf_counter()
        read(data)
        return time.perf_counter() - start

    assert min(once() for _ in range(20)) < 0.002 * 3  # the goal is 2 ms; machines that run tests are busy


GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))
