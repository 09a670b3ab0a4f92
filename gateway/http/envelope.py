"""The body of every error answer, in OpenAI's shape."""

from typing import Any

import orjson


def envelope(
    message: str,
    *,
    type_: str,
    code: str,
    param: str | None = None,
    **more: Any,  # noqa: ANN401 - any JSON value
) -> bytes:
    """Return an error body."""
    return orjson.dumps({"error": {"message": message, "type": type_, "param": param, "code": code, **more}})
