from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.ledger import RateLimit, UsageLimit, Window, read_rates, read_usage, window_at


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("reset", "moment", "name", "ends"),
    [
        pytest.param(
            "weekly", "2026-11-22T23:59:59.999", "week 2026-11-16", "2026-11-23T00:00", id="a week's last moment"
        ),
        pytest.param(
            "weekly", "2026-11-23T00:00:00", "week 2026-11-23", "2026-11-30T00:00", id="a week's first moment"
        ),
        pytest.param("weekly", "2026-12-31T12:00:00", "week 2026-12-28", "2027-01-04T00:00", id="a week in two years"),
        pytest.param("monthly", "2026-02-28T23:59:59", "month 2026-02", "2026-03-01T00:00", id="a short month"),
        pytest.param(
            "monthly", "2026-12-01T00:00:00", "month 2026-12", "2027-01-01T00:00", id="a month's first moment"
        ),
    ],
)
def test_windows_follow_the_calendar(reset, moment, name, ends):
    assert window_at(reset, at(moment)) == Window(name, at(ends))


def test_without_a_reset_there_is_one_window():
    assert window_at(None, 0) == window_at(None, 9e9) == Window("all", None)


@given(some.sampled_from(["weekly", "monthly"]), some.floats(0, 4e9))
def test_every_moment_is_in_exactly_one_window(reset, moment):
    window = window_at(reset, moment)
    assert moment < window.ends
    assert window_at(reset, window.ends).name != window.name
    assert window_at(reset, window.ends - 0.001).name == window.name


def test_limits_are_read_in_millionths_of_a_dollar():
    written = {"credit_limit": 0.5, "image_limit": 7, "periodic_reset": "weekly", "alert_threshold": 0.1}
    assert read_usage(written) == UsageLimit(credit_micros=500_000, images=7, reset="weekly", alert_micros=100_000)
    assert read_usage(None) is None
    assert read_usage({}) is None
    rates = read_rates([{"type": "images", "unit": "rph", "value": 9}])
    assert (rates, rates[0].seconds) == ((RateLimit(kind="images", unit="rph", most=9),), 3600)
    assert read_rates(None) == ()


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ({"credit_limit": "5"}, ("credit_limit",)),
        ({"credit_limit": True}, ("credit_limit",)),
        ({"credit_limit": -1}, ("credit_limit",)),
        ({"credit_limit": float("nan")}, ("credit_limit",)),
        ({"image_limit": 1.5}, ("image_limit",)),
        ({"periodic_reset": "monthly"}, ()),
        ({"credit_limit": 1, "periodic_reset": "daily"}, ("periodic_reset",)),
        ({"credit_limit": 1, "type": "tokens"}, ("type",)),
        ({"credit_limit": 1, "alert_threshold": 2}, ("alert_threshold",)),
        ({"image_limit": 1, "alert_threshold": 2}, ("alert_threshold",)),
        ({"credit_limit": 1, "creditlimit": 2}, ("creditlimit",)),
        ([], ()),
    ],
    ids=repr,
)
def test_what_is_wrong_with_usage_limits_is_told_with_its_place(written, place):
    assert [where for where, _ in read_usage(written)] == [place]


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ({}, ()),
        ([1], (0,)),
        ([{"type": "tokens", "unit": "rpm", "value": 1}], (0, "type")),
        ([{"type": "images", "unit": "rps", "value": 1}], (0, "unit")),
        ([{"type": "images", "unit": "rpm", "value": 0}], (0, "value")),
        ([{"type": "images", "unit": "rpm", "value": 1, "per": 2}], (0, "per")),
    ],
    ids=repr,
)
def test_what_is_wrong_with_rate_limits_is_told_with_its_place(written, place):
    assert [where for where, _ in read_rates(written)] == [place]
