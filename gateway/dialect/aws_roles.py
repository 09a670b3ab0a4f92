"""AWS roles: an access key is traded for temporary credentials at the Security Token Service."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlencode

from gateway.dialect.aws import access_key, region_of, signature, way_in
from gateway.secret import Secret
from gateway.wire import Minted, Minting, Outgoing, Received, Send, Target, failure_of, send
from strategies import Cause, Failure

_SUCCESS = range(200, 300)
_BODY_WORTH_READING = 65_536
_SESSION = "beamsplitter"
# The answer is XML of a fixed shape. Only these four texts are looked for, so that no entity is ever expanded.
_CREDENTIAL = re.compile(
    rb"<(AccessKeyId|SecretAccessKey|SessionToken|Expiration)>\s*([A-Za-z0-9+/=:._-]{1,32768})\s*</\1>"
)
_CODE = re.compile(rb"<Code>\s*([A-Za-z0-9.]{1,64})\s*</Code>")
_THROTTLED = frozenset({"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"})


def assuming(target: Target, at: float) -> Minting | None:
    """Return how the role of a target is assumed; `None` for a target without one."""
    return _assuming(target, at) if way_in(target) == "assumedRole" else None


def _assuming(target: Target, at: float) -> Minting:
    region, key = region_of(target), access_key(target)
    asked = {"Action": "AssumeRole", "Version": "2011-06-15", "RoleSessionName": _SESSION}
    asked["RoleArn"] = str(target.options["aws_role_arn"])
    if "aws_external_id" in target.options:
        asked["ExternalId"] = str(target.options["aws_external_id"])
    url, body = f"https://sts.{region}.amazonaws.com/", urlencode(asked).encode()
    # Asked for JSON, the service would answer with JSON.
    headers = {"accept": "text/xml", "content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    signed = signature(key, "sts", region, Outgoing("POST", url, headers, body, at))
    received = yield from send(Send("POST", url, headers={**headers, **signed}, data=body))
    if received.status not in _SUCCESS:
        return _refused(received, target.provider)
    return _minted(received, target.provider, at)


def _minted(received: Received, provider: str, at: float) -> Minted | Failure:
    found = {}
    if len(received.body) <= _BODY_WORTH_READING:
        found = {name.decode(): text.decode() for name, text in _CREDENTIAL.findall(received.body)}
    match found:
        case {"AccessKeyId": name, "SecretAccessKey": secret, "SessionToken": token, "Expiration": end}:
            seconds = _seconds_until(end, at)
        case _:
            return _failed(f"AWS answered {provider}'s request to assume `aws_role_arn` without credentials")
    if seconds is None:
        return _failed(f"AWS answered {provider}'s request to assume `aws_role_arn` without saying how long it lasts")
    if seconds <= 0:
        return _failed("the credentials of `aws_role_arn` had run out when they came: set this machine's clock")
    return Minted(
        {
            "aws_access_key_id": Secret(name),
            "aws_secret_access_key": Secret(secret),
            "aws_session_token": Secret(token),
        },
        seconds,
    )


def _refused(received: Received, provider: str) -> Failure:
    said = _CODE.search(received.body[:_BODY_WORTH_READING])
    code = None if said is None else said[1].decode()
    told = f"{received.status}" if code is None else f"{received.status} {code}"
    # AWS's own words are left out: they quote accounts and users.
    message = (
        f"AWS did not let {provider}'s access key assume `aws_role_arn` ({told}):"
        " check the role, its trust policy, `aws_external_id` and the key"
    )
    failure = failure_of(received, message, code=code)
    if code in _THROTTLED:
        failure = replace(failure, cause=Cause.RATE_LIMITED)
    elif failure.cause is Cause.INVALID:
        failure = replace(failure, cause=Cause.AUTH)
    return replace(failure, may_be_billed=False)


def _failed(message: str) -> Failure:
    return Failure(cause=Cause.AUTH, message=message, may_be_billed=False)


def _seconds_until(end: str, at: float) -> float | None:
    try:
        moment = datetime.fromisoformat(end)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - at
