"""One visit to the console of a running gateway: signed in, and with an eye on what a page must never do."""

import asyncio
import contextlib
import json
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import expect

ADMIN = "not-real-admin-key-for-tests-000000"
PHONE = {"width": 390, "height": 844}
LAPTOP = {"width": 1280, "height": 800}
SHOTS = Path(__file__).parents[2] / "screenshots"
_EXPECTED = "Failed to load resource: the server responded with a status of "
_SIGN_IN = (
    f"sessionStorage.getItem('beamsplitter.key') ?? sessionStorage.setItem('beamsplitter.key', {json.dumps(ADMIN)})"
)
_FORGET = """
localStorage.clear();
for (const name of Object.keys(sessionStorage)) if (name !== "beamsplitter.key") sessionStorage.removeItem(name);
"""
_VIOLATIONS = (
    "document.addEventListener('securitypolicyviolation', (event) => console.error(`CSP: ${event.blockedURI}`))"
)

_PATIENCE_MS = 15_000
expect.set_options(timeout=_PATIENCE_MS)


class Cockpit:
    """A page of the console; `faults` are what the browser complained of, and whom it asked beside the gateway."""

    def __init__(self, page, url):
        self.page = page
        self.url = url
        self.faults = []
        self.refused = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.faults.append(f"uncaught: {error}"))
        page.on("request", self._asked)
        page.on("response", self._answered)
        page.on("dialog", self._alerted)

    @contextlib.asynccontextmanager
    async def watched(self):
        """Fail where the browser has anything to complain of, and leave the tab as it was found."""
        self.faults, self.refused = [], []
        yield
        assert self.faults == []

    async def left(self):
        """Leave the tab as the next visitor expects it."""
        page = self.page
        await page.unroute_all()
        await page.set_viewport_size(LAPTOP)
        await page.emulate_media(color_scheme="light")
        await page.evaluate(_FORGET)
        stuck = await page.locator("dialog, .login").count()
        # A page that is looked at again is not drawn again, and some never stop asking.
        await page.goto("about:blank" if stuck else f"{self.url}/console/#/nowhere")

    async def open(self, path):
        """Go to a page of the console, such as `/logs`, and wait for its heading."""
        await self.page.evaluate("for (const each of document.querySelectorAll('h1')) each.dataset.before = ''")
        await self.page.goto(f"{self.url}/console/#{path}")
        await expect(self.page.locator("h1:not([data-before])")).to_be_visible()

    async def ask(self, path, body=None, method=None, **headers):
        """Return what the gateway's API answers, past the browser's page."""
        sent = {"x-portkey-api-key": ADMIN, **{name.replace("_", "-"): value for name, value in headers.items()}}
        method = method or ("GET" if body is None else "POST")
        return await self.page.request.fetch(self.url + path, method=method, headers=sent, data=body)

    async def paint(self, prompt, config, *, assume="", **more):
        """Have a small picture painted, as a caller's program does."""
        body = {"prompt": prompt, "size": "256x256", **more}
        headers = {"x_portkey_config": config, "x_gateway_assume": assume}
        return await self.ask(
            "/v1/images/generations", body, **{name: value for name, value in headers.items() if value}
        )

    async def shoot(self, name, **options):
        """Keep a picture of the page, for whoever looks at a failed run."""
        SHOTS.mkdir(exist_ok=True)
        await self.page.screenshot(path=SHOTS / f"{name}.png", **options)

    async def recorded(self, answer):
        """Wait until the log has what was answered: a record is half a second on its way."""
        trace = answer.headers["x-portkey-trace-id"]
        for _ in range(150):
            if (await (await self.ask(f"/v1/logs?trace_id={trace}")).json())["data"]:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"no record of {trace}")

    async def text(self):
        """Return the text of the config that is open."""
        return await self.page.locator(".CodeMirror").evaluate("(editor) => editor.CodeMirror.getValue()")

    async def write(self, text):
        """Replace the text of the config that is open."""
        await self.page.locator(".CodeMirror").wait_for()  # which takes the place of a plain field
        await self.page.get_by_role("textbox", name="Text of the config").focus()
        await self.page.keyboard.press("Control+a")
        await self.page.keyboard.press("Delete")
        await self._comes_to_say("")
        # As if it were pasted: typed, the editor would indent what is indented already.
        await self.page.keyboard.insert_text(text)
        await self._comes_to_say(text)

    async def _comes_to_say(self, text):
        # The editor reads what is typed after a moment of its own.
        said = "(text) => document.querySelector('.CodeMirror').CodeMirror.getValue().trimEnd() === text"
        await self.page.wait_for_function(said, arg=text.rstrip())

    async def overflow(self):
        """Return by how much the page is wider than the window."""
        return await self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def _heard(self, message):
        # A refusal that a test asks for is in the log of the browser as well; `refused` has it.
        if message.type in ("error", "warning") and not message.text.startswith(_EXPECTED):
            self.faults.append(f"{message.type}: {message.text}")

    def _asked(self, request):
        scheme, host = urlsplit(request.url)[:2]
        if scheme not in ("data", "blob") and host != urlsplit(self.url)[1]:
            self.faults.append(f"asked {request.url}")

    def _answered(self, response):
        if response.status >= 400:
            self.refused.append((response.status, urlsplit(response.url).path))

    async def _alerted(self, dialog):
        if dialog.type != "beforeunload":
            self.faults.append(f"a dialog: {dialog.message}")
        await dialog.accept()


@contextlib.asynccontextmanager
async def signed_in(browser, url):
    """Yield a tab in which several tests may look around, one after the other: to load a page costs most of all."""
    context = await _profile(browser)
    await context.add_init_script(_SIGN_IN)
    yield Cockpit(await context.new_page(), url)
    await context.close()


@contextlib.asynccontextmanager
async def first_visit(browser, url):
    """Yield the visit of somebody who has still to sign in."""
    context = await _profile(browser)
    cockpit = Cockpit(await context.new_page(), url)
    async with cockpit.watched():
        yield cockpit
    await context.close()


async def _profile(browser):
    context = await browser.new_context(viewport=LAPTOP, reduced_motion="reduce")
    context.set_default_timeout(_PATIENCE_MS)
    await context.add_init_script(_VIOLATIONS)
    return context
