"""Azure OpenAI signs in with Microsoft Entra: what is sent for a token, what is made of the answer, what is missing."""

from urllib.parse import parse_qs

import msgspec
import pytest

from gateway.images import ImageRequest
from gateway.providers import PROVIDERS
from gateway.secret import Secret
from gateway.wire import Minted, MissingCredential, MissingField, Received, Target
from strategies import Cause, Failure

AZURE = PROVIDERS["azure-openai"]
ENTRA = {
    "azure_auth_mode": "entra",
    "azure_entra_client_id": "00000000-0000-0000-0000-000000000001",
    "azure_entra_tenant_id": "contoso.onmicrosoft.com",
}
SECRET = {"azure_entra_client_secret": Secret("test-secret-not-real")}


def target(options=ENTRA, credentials=SECRET):
    return Target(provider="azure-openai", options=options, credentials=credentials)


def answer(status, body, headers=None):
    return Received(status, headers or {}, msgspec.json.encode(body) if not isinstance(body, bytes) else body)


def minted(received, aimed=None):
    minting = AZURE.mint(aimed or target(), 0.0)
    asked = next(minting)
    with pytest.raises(StopIteration) as end:
        minting.send(received)
    return asked, end.value.value


def test_the_application_is_traded_for_a_token():
    asked, token = minted(answer(200, {"token_type": "Bearer", "expires_in": 3599, "access_token": "t-not-real"}))
    assert asked.method == "POST"
    assert asked.path == "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token"
    assert asked.headers == {"content-type": "application/x-www-form-urlencoded"}
    assert parse_qs(asked.data.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["00000000-0000-0000-0000-000000000001"],
        "client_secret": ["test-secret-not-real"],
        "scope": ["https://cognitiveservices.azure.com/.default"],
    }
    assert token == Minted({"azure_ad_token": Secret("t-not-real")}, 3599.0)


def test_the_token_is_used_like_one_that_was_given():
    held = {**SECRET, "azure_ad_token": Secret("t-not-real")}
    assert AZURE.authorize(target(credentials=held)) == {"Authorization": "Bearer t-not-real"}


def test_before_there_is_a_token_nothing_secret_is_sent():
    assert AZURE.authorize(target()) == {}
    assert AZURE.authorize(target({**ENTRA, "openai_beta": "b"})) == {"OpenAI-Beta": "b"}


def test_the_secret_alone_says_how_to_sign_in():
    options = {name: value for name, value in ENTRA.items() if name != "azure_auth_mode"}
    assert AZURE.mint(target(options), 0.0) is not None


@pytest.mark.parametrize(
    "credentials",
    [{"api_key": Secret("k-not-real")}, {"azure_ad_token": Secret("t-not-real")}],
    ids=["a key", "a token"],
)
def test_other_credentials_need_no_token(credentials):
    assert AZURE.mint(target({}, credentials), 0.0) is None


def test_another_scope_is_asked_for():
    asked, _ = minted(answer(200, {}), target({**ENTRA, "azure_entra_scope": "https://ai.azure.com/.default"}))
    assert parse_qs(asked.data.decode())["scope"] == ["https://ai.azure.com/.default"]


@pytest.mark.parametrize(
    ("told", "seconds"), [("3599", 3599.0), (3600.5, 3600.5), (None, 60.0), (5, 60.0), ("soon", 60.0), ([], 60.0)]
)
def test_how_long_a_token_lasts(told, seconds):
    _, token = minted(answer(200, {"access_token": "t-not-real", "expires_in": told}))
    assert token.seconds == seconds


@pytest.mark.parametrize(
    ("received", "cause", "code"),
    [
        (answer(401, {"error": "invalid_client", "error_description": "AADSTS7000215 for app 0000"}), "auth", True),
        (answer(400, {"error": "invalid_scope"}), "auth", True),
        (answer(400, b"<html>"), "auth", False),
        (answer(429, {"error": "temporarily_unavailable"}, {"retry-after": "3"}), "rate_limited", False),
        (answer(503, b""), "provider_error", False),
        (answer(200, b"<html>"), "provider_error", False),
        (answer(200, {"access_token": None}), "provider_error", False),
        (answer(200, [1]), "provider_error", False),
    ],
    ids=range(8),
)
def test_without_a_token_the_failure_says_why(received, cause, code):
    _, failure = minted(received)
    assert isinstance(failure, Failure)
    assert failure.cause is Cause(cause)
    assert not failure.billable
    assert (failure.provider_code is not None) == code
    assert "AADSTS" not in failure.message
    if failure.cause is Cause.AUTH:
        assert "`azure_entra_client_secret`" in failure.message


def test_without_the_secret_the_message_names_it():
    with pytest.raises(MissingCredential, match="`azure_entra_client_secret`"):
        AZURE.authorize(target(credentials={}))


@pytest.mark.parametrize("name", ["azure_entra_client_id", "azure_entra_tenant_id"])
def test_without_an_option_the_message_names_it(name):
    options = {key: value for key, value in ENTRA.items() if key != name}
    with pytest.raises(MissingField, match=f"`{name}`"):
        AZURE.authorize(target(options))


@pytest.mark.parametrize(
    "tenant", ["a/b", "..", "../x", "a?b", "a#b", "a@b", "a b", "a\n", "-a", "a-", "a%2fb", "é", 5, "a" * 254]
)
def test_a_tenant_cannot_lead_elsewhere(tenant):
    with pytest.raises(MissingField, match="letters, digits, dots, hyphens"):
        AZURE.authorize(target({**ENTRA, "azure_entra_tenant_id": tenant}))


@pytest.mark.parametrize(
    ("options", "version"),
    [
        ({"api_version": "2024-10-21"}, "2024-10-21"),
        ({"api_version": "2024-10-21", "azure_api_version": "2025-04-01-preview"}, "2025-04-01-preview"),
        ({}, "2025-04-01-preview"),
    ],
    ids=["the short name", "the long name first", "none"],
)
def test_the_version_has_two_spellings(options, version):
    aimed = target({"azure_deployment_id": "image-2", **options}, {"api_key": Secret("k-not-real")})
    sent = next(AZURE.flow(ImageRequest(params={"prompt": "an otter"}), aimed))
    assert sent.path == f"/deployments/image-2/images/generations?api-version={version}"


def test_the_fields_of_the_application_belong_to_azure():
    fields = AZURE.fields
    assert "azure_entra_client_secret" in fields.credentials
    assert {*ENTRA, "azure_entra_scope", "api_version"} <= set(fields.options)
