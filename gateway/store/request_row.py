"""The record of one request, as it goes to the journal and to the database."""

from typing import Any

import msgspec

from gateway.store.tables import requests

NUL = "\x00"
_ESCAPED_NUL = "\\u0000"
_BYTES_A_CHARACTER = 4


class RequestRow(msgspec.Struct, kw_only=True, gc=False, array_like=True):
    """One row of `requests`: its columns in their order, the two documents as JSON text.

    Texts are as both databases can hold them; `plain` makes them so. It holds nothing that refers to anything, so the
    collector has no business with the thousands that may be on their way.
    """

    id: str
    workspace: str
    created_ms: int
    trace_id: str
    api_key: str | None = None
    user: str | None = None
    config: str | None = None
    config_version: str | None = None
    operation: str
    asked_model: str | None = None
    target: str | None = None
    provider: str | None = None
    virtual_key: str | None = None
    model: str | None = None
    status: int
    cause: str | None = None
    code: str | None = None
    ms: int
    upstream_ms: int = 0
    queued_ms: int = 0
    cost_micros: int | None = None
    saved_micros: int | None = None
    images: int = 0
    attempts: int = 0
    maybe_billed: int = 0
    rescued: int = 0
    cache: str = "DISABLED"
    size: str | None = None
    prompt: str | None = None
    metadata: str = "{}"
    more: str = "{}"

    def values(self) -> tuple[Any, ...]:
        """Return the columns in their order."""
        return msgspec.structs.astuple(self)


assert RequestRow.__struct_fields__ == tuple(column.name for column in requests.columns)  # noqa: S101


def plain(text: str, most: int) -> str:
    """Return a text of so many bytes at most, without what PostgreSQL cannot hold."""
    if len(text) * _BYTES_A_CHARACTER <= most and text.isascii() and NUL not in text:
        return text
    return text.replace(NUL, "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace")[:most].decode("utf-8", "ignore")


def harmless(json: str) -> bool:
    """Whether both databases take a JSON text as it is."""
    return _ESCAPED_NUL not in json
