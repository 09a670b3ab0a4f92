"""AWS: the region that makes up a host, the ways to sign in, and signatures of version 4."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from gateway.secret import Secret
from gateway.wire import MissingCredential, MissingField, Outgoing, Target

Way = Literal["apiKey", "accessKey", "assumedRole"]

_USUAL_REGION = "us-east-1"
# A label of a host name and nothing more: anything else could lead the credential to another host.
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]{2,10}){1,3}-[0-9]{1,2}", re.ASCII)
_WAYS: tuple[Way, ...] = ("apiKey", "accessKey", "assumedRole")
_OF_THE_KEY = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
# These are the signer's own to say, whatever a caller has forwarded.
_MADE_HERE = frozenset({"x-amz-date", "x-amz-security-token", "x-amz-content-sha256"})
_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key, permanent or, with a session token, temporary."""

    id: str
    secret: Secret
    token: Secret | None = None


@dataclass(frozen=True, slots=True, repr=False)
class _Revealed:
    """The access key under the names that the signer reads."""

    access_key: str
    secret_key: str
    token: str | None


def region_of(target: Target) -> str:
    """Return the region of a target; raises `MissingField` for what could be more than a region."""
    region = target.options.get("aws_region", _USUAL_REGION)
    if not isinstance(region, str) or not _REGION.fullmatch(region):
        raise MissingField("`aws_region` is the name of an AWS region alone, such as us-east-1")
    return region


def way_in(target: Target) -> Way:
    """Return how a target signs in: as `aws_auth_type` says, else by what the other fields give."""
    options, credentials = target.options, target.credentials
    wished = options.get("aws_auth_type")
    if wished is not None:
        found = next((way for way in _WAYS if way == wished), None)
        if found is None:
            raise MissingCredential(f"`aws_auth_type` is one of {', '.join(_WAYS)}")
        if found == "assumedRole" and "aws_role_arn" not in options:
            raise MissingCredential("`aws_auth_type: assumedRole` needs `aws_role_arn`: which role to assume")
        if found == "apiKey" and "api_key" not in credentials:
            raise MissingCredential("`aws_auth_type: apiKey` needs an `api_key`: a key of Bedrock's own")
        return found
    if "aws_role_arn" in options:
        return "assumedRole"
    if any(name in options or name in credentials for name in _OF_THE_KEY):
        return "accessKey"
    if "api_key" in credentials:
        return "apiKey"
    raise MissingCredential(
        f"{target.provider} needs a credential: give the target an `api_key`, or `aws_access_key_id` and"
        " `aws_secret_access_key`, or a `virtual_key`,"
        f" or send `Authorization: Bearer …` along with `x-portkey-provider: {target.provider}`"
    )


def access_key(target: Target) -> AccessKey:
    """Return the access key of a target, a minted one before the target's own; raises `MissingCredential`."""
    minted = target.credentials.get("aws_access_key_id")
    name = target.options.get("aws_access_key_id") if minted is None else minted.reveal()
    secret = target.credentials.get("aws_secret_access_key")
    if not isinstance(name, str) or not name or secret is None:
        missing = "aws_secret_access_key" if name else "aws_access_key_id"
        why = "assumes its role with an access key" if way_in(target) == "assumedRole" else "signs with an access key"
        raise MissingCredential(
            f"{target.provider} {why}, which `aws_access_key_id` and `aws_secret_access_key` make up:"
            f" `{missing}` is missing"
        )
    return AccessKey(name, secret, target.credentials.get("aws_session_token"))


def signature(key: AccessKey, service: str, region: str, outgoing: Outgoing) -> Mapping[str, str]:
    """Return the headers that sign a request: host, type and AWS's own headers, address and body."""
    # Imported when it is first needed: most gateways never sign anything.
    from botocore.auth import SigV4Auth  # noqa: PLC0415
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415

    own = {"x-amz-date": datetime.fromtimestamp(outgoing.at, UTC).strftime("%Y%m%dT%H%M%SZ")}
    if key.token is not None:
        own["x-amz-security-token"] = key.token.reveal()
    headers = {name: value for name, value in outgoing.headers.items() if _is_signed(name.lower())}
    request = AWSRequest(outgoing.method, outgoing.url, headers={**headers, **own}, data=outgoing.body)
    # The signer's own entry reads the clock; each of its steps reads the time from here.
    request.context["timestamp"] = own["x-amz-date"]
    token = None if key.token is None else key.token.reveal()
    signer = SigV4Auth(_Revealed(key.id, key.secret.reveal(), token), service, region)
    proof = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    names = signer.signed_headers(signer.headers_to_sign(request))
    credential = f"Credential={signer.scope(request)}"
    return {"authorization": f"{_ALGORITHM} {credential}, SignedHeaders={names}, Signature={proof}", **own}


def _is_signed(name: str) -> bool:
    """Whether a header is covered: what proxies on the way may change is not, as that would break the signature."""
    return name == "content-type" or (name.startswith("x-amz") and name not in _MADE_HERE)
