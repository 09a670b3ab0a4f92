"""The look at pictures: real ones pass, whatever else comes in their place does not."""

import base64
import functools
import io
import random
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gateway.delivery import formats
from gateway.delivery.verify import Fault, Seen, look, mismatches
from gateway.images import Picture


@functools.cache
def _painted(kind, size=(96, 64), **options):
    noise = random.Random(7).randbytes(size[0] * size[1] * 3)
    buffer = io.BytesIO()
    Image.frombytes("RGB", size, noise).save(buffer, kind, **options)
    return buffer.getvalue()


def _b64(data):
    return Picture(b64=memoryview(base64.b64encode(data)))


def _both(data):
    """Return what is seen of the bytes, which is the same in either form."""
    seen = look(Picture(data=data))
    assert look(_b64(data)) == seen
    return seen


_REAL = {
    "png": ("PNG", {}),
    "jpeg": ("JPEG", {"quality": 90}),
    "progressive jpeg": ("JPEG", {"progressive": True}),
    "webp lossy": ("WEBP", {"quality": 80}),
    "webp lossless": ("WEBP", {"lossless": True}),
    "webp extended": ("WEBP", {"quality": 80, "exif": b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"}),
    "gif": ("GIF", {}),
}


@pytest.mark.parametrize("name", _REAL)
def test_a_real_picture_is_seen_with_its_format_size_and_bytes(name):
    kind, options = _REAL[name]
    data = _painted(kind, **options)
    assert _both(data) == Seen(kind.lower(), 96, 64, len(data))


@pytest.mark.parametrize(
    ("name", "chunk"), [("webp lossy", b"VP8 "), ("webp lossless", b"VP8L"), ("webp extended", b"VP8X")]
)
def test_the_webp_kinds_under_test_are_the_three_there_are(name, chunk):
    kind, options = _REAL[name]
    assert _painted(kind, **options)[12:16] == chunk


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (1792, 8)])
@pytest.mark.parametrize("name", _REAL)
def test_odd_sizes_are_read_right(name, size):
    kind, options = _REAL[name]
    seen = _both(_painted(kind, size, **options))
    assert (seen.width, seen.height) == size


@pytest.mark.parametrize("name", _REAL)
@given(data=st.data())
def test_a_cut_picture_is_never_accepted(name, data):
    kind, options = _REAL[name]
    whole = _painted(kind, **options)
    kept = data.draw(st.integers(0, len(whole) - 1))
    assert isinstance(_both(whole[:kept]), Fault)


@pytest.mark.parametrize("name", _REAL)
@given(data=st.data())
def test_a_cut_base64_is_never_accepted(name, data):
    kind, options = _REAL[name]
    text = base64.b64encode(_painted(kind, **options))
    kept = data.draw(st.integers(0, len(text) - 1))
    assert isinstance(look(Picture(b64=memoryview(text)[:kept])), Fault)


@given(garbage=st.binary(max_size=200))
def test_garbage_is_never_accepted_and_never_breaks_the_look(garbage):
    assert isinstance(_both(garbage), Fault)
    assert isinstance(look(Picture(b64=memoryview(garbage))), Fault)


@pytest.mark.parametrize("name", _REAL)
@given(data=st.data())
def test_a_damaged_header_never_breaks_the_look(name, data):
    kind, options = _REAL[name]
    damaged = bytearray(_painted(kind, **options))
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, 63))] = data.draw(st.integers(0, 255))
    _both(bytes(damaged))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "an empty picture"),
        (b"<!DOCTYPE html><html><body>Bad gateway</body></html>", "an HTML page"),
        (b"\n  <html lang=en><svg></svg></html>", "an HTML page"),
        (b'<?xml version="1.0"?><html xmlns="x"><body/></html>', "an HTML page"),
        (b'{"error": {"message": "no"}}', "JSON text"),
        (b"\0" * 5000, "data that is no picture"),
        (b"%PDF-1.7", "data that is no picture"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 100, "a PNG picture without a header"),
        (b"\xff\xd8\xff\xd9" + b"x" * 20, "a JPEG picture with a broken header"),
        (b"RIFF\x1a\0\0\0WEBPVP8 " + b"x" * 18, "a WebP picture with a broken header"),
    ],
)
def test_what_is_no_picture_is_named(data, words):
    assert words in _both(data).message


def test_a_page_in_the_base64s_place_is_no_base64():
    assert isinstance(look(Picture(b64=memoryview(b"<html><body>502</body></html>..."))), Fault)


def test_nothing_at_all_is_an_empty_picture():
    assert look(Picture(b64=memoryview(b""))) == Fault("an empty picture")


def _chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png_that_claims(width, height, filler=20_000):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(random.Random(1).randbytes(filler))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def test_a_small_file_that_claims_169_megapixels_is_refused():
    bomb = _png_that_claims(13_000, 13_000)
    assert len(bomb) < 21_000
    assert "13000x13000, over the 50 megapixels allowed" in _both(bomb).message


def test_the_ceiling_itself_is_allowed():
    assert _both(_png_that_claims(10_000, 5_000)).width == 10_000


def test_a_picture_without_an_area_is_refused():
    assert "without an area" in _both(_png_that_claims(0, 500)).message


@pytest.mark.parametrize("segments", [1, 5])
def test_a_jpeg_with_large_metadata_before_its_size_is_read(segments):
    plain = _painted("JPEG", quality=90)
    metadata = b"\xff\xe1" + struct.pack(">H", 65_000) + b"Exif\0\0".ljust(64_998, b"x")
    data = plain[:2] + metadata * segments + plain[2:]
    assert _both(data) == Seen("jpeg", 96, 64, len(data))


def test_a_thumbnail_in_the_metadata_does_not_end_a_cut_jpeg():
    plain = _painted("JPEG", quality=90)
    thumbnail = _painted("JPEG", (8, 8))
    data = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail + plain[2:]
    assert _both(data).width == 96
    scan = data.rindex(b"\xff\xda")
    for kept in range(4 + len(thumbnail), scan + 40):
        assert isinstance(look(Picture(data=data[:kept])), Fault)


def test_a_jpeg_of_endless_segments_is_given_up():
    assert isinstance(_both(b"\xff\xd8" + b"\xff\xe1\0\x02" * 5000), Fault)
    assert isinstance(_both(b"\xff\xd8" + b"\xff" * 5000), Fault)


@pytest.mark.parametrize(
    ("kind", "padding", "accepted"),
    [
        ("PNG", 40, True),
        ("PNG", 65, False),
        ("JPEG", 1000, True),
        ("JPEG", 2000, False),
        ("WEBP", 40, True),
        ("WEBP", 65, False),
        ("GIF", 20, True),
    ],
)
def test_a_little_padding_behind_the_end_is_forgiven(kind, padding, accepted):
    assert isinstance(_both(_painted(kind) + b"\0" * padding), Seen) == accepted


def test_escaped_slashes_are_read_as_slashes():
    data = _painted("JPEG", quality=90)
    text = base64.b64encode(data).replace(b"/", b"\\/")
    assert b"\\/" in text
    assert look(Picture(b64=memoryview(text))) == Seen("jpeg", 96, 64, len(data))


def test_escapes_anywhere_do_not_make_a_whole_picture_a_cut_one():
    data = _painted("PNG")
    text = base64.b64encode(data)
    middle = text.index(b"/", len(text) // 2)
    once = text[:middle] + b"\\" + text[middle:]
    assert look(Picture(b64=memoryview(once))) == Seen("png", 96, 64, len(data))


def test_escaped_line_breaks_are_read_over():
    data = _painted("PNG")
    text = base64.encodebytes(data).replace(b"\n", b"\\n")
    assert look(Picture(b64=memoryview(text))) == Seen("png", 96, 64, len(data))


@pytest.mark.parametrize("text", [b"\\", b"\\u12", b"ab\\xcd", b"\\u00e9AAA", b"====", b"AAA=AAA=" * 20, b"\xff" * 8])
def test_broken_escapes_and_letters_are_a_fault(text):
    assert isinstance(look(Picture(b64=memoryview(text))), Fault)


@pytest.mark.parametrize("prefix", [b"data:image/png;base64,", b"data:;base64,", b"data:image\\/png;base64,"])
def test_a_data_url_is_read_behind_its_prefix(prefix):
    data = _painted("PNG")
    assert look(Picture(b64=memoryview(prefix + base64.b64encode(data)))) == Seen("png", 96, 64, len(data))


@pytest.mark.parametrize("text", [b"data:image/svg+xml,<svg></svg>", b"data:image/png;base64", b"data:"])
def test_a_data_url_without_base64_is_a_fault(text):
    assert isinstance(look(Picture(b64=memoryview(text))), Fault)


@pytest.mark.parametrize(
    "text",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><rect/></svg>\n",
        b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- made -->\n<svg width='1'></svg>",
    ],
)
def test_a_drawing_is_accepted_without_dimensions(text):
    assert _both(text) == Seen("svg", None, None, len(text))
    assert isinstance(_both(text.strip()[:-1]), Fault)


def _box(kind, body):
    return struct.pack(">I", 8 + len(body)) + kind + body


@pytest.mark.parametrize(("brand", "name"), [(b"avif", "avif"), (b"heic", "heic"), (b"mif1", "heic")])
def test_avif_and_heic_are_known_by_their_boxes(brand, name):
    properties = _box(b"ispe", struct.pack(">III", 0, 512, 512)) + _box(b"ispe", struct.pack(">III", 0, 1024, 768))
    data = _box(b"ftyp", brand + b"\0" * 8) + _box(b"meta", b"\0" * 4 + properties) + _box(b"mdat", b"x" * 900)
    assert _both(data) == Seen(name, 1024, 768, len(data))
    for kept in range(len(data)):
        assert isinstance(look(Picture(data=data[:kept])), Fault)


@pytest.mark.parametrize(
    "url", ["https://images.example/a.png?sig=x%20y", "http://127.0.0.1:9000/a", "HTTPS://images.example"]
)
def test_a_link_is_accepted_unfetched(url):
    assert look(Picture(url=url)) == Seen()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "images.example/a.png",
        "ftp://images.example/a.png",
        "javascript:alert(1)",
        "https://",
        "https:///a.png",
        "https://images.example/a b.png",
        "https://images.example/a.png\n",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
    ],
)
def test_what_is_no_web_address_is_no_link(url):
    assert isinstance(look(Picture(url=url)), Fault)


def test_a_large_picture_is_looked_at_and_not_decoded(monkeypatch):
    decoded = []
    original = formats.read_header

    def counted(picture):
        at = picture.at
        monkeypatch.setattr(type(picture), "at", lambda _self, *where: decoded.append(where[1]) or at(*where))
        return original(picture)

    monkeypatch.setattr("gateway.delivery.verify.read_header", counted)
    data = _png_that_claims(1024, 1024, filler=2_000_000)
    assert look(_b64(data)) == Seen("png", 1024, 1024, len(data))
    assert sum(decoded) <= 128


@pytest.mark.parametrize(
    ("size", "format_", "expected"),
    [
        (None, None, []),
        ("auto", "png", []),
        ("1024x768", "png", []),
        ("1024x1024", None, ["size=1024x1024->1024x768"]),
        ("1024x1024", "jpeg", ["size=1024x1024->1024x768", "output_format=jpeg->png"]),
        (None, "jpg", ["output_format=jpg->png"]),
        ("16:9", "raw; x\r\n", []),
        (1024, ["png"], []),
    ],
)
def test_a_picture_unlike_the_request_is_reported(size, format_, expected):
    assert [str(found) for found in mismatches(size, format_, Seen("png", 1024, 768, 5))] == expected


def test_jpg_and_jpeg_are_one_format():
    assert mismatches(None, "jpg", Seen("jpeg", 1, 1, 5)) == ()


def test_of_a_link_nothing_is_reported():
    assert mismatches("1024x1024", "png", Seen()) == ()
