"""`/docs` and `/llms.txt` say what `/openapi.json` says, and a browser may do nothing with the page but show it."""

import asyncio
import base64
import hashlib
import json
import re
import shlex
from html.parser import HTMLParser

import pytest
from jsonschema import Draft202012Validator

from gateway.http.described import llms as words
from gateway.http.described.curl import curl
from gateway.http.described.markup import anchor
from gateway.http.described.page import page
from gateway.http.described.parts import Parts
from gateway.http.described.routes import docs, llms
from gateway.http.openapi import document
from tests.documents import ROOT

OPERATIONS = [
    pytest.param(path, method, operation, id=f"{method} {path}")
    for path, method, operation in Parts(document()).operations()
]
EMPTY = {"meta", "br", "hr", "img", "link", "input"}
HOSTILE = '<script>alert(1)</script> "quoted" \x00\x1b & `<b>code</b>`'


class Seen(HTMLParser):
    """What a browser would see: elements in order, each closed, with their attributes and the text inside."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.articles = [], [], {}
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        self.text += data
        for tag, attributes in self.open:
            if tag == "article":
                self.articles[attributes["id"]] = self.articles.get(attributes["id"], "") + data


@pytest.fixture(scope="module")
def seen():
    return Seen(page(document()))


async def test_both_are_answered_and_the_same_for_two_at_once():
    first, second, text = await asyncio.gather(docs(None), docs(None), llms(None))
    assert first.body == second.body == page(document()).encode()
    assert first.headers["content-type"] == "text/html; charset=utf-8"
    assert text.headers["content-type"] == "text/plain; charset=utf-8"


async def test_a_browser_may_only_show_it():
    answer = await docs(None)
    rules = dict(rule.strip().split(" ", 1) for rule in answer.headers["content-security-policy"].split(";"))
    style = re.search(r"<style>(.*?)</style>", answer.body.decode(), re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert rules.pop("style-src") == f"'sha256-{digest}'"
    assert rules == dict.fromkeys(("default-src", "base-uri", "form-action", "frame-ancestors"), "'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_nothing_in_it_is_run_or_fetched(seen):
    assert {tag for tag, _ in seen.elements} & {"script", "link", "img", "iframe", "form", "object"} == set()
    names = {name for _, attributes in seen.elements for name in attributes}
    assert [name for name in names if name == "style" or name.startswith("on")] == []
    assert "url(" not in page(document()).partition("</style>")[0]


def test_every_link_leads_somewhere(seen):
    found = [attributes["id"] for _, attributes in seen.elements if "id" in attributes]
    assert len(found) == len(set(found))
    hrefs = {attributes["href"] for tag, attributes in seen.elements if tag == "a"}
    assert {href for href in hrefs if href.removeprefix("#") not in found} == {"/openapi.json", "/llms.txt"}


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_an_operation_is_told_whole(path, method, operation, seen):
    parts, told = Parts(document()), seen.articles[anchor(method, path)]
    assert told.startswith(f"{method.upper()} {path}{operation['summary'].replace('`', '')}")
    for parameter in operation.get("parameters", ()):
        assert parts.at(parameter)["name"] in told
    for media in operation.get("requestBody", {}).get("content", {}):
        assert media in told
    for status in operation["responses"]:
        assert status in told
    assert curl(parts, path, method, operation) in told


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_an_example_is_what_the_operation_takes(path, method, operation):
    parts = Parts(document())
    said = shlex.split(curl(parts, path, method, operation))
    assert said[:2] == ["curl", "-s"]
    assert ("-X" in said) == (
        method not in {"get", "post"} or (method == "post" and "-d" not in said and "-F" not in said)
    )
    url = next(word for word in said if word.startswith("$GATEWAY"))
    assert re.fullmatch(
        re.sub(r"\{[^}]+\}", "[^/]+", re.escape(path).replace(r"\{", "{").replace(r"\}", "}")),
        url.removeprefix("$GATEWAY").partition("?")[0],
    )
    for name in [parts.at(each)["name"] for each in operation.get("parameters", ()) if parts.at(each).get("required")]:
        assert f"{name}=" in url or f"{{{name}}}" in path
    if "-d" in said:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        body = json.loads(said[said.index("-d") + 1])
        Draft202012Validator({**schema, "components": document()["components"]}).validate(body)


def test_every_schema_is_there(seen):
    missing = [name for name in document()["components"]["schemas"] if anchor("schema", name) not in seen.articles]
    assert missing == []
    told = seen.articles["schema-imagerequest"]
    assert [
        name for name in document()["components"]["schemas"]["ImageRequest"]["properties"] if name not in told
    ] == []


def test_hostile_words_are_words():
    hostile = json.loads(json.dumps(document()))
    operation = hostile["paths"]["/v1/models"]["get"]
    operation["summary"] = operation["description"] = HOSTILE
    operation["parameters"] = [
        {"name": HOSTILE, "in": "query", "required": True, "description": HOSTILE, "schema": {"enum": [HOSTILE]}}
    ]
    hostile["paths"][f"/v1/{HOSTILE}"] = {"get": operation}
    hostile["components"]["schemas"][HOSTILE] = {
        "type": "object",
        "description": HOSTILE,
        "properties": {HOSTILE: {"const": HOSTILE}},
    }
    hostile["info"]["title"] = HOSTILE
    plain, attacked = Seen(page(document())), Seen(page(hostile))
    assert {tag for tag, _ in attacked.elements} == {tag for tag, _ in plain.elements}
    assert {name for _, given in attacked.elements for name in given} == {
        name for _, given in plain.elements for name in given
    }


def test_a_schema_that_holds_itself_ends():
    endless = {
        "type": "object",
        "required": ["again"],
        "properties": {"again": {"$ref": "#/components/schemas/Endless"}},
    }
    endless["properties"]["inline"] = {"type": "array", "items": endless}
    looped = {"components": {"schemas": {"Endless": endless, "Self": {"$ref": "#/components/schemas/Self"}}}}
    parts = Parts(looped)
    assert json.dumps(parts.example({"$ref": "#/components/schemas/Endless"})).count("again") < 12
    assert parts.at({"$ref": "#/components/schemas/Self"}) is not None


def test_language_models_are_told_of_every_call_and_page(seen):
    text = words.text(document())
    assert text.startswith("# Beamsplitter\n\n> ")
    links = re.findall(r"\]\((/[^)]*)\)", text)
    assert {"/openapi.json", "/docs", "/v1/models"} <= set(links)
    called = [link.removeprefix("/docs#") for link in links if link.startswith("/docs#")]
    assert called == [anchor(param.values[1], param.values[0]) for param in OPERATIONS]
    assert set(called) <= seen.articles.keys()
    assert [name for name in words.PAGES if not (ROOT / "docs" / name).exists()] == []
