import re

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")

GOOD = """strategy:
  mode: fallback
targets:
  - {name: first, provider: sandbox}
  - {name: second, provider: sandbox}
"""


async def test_the_editor_catches_an_error_on_its_line(cockpit):
    page = cockpit.page
    await cockpit.open("/configs?new=1")
    await cockpit.write(GOOD)
    await expect(page.get_by_role("treeitem", name=re.compile("second"))).to_be_visible()
    await cockpit.write(GOOD.replace("mode: fallback", "mode: fallbck"))
    problem = page.locator(".problems li, [data-line]").filter(has_text="fallback").first
    await expect(problem).to_be_visible()
    await expect(page.locator(".CodeMirror-lint-marker-error, .CodeMirror-lint-mark-error").first).to_be_visible()
    await cockpit.shoot("configs-mistake")
    await problem.get_by_role("button").first.click()
    line = await page.evaluate("document.querySelector('.CodeMirror').CodeMirror.getCursor().line")
    assert line == 1
    await cockpit.write(GOOD)
    await expect(problem).to_have_count(0)


async def test_a_config_of_a_file_is_shown_with_where_it_is_and_edited_as_a_copy(cockpit):
    page = cockpit.page
    await cockpit.open("/configs/tour")
    await expect(page.get_by_text("tour.yaml").first).to_be_visible()
    await expect(page.get_by_role("button", name="Activate")).to_have_count(0)
    await page.get_by_role("button", name="Edit a copy").click()
    await expect(page.get_by_role("button", name="Activate")).to_be_enabled()
