"""What every page owes to people who do not see it, or have no mouse: names, headings, landmarks, focus, contrast."""

from pathlib import Path

_HERE = Path(__file__).parent
# Read in the browser, where names and styles are what they come to.
_FAULTS = (_HERE / "faults.js").read_text()
_FOCUSED = (_HERE / "focused.js").read_text()
_TOP = "document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex')"


async def faults_of(page):
    """Return what is wrong with a page, each fault as a sentence."""
    return await page.evaluate(_FAULTS)


async def tabbed(page, steps):
    """Press Tab from the page's top, and return each place that was reached."""
    await page.evaluate(_TOP)
    reached = []
    for _ in range(steps):
        await page.keyboard.press("Tab")
        found = await page.evaluate(_FOCUSED)
        if found["what"] is None:
            break
        reached.append(found)
    return reached
