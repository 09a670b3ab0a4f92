"""Acceptance cases 1 to 8 and 23 to 26: what comes in at the door. 9 and 10 take their time, in `test_waits.py`.

Codes are those of the specification: a form that cannot be read is an `invalid_request`, a parameter that no model
takes an `invalid_n` or `invalid_size`, and there is no administrator's plane yet whose routes could be asked for.
"""

import json

import pytest

from tests.acceptance.conftest import TEAM
from tests.acceptance.rig import MIB, post, tell
from tests.end_to_end.caller import ROUTE, ask, raw_request, target
from tests.end_to_end.process import cpu_seconds, forget_peak, memory
from tests.end_to_end.provider import png
from tests.end_to_end.raw_client import pieces
from tests.end_to_end.studio import claims, form

EDITS = "/v1/images/edits"
JSON = {"content_type": "application/json"}


def refused(got, status, code):
    return (got.status, got.code) == (status, code)


def test_01_half_a_json_body(gateway, provider):
    assert refused(ask(gateway, b'{"prompt":', config=target(provider), **JSON), 400, "invalid_json")
    assert provider.connects == 0


BOMBS = {
    "100,000 nested arrays": b'{"prompt": "a", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "NaN": b'{"prompt": "a", "n": NaN}',
    "a number of 5,000 digits": b'{"prompt": "a", "n": ' + b"9" * 5000 + b"}",
    "a lone surrogate": rb'{"prompt": "\ud800"}',
}


@pytest.mark.parametrize("what", BOMBS)
def test_02_json_bombs_are_refused_at_once(gateway, provider, what):
    answers = [ask(gateway, BOMBS[what], config=target(provider), **JSON) for _ in range(5)]
    assert all(refused(got, 400, "invalid_json") for got in answers)
    assert min(got.seconds for got in answers) < 0.05  # 20 ms is the promise, on a machine that does nothing else
    assert provider.connects == 0


def test_03_a_body_over_a_megabyte(gateway, provider):
    head = post("Content-Type: application/json", f"Content-Length: {MIB + 1}")
    assert refused(tell(gateway, head), 413, "body_too_large")
    ask(gateway, b"{" * MIB, config=target(provider), **JSON)  # what one such body takes is there from now on
    forget_peak(gateway.process)
    before = memory(gateway.process)
    chunked = post("Content-Type: application/json", "Transfer-Encoding: chunked")
    heard = tell(gateway, chunked, *[b"10000\r\n" + b" " * 0x10000 + b"\r\n"] * 160)
    assert refused(heard, 413, "body_too_large")
    assert heard.closed
    assert memory(gateway.process, "VmHWM") - before < 4 * MIB
    assert provider.connects == 0


PARAMS = {"n: 0": ("n", 0), "n: true": ("n", True), "n: 1e3": ("n", 1e3), "size: 99999x1": ("size", "99999x1")}


@pytest.mark.parametrize(("name", "value"), PARAMS.values(), ids=PARAMS)
def test_04_parameters_that_no_model_takes(gateway, provider, name, value):
    config = {key: value for key, value in target(provider).items() if key != "override_params"}
    got = ask(gateway, {"prompt": "a", name: value}, config=config)
    assert refused(got, 400, f"invalid_{name}")
    assert got.error["param"] == name
    assert provider.connects == 0


def test_05_length_and_chunks_together(gateway):
    heard = tell(gateway, post("Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\nGET /livez"))
    assert refused(heard, 400, "bad_framing")
    assert heard.closed


@pytest.mark.parametrize("path", ["/v1/models", ROUTE, "/livez"])
def test_06_a_host_that_hides_a_path(keyed, path):
    heard = tell(keyed, f"GET {path} HTTP/1.1\r\nHost: evil/?x=\r\n\r\n".encode())
    assert refused(heard, 400, "bad_host")
    assert heard.closed


TARGETS = {
    "@admin": "bad_target",
    "http://gateway.test/v1/models": "bad_target",
    "/v1/models%00": "bad_target",
    "//v1/../admin": "bad_target",
    "/v1/../admin": "unknown_url",
}


@pytest.mark.parametrize(("path", "code"), TARGETS.items())
def test_07_targets_that_are_no_plain_path(gateway, path, code):
    heard = tell(gateway, f"GET {path} HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n".encode())
    assert refused(heard, 404 if code == "unknown_url" else 400, code)


@pytest.mark.parametrize("segments", [1, 2, 100])
def test_08_headers_too_large_in_any_number_of_segments(gateway, segments):
    request = post("Content-Length: 2", "x-portkey-config: " + "x" * 40960, body=b"{}")
    heard = tell(gateway, *pieces(request, segments), gap=0.002)
    assert refused(heard, 431, "headers_too_large")
    assert heard.closed


def test_23_line_breaks_in_header_values_and_file_names(gateway, provider, studio):
    for field, value in (("api_key", "test-not-real\r\nx-evil: 1"), ("openai_project", "a\r\nx-evil: 1")):
        got = ask(gateway, config={**target(provider), field: value})
        assert refused(got, 400, "invalid_config")
    assert tell(gateway, post("x-user: a\rb", body=b"{}")).status == 400
    assert provider.connects == 0
    name = 'evil"\\; name="mask"; x="%0d%0aX-Evil: 1'
    body, kind = form(("image", name.replace('"', '\\"'), png()), ("prompt", "a"))
    assert ask(gateway, body, path=EDITS, config=studio.target(), **kind).status == 200
    [(field, forwarded, _, data)] = studio.seen[0].files
    assert (field, data) == ("image", png())
    assert forwarded in {"image.png", "image"}
    folded, kind = form(("image", "a\r\nX-Evil: 1\r\n\r\n", png()), ("prompt", "a"))
    studio.forget()
    got = ask(gateway, folded, path=EDITS, config=studio.target(), **kind)
    assert got.status == 400 or "X-Evil" not in json.dumps(studio.seen[0].headers)


def _many_files():
    return form(*[(f"f{number}", "a.png", b"x") for number in range(1000)])


def _run_on():
    boundary = "-" * 70
    body, kind = form(("image", "a.png", png()), boundary=boundary)  # what goes on like a last boundary is one
    return body.replace(b"--" + boundary.encode() + b"--", b"-" * 100_000), kind


def _preamble():
    body, kind = form(("image", "a.png", png()))
    return b"x" * (10 * MIB) + body, kind


def _no_end():
    body, kind = form(("image", "a.png", png()))
    return body.replace(b"--the-boundary--", b""), kind


@pytest.mark.parametrize("made", [_many_files, _run_on, _preamble, _no_end])
def test_24_multipart_bombs(gateway, studio, made):
    body, kind = made()
    before = cpu_seconds(gateway.process)
    got = ask(gateway, body, path=EDITS, config=studio.target(), **kind)
    assert got.status in {400, 413}
    assert got.code in {"invalid_request", "invalid_image", "invalid_prompt", "body_too_large"}
    assert cpu_seconds(gateway.process) - before < 1.0
    assert studio.seen == []


def gif(frames):
    """Return a film: a GIF of so many pictures."""
    head = b"GIF89a\x10\0\x10\0\x80\0\0" + b"\0\0\0\xff\xff\xff" + b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"
    frame = (
        b"!\xf9\x04\0\x0a\0\0\0,\0\0\0\0\x10\0\x10\0\0\x02\x0e\x84\x8f\xa9\xcb\xed\x0f\xa3\x9c\xb4\xda\x8b\xb3>\x05\0"
    )
    return head + frame * frames + b";"


PICTURES = {
    "169 megapixels": claims(13_000, 13_000),
    "HTML named .png": b"<!DOCTYPE html><html><body>404</body></html>",
    "a film of 5,000 pictures": gif(5000),
}


@pytest.mark.parametrize("what", PICTURES)
def test_25_image_bombs(gateway, studio, what):
    body, kind = form(("image", "a.png", PICTURES[what]), ("prompt", "a"))
    answers = [ask(gateway, body, path=EDITS, config=studio.target(), **kind) for _ in range(3)]
    assert all(refused(got, 400, "invalid_image") for got in answers)
    assert min(got.seconds for got in answers) < 0.1
    assert studio.seen == []


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "zstd", "identity, gzip"])
def test_26_a_compressed_request(gateway, provider, coding):
    got = ask(gateway, b"\x1f\x8b", config=target(provider), content_encoding=coding, **JSON)
    assert refused(got, 415, "unsupported_encoding")
    assert provider.connects == 0


def test_the_keys_of_these_cases_open_the_door(keyed):
    """So that none of the refusals above is for another reason."""
    assert ask(keyed, config="shared", x_portkey_api_key=TEAM).status == 200
    assert (
        tell(
            keyed, raw_request({"provider": "sandbox"}, b'{"prompt": "a"}', f"x-portkey-api-key: {TEAM}"), seconds=1
        ).status
        == 200
    )
