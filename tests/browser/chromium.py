"""The browser of this machine, and how it is started: without a window, and without a word to anybody outside."""

import shutil

FLAGS = (
    "--no-sandbox",  # tests run as root in CI, where Chromium's own sandbox does not start
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
)
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium():
    """Return the path of the browser, `None` where there is none."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


async def launched(playwright):
    return await playwright.chromium.launch(executable_path=chromium(), args=[*FLAGS])
