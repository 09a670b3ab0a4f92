"""Portkey's SDK against the control plane of a gateway as a user runs it: configs, keys, feedback."""

import asyncio
import base64
import contextlib
import http.client
import json
import time

import portkey_ai
import pytest
from portkey_ai.api_resources.exceptions import (
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    PermissionDeniedError,
)

from tests.fake_provider import KEY
from tests.running import serving

ADMIN = "test-admin-key-not-real"
SANDBOX = {"provider": "sandbox", "override_params": {"model": "sandbox"}}

GATEWAY_YAML = """
virtual_keys:
  declared: {{provider: openai, api_key: "${{PROVIDER_KEY}}", custom_host: "http://127.0.0.1:{port}/v1"}}
"""


@pytest.fixture(scope="module")
def controlled(provider, tmp_path_factory):
    folder = tmp_path_factory.mktemp("controlled")
    (folder / "gateway.yaml").write_text(GATEWAY_YAML.format(port=provider.port))
    (folder / "declared.yaml").write_text("provider: sandbox\n")
    trusted = f"127.0.0.1:{provider.port}"
    with serving(
        folder, "--trusted-hosts", trusted, env={"PROVIDER_KEY": KEY, "BEAMSPLITTER_ADMIN_KEY": ADMIN}
    ) as running:
        yield running


@pytest.fixture
def as_key(controlled, closing):
    """Return what makes a client that shows a key."""

    def make(key=ADMIN, **options):
        made = portkey_ai.Portkey(base_url=f"{controlled.url}/v1", api_key=key, max_retries=0, **options)
        closing(made.openai_client)
        return closing(made)

    return make


@pytest.fixture
def admin(as_key):
    return as_key()


def error_of(caught):
    """Return what an answer that the SDK raises says."""
    return json.loads(caught.value.response.text)["error"]


def soon(ask):
    """Return the answer that there is within a second: so long may pass until a change is known everywhere."""
    until = time.monotonic() + 1
    while True:
        try:
            return ask()
        except (AssertionError, AuthenticationError):
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def refused(ask):
    try:
        ask()
    except AuthenticationError:
        return
    raise AssertionError("it was answered")


@contextlib.asynccontextmanager
async def connected(gateway, key=ADMIN):
    client = portkey_ai.AsyncPortkey(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0)
    try:
        yield client
    finally:
        await client.openai_client.close()
        await client.close()


# Configs


def test_configs(admin):
    made = admin.configs.create(name="resilient", config=SANDBOX, is_default=0)
    assert made.object == "config"
    assert made.id and made.version_id and made.slug.startswith("pc-resilient-")  # noqa: PT018

    found = admin.configs.retrieve(slug=made.slug)
    assert (found.id, found.name, found.config, found.status) == (made.id, "resilient", SANDBOX, "active")
    assert (found.is_default, found.workspace_id, found.version_id) == (0, "default", made.version_id)
    for field in type(found).model_fields:
        assert getattr(found, field) is not None, field

    listed = admin.configs.list()
    assert listed.object == "list"
    assert listed.total == len(listed.data)
    assert made.id in [row["id"] for row in listed.data]

    changed = admin.configs.update(slug=made.slug, name="renamed", config={**SANDBOX, "cache": {"mode": "simple"}})
    assert changed.version_id not in (None, made.version_id)
    assert admin.configs.retrieve(slug=made.slug).name == "renamed"

    admin.configs.delete(slug=made.slug)
    with pytest.raises(NotFoundError) as caught:
        admin.configs.retrieve(slug=made.slug)
    assert error_of(caught)["code"] == "config_not_found"


def test_a_bad_config(admin):
    with pytest.raises(BadRequestError) as caught:
        admin.configs.create(name="bad", config={"provider": "opnai"})
    assert (error_of(caught)["code"], error_of(caught)["param"]) == ("invalid_config", "$.provider")


def test_secrets_of_configs_are_not_shown(admin):
    made = admin.configs.create(name="secret", config={"provider": "openai", "api_key": "sk-mine-not-real"})
    found = admin.configs.retrieve(slug=made.slug)
    assert found.config["api_key"] == "***"
    admin.configs.update(slug=made.slug, name="renamed", config={**found.config, "weight": 2})
    assert admin.configs.retrieve(slug=made.slug).config == {"provider": "openai", "api_key": "***", "weight": 2}


def test_a_stored_config_paints_at_once(admin, as_key):
    made = admin.configs.create(name="painter", config=SANDBOX)
    key = admin.api_keys.create(type="workspace", sub_type="service", name="app")
    client = as_key(key.key, config=made.slug)
    answer = soon(lambda: client.images.generate(model="sandbox", prompt="an otter"))
    assert base64.b64decode(answer.data[0].b64_json).startswith(b"\x89PNG")


# Virtual keys


def test_virtual_keys(admin):
    limits = {"credit_limit": 10, "alert_threshold": 8, "periodic_reset": "monthly"}
    made = admin.virtual_keys.create(
        name="azure eu",
        provider="azure-openai",
        key="sk-azure-not-real",
        note="for pictures",
        apiVersion="2024-10-21",
        resourceName="pictures-eu",
        deploymentName="image-2",
        usage_limits=limits,
    )
    assert made.object == "virtual_key"
    assert made.slug.startswith("azure-eu-")

    found = admin.virtual_keys.retrieve(slug=made.slug)
    assert (found.name, found.note, found.usage_limits, found.status) == ("azure eu", "for pictures", limits, "active")
    assert found.model_dump()["model_config"]["azure_deployment_id"] == "image-2"
    assert found.usage["spent_usd"] == 0
    assert "sk-azure" not in found.model_dump_json()

    listed = admin.virtual_keys.list()
    assert made.slug in [row["slug"] for row in listed.data]
    assert "not-real" not in json.dumps(listed.data)

    rates = [{"type": "requests", "unit": "rpm", "value": 5}]
    assert admin.virtual_keys.update(slug=made.slug, name="renamed", rate_limits=rates).slug == made.slug
    assert admin.virtual_keys.retrieve(slug=made.slug).rate_limits == rates

    admin.virtual_keys.delete(slug=made.slug)
    with pytest.raises(NotFoundError):
        admin.virtual_keys.retrieve(slug=made.slug)


def test_a_stored_virtual_key_is_sent_to_its_provider(admin, as_key, seen):
    made = admin.virtual_keys.create(name="mine", provider="openai", key=KEY, custom_host=f"{seen.url}")
    config = admin.configs.create(name="by virtual key", config={"virtual_key": made.slug})
    key = admin.api_keys.create(type="workspace", sub_type="service", name="app", defaults={"config_id": config.slug})
    client = as_key(key.key)
    answer = soon(lambda: client.images.generate(model="gpt-image-2", prompt="an otter"))
    assert base64.b64decode(answer.data[0].b64_json).startswith(b"\x89PNG")
    assert seen.seen[0]["headers"]["authorization"] == f"Bearer {KEY}"


# API keys


def test_api_keys(admin):
    made = admin.api_keys.create(
        type="workspace",
        sub_type="service",
        name="app",
        description="for the app",
        rate_limits=[{"type": "requests", "unit": "rpm", "value": 60}],
        usage_limits={"credit_limit": 10, "periodic_reset": "monthly"},
        scopes=["completions.write", "logs.view"],
        defaults={"config_id": "declared", "metadata": {"_user": "ada"}},
        expires_at="2099-01-31T00:00:00Z",
    )
    assert made.object == "api-key"
    assert made.key.startswith("bs-")

    found = admin.api_keys.retrieve(id=made.id)
    assert (found.name, found.type, found.status) == ("app", "workspace-service", "active")
    assert found.scopes == ["completions.write", "logs.view"]
    assert found.defaults == {"config_id": "declared", "metadata": {"_user": "ada"}}
    assert made.key not in found.model_dump_json()
    for field in type(found).model_fields:
        assert field == "user_id" or getattr(found, field) is not None, field

    page = admin.api_keys.list(page_size=1, current_page=0)
    assert (len(page.data), page.object) == (1, "list")
    assert made.id in [row["id"] for row in admin.api_keys.list().data]

    admin.api_keys.update(id=made.id, name="renamed", scopes=["completions.write"])
    found = admin.api_keys.retrieve(id=made.id)
    assert (found.name, found.scopes) == ("renamed", ["completions.write"])

    admin.api_keys.delete(id=made.id)
    with pytest.raises(NotFoundError):
        admin.api_keys.retrieve(id=made.id)


def test_a_key_does_what_its_scopes_say(admin, as_key):
    reader = admin.api_keys.create(type="workspace", sub_type="service", name="reader", scopes=["configs.list"])
    client = as_key(reader.key)
    assert soon(client.configs.list).object == "list"
    with pytest.raises(PermissionDeniedError) as caught:
        client.configs.create(name="x", config=SANDBOX)
    assert error_of(caught)["code"] == "not_allowed"
    admin.api_keys.delete(id=reader.id)
    soon(lambda: refused(client.configs.list))


def test_workspaces_do_not_see_each_other(admin, as_key):
    scopes = ["configs.create", "configs.read", "configs.list", "configs.delete"]

    def member(workspace):
        return as_key(
            admin.api_keys.create(
                type="workspace", sub_type="service", name="x", workspace_id=workspace, scopes=scopes
            ).key
        )

    red, blue = member("red"), member("blue")
    made = soon(lambda: red.configs.create(name="mine", config=SANDBOX))
    assert [row["id"] for row in red.configs.list().data] == [made.id]
    assert soon(blue.configs.list).data == []
    for ask in (blue.configs.retrieve, blue.configs.delete):
        with pytest.raises(NotFoundError):
            ask(slug=made.slug)
    assert admin.configs.list(workspace_id="red").total == 1


def test_a_rotation_ends_the_old_key(controlled, admin, as_key):
    made = admin.api_keys.create(type="workspace", sub_type="service", name="x", scopes=["configs.list"])
    rotated = asked(controlled, "POST", f"/v1/api-keys/{made.id}/rotate")
    assert soon(as_key(rotated["key"]).configs.list).object == "list"
    soon(lambda: refused(as_key(made.key).configs.list))


def asked(gateway, method, path, body=None):
    """Return the answer to what the SDK has no method for."""
    connection = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=10)
    try:
        headers = {"x-portkey-api-key": ADMIN, "content-type": "application/json"}
        connection.request(method, path, json.dumps(body or {}), headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        return json.loads(answer.read())
    finally:
        connection.close()


# Feedback


def test_feedback(admin, as_key):
    app = as_key(admin.api_keys.create(type="workspace", sub_type="service", name="app").key)
    made = soon(lambda: app.feedback.create(trace_id="trace-1", value=5, weight=0.5, metadata={"why": "sharp"}))
    assert (made.status, len(made.feedback_ids)) == ("success", 1)
    many = app.feedback.bulk_create(feedbacks=[{"trace_id": "a", "value": 1}, {"trace_id": "b", "value": -1}])
    assert len(many.feedback_ids) == 2
    assert app.feedback.update(feedback_id=made.feedback_ids[0], value=-10).status == "success"
    with pytest.raises(BadRequestError) as caught:
        app.feedback.create(trace_id="trace-1", value=99)
    assert error_of(caught)["param"] == "$.value"


# The same without waiting


async def test_everything_without_waiting(controlled):
    async with connected(controlled) as admin:
        config = await admin.configs.create(name="async", config=SANDBOX)
        key = await admin.virtual_keys.create(name="async", provider="openai", key="sk-async-not-real")
        api_key = await admin.api_keys.create(type="workspace", sub_type="service", name="async")

        found = await asyncio.gather(
            admin.configs.retrieve(slug=config.slug),
            admin.virtual_keys.retrieve(slug=key.slug),
            admin.api_keys.retrieve(id=api_key.id),
        )
        assert [each.name for each in found] == ["async"] * 3
        lists = await asyncio.gather(admin.configs.list(), admin.virtual_keys.list(), admin.api_keys.list())
        ids = [{row["id"] for row in each.data} for each in lists]
        assert all(made.id in those for made, those in zip((config, key, api_key), ids, strict=True))

        await admin.configs.update(slug=config.slug, name="renamed")
        await admin.virtual_keys.update(slug=key.slug, name="renamed")
        await admin.api_keys.update(id=api_key.id, name="renamed")
        found = await asyncio.gather(
            admin.configs.retrieve(slug=config.slug),
            admin.virtual_keys.retrieve(slug=key.slug),
            admin.api_keys.retrieve(id=api_key.id),
        )
        assert [each.name for each in found] == ["renamed"] * 3

        made = await admin.feedback.create(trace_id="async", value=1)
        await admin.feedback.update(feedback_id=made.feedback_ids[0], value=2)
        assert len((await admin.feedback.bulk_create(feedbacks=[{"trace_id": "x", "value": 0}])).feedback_ids) == 1

        await admin.configs.delete(slug=config.slug)
        await admin.virtual_keys.delete(slug=key.slug)
        await admin.api_keys.delete(id=api_key.id)
        with pytest.raises(NotFoundError):
            await admin.configs.retrieve(slug=config.slug)
        with pytest.raises(NotFoundError):
            await admin.virtual_keys.retrieve(slug=key.slug)
        with pytest.raises(NotFoundError):
            await admin.api_keys.retrieve(id=api_key.id)
