"""S15 and S16: what may stand in a header, on the way to a provider and on the way back."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from gateway.transport.head import head_of
from gateway.transport.origin import origin_of
from tests.end_to_end.caller import ask, target
from tests.end_to_end.provider import GOOD, png
from tests.end_to_end.studio import Studio, form
from tests.own_thread import OwnThread

HERE = URL("https://images.example/v1/images")
ORIGIN = origin_of(HERE.origin())
LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z:-]+: [^\r\n\0]*")
texts = st.text(max_size=40) | st.text(st.sampled_from("ab\r\n\0 :\t\x7f\x85\u2028ł"), max_size=12)


@given(values=st.lists(texts, max_size=4))
def test_s15_a_value_never_becomes_a_line_of_its_own(values):
    headers = {f"x-{number}": value for number, value in enumerate(values)}
    try:
        head = head_of("POST", HERE, ORIGIN, headers, b"{}")
    except ValueError:
        return
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    assert first == b"POST /v1/images HTTP/1.1"
    assert len(lines) == len(values) + 4  # host, accept, length, accept-encoding
    assert all(LINE.fullmatch(line) for line in lines)


@given(tail=st.text(st.sampled_from("ab/?#% \r\n\0é"), max_size=12))
def test_s15_a_path_never_becomes_a_line_of_its_own(tail):
    url = URL(f"https://images.example/v1/{tail}")
    head = head_of("POST", url, origin_of(url.origin()), {}, b"{}")
    assert head.count(b"\r\n") == 6
    assert len(head.partition(b"\r\n")[0].split(b" ")) == 3


@pytest.fixture(scope="module")
def studio():
    with Studio() as made:
        yield made


NAMES = [
    'a"; name="mask"',
    'a"; filename="b',
    "a%22%0d%0aX-Evil: 1",
    "../../etc/passwd",
    "..\\..\\boot.ini",
    "a\0.png",
    "a;b=c",
    "\u202egnp.exe",
    "é" * 200,
    "x" * 3000,
    "",
    "CON",
    "<script>",
    "'; DROP TABLE pictures; --",
]


def test_s15_names_of_files_are_our_own(loopback, studio):
    for name in NAMES:
        studio.forget()
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        body, kind = form(("image", escaped, png()), ("prompt", "an otter"))
        got = ask(loopback, body, path="/v1/images/edits", config=studio.target(), **kind)
        assert got.status == 200, (name, got.body)
        [order] = studio.seen
        assert [(field, filename) for field, filename, _, _ in order.files] == [("image", "image.png")]
        assert order.fields.keys() == {"prompt", "model"}


HOSTILE = [
    *("Set-Cookie: a=b", "Set-Cookie2: a=b", "Connection: keep-alive, x-evil", "Keep-Alive: timeout=1", "Upgrade: h2c"),
    *("Trailer: x-evil", "Proxy-Authenticate: Basic", "Proxy-Connection: close", "TE: trailers", "Via: 1.1 evil"),
    *(
        "Server: nginx/1.0",
        "X-Powered-By: PHP",
        "X-Evil: 1",
        "Location: https://evil.example",
        "Refresh: 0; url=//evil",
    ),
    *("Access-Control-Allow-Origin: *", "Access-Control-Allow-Credentials: true", "Content-Disposition: attachment"),
    *("Content-Security-Policy: default-src *", "Strict-Transport-Security: max-age=0", "Clear-Site-Data: *"),
    *("X-Accel-Redirect: /etc/passwd", "X-Sendfile: /etc/passwd", "WWW-Authenticate: Basic", "Alt-Svc: h2=evil:443"),
    *("Link: <//evil>; rel=preload", "Content-Language: x", "Content-Location: //evil", "Public-Key-Pins: x"),
    *("x-portkey-trace-id: theirs", "x-gateway-cost-usd: 0", "x-should-retry: true", "x-portkey-provider: theirs"),
]
TOLD = {
    *("content-type", "content-length", "date", "connection", "retry-after", "x-should-retry", "server-timing"),
    *("x-portkey-trace-id", "x-portkey-last-used-option-index", "x-portkey-retry-attempt-count"),
    *("x-portkey-cache-status", "x-portkey-provider", "x-gateway-model", "x-gateway-attempts"),
    *("x-gateway-maybe-billed", "x-gateway-cost-usd", "x-gateway-adaptations", "x-gateway-config-version"),
}


class Chatty(OwnThread):
    """Says all of that with every answer; the model says with which status."""

    async def _line(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head)[1])
        status = int(json.loads(await reader.readexactly(length))["model"])
        body = GOOD if status == 200 else b'{"error": {"message": "no", "code": "x"}}'
        lines = [f"HTTP/1.1 {status} X", *HOSTILE, "Content-Type: text/html; charset=evil"]
        lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
        writer.write("\r\n".join(lines).encode() + body)
        await writer.drain()
        writer.close()


@pytest.fixture(scope="module")
def chatty():
    with Chatty() as made:
        yield made


@pytest.mark.parametrize("status", [200, 400, 401, 404, 429, 500, 503])
def test_s16_nothing_that_a_provider_says_in_headers_comes_through(loopback, chatty, status):
    assert len(HOSTILE) >= 30
    got = ask(loopback, config=target(chatty.url, str(status)))
    assert got.status == (502 if status == 401 else status)
    assert got.headers.keys() <= TOLD
    assert got.headers["content-type"] == "application/json"
    said = json.dumps(got.headers)
    assert not any(word in said for word in ("evil", "theirs", "cookie", "nginx", "PHP", "passwd"))
    assert len(got.headers["x-portkey-trace-id"]) == 32
    assert got.headers.get("x-should-retry") != "true"


def test_s16_cookies_of_one_answer_are_not_sent_with_the_next_request(loopback, chatty, provider):
    for _ in range(2):
        assert ask(loopback, config=target(chatty.url, "200")).status == 200
    assert ask(loopback, config=target(provider)).status == 200
    assert "cookie" not in provider.seen[0].headers
