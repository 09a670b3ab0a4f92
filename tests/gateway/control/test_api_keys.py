"""Stored API keys: shown once, rotated with an overlap, and never a way to more than one has."""

import asyncio
import re
import sqlite3

import pytest

from gateway.config.api_key import ApiKey
from gateway.config.scopes import SCOPES
from gateway.http.control.operator import Operator
from gateway.http.door import operator_for
from gateway.ledger import RateLimit, Spent, UsageLimit
from gateway.store.kept import now_ms
from tests.gateway.control.stage import ADMIN, BLUE, RED, SANDBOX

PATH = "/v1/api-keys"
NEW = f"{PATH}/workspace/service"
GUARD = "workspace_service_api_keys"


def row_of(stage, id_):
    connection = sqlite3.connect(stage.file)
    connection.row_factory = sqlite3.Row
    try:
        return dict(connection.execute("SELECT * FROM api_keys WHERE id = ?", (id_,)).fetchone())
    finally:
        connection.close()


async def test_a_key_is_made_read_changed_and_revoked(stage):
    made = await stage.made(NEW, {"name": "app", "description": "for the app"})
    assert made.keys() == {"id", "key", "object"}
    assert re.fullmatch(r"bs-[A-Za-z0-9_-]{43}", made["key"])
    assert row_of(stage, made["id"])["digest"] == stage.vault.digest(made["key"])

    found = (await stage.ask("GET", f"{PATH}/{made['id']}")).json
    told = ("name", "description", "type", "status", "scopes", "defaults", "rate_limits", "usage_limits", "object")
    usual = ["completions.write", "feedback.write"]
    values = ["app", "for the app", "workspace-service", "active", usual, {}, [], None, "api-key"]
    assert [found[name] for name in told] == values
    assert found["key"] == f"bs-***{made['key'][-4:]}"
    listed = (await stage.ask("GET", PATH)).json
    assert (listed["total"], listed["data"]) == (1, [found])

    changes = {"name": "New", "scopes": ["logs.view"], "rate_limits": [{"type": "requests", "unit": "rpm", "value": 5}]}
    assert (await stage.ask("PUT", f"{PATH}/{made['id']}", changes | {"id": made["id"]})).status == 200
    found = (await stage.ask("GET", f"{PATH}/{made['id']}")).json
    assert {name: found[name] for name in changes} == changes

    assert (await stage.ask("DELETE", f"{PATH}/{made['id']}")).json["deleted"] is True
    assert (await stage.ask("GET", f"{PATH}/{made['id']}")).status == 404
    assert row_of(stage, made["id"])["status"] == "removed"
    assert stage.changes == 3


async def test_no_key_is_in_the_database_or_in_a_later_answer(stage):
    made = await stage.made(NEW, {"name": "app"})
    rotated = (await stage.ask("POST", f"{PATH}/{made['id']}/rotate")).json
    answers = [await stage.ask("GET", path) for path in (PATH, f"{PATH}/{made['id']}")]
    for text in (stage.dump(), *(answer.text for answer in answers)):
        assert made["key"][3:] not in text
        assert rotated["key"][3:] not in text


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        (f"{PATH}/workspace/user", {"user_id": "ada"}, "workspace-user"),
        (f"{PATH}/organisation/service", {}, "organisation-service"),
        (PATH, {}, "workspace-service"),
        (PATH, {"type": "workspace-user", "user_id": "ada"}, "workspace-user"),
        (PATH, {"type": "organisation", "sub-type": "service"}, "organisation-service"),
        (NEW, {"type": "workspace", "sub-type": "service"}, "workspace-service"),
    ],
)
async def test_keys_are_of_a_kind(stage, path, body, kind):
    made = await stage.made(path, {"name": "app", **body})
    assert (await stage.ask("GET", f"{PATH}/{made['id']}")).json["type"] == kind


@pytest.mark.parametrize(
    ("path", "body", "param", "words"),
    [
        (f"{PATH}/nobody/service", {}, "$.type", "workspace or organisation"),
        (f"{PATH}/NOT_GIVEN/NOT_GIVEN", {}, "$.type", "workspace or organisation"),
        (f"{PATH}/workspace/user", {}, "$.user_id", "whose"),
        (NEW, {"name": None}, "$.name", "needed"),
        (NEW, {"scopes": ["configs.crate"]}, "$.scopes[0]", "did you mean `configs.create`"),
        (NEW, {"scopes": ["virtual_keys.steal"]}, "$.scopes[0]", "Unknown scope"),
        (NEW, {"scopes": []}, "$.scopes", "at least one"),
        (NEW, {"scopes": [7]}, "$.scopes[0]", "text"),
        (NEW, {"scopes": "logs.view"}, "$.scopes", "at least one"),
        (NEW, {"usage_limits": {"credit_limit": "5"}}, "$.usage_limits.credit_limit", "amount"),
        (NEW, {"usage_limits": []}, "$.usage_limits", "object"),
        (NEW, {"rate_limits": [{"type": "tokens"}]}, "$.rate_limits[0].type", "requests or images"),
        (NEW, {"defaults": {"config_id": "nobody"}}, "$.defaults.config_id", "no such config"),
        (NEW, {"defaults": {"config": "x"}}, "$.defaults.config", "Unknown field"),
        (NEW, {"defaults": {"metadata": {"a": 1}}}, "$.defaults.metadata", "texts"),
        (NEW, {"defaults": [1]}, "$.defaults", "object"),
        (NEW, {"allow": {"providers": ["opnai"]}}, "$.allow.providers[0]", "openai"),
        (NEW, {"allow": {"models": []}}, "$.allow.models", "left out"),
        (NEW, {"allow": {"hosts": []}}, "$.allow.hosts", "Unknown field"),
        (NEW, {"expires_at": 1}, "$.expires_at", "future"),
        (NEW, {"alert_emails": ["a@b.example"]}, "$.alert_emails", "Unknown field"),
        (NEW, {"digest": "x"}, "$.digest", "Unknown field"),
    ],
)
async def test_a_bad_key_is_refused_with_its_path(stage, path, body, param, words):
    refused = await stage.ask("POST", path, {"name": "app", **body})
    assert (refused.status, refused.error["param"]) == (400, param), refused.text
    assert words in refused.error["message"]
    assert (await stage.ask("GET", PATH)).json["total"] == 0


async def test_portkeys_other_words_for_scopes_mean_the_same(stage):
    scopes = ["organisation_service_api_keys.list", "workspace_user_api_keys.list", "providers.read", "logs.view"]
    made = await stage.made(NEW, {"name": "app", "scopes": scopes})
    found = (await stage.ask("GET", f"{PATH}/{made['id']}")).json
    assert found["scopes"] == ["logs.view", "virtual_keys.read", f"{GUARD}.list"]


async def test_a_default_config_has_to_be_there(stage):
    config = await stage.made("/v1/configs", {"name": "c", "config": SANDBOX}, by=RED)
    for id_ in (config["id"], config["slug"]):
        made = await stage.made(
            NEW, {"name": "a", "defaults": {"config_id": id_, "metadata": {"_user": "ada"}}}, by=RED
        )
        defaults = (await stage.ask("GET", f"{PATH}/{made['id']}")).json["defaults"]
        assert defaults == {"config_id": config["slug"], "metadata": {"_user": "ada"}}
    foreign = {"name": "a", "defaults": {"config_id": config["slug"]}}
    assert (await stage.ask("POST", NEW, foreign, by=BLUE)).error["param"] == "$.defaults.config_id"
    await stage.made(NEW, {"name": "a", "defaults": {"config_id": "declared"}}, by=BLUE)


async def test_what_is_allowed_goes_by_the_providers_own_names(stage):
    made = await stage.made(NEW, {"name": "a", "allow": {"providers": ["stability"], "models": ["gpt-image-*"]}})
    allow = (await stage.ask("GET", f"{PATH}/{made['id']}")).json["allow"]
    assert allow == {"providers": ["stability-ai"], "models": ["gpt-image-*"]}


# Rotation


async def test_a_rotation_ends_the_old_key_at_once(stage):
    made = await stage.made(NEW, {"name": "app"})
    rotated = (await stage.ask("POST", f"{PATH}/{made['id']}/rotate", {})).json
    assert (rotated["id"], rotated["object"]) == (made["id"], "api-key")
    row = row_of(stage, made["id"])
    assert (row["digest"], row["old_digest"]) == (stage.vault.digest(rotated["key"]), None)


async def test_a_rotation_may_overlap(stage):
    made = await stage.made(NEW, {"name": "app"})
    until = now_ms() // 1000 + 3600
    path = f"{PATH}/{made['id']}/rotate"
    rotated = (await stage.ask("POST", path, {"key_transition_expires_at": until})).json
    row = row_of(stage, made["id"])
    assert row["old_digest"] == stage.vault.digest(made["key"])
    assert row["old_until_ms"] == until * 1000
    found = (await stage.ask("GET", f"{PATH}/{made['id']}")).json
    assert found["key_transition_expires_at"] == rotated["key_transition_expires_at"] is not None
    await stage.ask("POST", path)
    assert row_of(stage, made["id"])["old_digest"] is None
    for wrong in (until + 40 * 86_400, 5, "x"):
        refused = await stage.ask("POST", path, {"key_transition_expires_at": wrong})
        assert (refused.status, refused.error["param"]) == (400, "$.key_transition_expires_at")


async def test_revoking_a_key_revokes_the_one_before_it(stage):
    made = await stage.made(NEW, {"name": "app"})
    await stage.ask("POST", f"{PATH}/{made['id']}/rotate", {"key_transition_expires_at": now_ms() // 1000 + 3600})
    await stage.ask("DELETE", f"{PATH}/{made['id']}")
    assert (row_of(stage, made["id"])["old_digest"], row_of(stage, made["id"])["old_until_ms"]) == (None, None)


# Nobody gets more than they have


def holder(id_, *scopes):
    return Operator(id_, "red", frozenset(scopes))


async def test_a_key_gives_no_scope_that_it_has_not(stage):
    giver = holder("giver", f"{GUARD}.create", "logs.view")
    refused = await stage.ask("POST", NEW, {"name": "x", "scopes": ["logs.view", "configs.read"]}, by=giver)
    assert (refused.status, "configs.read" in refused.error["message"]) == (403, True)
    refused = await stage.ask("POST", NEW, {"name": "x"}, by=giver)  # the usual scopes are scopes as well
    assert (refused.status, "completions.write" in refused.error["message"]) == (403, True)
    await stage.made(NEW, {"name": "x", "scopes": ["logs.view"]}, by=giver)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("PUT", "", {"name": "mine"}), ("DELETE", "", None), ("POST", "/rotate", {})],
    ids=["change", "revoke", "take over"],
)
async def test_a_stronger_key_is_out_of_reach(stage, method, path, body):
    strong = await stage.made(NEW, {"name": "strong", "workspace_id": "red", "scopes": ["configs.delete"]})
    before = row_of(stage, strong["id"])
    weak = holder("weak", f"{GUARD}.update", f"{GUARD}.delete", "logs.view")
    refused = await stage.ask(method, f"{PATH}/{strong['id']}{path}", body, by=weak)
    assert (refused.status, refused.error["code"]) == (403, "not_allowed")
    assert row_of(stage, strong["id"]) == before


async def test_scopes_are_not_widened_by_a_change(stage):
    made = await stage.made(NEW, {"name": "x", "scopes": ["logs.view"]}, by=RED)
    changer = holder("changer", f"{GUARD}.update", "logs.view")
    refused = await stage.ask("PUT", f"{PATH}/{made['id']}", {"scopes": ["configs.read"]}, by=changer)
    assert refused.status == 403
    assert (await stage.ask("PUT", f"{PATH}/{made['id']}", {"name": "y"}, by=changer)).status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"scopes": ["logs.view"]},
        {"usage_limits": None},
        {"rate_limits": []},
        {"allow": None},
        {"expires_at": None},
        {"defaults": {}},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_a_key_does_not_change_what_it_may_itself(stage, changes):
    made = await stage.made(NEW, {"name": "x", "scopes": ["logs.view", f"{GUARD}.update"]}, by=RED)
    self = holder(made["id"], "logs.view", f"{GUARD}.update")
    refused = await stage.ask("PUT", f"{PATH}/{made['id']}", changes, by=self)
    assert (refused.status, next(iter(changes)) in refused.error["message"]) == (403, True)
    assert (await stage.ask("PUT", f"{PATH}/{made['id']}", {"name": "renamed"}, by=self)).status == 200
    assert (await stage.ask("POST", f"{PATH}/{made['id']}/rotate", by=self)).status == 200


@pytest.mark.parametrize(
    "limits",
    [
        {"usage": UsageLimit(credit_micros=1)},
        {"rates": (RateLimit(kind="images", unit="rpd", most=1),)},
        {"allow_providers": ("openai",)},
        {"allow_models": ()},
        {"expires": 4e9},
    ],
    ids=lambda limits: next(iter(limits)),
)
async def test_a_key_with_limits_wherever_it_is_kept_does_not_make_or_take_one_without(stage, limits):
    mine = ("logs.view", f"{GUARD}.create", f"{GUARD}.update")
    other = await stage.made(NEW, {"name": "y", "scopes": ["logs.view"], "workspace_id": "red"})
    for key, status in ((ApiKey(name="x", workspace="red", scopes=frozenset(mine)), 200), (None, 403)):
        self = operator_for(key or ApiKey(name="x", workspace="red", scopes=frozenset(mine), **limits))
        for method, path, body in (
            ("POST", NEW, {"name": "z", "scopes": ["logs.view"]}),
            ("PUT", f"{PATH}/{other['id']}", {"name": "z"}),
            ("POST", f"{PATH}/{other['id']}/rotate", {}),
        ):
            answer = await stage.ask(method, path, body, by=self)
            assert (answer.status, "limits of its own" in answer.text) == (status, status == 403)


async def test_keys_of_the_organisation_are_the_admins_to_make(stage):
    refused = await stage.ask("POST", f"{PATH}/organisation/service", {"name": "x"}, by=RED)
    assert refused.status == 403
    await stage.made(f"{PATH}/organisation/service", {"name": "x"}, by=ADMIN)


async def test_nobody_makes_a_key_for_another_workspace(stage):
    refused = await stage.ask("POST", NEW, {"name": "x", "workspace_id": "blue"}, by=RED)
    assert refused.status == 403
    refused = await stage.ask("PUT", f"{PATH}/x", {"workspace_id": "blue"}, by=RED)
    assert refused.error["param"] == "$.workspace_id"


async def test_of_those_who_change_one_version_at_once_one_wins(stage):
    made = await stage.made(NEW, {"name": "x"})
    path = f"{PATH}/{made['id']}"
    match = {"if-match": (await stage.ask("GET", path)).json["version_id"]}
    answers = await asyncio.gather(*(stage.ask("PUT", path, {"name": f"n{n}"}, headers=match) for n in range(6)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 5


async def test_what_is_used_is_told(stage):
    made = await stage.made(NEW, {"name": "x", "usage_limits": {"credit_limit": 1}})
    stage.spent[f"api_key:{made['id']}", "all"] = Spent(1_000_000, 0, 3, 0)
    found = (await stage.ask("GET", f"{PATH}/{made['id']}")).json
    assert (found["usage"]["spent_usd"], found["usage"]["images"], found["status"]) == (1.0, 3, "exhausted")
    assert found["usage"]["resets_at"] is None


@pytest.mark.parametrize(
    ("method", "path", "word"),
    [
        ("POST", NEW, "create"),
        ("POST", PATH, "create"),
        ("GET", PATH, "list"),
        ("GET", f"{PATH}/x", "read"),
        ("PUT", f"{PATH}/x", "update"),
        ("DELETE", f"{PATH}/x", "delete"),
        ("POST", f"{PATH}/x/rotate", "update"),
    ],
)
async def test_each_route_asks_for_its_scope(stage, method, path, word):
    refused = await stage.ask(method, path, {}, by=Operator("k", "red", SCOPES - {f"{GUARD}.{word}"}))
    assert (refused.status, f"{GUARD}.{word}" in refused.error["message"]) == (403, True)
    allowed = await stage.ask(method, path, {}, by=Operator("k", "red", frozenset({f"{GUARD}.{word}"})))
    assert allowed.status in (200, 400, 404)
