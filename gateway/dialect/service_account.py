"""Google's service accounts: a key file traded for an access token."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson

from gateway.dialect.google import SUCCESS
from gateway.dialect.words import identifier
from gateway.secret import Secret
from gateway.wire import Minted, Minting, MissingCredential, Received, Send, failure_of, send
from strategies import Cause, Failure

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
_LIFETIME = 3600
# What a token is trusted for whose answer does not say how long it lasts.
_UNSAID_LIFETIME = 600
_ADDRESS = re.compile(r"https://[\x21-\x7e]{1,500}", re.ASCII)
_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}", re.ASCII)
_CREDENTIAL_REFUSED = frozenset({400, 401, 403, 404})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """What a key file says."""

    email: str
    private_key: str = field(repr=False)
    private_key_id: str | None = None
    project: str | None = None
    token_uri: str = _TOKEN_URI


def service_account(text: Secret, name: str) -> ServiceAccount:
    """Return what a key file says; raises `MissingCredential`, which names the field and never what is in it."""
    try:
        document = orjson.loads(text.reveal())
    except orjson.JSONDecodeError:
        raise MissingCredential(f"`{name}` is not JSON: give it the whole key file of a service account") from None
    if not isinstance(document, dict):
        raise MissingCredential(f"`{name}` is not an object: give it the whole key file of a service account")
    if document.get("type", "service_account") != "service_account":
        raise MissingCredential(f"`{name}` is the file of another kind of account: its `type` is not service_account")
    address = _text(document, "token_uri") or _TOKEN_URI
    if not _is_https(address):
        raise MissingCredential(f"`token_uri` in `{name}` is not an https address")
    return ServiceAccount(
        email=_needed(document, "client_email", name),
        # A key that went through an environment variable often has its line ends spelled out.
        private_key=_needed(document, "private_key", name).replace("\\n", "\n"),
        private_key_id=_text(document, "private_key_id"),
        project=_text(document, "project_id"),
        token_uri=address,
    )


def minting(text: Secret, name: str, provider: str, at: float) -> Minting:
    """Trade a key file for an access token."""
    try:
        account = service_account(text, name)
        assertion = _assertion(account, name, at)
    except MissingCredential as wrong:
        return Failure(cause=Cause.AUTH, message=str(wrong), reached=False)
    form = urlencode({"grant_type": _GRANT, "assertion": assertion}).encode()
    kind = {"content-type": "application/x-www-form-urlencoded"}
    received = yield from send(Send("POST", account.token_uri, headers=kind, data=form))
    return _minted(received, name, provider)


def _assertion(account: ServiceAccount, name: str, at: float) -> str:
    import jwt  # noqa: PLC0415 - PyJWT waits for the first service account
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - same

    now = int(at)
    claims = {
        "iss": account.email,
        "scope": _SCOPE,
        "aud": account.token_uri,
        "iat": now,
        "exp": now + _LIFETIME,
    }
    headers = None if account.private_key_id is None else {"kid": account.private_key_id}
    try:
        return jwt.encode(claims, account.private_key, algorithm="RS256", headers=headers)
    except (ValueError, TypeError, jwt.PyJWTError, UnsupportedAlgorithm):
        raise MissingCredential(f"`private_key` in `{name}` is not an RSA key in PEM form") from None


def _minted(received: Received, name: str, provider: str) -> Minted | Failure:
    body = received.json()
    if received.status in SUCCESS:
        match body:
            case {"access_token": str(token)} if _TOKEN.fullmatch(token):
                return Minted({"access_token": Secret(token)}, _lifetime(body.get("expires_in")))
            case _:
                return Failure(
                    cause=Cause.INCOMPLETE,
                    message=f"signing in to {provider} was answered {received.status} without an access token",
                    code="upstream_bad_response",
                    may_be_billed=False,
                )
    code = identifier(body.get("error")) if isinstance(body, dict) else None
    said = f"{received.status} {code}" if code else f"{received.status}"
    if received.status in _CREDENTIAL_REFUSED:
        # Google's own words are left out: they quote the account and the project.
        return Failure(
            cause=Cause.AUTH,
            message=f"the gateway's credential for {provider} was refused ({said}): check `{name}`, whether its key"
            " still exists, and the clock of this machine",
            status=received.status,
            provider_code=code,
        )
    failure = failure_of(received, f"signing in to {provider} failed ({said})", code=code)
    return replace(failure, may_be_billed=False)


def _lifetime(seconds: Any) -> float:  # noqa: ANN401 - the JSON boundary
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0:
        return float(min(seconds, _LIFETIME))
    return float(_UNSAID_LIFETIME)


def _needed(document: Mapping[str, Any], key: str, name: str) -> str:
    value = _text(document, key)
    if value is None:
        raise MissingCredential(f"`{name}` lacks `{key}`: give it the whole key file of a service account")
    return value


def _text(document: Mapping[str, Any], key: str) -> str | None:
    value = document.get(key)
    return value if isinstance(value, str) and value else None


def _is_https(address: str) -> bool:
    if not _ADDRESS.fullmatch(address):
        return False
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return False
