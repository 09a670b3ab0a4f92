import pytest
from playwright.async_api import expect

from tests.browser.cockpit import PHONE
from tests.browser.sanity import faults_of, tabbed

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Each page with something to see on it once it has been drawn.
PAGES = {
    "live": ("/live", ".feed > li"),
    "logs": ("/logs", "tbody tr"),
    "analytics": ("/analytics?range=1h", ".plot canvas"),
    "configs": ("/configs", "tbody tr"),
    "config": ("/configs/tour", "[role=tree]"),
    "playground": ("/playground?config=tour", "[role=tree]"),
    "keys": ("/keys", ".toolbar .button"),
    "virtual-keys": ("/keys/virtual", ".toolbar .button"),
    "budgets": ("/keys/budgets", "[role=tabpanel] > *"),
    "health": ("/health", "tbody tr"),
}


@pytest.fixture(params=PAGES.items(), ids=PAGES)
def place(request):
    return request.param


@pytest.fixture(scope="module")
def painted():
    return []


async def opened(cockpit, place, painted):
    if not painted:
        await cockpit.recorded(await cockpit.paint("an otter", "tour"))
        painted.append(True)
    name, (path, drawn) = place
    await cockpit.open(path)
    await expect(cockpit.page.locator(drawn).first).to_be_visible()
    await expect(cockpit.page.locator("main .waiting:visible")).to_have_count(0)
    return name


async def test_it_is_sound_to_ears_and_keyboards_and_fits_a_phone_in_light_and_dark(cockpit, place, painted):
    page = cockpit.page
    name = await opened(cockpit, place, painted)
    assert await faults_of(page) == []
    reached = await tabbed(page, 25)
    assert "Skip to content" in reached[0]["what"]
    assert [each["what"] for each in reached if not (each["shown"] and each["sized"])] == []
    places = [each["place"] for each in reached]
    assert len(set(places)) == len(places) > 10
    assert places == sorted(places)
    await cockpit.shoot(f"{name}-light")

    await page.emulate_media(color_scheme="dark")
    await page.set_viewport_size(PHONE)
    assert await cockpit.overflow() <= 0
    assert await faults_of(page) == []
    await page.get_by_role("button", name="Menu").click()
    await expect(page.get_by_role("navigation", name="Pages").get_by_role("link", name="Logs")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Menu")).to_be_focused()
    await cockpit.shoot(f"{name}-phone-dark")
    assert cockpit.refused == []


UNSOUND = """
<header></header><main><h1>One</h1><h3>Three</h3><button></button><input id="a"><label for="gone">No one's</label>
<img src="data:,"><nav></nav><table><tr><th>Name</th></tr></table><p id="b" tabindex="3">Grey</p><p id="b">Twice</p>
<p style="color: #aaa; background: white">hard to read</p></main>
"""


async def test_the_look_at_a_page_sees_what_is_wrong_with_it(tab):
    page = await tab.page.context.new_page()
    await page.set_content(UNSOUND)
    found = [fault.partition(":")[0] for fault in await faults_of(page)]
    assert found == [
        "no name",
        "no label",
        "no alternative",
        "a part without a name",
        "a heading of nothing",
        "h3 after h1",
        "twice",
        "for of nothing",
        "its own place in the tab order",
        "no language",
        "contrast 2.32",
    ]
    await page.evaluate("document.head.append(document.createElement('style'))")
    await page.evaluate("document.styleSheets[0].insertRule('* { outline: none !important }')")
    assert [each["shown"] for each in await tabbed(page, 2)] == [False, False]
    await page.close()
