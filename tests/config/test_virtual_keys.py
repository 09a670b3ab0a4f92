from gateway.config.document import Document
from gateway.config.parse import parse
from gateway.config.spec import leaves
from gateway.config.virtual_key import VirtualKey, parse_virtual_key
from gateway.secret import Secret
from tests.config.test_parse import read


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
    limits = {"credit_limit": 1, "alert_threshold": 2}
    assert told({"provider": "openai", "api_key": "s", "usage_limits": limits})[0][0] == (
        "$.virtual_keys.k.usage_limits.alert_threshold"
    )


def test_a_stored_key_goes_to_hosts_that_files_or_operators_name():
    wanted = {"virtual_key": "openai-prod", "custom_host": "http://10.0.0.5:8080/v1/"}
    asked = []
    (target,) = leaves(read(wanted, trusted_hosts=lambda host: not asked.append(host)).root)
    assert (asked, target.custom_host, target.custom_host_trusted) == (
        ["10.0.0.5:8080"],
        wanted["custom_host"][:-1],
        True,
    )
    assert leaves(read(wanted, file="a.yaml").root)[0].custom_host_trusted
    own = {"provider": "openai", "api_key": "k", "custom_host": "https://a.example"}
    assert leaves(read(own).root)[0].custom_host_trusted is False


def test_the_virtual_keys_own_host_is_nearer_than_an_inherited_one():
    key = VirtualKey(slug="k", provider="openai", credentials={"api_key": Secret("s")}, custom_host="http://10.0.0.1")
    data = {"custom_host": "https://evil.example", "targets": [{"virtual_key": "k"}]}
    (target,) = leaves(parse(Document(data=data), virtual_keys={"k": key}).root)
    assert (target.custom_host, target.custom_host_trusted) == ("http://10.0.0.1", True)
