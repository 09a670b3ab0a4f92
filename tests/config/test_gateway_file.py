"""gateway.yaml: settings, virtual keys, callers."""

from dataclasses import asdict, replace

import pytest
from jsonschema import Draft202012Validator

import schemas
from gateway import settings
from gateway.catalogue import BUILT_IN
from gateway.config.gateway_file import GatewayFile, read_gateway_file
from gateway.config.load import load
from gateway.config.trusted_hosts import fault_of_pattern, host_matcher
from gateway.errors import InvalidConfig
from gateway.secret import Fingerprint, Secret

KEY = "k" * 24

COMPLETE = f"""
server:
  port: 9000
  trusted_hosts: ["10.0.0.5:8080", .svc.cluster.local]
default_config: resilient
virtual_keys:
  openai-prod: {{provider: openai, api_key: sk-openai-prod}}
  azure-eu:
    provider: azure-openai
    api_key: azure-key
    azure_resource_name: pictures-eu
    azure_deployment_id: image-2
api_keys:
  - {{name: team-a, key: {KEY}, default_config: small, allow: {{providers: [openai], models: ["gpt-image-*"]}}}}
  - {{name: team-b, key: {KEY}-b}}
"""


def read(text):
    return read_gateway_file(load(text, "gateway.yaml"))


def problems(text):
    with pytest.raises(InvalidConfig) as caught:
        read(text)
    return caught.value.problems


def test_a_complete_file_is_read():
    gateway = read(COMPLETE)
    assert gateway.server == {"port": 9000, "trusted_hosts": ["10.0.0.5:8080", ".svc.cluster.local"]}
    assert gateway.default_config == "resilient"
    assert gateway.trusted_hosts == ("10.0.0.5:8080", ".svc.cluster.local")
    assert {slug: key.provider for slug, key in gateway.virtual_keys.items()} == {
        "openai-prod": "openai",
        "azure-eu": "azure-openai",
    }
    assert gateway.virtual_keys["openai-prod"].credentials == {"api_key": Secret("sk-openai-prod")}
    first, second = gateway.api_keys.values()
    assert gateway.api_keys[Fingerprint(KEY)] is first
    assert (first.name, first.default_config, first.workspace) == ("team-a", "small", "default")
    assert (first.allow_providers, first.allow_models) == (("openai",), ("gpt-image-*",))
    assert (second.default_config, second.allow_providers, second.allow_models) == (None, None, None)


def test_it_never_shows_a_key():
    assert KEY not in repr(read(COMPLETE))
    assert "sk-openai-prod" not in repr(read(COMPLETE))


def test_an_empty_object_is_a_gateway_file_that_says_nothing():
    assert read("{}") == GatewayFile()


def test_the_default_config_may_stand_under_server_like_any_setting():
    assert read("server: {default_config: a}").default_config == "a"


@pytest.mark.parametrize(
    ("text", "path", "sentence"),
    [
        pytest.param("catalogue: {}", "$.catalogue", "must be a list", id="a catalogue as an object"),
        pytest.param("catalogue: [a]", "$.catalogue[0]", "must be an object", id="a row as text"),
        pytest.param("catalogue: [{id: a}]", "$.catalogue[0].provider", "Name a `provider`", id="a row of nobody"),
        pytest.param(
            "catalogue: [{provider: opnai, id: a}]",
            "$.catalogue[0].provider",
            "did you mean `openai`?",
            id="a row of a mistyped provider",
        ),
        pytest.param(
            "catalogue: [{provider: openai}]", "$.catalogue[0]", "the provider knows", id="a row without an id"
        ),
        pytest.param(
            "catalogue: [{provider: openai, id: a, prise: {image: 1}}]",
            "$.catalogue[0]",
            "the keys of a row are provider, id",
            id="a mistyped key of a row",
        ),
        pytest.param(
            "catalogue: [{provider: openai, id: a, n_max: none}]",
            "$.catalogue[0].n_max",
            "cannot be `none`",
            id="a row with a word for a number",
        ),
        pytest.param(
            "catalogue: [{provider: openai, id: a, like: dall-e-4}]",
            "$.catalogue[0].like",
            "no row is called 'dall-e-4'",
            id="a row like one that there is not",
        ),
        pytest.param("virtual_key: {}", "$.virtual_key", "did you mean `virtual_keys`?", id="a mistyped key"),
        pytest.param("zzz: 1", "$.zzz", "the keys here are `server`", id="a key like no other"),
        pytest.param("default_config: 3", "$.default_config", "the id of a config", id="a number for an id"),
        pytest.param("server: 3", "$.server", "must be an object", id="server that is no object"),
        pytest.param("server: {prot: 80}", "$.server.prot", "did you mean `port`?", id="a mistyped setting"),
        pytest.param(
            "server: {port: many}", "$.server.port", "expected a whole number", id="a setting of a wrong type"
        ),
        pytest.param("server: {port: 70000}", "$.server.port", "from 0 to 65535", id="a setting out of range"),
        pytest.param("server: {port: }", "$.server.port", "has no value", id="a setting without a value"),
        pytest.param(
            "{server: {default_config: a}, default_config: b}",
            "$.server.default_config",
            "keep one of them",
            id="two default configs",
        ),
        pytest.param(
            "server: {trusted_hosts: ['https://a']}", "$.server.trusted_hosts", "without scheme", id="a URL for a host"
        ),
        pytest.param("virtual_keys: [a]", "$.virtual_keys", "must be an object", id="virtual keys as a list"),
        pytest.param("virtual_keys: {a b: {}}", "$.virtual_keys.a b", "no name for", id="a slug with a space"),
        pytest.param("virtual_keys: {a: sk}", "$.virtual_keys.a", "an object that names", id="a virtual key as text"),
        pytest.param("virtual_keys: {a: {api_key: x}}", "$.virtual_keys.a", "provider", id="a key without a provider"),
        pytest.param(
            "virtual_keys: {a: {provider: openai, api_key: x, usage_limits: {credit_limit: -1}}}",
            "$.virtual_keys.a.usage_limits.credit_limit",
            "an amount in US dollars",
            id="limits of a virtual key",
        ),
        pytest.param("api_keys: {a: b}", "$.api_keys", "must be a list", id="API keys as an object"),
        pytest.param("api_keys: [a]", "$.api_keys[0]", "must be an object", id="an API key as text"),
        pytest.param("api_keys: [{name: a}]", "$.api_keys[0]", "needs `key`", id="an API key without its key"),
        pytest.param(f"api_keys: [{{key: {KEY}}}]", "$.api_keys[0]", "needs `name`", id="an API key without a name"),
        pytest.param("api_keys: [{name: a, key: short}]", "$.api_keys[0].key", "16 to 512", id="a short key"),
        pytest.param(
            "api_keys: [{name: a, key: 'with a space in the middle'}]", "$.api_keys[0].key", "visible", id="a space"
        ),
        pytest.param(
            f"api_keys: [{{name: a, key: {KEY}}}, {{name: a, key: {KEY}b}}]",
            "$.api_keys[1].name",
            "already the name of entry 1",
            id="two callers of one name",
        ),
        pytest.param(
            f"api_keys: [{{name: a, key: {KEY}}}, {{name: b, key: {KEY}}}]",
            "$.api_keys[1].key",
            "already the key of entry 1",
            id="two callers with one key",
        ),
        pytest.param(
            f"api_keys: [{{name: a, key: {KEY}, usage_limits: 1}}]",
            "$.api_keys[0].usage_limits",
            "must be an object",
            id="usage_limits as a number",
        ),
        pytest.param(
            f"api_keys: [{{name: a, key: {KEY}, usage_limits: {{periodic_reset: weekly}}}}]",
            "$.api_keys[0].usage_limits",
            "needs `credit_limit`",
            id="usage_limits without a limit",
        ),
        pytest.param(
            f"api_keys: [{{name: a, key: {KEY}, usage_limits: {{credit_limit: 5, alert_threshold: 6}}}}]",
            "$.api_keys[0].usage_limits.alert_threshold",
            "above `credit_limit`",
            id="an alert that never comes",
        ),
        pytest.param(
            f"api_keys: [{{name: a, key: {KEY}, usage_limits: {{credit_limit: 5, periodic_reset: daily}}}}]",
            "$.api_keys[0].usage_limits.periodic_reset",
            "`weekly` or `monthly`",
            id="an unknown reset",
        ),
        pytest.param(
            f"api_keys: [{{name: a, key: {KEY}, rate_limits: [{{type: requests, unit: rpm, value: 0}}]}}]",
            "$.api_keys[0].rate_limits[0].value",
            "a whole number above 0",
            id="a rate of nothing",
        ),
        pytest.param(
            f"api_keys: [{{name: a, key: {KEY}, scopes: [logs.lst]}}]",
            "$.api_keys[0].scopes[0]",
            "did you mean `logs.list`?",
            id="a mistyped scope",
        ),
        pytest.param(
            f"api_keys: [{{name: a, key: {KEY}, workspace_id: a b}}]",
            "$.api_keys[0].workspace_id",
            "letters, digits, dots",
            id="a workspace with a space",
        ),
        pytest.param(
            f"api_keys: [{{name: a, key: {KEY}, expires_at: in a week}}]",
            "$.api_keys[0].expires_at",
            "2027-01-31",
            id="an expiry in words",
        ),
        pytest.param(
            "budgets: [{name: a, per: user, usage_limits: {credit_limit: 1}}]",
            "$.budgets[0].per",
            "metadata._user",
            id="a budget per nothing known",
        ),
        pytest.param(
            "budgets: [{name: a, per: api_key}]", "$.budgets[0]", "needs `usage_limits`", id="an empty budget"
        ),
        pytest.param(
            f"api_keys: [{{name: a, key: {KEY}, allow: {{providers: [opnai]}}}}]",
            "$.api_keys[0].allow.providers[0]",
            "did you mean `openai`?",
            id="a mistyped provider",
        ),
        pytest.param(
            f"api_keys: [{{name: a, key: {KEY}, allow: {{models: []}}}}]",
            "$.api_keys[0].allow.models",
            "is empty",
            id="a list that allows nothing",
        ),
        pytest.param(
            f"api_keys: [{{name: a, key: {KEY}, allow: {{model: [x]}}}}]",
            "$.api_keys[0].allow.model",
            "did you mean `models`?",
            id="a mistyped list",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text, path, sentence):
    (problem,) = problems(text)
    assert problem.path == path
    assert sentence in problem.message
    assert problem.file == "gateway.yaml"
    assert problem.line == 1
    assert KEY not in problem.message


def test_all_problems_are_told_at_once():
    text = "server: {prot: 1}\nvirtual_keys: {a: {provider: opnai}}\napi_keys: [{name: a, key: short}]\nzzz: 1\n"
    assert {problem.line for problem in problems(text)} == {1, 2, 3, 4}


def test_a_provider_may_be_allowed_by_another_name():
    text = f"api_keys: [{{name: a, key: {KEY}, allow: {{providers: [stability, openai]}}}}]"
    assert next(iter(read(text).api_keys.values())).allow_providers == ("stability-ai", "openai")


def test_what_pictures_and_links_need_may_stand_under_server():
    text = (
        "server: {public_url: https://img.example, data: /srv/beamsplitter, url_secret: not-real, byte_budget: 2097152}"
    )
    assert read(text).server["public_url"] == "https://img.example"


# --- catalogue rows of the operator


def test_a_row_of_a_built_in_model_says_only_what_is_different():
    row = read("catalogue: [{provider: openai, id: dall-e-3, n_max: 4}]").catalogue.find("openai", "dall-e-3")
    built_in = BUILT_IN.find("openai", "dall-e-3")
    assert asdict(row) == asdict(replace(built_in, n_max=4))


def test_a_row_may_be_like_another_and_stand_for_a_new_model():
    catalogue = read(
        "catalogue: [{provider: openai-compatible, id: my-flux, like: openai/dall-e-3, n_max: 8, price: {image: 0.1}}]"
    ).catalogue
    row, model = catalogue.find("openai-compatible", "my-flux"), BUILT_IN.find("openai", "dall-e-3")
    assert (row.provider, row.n_max, row.sizes, row.retires) == ("openai-compatible", 8, model.sizes, None)
    assert catalogue.provider_of("my-flux") == "openai-compatible"
    assert row in catalogue.all_rows()
    assert BUILT_IN.find("openai-compatible", "my-flux") is None


def test_a_row_may_name_its_provider_otherwise():
    catalogue = read("catalogue: [{provider: stability, id: brand-new, sizes: {ratios: ['16:9']}}]").catalogue
    assert catalogue.find("stability-ai", "brand-new").sizes.accepts("16:9")


def test_without_rows_of_its_own_a_file_has_the_built_in_ones():
    assert read("catalogue: []").catalogue is BUILT_IN
    assert read("{}").catalogue is BUILT_IN


def test_all_problems_of_all_rows_are_told_at_once():
    text = "catalogue:\n  - {provider: opnai, id: a}\n  - {provider: openai, id: b, n_max: none}\n  - {id: c}\n"
    assert [(problem.path, problem.line) for problem in problems(text)] == [
        ("$.catalogue[0].provider", 2),
        ("$.catalogue[1].n_max", 3),
        ("$.catalogue[2].provider", 4),
    ]


def test_the_file_cannot_say_where_it_is_found():
    (problem,) = problems("server: {configs: elsewhere}")
    assert "--configs" in problem.message


def test_every_setting_is_described_for_editors():
    described = schemas.load("gateway_file")["properties"]["server"]["properties"]
    assert set(settings.NAMES) - {"configs"} <= described.keys()


def test_the_schema_is_a_schema_and_agrees_about_a_complete_file():
    schema = schemas.load("gateway_file")
    Draft202012Validator.check_schema(schema)
    assert list(schemas.validator("gateway_file").iter_errors(load(COMPLETE, "gateway.yaml").data)) == []
    assert not schemas.validator("gateway_file").is_valid({"api_keys": [{"name": "a"}]})


@pytest.mark.parametrize(
    ("pattern", "trusted", "foreign"),
    [
        pytest.param("images.internal", ["images.internal", "images.internal:8080", "IMAGES.internal.:1"],
                     ["a.images.internal", "images.internal.example", "images"], id="a host on any port"),
        pytest.param("images.internal:8080", ["images.internal:8080"], ["images.internal", "images.internal:80"],
                     id="a host on one port"),
        pytest.param("10.0.0.5:8080", ["10.0.0.5:8080"], ["10.0.0.5", "110.0.0.5:8080", "10.0.0.5:80800"],
                     id="an address on one port"),
        pytest.param(".svc.cluster.local", ["a.svc.cluster.local", "a.b.svc.cluster.local:8000"],
                     ["svc.cluster.local", "xsvc.cluster.local", "a.svc.cluster.local.example", ".a.svc.cluster.local"],
                     id="all hosts under a name"),
        pytest.param(".svc.cluster.local:80", ["a.svc.cluster.local:80"], ["a.svc.cluster.local"], id="with a port"),
        pytest.param(".0.0.5", [], ["10.0.0.5"], id="the end of an address is no suffix"),
        pytest.param("[::1]:80", ["[::1]:80", "[0:0::1]:80"], ["[::1]", "[::2]:80"], id="an IPv6 address"),
        pytest.param("::1", ["[::1]:80", "::1", "[::1]"], ["[::2]"], id="a bare IPv6 address"),
        pytest.param("a", ["a"], ["user@a", "a/b", "a:x", "a:99999", "", ":", "a b", "[a", "[a]", "[::1]x"],
                     id="what is no host is never trusted"),
    ],
)  # fmt: skip
def test_a_pattern_trusts_its_hosts_and_no_others(pattern, trusted, foreign):
    trusts = host_matcher([pattern])
    assert [host for host in trusted if not trusts(host)] == []
    assert [host for host in foreign if trusts(host)] == []


@pytest.mark.parametrize("pattern", ["https://a", "a/b", "*.internal", "", ".", "a:b", "a:0", "a b", "[::1"])
def test_a_pattern_that_can_never_match_is_told(pattern):
    assert fault_of_pattern(pattern)
    assert not host_matcher([pattern])(pattern)
