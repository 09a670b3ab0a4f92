"""The rule about secrets that are written out in files."""

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

from gateway.config.document import Document
from gateway.config.grammar import snake
from gateway.config.provider_fields import SECRET_FIELDS
from gateway.lint.ground import Ground
from gateway.lint.rule import Found, Rule
from gateway.settings import Settings

_SETTINGS = frozenset(each.name for each in dataclasses.fields(Settings) if each.metadata["secret"])
_ADDRESSES = frozenset({"store", "redis"})
"""Settings that are an address, and secret by the password in it alone."""
_SECRETS = (SECRET_FIELDS | _SETTINGS | {"private_key"}) - _ADDRESSES
_CALLED_SO = frozenset({"key", "password", "token", "access_token", "secret", "authorization"})
"""What people call secrets, and other things as well: these count where the value is long, and one word."""
_LONG = re.compile(r"\S{12,}")

# What servers that ask for no key are given, and what documents write in its place.
_NO_SECRETS = frozenset(
    {"none", "null", "empty", "dummy", "unused", "local", "anything", "no-key", "not-needed", "-", "x"}
)

_USER = re.compile(r"://([^/?#@\s]{1,400})@")
_QUERY = re.compile(
    r"[?&](?:api[-_]?key|key|token|access_token|sig|signature|password|secret)=[^&\s]{8}", re.IGNORECASE
)
_LIKE_A_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"sk-(?=[A-Za-z_-]{0,60}[0-9])[A-Za-z0-9_-]{16}|sk_(?:live|test)_[A-Za-z0-9]{16}|AKIA[0-9A-Z]{16}(?![0-9A-Z])|AIza[A-Za-z0-9_-]{35}"
    r"|hf_[A-Za-z0-9]{24}|r8_[A-Za-z0-9]{24}|xai-[A-Za-z0-9]{24}|gh[pousr]_[A-Za-z0-9]{30}"
    r"|eyJ(?:hbGciOi|0eXAiOi|raWQiOi)[A-Za-z0-9_-]{10}|Bearer [A-Za-z0-9._~+/-]{20}"
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)"
)
_LONGEST = 4096
"""Characters of a value that are looked at."""


def literal_secrets(document: Document) -> Iterator[Found]:
    """Find what should be a reference to a variable or a file, and is the secret itself."""
    if document.from_file:
        yield from _inside(document.data, "$", None)


def _inside(value: Any, path: str, name: str | None) -> Iterator[Found]:  # noqa: ANN401 - any JSON value
    match value:
        case dict():
            for key, item in value.items():
                yield from _inside(item, f"{path}.{key}", key)
        case list():
            for index, item in enumerate(value):
                yield from _inside(item, f"{path}[{index}]", name)
        case str():
            why = _why(value[:_LONGEST], name)
            if why is not None:
                yield Found(path, f"{why}: write `${{VARIABLE}}` or `${{file:/run/secrets/name}}` in its place.")


def _why(value: str, name: str | None) -> str | None:
    """Return what is wrong with a value, which is never repeated."""
    key, refers = snake(name or ""), "${" in value.replace("$${", "")
    hidden = key in _SECRETS or (key in _CALLED_SO and _LONG.fullmatch(value) is not None)
    if any(user.partition(":")[2] for user in _USER.findall(value.replace("${", "/"))):
        return "This address holds a password"
    if hidden and not refers and value.casefold() not in _NO_SECRETS:
        return f"`{name}` is written out in this file, for all who may read it"
    if _QUERY.search(value.replace("${", "&")):
        return "This address holds a key"
    return "This looks like a key that is written out" if _LIKE_A_KEY.search(value) else None


def _literal(ground: Ground) -> Iterator[Found]:
    return literal_secrets(ground.config.document)


LITERAL_SECRET = Rule(
    name="literal-secret",
    severity="error",
    summary="A key or a password that is written out in a file.",
    why=(
        "Files are copied, shown and kept in version control for ever; a key that was in one has to be replaced."
        " Looked at are the fields that hold secrets, passwords in addresses, and whatever looks like the key of a"
        " known provider. Configs that are stored by API are sealed, and may hold keys."
    ),
    bad="""\
provider: openai
api_key: sk-this-one-is-not-real
override_params: {model: gpt-image-2}
""",
    good="""\
provider: openai
api_key: "${OPENAI_API_KEY}"
override_params: {model: gpt-image-2}
""",
    find=_literal,
)

RULES = (LITERAL_SECRET,)
