"""What somebody does first: paint, break a target, watch, edit, be told, test, simulate, activate, go back."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.cockpit import ADMIN, first_visit

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_first_ten_minutes(browser, console):
    async with first_visit(browser, console) as cockpit:
        await sign_in(cockpit)
        await paint_a_picture(cockpit)
        await break_a_target_and_watch_the_fallback(cockpit)
        await edit_with_a_mistake_and_be_told_at_its_line(cockpit)
        await mend_and_test_it(cockpit)
        await simulate_it(cockpit)
        await activate_it(cockpit)
        await roll_it_back(cockpit)
        assert cockpit.refused == []


async def sign_in(cockpit):
    await cockpit.open("/playground?config=tour")
    await cockpit.page.get_by_label("Admin key").fill(ADMIN)
    await cockpit.page.get_by_role("button", name="Sign in").click()


async def paint_a_picture(cockpit):
    page = cockpit.page
    await page.get_by_label("Prompt", exact=True).fill("an otter on its first day")
    await page.get_by_label("Size", exact=True).fill("256x256")
    await page.get_by_role("button", name="Paint").click()
    await expect(page.get_by_role("img", name="an otter on its first day (1 of 1)")).to_be_visible()


async def break_a_target_and_watch_the_fallback(cockpit):
    page = cockpit.page
    await page.get_by_text("What if").click()
    await page.get_by_label("primary", exact=True).select_option("503")
    await page.get_by_role("button", name="Paint").click()
    await expect(page.locator("[data-fact=target]")).to_have_text("backup")
    await expect(page.get_by_role("treeitem", name=re.compile("primary"))).to_contain_text("503")
    await expect(page.get_by_role("treeitem", name=re.compile("backup"))).to_contain_text("answered")


async def edit_with_a_mistake_and_be_told_at_its_line(cockpit):
    page = cockpit.page
    await page.get_by_role("link", name="Configs").click()
    await page.get_by_role("row").filter(has_text="tour").get_by_role("button", name="Edit a copy").click()
    await expect(page.get_by_role("status").filter(has_text="no errors")).to_be_visible()
    text = await cockpit.text()
    line = text.split("\n").index("deadline: 60000") + 1
    await cockpit.write(text.replace("deadline: 60000", "deadlin: 30000"))
    problem = page.get_by_role("list", name="Problems").get_by_role("button", name=f"Line {line}").first
    await expect(problem).to_contain_text("did you mean `deadline`?")
    await expect(page.get_by_role("button", name="Activate")).to_be_disabled()
    await cockpit.shoot("ten-minutes-mistake")


async def mend_and_test_it(cockpit):
    page = cockpit.page
    await cockpit.write((await cockpit.text()).replace("deadlin: 30000", "deadline: 30000"))
    await expect(page.get_by_role("list", name="Problems")).to_have_count(0)
    await page.get_by_role("tab", name="Tests").click()
    await page.get_by_role("button", name="Run tests").click()
    await expect(page.get_by_role("tabpanel", name="Tests")).to_contain_text("All 4 tests passed.")


async def simulate_it(cockpit):
    page = cockpit.page
    await page.get_by_role("tab", name="Simulate").click()
    panel = page.get_by_role("tabpanel", name="Simulate")
    await panel.get_by_label("Requests in all").fill("200")
    await panel.get_by_role("button", name="Add a fault").click()
    await panel.get_by_role("button", name="Simulate").click()
    targets = panel.get_by_role("region", name="Targets")
    await expect(targets.get_by_role("row").filter(has_text="backup")).to_be_visible()
    await cockpit.shoot("ten-minutes-simulated")


async def activate_it(cockpit):
    page = cockpit.page
    await page.get_by_role("button", name="Activate").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("my tour")
    await dialog.get_by_label("Slug").fill("my-tour")
    await dialog.get_by_role("button", name="Put it into effect").click()
    await expect(page.get_by_role("heading", name="my tour")).to_be_visible()
    answer = await cockpit.paint("through my own config", "my-tour")
    assert answer.headers["x-portkey-last-used-option-index"] == "config.targets[0]"


async def roll_it_back(cockpit):
    page = cockpit.page
    text = (await cockpit.text()).partition("tests:")[0]
    await cockpit.write(text.replace("mode: fallback", "mode: loadbalance"))
    await expect(page.get_by_role("treeitem", name=re.compile("load balance"))).to_be_visible()
    await page.get_by_role("button", name="Activate").click()
    await page.get_by_role("dialog").get_by_role("button", name="Put it into effect").click()
    await expect(page.get_by_text("my-tour is activated.")).to_be_visible()
    assert await mode_of(cockpit) == "loadbalance"

    await page.get_by_role("tab", name="Versions").click()
    await page.get_by_role("region", name="Versions").get_by_role("button", name="Roll back").first.click()
    await page.get_by_role("dialog").get_by_role("button", name="Put version 1 into effect").click()
    await expect(page.get_by_role("treeitem", name=re.compile("fallback"))).to_be_visible()
    assert await mode_of(cockpit) == "fallback"


async def mode_of(cockpit):
    config = await (await cockpit.ask("/v1/configs/my-tour")).json()
    return config["config"]["strategy"]["mode"]
