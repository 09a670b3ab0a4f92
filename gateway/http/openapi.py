"""`GET /openapi.json`: the API, described from the schemas that also say what is valid."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway.choose.named_target import family_headers
from gateway.config.provider_fields import ALL_FIELDS, SECRET_FIELDS
from gateway.http.openapi_control import control_parameters, control_paths, control_schemas
from gateway.http.openapi_tables import (
    ANSWER_HEADERS,
    ANYWHERE,
    FAILURE_HEADERS,
    REFUSED,
    REQUEST_HEADERS,
    TEXT,
    Header,
    Json,
)
from schemas import load

_VERSION = "1"
_COMPONENTS = {
    "image_request": "ImageRequest",
    "answers": "Answers",
    "gateway_config": "Config",
    "control": "Control",
}
"""Schema file → how its definitions are called here."""

_BINARY: Json = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}


async def described(_: Request) -> Response:
    """Answer one request."""
    return Response(_written(), media_type="application/json")


@functools.cache
def document() -> Json:
    """Return the description; made once, when it is first asked for."""
    parameters = dict(_parameters())
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Beamsplitter",
            "version": _VERSION,
            "description": "One request for a picture goes in; the right provider answers it. "
            "The same paths answer without the /v1 prefix.",
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"gatewayKey": []}, {"bearer": []}],
        "paths": {**_paths([{"$ref": f"#/components/parameters/{name}"} for name in parameters]), **control_paths()},
        "components": {
            "securitySchemes": {
                "gatewayKey": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "x-portkey-api-key",
                    "description": "A gateway key, with the scopes that are asked for; the admin key has all of them.",
                },
                "bearer": {"type": "http", "scheme": "bearer", "description": "The same, or a provider's own key."},
            },
            "parameters": {**parameters, **dict(control_parameters())},
            "headers": {
                name: {"schema": schema, "description": text}
                for name, (schema, text) in {**ANSWER_HEADERS, **FAILURE_HEADERS}.items()
            },
            "responses": dict(_responses()),
            "schemas": {**_schemas(), **_bodies(), **control_schemas()},
        },
    }


@functools.cache
def _written() -> bytes:
    return orjson.dumps(document())


def _paths(parameters: list[Json]) -> Json:
    name: Json = {"name": "name", "in": "path", "required": True, "schema": TEXT}
    model: Json = {"name": "id", "in": "path", "required": True, "schema": TEXT}
    signed = [{"name": part, "in": "query", "schema": TEXT} for part in ("expires", "signature")]
    failed = _refusals("Failed", *REFUSED)
    painted = _ok("images", headers=ANSWER_HEADERS)
    told = {"$ref": f"#/components/schemas/{_called('answers', 'explanation')}"}
    either = [painted["content"]["application/json"]["schema"], told]
    painted["content"] = {"application/json": {"schema": {"anyOf": either}}, "text/event-stream": {}}

    def image(summary: str, *bodies: tuple[str, str]) -> Json:
        content = {kind: {"schema": {"$ref": f"#/components/schemas/{body}"}} for kind, body in bodies}
        return {
            "post": {
                "summary": summary,
                "parameters": parameters,
                "requestBody": {"required": True, "content": content},
                "responses": {"200": painted, **failed},
            }
        }

    def read(summary: str, ok: Json, *statuses: int, asks: tuple[Json, ...] = (), more: Json | None = None) -> Json:
        responses = {"200": ok, **_refusals("Refused", *ANYWHERE, *statuses), **(more or {})}
        return {"get": {"summary": summary, "parameters": list(asks), "responses": responses}}

    key: Json = {"$ref": "#/components/parameters/x-portkey-api-key"}
    picture: Json = {"description": "The picture.", "content": {"image/*": {"schema": _BINARY}}}
    ready = _ok("readiness")
    return {
        "/v1/images/generations": image("Paint pictures.", ("application/json", "Generation")),
        "/v1/images/edits": image(
            "Change pictures.", ("multipart/form-data", "EditForm"), ("application/json", "Edit")
        ),
        "/v1/images/variations": image("Vary a picture.", ("multipart/form-data", "VariationForm")),
        "/v1/images/files/{name}": read(
            "A picture that the gateway keeps, by the link that an answer gave out.",
            picture,
            403,
            503,
            asks=(name, *signed),
            more={"304": {"description": "It is as `if-none-match` says."}},
        ),
        "/v1/models": read("The image models that can be reached.", _ok("models"), 401, asks=(key,)),
        "/v1/models/{id}": read("One of them.", _ok("model"), 401, asks=(model, key)),
        "/livez": read("Whether the process answers.", _ok("alive")),
        "/readyz": read(
            "Whether requests should come here.", ready, more={"503": ready | {"description": "Stopping."}}
        ),
        "/docs": read(
            "This description, to read.", {"description": "A page.", "content": {"text/html": {"schema": TEXT}}}
        ),
        "/llms.txt": read(
            "What this is, for language models.",
            {"description": "Markdown.", "content": {"text/plain": {"schema": TEXT}}},
        ),
        "/metrics": read(
            "What the gateway counted, for Prometheus.",
            {"description": "Prometheus' text format, or OpenMetrics.", "content": {"text/plain": {"schema": TEXT}}},
        ),
        "/openapi.json": read(
            "This description.", {"description": "OpenAPI 3.1.", "content": {"application/json": {}}}
        ),
    }


def _ok(answer: str, headers: Mapping[str, Any] | None = None) -> Json:
    return {
        "description": load("answers")["$defs"][answer]["description"],
        "headers": _headers(headers or {}),
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{_called('answers', answer)}"}}},
    }


def _refusals(kind: str, *statuses: int) -> Json:
    rows = {str(status): {"$ref": f"#/components/responses/{kind}{status}"} for status in sorted({*statuses})}
    return {**rows, "default": {"$ref": f"#/components/responses/{kind}"}}


def _responses() -> Iterator[tuple[str, Json]]:
    """Yield every answer that is no success: of requests for pictures, and of the others."""
    schema = {"$ref": f"#/components/schemas/{_called('answers', 'error')}"}
    content = {"application/json": {"schema": schema}}
    told: Mapping[str, Mapping[str, Header]] = {"Failed": {**ANSWER_HEADERS, **FAILURE_HEADERS}, "Refused": {}}
    for kind, headers in told.items():
        rows = {kind: "Any other failure, a provider's own status among them."}
        rows |= {f"{kind}{status}": text for status, text in REFUSED.items()}
        for name, text in rows.items():
            yield name, {"description": text, "headers": _headers(headers), "content": content}


def _headers(rows: Mapping[str, Any]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in rows}


def _parameters() -> Iterator[tuple[str, Json]]:
    """Yield the request's headers; those that are fields of a provider come from the providers."""
    for name, (schema, text) in REQUEST_HEADERS.items():
        yield name, {"name": name, "in": "header", "schema": schema, "description": text}
    for field in ALL_FIELDS:
        name = f"x-portkey-{field.replace('_', '-')}"
        if family_headers({name: ""}):
            schema = {**TEXT, "format": "password"} if field in SECRET_FIELDS else TEXT
            yield name, {"name": name, "in": "header", "schema": schema, "description": f"`{field}` of the provider."}


def _bodies() -> Json:
    """Return what each of the endpoints takes."""
    request = {"$ref": "#/components/schemas/ImageRequest"}
    pictures = {"$ref": f"#/components/schemas/{_called('image_request', 'pictures')}"}
    picture = {"$ref": f"#/components/schemas/{_called('image_request', 'picture')}"}
    files = {"type": "array", "minItems": 1, "maxItems": 16, "items": _BINARY}
    given = [{"required": ["image"]}, {"required": ["images"]}]
    edited = {"type": "object", "properties": {"image": pictures, "images": pictures, "mask": picture}, "oneOf": given}
    texts = load("image_request")["properties"]
    return {
        "Generation": {"allOf": [request, {"required": ["prompt"]}]},
        "Edit": {"allOf": [request, edited, {"required": ["prompt"]}]},
        "EditForm": {
            "type": "object",
            "properties": {**texts, "image": files, "image[]": files, "mask": _BINARY},
            "required": ["prompt"],
            "anyOf": [{"required": ["image"]}, {"required": ["image[]"]}],
        },
        "VariationForm": {"type": "object", "properties": {**texts, "image": _BINARY}, "required": ["image"]},
    }


def _schemas() -> Json:
    """Return the schemas of the files, each definition by a name of its own."""
    found: Json = {}
    for file, name in _COMPONENTS.items():
        schema = load(file)
        found |= {_called(file, part): _rooted(file, inner) for part, inner in schema.get("$defs", {}).items()}
        if "type" in schema:
            found[name] = _rooted(file, {key: schema[key] for key in schema if not key.startswith("$")})
    return found


def _called(file: str, part: str) -> str:
    return f"{_COMPONENTS[file]}.{part}"


def _rooted(file: str, schema: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a schema whose references lead to the components, not to its own file."""
    if isinstance(schema, list):
        return [_rooted(file, item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    at = schema.get("$ref")
    if isinstance(at, str):
        other, _, part = at.partition("#")
        file, part = other.removesuffix(".schema.json") or file, part.removeprefix("/$defs/")
        return {**schema, "$ref": f"#/components/schemas/{_called(file, part) if part else _COMPONENTS[file]}"}
    return {key: _rooted(file, value) for key, value in schema.items()}
