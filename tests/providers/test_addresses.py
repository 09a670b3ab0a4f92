"""Where providers are reached and what they are paid with: what a cassette cannot show, as nothing is sent."""

import pytest

from gateway.providers import PROVIDERS
from gateway.secret import Secret
from gateway.wire import MissingCredential, MissingField, Target


@pytest.mark.parametrize("slug", ["openai", "azure-openai"])
def test_without_a_credential_the_message_names_the_ways_to_give_one(slug):
    with pytest.raises(MissingCredential) as missing:
        PROVIDERS[slug].authorize(Target(provider=slug))
    for way in ("`api_key`", "`virtual_key`", "`Authorization: Bearer …`", slug):
        assert way in str(missing.value)


@pytest.mark.parametrize("slug", ["openai-compatible", "sandbox"])
def test_a_server_of_ones_own_needs_no_credential(slug):
    assert PROVIDERS[slug].authorize(Target(provider=slug)) == {}


def test_an_access_token_comes_before_a_key():
    credentials = {"api_key": Secret("test-key-not-real"), "azure_ad_token": Secret("test-token-not-real")}
    headers = PROVIDERS["azure-openai"].authorize(Target(provider="azure-openai", credentials=credentials))
    assert headers == {"Authorization": "Bearer test-token-not-real"}


@pytest.mark.parametrize(
    ("slug", "named"), [("openai-compatible", "`custom_host`"), ("azure-openai", "`azure_resource_name`")]
)
def test_without_an_address_the_message_names_the_field(slug, named):
    with pytest.raises(MissingField, match=named):
        PROVIDERS[slug].base_url(Target(provider=slug))


@pytest.mark.parametrize(
    "resource",
    ["evil.example/", "evil.example#", "evil.example?", "a@evil.example", "a.b", "", "-a", "a-", "a\n", "https://a", 5],
)
def test_a_resource_name_cannot_lead_to_another_host(resource):
    with pytest.raises(MissingField, match="letters, digits, hyphens"):
        PROVIDERS["azure-openai"].base_url(Target(provider="azure-openai", options={"azure_resource_name": resource}))
