import json
import re
import shlex

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = 'it\'s <b>bold</b> "$HOME" `id` \\ é 🦦'


async def painted(page, prompt, config="tour", size="256x256"):
    await page.get_by_label("Prompt", exact=True).fill(prompt)
    await page.get_by_label("Size", exact=True).fill(size)
    await page.get_by_label("Config or model").first.select_option(f"config:{config}")


def column(page, number):
    return page.get_by_role("region", name=f"Column {number}")


async def test_it_shows_a_picture_who_painted_it_and_the_way(cockpit):
    page = cockpit.page
    await cockpit.open("/playground?config=tour")
    await painted(page, HOSTILE)
    await page.get_by_label("Prompt", exact=True).press("Control+Enter")
    picture = page.get_by_role("img", name=f"{HOSTILE} (1 of 1)")
    await expect(picture).to_be_visible()
    assert await picture.evaluate("(image) => image.decode().then(() => image.naturalWidth)") == 256
    await expect(page.locator("[data-fact=target]")).to_have_text("primary")
    await expect(page.get_by_role("treeitem", name=re.compile("primary"))).to_contain_text("answered")
    await page.get_by_role("link", name="Open its record in the log").click()
    await expect(page.get_by_text(HOSTILE).first).to_be_visible()
    assert cockpit.refused == []


async def test_a_broken_target_is_rescued_by_the_next_and_nobody_else_notices(cockpit):
    page = cockpit.page
    await cockpit.open("/playground?config=tour")
    await painted(page, "an otter, rescued")
    await page.get_by_text("What if").click()
    await page.get_by_label("primary", exact=True).select_option("503")
    await page.get_by_role("button", name="Paint").click()
    await expect(page.locator("[data-fact=target]")).to_have_text("backup")
    failed = page.get_by_role("treeitem", name=re.compile("primary"))
    await expect(failed).to_contain_text("503")
    await expect(page.get_by_role("link", name="Open its record in the log")).to_be_visible()
    await cockpit.shoot("playground-fallback", full_page=True)
    other = await cockpit.paint("somebody else's otter", "tour")
    assert other.headers["x-portkey-last-used-option-index"] == "config.targets[0]"


async def test_where_all_are_broken_the_error_is_shown_as_it_is_with_each_attempt(cockpit):
    page = cockpit.page
    await cockpit.open("/playground?config=tour")
    await painted(page, "no otter")
    await page.get_by_text("What if").click()
    await page.get_by_label("primary", exact=True).select_option("503")
    rows = page.get_by_role("table").filter(has_text="Attempts").locator("tbody tr")
    for how in ("429", "500", "401", "unreachable"):
        await page.get_by_label("backup", exact=True).select_option(how)
        async with page.expect_response(re.compile("/v1/images/generations$")) as answered:
            await page.get_by_role("button", name="Paint").click()
        error = (await (await answered.value).json())["error"]
        await expect(page.get_by_role("alert").filter(has_text=error["message"])).to_be_visible()
        await expect(rows).to_have_count(len(error["attempts"]))
        await expect(rows.last).to_contain_text(error["attempts"][-1]["cause"])
        await expect(page.get_by_role("button", name="Sign out")).to_be_visible()


async def test_a_prompt_that_is_too_long_to_be_kept_takes_no_other_one_with_it(cockpit):
    page = cockpit.page
    await cockpit.open("/playground?config=tour")
    for prompt in ("to be kept", "x" * 9000):
        await painted(page, prompt)
        await page.get_by_role("button", name="Paint").click()
        await expect(page.get_by_role("img", name=f"{prompt} (1 of 1)")).to_be_visible()
    assert await page.get_by_label("Earlier prompts").locator("option").all_inner_texts() == ["choose …", "to be kept"]


async def test_explain_says_where_it_would_go_and_paints_nothing(cockpit):
    page = cockpit.page
    await cockpit.open("/playground?config=by-plan")
    await painted(page, "never painted", "by-plan")
    await page.get_by_label("Metadata", exact=True).fill('{"plan": "pro"}')
    await page.get_by_role("button", name="Explain").click()
    await expect(page.get_by_role("heading", name="Where it would go")).to_be_visible()
    await expect(page.get_by_text("Nothing was sent.")).to_be_visible()
    rows = (await (await cockpit.ask("/v1/logs?page_size=50")).json())["data"]
    assert "never painted" not in [row["prompt"] for row in rows]


async def test_columns_paint_side_by_side_and_are_remembered_for_the_tab_alone(cockpit):
    page = cockpit.page
    await cockpit.open("/playground?config=tour")
    await painted(page, "side by side")
    await page.get_by_role("button", name="Add a column").click()
    await page.get_by_label("Config or model").nth(1).select_option("model:sandbox")
    await page.get_by_role("button", name="Paint").click()
    for number, who in ((1, "primary"), (2, "its only target")):
        await expect(column(page, number).get_by_role("img", name="side by side (1 of 1)")).to_be_visible()
        await expect(column(page, number).locator("[data-fact=target]")).to_have_text(who)
    await cockpit.open("/logs")
    await cockpit.open("/playground")
    await expect(column(page, 2).get_by_label("Config or model")).to_have_value("model:sandbox")
    await expect(page.get_by_label("Prompt", exact=True)).to_have_value("side by side")
    assert await page.evaluate("JSON.stringify({...localStorage})") == "{}"
    await page.get_by_role("button", name="Remove column 1").click()
    await expect(column(page, 1).get_by_label("Config or model")).to_have_value("model:sandbox")


async def test_the_curl_line_sends_the_same_from_a_shell_and_names_no_key(cockpit):
    page = cockpit.page
    await cockpit.open("/playground?config=tour")
    await painted(page, HOSTILE)
    await page.get_by_label("Metadata", exact=True).fill(json.dumps({"plan": "pro", "né": "🦦"}, ensure_ascii=False))
    await page.get_by_text("curl", exact=True).click()
    await expect(page.locator("pre.curl")).to_contain_text("curl -s")
    words = shlex.split((await page.locator("pre.curl").inner_text()).replace("\\\n", " "))
    assert words[:3] == ["curl", "-s", f"{cockpit.url}/v1/images/generations"]
    body = json.loads(words[words.index("-d") + 1])
    assert body == {"prompt": HOSTILE, "size": "256x256", "response_format": "url"}
    assert "x-portkey-api-key: $BEAMSPLITTER_ADMIN_KEY" in words
    metadata = next(word for word in words if word.startswith("x-portkey-metadata: "))
    assert metadata.isascii()
    assert json.loads(metadata.partition(": ")[2]) == {"plan": "pro", "né": "🦦"}


async def test_what_cannot_be_sent_is_told_at_its_field_and_not_sent(cockpit):
    page = cockpit.page
    await cockpit.open("/playground?config=tour")
    for label, typed, said in (
        ("Seed", "-1", "Seed: write a whole number from 0 on"),
        ("Pictures", "99", "Pictures: write a whole number from 1 to 10"),
        ("Metadata", "plan=pro", "Metadata: write a JSON object"),
        ("Metadata", '{"plan": 1}', "Metadata: the value of plan has to be a text"),
        ("Prompt", "   ", "Prompt: say what is to be painted."),
    ):
        before = await page.get_by_label(label, exact=True).input_value()
        await page.get_by_label(label, exact=True).fill(typed)
        await page.get_by_role("button", name="Paint").click()
        await expect(page.get_by_role("alert").filter(has_text=said)).to_be_visible()
        await expect(page.get_by_label(label, exact=True)).to_be_focused()
        await page.get_by_label(label, exact=True).fill(before)
    rows = (await (await cockpit.ask("/v1/logs?page_size=1")).json())["data"]
    await page.get_by_role("button", name="Explain").click()
    await expect(page.get_by_role("heading", name="Where it would go")).to_be_visible()
    assert (await (await cockpit.ask("/v1/logs?page_size=1")).json())["data"] == rows
    assert cockpit.refused == []


async def test_painting_is_given_up_by_cancel_and_by_leaving(cockpit):
    page = cockpit.page
    await cockpit.open("/playground?config=tour")
    await painted(page, "too slow")
    held = []

    def hold(route):
        held.append(route)

    await page.route("**/v1/images/generations", hold)
    await page.get_by_role("button", name="Paint").click()
    await expect(page.get_by_role("timer")).to_have_text(re.compile(r"\d\.\d s"))
    await expect(page.get_by_role("button", name="Paint")).to_be_disabled()
    async with page.expect_event("requestfailed"):
        await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_text("Cancelled.")).to_be_visible()
    await expect(page.get_by_role("button", name="Paint")).to_be_enabled()
    await page.get_by_role("button", name="Paint").click()
    async with page.expect_event("requestfailed"):
        await page.get_by_role("link", name="Health").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Health")
    assert len(held) == 2
