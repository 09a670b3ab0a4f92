"""How long a provider asked to be left alone."""

import pytest

from gateway.retry_after import retry_after

NOW = 1_784_548_800.0  # Mon, 20 Jul 2026 12:00:00 GMT


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({}, None, id="nothing said"),
        pytest.param({"retry-after": "3"}, 3.0, id="seconds"),
        pytest.param({"retry-after": "0.25"}, 0.25, id="decimals"),
        pytest.param({"retry-after": "0"}, 0.0, id="zero is an answer"),
        pytest.param({"retry-after": " 7 "}, 7.0, id="spaces around"),
        pytest.param({"retry-after-ms": "1500"}, 1.5, id="milliseconds"),
        pytest.param({"x-ms-retry-after-ms": "20"}, 0.02, id="Azure's milliseconds"),
        pytest.param({"retry-after-ms": "1500", "retry-after": "9"}, 1.5, id="milliseconds win over seconds"),
        pytest.param({"retry-after-ms": "soon", "retry-after": "9"}, 9.0, id="unreadable milliseconds fall back"),
        pytest.param({"retry-after-ms": "1", "x-ms-retry-after-ms": "2"}, 0.001, id="OpenAI's spelling before Azure's"),
        pytest.param({"retry-after": "Mon, 20 Jul 2026 12:00:30 GMT"}, 30.0, id="a date, by our clock"),
        pytest.param(
            {"retry-after": "Mon, 20 Jul 2026 11:00:10 GMT", "date": "Mon, 20 Jul 2026 11:00:00 GMT"},
            10.0,
            id="a date, by the provider's clock",
        ),
        pytest.param(
            {"retry-after": "Mon, 20 Jul 2026 12:00:05 GMT", "date": "yesterday"},
            5.0,
            id="an unreadable clock is ignored",
        ),
        pytest.param({"retry-after": "Mon, 20 Jul 2026 11:59:00 GMT"}, None, id="a date that is over"),
        pytest.param({"retry-after": "-5"}, None, id="less than nothing"),
        pytest.param({"retry-after": "nan"}, None, id="not a number"),
        pytest.param({"retry-after": "inf"}, 86_400.0, id="for ever is a day"),
        pytest.param({"retry-after": "1e9"}, 86_400.0, id="years are a day"),
        pytest.param({"retry-after": "1_0"}, None, id="a number to Python alone"),
        pytest.param({"retry-after": "in a minute"}, None, id="words"),
        pytest.param({"retry-after": ""}, None, id="empty"),
        pytest.param({"retry-after": "Mon, 20 Jul 99999999 12:00:00 GMT"}, None, id="a year beyond all calendars"),
    ],
)
def test_seconds_come_from_any_of_the_three_spellings(headers, seconds):
    assert retry_after(headers, NOW) == seconds
