"""Picture formats: real pictures pass, whatever else comes in their place does not."""

import base64
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery.verify import Fault, Seen, look
from gateway.images import Picture
from tests.gateway.delivery.pictures import REAL, painted, png_that_claims, seen_either_way


@pytest.mark.parametrize("name", REAL)
def test_a_real_picture_is_seen_with_its_format_size_and_bytes(name):
    kind, options = REAL[name]
    data = painted(kind, **options)
    assert seen_either_way(data) == Seen(kind.lower(), 96, 64, len(data))


@pytest.mark.parametrize(
    ("name", "chunk"), [("webp lossy", b"VP8 "), ("webp lossless", b"VP8L"), ("webp extended", b"VP8X")]
)
def test_the_webp_kinds_under_test_are_the_three_there_are(name, chunk):
    kind, options = REAL[name]
    assert painted(kind, **options)[12:16] == chunk


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (1792, 8)])
@pytest.mark.parametrize("name", REAL)
def test_odd_sizes_are_read_right(name, size):
    kind, options = REAL[name]
    seen = seen_either_way(painted(kind, size, **options))
    assert (seen.width, seen.height) == size


@pytest.mark.parametrize("name", REAL)
@given(data=st.data())
def test_a_cut_picture_is_never_accepted(name, data):
    kind, options = REAL[name]
    whole = painted(kind, **options)
    kept = data.draw(st.integers(0, len(whole) - 1))
    assert isinstance(seen_either_way(whole[:kept]), Fault)


@pytest.mark.parametrize("name", REAL)
@given(data=st.data())
def test_a_cut_base64_is_never_accepted(name, data):
    kind, options = REAL[name]
    text = base64.b64encode(painted(kind, **options))
    kept = data.draw(st.integers(0, len(text) - 1))
    assert isinstance(look(Picture(b64=memoryview(text)[:kept])), Fault)


@given(garbage=st.binary(max_size=200))
def test_garbage_is_never_accepted_and_never_breaks_the_look(garbage):
    assert isinstance(seen_either_way(garbage), Fault)
    assert isinstance(look(Picture(b64=memoryview(garbage))), Fault)


@pytest.mark.parametrize("name", REAL)
@given(data=st.data())
def test_a_damaged_header_never_breaks_the_look(name, data):
    kind, options = REAL[name]
    damaged = bytearray(painted(kind, **options))
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, 63))] = data.draw(st.integers(0, 255))
    seen_either_way(bytes(damaged))


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
    assert words in seen_either_way(data).message


def test_a_small_file_that_claims_169_megapixels_is_refused():
    bomb = png_that_claims(13_000, 13_000)
    assert len(bomb) < 21_000
    assert "13000x13000, over the 50 megapixels allowed" in seen_either_way(bomb).message


def test_the_ceiling_itself_is_allowed():
    assert seen_either_way(png_that_claims(10_000, 5_000)).width == 10_000


def test_a_picture_without_an_area_is_refused():
    assert "without an area" in seen_either_way(png_that_claims(0, 500)).message


@pytest.mark.parametrize("segments", [1, 5])
def test_a_jpeg_with_large_metadata_before_its_size_is_read(segments):
    plain = painted("JPEG", quality=90)
    metadata = b"\xff\xe1" + struct.pack(">H", 65_000) + b"Exif\0\0".ljust(64_998, b"x")
    data = plain[:2] + metadata * segments + plain[2:]
    assert seen_either_way(data) == Seen("jpeg", 96, 64, len(data))


def test_a_thumbnail_in_the_metadata_does_not_end_a_cut_jpeg():
    plain = painted("JPEG", quality=90)
    thumbnail = painted("JPEG", (8, 8))
    data = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail + plain[2:]
    assert seen_either_way(data).width == 96
    scan = data.rindex(b"\xff\xda")
    for kept in range(4 + len(thumbnail), scan + 40):
        assert isinstance(look(Picture(data=data[:kept])), Fault)


def test_a_jpeg_of_endless_segments_is_given_up():
    assert isinstance(seen_either_way(b"\xff\xd8" + b"\xff\xe1\0\x02" * 5000), Fault)
    assert isinstance(seen_either_way(b"\xff\xd8" + b"\xff" * 5000), Fault)


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
    assert isinstance(seen_either_way(painted(kind) + b"\0" * padding), Seen) == accepted


@pytest.mark.parametrize(
    "text",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><rect/></svg>\n",
        b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- made -->\n<svg width='1'></svg>",
    ],
)
def test_a_drawing_is_accepted_without_dimensions(text):
    assert seen_either_way(text) == Seen("svg", None, None, len(text))
    assert isinstance(seen_either_way(text.strip()[:-1]), Fault)


def _box(kind, body):
    return struct.pack(">I", 8 + len(body)) + kind + body


@pytest.mark.parametrize(("brand", "name"), [(b"avif", "avif"), (b"heic", "heic"), (b"mif1", "heic")])
def test_avif_and_heic_are_known_by_their_boxes(brand, name):
    properties = _box(b"ispe", struct.pack(">III", 0, 512, 512)) + _box(b"ispe", struct.pack(">III", 0, 1024, 768))
    data = _box(b"ftyp", brand + b"\0" * 8) + _box(b"meta", b"\0" * 4 + properties) + _box(b"mdat", b"x" * 900)
    assert seen_either_way(data) == Seen(name, 1024, 768, len(data))
    for kept in range(len(data)):
        assert isinstance(look(Picture(data=data[:kept])), Fault)
