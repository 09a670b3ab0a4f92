"""One gateway with the examples, and one browser, for all tests of the console."""

import shutil

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

from tests.browser.chromium import chromium, launched
from tests.browser.cockpit import ADMIN, signed_in
from tests.running import ROOT, serving
from tests.services.needed import needs

_ENV = {"BEAMSPLITTER_ADMIN_KEY": ADMIN, "OPENAI_API_KEY": "sk-not-real"}  # with which nothing is ever sent


@pytest.fixture(scope="session")
def console(tmp_path_factory):
    """The address of a gateway with the examples, which tests may paint with."""
    configs = tmp_path_factory.mktemp("console") / "configs"
    shutil.copytree(ROOT / "examples" / "configs", configs)
    with serving(configs, env=_ENV) as running:
        yield running.url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser():
    needs("Chromium", chromium())
    async with async_playwright() as playwright:
        opened = await launched(playwright)
        yield opened
        await opened.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def tab(browser, console):
    async with signed_in(browser, console) as cockpit:
        yield cockpit


@pytest_asyncio.fixture(loop_scope="session")
async def cockpit(tab):
    async with tab.watched():
        yield tab
    await tab.left()
