import base64
import json
import timeit

import pytest

from gateway.errors import ConfigNotFound, GatewayError, InvalidConfig, InvalidKey, NotAllowed
from tests.gateway.scripted import GATEWAY, LIMITED_KEY, STORED_KEY, TEAM_KEY, answer, asking, choose, run, scene

INLINE = json.dumps({"provider": "openai", "api_key": "callers-own-key", "override_params": {"model": "inline"}})
SETTINGS = json.dumps({"retry": {"attempts": 2}, "override_params": {"model": "settings"}})
CONFIGS = {
    "stored": {"provider": "openai", "api_key": "key-in-file", "override_params": {"model": "stored"}},
    "servers": {"virtual_key": "openai-prod", "override_params": {"model": "servers"}},
    "teams": {"virtual_key": "openai-prod", "override_params": {"model": "teams"}},
}
KEYS = {
    **GATEWAY,
    "api_keys": [
        {"name": "team-a", "key": TEAM_KEY, "default_config": "teams"},
        {
            "name": "interns",
            "key": LIMITED_KEY,
            "allow": {"providers": ["openai"], "models": ["gpt-image-*", "teams"]},
        },
    ],
}
PROVIDER, VK, CONFIG, KEY = "x-portkey-provider", "x-portkey-virtual-key", "x-portkey-config", "x-portkey-api-key"
HOST, FORWARD, TIMEOUT = "x-portkey-custom-host", "x-portkey-forward-headers", "x-portkey-request-timeout"
AUTH = {"authorization": "Bearer callers-own-key"}


def b64(text):
    return base64.b64encode(text.encode()).decode()


def chosen(headers, model="gpt-image-1", **around):
    """Return what would be sent: the only target, the model it gets, and the caller's credential."""
    choice = choose(scene(configs=CONFIGS, **around).chooser, headers, model)
    [target] = choice.route.targets.values()
    sent = target.shaping.override_params.get("model", choice.model)
    return target, sent, choice.credential and choice.credential.reveal()


PRECEDENCE = {
    "an inline config is used": ({CONFIG: INLINE}, "gpt-image-1", {}, "inline"),
    "an inline config in base64 is used": ({CONFIG: b64(INLINE)}, "gpt-image-1", {}, "inline"),
    "base64 may lack its padding": ({CONFIG: b64(INLINE + " " * 1).rstrip("=")}, "gpt-image-1", {}, "inline"),
    "base64 may have the alphabet of URLs": (
        {CONFIG: base64.urlsafe_b64encode(INLINE.replace("inline", "??>>inline").encode()).decode()},
        "gpt-image-1",
        {},
        "??>>inline",
    ),
    "a stored config is used by its id": ({CONFIG: "stored"}, "gpt-image-1", {}, "stored"),
    "a config beats the target that headers name": ({CONFIG: INLINE, PROVIDER: "sandbox"}, "m", {}, "inline"),
    "a stored config beats the target that headers name": ({CONFIG: "stored", VK: "azure-eu"}, "m", {}, "stored"),
    "a config beats the defaults": ({CONFIG: INLINE, KEY: TEAM_KEY}, "m", {"gateway": KEYS}, "inline"),
    "settings apply to the provider that the headers name": (
        {CONFIG: SETTINGS, PROVIDER: "openai", **AUTH},
        "m",
        {},
        "settings",
    ),
    "settings apply to the virtual key that the headers name": (
        {CONFIG: SETTINGS, VK: "openai-prod"},
        "m",
        {},
        "settings",
    ),
    "settings apply to the provider that the model names": ({CONFIG: SETTINGS}, "openai/m", {}, "settings"),
    "headers beat the key's default config": ({PROVIDER: "openai", KEY: TEAM_KEY}, "m", {"gateway": KEYS}, "m"),
    "headers beat the server's default config": ({VK: "openai-prod"}, "m", {"default_config": "servers"}, "m"),
    "the key's default config beats the server's": (
        {KEY: TEAM_KEY},
        "m",
        {"gateway": KEYS, "default_config": "servers"},
        "teams",
    ),
    "a key without a default config gets the server's": (
        {KEY: LIMITED_KEY},
        "m",
        {"gateway": {**KEYS, "api_keys": [{"name": "interns", "key": LIMITED_KEY}]}, "default_config": "servers"},
        "servers",
    ),
    "the server's default config beats the model's name": ({}, "openai/m", {"default_config": "servers"}, "servers"),
    "the default may stand in the gateway file": (
        {},
        "m",
        {"gateway": {**GATEWAY, "default_config": "servers"}},
        "servers",
    ),
    "a model may name its provider": ({}, "openai/gpt-image-2", {}, "gpt-image-2"),
    "a model may name a virtual key": ({}, "@openai-prod/gpt-image-2", {}, "gpt-image-2"),
    "a bare model that is known names its provider": ({}, "gpt-image-2", {}, "gpt-image-2"),
    "a dated model that is known names its provider": ({}, "gpt-image-2-2026-04-21", {}, "gpt-image-2-2026-04-21"),
    "a provider in a header gets the model whole": ({PROVIDER: "openai"}, "openai/some/thing", {}, "openai/some/thing"),
    "a virtual key in a header gets the model whole": ({VK: "openai-prod"}, "@azure-eu/x", {}, "@azure-eu/x"),
    "a config that names its provider gets the model whole": (
        {CONFIG: '{"provider": "openai", "passthrough": true}'},
        "openai/x",
        {},
        "openai/x",
    ),
    "only the first prefix is taken off": ({}, "openai/openai/x", {}, "openai/x"),
}


@pytest.mark.parametrize(("headers", "model", "around", "sent"), PRECEDENCE.values(), ids=PRECEDENCE)
def test_which_config_applies(headers, model, around, sent):
    assert chosen(headers, model, **around)[1] == sent


def test_settings_are_kept_when_a_header_names_the_target():
    target, _, credential = chosen({CONFIG: SETTINGS, PROVIDER: "openai", **AUTH})
    assert (target.retry.attempts, target.passthrough, credential) == (2, True, "callers-own-key")


def test_a_config_may_bring_the_key_for_the_provider_that_a_header_names():
    for name in ("api_key", "apiKey"):
        target, _, _ = chosen({CONFIG: json.dumps({name: "in-the-config"}), PROVIDER: "openai", **AUTH})
        assert (target.credentials["api_key"].reveal(), target.passthrough) == ("in-the-config", False)


@pytest.mark.parametrize(
    "headers",
    [{PROVIDER: "@openai-prod"}, {VK: "openai-prod"}, {VK: "@openai-prod"}, {CONFIG: '{"virtual_key": "openai-prod"}'}],
    ids=["as a provider with @", "as a virtual key", "as a virtual key with @", "in a config"],
)
def test_a_virtual_key_is_found(headers):
    target, _, _ = chosen(headers)
    assert (target.virtual_key, target.credentials["api_key"].reveal()) == ("openai-prod", STORED_KEY)


CREDENTIALS = {
    "a bearer token": ({"authorization": "Bearer abc"}, "abc"),
    "a bearer token in any case": ({"authorization": "bearer  abc"}, "abc"),
    "a bare token": ({"authorization": "abc"}, "abc"),
    "Azure's own header": ({"api-key": "abc"}, "abc"),
    "another own header": ({"x-api-key": "abc"}, "abc"),
    "nothing": ({}, None),
    "a scheme without a token": ({"authorization": "Bearer"}, None),
    "a scheme without a token but with a space": ({"authorization": "Bearer "}, None),
    "a user's name and password": ({"authorization": "Basic dXNlcjpwYXNz"}, None),
    "what repeats x-portkey-api-key": ({"authorization": "Bearer same", KEY: "same"}, None),
    "a provider's key beside what repeats x-portkey-api-key": (
        {"authorization": "Bearer same", KEY: "same", "api-key": "abc"},
        "abc",
    ),
}


@pytest.mark.parametrize(
    ("headers", "model"),
    [
        ({PROVIDER: "stability"}, "core"),
        ({PROVIDER: "stability-ai"}, "core"),
        ({}, "stability/core"),
        ({}, "stability-ai/core"),
        ({CONFIG: '{"provider": "stability", "passthrough": true}'}, "core"),
        ({CONFIG: '{"retry": {"attempts": 1}}', PROVIDER: "stability"}, "core"),
    ],
    ids=["header", "own name", "model", "own name in the model", "config", "beside settings"],
)
def test_a_provider_may_have_another_name(headers, model):
    target, sent, _ = chosen({**headers, **AUTH}, model)
    assert (target.provider, sent) == ("stability-ai", "core")


@pytest.mark.parametrize(("headers", "credential"), CREDENTIALS.values(), ids=CREDENTIALS)
def test_what_counts_as_the_callers_credential(headers, credential):
    assert chosen({PROVIDER: "openai", **headers})[2] == credential


@pytest.mark.parametrize("presented", [{KEY: TEAM_KEY}, {"authorization": f"Bearer {TEAM_KEY}"}], ids=["own", "bearer"])
async def test_a_gateway_key_is_never_a_providers_credential(presented):
    there = scene(configs=CONFIGS, gateway=KEYS)
    choice = choose(there.chooser, {PROVIDER: "openai", "api-key": TEAM_KEY, **presented}, "m")
    assert choice.credential is None
    outcome, _ = await run(choice.route, asking(model="m"))
    assert (outcome.code, outcome.reached, there.transport.sent) == ("invalid_api_key", False, [])


@pytest.mark.parametrize(
    "headers",
    [{}, {KEY: "unknown"}, {"authorization": "Bearer unknown"}, {KEY: ""}, {KEY: TEAM_KEY[:-1]}, {KEY: TEAM_KEY + "x"}],
    ids=["none", "unknown", "unknown bearer", "empty", "one letter short", "one letter long"],
)
def test_without_a_known_key_everybody_hears_the_same(headers):
    with pytest.raises(InvalidKey) as refusal:
        chosen(headers, gateway=KEYS)
    assert (refusal.value.status, refusal.value.code) == (401, "invalid_api_key")
    assert "needs one of its own keys" in refusal.value.message
    assert "unknown" not in refusal.value.message


def test_a_gateway_key_and_a_providers_key_go_together():
    headers = {KEY: TEAM_KEY, PROVIDER: "openai", "authorization": "Bearer provider-key"}
    assert chosen(headers, gateway=KEYS)[2] == "provider-key"


ALLOWED = {
    "an allowed model of an allowed provider": ({VK: "openai-prod"}, "gpt-image-2", None),
    "another provider": ({PROVIDER: "sandbox"}, "gpt-image-2", "sandbox"),
    "another model": ({VK: "openai-prod"}, "dall-e-3", "dall-e-3"),
    "another model behind a prefix": ({}, "@openai-prod/dall-e-3", "dall-e-3"),
    "no model, which leaves it to the provider": ({VK: "openai-prod"}, None, "leave the model to the provider"),
    "another model by override": ({CONFIG: "stored"}, "gpt-image-2", "stored"),
    "another model by default": (
        {CONFIG: '{"virtual_key": "openai-prod", "default_params": {"model": "dall-e-3"}}'},
        None,
        "dall-e-3",
    ),
    "a model that is dropped on the way": (
        {CONFIG: '{"virtual_key": "openai-prod", "drop_params": ["model"]}'},
        "gpt-image-2",
        "leave the model",
    ),
    "another model in one target of many": (
        {
            CONFIG: json.dumps(
                {
                    "strategy": {"mode": "fallback"},
                    "targets": [
                        {"virtual_key": "openai-prod"},
                        {"virtual_key": "openai-prod", "override_params": {"model": "dall-e-2"}},
                    ],
                }
            )
        },
        "gpt-image-2",
        "dall-e-2",
    ),
}


@pytest.mark.parametrize(("headers", "model", "refused"), ALLOWED.values(), ids=ALLOWED)
def test_what_a_limited_key_may_use(headers, model, refused):
    chooser = scene(configs=CONFIGS, gateway=KEYS).chooser
    if refused is None:
        assert choose(chooser, {KEY: LIMITED_KEY, **headers}, model).model == model
        return
    with pytest.raises(NotAllowed) as refusal:
        choose(chooser, {KEY: LIMITED_KEY, **headers}, model)
    assert (refusal.value.status, refusal.value.code) == (403, "not_allowed")
    assert refused in refusal.value.message
    assert "interns" in refusal.value.message


def test_what_stands_behind_a_deployment_is_for_operators_to_say():
    only_gpt = {"name": "a", "key": LIMITED_KEY, "allow": {"models": ["gpt-image-*"]}}
    declared = {**GATEWAY["virtual_keys"]["azure-eu"], "azure_model_name": "gpt-image-2"}
    gateway = {"virtual_keys": {"azure-eu": declared}, "api_keys": [only_gpt]}
    chooser = scene(gateway=gateway).chooser
    assert choose(chooser, {KEY: LIMITED_KEY, VK: "azure-eu"}, "whatever")
    for lie in (
        {VK: "azure-eu", "x-portkey-azure-deployment-id": "dall-e-3"},
        {VK: "azure-eu", "x-portkey-azure-deployment-id": "dall-e-3", "x-portkey-azure-model-name": "gpt-image-2"},
    ):
        with pytest.raises(NotAllowed, match="dall-e-3"):
            choose(chooser, {KEY: LIMITED_KEY, **lie}, "gpt-image-2")


TREE = {
    "strategy": {"mode": "fallback"},
    "targets": [
        {"provider": "openai", "passthrough": True, "request_timeout": 5000, "forward_headers": ["x-one"]},
        {
            "strategy": {"mode": "loadbalance"},
            "targets": [
                {"provider": "openai", "passthrough": True, "custom_host": "https://written.example/v1"},
                {"provider": "openai", "passthrough": True},
            ],
        },
    ],
}


@pytest.mark.parametrize("config", [json.dumps(TREE), "tree"], ids=["inline", "stored"])
def test_headers_beat_every_targets_own_value(config):
    chooser = scene(configs={"tree": TREE}).chooser
    headers = {CONFIG: config, HOST: "https://elsewhere.example/v1", FORWARD: "X-Two, x-three", TIMEOUT: "1500"}
    targets = choose(chooser, headers, "m").route.targets
    assert [
        (target.custom_host, target.custom_host_trusted, target.forward_headers, target.request_timeout)
        for target in targets.values()
    ] == [("https://elsewhere.example/v1", False, ("x-two", "x-three"), 1.5)] * 3
    untouched = choose(chooser, {CONFIG: config}, "m").route.targets
    assert [target.request_timeout for target in untouched.values()] == [5.0, None, None]


def test_a_server_of_ones_own_is_named_by_the_header_alone():
    target, sent, _ = chosen({PROVIDER: "openai-compatible", HOST: "http://127.0.0.1:8080/v1"}, "some/model")
    assert (target.custom_host, sent) == ("http://127.0.0.1:8080/v1", "some/model")


@pytest.mark.parametrize(
    "headers",
    [
        {VK: "openai-prod"},
        {PROVIDER: "@openai-prod"},
        {CONFIG: '{"virtual_key": "openai-prod"}'},
        {CONFIG: '{"retry": {"attempts": 1}}', VK: "openai-prod"},
        {CONFIG: "stored"},
        {CONFIG: json.dumps({"strategy": {"mode": "single"}, "targets": [{"virtual_key": "openai-prod"}]})},
    ],
    ids=["virtual key", "@slug", "in an inline config", "beside settings", "key in a file", "deep in a tree"],
)
def test_a_callers_host_never_gets_a_stored_credential(headers):
    with pytest.raises(GatewayError) as refusal:
        chosen({HOST: "https://thief.example/v1", **headers})
    assert (refusal.value.status, refusal.value.code, refusal.value.param) == (400, "custom_host_blocked", HOST)
    assert STORED_KEY not in refusal.value.message


def test_a_callers_host_in_its_config_never_gets_a_stored_credential():
    for host in ({"custom_host": "https://thief.example/v1"}, {"customHost": "https://thief.example/v1"}):
        for config in ({"virtual_key": "openai-prod", **host}, {"retry": {"attempts": 1}, **host}):
            with pytest.raises(InvalidConfig) as refusal:
                chosen({CONFIG: json.dumps(config), **({} if "virtual_key" in config else {VK: "openai-prod"})})
            assert refusal.value.code == "custom_host_blocked"
    with pytest.raises(InvalidConfig) as refusal:
        chosen({VK: "azure-eu", "x-portkey-azure-resource-name": "thief"})
    assert (refusal.value.code, refusal.value.param) == ("custom_host_blocked", "x-portkey-azure-resource-name")


def test_a_trusted_host_may_get_a_stored_credential():
    for host in ("http://10.0.0.5:8080/v1", "http://a.svc.cluster.local/v1"):
        target, _, _ = chosen({VK: "openai-prod", HOST: host}, trusted_hosts=("10.0.0.5:8080", ".svc.cluster.local"))
        assert (target.custom_host, target.custom_host_trusted) == (host, True)
    with pytest.raises(GatewayError):
        chosen({VK: "openai-prod", HOST: "http://10.0.0.5:8081/v1"}, trusted_hosts=("10.0.0.5:8080",))


@pytest.mark.parametrize(
    "headers",
    [
        {PROVIDER: "openai", **AUTH},
        {CONFIG: INLINE},
        {PROVIDER: "azure-openai", "x-portkey-azure-deployment-id": "d", "x-portkey-azure-ad-token": "callers-token"},
    ],
    ids=["authorization", "inline config", "azure token"],
)
def test_a_callers_own_credential_goes_to_the_callers_host(headers):
    target, _, _ = chosen({HOST: "https://images.example/v1", **headers})
    assert (target.custom_host, target.custom_host_trusted) == ("https://images.example/v1", False)


def test_provider_fields_reach_the_target():
    headers = {
        PROVIDER: "azure-openai",
        "x-portkey-azure-resource-name": "pictures-eu",
        "x-portkey-azure-deployment-id": "image-2",
        "x-portkey-azure-api-version": "2025-04-01-preview",
        "api-key": "azure-key",
    }
    target, _, credential = chosen(headers)
    assert (dict(target.options), credential) == (
        {
            "azure_resource_name": "pictures-eu",
            "azure_deployment_id": "image-2",
            "azure_api_version": "2025-04-01-preview",
        },
        "azure-key",
    )
    target, _, _ = chosen({PROVIDER: "openai", "x-portkey-openai-project": "p-1", **AUTH})
    assert target.options == {"openai_project": "p-1"}


def test_provider_fields_go_beside_a_virtual_key_too():
    target, _, _ = chosen({VK: "azure-eu", "x-portkey-azure-deployment-id": "other"})
    assert target.options["azure_deployment_id"] == "other"
    assert target.options["azure_resource_name"] == "pictures-eu"


def test_fields_of_other_providers_are_not_meant_for_this_one():
    target, _, _ = chosen({PROVIDER: "openai", "x-portkey-azure-resource-name": "x", "x-portkey-aws-region": "y"})
    assert target.options == {}


UNRESOLVABLE = {
    "an unknown config id": (
        {CONFIG: "storde"},
        "m",
        404,
        "config_not_found",
        CONFIG,
        "did you mean `stored`",
    ),
    "a config that is neither id nor JSON": (
        {CONFIG: '"{}" key'},
        "m",
        400,
        "invalid_config",
        CONFIG,
        "id of a stored",
    ),
    "broken JSON": ({CONFIG: '{"provider": '}, "m", 400, "invalid_config", "$", "not valid JSON"),
    "a config with a typo": (
        {CONFIG: '{"provider": "openai", "api_key": "k", "retri": {}}'},
        "m",
        400,
        "invalid_config",
        "$.retri",
        "`retry`",
    ),
    "an unknown provider": ({PROVIDER: "opanai"}, "m", 400, "invalid_config", PROVIDER, "did you mean `openai`"),
    "an empty provider": ({PROVIDER: ""}, "m", 400, "invalid_config", PROVIDER, ""),
    "an unknown virtual key": (
        {VK: "openai-prd"},
        "m",
        400,
        "invalid_request",
        VK,
        "did you mean `openai-prod`",
    ),
    "an unknown virtual key as provider": (
        {PROVIDER: "@openai-prd"},
        "m",
        400,
        "invalid_request",
        PROVIDER,
        "did you mean `openai-prod`",
    ),
    "an unknown virtual key in the model": (
        {},
        "@openai-prd/m",
        400,
        "invalid_request",
        "model",
        "did you mean `openai-prod`",
    ),
    "an unknown model": ({}, "gpt-imag-2", 400, "no_route", "model", "did you mean `gpt-image-2`"),
    "an unknown provider in the model": ({}, "opanai/m", 400, "no_route", "model", "did you mean `openai`"),
    "nothing at all": ({}, None, 400, "no_route", "model", "x-portkey-provider"),
    "settings for nobody": ({CONFIG: SETTINGS}, None, 400, "no_route", "model", "x-portkey-virtual-key"),
    "a provider without what it needs": (
        {PROVIDER: "azure-openai", **AUTH},
        "m",
        400,
        "invalid_config",
        PROVIDER,
        "azure_deployment_id",
    ),
    "a misspelt provider field": (
        {PROVIDER: "azure-openai", "x-portkey-azure-resourcename": "x", **AUTH},
        "m",
        400,
        "invalid_config",
        "x-portkey-azure-resourcename",
        "`azure_resource_name`",
    ),
    "a resource name that is a host": (
        {
            PROVIDER: "azure-openai",
            "x-portkey-azure-resource-name": "evil.example/#",
            "x-portkey-azure-deployment-id": "d",
        },
        "m",
        400,
        "invalid_config",
        "x-portkey-azure-resource-name",
        "",
    ),
    "a resource name that only the adapter refuses": (
        {PROVIDER: "azure-openai", "x-portkey-azure-resource-name": "a-", "x-portkey-azure-deployment-id": "d"},
        "m",
        400,
        "invalid_config",
        None,
        "azure_resource_name",
    ),
    "a key beside a virtual key": (
        {VK: "azure-eu", "x-portkey-azure-ad-token": "t"},
        "m",
        400,
        "invalid_config",
        "x-portkey-azure-ad-token",
        "its own credential",
    ),
    "a host that is no URL": ({VK: "openai-prod", HOST: "ftp://x"}, "m", 400, "invalid_config", HOST, "https://"),
    "a host with a password": (
        {VK: "openai-prod", HOST: "https://a:b@x"},
        "m",
        400,
        "invalid_config",
        HOST,
        "password",
    ),
    "a header that is never forwarded": (
        {VK: "openai-prod", FORWARD: "x-a, Authorization"},
        "m",
        400,
        "invalid_config",
        FORWARD,
        "`authorization`",
    ),
    "a timeout in words": ({VK: "openai-prod", TIMEOUT: "1s"}, "m", 400, "invalid_request", TIMEOUT, "milliseconds"),
    "a timeout of zero": ({VK: "openai-prod", TIMEOUT: "0"}, "m", 400, "invalid_request", TIMEOUT, "from 1 to 600000"),
    "a timeout too long": ({VK: "openai-prod", TIMEOUT: "600001"}, "m", 400, "invalid_request", TIMEOUT, "600000"),
    "a timeout of 5000 digits": ({VK: "openai-prod", TIMEOUT: "9" * 5000}, "m", 400, "invalid_request", TIMEOUT, ""),
    "a config of ten thousand levels": (
        {CONFIG: '{"targets":' + "[" * 10_000 + "]" * 10_000 + "}"},
        "m",
        400,
        "invalid_config",
        "$",
        "",
    ),
    "a strategy without targets": (
        {CONFIG: '{"strategy": {"mode": "fallback"}}', PROVIDER: "sandbox"},
        "m",
        400,
        "invalid_config",
        "$.strategy",
        "needs `targets`",
    ),
    "a key given twice": (
        {CONFIG: '{"provider": "openai", "provider": "sandbox"}'},
        "m",
        400,
        "invalid_config",
        "$",
        "given twice",
    ),
}


@pytest.mark.parametrize(
    ("headers", "model", "status", "code", "param", "words"), UNRESOLVABLE.values(), ids=UNRESOLVABLE
)
def test_what_cannot_be_resolved_says_why(headers, model, status, code, param, words):
    with pytest.raises(GatewayError) as refusal:
        chosen(headers, model)
    told = refusal.value
    assert (told.status, told.code) == (status, code)
    assert param is None or told.param == param
    assert words in told.message
    assert len(told.message) < 700  # room for the names of all providers, and for nothing a caller sent at length


def test_a_default_config_that_is_gone_is_not_found():
    with pytest.raises(ConfigNotFound, match="'gone'"):
        choose(scene(default_config="gone").chooser, {}, "m")


def test_a_config_that_is_no_config_is_not_repeated():
    with pytest.raises(GatewayError) as refusal:
        chosen({CONFIG: json.dumps(INLINE)})  # twice encoded
    assert "callers-own-key" not in refusal.value.message


def test_equal_headers_get_the_very_same_route():
    chooser = scene(configs=CONFIGS).chooser
    for headers in ({CONFIG: INLINE}, {CONFIG: "stored"}, {VK: "openai-prod"}, {PROVIDER: "openai"}, {TIMEOUT: "5"}):
        first = choose(chooser, headers, "gpt-image-1").route
        assert choose(chooser, dict(headers), "gpt-image-1").route is first
        assert choose(chooser, {**headers, "x-request-id": "7", **AUTH}, "gpt-image-1").route is first


def test_what_differs_gets_a_route_of_its_own():
    chooser = scene(configs=CONFIGS).chooser
    requests = [
        ({VK: "openai-prod"}, "m"),
        ({VK: "azure-eu"}, "m"),
        ({PROVIDER: "openai"}, "m"),
        ({}, "gpt-image-1"),
        ({}, "@openai-prod/gpt-image-1"),
        ({}, "@azure-eu/gpt-image-1"),
        ({PROVIDER: "openai", TIMEOUT: "5"}, "m"),
        ({PROVIDER: "openai", TIMEOUT: "6"}, "m"),
        ({PROVIDER: "openai", HOST: "https://a.example"}, "m"),
        ({PROVIDER: "openai", FORWARD: "x-a"}, "m"),
        ({PROVIDER: "openai", "x-portkey-openai-project": "a"}, "m"),
        ({PROVIDER: "openai", "x-portkey-openai-project": "b"}, "m"),
        ({CONFIG: INLINE}, "m"),
        ({CONFIG: INLINE + " "}, "m"),
    ]
    routes = [choose(chooser, headers, model).route for headers, model in requests]
    assert len(set(map(id, routes))) == len(requests)


async def test_credentials_are_not_remembered_with_a_route():
    there = scene(answer(), answer())
    for own in ("first-key", "second-key"):
        choice = choose(there.chooser, {PROVIDER: "openai", "authorization": f"Bearer {own}"}, "m")
        request = asking(model="m")
        await run(choice.route, type(request)(params=request.params, credential=choice.credential))
    assert [sent.headers["authorization"] for sent in there.transport.sent] == ["Bearer first-key", "Bearer second-key"]


def test_no_more_routes_are_remembered_than_there_is_room_for():
    chooser = scene().chooser
    kept = choose(chooser, {PROVIDER: "openai", TIMEOUT: "1"}, "m").route
    for number in range(2, 1300):
        choose(chooser, {PROVIDER: "openai", TIMEOUT: str(number)}, "m")
        if number % 500 == 0:
            assert choose(chooser, {PROVIDER: "openai", TIMEOUT: "1"}, "m").route is kept  # what is used stays
    assert len(chooser._remembered) == 1024
    assert choose(chooser, {PROVIDER: "openai", TIMEOUT: "1"}, "m").route is kept


def test_large_configs_take_more_of_the_room():
    chooser = scene().chooser
    targets = [{"provider": "sandbox"}] * 32
    config = json.dumps({"strategy": {"mode": "fallback"}, "targets": targets})
    for number in range(600):
        choose(chooser, {CONFIG: config + " " * number}, "m")
    assert len(chooser._remembered) == 16_384 // 32


def test_a_remembered_route_is_found_at_once():
    chooser = scene(configs=CONFIGS, gateway=KEYS).chooser
    noise = {f"x-header-{number}": "value" for number in range(20)}
    for headers in ({CONFIG: "stored"}, {CONFIG: INLINE}, {VK: "openai-prod"}, {}):
        said = {KEY: TEAM_KEY, **noise, **headers}
        choose(chooser, said, "gpt-image-1")
        seconds = min(timeit.repeat(lambda said=said: choose(chooser, said, "gpt-image-1"), number=200, repeat=5)) / 200
        assert seconds < 100e-6
