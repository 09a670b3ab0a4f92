"""Takes the pictures of the console that are in docs/: `python -m tests.browser.pictures`."""

import asyncio
import io
import re
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.async_api import async_playwright, expect

from tests.browser.chromium import launched
from tests.browser.cockpit import ADMIN, signed_in
from tests.running import ROOT, serving

DOCS = ROOT / "docs"
LARGEST = 250_000
_MISTAKE = ("on_status_codes: [429]", "on_status_code: [429]")


async def playground(cockpit):
    """A picture that the backup painted, beside the tree that says why."""
    page = cockpit.page
    await page.set_viewport_size({"width": 1120, "height": 800})
    await cockpit.open("/playground?config=tour")
    await page.get_by_text("What if").click()
    await page.get_by_label("primary", exact=True).select_option("503")
    await page.get_by_role("button", name="Paint").click()
    await expect(page.get_by_role("link", name="Open its record in the log")).to_be_visible()
    await page.get_by_role("img", name="(1 of 1)").evaluate("(image) => image.decode()")
    await page.get_by_role("heading", level=1).hover()


async def configs(cockpit):
    """The editor, with a mistake that it has caught on its line."""
    page = cockpit.page
    await page.set_viewport_size({"width": 1280, "height": 860})
    await cockpit.open("/configs?new=1&copy=tour")
    await expect(page.get_by_role("status").filter(has_text="no errors")).to_be_visible()
    await cockpit.write((await cockpit.text()).replace(*_MISTAKE))
    problem = page.get_by_role("list", name="Problems").get_by_role("button", name=re.compile("Line"))
    await expect(problem).to_be_visible()
    await expect(page.locator(".CodeMirror-lint-mark-error").first).to_be_visible()
    await problem.click()


async def main():
    with tempfile.TemporaryDirectory() as folder:
        examples = Path(folder) / "configs"
        shutil.copytree(ROOT / "examples" / "configs", examples)
        with serving(examples, env={"BEAMSPLITTER_ADMIN_KEY": ADMIN}) as running:
            await _taken(running.url)


async def _taken(url):
    async with async_playwright() as playwright:
        browser = await launched(playwright)
        async with signed_in(browser, url) as cockpit:
            for drawn in (playground, configs):
                await drawn(cockpit)
                taken = await cockpit.page.screenshot(full_page=drawn is playground)
                _keep(DOCS / f"console-{drawn.__name__}.png", taken)
        await browser.close()


def _keep(path, taken):
    """Write a picture with as few colours as nobody misses."""
    small = Image.open(io.BytesIO(taken)).convert("RGB")
    small.save(path, optimize=True)
    size = path.stat().st_size
    if size > LARGEST:
        raise SystemExit(f"{path} has {size} bytes; {LARGEST} at most: make the window smaller.")


if __name__ == "__main__":
    asyncio.run(main())
