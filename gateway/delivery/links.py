"""Links of the gateway's own: signed, so that nobody can guess one, and good for a while."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import parse_qsl, urlencode

PATH = "/v1/images/files/"

_SIGNATURE_CHARACTERS = 43
_SECURE = frozenset({"https", "http"})
_SECONDS = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)
"""A time as it is signed: a number of one spelling, so that nothing can be added to a signed one."""


class Links:
    """Makes links, and recognises its own."""

    def __init__(self, secret: bytes, *, public_url: str = "") -> None:
        """Sign with a secret that every process which shares the pictures has to share too."""
        self._secret = secret
        self._public_url = public_url.rstrip("/")

    def link(self, name: str, expires: int, headers: Mapping[str, str]) -> str:
        """Return the link to a picture: under the public URL, else where the caller found us."""
        query = urlencode({"expires": expires, "signature": self._signature(name, expires)})
        return f"{self._public_url or _found_at(headers)}{PATH}{name}?{query}"

    def judge(self, name: str, query: str, now: float) -> Literal["good", "expired", "forged"]:
        """Return whether a link is one of ours, and still good."""
        given = dict(parse_qsl(query))
        expires, signature = given.get("expires", ""), given.get("signature", "")
        if not (_SECONDS.fullmatch(expires) and signature.isascii()):
            return "forged"
        if not hmac.compare_digest(self._signature(name, int(expires)), signature):
            return "forged"
        return "good" if now < int(expires) else "expired"

    def _signature(self, name: str, expires: int) -> str:
        return hmac.new(self._secret, f"{name} {expires}".encode(), hashlib.sha256).hexdigest()[:_SIGNATURE_CHARACTERS]


def _found_at(headers: Mapping[str, str]) -> str:
    # A caller can only mislead itself by these: the link is its own.
    scheme = headers.get("x-forwarded-proto", "http").strip().lower()
    return f"{scheme if scheme in _SECURE else 'http'}://{headers.get('host', 'localhost')}"
