"""S17 to S19: small requests and answers that want to become large, or take long."""

import gzip
import re
import time
import tracemalloc
import zlib

import pytest

from gateway.errors import GatewayError
from gateway.http.decode import json_object
from gateway.http.form import Form
from tests.end_to_end.caller import ask, target
from tests.end_to_end.process import forget_peak, memory
from tests.end_to_end.provider import GOOD, png
from tests.own_thread import OwnThread

MIB = 1 << 20

# --- S17 ---


def _zlib_bomb(size=200 * MIB):
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(MIB)) for _ in range(size // MIB)) + packer.flush()


CODINGS = {
    "gzip": lambda: gzip.compress(GOOD),
    "a bomb of gzip": lambda: gzip.compress(bytes(200 * MIB), compresslevel=9),
    "a bomb of deflate": _zlib_bomb,
    "br": lambda: b"\x8b\x03\x80" + b"\0" * 1000,
    "zstd": lambda: b"\x28\xb5\x2f\xfd" + b"\0" * 1000,
    "two at a time": lambda: gzip.compress(gzip.compress(GOOD)),
}
_NAMES = {"two at a time": "gzip, gzip", "a bomb of gzip": "gzip", "a bomb of deflate": "deflate"}


class Packed(OwnThread):
    """Answers with whatever is in `body`, called packed as `coding` says."""

    body = b""
    coding = "identity"

    async def _line(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"accept-encoding: identity\r\n" in head
        await reader.readexactly(int(re.search(rb"content-length: (\d+)", head)[1]))
        lines = f"HTTP/1.1 200 OK\r\nContent-Encoding: {self.coding}\r\nContent-Length: {len(self.body)}\r\n\r\n"
        writer.write(lines.encode() + self.body)
        writer.close()


@pytest.fixture(scope="module")
def packed():
    with Packed() as made:
        yield made


@pytest.mark.parametrize("what", CODINGS)
def test_s17_what_comes_packed_is_not_opened(loopback, packed, what):
    packed.body, packed.coding = CODINGS[what](), _NAMES.get(what, what)
    assert len(packed.body) < MIB
    forget_peak(loopback.process)
    before = memory(loopback.process)
    got = ask(loopback, config=target(packed.url))
    assert (got.status, got.code, got.maybe_billed) == (502, "upstream_bad_response", 1)
    assert memory(loopback.process, "VmHWM") - before < 8 * MIB


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "x-gzip", "identity, gzip", "GZIP"])
def test_s17_what_a_caller_packs_is_not_read(loopback, coding):
    bomb = gzip.compress(bytes(20 * MIB))
    for path in ("/v1/images/generations", "/v1/images/edits"):
        got = ask(loopback, bomb, path=path, content_encoding=coding, content_type="application/json")
        assert (got.status, got.code) == (415, "unsupported_encoding")


# --- S18 ---

FLOOD = 4 * MIB
PART = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'


def part(name, *lines, value=b"x"):
    head = b'--b\r\nContent-Disposition: form-data; name="%b"' % name
    return b"\r\n".join([head, *lines, b"", value]) + b"\r\n"


FORMS = {
    "1,000 files": b"".join(part(b'image"; filename="%d' % number) for number in range(1000)) + b"--b--",
    "17 pictures": part(b'image[]"; filename="a') * 17 + b"--b--",
    "100 fields": b"".join(part(b"f%d" % number) for number in range(100)) + b"--b--",
    "tiny parts": part(b"f") * (FLOOD // 60),
    "one large text": part(b"prompt", value=b"x" * FLOOD) + b"--b--",
    "many texts": b"".join(part(b"f%d" % number, value=b"x" * 50_000) for number in range(50)) + b"--b--",
    "a large header": b"--b\r\nX-A: " + b"x" * FLOOD,
    "many headers": b"--b\r\n" + b"X: y\r\n" * (FLOOD // 6),
    "a header that never ends": b"--b\r\nContent-Disposition: form-data; " + b'a="b"; ' * (FLOOD // 7),
    "open quotes": b'--b\r\nContent-Disposition: form-data; name="' + b"\\" * 5000 + b"\r\n\r\nx\r\n--b--",
    "semicolons": b"--b\r\nContent-Disposition: form-data" + b";" * 4000 + b"\r\n\r\nx\r\n--b--",
    "a preamble": b"x" * FLOOD + PART,
    "a preamble of line ends": b"\r\n" * (FLOOD // 2) + PART,
    "a preamble of hyphens": b"-" * FLOOD,
    "nearly boundaries": PART + b"\r\n--" * (FLOOD // 4),
    "boundaries that go on": PART + b"\r\n--bX" * (FLOOD // 6),
    "a padded boundary": PART + b"\r\n--b" + b" " * FLOOD,
    "carriage returns": PART + b"\r" * FLOOD,
    "line feeds": PART + b"\n" * FLOOD,
    "zeros": PART + bytes(FLOOD),
    "no last boundary": PART + png() + b"\r\n",
    "half a last boundary": PART + png() + b"\r\n--b-",
    "no name": b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--",
    "no header": b"--b\r\n\r\nx\r\n--b--",
    "another boundary": PART.replace(b"--b", b"--c") + b"\r\n--c--",
    "text that is no UTF-8": part(b"prompt", value=b"\xff\xfe") + b"--b--",
}


async def read_form(body, boundary=b"b"):
    closing = []
    try:
        form = Form(f"multipart/form-data; boundary={boundary.decode('latin-1')}", closing)
        for at in range(0, len(body), 1 << 16):
            await form.feed(body[at : at + (1 << 16)])
        return await form.params()
    finally:
        for close in closing:
            close()


@pytest.mark.parametrize("what", FORMS)
async def test_s18_a_form_costs_no_more_than_its_bytes(what):
    assert len(FORMS) >= 25
    tracemalloc.start()
    try:
        started = time.process_time()
        with pytest.raises(GatewayError) as refused:
            await read_form(FORMS[what])
        spent = time.process_time() - started
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.status in {400, 413}
    assert spent < 1.0
    assert peak < 32 * MIB


@pytest.mark.parametrize("boundary", [b"", b" ", b"b" * 201, b"\x80", b"a\tb", b"b" * 5000], ids=repr)
async def test_s18_a_boundary_has_its_own_letters_and_length(boundary):
    with pytest.raises(GatewayError):
        await read_form(b"--%b\r\n\r\n" % boundary, boundary=boundary)


# --- S19 ---

JSONS = {
    "100,000 arrays": b"[" * 100_000 + b"]" * 100_000,
    "100,000 objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "2,000 deep": b'{"a":' + b"[" * 2000 + b"]" * 2000 + b"}",
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": -Infinity}',
    "1e400": b'{"a": 1e400}',
    "5,000 digits": b'{"a": ' + b"9" * 5000 + b"}",
    "a surrogate": rb'{"a": "\ud800"}',
    "not UTF-8": b'{"a": "\xff"}',
    "a control character": b'{"a": "\x01"}',
    "a comment": b'{"a": 1 /* b */}',
    "a byte order mark": b'\xef\xbb\xbf{"a": 1}',
}


@pytest.mark.parametrize("what", JSONS)
def test_s19_json_bombs_are_refused_at_once(what):
    fastest = 1.0
    for _ in range(3):
        started = time.perf_counter()
        with pytest.raises(GatewayError) as refused:
            json_object(JSONS[what], {})
        fastest = min(fastest, time.perf_counter() - started)
    assert refused.value.code == "invalid_json"
    assert fastest < 0.02
