"""Header values that anybody may have written: read, refused, or nothing that was said."""

import json
import math
import string
import time
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import GatewayError
from gateway.http.decode import metadata_of, seconds_allowed
from gateway.retry_after import retry_after
from tests.fuzz.bending import JSON, attempted, in_time, spliced
from tests.fuzz.lengths import tries

NOW = 1_763_600_000.0
DAY = 86_400.0
DATES = [
    "Wed, 21 Oct 2026 07:28:00 GMT",
    "Wednesday, 21-Oct-26 07:28:00 GMT",
    "Wed Oct 21 07:28:00 2026",
    "Wed, 21 Oct 2026 07:28:00 -0000",
    "Wed, 21 Oct 2026 07:28:00 +2359",
]
NUMBERS = [
    "1",
    "0",
    "-1",
    "1.5",
    "1e3",
    "1e999",
    "-1e999",
    "nan",
    "inf",
    "1_0",
    "0x10",
    "\u0661",
    "9" * 5000,
    "1,5",
    "-0",
]
TOKENS = st.text(string.printable, max_size=4) | st.sampled_from(["9" * 30, "GMT", ":", ",", "-", "+9999", "\u0661"])
VALUES = st.sampled_from([*DATES, *NUMBERS]) | spliced([*DATES, *NUMBERS], TOKENS) | st.text(max_size=30)


@tries(800, 30_000)
@given(
    headers=st.dictionaries(
        st.sampled_from(["retry-after", "retry-after-ms", "x-ms-retry-after-ms", "date"]), VALUES, max_size=3
    )
)
@example(headers={"retry-after": "Wed, 21 Oct 2026 07:28:00 +9999"})
@example(headers={"retry-after": "Mon, 01 Jan 0001 00:00:00 +1200"})
def test_any_retry_after_is_a_bounded_time_or_nothing(headers):
    seconds = in_time(lambda: retry_after(headers, NOW))
    assert seconds is None or 0 <= seconds <= DAY


@pytest.fixture(params=["UTC0", "UTC+5", "UTC-9"])
def zone(request, monkeypatch):
    """Stand in another part of the world."""
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize("form", ["%a, %d %b %Y %H:%M:%S GMT", "%a, %d %b %Y %H:%M:%S -0000", "%a %b %d %H:%M:%S %Y"])
def test_a_date_says_the_same_wherever_the_gateway_stands(zone, form):
    then = datetime.fromtimestamp(NOW + 90, UTC).strftime(form)
    assert retry_after({"retry-after": then}, NOW) == 90


TEXTS = spliced(['{"_user": "ada", "plan": "paid"}', '{"a": {"b": 1}}'], st.text(max_size=3)) | JSON.map(json.dumps)


@tries(400, 20_000)
@given(
    text=TEXTS | st.text(max_size=30) | st.sampled_from(["[" * 5000, '{"a":' * 3000, "NaN", "1e999", '{"a":"\\ud800"}'])
)
def test_any_metadata_is_strings_or_refused(text):
    metadata, refused = in_time(lambda: attempted(lambda: metadata_of({"x-portkey-metadata": text}), GatewayError))
    if refused is None:
        assert all(isinstance(item, str) for pair in metadata.items() for item in pair)
    else:
        assert (refused.status, refused.param) == (400, "x-portkey-metadata")


@tries(300, 10_000)
@given(text=st.sampled_from(NUMBERS) | st.integers(-9, 700_000).map(str) | st.text(max_size=12) | TOKENS)
def test_any_deadline_is_in_its_bounds_or_refused(text):
    headers = {"x-gateway-deadline": text}
    seconds, refused = in_time(lambda: attempted(lambda: seconds_allowed(headers, math.inf), GatewayError))
    if refused is None:
        assert 1 <= seconds <= 600
    else:
        assert (refused.status, refused.param) == (400, "x-gateway-deadline")
