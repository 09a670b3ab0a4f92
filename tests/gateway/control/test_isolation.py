"""Whose thing it is decides who sees it, at every endpoint; what is another's is missing, word for word."""

import pytest

from tests.gateway.control.stage import ADMIN, BLUE, RED, SANDBOX

MAKE = {
    "configs": ("/v1/configs", {"name": "x", "slug": "shared-name", "config": SANDBOX}),
    "virtual-keys": ("/v1/virtual-keys", {"name": "x", "slug": "shared-name", "provider": "openai", "key": "not-real"}),
    "api-keys": ("/v1/api-keys", {"name": "x"}),
    "feedback": ("/v1/feedback", {"trace_id": "t", "value": 1}),
}
ENDPOINTS = [
    ("configs", "GET", "/v1/configs/{}", None),
    ("configs", "PUT", "/v1/configs/{}", {"name": "taken over"}),
    ("configs", "PUT", "/v1/configs/{}", {"config": {"provider": "sandbox", "weight": 2}}),
    ("configs", "DELETE", "/v1/configs/{}", None),
    ("configs", "GET", "/v1/configs/{}/versions", None),
    ("configs", "GET", "/v1/configs/{}/versions/{version}", None),
    ("configs", "GET", "/v1/configs/{}/diff", None),
    ("virtual-keys", "GET", "/v1/virtual-keys/{}", None),
    ("virtual-keys", "PUT", "/v1/virtual-keys/{}", {"name": "taken over"}),
    ("virtual-keys", "DELETE", "/v1/virtual-keys/{}", None),
    ("api-keys", "GET", "/v1/api-keys/{}", None),
    ("api-keys", "PUT", "/v1/api-keys/{}", {"name": "taken over"}),
    ("api-keys", "DELETE", "/v1/api-keys/{}", None),
    ("api-keys", "POST", "/v1/api-keys/{}/rotate", {}),
    ("feedback", "PUT", "/v1/feedback/{}", {"value": 2}),
]
GUESSES = ("00000000-0000-4000-8000-000000000000", "no-such-slug", "a%27--", "x" * 101, "", "..", "é")


@pytest.mark.parametrize("prefix", ["/v1", ""], ids=["v1", "bare"])
@pytest.mark.parametrize(
    ("kind", "method", "path", "body"),
    ENDPOINTS,
    ids=[f"{method} {path}{' config' if body and 'config' in body else ''}" for _, method, path, body in ENDPOINTS],
)
@pytest.mark.parametrize(("owner", "other"), [(RED, BLUE), (BLUE, RED)], ids=["red's", "blue's"])
async def test_what_is_anothers_is_missing(stage, owner, other, kind, method, path, body, prefix):
    made = await stage.made(*MAKE[kind], by=owner)
    id_ = made["feedback_ids"][0] if kind == "feedback" else made["id"]
    version = made.get("version_id", "")
    before = stage.dump()

    def at(name):
        return prefix + path.removeprefix("/v1").format(name, version=version)

    foreign = await stage.ask(method, at(id_), body, by=other)
    missing = await stage.ask(method, at(GUESSES[0]), body, by=other)
    assert foreign.status == 404
    assert (foreign.status, foreign.text, foreign.headers) == (missing.status, missing.text, missing.headers)
    if "slug" in made:
        assert (await stage.ask(method, at(made["slug"]), body, by=other)).text == missing.text
    asked = {"workspace_id": owner.workspace}
    assert (await stage.ask(method, at(id_), body, by=other, query=asked)).text == missing.text
    assert stage.dump() == before

    assert (await stage.ask(method, at(id_), body, by=owner)).status == 200


@pytest.mark.parametrize("kind", ["configs", "virtual-keys", "api-keys"])
async def test_lists_hold_ones_own(stage, kind):
    for by in (RED, BLUE):
        await stage.made(*MAKE[kind], by=by)
    path = MAKE[kind][0]
    for by, query, workspaces in (
        (RED, {}, ["red"]),
        (RED, {"workspace_id": "blue"}, ["red"]),
        (ADMIN, {}, ["red", "blue"]),
        (ADMIN, {"workspace_id": "blue"}, ["blue"]),
        (ADMIN, {"workspace_id": "green"}, []),
        (ADMIN, {"workspace_id": "' OR 1=1 --"}, []),
    ):
        found = (await stage.ask("GET", path, by=by, query=query)).json
        assert [row["workspace_id"] for row in found["data"]] == workspaces
        assert found["total"] == len(workspaces)


@pytest.mark.parametrize("guess", GUESSES)
async def test_guesses_lead_nowhere(stage, guess):
    for path, body in MAKE.values():
        await stage.made(path, body)
    before = stage.dump()
    for _, method, path, body in ENDPOINTS:
        answer = await stage.ask(method, path.format(guess, version="x"), body)
        assert answer.status in (404, 405), (method, path)
    assert stage.dump() == before
