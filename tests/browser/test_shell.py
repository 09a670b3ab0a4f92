import re

import pytest
from playwright.async_api import expect

from tests.browser.cockpit import ADMIN, first_visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGES = ["Live", "Logs", "Analytics", "Configs", "Playground", "Keys and budgets", "Health"]


async def test_a_good_key_opens_the_console_and_a_bad_one_gets_the_servers_words(browser, console):
    async with first_visit(browser, console) as cockpit:
        page = cockpit.page
        await cockpit.open("/health")
        await sign_in(page, "not-real-and-wrong")
        refused = await cockpit.ask("/v1/logs", x_portkey_api_key="not-real-and-wrong")
        said = (await refused.json())["error"]["message"]
        await expect(page.get_by_role("alert").filter(has_text=said)).to_be_visible()

        await sign_in(page, ADMIN)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Health")
        await expect(page).to_have_title("Health · Beamsplitter")
        assert ADMIN not in await page.content()

        await page.evaluate("sessionStorage.setItem('beamsplitter.key', 'not-real-any-more')")
        await page.get_by_role("link", name="Logs").click()
        await expect(page.get_by_role("alert").filter(has_text=said)).to_be_visible()
        assert await page.evaluate("sessionStorage.length") == 0

        await sign_in(page, ADMIN)
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_label("Admin key")).to_be_focused()
        assert await page.evaluate("sessionStorage.length") == 0
        assert {status for status, _ in cockpit.refused} == {401}


async def sign_in(page, key):
    await page.get_by_label("Admin key").fill(key)
    await page.get_by_role("button", name="Sign in").click()


async def test_the_way_between_the_pages_says_where_one_is(cockpit):
    page = cockpit.page
    await cockpit.open("/health")
    nav = page.get_by_role("navigation", name="Pages")
    assert await nav.get_by_role("link").all_inner_texts() == PAGES
    for title in ("Keys and budgets", "Configs"):
        await nav.get_by_role("link", name=title).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(title)
        await expect(page).to_have_title(f"{title} · Beamsplitter")
        await expect(nav.locator("[aria-current=page]")).to_have_text(title)
    await page.go_back()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Keys and budgets")


async def test_a_page_that_is_none_says_so_and_shows_a_way_out(cockpit):
    await cockpit.open("/<img src=x onerror=alert(1)>")
    await expect(cockpit.page.get_by_role("heading", level=1)).to_have_text("No such page")
    await cockpit.page.get_by_role("link", name="Go to Live").click()
    await expect(cockpit.page.get_by_role("heading", level=1)).to_have_text("Live")


async def test_the_policy_lets_nothing_in_from_elsewhere(cockpit):
    response = await cockpit.page.request.get(f"{cockpit.url}/console/")
    policy = dict(part.strip().split(" ", 1) for part in response.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["form-action"] == policy["base-uri"] == "'none'"
    # The watch that all tests keep on the policy does see a breach of it.
    await cockpit.open("/health")
    async with cockpit.page.expect_console_message(lambda message: message.text == "CSP: inline"):
        await cockpit.page.evaluate(
            "document.head.append(Object.assign(document.createElement('script'), {textContent: '0'}))"
        )
    assert "error: CSP: inline" in cockpit.faults
    cockpit.faults.clear()


async def test_the_switch_goes_from_the_systems_colours_to_light_and_dark(cockpit):
    page = cockpit.page
    await page.emulate_media(color_scheme="dark")
    await cockpit.open("/health")
    switch, colour = (
        page.get_by_role("button", name=re.compile("Theme")),
        "getComputedStyle(document.body).backgroundColor",
    )
    dark = await page.evaluate(colour)
    await switch.click()
    assert await page.evaluate(colour) != dark
    await switch.click()
    assert await page.evaluate(colour) == dark


async def test_a_slash_focuses_the_pages_search(cockpit):
    await cockpit.open("/configs")
    await expect(cockpit.page.get_by_role("link", name="tour", exact=True)).to_be_visible()
    await cockpit.page.keyboard.press("/")
    await expect(cockpit.page.get_by_role("searchbox")).to_be_focused()
