"""Figures from the database are those that plain Python computes from the same rows; on both databases."""

import random
from collections import Counter, defaultdict

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.store import analytics, opinions, records
from gateway.store.buckets import LONGEST_MS, MOST_POINTS, buckets
from gateway.store.database import database, sqlite_url
from gateway.store.filters import Filters
from gateway.store.migrations import migrate
from gateway.store.percentiles import PERCENTILES, rounded
from gateway.store.tables import feedback
from tests.gateway.store.made import NOW, row

HOUR, DAY = 3_600_000, 86_400_000
SPAN = 8 * HOUR
FIGURES = list(analytics.FIGURES)


def random_row(rng):
    status = rng.choice((200, 200, 200, 400, 429, 503))
    provider, model = rng.choice(
        (("openai", "gpt-image-1"), ("openai", "dall-e-3"), ("google", "imagen-4"), (None, None))
    )
    return row(
        workspace=rng.choice(("red", "blue")),
        created_ms=NOW + rng.randrange(-HOUR, SPAN + HOUR),
        status=status,
        ms=rng.choice((rng.randrange(200), rng.randrange(200_000), rng.randrange(2**31))),
        cost_micros=rng.choice((None, 0, 40_000, rng.randrange(10**9))),
        saved_micros=rng.choice((None, 40_000)),
        images=rng.randrange(4),
        rescued=rng.randrange(2),
        maybe_billed=rng.randrange(3),
        cache=rng.choice(("DISABLED", "MISS", "HIT", "REFRESH")),
        user=rng.choice((None, "ada", "bob", "cleo")),
        provider=provider,
        model=model,
        config=rng.choice((None, "pc-1", "pc-2")),
        api_key=rng.choice(("a", "b")),
        virtual_key=rng.choice((None, "vk")),
        metadata=rng.choice(({}, {"team": "ads"}, {"team": "art", "x": "y"})),
    )


def figures_of(rows):
    """Return what the database has to find, computed here."""
    return {
        "requests": len(rows),
        "errors": sum(each["status"] >= 400 for each in rows),
        "cost_micros": sum(each["cost_micros"] or 0 for each in rows),
        "images": sum(each["images"] for each in rows),
        "ms": sum(each["ms"] for each in rows),
        "users": len({each["user"] for each in rows} - {None}),
        "requests_of_users": sum(each["user"] is not None for each in rows),
        "rescued": sum(each["rescued"] for each in rows),
        "rescued_micros": sum((each["cost_micros"] or 0) * each["rescued"] for each in rows),
        "maybe_billed": sum(each["maybe_billed"] for each in rows),
        "hits": sum(each["cache"] == "HIT" for each in rows),
        "lookups": sum(each["cache"] != "DISABLED" for each in rows),
        "saved_micros": sum(each["saved_micros"] or 0 for each in rows),
    }


def nearest_rank(values, percentile):
    ordered = sorted(values)
    return ordered[max(-(-len(ordered) * percentile // 100), 1) - 1]


def in_buckets(rows, width):
    found = defaultdict(list)
    for each in rows:
        found[each["created_ms"] // width].append(each)
    return found


def meant_of(rows, filters):
    return [
        each
        for each in rows
        if filters.workspace in (None, each["workspace"]) and filters.since_ms <= each["created_ms"] < filters.until_ms
    ]


async def check(store, rows, filters):
    """Compare everything there is with plain Python."""
    wide = buckets(filters.since_ms, filters.until_ms)
    meant = meant_of(rows, filters)
    expected = in_buckets(meant, wide.width_ms)

    found = await analytics.series(store, filters, wide, FIGURES)
    assert {number: {name: of[name] for name in FIGURES} for number, of in found.items()} == {
        number: figures_of(each) for number, each in expected.items()
    }
    assert set(found) <= set(wide.starts())
    assert await analytics.summary(store, filters) == figures_of(meant)

    times = await analytics.latency(store, filters, wide)
    assert set(times) == set(expected)
    for number, each in expected.items():
        values = [one["ms"] for one in each]
        assert times[number]["number"] == len(values)
        assert times[number]["ms"] == sum(values)
        for percentile in PERCENTILES:
            assert times[number][f"p{percentile}"] == rounded(nearest_rank(values, percentile))

    failed = Counter((each["created_ms"] // wide.width_ms, each["status"]) for each in meant if each["status"] >= 400)
    lines = await analytics.failures(store, filters, wide)
    assert {(line["bucket"], line["status"]): line["number"] for line in lines} == failed

    keys = {name: lambda each, column=column: each[column.name] for name, column in analytics.DIMENSIONS.items()}
    for dimension, key in {**keys, "metadata/team": lambda each: each["metadata"].get("team")}.items():
        groups = defaultdict(list)
        for each in meant:
            groups[key(each)].append(each)
        total, lines = await analytics.groups(store, filters, dimension, analytics.Order(size=100))
        assert total == len(groups)
        assert [line["requests"] for line in lines] == sorted((len(each) for each in groups.values()), reverse=True)
        for line in lines:
            known = figures_of(groups[line["name"]])
            assert {name: line[name] for name in analytics.OF_GROUPS} == {
                name: known[name] for name in analytics.OF_GROUPS
            }
            assert line["last_ms"] == max(each["created_ms"] for each in groups[line["name"]])


@settings(max_examples=12)
@given(seed=st.integers(0, 2**32), number=st.integers(0, 120), workspace=st.sampled_from([None, "red", "blue"]))
async def test_random_rows_make_the_same_figures_on_sqlite(tmp_path_factory, seed, number, workspace):
    rng = random.Random(seed)
    rows = [random_row(rng) for _ in range(number)]
    opened = database(sqlite_url(tmp_path_factory.mktemp("property") / "store.db"))
    await migrate(opened)
    await records.insert(opened, rows)
    until = NOW + rng.choice((1, 60_000, HOUR, SPAN, 300 * DAY))
    await check(opened, rows, Filters(workspace=workspace, since_ms=NOW, until_ms=until))
    await opened.close()


@pytest.mark.parametrize("seed", range(4))
async def test_random_rows_make_the_same_figures(store, seed):
    rng = random.Random(seed)
    rows = [random_row(rng) for _ in range(400)]
    await records.insert(store, rows)
    for workspace in (None, "red"):
        for until in (NOW + HOUR, NOW + SPAN, NOW + 100 * DAY):
            await check(store, rows, Filters(workspace=workspace, since_ms=NOW, until_ms=until))


@given(ms=st.integers(0, 2**31 - 1))
def test_a_class_is_within_two_percent_of_what_it_stands_for(ms):
    assert abs(rounded(ms) - ms) <= ms * 0.02
    assert rounded(ms) == ms or ms >= 64


@given(one=st.integers(0, 2**31 - 1), other=st.integers(0, 2**31 - 1))
def test_classes_keep_the_order(one, other):
    assert (rounded(one) <= rounded(other)) if one <= other else (rounded(one) >= rounded(other))


@given(since=st.integers(0, 4 * 10**12), length=st.integers(1, LONGEST_MS))
def test_buckets_cover_their_span_with_few_points(since, length):
    wide = buckets(since, since + length)
    starts = list(wide.starts().values())
    assert starts[0] <= since < starts[0] + wide.width_ms
    assert starts[-1] < since + length <= starts[-1] + wide.width_ms
    assert len(starts) <= MOST_POINTS + 1


def opinion(trace, **values):
    made = {
        "id": f"f-{trace}-{values}",
        "workspace": "red",
        "trace_id": trace,
        "value": 1,
        "weight": 1.0,
        "metadata": {},
    }
    return {**made, "created_ms": NOW, "updated_ms": NOW, **values}


async def test_feedback_is_counted_weighed_and_laid_to_the_models_it_is_about(store):
    await records.insert(
        store,
        [
            row(workspace="red", trace_id="t-1", model="a"),
            row(workspace="red", trace_id="t-1", model="a"),  # asked twice in one trace: one opinion on one model
            row(workspace="red", trace_id="t-1", model="b", provider="google"),
            row(workspace="red", trace_id="t-2", model="a"),
            row(workspace="blue", trace_id="t-2", model="c"),
        ],
    )
    given_ = [
        opinion("t-1", value=5, weight=1.0),
        opinion("t-2", value=-1, weight=0.5),
        opinion("t-2", value=-1, weight=0.0, created_ms=NOW + HOUR),
        opinion("t-3", value=10, weight=1.0, workspace="blue"),
    ]
    async with store.write() as connection:
        await connection.execute(sa.insert(feedback), given_)
    filters = Filters(workspace="red", since_ms=NOW - HOUR, until_ms=NOW + 2 * HOUR)
    wide = buckets(filters.since_ms, filters.until_ms)
    found = await opinions.series(store, filters, wide)
    assert [(of["number"], of["weight"], of["weighted"]) for _, of in sorted(found.items())] == [
        (2, 1.5, 4.5),
        (1, 0.0, 0.0),
    ]
    assert [(of["value"], of["number"]) for of in await opinions.scores(store, filters)] == [(-1, 2), (5, 1)]
    models = {
        (of["model"], of["provider"]): (of["number"], of["weighted"]) for of in await opinions.models(store, filters)
    }
    assert models == {("a", "openai"): (3, 4.5), ("b", "google"): (1, 5.0)}


async def test_filters_of_feedback_are_about_the_requests_of_its_trace(store):
    await records.insert(store, [row(trace_id="t-1", model="a", workspace="red", created_ms=NOW - 90 * DAY)])
    async with store.write() as connection:
        await connection.execute(
            sa.insert(feedback), [opinion("t-1"), opinion("t-2"), opinion("t-1", workspace="blue")]
        )
    span = {"since_ms": NOW - 1, "until_ms": NOW + 1}
    assert (await opinions.scores(store, Filters(models=("a",), **span)))[0]["number"] == 1
    assert await opinions.scores(store, Filters(models=("b",), **span)) == []
    assert (await opinions.scores(store, Filters(**span)))[0]["number"] == 3


async def test_groups_come_in_pages_and_in_the_order_asked_for(store):
    await records.insert(
        store, [row(user=f"user-{number}", cost_micros=1000 * number) for number in range(1, 8) for _ in range(number)]
    )
    filters = Filters(since_ms=NOW, until_ms=NOW + 1)
    dearest = analytics.Order(by="cost_micros", size=3)
    assert [line["name"] for line in (await analytics.groups(store, filters, "user", dearest))[1]] == [
        "user-7",
        "user-6",
        "user-5",
    ]
    least = analytics.Order(by="requests", ascending=True, size=3, page=2)
    assert await names(store, filters, least) == (7, ["user-7"])
    assert await names(store, filters, analytics.Order(size=3, page=9)) == (7, [])


async def names(store, filters, order):
    total, lines = await analytics.groups(store, filters, "user", order)
    return total, [line["name"] for line in lines]


async def test_charts_of_any_time_read_the_index_alone(tmp_path):
    """A million rows are a gigabyte; their index is a sixth of it."""
    store = database(sqlite_url(tmp_path / "store.db"))
    await migrate(store)
    figures = [figure.label(name) for name, figure in analytics.FIGURES.items()]
    asked = sa.select(*figures, *analytics.DIMENSIONS.values()).where(
        *Filters(workspace="red", since_ms=NOW, until_ms=NOW + 1).of_requests()
    )
    text = asked.compile(dialect=store._engine.dialect, compile_kwargs={"literal_binds": True})
    async with store.read() as connection:
        plan = (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")).all()
    assert "USING COVERING INDEX requests_by_time (created_ms>? AND created_ms<?)" in str(plan)
    await store.close()
