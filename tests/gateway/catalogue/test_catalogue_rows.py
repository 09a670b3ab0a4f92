"""The rows themselves, and how they are found."""

import json
import subprocess
import sys
from datetime import date
from importlib.resources import files

import pytest
import yaml
from jsonschema import Draft202012Validator

from gateway.catalogue import BUILT_IN, CANONICAL, row_of
from gateway.catalogue.sizes import SizeList, SizeRule

find, all_rows, provider_of = BUILT_IN.find, BUILT_IN.all_rows, BUILT_IN.provider_of

_CATALOGUE = files("schemas").joinpath("catalogue")
_FILES = sorted(file.name for file in _CATALOGUE.iterdir() if file.name.endswith(".yaml"))


@pytest.mark.parametrize("name", _FILES)
def test_every_file_keeps_to_the_schema(name):
    schema = json.loads(files("schemas").joinpath("catalogue.schema.json").read_bytes())
    Draft202012Validator.check_schema(schema)
    document = yaml.safe_load(_CATALOGUE.joinpath(name).read_text())
    assert [error.message for error in Draft202012Validator(schema).iter_errors(document)] == []
    assert f"{document['provider']}.yaml" == name


def test_every_row_is_found_by_each_of_its_names():
    for row in all_rows():
        for name in (row.id, *row.aliases):
            assert find(row.provider, name) is row


def test_no_two_rows_of_a_provider_share_a_name():
    names = [(row.provider, name) for row in all_rows() for name in (row.id, *row.aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("row", all_rows(), ids=lambda row: f"{row.provider}/{row.id}")
def test_every_row_is_consistent(row):
    assert row.takes <= CANONICAL
    assert set(row.choices) <= row.takes
    assert row.edit or not row.mask
    assert (row.input is not None) == (row.edit or row.variation)
    if row.default_size is not None:
        assert row.sizes.accepts(row.default_size)
    if row.default_quality is not None:
        assert row.default_quality in row.choices["quality"]
    if row.prices is not None:
        for size, by_quality in row.prices.images.items():
            assert row.sizes.accepts(size)
            assert set(by_quality) <= set(row.choices["quality"])


def test_the_rows_promised_for_openai_are_there():
    assert {row.id for row in all_rows() if row.provider == "openai"} == {
        "dall-e-2",
        "dall-e-3",
        "gpt-image-1",
        "gpt-image-1-mini",
        "gpt-image-1.5",
        "chatgpt-image-latest",
        "gpt-image-2",
        "gpt-image-2.5-sunburst",
        "gpt-image-2.5-flare",
        "gpt-image-2.6-sunburst",
        "gpt-image-2.6-flare",
    }


def test_a_date_behind_a_known_name_is_the_same_model():
    assert find("openai", "gpt-image-2-2026-04-21") is find("openai", "gpt-image-2")
    assert find("openai", "gpt-image-1.5-2025-12-16") is find("openai", "gpt-image-1.5")
    assert find("openai", "gpt-image-9-2025-12-16") is None


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "gpt-image-99"), ("openai", None), ("nobody", "dall-e-3"), ("../openai", "dall-e-3"), ("openai", "")],
)
def test_what_is_not_known_is_none(provider, model):
    assert find(provider, model) is None


def test_an_azure_deployment_is_known_by_the_model_that_the_target_says_it_is():
    row = find("azure-openai", "anything", {"azure_deployment_id": "pictures", "azure_model_name": "gpt-image-2"})
    assert row is not None
    assert (row.provider, row.id) == ("azure-openai", "gpt-image-2")


def test_an_azure_deployment_is_known_where_it_is_called_like_a_model():
    row = find("azure-openai", None, {"azure_deployment_id": "dall-e-3"})
    assert row is not None
    assert row.id == "dall-e-3"


def test_an_azure_deployment_with_a_name_of_its_own_is_unknown_whatever_model_the_caller_names():
    assert find("azure-openai", "dall-e-3", {"azure_deployment_id": "pictures"}) is None


def test_a_bare_model_name_leads_to_the_provider_that_coined_it():
    assert provider_of("dall-e-3") == "openai"
    assert provider_of("gpt-image-2-2026-04-21") == "openai"
    assert provider_of("sandbox") == "sandbox"
    assert provider_of("nothing-like-it") is None


def test_a_row_takes_over_what_it_does_not_say_itself_but_never_another_models_end():
    mini = find("openai", "gpt-image-1-mini")
    assert mini is not None
    assert mini.sizes == SizeList(("auto", "1024x1024", "1536x1024", "1024x1536"))
    assert "input_fidelity" not in mini.takes
    assert mini.choices["output_format"] == ("png", "jpeg", "webp")
    current = find("openai", "gpt-image-2")
    assert current is not None
    assert current.retires is None
    assert isinstance(current.sizes, SizeRule)
    azure = find("azure-openai", "gpt-image-1")
    assert azure is not None
    assert azure.choices["output_format"] == ("png", "jpeg")


def test_a_models_end_is_a_day():
    row = find("openai", "dall-e-3")
    assert row is not None
    assert row.retires == date(2026, 5, 12)


def test_the_native_form_is_the_first():
    assert find("openai", "dall-e-3").native == "url"
    assert find("openai", "gpt-image-1").native == "b64_json"


def test_an_operators_row_is_read_like_a_built_in_one():
    row = row_of("openai", {"id": "ours", "like": "dall-e-3", "n_max": 2, "price": {"image": 0.01}})
    assert (row.id, row.n_max, row.prices.image, row.retires) == ("ours", 2, 0.01, None)
    assert row.choices["style"] == ("vivid", "natural")


def test_nothing_is_read_before_it_is_asked_for():
    code = "import gateway.catalogue.models as m; assert m._rows.cache_info().currsize == 0"
    subprocess.run([sys.executable, "-c", code], check=True)
