"""How Vertex AI is signed in to and where it is, which no cassette shows: a token is minted before its first step."""

import io
import json
from urllib.parse import parse_qs

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from PIL import Image

from gateway.dialect import gemini, imagen
from gateway.dialect.encode import Bent, Unbending
from gateway.images import Embedded, ImageRequest, InMemory, Upload
from gateway.providers import PROVIDERS
from gateway.secret import Secret
from gateway.wire import Minted, MissingCredential, MissingField, Received, Target
from strategies import Cause, Failure, Success

VERTEX = PROVIDERS["vertex-ai"]
NOW = 1_790_000_000.7
EMAIL = "painter@otters-not-real.iam.gserviceaccount.com"


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture(scope="module")
def key():
    """Make a key that lives as long as these tests."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def document(key):
    return {
        "type": "service_account",
        "project_id": "otters-not-real",
        "private_key_id": "key-1",
        "private_key": pem(key),
        "client_email": EMAIL,
        "token_uri": "https://oauth2.googleapis.com/token",
    }


def target(document=None, *, options=None, **credentials):
    held = {name: Secret(value) for name, value in credentials.items()}
    if document is not None:
        text = document if isinstance(document, str) else json.dumps(document)
        held["vertex_service_account_json"] = Secret(text)
    return Target(provider="vertex-ai", options=options or {}, credentials=held)


def asked(document, at=NOW):
    """Return what is sent for a token, or the failure that comes before it."""
    minting = VERTEX.mint(target(document), at)
    try:
        return minting, minting.send(None)
    except StopIteration as done:
        return minting, done.value


def minted(document, status, body, headers=None):
    minting, sent = asked(document)
    assert not isinstance(sent, Failure)
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    with pytest.raises(StopIteration) as done:
        minting.send(Received(status, headers or {}, data))
    return done.value.value


def test_the_assertion_says_who_wants_what_and_for_how_long(document, key):
    _, sent = asked(document)
    assert (sent.method, sent.path) == ("POST", "https://oauth2.googleapis.com/token")
    assert sent.headers == {"content-type": "application/x-www-form-urlencoded"}
    form = parse_qs(sent.data.decode(), strict_parsing=True)
    assert form.keys() == {"grant_type", "assertion"}
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    (assertion,) = form["assertion"]
    assert jwt.get_unverified_header(assertion) == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}
    claims = jwt.decode(
        assertion,
        key.public_key(),
        algorithms=["RS256"],
        audience=sent.path,
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims == {
        "iss": EMAIL,
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": "https://oauth2.googleapis.com/token",
        "iat": 1_790_000_000,
        "exp": 1_790_003_600,
    }


def test_the_token_is_asked_for_where_the_key_file_says(document):
    _, sent = asked({**document, "token_uri": "https://oauth2.example/token"})
    assert sent.path == "https://oauth2.example/token"
    del document["token_uri"]
    _, sent = asked(document)
    assert sent.path == "https://oauth2.googleapis.com/token"


def test_a_key_with_its_line_ends_spelled_out_is_a_key(document):
    _, sent = asked({**document, "private_key": document["private_key"].replace("\n", "\\n")})
    assert not isinstance(sent, Failure)


@pytest.mark.parametrize(
    ("lifetime", "seconds"),
    [(3599, 3599), (1800.5, 1800.5), (10**12, 3600), (0, 600), (-5, 600), ("3599", 600), (None, 600), (True, 600)],
)
def test_a_token_is_trusted_for_as_long_as_it_is_good(document, lifetime, seconds):
    found = minted(document, 200, {"access_token": "minted-not-real", "expires_in": lifetime, "token_type": "Bearer"})
    assert found == Minted({"access_token": Secret("minted-not-real")}, seconds)


def test_a_minted_token_is_what_is_sent(document):
    held = target(document, access_token="minted-not-real")  # noqa: S106 - it says that it is none
    assert VERTEX.authorize(held) == {"Authorization": "Bearer minted-not-real"}


def test_before_its_token_is_minted_a_service_account_sends_nothing(document):
    assert VERTEX.authorize(target(document)) == {}
    assert VERTEX.authorize(target("no JSON at all")) == {}


def test_an_access_token_is_sent_as_it_is(document):
    assert VERTEX.authorize(target(api_key="test-token-not-real")) == {"Authorization": "Bearer test-token-not-real"}
    assert VERTEX.mint(target(api_key="test-token-not-real"), NOW) is None
    assert VERTEX.mint(target(document, api_key="test-token-not-real"), NOW) is None


def test_without_a_credential_the_message_names_the_ways_to_give_one():
    assert VERTEX.mint(target(), NOW) is None
    with pytest.raises(MissingCredential) as missing:
        VERTEX.authorize(target())
    for way in ("`vertex_service_account_json`", "`api_key`", "`virtual_key`", "`Authorization: Bearer …`"):
        assert way in str(missing.value)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refused_key_is_a_matter_of_the_credential(document, status):
    failure = minted(document, status, {"error": "invalid_grant", "error_description": f"Invalid JWT of {EMAIL}"})
    assert failure.cause is Cause.AUTH
    assert failure.status == status
    assert failure.provider_code == "invalid_grant"
    assert not failure.billable
    assert "`vertex_service_account_json`" in failure.message
    assert EMAIL not in failure.message


@pytest.mark.parametrize(
    ("status", "cause"), [(429, Cause.RATE_LIMITED), (500, Cause.PROVIDER_ERROR), (302, Cause.PROVIDER_ERROR)]
)
def test_a_token_server_in_trouble_is_not_a_bad_key(document, status, cause):
    failure = minted(document, status, {"error": {"code": status}}, {"retry-after": "7"})
    assert failure.cause is cause
    assert not failure.billable
    if cause is Cause.RATE_LIMITED:
        assert failure.retry_after == 7


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"<html>", b"null", b"[]", b"7", b"{}", b'{"access_token": ""}', b'{"access_token": 5}'),
        *(b'{"access_token": "two words"}', b'{"access_token": "a\\r\\nx-evil: 1"}', '{"access_token": "ü"}'.encode()),
    ],
)
def test_an_answer_without_a_token_is_a_failure_that_cost_nothing(document, body):
    failure = minted(document, 200, body)
    assert failure.cause is Cause.INCOMPLETE
    assert failure.code == "upstream_bad_response"
    assert not failure.billable


def without(name):
    return lambda document: {key: value for key, value in document.items() if key != name}


@pytest.mark.parametrize(
    ("spoiled", "named"),
    [
        (lambda _: "hush-not-real", "JSON"),
        (lambda _: "", "JSON"),
        (lambda _: '["hush-not-real"]', "object"),
        (lambda document: {**document, "type": "authorized_user"}, "`type`"),
        (without("client_email"), "`client_email`"),
        (without("private_key"), "`private_key`"),
        (lambda document: {**document, "client_email": ["hush-not-real"]}, "`client_email`"),
        (lambda document: {**document, "private_key": "hush-not-real"}, "`private_key`"),
        (lambda document: {**document, "private_key": document["private_key"][:300]}, "`private_key`"),
        (lambda document: {**document, "private_key": pem(ec.generate_private_key(ec.SECP256R1()))}, "`private_key`"),
        (lambda document: {**document, "token_uri": "http://hush-not-real.example/token"}, "`token_uri`"),
        (lambda document: {**document, "token_uri": "https:///token"}, "`token_uri`"),
        (lambda document: {**document, "token_uri": "https://hush@not-real.example/token"}, "`token_uri`"),
        (lambda document: {**document, "token_uri": "https://hush.example/ not-real"}, "`token_uri`"),
        (lambda document: {**document, "token_uri": "https://[hush-not-real/token"}, "`token_uri`"),
    ],
)
def test_a_spoiled_key_file_is_named_and_never_shown(document, spoiled, named):
    _, failure = asked(spoiled(document))
    assert isinstance(failure, Failure)
    assert failure.cause is Cause.AUTH
    assert not failure.reached
    assert not failure.billable
    assert "`vertex_service_account_json`" in failure.message
    assert named in failure.message
    for content in ("hush", "BEGIN", EMAIL, "otters-not-real"):
        assert content not in failure.message


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("us-central1", "https://us-central1-aiplatform.googleapis.com"),
        ("northamerica-northeast1", "https://northamerica-northeast1-aiplatform.googleapis.com"),
        ("global", "https://aiplatform.googleapis.com"),
    ],
)
def test_the_region_makes_up_the_host(region, url):
    options = {"vertex_project_id": "pictures-prod", "vertex_region": region}
    assert VERTEX.base_url(target(options=options)) == url


@pytest.mark.parametrize(
    "region",
    [
        *("evil.example/", "evil.example#", "evil.example?", "a@evil.example", "us.central1", "", "-", "us-central1\n"),
        *("https://a", "US-CENTRAL1", "us-central1-", "üs-central1", "us central1", "us-central1/../..", 5, ["global"]),
    ],
)
def test_a_region_cannot_lead_to_another_host(region):
    options = {"vertex_project_id": "pictures-prod", "vertex_region": region}
    with pytest.raises(MissingField, match="`vertex_region`"):
        VERTEX.base_url(target(options=options))


@pytest.mark.parametrize("project", ["", "..", "a/b", "a?b", "a b", "A", "a%2fb", "a\n", 5])
def test_a_project_cannot_lead_to_another_path(project):
    with pytest.raises(MissingField, match="`vertex_project_id`"):
        VERTEX.base_url(target(options={"vertex_project_id": project}))


def test_the_service_account_may_name_the_project(document):
    assert VERTEX.base_url(target(document)) == "https://us-central1-aiplatform.googleapis.com"
    for credentials in ({}, {"document": without("project_id")(document)}):
        with pytest.raises(MissingField, match="`vertex_project_id`"):
            VERTEX.base_url(target(**credentials))
    with pytest.raises(MissingCredential, match="`vertex_service_account_json`"):
        VERTEX.base_url(target("hush-not-real"))


_PICTURE = {"inlineData": {"mimeType": "image/png", "data": "aW1hZ2U="}}
_GEMINI = {
    "candidates": [{"content": {"parts": [{"text": "Here"}, _PICTURE]}, "finishReason": "STOP"}],
    "usageMetadata": {
        "promptTokenCount": 9,
        "candidatesTokenCount": 9,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9}],
    },
    "promptFeedback": {"blockReason": "BLOCK_REASON_UNSPECIFIED"},
}
_IMAGEN = {"predictions": [{"bytesBase64Encoded": "aW1hZ2U=", "prompt": "an otter"}, {"raiFilteredReason": "no"}]}
_ERROR = {
    "error": {
        "code": 429,
        "status": "RESOURCE_EXHAUSTED",
        "message": "Quota. Support codes: 1",
        "details": [{"retryDelay": "3s", "reason": "RATE_LIMIT_EXCEEDED"}],
    }
}


def replacements(value, junk):
    """Yield the value with each part of it, in turn, replaced by something that does not belong there."""
    yield junk
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from ({**value, name: spoiled} for spoiled in replacements(inner, junk))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from ([*value[:place], spoiled, *value[place + 1 :]] for spoiled in replacements(inner, junk))


@pytest.mark.parametrize("junk", [None, 5, -1, 1.5, True, "", "x", [], {}, [[]], [None], {"a": 1}], ids=repr)
@pytest.mark.parametrize("status", [200, 400, 503])
@pytest.mark.parametrize("format_", [gemini, imagen], ids=["gemini", "imagen"])
def test_no_answer_however_odd_goes_without_an_outcome(format_, status, junk):
    for whole in (_GEMINI, _IMAGEN, _ERROR, [_ERROR]):
        for body in replacements(whole, junk):
            received = Received(status, {}, msgspec.json.encode(body))
            assert isinstance(format_.outcome_of(received, "vertex-ai"), Success | Failure)


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [
        ("34s", 34),
        ("0.5s", 0.5),
        ("99999999s", 86_400),
        ("-1s", None),
        ("1m", None),
        ("s", None),
        (34, None),
        ("", None),
    ],
)
def test_the_delay_of_a_retry_info_is_a_hint_when_to_return(delay, seconds):
    body = {"error": {"code": 429, "details": [{"retryDelay": delay}]}}
    failure = gemini.outcome_of(Received(429, {}, msgspec.json.encode(body)), "vertex-ai")
    assert failure.cause is Cause.RATE_LIMITED
    assert failure.retry_after == seconds


def test_a_retry_after_header_comes_before_the_delay_in_the_body():
    body = {"error": {"code": 429, "details": [{"retryDelay": "34s"}]}}
    failure = gemini.outcome_of(Received(429, {"retry-after": "5"}, msgspec.json.encode(body)), "vertex-ai")
    assert failure.retry_after == 5


def drawn(mode):
    out = io.BytesIO()
    Image.new(mode, (64, 64)).save(out, "PNG")
    return Upload(content=InMemory(out.getvalue()), format="png", width=64, height=64)


def references(picture, **own):
    """Return what goes along with an edit."""
    params = {"model": "imagen-3.0-capability-001", "prompt": "a red door", "image": [picture], **own}
    aimed = Target(provider="vertex-ai", options={"vertex_project_id": "p-1"})
    sent = next(VERTEX.flow(ImageRequest(params=params, path="/v1/images/edits"), aimed)).json
    return [each["referenceImage"]["bytesBase64Encoded"] for each in sent["instances"][0]["referenceImages"]]


@pytest.mark.parametrize(
    "own", [{"editMode": "EDIT_MODE_INPAINT_REMOVAL"}, {"parameters": {"editMode": "EDIT_MODE_OUTPAINT"}}]
)
def test_a_mode_that_needs_a_mask_is_given_a_transparent_picture_as_its_own(own):
    picture = drawn("RGBA")
    assert references(picture, **own) == [
        Embedded(upload=picture),
        Embedded(upload=picture, mask="white", binary=True),
    ]
    assert len(references(drawn("RGB"), **own)) == 1


@pytest.mark.parametrize("own", [{}, {"editMode": "EDIT_MODE_STYLE"}, {"editMode": ["?"]}])
def test_a_transparent_picture_is_changed_as_a_whole_where_no_mask_is_needed(own):
    assert len(references(drawn("RGBA"), **own)) == 1


def test_a_seed_is_not_bought_with_the_watermark_where_nothing_may_be_changed():
    aimed = Target(provider="vertex-ai", options={"vertex_project_id": "p-1"})
    asked = {"model": "imagen-4.0-generate-001", "prompt": "an otter", "seed": 7}
    with pytest.raises(Bent, match="watermark=true->false"):
        next(VERTEX.flow(ImageRequest(params=Unbending(asked)), aimed))
    for own in ({"watermark": False}, {"parameters": {"addWatermark": False}}):
        sent = next(VERTEX.flow(ImageRequest(params=Unbending(asked | own)), aimed))
        assert sent.json["parameters"]["addWatermark"] is False
