"""Bodies byte for byte: JSON, forms, and pictures where a provider wants them."""

import base64
import io
import json
import re

import pytest
from PIL import Image

from gateway.images import Embedded, InMemory, Upload
from gateway.target.bodies import body_of, written
from gateway.wire import FormField, Send
from tests.gateway.delivery.pictures import upload

PICTURE = Upload(content=InMemory(b"picture"), format="png", width=1, height=1)
PHOTO = Upload(content=InMemory(b"\r\n--photo\0\xff"), format="jpeg", width=1, height=1)


def form(*fields):
    """Return the body of a form with its boundary written as `*`, and the type with it."""
    body, kind = body_of(Send("POST", "/", form=fields))
    found = re.fullmatch(r"multipart/form-data; boundary=([0-9a-f]{32})", kind)
    assert found is not None
    return body.replace(found[1].encode(), b"*")


FIELD = b'--*\r\ncontent-disposition: form-data; name="%s"%s\r\n%s\r\n%s\r\n'
END = b"--*--\r\n"


def part(name, content, filename=None, kind=None):
    named = b"" if filename is None else b'; filename="%s"' % filename
    typed = b"" if kind is None else b"content-type: %s\r\n" % kind
    return FIELD % (name, named, typed, content)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ((), END),
        ((FormField("prompt", "an otter"),), part(b"prompt", b"an otter") + END),
        ((FormField("prompt", "ein Fuß\r\nim Schnee 🦊"),), part(b"prompt", "ein Fuß\r\nim Schnee 🦊".encode()) + END),
        ((FormField("a", ""), FormField("b", "2")), part(b"a", b"") + part(b"b", b"2") + END),
        ((FormField("graph", "{}", filename="graph.json"),), part(b"graph", b"{}", b"graph.json") + END),
        (
            (FormField("image", Embedded(upload=PICTURE, form="bytes")),),
            part(b"image", b"picture", b"image.png", b"image/png") + END,
        ),
        (
            (
                FormField("image[]", Embedded(upload=PICTURE, form="bytes")),
                FormField("image[]", Embedded(upload=PHOTO, form="bytes")),
            ),
            part(b"image[]", b"picture", b"image.png", b"image/png")
            + part(b"image[]", b"\r\n--photo\0\xff", b"image.jpeg", b"image/jpeg")
            + END,
        ),
        (
            (FormField("init", Embedded(upload=PHOTO, form="bytes"), filename="a.jpg"),),
            part(b"init", b"\r\n--photo\0\xff", b"a.jpg", b"image/jpeg") + END,
        ),
        (
            (FormField('a"\r\nb', "x", filename='c"\r\nd'),),
            part(b"a%%22%%0D%%0Ab".replace(b"%%", b"%"), b"x", b"c%22%0D%0Ad") + END,
        ),
    ],
    ids=[
        "no field",
        "text",
        "text in unicode",
        "empty text",
        "text as a file",
        "a picture",
        "several pictures",
        "a named picture",
        "names that would break out",
    ],
)
def test_a_form_byte_for_byte(fields, expected):
    assert form(*fields) == expected


def test_every_form_has_a_boundary_of_its_own():
    fields = (FormField("a", "b"),)
    assert body_of(Send("POST", "/", form=fields)) != body_of(Send("POST", "/", form=fields))


def test_json_holds_pictures_where_they_belong():
    step = Send(
        "POST",
        "/",
        json={
            "prompt": "ein Fuß",
            "image": Embedded(upload=PICTURE),
            "images": [{"image_url": Embedded(upload=PHOTO, form="data_url")}],
        },
    )
    body, kind = body_of(step)
    assert kind == "application/json"
    photo = base64.b64encode(b"\r\n--photo\0\xff").decode()
    expected = {
        "prompt": "ein Fuß",
        "image": base64.b64encode(b"picture").decode(),
        "images": [{"image_url": f"data:image/jpeg;base64,{photo}"}],
    }
    assert json.loads(body) == expected


def test_what_is_no_json_is_a_mistake_of_the_adapter():
    with pytest.raises(TypeError):
        body_of(Send("POST", "/", json={"a": object()}))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a=b", (b"a=b", None)),
        (b"", (b"", None)),
        (Embedded(upload=PHOTO, form="bytes"), (b"\r\n--photo\0\xff", "image/jpeg")),
    ],
    ids=["bytes", "no bytes", "a picture"],
)
def test_a_body_may_be_bytes(data, expected):
    assert body_of(Send("POST", "/", data=data)) == expected


# --- masks


def _mask(kind="png"):
    picture = Image.new("RGBA", (2, 1), (9, 9, 9, 255))
    picture.putpixel((0, 0), (9, 9, 9, 0))
    out = io.BytesIO()
    picture.save(out, kind, **({"lossless": True, "exact": True} if kind == "webp" else {}))
    return upload(kind, (2, 1), out.getvalue())


def pixels(data):
    with Image.open(io.BytesIO(data)) as picture:
        return picture.format, list(picture.convert("L").tobytes())


def test_a_mask_is_sent_as_it_is_where_transparency_is_what_is_wanted():
    mask = _mask()
    assert written(Embedded(upload=mask)) == mask.content.at(0, mask.content.size)


def test_a_turned_mask_is_png_wherever_it_goes():
    embedded = Embedded(upload=_mask("webp"), form="bytes", mask="white")
    assert pixels(written(embedded)) == ("PNG", [255, 0])
    body, kind = body_of(Send("POST", "/", data=embedded))
    assert (body[:4], kind) == (b"\x89PNG", "image/png")
    assert b'filename="mask.png"\r\ncontent-type: image/png\r\n' in form(FormField("mask", embedded))
    body, _ = body_of(Send("POST", "/", json=Embedded(upload=_mask("webp"), form="data_url", mask="white")))
    assert body.startswith(b'"data:image/png;base64,')


def test_nothing_to_send_is_no_body():
    assert body_of(Send("GET", "/")) == (None, None)
