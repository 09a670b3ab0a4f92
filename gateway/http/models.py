"""`GET /v1/models`: the image models a caller can reach, and what they take and cost."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway.catalogue import ModelRow
from gateway.choose import Chooser
from gateway.errors import GatewayError
from gateway.http import reply
from gateway.http.decode import headers_of
from gateway.providers import PROVIDERS

_CREATED = 1_763_600_000
"""Clients want a number here; when a model was made is not known."""


class Models:
    """Both endpoints: the list, and one model."""

    def __init__(self, chooser: Callable[[], Chooser]) -> None:
        """Take what knows which models a caller can reach."""
        self._chooser = chooser

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        try:
            told = self._answer(request)
        except GatewayError as caught:
            return reply.response(caught)
        return Response(orjson.dumps(told), media_type="application/json")

    def _answer(self, request: Request) -> dict[str, Any]:
        chooser = self._chooser()
        rows, ready = chooser.reachable(headers_of(request.scope)), chooser.configured()
        wanted = request.path_params.get("id")
        if wanted is None:
            return {"object": "list", "data": [_described(row, name, ready) for row, name in _named(rows, chooser)]}
        for row, name in _named(rows, chooser):
            if wanted in (name, f"{row.provider}/{row.id}") or (name == row.id and wanted in row.aliases):
                return _described(row, name, ready)
        raise GatewayError(
            f"No image model that you can reach here is called {wanted[:100]!r}; GET /v1/models lists them. Others may "
            "work as well: what the catalogue does not know is passed through.",
            status=404,
            code="model_not_found",
            param="model",
        )


def _named(rows: Iterable[ModelRow], chooser: Chooser) -> Iterable[tuple[ModelRow, str]]:
    """Yield each row with the name that leads to it without further headers."""
    for row in rows:
        bare = chooser.catalogue.provider_of(row.id) == row.provider
        yield row, row.id if bare else f"{row.provider}/{row.id}"


def _described(row: ModelRow, name: str, ready: frozenset[str]) -> dict[str, Any]:
    limits = row.input
    return {
        "id": name,
        "object": "model",
        "created": _CREATED,
        "owned_by": row.provider,
        "provider": row.provider,
        "model": row.id,
        "needs_own_credential": row.provider not in ready and PROVIDERS[row.provider].fields.needs_credential,
        "aliases": row.aliases,
        "retires": row.retires,
        "retired": row.retires is not None and row.retires <= _today(),
        "capabilities": {
            "generate": row.generate,
            "edit": row.edit,
            "mask": row.mask,
            "variation": row.variation,
            "stream": row.stream,
        },
        "sizes": None if row.sizes is None else row.sizes.described(),
        "default_size": row.default_size,
        "n": row.n_max,
        "prompt_max": row.prompt_max,
        "parameters": sorted(row.takes),
        "choices": row.choices,
        "response_formats": ["url", "b64_json"],
        "native_response_format": row.native,
        "input": limits,
        "prices": row.prices,
    }


def _today() -> date:
    return datetime.now(UTC).date()
