"""The log as it is asked for over HTTP: lists, single records, records from elsewhere, and files."""

import asyncio
import csv
import io
import json
import threading
import time

import pytest

from gateway.http.control.operator import Operator
from gateway.http.control.shown import EXPORTED
from gateway.store import kept, records
from gateway.store.database import StoreLost, database, sqlite_url
from tests.gateway.control.recorded import ADMIN, BLUE, RED, Recorded, RecordPlane
from tests.gateway.store.made import NOW, row

SPAN = {"time_of_generation_min": "2020-01-01", "time_of_generation_max": "2021-01-01T00:00:00Z"}
PICTURE = "iVBORw0KGgo" + "A1b2C3d4" * 4000
"""Long, and in base64."""


@pytest.fixture
async def log(stage):
    return Recorded(RecordPlane(stage.database))


async def put(log, *rows):
    await records.insert(log.plane.database, rows)


async def found(log, by=ADMIN, **query):
    answer = await log.ask("GET", "/v1/logs", query=query, by=by)
    assert answer.status == 200, answer.content
    return {each["id"] for each in answer.json["data"]}


class TestLists:
    async def test_a_record_is_listed_without_its_attempts_and_told_of_with_them(self, log):
        made = row(cost_micros=41_000, rescued=1, status=200)
        await put(log, made)
        answer = (await log.ask("GET", "/v1/logs")).json
        assert (answer["object"], answer["total"]) == ("list", 1)
        listed = answer["data"][0]
        assert listed["cost"] == 4.1
        assert listed["cost_usd"] == 0.041
        assert (listed["rescued"], listed["is_success"], listed["response_time"]) == (True, True, 8000)
        assert "details" not in listed
        whole = (await log.ask("GET", f"/logs/{made['id']}")).json
        assert whole == {**listed, "details": made["more"]}

    async def test_pages_lead_to_one_another(self, log):
        await put(log, *(row(created_ms=NOW + number) for number in range(25)))
        first = (await log.ask("GET", "/v1/logs", query={"page_size": 10})).json
        second = (await log.ask("GET", "/v1/logs", query={"page_size": 10, "current_page": 1})).json
        after = (await log.ask("GET", "/v1/logs", query={"page_size": 10, "after": first["next"]})).json
        assert after["data"] == second["data"]
        assert first["total"] == second["total"] == 25
        last = (await log.ask("GET", "/v1/logs", query={"page_size": 10, "current_page": 2})).json
        assert (len(last["data"]), last["next"]) == (5, None)

    @pytest.mark.parametrize(
        ("query", "values"),
        [
            ({"time_of_generation_min": "2026-09-21T18:13:20Z", "time_of_generation_max": "2026-09-21T18:13:21Z"}, {}),
            ({"time_of_generation_min": "1790014400", "time_of_generation_max": "1790014400500"}, {}),
            ({"time_of_generation_min": "2026-09-21T23:43:20+05:30"}, {}),
            ({"status_code": "429, 503"}, {"status": 503}),
            ({"ai_org": "google"}, {"provider": "google"}),
            ({"ai_model": "imagen-4"}, {"model": "imagen-4"}),
            ({"ai_org_model": "openai__gpt-4,google__imagen__4"}, {"provider": "google", "model": "imagen__4"}),
            ({"virtual_keys": "vk"}, {"virtual_key": "vk"}),
            ({"configs": "pc-x"}, {"config": "pc-x"}),
            ({"api_key_ids": "ak"}, {"api_key": "ak"}),
            ({"metadata": '{"team": "art"}'}, {"metadata": {"team": "art"}}),
            ({"trace_id": "t-1"}, {"trace_id": "t-1"}),
            ({"cache_status": "hit"}, {"cache": "HIT"}),
            ({"cost_min": "10", "cost_max": "10.5"}, {"cost_micros": 100_000}),
            ({"total_units_min": "3"}, {"images": 3}),
            ({"workspace_slug": "red"}, {"workspace": "red"}),
            ({"workspace_id": "red"}, {"workspace": "red"}),
        ],
        ids=str,
    )
    async def test_each_filter_is_understood(self, log, query, values):
        when = 1_790_014_400_000
        meant = row(**{"created_ms": when if "time_of_generation_min" in query else NOW, **values})
        await put(log, meant, row(created_ms=when - 1000))
        assert await found(log, **query) == {meant["id"]}

    @pytest.mark.parametrize(
        ("query", "words"),
        [
            ({"status": "200"}, "did you mean `status_code`"),
            ({"virtual_key": "a"}, "did you mean `virtual_keys`"),
            ({"prompt_slug": "a"}, "no stored prompts"),
            ({"completion_token_max": "5"}, "total_units_min"),
            ({"status_code": "2xx"}, "statuses of HTTP"),
            ({"status_code": "99999999999999999999"}, "statuses of HTTP"),
            ({"time_of_generation_min": "yesterday"}, "ISO 8601"),
            ({"time_of_generation_min": "nan"}, "ISO 8601"),
            ({"time_of_generation_min": "1e300"}, "ISO 8601"),
            ({"time_of_generation_max": "-5"}, "ISO 8601"),
            ({"cost_min": "-1"}, "US cents"),
            ({"cost_max": "inf"}, "US cents"),
            ({"metadata": "team=ads"}, "JSON object"),
            ({"metadata": '{"team": 5}'}, "put it in quotes"),
            ({"metadata": '{"a\\"b": "5"}'}, "quotes"),
            ({"metadata": '{"a": "\\u0000"}'}, "quotes"),
            ({"ai_org_model": "gpt-image-1"}, "provider__model"),
            ({"cache_status": "WARM"}, "HIT, MISS"),
            ({"page_size": "1001"}, "from 1 to 1000"),
            ({"page_size": "0"}, "from 1 to 1000"),
            ({"current_page": "-1"}, "whole number"),
            ({"page_size": "1000", "current_page": "101"}, "after="),
            ({"after": "soon"}, "next"),
            ({"trace_id": "a\0b"}, "U+0000"),
            ({"workspace_slug": "a\0b"}, "U+0000"),
            ({"ai_model": ",".join(map(str, range(101)))}, "100 values"),
        ],
        ids=str,
    )
    async def test_what_is_not_understood_is_refused_with_a_way_out(self, log, query, words):
        answer = await log.ask("GET", "/v1/logs", query=query)
        assert answer.status == 400
        assert words in answer.error["message"]
        assert answer.error["param"] == list(query)[-1]

    async def test_a_missing_record_and_a_foreign_one_get_the_same_answer(self, log):
        made = row(workspace="blue")
        await put(log, made)
        foreign = await log.ask("GET", f"/v1/logs/{made['id']}", by=RED)
        missing = await log.ask("GET", "/v1/logs/nothing", by=RED)
        strange = await log.ask("GET", "/v1/logs/\0", by=RED)
        assert foreign.status == missing.status == strange.status == 404
        assert foreign.content == missing.content == strange.content


class TestRecordsFromElsewhere:
    async def create(self, log, body, **more):
        answer = await log.ask("POST", "/v1/logs", body, **more)
        assert answer.status == 200, answer.content
        return (await log.ask("GET", f"/v1/logs/{answer.json['id']}")).json

    async def test_what_is_sent_is_in_the_log(self, log):
        made = await self.create(
            log,
            {
                "request": {
                    "url": "https://user:secret@api.example/v1/images/edits?key=secret#x",
                    "provider": "openai",
                    "headers": {"authorization": "Bearer not-real"},
                    "body": {"model": "gpt-image-1", "prompt": "an otter", "size": "1024x1024"},
                },
                "response": {
                    "status": 200,
                    "response_time": 1234,
                    "cost_usd": 0.04,
                    "body": {"data": [{"b64_json": PICTURE}, {"url": "https://x.example/y.png"}]},
                },
                "metadata": {"traceId": "t-9", "user": "ada", "count": 3, "team": "ads"},
            },
            by=RED,
        )
        assert (made["workspace_id"], made["ai_org"], made["ai_model"]) == ("red", "openai", "gpt-image-1")
        assert (made["operation"], made["prompt"], made["size"]) == ("edit", "an otter", "1024x1024")
        assert (made["response_status_code"], made["response_time"], made["cost"]) == (200, 1234, 4.0)
        assert (made["trace_id"], made["user"], made["api_key"]) == ("t-9", "ada", "red-key")
        assert made["total_units"] == 2
        assert made["metadata"] == {"traceId": "t-9", "user": "ada", "count": "3", "team": "ads"}
        text = json.dumps(made)
        assert "secret" not in text
        assert "Bearer" not in text
        assert PICTURE[:100] not in text
        assert f"[{len(PICTURE)} characters of encoded data]" in text

    @pytest.mark.parametrize(
        "picture",
        [
            PICTURE,
            PICTURE * 20,  # long enough to be left where it is while the rest is read
            f"data:image/png;base64,{PICTURE * 20}",
            f"look: ![it](data:image/png;base64,{PICTURE}) nice",
            "data:image/png;base64,iVBORw0KGgo=",
            "data:image/svg+xml;charset=utf-8,%3Csvg%3E",
            "\n".join(PICTURE[at : at + 76] for at in range(0, len(PICTURE), 76)),
            PICTURE.replace("A", "-").replace("C", "_"),
        ],
        ids=["base64", "long", "long data URL", "data URL in a text", "short data URL", "svg", "in lines", "url-safe"],
    )
    @pytest.mark.parametrize("place", ["request", "response", "metadata", "prompt", "key"])
    async def test_no_picture_is_ever_stored(self, log, picture, place):
        body = {"request": {"body": {"prompt": "an otter"}}, "response": {"body": {}}, "metadata": {}}
        if place == "prompt":
            body["request"]["body"]["prompt"] = picture
        elif place == "key":
            body["request"]["body"]["messages"] = [{picture: 1}]
        elif place == "metadata":
            body["metadata"]["picture"] = picture
        else:
            body[place]["body"]["messages"] = [{"content": [{"image_url": {"url": picture}}]}]
        text = json.dumps(await self.create(log, body))
        assert "characters of encoded data" in text
        for part in ("iVBORw0KGgo", "A1b2C3d4", "-1b2_3d4", "%3Csvg"):
            assert part not in text

    async def test_prose_is_no_picture(self, log):
        prompt = "An otter, with a hat. " * 200
        assert (await self.create(log, {"request": {"body": {"prompt": prompt}}, "response": {}}))["prompt"] == prompt

    async def test_where_prompts_are_not_kept_no_body_is(self, log):
        log.plane.keep_prompt = lambda text: None
        body = {
            "request": {"body": {"prompt": "an otter", "model": "m"}},
            "response": {"body": {"data": [{"revised_prompt": "a better otter"}]}},
        }
        made = await self.create(log, body)
        assert "otter" not in json.dumps(made)
        assert made["ai_model"] == "m"
        chat = {"request": {"body": {"messages": [{"content": "a chat about an otter"}]}}, "response": {}}
        assert "otter" not in json.dumps(await self.create(log, chat))

    async def test_looking_for_pictures_takes_time_by_length_alone(self, log):
        """A text that looks like the beginning of one at each place, against one of the same length that does not."""
        times = []
        for text in ("so long and so on " * 10_000, "data:a/" * 25_714):
            began = time.perf_counter()
            for _ in range(3):
                await log.ask("POST", "/v1/logs", {"request": {"body": text}, "response": {}})
            times.append(time.perf_counter() - began)
        assert times[1] < 10 * times[0]

    async def test_several_come_in_one_list(self, log):
        answer = await log.ask("POST", "/v1/logs", [{"request": {}, "response": {}} for _ in range(3)])
        assert len({each["id"] for each in answer.json["data"]}) == 3
        assert len(await found(log)) == 3

    @pytest.mark.parametrize(
        ("body", "param"),
        [
            ({}, "request"),
            ({"request": {}, "response": []}, "response"),
            ({"request": {}, "response": {"status": 20}}, "response.status"),
            ({"request": {}, "response": {"status": True}}, "response.status"),
            ({"request": {}, "response": {"cost": -1}}, "response.cost"),
            ({"request": {}, "response": {"cost_usd": 1e30}}, "response.cost_usd"),
            ({"request": {}, "response": {"response_time": 1e12}}, "response.response_time"),
            ({"request": {"model": 5}, "response": {}}, "model"),
            ({"request": {"url": "x" * 5000}, "response": {}}, "url"),
            ({"request": {}, "response": {}, "metadata": {"a": {"b": 1}}}, "metadata"),
            ({"request": {}, "response": {}, "metadata": {"a": "b c " * 9000}}, "metadata"),
            ([], None),
            ([{"request": {}, "response": {}}] * 101, None),
            ("text", None),
            ({"request": {"body": "a\0b"}, "response": {}}, None),
        ],
        ids=lambda value: str(value)[:60],
    )
    async def test_what_cannot_be_recorded_is_refused(self, log, body, param):
        answer = await log.ask("POST", "/v1/logs", body)
        assert answer.status in (400, 413)
        assert answer.error["param"] == param
        assert await found(log) == set()

    async def test_what_is_too_large_without_its_pictures_is_refused(self, log):
        answer = await log.ask("POST", "/v1/logs", {"request": {"body": "so long " * 40_000}, "response": {}})
        assert (answer.status, answer.error["code"]) == (413, "body_too_large")
        hostile = {"request": {"body": ["data:a/" * 1000] * 400}, "response": {}}
        answer = await log.ask("POST", "/v1/logs", hostile)
        assert (answer.status, answer.error["code"]) == (413, "body_too_large")
        answer = await log.ask("POST", "/v1/logs", raw=b"{" + b" " * (21 << 20))
        assert (answer.status, answer.error["code"]) == (413, "body_too_large")
        answer = await log.ask("POST", "/v1/logs", raw=b"{")
        assert (answer.status, answer.error["code"]) == (400, "invalid_json")

    @pytest.mark.parametrize("scope", ["logs.write", "completions.write"])
    async def test_either_scope_may_write(self, log, scope):
        by = Operator("key", "red", frozenset({scope}))
        assert (await log.ask("POST", "/v1/logs", {"request": {}, "response": {}}, by=by)).status == 200


class TestExports:
    async def create(self, log, by=ADMIN, **body):
        answer = await log.ask("POST", "/v1/logs/exports", body, by=by)
        assert answer.status == 200, answer.content
        return answer.json["id"]

    async def started(self, log, by=ADMIN, **body):
        id_ = await self.create(log, by, **body)
        assert (await log.ask("POST", f"/v1/logs/exports/{id_}/start", by=by)).status == 200
        return id_

    async def link(self, log, id_, by=ADMIN, **query):
        answer = await log.ask("GET", f"/v1/logs/exports/{id_}/download", by=by, query=query)
        assert answer.status == 200, answer.content
        return answer.json["signed_url"]

    async def test_from_a_draft_to_a_file(self, log):
        rows = [row(created_ms=NOW + number, model="m", workspace="red") for number in range(450)]
        await put(log, *rows, row(model="other", workspace="red"), row(model="m", workspace="blue"))
        id_ = await self.create(log, RED, filters={"ai_model": "m"}, description="d", requested_data=["id", "cost"])
        draft = (await log.ask("GET", f"/v1/logs/exports/{id_}", by=RED)).json
        assert (draft["status"], draft["total_records"], draft["workspace_id"]) == ("draft", 450, "red")
        early = await log.ask("GET", f"/v1/logs/exports/{id_}/download", by=RED)
        assert (early.status, early.error["code"]) == (409, "not_started")
        await log.ask("POST", f"/v1/logs/exports/{id_}/start", by=RED)
        file = await log.follow(await self.link(log, id_, RED))
        assert file.headers["content-type"] == "application/x-ndjson"
        lines = [json.loads(line) for line in file.content.splitlines()]
        assert lines == [{"id": made["id"], "cost": 4.0} for made in reversed(rows)]
        listed = (await log.ask("GET", "/v1/logs/exports", by=RED)).json
        assert [each["id"] for each in listed["data"]] == [id_]
        assert listed["data"][0]["status"] == "success"

    async def test_cells_are_never_formulas(self, log):
        await put(
            log, row(prompt="=cmd|' /C calc'!A0", user="@sum", model="+1", size="-1", code="\tx", cause='a,"b"\nc')
        )
        answer = await log.ask(
            "GET",
            "/logs/export",
            query={"format": "csv", "requested_data": "prompt,user,ai_model,size,code,cause,cost"},
        )
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        header, cells = csv.reader(io.StringIO(answer.content.decode(), newline=""))
        assert header == ["prompt", "user", "ai_model", "size", "code", "cause", "cost"]
        assert cells == ["'=cmd|' /C calc'!A0", "'@sum", "'+1", "'-1", "'\tx", 'a,"b"\nc', "4.0"]

    async def test_an_empty_export_is_an_empty_file(self, log):
        id_ = await self.started(log)
        assert (await log.follow(await self.link(log, id_))).content == b""
        as_cells = await log.follow(await self.link(log, id_, format="csv"))
        assert as_cells.content.startswith(b"id,trace_id,")
        assert as_cells.content.count(b"\n") == 1

    async def test_everything_that_can_be_asked_for_can_be_told(self, log):
        await put(log, row(more={}))
        await log.ask("POST", "/v1/logs", {"request": {"url": "https://x.example/y"}, "response": {"status": 500}})
        answer = await log.ask("GET", "/v1/logs/export", query={"requested_data": ",".join(EXPORTED)})
        lines = [json.loads(line) for line in answer.content.splitlines()]
        assert [set(line) for line in lines] == [set(EXPORTED)] * 2
        assert {line["request_url"] for line in lines} == {None, "https://x.example/y"}

    async def test_a_link_that_is_changed_leads_nowhere(self, log, monkeypatch):
        id_ = await self.started(log)
        other = await self.started(log)
        url = await self.link(log, id_)
        assert url.startswith("http://gateway.example/v1/logs/exports/")
        assert (await log.follow(url)).status == 200
        assert (await log.follow(url.replace("/v1/", "/"))).status == 200
        for forged in (
            url.replace(id_, other),
            url.replace("format=ndjson", "format=csv"),
            url.replace("expires=1", "expires=2"),
            url[:-1] + ("0" if url[-1] != "0" else "1"),
            url.partition("&signature")[0],
            url.partition("?")[0],
            url.replace("signature=", "signature=é"),
        ):
            answer = await log.follow(forged)
            assert (answer.status, answer.error["code"]) == (403, "not_allowed"), forged
        late = kept.now_ms() + 3_601_000
        monkeypatch.setattr("gateway.http.control.exports.now_ms", lambda: late)
        assert "expired" in (await log.follow(url)).error["message"]

    async def test_links_lead_to_where_the_gateway_is_known(self, log):
        id_ = await self.started(log)
        secure = await log.ask("GET", f"/logs/exports/{id_}/download", headers={"x-forwarded-proto": "https"})
        assert secure.json["signed_url"].startswith("https://gateway.example/v1/")
        log.plane.public_url = "https://images.example/"
        assert (await self.link(log, id_)).startswith("https://images.example/v1/logs/")

    async def test_what_was_cancelled_stays_so(self, log):
        id_ = await self.started(log)
        url = await self.link(log, id_)
        assert (await log.ask("POST", f"/v1/logs/exports/{id_}/cancel")).json["object"] == "export"
        assert (await log.follow(url)).status == 404
        again = await log.ask("POST", f"/v1/logs/exports/{id_}/start")
        assert (again.status, again.error["code"]) == (409, "export_stopped")
        assert (await log.ask("PUT", f"/v1/logs/exports/{id_}", {"filters": {}})).status == 409
        assert (await log.ask("POST", f"/v1/logs/exports/{id_}/cancel")).status == 200

    async def test_start_and_cancel_at_once_end_cancelled(self, log):
        for _ in range(5):
            id_ = await self.create(log)
            await asyncio.gather(
                log.ask("POST", f"/v1/logs/exports/{id_}/start"), log.ask("POST", f"/v1/logs/exports/{id_}/cancel")
            )
            assert (await log.ask("GET", f"/v1/logs/exports/{id_}")).json["status"] == "stopped"

    async def test_an_update_changes_what_is_meant(self, log):
        await put(log, row(model="a"), row(model="b"), row(model="b"))
        id_ = await self.create(log, filters={"ai_model": "a"}, requested_data=["id"])
        answer = await log.ask(
            "PUT", f"/v1/logs/exports/{id_}", {"filters": {"ai_model": "b"}, "workspace_id": "default"}
        )
        assert answer.json == {"id": id_, "total": 2, "object": "export"}
        assert (await log.ask("GET", f"/v1/logs/exports/{id_}")).json["requested_data"] == ["id"]
        moved = await log.ask("PUT", f"/v1/logs/exports/{id_}", {"workspace_id": "blue"})
        assert (moved.status, moved.error["param"]) == (400, "workspace_id")

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ({"filter": {}}, "did you mean `filters`"),
            ({"filters": {"ai_modl": "x"}}, "did you mean `ai_model`"),
            ({"filters": []}, "expected an object"),
            ({"filters": "x"}, "expected an object"),
            ({"filters": {"status_code": {}}}, "expected a text"),
            ({"filters": {"time_of_generation_min": "soon"}}, "ISO 8601"),
            ({"requested_data": ["pront"]}, "did you mean `prompt`"),
            ({"requested_data": []}, "expected a list"),
            ({"requested_data": "id"}, "expected a list"),
            ({"requested_data": [["id"]]}, "expected a list"),
            ({"description": 5}, "expected a text"),
            ({"workspace_id": 5}, "name of a workspace"),
            ([], "JSON object"),
        ],
        ids=str,
    )
    async def test_an_export_that_could_not_be_made_is_refused_at_once(self, log, body, words):
        answer = await log.ask("POST", "/v1/logs/exports", body)
        assert answer.status == 400
        assert words in answer.error["message"]
        assert (await log.ask("GET", "/v1/logs/exports")).json["total"] == 0

    async def test_portkeys_own_example_is_understood(self, log):
        await put(log, row(status=200))
        filters = {
            "time_of_generation_min": "2023-11-07T05:31:56Z",
            "time_of_generation_max": "2033-11-07T05:31:56Z",
            "total_units_min": 1,
            "cost_max": 123,
            "status_code": "200",
            "metadata": {"team": "ads"},
            "ai_org_model": "openai__gpt-image-1, google__imagen-4",
            "page_size": 50000,
            "current_page": 0,
        }
        names = ["id", "trace_id", "created_at", "request", "response", "is_success", "ai_org", "ai_model", "req_units"]
        names += ["res_units", "total_units", "request_url", "cost", "cost_currency", "response_time", "config", "mode"]
        id_ = await self.started(log, filters=filters, requested_data=[*names, "response_status_code", "metadata"])
        file = await log.follow(await self.link(log, id_))
        assert json.loads(file.content)["request"]["prompt"] == "an otter"


class TestWhatFails:
    PATHS = (
        ("GET", "/v1/logs"),
        ("POST", "/v1/logs"),
        ("GET", "/v1/logs/x"),
        ("GET", "/v1/logs/export"),
        ("GET", "/v1/logs/exports"),
        ("POST", "/v1/logs/exports"),
        ("GET", "/v1/logs/exports/x"),
        ("GET", "/v1/analytics/graphs/latency"),
        ("GET", "/v1/analytics/summary"),
    )

    @pytest.fixture
    async def no_thread_stays(self):
        """A connection that failed has a thread, which tells the loop of its end: the loop is there until then."""
        before = set(threading.enumerate())
        yield
        for thread in set(threading.enumerate()) - before:
            if "_connection_worker_thread" in thread.name:
                await asyncio.to_thread(thread.join, 20)

    @pytest.mark.usefixtures("no_thread_stays")
    @pytest.mark.parametrize(("method", "path"), PATHS, ids=str)
    async def test_no_database_and_a_lost_one_are_told_apart(self, tmp_path, method, path):
        body = {"request": {}, "response": {}} if path == "/v1/logs" else {}
        body = None if method == "GET" else body
        query = SPAN if "analytics" in path else None
        lost = Recorded(RecordPlane(database(sqlite_url(tmp_path / "nowhere" / "store.db"))))
        answer = await lost.ask(method, path, body, query=query)
        assert (answer.status, answer.error["code"]) == (503, "store_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert "sqlite" not in answer.error["message"].lower()
        none = await Recorded(RecordPlane(None)).ask(method, path, body, query=query)
        assert (none.status, none.error["code"]) == (503, "store_unavailable")
        assert "--data" in none.error["message"]
        assert "retry-after" not in none.headers

    async def test_a_file_whose_database_is_lost_on_the_way_does_not_end_well(self, log, monkeypatch):
        await put(log, *(row(created_ms=NOW + number) for number in range(450)))
        pages, seen = records.pages, []

        async def broken(store, filters):
            async for part in pages(store, filters):
                seen.append(part)
                if len(seen) == 2:
                    raise StoreLost("gone")
                yield part

        monkeypatch.setattr(records, "pages", broken)
        with pytest.raises(StoreLost):  # no end is sent: the connection breaks off instead
            await log.ask("GET", "/v1/logs/export")

    @pytest.mark.parametrize(
        ("method", "path", "scope"),
        [
            ("GET", "/v1/logs", "logs.list"),
            ("GET", "/v1/logs/x", "logs.view"),
            ("POST", "/v1/logs", "logs.write"),
            ("GET", "/v1/logs/export", "logs.export"),
            ("GET", "/v1/logs/exports", "logs.export"),
            ("POST", "/v1/logs/exports", "logs.export"),
            ("GET", "/v1/logs/exports/x", "logs.export"),
            ("PUT", "/v1/logs/exports/x", "logs.export"),
            ("POST", "/v1/logs/exports/x/start", "logs.export"),
            ("POST", "/v1/logs/exports/x/cancel", "logs.export"),
            ("GET", "/v1/logs/exports/x/download", "logs.export"),
        ],
    )
    async def test_a_missing_scope_is_said_by_its_name(self, log, method, path, scope):
        everything_else = Operator("key", "red", RED.scopes - {scope})
        answer = await log.ask(method, path, {} if method != "GET" else None, by=everything_else)
        assert (answer.status, answer.error["code"]) == (403, "not_allowed")
        assert scope in answer.error["message"]


async def test_two_workspaces_never_see_each_others_requests(log):
    red = [row(workspace="red", trace_id=f"r-{number}", model="red-model") for number in range(3)]
    blue = [row(workspace="blue", trace_id=f"b-{number}", model="blue-model") for number in range(2)]
    await put(log, *red, *blue)
    exports = {}
    for by, own in ((RED, red), (BLUE, blue)):
        made = await log.ask("POST", "/v1/logs/exports", {"filters": {"workspace_slug": by.workspace}}, by=by)
        exports[by.workspace] = made.json["id"]
        assert made.json["total"] == len(own)
    for by, own, other in ((RED, red, blue), (BLUE, blue, red)):
        for asked in ({}, {"workspace_slug": "red"}, {"workspace_slug": "blue"}, {"workspace_id": "blue"}):
            assert await found(log, by, **asked) == {each["id"] for each in own}
            lines = (await log.ask("GET", "/v1/logs/export", by=by, query=asked)).content.splitlines()
            assert {json.loads(line)["id"] for line in lines} == {each["id"] for each in own}
        assert await found(log, by, trace_id=other[0]["trace_id"]) == set()
        foreign = exports[other[0]["workspace"]]
        for method, path in (
            ("GET", f"/v1/logs/exports/{foreign}"),
            ("PUT", f"/v1/logs/exports/{foreign}"),
            ("POST", f"/v1/logs/exports/{foreign}/start"),
            ("POST", f"/v1/logs/exports/{foreign}/cancel"),
            ("GET", f"/v1/logs/exports/{foreign}/download"),
            ("GET", f"/v1/logs/{other[0]['id']}"),
        ):
            theirs = await log.ask(method, path, {} if method != "GET" else None, by=by)
            missing = await log.ask(
                method,
                path.replace(foreign, "none").replace(other[0]["id"], "none"),
                {} if method != "GET" else None,
                by=by,
            )
            assert theirs.status == missing.status == 404
            assert theirs.content == missing.content
        listed = (await log.ask("GET", "/v1/logs/exports", by=by, query={"workspace_id": "red"})).json["data"]
        assert [each["id"] for each in listed] == [exports[by.workspace]]
        moved = await log.ask("POST", "/v1/logs/exports", {"workspace_id": other[0]["workspace"]}, by=by)
        assert moved.status == 403
    assert len(await found(log)) == 5
    assert len(await found(log, workspace_slug="red")) == 3
