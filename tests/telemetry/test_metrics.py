"""What a scrape says of requests: counted rightly, under labels that no caller can make more of."""

import asyncio

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics

from gateway.config.snapshot import Snapshot
from gateway.config.spec import ConfigSpec, Shaping, TargetSpec
from gateway.store.request_row import RequestRow
from gateway.telemetry import FAMILIES
from gateway.telemetry.labels import KnownWords
from gateway.telemetry.tallies import MOST_SERIES, Tallies
from tests.telemetry.asking import RESCUED, of, open_gateway, read, sandbox

PRICED = "catalogue:\n  - {provider: sandbox, id: sandbox, price: {image: 0.04}}\n"
HOSTILE = 'x"} 1\nbeamsplitter_requests_total{config="forged'


def row(**more):
    return RequestRow(
        **{
            "id": "1",
            "workspace": "default",
            "created_ms": 1,
            "trace_id": "t",
            "operation": "generate",
            "status": 200,
            "ms": 5,
            "config_version": "1" * 12,
            **more,
        }
    )


async def test_requests_are_told_by_what_became_of_them(tmp_path):
    async with open_gateway(tmp_path, {"gateway.yaml": PRICED, "plain.yaml": "provider: sandbox\n"}) as asked:
        assert (await asked.paint("plain"))[0] == 200
        assert (await asked.paint(RESCUED))[0] == 200
        assert (await asked.paint(sandbox(status=500)))[0] == 500
        assert (await asked.paint("plain", size="7x7x7"))[0] == 400
        found = await asked.metrics()
    requests = "beamsplitter_requests_total"
    assert of(found, requests) == 4
    assert of(found, requests, config="plain", provider="sandbox", model="sandbox", status_class="2xx") == 1
    assert of(found, requests, config="inline", status_class="2xx", cause="none") == 1
    assert of(found, requests, config="inline", status_class="5xx", cause="provider_error") == 1
    assert of(found, requests, config="none", status_class="4xx", cause="refused") == 1
    assert of(found, "beamsplitter_attempts_total", provider="sandbox", cause="ok") == 2
    assert of(found, "beamsplitter_attempts_total", provider="sandbox", cause="provider_error") == 2
    assert of(found, "beamsplitter_attempt_duration_seconds_count", provider="sandbox") == 4
    assert of(found, "beamsplitter_rescued_total", config="inline") == 1
    assert of(found, "beamsplitter_rescued_saved_usd_total") == pytest.approx(0.04)
    assert of(found, "beamsplitter_cost_usd_total", config="plain", model="sandbox") == pytest.approx(0.04)
    assert of(found, "beamsplitter_cost_usd_total") == pytest.approx(0.08)
    assert of(found, "beamsplitter_images_total", provider="sandbox") == 2
    assert of(found, "beamsplitter_request_duration_seconds_count") == 4
    assert of(found, "beamsplitter_overhead_seconds_count") == 3
    assert of(found, "beamsplitter_breaker_state", provider="sandbox", model="sandbox") == 0
    assert found["beamsplitter_store_up", ()] == 1
    assert found["beamsplitter_in_flight", ()] == 0


async def test_cached_pictures_cost_nothing_the_second_time(tmp_path):
    cached = {"gateway.yaml": PRICED, "kept.yaml": "provider: sandbox\ncache: {mode: simple}\n"}
    async with open_gateway(tmp_path, cached) as asked:
        await asked.paint("kept")
        await asked.paint("kept")
        found = await asked.metrics()
    assert of(found, "beamsplitter_cache_total", verdict="HIT") == 1
    assert of(found, "beamsplitter_cache_total", verdict="MISS") == 1
    assert of(found, "beamsplitter_cost_usd_total") == pytest.approx(0.04)
    assert of(found, "beamsplitter_images_total") == 2
    assert of(found, "beamsplitter_cache_saved_usd_total") == pytest.approx(0.04)


def test_what_the_cache_saved_is_counted_as_its_records_say():
    tallies = Tallies(words)
    for _ in range(3):
        tallies.count(row(cache="HIT", images=1, cost_micros=0, saved_micros=40_000))
    assert tallies.rows()["beamsplitter_cache_saved_usd_total"] == {(): [pytest.approx(0.12)]}


async def test_who_got_pictures_at_the_first_try_was_not_rescued(tmp_path):
    cached = {"kept.yaml": "provider: sandbox\ncache: {mode: simple}\n"}
    many = {**sandbox(), "fan_out": True}
    async with open_gateway(tmp_path, cached) as asked:
        assert (await asked.paint("kept"))[0] == 200
        assert (await asked.paint(many, n=2))[0] == 200
        assert of(await asked.metrics(), "beamsplitter_rescued_total") == 0
        assert (await asked.paint(RESCUED))[0] == 200
        assert of(await asked.metrics(), "beamsplitter_rescued_total") == 1


async def test_a_target_that_is_left_alone_shows(tmp_path):
    sick = "provider: sandbox\nretry: {attempts: 0}\noverride_params: {sandbox: {status: 500}}\n"
    busy = "provider: sandbox\nretry: {attempts: 0}\noverride_params: {sandbox: {status: 429, retry_after: 90}}\n"
    async with open_gateway(tmp_path, {"sick.yaml": sick, "busy.yaml": busy}) as asked:
        for _ in range(5):
            await asked.paint("sick")
        await asked.paint("busy")
        found = await asked.metrics()
    assert of(found, "beamsplitter_breaker_state", provider="sandbox") == 2
    assert 80 < of(found, "beamsplitter_throttled_seconds", provider="sandbox") <= 90


async def test_a_bad_file_is_named(tmp_path):
    async with open_gateway(tmp_path, {"good.yaml": "provider: sandbox\n", "bad.yaml": "provider: sndbox\n"}) as asked:
        found = await asked.metrics()
    assert of(found, "beamsplitter_config_problems", file="bad.yaml") == 1
    assert of(found, "beamsplitter_configs") == 1


async def test_metrics_are_counted_where_there_is_no_database(tmp_path, monkeypatch):
    (tmp_path / "state").write_text("a file stands where the folder should be")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    async with open_gateway(tmp_path, data="") as asked:
        assert asked.gateway.stores is None
        await asked.paint(sandbox())
        found = await asked.metrics()
    assert of(found, "beamsplitter_requests_total") == 1
    assert found["beamsplitter_store_up", ()] == 0


async def test_both_formats_say_the_same(tmp_path):
    async with open_gateway(tmp_path) as asked:
        await asked.paint(RESCUED)
        _, plain, text = await asked.get("/metrics")
        _, open_, other = await asked.get("/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert plain["content-type"].startswith("text/plain")
    assert open_["content-type"].startswith("application/openmetrics-text")
    names = {family.name for family in read_openmetrics(other.decode())}
    assert {name.removesuffix("_total").removesuffix("_info") for name in FAMILIES} <= names | {
        name.removesuffix("_info") for name in names
    }
    told = read(text.decode())
    for name, family in FAMILIES.items():
        assert f"# HELP {name} {family.help}" in text.decode()
        samples = [labels for (called, labels) in told if called == (f"{name}_sum" if family.bounds else name)]
        assert all(tuple(sorted(family.labels)) == tuple(name for name, _ in labels) for labels in samples)


async def test_two_scrapes_at_once_cost_one(tmp_path, monkeypatch):
    async with open_gateway(tmp_path) as asked:
        metrics, written = asked.gateway.telemetry.metrics, []
        whole = metrics._written
        monkeypatch.setattr(metrics, "_written", lambda *given: written.append(1) or whole(*given))
        answers = await asyncio.gather(*(asked.get("/metrics") for _ in range(20)))
        assert {status for status, _, _ in answers} == {200}
        assert len(written) == 1
        await asked.get("/metrics")
        assert len(written) == 2


def words(**specs):
    return KnownWords(Snapshot(configs=specs), lambda workspace, config: config == "pc-of-a-tenant")


def test_a_hundred_thousand_models_configs_and_users_are_a_bounded_number_of_series():
    tallies, known = Tallies(lambda: known), words()
    for number in range(100_000):
        name = f"{number:x}" * 20
        tallies.count(row(config=name, config_version=name, provider="openai", model=name, user=name, asked_model=name))
    rows = tallies.rows()
    assert rows["beamsplitter_requests_total"] == {
        ("inline", "openai", "other", "generate", "2xx", "none"): [100_000.0]
    }
    assert len(tallies._found) <= 2048


def test_even_a_hundred_thousand_names_that_are_known_are_a_bounded_number_of_series():
    class Everything:
        def config(self, row):
            return row.config

        def model(self, row):
            return row.model

    tallies = Tallies(Everything)
    for number in range(100_000):
        tallies.count(row(config=f"c{number}", model=f"m{number}", images=1, status=100 + number % 500))
    rows = tallies.rows()
    assert max(len(values) for values in rows.values()) <= MOST_SERIES + 50
    assert sum(value[0] for value in rows["beamsplitter_requests_total"].values()) == 100_000
    assert sum(value[0] for value in rows["beamsplitter_images_total"].values()) == 100_000


TARGET = TargetSpec(path="config", provider="openai")


@pytest.mark.parametrize(
    ("given", "called"),
    [
        ({"config": "mine", "config_version": "a" * 12}, "mine"),
        ({"config": "mine", "config_version": "b" * 12}, "inline"),
        ({"config": "pc-of-a-tenant"}, "stored"),
        ({"config": None}, "inline"),
        ({"config": HOSTILE}, "inline"),
        ({"config": None, "config_version": None}, "none"),
    ],
    ids=["a file's", "a caller's of that name", "a tenant's", "nameless", "hostile", "none was chosen"],
)
def test_a_config_is_called_by_the_operators_word_alone(given, called):
    known = words(mine=ConfigSpec(root=TARGET, id="mine", version="a" * 12))
    assert known.config(row(**given)) == called


def test_a_request_that_began_before_its_config_changed_is_still_known():
    before = words(mine=ConfigSpec(root=TARGET, id="mine", version="a" * 12))
    changed = Snapshot(configs={"mine": ConfigSpec(root=TARGET, id="mine", version="b" * 12)})
    after = KnownWords(changed, lambda *_: False, before)
    assert [after.config(row(config="mine", config_version=each * 12)) for each in "abc"] == ["mine", "mine", "inline"]


@pytest.mark.parametrize(
    ("provider", "model", "called"),
    [
        ("openai", "gpt-image-1", "gpt-image-1"),
        ("openai", "gpt-image-1-2025-04-23", "gpt-image-1"),
        ("openai", "flux-of-an-operator", "flux-of-an-operator"),
        ("openai", HOSTILE, "other"),
        ("openai", None, "none"),
        (None, "gpt-image-1", "none"),
    ],
)
def test_a_model_is_called_as_the_catalogue_or_a_config_calls_it(provider, model, called):

    shaped = TargetSpec(
        path="config", provider="openai", shaping=Shaping(override_params={"model": "flux-of-an-operator"})
    )
    known = words(mine=ConfigSpec(root=shaped, id="mine", version="a" * 12))
    assert known.model(row(provider=provider, asked_model=model)) == called


async def test_hostile_words_make_no_line_of_their_own(tmp_path):
    async with open_gateway(tmp_path) as asked:
        headers = {"x-portkey-trace-id": HOSTILE.replace("\n", " ")}
        assert (await asked.paint(sandbox(), headers, model=HOSTILE, user=HOSTILE))[0] == 200
        _, _, body = await asked.get("/metrics")
    assert b"forged" not in body


async def test_a_caller_who_left_is_no_failure_of_a_provider():
    tallies = Tallies(words)
    tallies.count(row(status=499, cause="deadline", code="caller_left"))
    assert list(tallies.rows()["beamsplitter_requests_total"]) == [
        ("inline", "none", "none", "generate", "4xx", "caller_left")
    ]


async def test_who_finds_no_seat_is_counted(tmp_path):
    async with open_gateway(tmp_path, max_in_flight=1, max_queued=0) as asked:
        leave = asked.gateway.seats.take("")
        assert (await asked.paint(sandbox()))[0] == 503
        assert of(await asked.metrics(), "beamsplitter_in_flight") == 1
        leave()
        found = await asked.metrics()
    assert of(found, "beamsplitter_no_seat_total") == 1
    assert of(found, "beamsplitter_in_flight") == 0


def test_every_metric_has_a_sentence_and_a_name_by_prometheus_rules():
    for name, family in FAMILIES.items():
        assert name.startswith(("beamsplitter_", "process_", "python_"))
        assert name.endswith("_total") == (family.kind == "counter")
        assert family.help.endswith(".")
        assert bool(family.bounds) == (family.kind == "histogram")
