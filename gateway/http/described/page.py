"""The page at `/docs`: every operation with its parameters, bodies, answers and an example, without any script."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from importlib import resources

from gateway.http.described.curl import curl
from gateway.http.described.markup import Markup, anchor, el, spoken, table, together
from gateway.http.described.parts import Json, Parts
from gateway.http.described.shapes import kind, rows

GROUPS: Mapping[str, tuple[str, ...]] = {
    "Pictures": ("/v1/images",),
    "Models": ("/v1/models",),
    "Configs": ("/v1/configs",),
    "Keys": ("/v1/virtual-keys", "/v1/api-keys"),
    "Records": ("/v1/logs", "/v1/feedback"),
    "Figures": ("/v1/analytics",),
}
"""Heading → what the paths below it begin with; the rest is about the gateway itself."""

_REST = "The gateway"
_OPEN = {"Pictures"}
_NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def style() -> str:
    """Return how the page looks."""
    return resources.files("gateway.http.described").joinpath("page.css").read_text(encoding="utf-8")


def policy() -> str:
    """Return what a browser may do with the page: show it in its own style, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    return f"{_NOTHING}; style-src 'sha256-{digest}'"


def page(document: Json) -> str:
    """Return the page for a description of the API."""
    parts = Parts(document)
    grouped = _grouped(parts)
    info = document["info"]
    body = el(
        "body",
        el("a", "To the operations", class_="skip", href="#operations"),
        el(
            "header",
            el("h1", f"{info['title']} API"),
            el("p", spoken(info["description"])),
            el("p", *_links()),
            _sign_in(document),
        ),
        el("nav", *(_contents(title, found) for title, found in grouped.items()), aria_label="Operations"),
        el(
            "main",
            *(_group(parts, title, found) for title, found in grouped.items()),
            _schemas(parts),
            id_="operations",
        ),
    )
    head = el(
        "head",
        Markup('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<meta name="color-scheme" content="light dark">'),
        el("title", f"{info['title']} API"),
        el("style", Markup(style())),
    )
    return f"<!doctype html>\n{el('html', head, body, lang='en')}\n"


def _links() -> Iterator[str]:
    yield "The same for machines: "
    yield el("a", "/openapi.json", href="/openapi.json")
    yield ", for language models: "
    yield el("a", "/llms.txt", href="/llms.txt")
    yield ". Examples want "
    yield el("code", "GATEWAY")
    yield " to say where the gateway is, such as http://127.0.0.1:8787, and "
    yield el("code", "KEY")
    yield " one of its keys, if it has any."


def _sign_in(document: Json) -> Markup:
    schemes = document["components"]["securitySchemes"].values()
    listed = [
        (
            el("code", f"{each['name']}: KEY" if each["type"] == "apiKey" else "authorization: Bearer KEY"),
            spoken(each["description"]),
        )
        for each in schemes
    ]
    return table(("header", "what it lets in"), [*listed])


def _grouped(parts: Parts) -> dict[str, list[tuple[str, str, Json]]]:
    found: dict[str, list[tuple[str, str, Json]]] = {title: [] for title in (*GROUPS, _REST)}
    for path, method, operation in parts.operations():
        fits = (title for title, starts in GROUPS.items() if path.startswith(starts))
        found[next(fits, _REST)].append((path, method, operation))
    return {title: operations for title, operations in found.items() if operations}


def _group(parts: Parts, title: str, found: list[tuple[str, str, Json]]) -> Markup:
    return el("section", el("h2", title), *(_operation(parts, *each) for each in found), id_=anchor("group", title))


def _contents(title: str, operations: list[tuple[str, str, Json]]) -> Markup:
    links = [
        el("li", el("a", el("b", method.upper()), " ", path, href=f"#{anchor(method, path)}"))
        for path, method, _ in operations
    ]
    return el("details", el("summary", title), el("ul", *links), open="" if title in _OPEN else None)


def _operation(parts: Parts, path: str, method: str, operation: Json) -> Markup:
    name = anchor(method, path)
    heading = el("h3", el("span", method.upper(), class_=f"method {method}"), " ", el("code", path))
    return el(
        "article",
        heading,
        el("p", spoken(operation.get("summary", ""))),
        el("p", spoken(operation["description"])) if "description" in operation else "",
        _parameters(parts, operation),
        *_bodies(parts, operation),
        _answers(parts, operation),
        el("pre", el("code", curl(parts, path, method, operation)), tabindex="0"),
        id_=name,
    )


def _parameters(parts: Parts, operation: Json) -> Markup:
    found = [parts.at(each) for each in operation.get("parameters", ())]
    if not found:
        return Markup("")
    listed: list[tuple[str, ...]] = [
        (
            together(el("code", each["name"]), *(_needed() if each.get("required") else ())),
            each["in"],
            kind(parts, each["schema"]),
            spoken(each.get("description", "")),
        )
        for each in found
    ]
    summary = f"{len(found)} parameter{'' if len(found) == 1 else 's'}"
    return el("details", el("summary", summary), table(("parameter", "in", "takes", "what it does"), listed))


def _needed() -> tuple[str, ...]:
    return " ", el("span", "required", class_="required")


def _bodies(parts: Parts, operation: Json) -> Iterator[Markup]:
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        yield el("p", "Takes ", el("code", media), ": ", kind(parts, content["schema"]))


def _answers(parts: Parts, operation: Json) -> Markup:
    listed: list[tuple[str, ...]] = []
    for status, answer in operation["responses"].items():
        found = parts.at(answer)
        shapes = [
            together(el("code", media), " ", kind(parts, content["schema"]) if "schema" in content else "")
            for media, content in found.get("content", {}).items()
        ]
        listed.append((status, spoken(found["description"]), together(*shapes)))
    return el("details", el("summary", "Answers"), table(("status", "when", "with"), listed))


def _schemas(parts: Parts) -> Markup:
    found = [_schema(parts, name, schema) for name, schema in parts.document["components"]["schemas"].items()]
    return el("section", el("h2", "Schemas"), *found, id_="schemas")


def _schema(parts: Parts, name: str, schema: Json) -> Markup:
    inside = table(("field", "takes", "what it is"), [*rows(parts, schema)])
    return el(
        "article",
        el("h3", name),
        el("p", spoken(schema.get("description", ""))),
        inside or el("p", kind(parts, schema)),
        id_=anchor("schema", name),
        class_="schema",
    )
