"""`GET /v1/models`: what this caller can reach, under names that lead to it."""

from urllib.parse import quote

import pytest

from tests.end_to_end.caller import ask
from tests.running import serving

GATEWAY_YAML = """
virtual_keys:
  stored: {provider: openai, api_key: test-stored-key-not-real}
api_keys:
  - {name: all, key: test-key-of-all-models-not-real}
  - {name: team, key: test-key-of-the-team-not-real, allow: {providers: [openai, sandbox], models: ["gpt-image-*", "sandbox*"]}}
  - {name: nobody, key: test-key-of-nobody-not-real, allow: {providers: [reka-ai]}}
catalogue:
  - {provider: openai-compatible, id: house/our flux, like: openai/dall-e-3, n_max: 7, price: {image: 0.5}}
  - {provider: openai, id: dall-e-2, n_max: 3}
"""  # noqa: E501 - one key a line
ALL, TEAM, NOBODY = (f"test-key-of-{who}-not-real" for who in ("all-models", "the-team", "nobody"))
FIELDS = {
    *("id", "object", "created", "owned_by", "provider", "model", "needs_own_credential", "aliases", "retires"),
    *("retired", "capabilities", "sizes", "default_size", "n", "prompt_max", "parameters", "choices"),
    *("response_formats", "native_response_format", "input", "prices"),
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    (folder / "gateway.yaml").write_text(GATEWAY_YAML)
    with serving(folder, "--data", str(folder / "data")) as running:
        yield running


def get(gateway, path, key=ALL, method="GET"):
    return ask(gateway, b"", method=method, path=path, x_portkey_api_key=key)


def listed(gateway, key=ALL, path="/v1/models"):
    got = get(gateway, path, key)
    assert got.status == 200
    assert got.json["object"] == "list"
    return got.json["data"]


def test_the_list_says_what_models_take_and_cost(gateway):
    models = listed(gateway)
    assert len(models) > 100
    assert all(model.keys() == FIELDS for model in models)
    assert {model["object"] for model in models} == {"model"}
    known = {model["id"]: model for model in models}
    assert len(known) == len(models), "a name stands for one model"
    model = known["gpt-image-1"]
    assert (model["owned_by"], model["model"], model["needs_own_credential"]) == ("openai", "gpt-image-1", False)
    assert model["capabilities"] == {"generate": True, "edit": True, "mask": True, "variation": False, "stream": True}
    assert "size" in model["parameters"]
    assert model["prices"]
    assert known["imagen-4.0-generate-001"]["needs_own_credential"] is True


def test_the_list_is_the_same_without_the_prefix(gateway):
    assert listed(gateway, path="/models") == listed(gateway)


def test_each_model_of_the_list_is_found_by_its_name(gateway):
    """All of them, with slashes and all, however a client writes these."""
    for number, model in enumerate(listed(gateway)):
        path = quote(model["id"], safe="" if number % 2 else "/")
        assert get(gateway, f"{'/v1' if number % 3 else ''}/models/{path}").json == model


def test_a_model_is_found_by_its_providers_name_and_its_aliases(gateway):
    model = get(gateway, "/v1/models/gpt-image-1").json
    assert get(gateway, "/v1/models/openai/gpt-image-1").json == model
    for other in listed(gateway):
        if other["id"] == other["model"]:
            for alias in other["aliases"]:
                assert get(gateway, f"/v1/models/{quote(alias)}").status == 200


def test_rows_of_the_operator_are_there(gateway):
    [ours] = [model for model in listed(gateway) if model["model"] == "house/our flux"]
    assert ours["id"] in ("house/our flux", "openai-compatible/house/our flux")
    assert (ours["n"], ours["prices"]["image"]) == (7, 0.5)
    assert get(gateway, f"/v1/models/{quote(ours['id'])}").json == ours
    assert get(gateway, "/v1/models/dall-e-2").json["n"] == 3


@pytest.mark.parametrize(
    "name", ["dall-e-4", "openai", "openai/", "/", "a" * 5000, "%F0%9F%A6%A6", "..%2F..%2Flivez", "gpt-image-1/", "%00"]
)
def test_a_model_that_nobody_knows_is_not_found(gateway, name):
    got = get(gateway, f"/v1/models/{name}")
    assert (got.status, got.code) in ((404, "model_not_found"), (400, "bad_target"))
    if got.status == 404:
        assert got.error["param"] == "model"
        assert "GET /v1/models" in got.error["message"]
        assert len(got.body) < 1000


def test_a_key_sees_what_it_may_use(gateway):
    models = listed(gateway, TEAM)
    assert {model["provider"] for model in models} == {"openai", "sandbox"}
    assert all(model["model"].startswith(("gpt-image-", "sandbox")) for model in models)
    assert {model["id"] for model in models} < {model["id"] for model in listed(gateway)}
    assert get(gateway, "/v1/models/gpt-image-1", TEAM).status == 200
    foreign, unknown = (get(gateway, f"/v1/models/{name}", TEAM) for name in ("dall-e-3", "dall-e-9"))
    assert (foreign.status, foreign.code) == (404, "model_not_found")
    assert foreign.error["message"].replace("dall-e-3", "dall-e-9") == unknown.error["message"]


def test_a_key_that_may_use_nothing_sees_nothing(gateway):
    assert listed(gateway, NOBODY) == []
    assert get(gateway, "/v1/models/gpt-image-1", NOBODY).status == 404


@pytest.mark.parametrize("path", ["/v1/models", "/models", "/v1/models/gpt-image-1"])
def test_without_a_key_nothing_is_told(gateway, path):
    for key in ("", "test-unknown-key-not-real"):
        got = get(gateway, path, key)
        assert (got.status, got.code) == (401, "invalid_api_key")
    assert ask(gateway, b"", method="GET", path=path, authorization=f"Bearer {ALL}").status == 200


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/gpt-image-1"])
def test_models_are_only_read(gateway, path):
    assert get(gateway, path, method="POST").code == "method_not_allowed"
    assert get(gateway, path, method="HEAD").status == 200
