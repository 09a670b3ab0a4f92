"""Stored configs: judged as files are, kept with every version, their secrets never shown."""

import asyncio
import re

import pytest

from gateway.config.scopes import SCOPES
from gateway.http.control import secrets
from gateway.http.control.operator import Operator
from gateway.store import configs
from tests.gateway.control.stage import BLUE, RED, SANDBOX

KEY = "sk-config-key-not-real"
OPENAI = {"provider": "openai", "api_key": KEY}
TWO = {
    "strategy": {"mode": "fallback"},
    "targets": [
        {"name": "first", "provider": "openai", "api_key": KEY},
        {"name": "second", "provider": "openai", "apiKey": "sk-second-not-real", "weight": 1},
    ],
}


async def test_a_config_is_made_read_changed_and_removed(stage):
    made = await stage.made("/v1/configs", {"name": "Resilient!", "config": SANDBOX})
    assert made.keys() == {"id", "slug", "version_id", "object"}
    assert re.fullmatch(r"pc-resilient-[a-z0-9]{6}", made["slug"])

    found = (await stage.ask("GET", f"/v1/configs/{made['slug']}")).json
    assert found == (await stage.ask("GET", f"/configs/{made['id']}")).json
    assert found["config"] == SANDBOX
    assert found["version_id"] == made["version_id"]
    told = ("name", "workspace_id", "is_default", "status", "owner_id", "updated_by", "object", "organisation_id")
    assert [found[name] for name in told] == [
        "Resilient!",
        "default",
        0,
        "active",
        "admin",
        "admin",
        "config",
        "default",
    ]

    changed = (await stage.ask("PUT", f"/v1/configs/{made['slug']}", {"name": "New", "status": "archived"})).json
    assert changed["version_id"] != made["version_id"]
    found = (await stage.ask("GET", f"/v1/configs/{made['slug']}")).json
    assert (found["name"], found["status"], found["config"]) == ("New", "archived", SANDBOX)

    gone = await stage.ask("DELETE", f"/v1/configs/{made['slug']}")
    assert (gone.status, gone.json["deleted"]) == (200, True)
    assert (await stage.ask("GET", f"/v1/configs/{made['slug']}")).status == 404
    assert (await stage.ask("GET", "/v1/configs")).json == {"object": "list", "total": 0, "data": []}
    assert stage.changes == 3


async def test_lists_come_in_pages(stage):
    for number in range(5):
        await stage.made("/v1/configs", {"name": f"c{number}", "slug": f"c{number}", "config": SANDBOX})
    page = (await stage.ask("GET", "/v1/configs", query={"page_size": 2, "current_page": 1})).json
    assert (page["total"], [row["slug"] for row in page["data"]]) == (5, ["c2", "c3"])
    assert "config" not in page["data"][0]
    for query in ({"page_size": "0"}, {"page_size": "x"}, {"current_page": "-1"}, {"page_size": "9" * 40}):
        refused = await stage.ask("GET", "/v1/configs", query=query)
        assert (refused.status, refused.error["param"]) == (400, next(iter(query)))


@pytest.mark.parametrize(
    ("config", "param", "words"),
    [
        ({"provider": "opnai"}, "$.provider", "opnai"),
        ({"provider": "sandbox", "retyr": 2}, "$.retyr", "did you mean `retry`"),
        ({"targets": [{"virtual_key": "nobody"}]}, "$.targets[0].virtual_key", "No virtual key is called `nobody`"),
        ({"provider": "sandbox", "id": "x"}, "$.id", "files only"),
        ({"provider": "sandbox", "tests": [{"name": "x", "expect": {}}]}, "$.tests[0].expect", "could not fail"),
        (
            {"provider": "sandbox", "tests": [{"name": "x", "expect": {"status": 503}}]},
            "$.tests[0]",
            "the test 'x' failed: status: expected 503, got 200.",
        ),
        ({"virtual_key": "declared-prod", "custom_host": "https://evil.example"}, "$.custom_host", "stored credential"),
        ({"api_key": KEY, "retry": {"attempts": 1}}, "$.api_key", "needs a `provider`"),
        ({"provider": "sandbox", "description": "x" * (257 * 1024)}, "$", "256 KiB"),
        ("{not json", "$", "not valid JSON"),
        ('{"provider": "sandbox", "provider": "sandbox"}', "$", "given twice"),
        ("a-slug", "$.config", "must be an object"),
        ([], "$.config", "must be an object"),
        (None, "$.config", "must be an object"),
    ],
)
async def test_a_bad_config_is_refused_as_a_bad_file_is(stage, config, param, words):
    refused = await stage.ask("POST", "/v1/configs", {"name": "bad", "config": config})
    assert refused.status == 400, refused.text
    assert refused.error["param"] == param
    assert words in refused.error["message"]
    assert KEY not in refused.text
    assert (await stage.ask("GET", "/v1/configs")).json["total"] == 0
    assert stage.changes == 0


async def test_all_problems_are_told_at_once(stage):
    config = {"strategy": {"mode": "fallback"}, "targets": [{"provider": "nobody"}, {"provider": "sandbox", "x": 1}]}
    error = (await stage.ask("POST", "/v1/configs", {"name": "bad", "config": config})).error
    assert error["code"] == "invalid_config"
    assert "$.targets[0].provider" in error["message"]
    assert "$.targets[1].x" in error["message"]


async def test_references_to_the_environment_stay_as_they_are_written(stage, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_HOST", "not-real")
    config = {"provider": "sandbox", "override_params": {"user": "${SECRET_OF_THE_HOST}"}}
    made = await stage.made("/v1/configs", {"name": "literal", "config": config})
    assert (await stage.ask("GET", f"/v1/configs/{made['slug']}")).json["config"] == config


async def test_a_config_may_be_the_text_of_one(stage):
    made = await stage.made("/v1/configs", {"name": "text", "config": '{"provider": "sandbox"}'})
    assert (await stage.ask("GET", f"/v1/configs/{made['slug']}")).json["config"] == SANDBOX


async def test_a_virtual_key_that_was_stored_just_now_can_be_named(stage):
    key = await stage.made(
        "/v1/virtual-keys", {"name": "team", "provider": "openai", "key": KEY, "workspace_id": "red"}
    )
    config = {"virtual_key": key["slug"]}
    await stage.made("/v1/configs", {"name": "uses it", "config": config}, by=RED)
    refused = await stage.ask("POST", "/v1/configs", {"name": "uses it", "config": config}, by=BLUE)
    assert (refused.status, refused.error["param"]) == (400, "$.virtual_key")
    with_host = {"provider": f"@{key['slug']}", "custom_host": "https://evil.example"}
    assert (await stage.ask("POST", "/v1/configs", {"name": "x", "config": with_host}, by=RED)).status == 400


async def test_slugs_are_unique_in_a_workspace_and_beside_files(stage):
    body = {"name": "one", "slug": "mine", "config": SANDBOX}
    await stage.made("/v1/configs", body, by=RED)
    refused = await stage.ask("POST", "/v1/configs", body, by=RED)
    assert (refused.status, refused.error["code"], refused.error["param"]) == (409, "already_exists", "slug")
    assert (await stage.ask("POST", "/v1/configs", body | {"slug": "declared"}, by=RED)).status == 409
    await stage.made("/v1/configs", body, by=BLUE)
    ambiguous = await stage.ask("GET", "/v1/configs/mine")
    assert (ambiguous.status, ambiguous.error["code"]) == (409, "ambiguous")
    assert (await stage.ask("GET", "/v1/configs/mine", query={"workspace_id": "red"})).json["workspace_id"] == "red"
    assert (await stage.ask("DELETE", "/v1/configs/mine", by=RED)).status == 200
    await stage.made("/v1/configs", body, by=RED)


async def test_a_workspace_has_one_default(stage):
    first = await stage.made("/v1/configs", {"name": "a", "config": SANDBOX, "is_default": 1}, by=RED)
    other = await stage.made("/v1/configs", {"name": "o", "config": SANDBOX, "is_default": 1}, by=BLUE)
    second = await stage.made("/v1/configs", {"name": "b", "config": SANDBOX, "is_default": 1}, by=RED)
    rows = {row["slug"]: row["is_default"] for row in (await stage.ask("GET", "/v1/configs")).json["data"]}
    assert rows == {first["slug"]: 0, other["slug"]: 1, second["slug"]: 1}
    await stage.ask("PUT", f"/v1/configs/{first['slug']}", {"is_default": True}, by=RED)
    rows = {row["slug"]: row["is_default"] for row in (await stage.ask("GET", "/v1/configs")).json["data"]}
    assert rows == {first["slug"]: 1, other["slug"]: 1, second["slug"]: 0}


@pytest.mark.parametrize("way", ["header", "quoted", "weak", "body"])
async def test_who_changes_what_somebody_else_changed_is_told(stage, way):
    made = await stage.made("/v1/configs", {"name": "a", "config": SANDBOX})
    path = f"/v1/configs/{made['slug']}"

    async def put(name, version):
        written = {"quoted": f'"{version}"', "weak": f'W/"{version}"'}.get(way, version)
        if way == "body":
            return await stage.ask("PUT", path, {"name": name, "version_id": version})
        return await stage.ask("PUT", path, {"name": name}, headers={"if-match": written})

    changed = await put("b", made["version_id"])
    assert changed.status == 200
    late = await put("c", made["version_id"])
    assert (late.status, late.error["code"]) == (409, "version_conflict")
    assert changed.json["version_id"] in late.error["message"]
    assert (await stage.ask("GET", path)).json["name"] == "b"
    assert (await stage.ask("DELETE", path, headers={"if-match": made["version_id"]})).status == 409
    assert (await stage.ask("DELETE", path, headers={"if-match": "*"})).status == 200


async def test_of_those_who_change_one_version_at_once_one_wins(stage):
    made = await stage.made("/v1/configs", {"name": "a", "config": SANDBOX})
    path, match = f"/v1/configs/{made['id']}", {"if-match": made["version_id"]}
    answers = await asyncio.gather(*(stage.ask("PUT", path, {"name": f"n{n}"}, headers=match) for n in range(8)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 7
    assert (await stage.ask("GET", f"{path}/versions")).json["total"] == 2


async def test_versions_tell_what_was_and_what_differs(stage):
    made = await stage.made("/v1/configs", {"name": "a", "config": TWO})
    path = f"/v1/configs/{made['slug']}"
    new = {**TWO, "targets": [{**TWO["targets"][0], "weight": 3}, {**TWO["targets"][1], "apiKey": "sk-new-not-real"}]}
    second = (await stage.ask("PUT", path, {"config": new})).json
    third = (await stage.ask("PUT", path, {"config": {**new, "cache": {"mode": "simple"}}})).json
    rows = (await stage.ask("GET", f"{path}/versions")).json
    assert [row["id"] for row in rows["data"]] == [third["version_id"], second["version_id"], made["version_id"]]
    assert [row["version"] for row in rows["data"]] == [3, 2, 1]

    first = (await stage.ask("GET", f"{path}/versions/{made['version_id']}")).json
    assert first["config"]["targets"][0] == {"name": "first", "provider": "openai", "api_key": "***"}

    latest = (await stage.ask("GET", f"{path}/diff")).json
    assert (latest["object"], latest["from"], latest["to"]) == ("diff", second["version_id"], third["version_id"])
    assert latest["changes"] == [{"path": "$.cache", "change": "added", "before": None, "after": {"mode": "simple"}}]
    asked = {"from": made["version_id"], "to": second["version_id"]}
    between = (await stage.ask("GET", f"{path}/diff", query=asked)).json
    assert between["changes"] == [
        {"path": "$.targets[0].weight", "change": "added", "before": None, "after": 3},
        {"path": "$.targets[1].apiKey", "change": "changed", "before": "***", "after": "***"},
    ]
    assert (await stage.ask("GET", f"{path}/diff", query={"to": made["version_id"]})).json["changes"] == []
    for query in ({"from": "nothing"}, {"to": "../x"}):
        assert (await stage.ask("GET", f"{path}/diff", query=query)).status == 404
    other = await stage.made("/v1/configs", {"name": "other", "config": SANDBOX})
    assert (await stage.ask("GET", f"{path}/versions/{other['version_id']}")).status == 404


async def test_what_is_put_again_as_it_was_makes_no_version(stage):
    made = await stage.made("/v1/configs", {"name": "a", "config": TWO})
    path = f"/v1/configs/{made['slug']}"
    for config in (TWO, (await stage.ask("GET", path)).json["config"]):
        again = (await stage.ask("PUT", path, {"name": "a", "config": config, "status": "active"})).json
        assert again["version_id"] == made["version_id"]
    assert (await stage.ask("GET", f"{path}/versions")).json["total"] == 1


# Secrets


async def clear(stage, slug):
    async with stage.database.read() as connection:
        row = await configs.find(connection, None, slug)
    return secrets.opened(stage.vault, row["document"], configs.place(row["workspace"], row["id"]))


async def test_secrets_are_sealed_and_never_shown(stage):
    made = await stage.made("/v1/configs", {"name": "a", "config": TWO})
    path = f"/v1/configs/{made['slug']}"
    for answer in (await stage.ask("GET", path), await stage.ask("GET", f"{path}/versions/{made['version_id']}")):
        assert "***" in answer.text
        assert "not-real" not in answer.text
        assert "sealed1" not in answer.text
    assert "not-real" not in stage.dump()
    assert await clear(stage, made["slug"]) == TWO
    await stage.ask("DELETE", path)
    assert "sealed1" not in stage.dump().replace("'pepper','sealed1", "")


async def test_a_key_file_that_is_an_object_is_sealed_whole(stage):
    account = {"client_email": "x@y.example", "private_key": "not-real"}
    config = {"provider": "vertex-ai", "vertexServiceAccountJson": account, "vertex_project_id": "p"}
    made = await stage.made("/v1/configs", {"name": "a", "config": config})
    assert (await stage.ask("GET", f"/v1/configs/{made['slug']}")).json["config"]["vertexServiceAccountJson"] == "***"
    assert await clear(stage, made["slug"]) == config


async def test_a_text_that_looks_sealed_is_sealed_like_any_other(stage):
    first = await stage.made("/v1/configs", {"name": "a", "config": OPENAI}, by=RED)
    stolen = re.search(r"sealed1:[^\"']*", stage.dump().replace("'pepper','sealed1", ""))[0]
    made = await stage.made("/v1/configs", {"name": "b", "config": {"provider": "openai", "api_key": stolen}}, by=BLUE)
    assert (await clear(stage, made["slug"]))["api_key"] == stolen
    assert (await clear(stage, first["slug"]))["api_key"] == KEY


FIRST_KEPT = {**TWO["targets"][0], "api_key": "***"}
SECOND_KEPT = {**TWO["targets"][1], "apiKey": "***"}


@pytest.mark.parametrize(
    ("targets", "kept"),
    [
        ([SECOND_KEPT, FIRST_KEPT], [1, 0]),
        ([{"name": "new", "provider": "sandbox"}, SECOND_KEPT], [None, 1]),
        ([{"provider": "openai", "api_key": "***"}, SECOND_KEPT], [0, 1]),
        ([{**FIRST_KEPT, "name": "renamed"}, {**SECOND_KEPT, "apiKey": "sk-third-not-real"}], [0, 2]),
    ],
    ids=["moved with its name", "beside a new target", "without its name", "renamed"],
)
async def test_three_stars_keep_a_secret(stage, targets, kept):
    made = await stage.made("/v1/configs", {"name": "a", "config": TWO})
    answer = await stage.ask("PUT", f"/v1/configs/{made['slug']}", {"config": {**TWO, "targets": targets}})
    assert answer.status == 200, answer.text
    found = await clear(stage, made["slug"])
    keys = [KEY, "sk-second-not-real", "sk-third-not-real"]
    expected = [None if index is None else keys[index] for index in kept]
    assert [target.get("api_key", target.get("apiKey")) for target in found["targets"]] == expected


STARS = {"provider": "openai", "api_key": "***"}
HOST = {"custom_host": "https://images.example/v1"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (OPENAI, {**STARS, "custom_host": "https://evil.example"}),
        (OPENAI, {**STARS, "customHost": "https://evil.example"}),
        (OPENAI, {**STARS, "provider": "recraft-ai"}),
        ({**OPENAI, **HOST}, STARS),
        ({"targets": [OPENAI]}, {"custom_host": "https://evil.example", "targets": [STARS]}),
        (
            {"targets": [{**OPENAI, "name": "a"}, {**SANDBOX, "name": "b"}]},
            {"targets": [{**SANDBOX, "name": "b"}, {**STARS, "name": "a", "custom_host": "https://evil.example"}]},
        ),
        (
            {
                "provider": "azure-openai",
                "api_key": KEY,
                "azure_resource_name": "mine",
                "azure_deployment_id": "d",
                "azure_api_version": "v1",
            },
            {
                "provider": "azure-openai",
                "apiKey": "***",
                "resourceName": "evil",
                "azure_deployment_id": "d",
                "azure_api_version": "v1",
            },
        ),
    ],
    ids=["host", "host in camelCase", "provider", "host removed", "host above", "host, and moved", "azure resource"],
)
async def test_a_secret_is_not_kept_for_another_place(stage, before, after):
    modes = {"strategy": {"mode": "fallback"}}
    config, changed = ({**modes, **each} if "targets" in each else each for each in (before, after))
    made = await stage.made("/v1/configs", {"name": "a", "config": config})
    refused = await stage.ask("PUT", f"/v1/configs/{made['slug']}", {"config": changed})
    assert refused.status == 400, refused.text
    assert "give the credential itself" in refused.error["message"]
    assert await clear(stage, made["slug"]) == config


async def test_three_stars_where_nothing_is_kept_are_refused(stage):
    refused = await stage.ask("POST", "/v1/configs", {"name": "a", "config": STARS})
    assert (refused.status, refused.error["param"]) == (400, "$.api_key")
    made = await stage.made("/v1/configs", {"name": "a", "config": SANDBOX})
    refused = await stage.ask("PUT", f"/v1/configs/{made['slug']}", {"config": STARS})
    assert (refused.status, refused.error["param"]) == (400, "$.api_key")


# Who may


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/v1/configs", "configs.create"),
        ("GET", "/v1/configs", "configs.list"),
        ("GET", "/v1/configs/x", "configs.read"),
        ("PUT", "/v1/configs/x", "configs.update"),
        ("DELETE", "/v1/configs/x", "configs.delete"),
        ("GET", "/v1/configs/x/versions", "configs.read"),
        ("GET", "/v1/configs/x/versions/y", "configs.read"),
        ("GET", "/v1/configs/x/diff", "configs.read"),
    ],
)
async def test_each_route_asks_for_its_scope(stage, method, path, scope):
    refused = await stage.ask(method, path, {}, by=Operator("k", "red", SCOPES - {scope}))
    assert (refused.status, refused.error["code"]) == (403, "not_allowed")
    assert scope in refused.error["message"]
    allowed = await stage.ask(method, path, {}, by=Operator("k", "red", frozenset({scope})))
    assert allowed.status != 403


async def test_a_key_writes_to_its_own_workspace_alone(stage):
    body = {"name": "a", "config": SANDBOX, "workspace_id": "blue"}
    assert (await stage.ask("POST", "/v1/configs", body, by=RED)).status == 403
    await stage.made("/v1/configs", body)
    assert (await stage.ask("GET", "/v1/configs", query={"workspace_id": "blue"}, by=RED)).json["total"] == 0
    assert (await stage.ask("GET", "/v1/configs", query={"workspace_id": "blue"})).json["total"] == 1
    assert (await stage.ask("GET", "/v1/configs", query={"workspace_id": "a\0b"})).json["total"] == 0


@pytest.mark.parametrize("name", ["workspace", "id", "revision", "created_by", "version", "document", "workspace_id"])
async def test_nothing_is_written_but_what_is_listed(stage, name):
    made = await stage.made("/v1/configs", {"name": "a", "config": SANDBOX})
    refused = await stage.ask("PUT", f"/v1/configs/{made['slug']}", {name: "x"})
    assert (refused.status, refused.error["param"]) == (400, f"$.{name}")
