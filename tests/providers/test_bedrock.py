"""How Bedrock is signed in to: what a cassette cannot show, as it has neither a clock nor a signature."""

import hashlib
import hmac
import io
import subprocess
import sys
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from PIL import Image

from gateway.images import Embedded, ImageRequest, InMemory, Upload
from gateway.providers import PROVIDERS
from gateway.secret import Secret
from gateway.wire import Minted, MissingCredential, MissingField, Outgoing, Received, Target
from strategies import Cause, Failure

BEDROCK = PROVIDERS["bedrock"]
_SECRET = "test-secret-not-real"  # noqa: S105
AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC).timestamp()
URL = "https://bedrock-runtime.us-west-2.amazonaws.com/model/us.stability.sd3-5-large-v1%3A0/invoke"
BODY = b'{"prompt":"a small otter"}'
ROLE = "arn:aws:iam::123456789012:role/pictures"
BAD_REGIONS = [
    "evil.example/",
    "us-east-1.evil.example",
    "us-east-1\n",
    "us-east-1/",
    "us-east-1@evil",
    "",
    "US-EAST-1",
    5,
]


def target(*, key=True, token=None, api_key=None, **options):
    credentials = {"aws_secret_access_key": "test-secret-not-real"} if key else {}
    if key:
        options = {"aws_access_key_id": "AKIDNOTREAL", **options}
    if token is not None:
        credentials["aws_session_token"] = token
    if api_key is not None:
        credentials["api_key"] = api_key
    held = {name: Secret(value) for name, value in credentials.items()}
    return Target(provider="bedrock", options=options, credentials=held)


def outgoing(url=URL, headers=None, body=BODY, at=AT):
    return Outgoing("POST", url, headers or {"content-type": "application/json"}, body, at)


def parts_of(authorization):
    algorithm, _, rest = authorization.partition(" ")
    assert algorithm == "AWS4-HMAC-SHA256"
    return dict(part.strip().split("=", 1) for part in rest.split(","))


def by_hand(sent, signed, service, region, secret=_SECRET):
    """Return the signature that AWS's description of version 4 leads to, written without any library."""
    url, headers = urlsplit(sent.url), {**sent.headers, **signed, "host": urlsplit(sent.url).netloc}
    names = parts_of(signed["authorization"])["SignedHeaders"].split(";")
    canonical = "\n".join(
        [
            *(sent.method, quote(url.path), ""),
            *(f"{name}:{headers[name]}" for name in names),
            *("", ";".join(names), hashlib.sha256(sent.body).hexdigest()),
        ]
    )
    stamp = signed["x-amz-date"]
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in (stamp[:8], region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


@pytest.mark.parametrize("token", [None, "test-token-not-real"])
def test_a_signature_is_the_one_that_botocore_makes_at_that_time(monkeypatch, token):
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: datetime.fromtimestamp(AT, UTC))
    request = AWSRequest("POST", URL, headers={"content-type": "application/json"}, data=BODY)
    SigV4Auth(Credentials("AKIDNOTREAL", "test-secret-not-real", token), "bedrock", "us-west-2").add_auth(request)

    signed = BEDROCK.sign(target(token=token, aws_region="us-west-2"), outgoing())

    theirs = {name.lower(): value for name, value in request.headers.items()}
    assert {"content-type": "application/json", **signed} == theirs


def test_a_signature_is_the_one_that_the_description_leads_to():
    signed = BEDROCK.sign(target(token="test-token-not-real", aws_region="us-west-2"), outgoing())  # noqa: S106
    assert signed["x-amz-date"] == "20261121T120000Z"
    assert parts_of(signed["authorization"]) == {
        "Credential": "AKIDNOTREAL/20261121/us-west-2/bedrock/aws4_request",
        "SignedHeaders": "content-type;host;x-amz-date;x-amz-security-token",
        "Signature": by_hand(outgoing(), signed, "bedrock", "us-west-2"),
    }


@pytest.mark.parametrize(
    "other",
    [
        outgoing(body=b'{"prompt":"a small otter!"}'),
        outgoing(body=b""),
        outgoing(at=AT + 1),
        outgoing(url=URL.replace("sd3-5", "sd3")),
        outgoing(url=URL.replace("amazonaws.com", "amazonaws.com.example")),
        outgoing(headers={"content-type": "text/plain"}),
        outgoing(headers={"content-type": "application/json", "x-amzn-bedrock-trace": "ENABLED"}),
    ],
)
def test_a_signature_holds_for_nothing_else(other):
    proofs = [BEDROCK.sign(target(), each)["authorization"] for each in (outgoing(), other)]
    assert proofs[0] != proofs[1]


def test_headers_that_proxies_change_are_not_signed_and_forwarded_ones_do_not_take_the_place_of_ours():
    forwarded = {"x-amz-date": "20000101T000000Z", "X-Amz-Security-Token": "theirs", "accept": "*/*", "via": "1.1 a"}
    sent = outgoing(headers={"content-type": "application/json", **forwarded})
    assert BEDROCK.sign(target(), sent) == BEDROCK.sign(target(), outgoing())


def test_a_session_token_goes_along_and_only_then():
    assert "x-amz-security-token" not in BEDROCK.sign(target(), outgoing())
    signed = BEDROCK.sign(target(token="test-token-not-real"), outgoing())  # noqa: S106
    assert signed["x-amz-security-token"] == "test-token-not-real"


def test_a_custom_host_is_signed_with_its_port():
    sent = outgoing(url="http://127.0.0.1:4566/model/a/invoke")
    signed = BEDROCK.sign(target(), sent)
    assert parts_of(signed["authorization"])["Signature"] == by_hand(sent, signed, "bedrock", "us-east-1")


def test_a_key_of_bedrocks_own_is_sent_and_nothing_is_signed():
    plain = target(key=False, api_key="test-key-not-real")
    assert BEDROCK.authorize(plain) == {"Authorization": "Bearer test-key-not-real"}
    assert BEDROCK.sign(plain, outgoing()) == {}
    assert BEDROCK.mint(plain, AT) is None


def test_an_access_key_is_signed_with_and_never_sent():
    assert BEDROCK.authorize(target()) == {}
    assert BEDROCK.mint(target(), AT) is None
    assert "test-secret-not-real" not in str(BEDROCK.sign(target(), outgoing()))


@pytest.mark.parametrize(
    ("given", "scheme"),
    [
        (target(api_key="test-key-not-real"), "AWS4-HMAC-SHA256"),
        (target(api_key="test-key-not-real", aws_auth_type="accessKey"), "AWS4-HMAC-SHA256"),
        (target(aws_auth_type="accessKey", aws_role_arn=ROLE), "AWS4-HMAC-SHA256"),
        (target(api_key="test-key-not-real", aws_auth_type="apiKey"), "Bearer"),
    ],
)
def test_the_way_to_sign_in_may_be_chosen(given, scheme):
    headers = {k.lower(): v for k, v in {**BEDROCK.authorize(given), **BEDROCK.sign(given, outgoing())}.items()}
    assert headers["authorization"].startswith(f"{scheme} ")
    assert BEDROCK.mint(given, AT) is None


_SECRET_ALONE = Target(provider="bedrock", credentials={"aws_secret_access_key": Secret(_SECRET)})


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (Target(provider="bedrock"), "`api_key`, or `aws_access_key_id`"),
        (target(key=False, aws_access_key_id="AKIDNOTREAL"), "`aws_secret_access_key` is missing"),
        (target(key=False, aws_access_key_id="AKIDNOTREAL", api_key="test-key-not-real"), "`aws_secret_access_key` is"),
        (_SECRET_ALONE, "`aws_access_key_id` is missing"),
        (target(key=False, token="test-token-not-real"), "`aws_access_key_id` is missing"),  # noqa: S106
        (target(key=False, aws_role_arn=ROLE), "assumes its role with an access key"),
        (target(key=False, aws_role_arn=ROLE, api_key="test-key-not-real"), "assumes its role with an access key"),
        (target(key=False, aws_auth_type="accessKey", api_key="test-key-not-real"), "signs with an access key"),
        (target(aws_auth_type="apiKey"), "needs an `api_key`"),
        (target(aws_auth_type="assumedRole"), "needs `aws_role_arn`"),
        (target(aws_auth_type="guess"), "is one of apiKey, accessKey, assumedRole"),
    ],
)
def test_what_is_missing_is_named(given, named):
    with pytest.raises(MissingCredential, match=named):
        BEDROCK.authorize(given)


@pytest.mark.parametrize("region", BAD_REGIONS)
def test_a_region_leads_to_no_other_host(region):
    with pytest.raises(MissingField, match="aws_region"):
        BEDROCK.base_url(target(aws_region=region))
    with pytest.raises(MissingField, match="aws_region"):
        BEDROCK.authorize(target(aws_region=region))
    with pytest.raises(MissingField, match="aws_region"):
        next(BEDROCK.mint(target(aws_region=region, aws_role_arn=ROLE), AT))


@pytest.mark.parametrize(("region", "host"), [(None, "us-east-1"), ("eu-central-1", None), ("us-gov-west-1", None)])
def test_a_region_is_part_of_the_host(region, host):
    options = {} if region is None else {"aws_region": region}
    assert BEDROCK.base_url(target(**options)) == f"https://bedrock-runtime.{host or region}.amazonaws.com"


_GRANTED = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
  <AssumedRoleUser><AssumedRoleId>AROA:beamsplitter</AssumedRoleId></AssumedRoleUser>
  <Credentials><AccessKeyId>ASIANOTREAL</AccessKeyId><SecretAccessKey>minted/secret+not-real=</SecretAccessKey>
    <SessionToken>
      minted-token/not+real==
    </SessionToken><Expiration>2026-11-21T13:00:00Z</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""


def minted(answer, status=200, headers=None, **options):
    minting = BEDROCK.mint(target(aws_role_arn=ROLE, aws_region="eu-west-1", **options), AT)
    asked = next(minting)
    with pytest.raises(StopIteration) as end:
        minting.send(Received(status, headers or {}, answer.encode()))
    return asked, end.value.value


def test_a_role_is_assumed_with_the_access_key():
    asked, got = minted(_GRANTED, aws_external_id="pictures/eu")

    assert (asked.method, asked.path) == ("POST", "https://sts.eu-west-1.amazonaws.com/")
    assert dict(parse_qsl(asked.data.decode())) == {
        "Action": "AssumeRole",
        "Version": "2011-06-15",
        "RoleArn": ROLE,
        "RoleSessionName": "beamsplitter",
        "ExternalId": "pictures/eu",
    }
    sent = Outgoing("POST", asked.path, asked.headers, asked.data, AT)
    proof = parts_of(asked.headers["authorization"])
    assert proof["SignedHeaders"] == "content-type;host;x-amz-date"
    assert proof["Signature"] == by_hand(sent, asked.headers, "sts", "eu-west-1")
    assert got == Minted(
        {
            "aws_access_key_id": Secret("ASIANOTREAL"),
            "aws_secret_access_key": Secret("minted/secret+not-real="),
            "aws_session_token": Secret("minted-token/not+real=="),
        },
        3600.0,
    )


def test_a_role_signs_with_what_was_minted():
    own = target(token="test-token-not-real", aws_role_arn=ROLE)  # noqa: S106
    assert BEDROCK.authorize(own) == {}
    _, got = minted(_GRANTED)
    both = Target(provider="bedrock", options=own.options, credentials={**own.credentials, **got.credentials})
    assert BEDROCK.authorize(both) == {}
    signed = BEDROCK.sign(both, outgoing())
    proof = parts_of(signed["authorization"])
    assert proof["Credential"].startswith("ASIANOTREAL/")
    assert proof["Signature"] == by_hand(outgoing(), signed, "bedrock", "us-east-1", "minted/secret+not-real=")
    assert signed["x-amz-security-token"] == "minted-token/not+real=="


def _error(code):
    return f"<ErrorResponse><Error><Code>{code}</Code><Message>arn of user</Message></Error></ErrorResponse>"


@pytest.mark.parametrize(
    ("status", "answer", "cause", "code"),
    [
        (403, _error("AccessDenied"), Cause.AUTH, "AccessDenied"),
        (403, _error("InvalidClientTokenId"), Cause.AUTH, "InvalidClientTokenId"),
        (400, _error("ValidationError"), Cause.AUTH, "ValidationError"),
        (404, "not here", Cause.AUTH, None),
        (400, _error("Throttling"), Cause.RATE_LIMITED, "Throttling"),
        (503, "<html>", Cause.PROVIDER_ERROR, None),
    ],
)
def test_a_refused_role_is_a_named_failure_that_costs_nothing(status, answer, cause, code):
    _, failure = minted(answer, status)
    assert (failure.cause, failure.status, failure.provider_code) == (cause, status, code)
    assert not failure.billable
    assert "`aws_role_arn`" in failure.message
    assert "arn of user" not in failure.message


_BOMB = '<!DOCTYPE a [<!ENTITY b "ASIANOTREAL">]>' + _GRANTED.replace("ASIANOTREAL", "&b;")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("", "without credentials"),
        ("<html>a page</html>", "without credentials"),
        ('{"AssumeRoleResponse": {}}', "without credentials"),
        (_GRANTED.replace("SessionToken", "Token"), "without credentials"),
        (_GRANTED.replace("ASIANOTREAL", "ASIA\r\nNOT: REAL"), "without credentials"),
        (_BOMB, "without credentials"),
        (_GRANTED + " " * 70_000, "without credentials"),
        (_GRANTED.replace("2026-11-21T13", "2026-11-21T99"), "without saying how long"),
        (_GRANTED.replace("2026-11-21T13", "2026-11-21T11"), "clock"),
    ],
)
def test_an_answer_that_is_no_role_is_a_failure(answer, told):
    _, failure = minted(answer)
    assert isinstance(failure, Failure)
    assert failure.cause is Cause.AUTH
    assert told in failure.message
    assert not failure.billable


def test_an_end_without_a_zone_is_meant_as_utc():
    assert minted(_GRANTED.replace("13:00:00Z", "12:15:00"))[1].seconds == 900.0


def test_botocore_is_not_loaded_before_something_is_signed():
    code = "import sys, gateway.providers; sys.exit('botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def drawn(mode):
    out = io.BytesIO()
    Image.new(mode, (64, 64)).save(out, "PNG")
    return Upload(content=InMemory(out.getvalue()), format="png", width=64, height=64)


def edit_of(picture, **params):
    request = ImageRequest(params={"prompt": "a red door", **params, "image": [picture]}, path="/v1/images/edits")
    return next(BEDROCK.flow(request, target())).json


@pytest.mark.parametrize(
    ("task", "params", "mark"),
    [("INPAINTING", "inPaintingParams", "black"), ("OUTPAINTING", "outPaintingParams", "white")],
)
def test_amazon_is_given_a_transparent_picture_as_its_own_mask(task, params, mark):
    picture = drawn("RGBA")
    sent = edit_of(picture, model="amazon.nova-canvas-v1:0", taskType=task)
    assert sent[params]["maskImage"] == Embedded(upload=picture, mask=mark, binary=True)
    assert "maskImage" not in edit_of(drawn("RGB"), model="amazon.nova-canvas-v1:0", taskType=task)[params]


@pytest.mark.parametrize("own", [{"maskPrompt": "the door"}, {"inPaintingParams": {"maskPrompt": "the door"}}])
def test_a_mask_in_words_goes_before_a_transparent_picture(own):
    sent = edit_of(drawn("RGBA"), model="amazon.nova-canvas-v1:0", taskType="INPAINTING", **own)
    assert sent["inPaintingParams"]["maskPrompt"] == "the door"
    assert "maskImage" not in sent["inPaintingParams"]


def test_erasing_takes_a_transparent_picture_as_its_own_mask():
    picture = drawn("RGBA")
    model = "us.stability.stable-image-erase-object-v1:0"
    assert edit_of(picture, model=model)["mask"] == Embedded(upload=picture, mask="white")
    assert "mask" not in edit_of(drawn("RGB"), model=model)
    assert "mask" not in edit_of(picture, model="us.stability.stable-image-not-known-v1:0")
