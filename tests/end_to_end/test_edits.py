"""Pictures that come with a request: in every form they arrive whole, and what is no picture costs next to nothing."""

import base64
import concurrent.futures
import json
import random
import socket
import tempfile

import pytest

from tests.end_to_end.caller import alive, ask, fallback, line_to
from tests.end_to_end.process import cpu_seconds, forget_peak, memory, open_files
from tests.end_to_end.provider import png, within
from tests.end_to_end.studio import Studio, claims, form, noise
from tests.gateway.delivery.pictures import painted
from tests.running import serving

EDITS, VARIATIONS = "/v1/images/edits", "/v1/images/variations"
MIB = 1 << 20
PNG = png(32, 32)
MULTIPART = {"content_type": "multipart/form-data; boundary=b"}
HEAD = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
LIMIT = 12 * MIB

GATEWAY_YAML = """
server: {max_upload_bytes: 12582912, byte_budget: 67108864}
"""


@pytest.fixture(scope="module")
def wall():
    with Studio() as studio, Studio() as elsewhere:
        studio.elsewhere = f"{elsewhere.site}/pictures/good.png"
        studio.other = elsewhere
        yield studio


@pytest.fixture
def studio(wall):
    wall.forget()
    wall.other.forget()
    return wall


@pytest.fixture(scope="module")
def module_gateway(tmp_path_factory):
    folder = tmp_path_factory.mktemp("edits")
    (folder / "gateway.yaml").write_text(GATEWAY_YAML)
    with serving(folder, "--data", str(folder / "data")) as running:
        yield running


@pytest.fixture
def gateway(module_gateway):
    yield module_gateway
    assert module_gateway.process.poll() is None
    assert alive(module_gateway)
    assert within(3, lambda: not spooled(module_gateway))


def spooled(gateway):
    return [name for name in open_files(gateway.process) if name.startswith(tempfile.gettempdir() + "/#")]


def edit(gateway, *parts, config, path=EDITS, **headers):
    body, kind = form(*parts)
    return ask(gateway, body, config=config, path=path, **kind, **headers)


def in_json(gateway, body, config, **more):
    return ask(gateway, body, config=config, path=EDITS, **more)


def assert_refused(got, studio, *, param=None, code="invalid_image", status=400, says=""):
    assert (got.status, got.code, got.error["param"]) == (status, code, param), got.error
    assert says in got.error["message"]
    assert studio.seen == []


# --- whole ---


def test_a_picture_and_its_fields_arrive(gateway, studio):
    parts = [("image", "my otter.png", PNG), ("prompt", "an ötter\r\n--x"), ("n", "1"), ("size", "64x64")]
    got = edit(gateway, *parts, config=studio.target())
    assert got.status == 200, got.json
    [seen] = studio.seen
    assert seen.path == "/v1/images/edits"
    assert seen.fields == {"prompt": "an ötter\r\n--x", "n": "1", "size": "64x64", "model": "good"}
    assert seen.files == [("image", "image.png", "image/png", PNG)]


def test_sixteen_pictures_and_a_mask_arrive_in_order(gateway, studio):
    pictures = [png(32, 32 + number) for number in range(16)]
    parts = [("image[]", "x", each) for each in pictures]
    got = edit(gateway, *parts, ("mask", "m", PNG), ("prompt", "a"), config=studio.target())
    assert got.status == 200, got.json
    [seen] = studio.seen
    assert [name for name, *_ in seen.files] == ["image[]"] * 16 + ["mask"]
    assert [content for *_, content in seen.files] == [*pictures, PNG]


@pytest.mark.parametrize("names", [["image", "image"], ["image[0]", "image[1]"], ["images", "images[]"], ["image[]"]])
def test_clients_name_their_pictures_as_they_like(gateway, studio, names):
    assert edit(gateway, *((name, "x", PNG) for name in names), ("prompt", "a"), config=studio.target()).status == 200
    assert len(studio.seen[0].files) == len(names)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF"])
def test_other_formats_arrive_under_their_own_type(gateway, studio, kind):
    data = painted(kind)
    assert edit(gateway, ("image", "x.png", data), ("prompt", "a"), config=studio.target()).status == 200
    assert studio.seen[0].files == [("image", f"image.{kind.lower()}", f"image/{kind.lower()}", data)]


def test_bytes_that_look_like_boundaries_arrive_whole(gateway, studio):
    """Any piece of the boundary may stand in a picture, and any two pieces may come in two packets."""
    rng = random.Random(4)
    start = b"\r\n--the-boundary"
    middle = b"".join(start[: rng.randint(1, len(start) - 1)] + rng.randbytes(rng.randint(0, 3)) for _ in range(3000))
    assert start not in middle
    data = noise(20_000)[:-12] + middle + noise(100)[-12:]
    body, headers = form(("image", "x", data), ("prompt", "a"))
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines += ["Host: g", f"Content-Length: {len(body)}", f"x-portkey-config: {json.dumps(studio.target())}"]
    with line_to(gateway) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.sendall("\r\n".join([f"POST {EDITS} HTTP/1.1", *lines, "", ""]).encode())
        at = 0
        while at < len(body):
            step = rng.choice([1, 2, 5, 30, 1500])
            line.sendall(body[at : at + step])
            at += step
        assert b" 200 " in line.recv(1000)
    assert studio.seen[0].files[0][3] == data


@pytest.mark.parametrize("failing", ["status:500", "status:429", "status:400"])
def test_the_bytes_arrive_whole_after_a_fallback(gateway, studio, failing):
    data = painted("PNG", (640, 600))  # over a megabyte: it waits in a file
    assert len(data) > MIB
    config = fallback(studio.target(failing), studio.target("good"))
    got = edit(gateway, ("image", "x", data), ("mask", "m", png(640, 600)), ("prompt", "a"), config=config)
    assert (got.status, got.attempts) == (200, 2)
    assert [seen.model for seen in studio.seen] == [failing, "good"]
    assert studio.seen[0].files == studio.seen[1].files
    assert studio.seen[1].files[0][3] == data


def test_configs_shape_forms_as_they_shape_json(gateway, studio):
    target = studio.target(
        override_params={"model": "good", "size": "128x128"}, drop_params=["mask", "user"], default_params={"n": 2}
    )
    parts = [("image", "x", PNG), ("mask", "m", PNG), ("prompt", "a"), ("user", "u"), ("size", "64x64")]
    assert edit(gateway, *parts, config=target).status == 200
    [seen] = studio.seen
    assert seen.fields == {"prompt": "a", "size": "128x128", "n": "2", "model": "good"}
    assert [name for name, *_ in seen.files] == ["image"]


@pytest.mark.parametrize(
    ("query", "chosen"),
    [
        ({"params.n": {"$gt": 2}}, "yes"),
        ({"params.n": {"$eq": 3}}, "yes"),
        ({"params.stream": False}, "yes"),
        ({"params.mask": {"$exists": True}}, "no"),
        ({"params.image": {"$exists": True}}, "yes"),
        ({"params.size": "64x64"}, "yes"),
        ({"params.prompt": {"$regex": "otter"}}, "yes"),
        ({"url.pathname": EDITS}, "yes"),
    ],
)
def test_conditions_see_the_fields_of_a_form(gateway, studio, query, chosen):
    config = {
        "strategy": {"mode": "conditional", "conditions": [{"query": query, "then": "yes"}], "default": "no"},
        "targets": [studio.target("good:yes", name="yes"), studio.target("good:no", name="no")],
    }
    parts = [("image", "x", PNG), ("prompt", "an otter"), ("n", "3"), ("stream", "false"), ("size", "64x64")]
    assert edit(gateway, *parts, config=config).status == 200
    assert studio.seen[0].model == f"good:{chosen}"


def test_a_variation_arrives(gateway, studio):
    got = edit(gateway, ("image", "x", PNG), ("n", "1"), config=studio.target(), path=VARIATIONS)
    assert got.status == 200, got.json
    assert (studio.seen[0].path, studio.seen[0].files[0][3]) == ("/v1/images/variations", PNG)


def test_the_sandbox_edits_and_varies(gateway):
    for path in (EDITS, VARIATIONS, "/images/edits", "/images/variations"):
        parts = [("image", "x", PNG), ("size", "64x64"), *([("prompt", "a")] if "edits" in path else [])]
        got = edit(gateway, *parts, config={"provider": "sandbox"}, path=path)
        assert (got.status, len(got.json["data"])) == (200, 1), got.json


# --- JSON ---

AS_URL = "data:image/png;base64," + base64.b64encode(PNG).decode()


@pytest.mark.parametrize(
    "pictures",
    [
        {"images": [{"image_url": AS_URL}]},
        {"images": [{"image_url": {"url": AS_URL}}]},
        {"images": [AS_URL]},
        {"images": {"image_url": AS_URL}},
        {"image": AS_URL},
        {"image": [AS_URL]},
        {"image": {"url": AS_URL}},
        {"image": base64.b64encode(PNG).decode()},
        {"image": {"b64_json": base64.b64encode(PNG).decode()}},
    ],
    ids=lambda pictures: json.dumps(pictures)[:40],
)
def test_json_may_hold_pictures(gateway, studio, pictures):
    got = in_json(gateway, {"prompt": "a", "mask": AS_URL, **pictures}, studio.target())
    assert got.status == 200, got.json
    [seen] = studio.seen
    assert seen.fields == {"prompt": "a", "model": "good"}
    assert [(name, content) for name, _, _, content in seen.files] == [("image", PNG), ("mask", PNG)]


def test_large_pictures_in_json_arrive_whole(gateway, studio):
    data = noise(5 * MIB)
    body = {"prompt": "a", "images": [{"image_url": "data:image/png;base64," + base64.b64encode(data).decode()}] * 2}
    config = fallback(studio.target("status:500"), studio.target())
    assert in_json(gateway, body, config).status == 200
    assert [content == data for seen in studio.seen for *_, content in seen.files] == [True] * 4


def test_links_are_followed_and_nothing_is_told_to_their_hosts(gateway, studio):
    link = f"{studio.site}/pictures/good.png?signature=not-real"
    config = fallback(studio.target("status:500"), studio.target())
    got = in_json(gateway, {"prompt": "a", "images": [{"image_url": link}] * 2, "mask": link}, config)
    assert got.status == 200, got.json
    assert studio.fetched == ["/pictures/good.png?signature=not-real"] * 3
    assert [content for *_, content in studio.seen[1].files] == [png()] * 3


@pytest.mark.parametrize(
    ("link", "says"),
    [
        ("{site}/pictures/page.png", "HTML page"),
        ("{site}/pictures/none.png", "404"),
        ("{site}/pictures/redirect", "302"),
        ("http://[::1", "no valid address"),
        ("http://[x]@", "no valid address"),
        ("http://name:word@127.0.0.1:1/a", "no valid address"),
        ("http://127.0.0.1:1/" + "a" * 5000, "no valid address"),
        ("http://127.0.0.1:99999/", "no valid address"),
        ("http://", "no valid address"),
        ("http://127.0.0.1:1/a.png", "refused"),
        ("http://example.com/a.png", "only https"),
        ("http://169.254.169.254/latest/meta-data", "only https"),
        ("https://169.254.169.254/latest/meta-data", "private"),
        ("https://[fd00:ec2::254]/", "private"),
        ("https://[::ffff:169.254.169.254]/", "private"),
        ("https://10.0.0.1/", "private"),
        ("https://2130706433/", ""),
        ("https://0x7f.1/", ""),
        ("https://127.1/", ""),
        ("https://1\N{IDEOGRAPHIC FULL STOP}1/", ""),
        ("HTTPS://0.0.0.0/", "private"),
        ("ftp://127.0.0.1/a.png", "data URL"),
        ("file:///etc/passwd", "data URL"),
        ("//127.0.0.1/a.png", "data URL"),
        ("javascript:alert(1)", "data URL"),
        ("data:image/png,abc", "base64"),
        ("data:image/png;base64,a", "data URL"),
        ("data:image/png;base64,\N{SNOWMAN}", "data URL"),
        ("data:;base64,", "empty"),
        ("", "empty"),
    ],
)
def test_links_that_are_not_followed(gateway, studio, link, says):
    got = in_json(gateway, {"prompt": "a", "image": link.format(site=studio.site)}, studio.target())
    assert_refused(got, studio, param="image", says=says)
    assert studio.other.fetched == []
    assert got.seconds < 2


def test_links_of_a_caller_who_left_are_not_followed_for_long(gateway, studio):
    link = f"{studio.site}/pictures/silent"
    body = json.dumps({"prompt": "a", "images": [link] * 16}).encode()
    head = f"POST {EDITS} HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    with line_to(gateway) as line:
        line.sendall(f"{head}x-portkey-config: {json.dumps(studio.target())}\r\n\r\n".encode() + body)
        assert within(3, lambda: studio.fetched)
    sockets = f"127.0.0.1:{studio.port}"
    assert within(2, lambda: sockets not in connected(gateway))
    assert len(studio.fetched) == 1
    assert studio.seen == []


def connected(gateway):
    """Return the addresses that the gateway has connections to."""
    found = set()
    with open(f"/proc/{gateway.process.pid}/net/tcp") as table:  # noqa: PTH123 - no file of ours
        inodes = {str(name) for name in sockets_of(gateway)}
        for line in table.readlines()[1:]:
            columns = line.split()
            if f"socket:[{columns[9]}]" in inodes and columns[3] == "01":
                host, port = columns[2].split(":")
                address = ".".join(str(int(host[at : at + 2], 16)) for at in (6, 4, 2, 0))
                found.add(f"{address}:{int(port, 16)}")
    return found


def sockets_of(gateway):
    return open_files(gateway.process, "socket:")


# --- refused ---

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + b"\0\0\0\x10mdat" + b"12345678"
NO_PICTURES = {
    "nothing": (b"", "empty"),
    "HTML": (b"<!DOCTYPE html><html><body>404</body></html>", "HTML page"),
    "JSON": (b'{"error": "not found"}', "JSON text"),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "svg is not taken"),
    "HEIC": (HEIC, "heic is not taken"),
    "a cut PNG": (PNG[:-20], "cut short"),
    "the start of a PNG": (PNG[:20], "cut short"),
    "a cut JPEG": (painted("JPEG")[:-500], "cut short"),
    "a cut WebP": (painted("WEBP")[:-500], "cut short"),
    "a cut GIF": (painted("GIF")[:-500], "cut short"),
    "noise": (random.Random(5).randbytes(10_000), "no picture"),
    "169 megapixels": (claims(13_000, 13_000), "13000x13000"),
    "no area": (claims(0, 64), "no area"),
    "text": (b"https://example.com/a.png", "no picture"),
    "ZIP": (b"PK\x03\x04" + b"0" * 100, "no picture"),
}


@pytest.mark.parametrize("what", NO_PICTURES)
@pytest.mark.parametrize("how", ["form", "mask", "JSON"])
def test_what_is_no_picture(gateway, studio, what, how):
    data, says = NO_PICTURES[what]
    started = cpu_seconds(gateway.process)
    if how == "JSON":
        address = "data:image/png;base64," + base64.b64encode(data).decode()
        got = in_json(gateway, {"prompt": "a", "image": address}, studio.target())
    elif how == "mask":
        got = edit(gateway, ("image", "x", PNG), ("mask", "m", data), ("prompt", "a"), config=studio.target())
    else:
        got = edit(gateway, ("image", "x", data), ("prompt", "a"), config=studio.target())
    assert_refused(got, studio, param="mask" if how == "mask" else "image", says=says)
    assert cpu_seconds(gateway.process) - started < 0.1


P = ("prompt", "a")
FORMS = {
    "no image": ([P], "image", "required"),
    "only a mask": ([P, ("mask", "m", PNG)], "image", "required"),
    "text in place of a file": ([P, ("image", "https://example.com/a.png")], "image", "has to be a file"),
    "text in place of a mask": ([P, ("image", "x", PNG), ("mask", AS_URL)], "mask", "has to be a file"),
    "a mask of another size": ([P, ("image", "x", PNG), ("mask", "m", png(32, 31))], "mask", "32x32"),
    "two masks": ([P, ("image", "x", PNG), ("mask", "m", PNG), ("mask[]", "m", PNG)], "mask", "send one"),
    "17 pictures": ([P, *[("image[]", "x", PNG)] * 17], "image", "16 pictures"),
    "17 pictures of several names": ([P, *[("image", "x", PNG)] * 9, *[("images[]", "x", PNG)] * 8], "image", "16"),
    "a file of another name": ([P, ("image", "x", PNG), ("photo", "x", PNG)], "photo", "Unknown file field"),
    "a field that is a file": ([("prompt", "p.txt", b"a"), ("image", "x", PNG)], "prompt", "Unknown file field"),
}


@pytest.mark.parametrize("what", FORMS)
def test_forms_that_are_not_right(gateway, studio, what):
    parts, param, says = FORMS[what]
    assert_refused(edit(gateway, *parts, config=studio.target()), studio, param=param, says=says)


@pytest.mark.parametrize(
    "fields", [[("n", "zero")], [("n", "-1")], [("n", "9" * 30)], [("n", "--3")], [("n", "1"), ("n", "2")]]
)
def test_numbers_of_a_form_are_checked_as_those_of_json(gateway, studio, fields):
    got = edit(gateway, ("image", "x", PNG), P, *fields, config=studio.target())
    assert_refused(got, studio, param="n", code="invalid_n")


JSONS = {
    "nothing": ({}, "image"),
    "null": ({"image": None}, "image"),
    "no pictures": ({"images": []}, "image"),
    "a number": ({"image": 7}, "image"),
    "an object": ({"images": [{"text": "a"}]}, "image"),
    "a file id": ({"images": [{"file_id": "file-1"}]}, "image"),
    "both": ({"image": AS_URL, "images": [AS_URL]}, "images"),
    "two masks": ({"image": AS_URL, "mask": [AS_URL, AS_URL]}, "mask"),
    "17 pictures": ({"images": [AS_URL] * 17}, "image"),
    "lists in lists": ({"images": [[AS_URL]]}, "image"),
    "a mask of another size": (
        {"image": AS_URL, "mask": {"b64_json": base64.b64encode(png(8, 8)).decode()}},
        "mask",
    ),
}


@pytest.mark.parametrize("what", JSONS)
def test_json_that_is_not_right(gateway, studio, what):
    body, param = JSONS[what]
    got = in_json(gateway, {"prompt": "a", **body}, studio.target())
    assert (got.status, got.error["param"]) == (400, param), got.error
    assert studio.seen == []


def test_a_variation_has_to_be_a_form(gateway, studio):
    got = ask(gateway, {"image": AS_URL}, path=VARIATIONS, config=studio.target())
    assert_refused(got, studio, code="unsupported_encoding", status=415)


# --- attacks: no body costs more than its bytes ---


def parts_of(count, size=0):
    return b"".join(
        b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\n%b\r\n' % (number, b"x" * size)
        for number in range(count)
    )


def deep(depth):
    return b'{"prompt": "a", "images": ' + b"[" * depth + b"]" * depth + b"}"


FLOOD = 10 * MIB
ATTACKS = {
    "no body": (b"", MULTIPART, 400),
    "no boundary": (HEAD + PNG, {"content_type": "multipart/form-data"}, 400),
    "an empty boundary": (HEAD + PNG, {"content_type": 'multipart/form-data; boundary=""'}, 400),
    "a huge boundary": (HEAD + PNG, {"content_type": "multipart/form-data; boundary=" + "b" * 5000}, 400),
    "another boundary": (HEAD + PNG + b"\r\n--b--\r\n", {"content_type": "multipart/form-data; boundary=c"}, 400),
    "an early end": (HEAD + PNG, MULTIPART, 400),
    "an end in the last boundary": (HEAD + PNG + b"\r\n--b-", MULTIPART, 400),
    "an end in a header": (HEAD[:30], MULTIPART, 400),
    "a part without a header": (b"--b\r\n\r\nabc\r\n--b--\r\n", MULTIPART, 400),
    "a part without a name": (b"--b\r\nContent-Disposition: form-data\r\n\r\nabc\r\n--b--\r\n", MULTIPART, 400),
    "JSON called a form": (b'{"prompt": "a"}', MULTIPART, 400),
    "a form called JSON": (HEAD + PNG + b"\r\n--b--\r\n", {"content_type": "application/json"}, 400),
    "a text that is not UTF-8": (
        b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n\xff\xfe\r\n--b--\r\n',
        MULTIPART,
        400,
    ),
    "100 parts": (parts_of(100), MULTIPART, 400),
    "10 MiB of tiny parts": (parts_of(FLOOD // 60), MULTIPART, 400),
    "huge texts": (parts_of(90, 100_000), MULTIPART, 400),
    "a huge header": (b"--b\r\nX-A: " + b"a" * FLOOD, MULTIPART, 400),
    "many headers": (b"--b\r\n" + b"X: y\r\n" * (FLOOD // 6), MULTIPART, 400),
    "a deep preamble": (b"x" * FLOOD + HEAD, MULTIPART, 400),
    "a preamble of line ends": (b"\r\n" * (FLOOD // 2), MULTIPART, 400),
    "a long epilogue": (HEAD + PNG + b"\r\n--b--\r\n" + b"--b\r\n" * (FLOOD // 5), MULTIPART, 400),
    "nearly boundaries": (HEAD + b"\r\n--" * (FLOOD // 4), MULTIPART, 400),
    "boundaries that go on": (HEAD + b"\r\n--bX" * (FLOOD // 6), MULTIPART, 400),
    "a boundary padded for ever": (HEAD + b"\r\n--b" + b" " * FLOOD, MULTIPART, 400),
    "line ends": (HEAD + b"\r" * FLOOD, MULTIPART, 400),
    "a picture of zeros": (HEAD + bytes(FLOOD) + b"\r\n--b--\r\n", MULTIPART, 400),
    "JSON of nothing but arrays": (b"[" + b"[]," * (FLOOD // 3) + b"[]]", {"content_type": "application/json"}, 413),
    "JSON of nothing but numbers": (b"[" + b"1," * (FLOOD // 2) + b"1]", {"content_type": "application/json"}, 413),
    "JSON 900 deep": (deep(900), {"content_type": "application/json"}, 400),
    "JSON 100,000 deep": (deep(100_000), {"content_type": "application/json"}, 400),
}


@pytest.mark.parametrize("what", ATTACKS)
def test_no_body_costs_more_than_its_bytes(gateway, studio, what):
    body, headers, status = ATTACKS[what]
    forget_peak(gateway.process)
    before, started = memory(gateway.process), cpu_seconds(gateway.process)
    got = ask(gateway, body, path=EDITS, config=studio.target(), **headers)
    assert got.status == status, got.json
    assert cpu_seconds(gateway.process) - started < 0.5
    assert memory(gateway.process, "VmHWM") - before < 3 * len(body) + 16 * MIB
    assert studio.seen == []


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=b", "application/json"])
def test_bodies_over_the_limit_are_refused_as_they_come(gateway, studio, declared, kind):
    limit = 64 * MIB if kind == "application/json" else LIMIT
    head = f"POST {EDITS} HTTP/1.1\r\nHost: g\r\nContent-Type: {kind}\r\nx-portkey-provider: sandbox\r\n"
    start = HEAD if "multipart" in kind else b'{"image": "'
    with line_to(gateway) as line:
        if declared:
            line.sendall(f"{head}Content-Length: {limit + 1}\r\n\r\n".encode())
        else:
            line.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + b"%x\r\n%b\r\n" % (len(start), start))
            piece = b"%x\r\n%b\r\n" % (MIB, bytes(MIB).replace(b"\0", b"A"))
            try:
                for _ in range(limit // MIB + 1):
                    line.sendall(piece)
            except ConnectionError:
                pass
        assert line.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_an_upload_of_a_caller_who_leaves_is_forgotten(gateway, studio):
    head = f"POST {EDITS} HTTP/1.1\r\nHost: g\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    with line_to(gateway) as line:
        line.sendall(f"{head}Content-Length: {10 * MIB}\r\n\r\n".encode() + HEAD + noise(5 * MIB))
        assert within(3, lambda: spooled(gateway))
    assert within(1, lambda: not spooled(gateway))


def test_an_edit_of_a_caller_who_leaves_is_ended_and_forgotten(gateway, studio):
    body, headers = form(("image", "x", noise(5 * MIB)), P)
    head = f"POST {EDITS} HTTP/1.1\r\nHost: g\r\nContent-Type: {headers['content_type']}\r\n"
    with line_to(gateway) as line:
        config = json.dumps(studio.target("slow:30"))
        line.sendall(f"{head}x-portkey-config: {config}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        assert within(3, lambda: studio.seen)
        assert spooled(gateway)
    assert within(1.5, lambda: studio.seen[0].left_at and not spooled(gateway))


def test_an_upload_that_waits_for_the_byte_budget_is_not_sent_for_a_caller_who_left(gateway, studio):
    body, headers = form(("image", "x", noise(8 * MIB)), P)
    head = f"POST {EDITS} HTTP/1.1\r\nHost: g\r\nContent-Type: {headers['content_type']}\r\n"

    def begin(line, model):
        config = json.dumps(studio.target(model))
        line.sendall(f"{head}x-portkey-config: {config}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    with line_to(gateway) as first, line_to(gateway) as second:
        for line in (first, second):  # two of these fill it
            begin(line, "slow:30")
        assert within(3, lambda: len(studio.seen) == 2)
        with line_to(gateway) as third:
            begin(third, "good")
            assert within(3, lambda: len(spooled(gateway)) == 3)
        assert within(2, lambda: len(spooled(gateway)) == 2)
    assert within(2, lambda: not spooled(gateway))
    assert [seen.model for seen in studio.seen] == ["slow:30"] * 2


def test_many_uploads_at_once_wait_for_the_byte_budget(gateway, studio):
    """16 uploads of 10 MiB: at no time more in memory than the budget of 64 MiB, and something for the way."""
    body, headers = form(("image", "x", noise(10 * MIB)), P)

    def one(_):
        return ask(gateway, body, path=EDITS, config=studio.target(), **headers).status

    studio.reads = False
    forget_peak(gateway.process)
    before = memory(gateway.process)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert set(pool.map(one, range(16))) == {200}
    grown = memory(gateway.process, "VmHWM") - before
    assert grown < 1.5 * 64 * MIB + 64 * MIB, f"{grown / MIB:.0f} MiB"
