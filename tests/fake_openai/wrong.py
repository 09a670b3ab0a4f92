"""What OpenAI answers to a request that it does not take."""

from typing import Any


class Wrong(Exception):
    """A mistake in a request, as the API names it."""

    def __init__(
        self,
        message: str,
        param: str | None = None,
        code: str | None = "invalid_value",
        *,
        status: int = 400,
        type_: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"error": {"message": message, "type": type_, "param": param, "code": code}}


def unknown(name: str) -> Wrong:
    return Wrong(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
