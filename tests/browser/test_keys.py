import re

import pytest
from playwright.async_api import expect

from gateway.config.scopes import SCOPES
from tests.browser.cockpit import ADMIN
from tests.browser.sanity import faults_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = "<b>shop</b> 'é'"


async def test_an_api_key_is_made_shown_once_changed_rotated_and_revoked(cockpit):
    page = cockpit.page
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await cockpit.open("/keys")
    await page.get_by_role("button", name="Create an API key").click()
    form = page.get_by_role("dialog", name="Create an API key")
    await form.get_by_label("Name", exact=True).fill(HOSTILE)
    await form.get_by_label("Default config").select_option("tour")
    await form.get_by_label("logs.list").check()
    await form.get_by_label("At most, US dollars").fill("5")
    await form.get_by_label("Counted anew").select_option("monthly")
    await form.get_by_role("button", name="Add a rate limit").click()
    await form.get_by_label("At most", exact=True).fill("60")
    await form.get_by_role("button", name="Create", exact=True).click()

    once = page.get_by_role("dialog", name="The new key")
    first = await once.get_by_label("Key", exact=True).input_value()
    await once.get_by_role("button", name="Copy").click()
    await expect(page.get_by_text("Copied.")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == first
    for _ in range(3):
        await page.keyboard.press("Escape")
    await expect(once).to_be_visible()
    await once.get_by_role("button", name="I have kept it").click()

    row = page.get_by_role("row").filter(has_text=HOSTILE)
    await expect(row).to_contain_text("$5.00 a month, 60 requests a minute")
    await expect(row).to_contain_text("completions.write feedback.write logs.list")
    assert first not in await page.content()
    assert (await cockpit.ask("/v1/logs", x_portkey_api_key=first)).ok

    await row.get_by_role("button", name=re.compile("Change")).click()
    form = page.get_by_role("dialog", name=f"Change {HOSTILE}")
    await form.get_by_label("At most, US dollars").fill("7.5")
    await form.get_by_label("logs.list").uncheck()
    await form.get_by_role("button", name="Save").click()
    await expect(row).to_contain_text("$7.50 a month")
    assert (await cockpit.ask("/v1/logs", x_portkey_api_key=first)).status == 403

    await row.get_by_role("button", name=re.compile("Rotate")).click()
    await page.get_by_role("dialog").get_by_role("button", name="Rotate", exact=True).click()
    once = page.get_by_role("dialog", name="The new text")
    second = await once.get_by_label("Key", exact=True).input_value()
    await once.get_by_role("button", name="I have kept it").click()
    assert (await cockpit.ask("/v1/logs", x_portkey_api_key=first)).status == 401
    assert (await cockpit.ask("/v1/logs", x_portkey_api_key=second)).status == 403

    await row.get_by_role("button", name=re.compile("Revoke")).click()
    await expect(page.get_by_role("dialog").get_by_role("button", name="Cancel")).to_be_focused()
    await page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    await expect(row).to_have_count(0)
    assert (await cockpit.ask("/v1/logs", x_portkey_api_key=second)).status == 401
    assert cockpit.refused == []


async def test_every_scope_there_is_can_be_ticked(cockpit):
    await cockpit.open("/keys")
    await cockpit.page.get_by_role("button", name="Create an API key").click()
    boxes = cockpit.page.get_by_role("dialog").get_by_role("checkbox")
    assert set(await boxes.evaluate_all("(boxes) => boxes.map((box) => box.value)")) == SCOPES


async def test_a_key_that_the_gateway_refuses_stays_in_its_form_with_the_servers_words(cockpit):
    page = cockpit.page
    await cockpit.open("/keys")
    await page.get_by_role("button", name="Create an API key").click()
    form = page.get_by_role("dialog")
    await form.get_by_label("Name", exact=True).fill("refused")
    await form.get_by_label("At most, US dollars").fill("5")
    await form.get_by_label("Alert at, US dollars").fill("9")
    await form.get_by_role("button", name="Create", exact=True).click()
    await expect(form.get_by_role("alert")).to_contain_text("It is above `credit_limit`")
    await expect(form.get_by_label("Name", exact=True)).to_have_value("refused")
    await form.get_by_label("At most, US dollars").fill("-1")
    await form.get_by_role("button", name="Create", exact=True).click()
    await expect(form.get_by_role("alert")).to_contain_text("US dollars: write a number from 0 on")
    await expect(form.get_by_label("At most, US dollars")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(form).to_have_count(0)
    assert cockpit.refused == [(400, "/v1/api-keys")]


async def test_a_virtual_keys_credential_is_written_and_never_read(cockpit):
    page = cockpit.page
    await cockpit.open("/keys/virtual")
    await page.get_by_role("button", name="Create a virtual key").click()
    form = page.get_by_role("dialog", name="Create a virtual key")
    await form.get_by_label("Name", exact=True).fill("Azure")
    await form.get_by_label("Slug").fill("azure-test")
    await form.get_by_label("Provider", exact=True).fill("azure-openai")
    await form.get_by_label("Credential").fill("sk-not-real-1234567890")
    await form.get_by_role("button", name="Create", exact=True).click()
    await expect(form.get_by_role("alert")).to_contain_text("azure_resource_name")
    fields = '{"azure_resource_name": "eu", "azure_deployment_id": "d", "azure_api_version": "v1"}'
    await form.get_by_label("More fields").fill(fields)
    await form.get_by_role("button", name="Create", exact=True).click()

    row = page.get_by_role("row").filter(has_text="azure-test")
    await expect(row).to_contain_text("***")
    await row.get_by_role("button", name=re.compile("Change")).click()
    form = page.get_by_role("dialog", name="Change azure-test")
    await expect(form.get_by_label("Credential")).to_have_value("")
    await form.get_by_label("Note").fill("paid by marketing")
    await form.get_by_role("button", name="Save").click()
    await expect(row).to_contain_text("paid by marketing")
    kept = await (await cockpit.ask("/v1/virtual-keys/azure-test")).json()
    assert kept["model_config"] == {
        "api_key": "***",
        "azure_resource_name": "eu",
        "azure_deployment_id": "d",
        "azure_api_version": "v1",
    }
    assert "sk-not-real-1234567890" not in await page.content()
    await row.get_by_role("button", name=re.compile("Remove")).click()
    await page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    await expect(row).to_have_count(0)


async def test_a_budget_shows_what_is_used_of_it(cockpit):
    limits = {"image_limit": 4, "periodic_reset": "weekly"}
    body = {"name": "budgeted", "usage_limits": limits, "defaults": {"config_id": "tour"}}
    made = await (await cockpit.ask("/v1/api-keys", body)).json()
    await cockpit.paint("paid by a budget", "tour")
    painted = await cockpit.ask(
        "/v1/images/generations", {"prompt": "one of four", "size": "256x256"}, x_portkey_api_key=made["key"]
    )
    assert painted.ok
    await cockpit.open("/keys/budgets")
    row = cockpit.page.get_by_role("row").filter(has_text="budgeted")
    await expect(row).to_contain_text("1 of 4 pictures")
    assert await row.get_by_role("meter").get_attribute("aria-valuenow") == "25"
    removed = await cockpit.ask(f"/v1/api-keys/{made['id']}", method="DELETE", x_portkey_api_key=ADMIN)
    assert removed.ok


async def test_keys_of_files_are_shown_with_where_they_are_and_have_no_buttons(cockpit):
    await cockpit.open("/keys")
    await cockpit.page.get_by_role("tab", name="API keys").press("ArrowLeft")
    await expect(cockpit.page.get_by_role("tab", name="In files")).to_be_focused()
    table = cockpit.page.get_by_role("region", name="Keys in files")
    row = table.get_by_role("row").filter(has_text="openai-prod")
    await expect(row).to_contain_text("gateway.yaml")
    await expect(row).to_contain_text("openai ***")
    await expect(table.get_by_role("button")).to_have_count(0)
    assert "sk-not-real" not in await cockpit.page.content()
    assert await faults_of(cockpit.page) == []
