"""Stored virtual keys: judged as those of files are, written and never read."""

import asyncio

import pytest

from gateway.config.scopes import SCOPES
from gateway.http.control import secrets
from gateway.http.control.operator import Operator
from gateway.ledger import LedgerLost, Spent
from gateway.store import virtual_keys
from tests.gateway.control.stage import BLUE, RED

KEY = "sk-virtual-key-not-real"
BODY = {"name": "Team prod", "provider": "openai", "key": KEY}
AZURE = {
    "name": "eu",
    "provider": "azure-openai",
    "key": KEY,
    "apiVersion": "2024-10-21",
    "resourceName": "pictures-eu",
    "deploymentName": "image-2",
}
PATH = "/v1/virtual-keys"


async def clear(stage, slug):
    async with stage.database.read() as connection:
        row = await virtual_keys.find(connection, None, slug)
    return secrets.opened(stage.vault, row["document"], virtual_keys.place(row["workspace"], row["id"]))


async def test_a_virtual_key_is_made_read_changed_and_removed(stage):
    made = await stage.made(PATH, BODY | {"note": "for pictures", "rate_limits": []})
    assert (made["object"], made["slug"][:10]) == ("virtual_key", "team-prod-")
    found = (await stage.ask("GET", f"{PATH}/{made['slug']}")).json
    told = ("name", "provider", "ai_provider_name", "note", "status", "key", "usage_limits", "rate_limits", "usage")
    assert [found[name] for name in told] == (
        ["Team prod", "openai", "openai", "for pictures", "active", "***", None, [], None]
    )
    assert found["model_config"] == {"api_key": "***"}
    listed = (await stage.ask("GET", PATH)).json
    assert (listed["object"], listed["total"], listed["data"]) == ("list", 1, [found])

    limits = {"credit_limit": 5, "periodic_reset": "monthly"}
    changes = {"name": "New", "note": None, "usage_limits": limits, "openai_project": "p"}
    assert (await stage.ask("PUT", f"{PATH}/{made['slug']}", changes)).json["slug"] == made["slug"]
    found = (await stage.ask("GET", f"{PATH}/{made['id']}")).json
    assert [found[name] for name in ("name", "note", "usage_limits")] == ["New", None, limits]
    assert found["model_config"] == {"api_key": "***", "openai_project": "p"}
    assert await clear(stage, made["slug"]) == {"provider": "openai", "api_key": KEY, "openai_project": "p"}

    assert (await stage.ask("DELETE", f"{PATH}/{made['slug']}")).json["deleted"] is True
    assert (await stage.ask("GET", f"{PATH}/{made['slug']}")).status == 404
    assert stage.changes == 3
    await stage.made(PATH, BODY | {"slug": made["slug"]})


async def test_nothing_secret_is_in_the_database_or_in_an_answer(stage):
    made = await stage.made(PATH, BODY)
    await stage.ask("PUT", f"{PATH}/{made['slug']}", {"key": "sk-another-not-real"})
    answers = [await stage.ask("GET", path) for path in (PATH, f"{PATH}/{made['slug']}")]
    for text in (stage.dump(), *(answer.text for answer in answers)):
        assert "not-real" not in text
    assert all("sealed1" not in answer.text for answer in answers)
    await stage.ask("DELETE", f"{PATH}/{made['slug']}")
    assert "sealed1" not in stage.dump().replace("'pepper','sealed1", "")


async def test_azure_has_words_of_its_own(stage):
    made = await stage.made(PATH, AZURE)
    assert await clear(stage, made["slug"]) == {
        "provider": "azure-openai",
        "api_key": KEY,
        "azure_api_version": "2024-10-21",
        "azure_resource_name": "pictures-eu",
        "azure_deployment_id": "image-2",
    }
    await stage.ask("PUT", f"{PATH}/{made['slug']}", {"deploymentName": "image-3"})
    assert (await clear(stage, made["slug"]))["azure_deployment_id"] == "image-3"
    twice = await stage.ask("POST", PATH, AZURE | {"azure_api_version": "v1"})
    assert (twice.status, "the same" in twice.error["message"]) == (400, True)


@pytest.mark.parametrize(
    ("changes", "param", "words"),
    [
        ({"provider": "opnai"}, "$.provider", "openai"),
        ({"provider": None}, "$", "provider"),
        ({"provider": "@other"}, "$.provider", "not another virtual key"),
        ({"key": None}, "$", "needs a credential"),
        ({"key": "***"}, "$.api_key", "none here to keep"),
        ({"key": "with a space"}, "$.key", "visible ASCII"),
        ({"apiKey": "x"}, "$.apiKey", "the same"),
        ({"azure_resource_name": "x"}, "$.azure_resource_name", "belongs to"),
        ({"custom_host": "file:///etc/passwd"}, "$.custom_host", "https://"),
        ({"customHost": "http://u:p@host"}, "$.customHost", "user name"),
        ({"usage_limits": {"credit_limit": -1}}, "$.usage_limits.credit_limit", "amount"),
        ({"usage_limits": {"alert_threshold": 1}}, "$.usage_limits", "credit_limit"),
        ({"rate_limits": [{"type": "requests", "unit": "rpx", "value": 1}]}, "$.rate_limits[0].unit", "rpm"),
        ({"expires_at": "2020-01-01"}, "$.expires_at", "future"),
        ({"expires_at": "soon"}, "$.expires_at", "must be a date"),
        ({"expires_at": 17e11}, "$.expires_at", "must be a date"),
        ({"expires_at": True}, "$.expires_at", "must be a date"),
        ({"name": ""}, "$.name", "needed"),
        ({"name": 7}, "$.name", "text"),
        ({"slug": "a b"}, "$.slug", "letters"),
        ({"workspace_id": "../x"}, "$.workspace_id", "letters"),
        ({"status": "active"}, "$.status", "Unknown"),
        ({"revision": 1}, "$.revision", "Unknown"),
        ({"note": "x" * 2001}, "$.note", "2000"),
    ],
)
async def test_a_bad_virtual_key_is_refused_with_its_path(stage, changes, param, words):
    refused = await stage.ask("POST", PATH, BODY | changes)
    assert refused.status == 400, refused.text
    assert refused.error["param"] == param, refused.text
    assert words in refused.error["message"]
    assert KEY not in refused.text
    assert (await stage.ask("GET", PATH)).json["total"] == 0


@pytest.mark.parametrize("changes", [{}, {"key": "***"}, {"api_key": "***"}], ids=["left out", "stars", "api_key"])
async def test_a_key_stays_for_the_host_that_it_was_given_for(stage, changes):
    made = await stage.made(PATH, BODY | {"custom_host": "https://images.example/v1"})
    path = f"{PATH}/{made['slug']}"
    assert (await stage.ask("PUT", path, changes | {"name": "New"})).status == 200
    assert (await clear(stage, made["slug"]))["api_key"] == KEY
    for host in ("https://evil.example", None):
        refused = await stage.ask("PUT", path, changes | {"custom_host": host})
        assert refused.status == 400, host
        assert "give the credential itself" in refused.error["message"]
    assert (
        await stage.ask("PUT", path, {"custom_host": "https://new.example", "key": "sk-own-not-real"})
    ).status == 200
    assert (await clear(stage, made["slug"]))["custom_host"] == "https://new.example"


async def test_another_provider_needs_another_key(stage):
    made = await stage.made(PATH, BODY)
    refused = await stage.ask("PUT", f"{PATH}/{made['slug']}", {"provider": "recraft-ai"})
    assert (refused.status, "give the credential itself" in refused.error["message"]) == (400, True)
    changed = await stage.ask("PUT", f"{PATH}/{made['slug']}", {"provider": "recraft-ai", "key": "own-not-real"})
    assert changed.status == 200


async def test_slugs_are_unique_in_a_workspace_and_beside_files(stage):
    await stage.made(PATH, BODY | {"slug": "prod"}, by=RED)
    refused = await stage.ask("POST", PATH, BODY | {"slug": "prod"}, by=RED)
    assert (refused.status, refused.error["code"]) == (409, "already_exists")
    assert (await stage.ask("POST", PATH, BODY | {"slug": "declared-prod"}, by=RED)).status == 409
    await stage.made(PATH, BODY | {"slug": "prod"}, by=BLUE)


async def test_a_slug_that_two_ask_for_at_once_goes_to_one(stage):
    answers = await asyncio.gather(*(stage.ask("POST", PATH, BODY | {"slug": "one"}, by=RED) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 7


async def test_versions_are_kept_apart(stage):
    made = await stage.made(PATH, BODY)
    path = f"{PATH}/{made['slug']}"
    match = {"if-match": made["version_id"]}
    answers = await asyncio.gather(*(stage.ask("PUT", path, {"note": f"n{n}"}, headers=match) for n in range(5)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 4
    assert (await stage.ask("PUT", path, {"note": "x", "version_id": "1"})).error["code"] == "version_conflict"
    assert (await stage.ask("PUT", path, {"note": "x", "version_id": "2"})).status == 200


async def test_what_is_used_is_told(stage):
    limits = {"credit_limit": 10, "image_limit": 5, "periodic_reset": "monthly"}
    slugs = [(await stage.made(PATH, BODY | {"usage_limits": limits}, by=RED))["slug"] for _ in range(2)]
    await stage.made(PATH, BODY, by=RED)

    async def spent(accounts):
        stage.asked.append(accounts)
        return [Spent(2_500_000, 100_000, 5 * (name == f"virtual_key:red/{slugs[1]}"), 0) for name, _ in accounts]

    object.__setattr__(stage.plane, "spent", spent)
    rows = (await stage.ask("GET", PATH)).json["data"]
    [asked] = stage.asked
    assert [name for name, _ in asked] == [f"virtual_key:red/{slug}" for slug in slugs]
    assert {window[:6] for _, window in asked} == {"month "}
    usage = rows[0]["usage"]
    assert (usage["spent_usd"], usage["held_usd"], usage["images"]) == (2.5, 0.1, 0)
    assert usage["resets_at"].endswith("-01T00:00:00.000+00:00")
    assert [row["status"] for row in rows] == ["active", "exhausted", "active"]
    assert rows[2]["usage"] is None


async def test_keys_can_be_looked_at_while_nobody_knows_what_they_have_spent(stage):
    made = await stage.made(PATH, BODY | {"usage_limits": {"credit_limit": 1}})

    async def spent(_):
        raise LedgerLost

    object.__setattr__(stage.plane, "spent", spent)
    found = await stage.ask("GET", f"{PATH}/{made['slug']}")
    assert (found.status, found.json["usage"], found.json["usage_limits"]) == (200, None, {"credit_limit": 1})


async def test_an_end_is_told(stage):
    made = await stage.made(PATH, BODY | {"expires_at": "2099-01-31T00:00:00Z"})
    found = (await stage.ask("GET", f"{PATH}/{made['slug']}")).json
    assert (found["expires_at"], found["status"]) == ("2099-01-31T00:00:00.000+00:00", "active")
    await stage.ask("PUT", f"{PATH}/{made['slug']}", {"expires_at": None})
    assert (await stage.ask("GET", f"{PATH}/{made['slug']}")).json["expires_at"] is None
    await stage.ask("PUT", f"{PATH}/{made['slug']}", {"expires_at": 4_000_000_000})
    assert (await stage.ask("GET", f"{PATH}/{made['slug']}")).json["expires_at"] == "2096-10-02T07:06:40.000+00:00"


async def test_a_credential_can_be_replaced_by_one_of_another_kind(stage):
    made = await stage.made(PATH, AZURE)
    changed = await stage.ask("PUT", f"{PATH}/{made['slug']}", {"key": None, "azure_ad_token": "token-not-real"})
    assert changed.status == 200, changed.text
    assert "api_key" not in await clear(stage, made["slug"])


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", PATH, "virtual_keys.create"),
        ("GET", PATH, "virtual_keys.list"),
        ("GET", f"{PATH}/x", "virtual_keys.read"),
        ("PUT", f"{PATH}/x", "virtual_keys.update"),
        ("DELETE", f"{PATH}/x", "virtual_keys.delete"),
    ],
)
async def test_each_route_asks_for_its_scope(stage, method, path, scope):
    refused = await stage.ask(method, path, {}, by=Operator("k", "red", SCOPES - {scope}))
    assert (refused.status, scope in refused.error["message"]) == (403, True)
    assert (await stage.ask(method, path, {}, by=Operator("k", "red", frozenset({scope})))).status != 403
