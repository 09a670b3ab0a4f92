"""Wherever an answer breaks off: the whole picture, to the byte, or one clean error."""

import base64
import contextlib
import http.client
import itertools
import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.end_to_end.caller import ROUTE, assert_envelope
from tests.fuzz.cutter import FORMS, FRAMINGS, Cutter, cut
from tests.fuzz.lengths import LONG
from tests.running import serving

COUNT = 5_000 if LONG else 320
AT_A_TIME = 32
CONFIGS = {
    "gateway": "virtual_keys: {{bare: {{provider: huggingface, api_key: test-key-not-real, custom_host: '{url}'}}}}",
    "json": "{{provider: openai-compatible, custom_host: '{url}'}}",
    "bare": "{{virtual_key: bare, override_params: {{model: a/b}}}}",
    "rescued": """
        strategy: {{mode: fallback}}
        targets:
          - {{provider: openai-compatible, custom_host: '{url}'}}
          - {{provider: openai-compatible, custom_host: '{whole}'}}
    """,
}


@pytest.fixture(scope="module")
def cutter():
    with Cutter() as provider:
        yield provider


@pytest.fixture(scope="module")
def each(cutter, tmp_path_factory):
    """Return what has each of some answers broken off and judged, many at a time."""
    folder = tmp_path_factory.mktemp("cuts")
    site = f"http://127.0.0.1:{cutter.port}"
    for name, text in CONFIGS.items():
        (folder / f"{name}.yaml").write_text(text.format(url=f"{site}/cut", whole=f"{site}/whole"))
    with serving(folder, "--log-level", "error") as running:
        lines = threading.local()

        def opened():
            lines.own = http.client.HTTPConnection("127.0.0.1", int(running.url.rpartition(":")[2]), timeout=20)
            opening.callback(lines.own.close)

        def asked(config, prompt, **params):
            body = json.dumps({"prompt": prompt, **params})
            lines.own.request("POST", ROUTE, body, {"content-type": "application/json", "x-portkey-config": config})
            answer = lines.own.getresponse()
            return answer.status, answer.read()

        with contextlib.ExitStack() as opening, ThreadPoolExecutor(AT_A_TIME, initializer=opened) as pool:
            yield lambda judge, numbers: list(pool.map(lambda number: judge(asked, cut(number)), numbers))


def fetched(form, status, body):
    """Return the pictures that an answer holds, each of which its caller takes for whole, and whether it failed."""
    if status != 200:
        assert status == 502, (status, body)
        assert_envelope(json.loads(body))
        return [], True
    if form != "events":
        return [base64.b64decode(item["b64_json"], validate=True) for item in json.loads(body)["data"]], False
    pictures, failed = [], False
    for event in body.split(b"\n\n")[:-1]:
        name, _, data = event.partition(b"\n")
        told = json.loads(data.removeprefix(b"data: "))  # an event that cannot be read is a cut one
        if name == b"event: error":
            failed = True
        else:
            pictures.append(base64.b64decode(told["b64_json"], validate=True))
    assert body.endswith(b"\n\n")
    assert failed or b"image_generation.completed" in body
    return pictures, failed


def outcome_of(ask, how):
    """Have one answer broken off, look at what became of it, and return what became of it."""
    params = {"stream": True} if how.form == "events" else {"response_format": "b64_json"}
    config = "bare" if how.form == "bare" else "json"
    pictures, failed = fetched(how.form, *ask(config, str(how.number), **params))
    assert all(picture == how.picture for picture in pictures), how
    if how.is_whole:
        assert failed == (how.framing == "gzip"), how
    return how.form, how.framing, failed


def ends_nowhere(how):
    return (how.form, how.framing) == ("events", "close")


def test_no_cut_answer_is_a_success(each):
    """What cannot be told from whole is whole; a compressed answer is never one, as nobody asked for it."""
    numbers = [number for number in range(COUNT) if not ends_nowhere(cut(number))]
    outcomes = Counter(each(outcome_of, numbers))
    for form, framing in itertools.product(FORMS, FRAMINGS):
        if (form, framing) != ("events", "close"):
            assert outcomes[form, framing, True], (form, framing)
            assert outcomes[form, framing, False] or framing == "gzip", (form, framing)


def test_no_cut_event_is_handed_on(each):
    outcomes = Counter(each(outcome_of, [number for number in range(COUNT) if ends_nowhere(cut(number))]))
    assert outcomes["events", "close", True]
    assert outcomes["events", "close", False]


def rescued(ask, how):
    pictures, failed = fetched("json", *ask("rescued", str(how.number)))
    assert not failed
    assert pictures == [how.picture], how


def test_a_cut_answer_is_rescued_by_the_next_target(each):
    each(rescued, [number for number in range(COUNT, 2 * COUNT) if cut(number).form == "json"])
