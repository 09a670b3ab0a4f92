import asyncio
import json
import re

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = "<img src=x onerror=alert(1)> & \u202e \"otter\" 'x' \u0007"
BROKEN = "primary=503"


def newest(cockpit):
    """Return the list of those that were answered; what is under way comes and goes above it."""
    return cockpit.page.get_by_role("list", name="Requests, the newest first")


async def test_live_shows_a_request_as_it_happens_and_opens_to_its_tree(cockpit):
    await cockpit.open("/live")
    await expect(cockpit.page.locator("[data-state=live]")).to_be_visible()
    prompt = f"live {HOSTILE}"
    await cockpit.paint(prompt, "tour", assume=BROKEN)
    entry = newest(cockpit).get_by_role("listitem").filter(has_text="live <img src=x onerror=alert(1)>")
    await entry.get_by_role("button").first.click()
    tree = entry.get_by_role("tree")
    failed = tree.get_by_role("treeitem", name=re.compile("primary"))
    await expect(failed).to_contain_text("503")
    await expect(failed).to_contain_text("provider_error")
    await expect(tree.get_by_role("treeitem", name=re.compile("backup"))).to_contain_text("answered")
    await expect(entry.get_by_role("img", name=re.compile("Picture 1"))).to_have_count(0)  # nobody asked for a link
    await cockpit.shoot("live-open")


async def test_a_request_under_way_is_seen_and_stays_open_when_it_is_answered(cockpit):
    await cockpit.open("/live")
    await expect(cockpit.page.locator("[data-state=live]")).to_be_visible()
    slow = {"name": "slow", "provider": "sandbox", "override_params": {"sandbox": {"latency_ms": 5000}}}
    broken = {"name": "broken", "provider": "sandbox", "override_params": {"sandbox": {"status": 503}}}
    route = {"strategy": {"mode": "fallback"}, "targets": [broken, slow]}
    painting = asyncio.create_task(cockpit.paint("a slow otter", json.dumps(route)))
    entry = cockpit.page.locator(".under-way li.entry").filter(has_text="a slow otter")
    await expect(entry.locator(".entry-way")).to_have_text(re.compile("broken ✕ . slow …"))
    await entry.get_by_role("button").click()
    await expect(entry.get_by_role("treeitem", name="target, slow, under way")).to_be_visible()
    await expect(entry.get_by_role("treeitem", name="target, broken, failed: 503 provider_error")).to_be_visible()
    lasts = await entry.locator("[data-lasts]").inner_text()
    await expect(entry.locator("[data-lasts]")).not_to_have_text(lasts)
    await cockpit.shoot("live-under-way")
    assert (await painting).status == 200
    await expect(cockpit.page.locator(".under-way")).to_be_hidden()
    done = newest(cockpit).locator("li.open").filter(has_text="a slow otter")
    await expect(done.get_by_role("treeitem", name="target, slow, answered")).to_be_visible()


async def test_live_waits_while_it_is_paused(cockpit):
    await cockpit.open("/live")
    await cockpit.paint("told of before", "sandbox")
    await expect(newest(cockpit).get_by_text("told of before")).to_be_visible()
    await cockpit.page.get_by_role("button", name="Pause").click()
    await cockpit.paint("told of later", "sandbox")
    resume = cockpit.page.get_by_role("button", name="Resume (1 new)")
    await expect(resume).to_be_visible()
    await expect(cockpit.page.get_by_text("told of later")).to_have_count(0)
    await resume.click()
    await expect(cockpit.page.get_by_text("told of later")).to_be_visible()


async def test_logs_are_filtered_and_open_with_a_thumbnail(cockpit):
    page = cockpit.page
    await cockpit.paint("in the log, good", "tour", assume=BROKEN, response_format="url")
    refused = await cockpit.paint("in the log, bad", "sandbox", size="no size at all")
    assert refused.status == 400
    await cockpit.recorded(refused)
    await cockpit.open("/logs")
    await expect(page.locator("tbody tr").first).to_be_visible()

    await page.get_by_label("Status", exact=True).fill("400")
    await page.get_by_label("Status", exact=True).press("Enter")
    await expect(page).to_have_url(re.compile("status_code=400"))
    statuses = page.locator("tbody tr td:nth-child(2)")
    await expect(statuses.first).to_have_text("400")
    assert set(await statuses.all_inner_texts()) == {"400"}
    await page.reload()
    await expect(page.get_by_label("Status", exact=True)).to_have_value("400")

    await page.get_by_role("link", name="Clear").click()
    await page.get_by_label("Config", exact=True).fill("tour")
    await page.get_by_role("button", name="Filter").click()
    await page.locator("tbody tr").filter(has_text="in the log, good").first.get_by_role("link").click()
    await expect(page.get_by_role("treeitem", name=re.compile("backup"))).to_contain_text("answered")
    thumbnail = page.get_by_role("img", name=re.compile("Picture 1"))
    await expect(thumbnail).to_be_visible()
    assert await thumbnail.evaluate("(image) => image.decode().then(() => image.naturalWidth)") == 256
    await cockpit.shoot("log-open")


async def test_a_filter_with_a_slip_gets_the_servers_words(cockpit):
    await cockpit.open("/logs?status_code=abc")
    await expect(cockpit.page.get_by_role("alert").first).to_contain_text("status_code: expected statuses of HTTP")
    assert cockpit.refused == [(400, "/v1/logs")]


async def test_a_request_that_is_not_there_says_so(cockpit):
    await cockpit.open("/logs/nothing-of-the-kind")
    await expect(cockpit.page.get_by_role("alert").first).to_be_visible()
    assert cockpit.refused == [(404, "/v1/logs/nothing-of-the-kind")]


async def test_analytics_draw_what_was_asked_for(cockpit):
    page = cockpit.page
    await cockpit.recorded(await cockpit.paint("to be counted", "tour", assume=BROKEN))
    await cockpit.open("/analytics?range=1h&by=configs")
    rescued = page.get_by_role("region", name="Rescued requests")
    await expect(rescued.locator("canvas")).to_be_visible()
    drawn = "(canvas) => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)"
    assert await rescued.locator("canvas").evaluate(drawn)
    await rescued.get_by_text("as a table").click()
    table = rescued.locator(".plot-table tbody")  # the legend is a table as well
    await expect(table.locator("tr").first).to_be_visible()
    counted = await table.locator("td").all_inner_texts()
    assert any(text not in ("0", "–") for text in counted)
    row = page.get_by_role("region", name="By config").get_by_role("row").filter(has_text="tour")
    await row.get_by_role("link", name="tour", exact=True).click()
    await expect(page).to_have_url(re.compile("#/logs.*configs=tour"))


async def test_analytics_of_a_time_without_requests_say_what_to_do(cockpit):
    await cockpit.open("/analytics?range=own&since=2020-01-01T00:00&until=2020-01-02T00:00")
    await expect(cockpit.page.get_by_text("Nobody asked for a picture in this time.")).to_be_visible()
    await cockpit.page.get_by_label("From").fill("2020-01-03T00:00")
    await cockpit.page.get_by_label("From").press("Tab")
    await expect(cockpit.page.get_by_role("alert").filter(has_text="has to begin before it ends")).to_be_visible()
    assert cockpit.refused == []


async def test_health_shows_a_target_that_is_left_alone(cockpit):
    for _ in range(6):
        await cockpit.paint("again and again", "chaos")
    await cockpit.open("/health")
    sick = cockpit.page.locator("tr[data-state=sick]")
    await expect(sick).to_contain_text("sandbox")
    await expect(cockpit.page.get_by_text("Targets not well")).to_be_visible()
    await cockpit.page.get_by_role("searchbox", name="Find a target").fill("no such words")
    await expect(cockpit.page.get_by_text("No target has these words.")).to_be_visible()
    await cockpit.shoot("health-sick")
