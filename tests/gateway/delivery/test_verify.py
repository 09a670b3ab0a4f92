"""The look at pictures in every form they come in, and what it reports."""

import base64

import pytest

from gateway.delivery import formats
from gateway.delivery.verify import Fault, Seen, look, mismatches
from gateway.images import Picture
from tests.gateway.delivery.pictures import in_base64, painted, png_that_claims


def test_a_page_in_the_base64s_place_is_no_base64():
    assert isinstance(look(Picture(b64=memoryview(b"<html><body>502</body></html>..."))), Fault)


def test_nothing_at_all_is_an_empty_picture():
    assert look(Picture(b64=memoryview(b""))) == Fault("an empty picture")


def test_escaped_slashes_are_read_as_slashes():
    data = painted("JPEG", quality=90)
    text = base64.b64encode(data).replace(b"/", b"\\/")
    assert b"\\/" in text
    assert look(Picture(b64=memoryview(text))) == Seen("jpeg", 96, 64, len(data))


def test_escapes_anywhere_do_not_make_a_whole_picture_a_cut_one():
    data = painted("PNG")
    text = base64.b64encode(data)
    middle = text.index(b"/", len(text) // 2)
    once = text[:middle] + b"\\" + text[middle:]
    assert look(Picture(b64=memoryview(once))) == Seen("png", 96, 64, len(data))


def test_escaped_line_breaks_are_read_over():
    data = painted("PNG")
    text = base64.encodebytes(data).replace(b"\n", b"\\n")
    assert look(Picture(b64=memoryview(text))) == Seen("png", 96, 64, len(data))


@pytest.mark.parametrize("text", [b"\\", b"\\u12", b"ab\\xcd", b"\\u00e9AAA", b"====", b"AAA=AAA=" * 20, b"\xff" * 8])
def test_broken_escapes_and_letters_are_a_fault(text):
    assert isinstance(look(Picture(b64=memoryview(text))), Fault)


@pytest.mark.parametrize("prefix", [b"data:image/png;base64,", b"data:;base64,", b"data:image\\/png;base64,"])
def test_a_data_url_is_read_behind_its_prefix(prefix):
    data = painted("PNG")
    assert look(Picture(b64=memoryview(prefix + base64.b64encode(data)))) == Seen("png", 96, 64, len(data))


@pytest.mark.parametrize("text", [b"data:image/svg+xml,<svg></svg>", b"data:image/png;base64", b"data:"])
def test_a_data_url_without_base64_is_a_fault(text):
    assert isinstance(look(Picture(b64=memoryview(text))), Fault)


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
    data = png_that_claims(1024, 1024, filler=2_000_000)
    assert look(in_base64(data)) == Seen("png", 1024, 1024, len(data))
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
