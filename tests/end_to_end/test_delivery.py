"""Pictures in the form that was asked for: links of ours that end, base64 of what others link to, within bounds."""

import base64
import concurrent.futures
import hashlib
import http.client
import importlib.util
import json
import re
import resource
import socket
import statistics
import time
from urllib.parse import urlsplit

import pytest

from gateway.delivery import Links
from tests.end_to_end.caller import alive, ask, assert_envelope, fallback
from tests.end_to_end.process import forget_peak, memory
from tests.end_to_end.provider import png, within
from tests.end_to_end.studio import Studio, form, noise, opened
from tests.running import serving
from tests.services.needed import needs

MIB = 1 << 20
SECRET = "test-url-secret-not-real-of-32-bytes"  # noqa: S105 - as it says
SANDBOX = {"provider": "sandbox"}
BUDGET = 64 * MIB
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><script>alert(1)</script></svg>'


@pytest.fixture(scope="module")
def walls():
    with Studio() as studio, Studio() as elsewhere:
        yield studio, elsewhere


@pytest.fixture
def studio(walls):
    for wall in walls:
        wall.forget()
    walls[0].elsewhere = f"{walls[1].site}/pictures/good.png"
    return walls[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("delivery")
    (folder / "gateway.yaml").write_text(f"server: {{byte_budget: {BUDGET}}}\n")
    return folder


@pytest.fixture(scope="module")
def module_gateway(folder):
    with serving(folder, "--data", str(folder / "data"), env={"BEAMSPLITTER_URL_SECRET": SECRET}) as running:
        yield running


@pytest.fixture
def gateway(module_gateway):
    yield module_gateway
    assert module_gateway.process.poll() is None
    assert alive(module_gateway)


def painted(gateway, config=SANDBOX, wanted="url", **headers):
    body = {"prompt": "an otter", "size": "64x64", "response_format": wanted}
    return ask(gateway, body, config=config, **headers)


def link_of(got):
    assert got.status == 200, got.json
    [item] = got.json["data"]
    return item["url"]


class Got:
    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def code(self):
        body = json.loads(self.body)
        assert_envelope(body)
        return body["error"]["code"]


def fetch(gateway, link, method="GET", **headers):
    """Fetch a link of ours, wherever it says that we are."""
    parts = urlsplit(link)
    connection = http.client.HTTPConnection("127.0.0.1", int(gateway.url.rpartition(":")[2]), timeout=10)
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, f"{parts.path}?{parts.query}", headers=sent)
        return Got(connection.getresponse())
    finally:
        connection.close()


# --- links of ours ---


def test_a_link_leads_to_the_picture(gateway):
    link = link_of(painted(gateway))
    assert link.startswith(f"{gateway.url}/v1/images/files/")
    got = fetch(gateway, link)
    name = urlsplit(link).path.rpartition("/")[2]
    assert got.status == 200
    assert name == f"{hashlib.sha256(got.body).hexdigest()}.png"
    assert opened(got.body).size == (64, 64)
    assert got.headers["content-type"] == "image/png"
    assert got.headers["content-length"] == str(len(got.body))
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["accept-ranges"] == "none"
    assert "sandbox" in got.headers["content-security-policy"]
    assert "default-src 'none'" in got.headers["content-security-policy"]


def test_the_head_of_a_link_is_that_of_its_picture(gateway):
    link = link_of(painted(gateway))
    got, head = fetch(gateway, link), fetch(gateway, link, "HEAD")
    volatile = {"date"}
    assert (head.status, head.body) == (200, b"")
    assert {k: v for k, v in head.headers.items() if k not in volatile} == {
        k: v for k, v in got.headers.items() if k not in volatile
    }


def test_who_has_the_picture_is_told_so(gateway):
    link = link_of(painted(gateway))
    tag = fetch(gateway, link).headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        got = fetch(gateway, link, if_none_match=known)
        assert (got.status, got.body, got.headers["etag"]) == (304, b"", tag)
    assert fetch(gateway, link, if_none_match='"other"').status == 200


def test_a_range_is_not_served(gateway):
    link = link_of(painted(gateway))
    whole = fetch(gateway, link)
    got = fetch(gateway, link, range="bytes=0-9")
    assert (got.status, got.body) == (200, whole.body)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_link_takes_nothing(gateway, method):
    assert fetch(gateway, link_of(painted(gateway)), method).code == "method_not_allowed"


def test_pictures_of_the_same_bytes_are_kept_once(gateway, folder):
    links = {link_of(painted(gateway)) for _ in range(3)}
    assert len({urlsplit(link).path for link in links}) == 1
    name = urlsplit(links.pop()).path.rpartition("/")[2]
    assert [path.name for path in (folder / "data" / "pictures").rglob(f"{name}*")] == [name]


FORGED = {
    "without a signature": lambda link: link.partition("&")[0],
    "without a query": lambda link: link.partition("?")[0],
    "another name": lambda link: re.sub(r"/files/.", "/files/0" if "/files/1" in link else "/files/1", link),
    "another time": lambda link: re.sub(r"expires=\d+", "expires=9999999999", link),
    "more digits": lambda link: re.sub(r"expires=(\d+)", r"expires=\g<1>0", link),
    "more digits behind zeros": lambda link: re.sub(r"expires=(\d+)", r"expires=" + "0" * 33 + r"\g<1>999999", link),
    "zeros before": lambda link: re.sub(r"expires=(\d+)", r"expires=0\1", link),
    "a sign": lambda link: re.sub(r"expires=(\d+)", r"expires=%2B\1", link),
    "a space": lambda link: re.sub(r"expires=(\d+)", r"expires=%20\1", link),
    "an underscore": lambda link: re.sub(r"expires=(\d)", r"expires=\1_", link),
    "two times": lambda link: f"{link}&expires=9999999999",
    "10,000 digits": lambda link: re.sub(r"expires=\d+", "expires=" + "9" * 10_000, link),
    "a shorter signature": lambda link: link[:-1],
    "a longer signature": lambda link: f"{link}0",
    "no signature at all": lambda link: re.sub(r"signature=\w+", "signature=", link),
    "letters": lambda link: re.sub(r"signature=\w+", "signature=%C3%A9", link),
    "many fields": lambda link: link.partition("&")[0] + "&a=b" * 5000,
    "the signature of another gateway": lambda link: Links(b"another-not-real").link(
        urlsplit(link).path.rpartition("/")[2], 9_999_999_999, {}
    ),
}


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_link_leads_nowhere(gateway, how):
    link = link_of(painted(gateway))
    got = fetch(gateway, FORGED[how](link))
    assert (got.status, got.code) == (403, "not_allowed")


def test_a_link_ends_and_cannot_be_made_to_last(gateway):
    link = link_of(painted(gateway, {**SANDBOX, "delivery": {"url_ttl": 1}}))
    assert within(3, lambda: fetch(gateway, link).status == 403)
    got = fetch(gateway, link)
    assert got.code == "not_allowed"
    assert b"url_ttl" in got.body
    assert fetch(gateway, FORGED["more digits behind zeros"](link)).status == 403


@pytest.mark.parametrize("name", ["0" * 64 + ".png", "0" * 64 + ".svg", "x.png", ".", "..", "~", "%2e%2e", "a%00b"])
def test_a_good_link_to_what_is_not_there(gateway, name):
    link = Links(SECRET.encode()).link(name, 9_999_999_999, {})
    assert fetch(gateway, link).code in ("picture_not_found", "unknown_url", "not_allowed", "bad_target")


@pytest.mark.parametrize("name", ["../link-signing.key", "..%2Flink-signing.key", "../../gateway.yaml", "//etc/passwd"])
def test_nothing_else_is_served(gateway, folder, name):
    link = Links(SECRET.encode()).link(name, 9_999_999_999, {})
    got = fetch(gateway, link)
    assert got.status in (400, 403, 404)
    assert b"byte_budget" not in got.body


def test_a_picture_that_is_a_document_is_kept_in_a_sandbox(gateway, studio):
    studio.pictures["a.svg"] = SVG
    link = link_of(painted(gateway, studio.target("links:a.svg", delivery={"persist": True})))
    got = fetch(gateway, link)
    assert (got.status, got.body, got.headers["content-type"]) == (200, SVG, "image/svg+xml")
    policy = {word.strip() for word in got.headers["content-security-policy"].split(";")}
    assert {"default-src 'none'", "sandbox"} <= policy
    assert got.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("headers", "base"),
    [
        ({}, "http://127.0.0.1:{port}"),
        ({"host": "img.example"}, "http://img.example"),
        ({"host": "img.example", "x_forwarded_proto": "https"}, "https://img.example"),
        ({"host": "img.example", "x_forwarded_proto": "javascript"}, "http://img.example"),
    ],
)
def test_a_link_says_where_the_caller_found_us(gateway, headers, base):
    port = gateway.url.rpartition(":")[2]
    link = link_of(painted(gateway, **headers))
    assert link.startswith(base.format(port=port) + "/v1/images/files/")
    assert fetch(gateway, link).status == 200


# --- forms ---


def test_both_forms_of_the_sandbox_are_the_same_picture(gateway):
    [item] = painted(gateway, wanted="b64_json").json["data"]
    assert fetch(gateway, link_of(painted(gateway))).body == base64.b64decode(item["b64_json"])


def test_an_edit_is_delivered_in_either_form(gateway):
    for wanted, name in (("url", "url"), ("b64_json", "b64_json")):
        body, headers = form(("image", "x", png(64, 64)), ("prompt", "a"), ("response_format", wanted))
        got = ask(gateway, body, path="/v1/images/edits", config=SANDBOX, **headers)
        assert list(got.json["data"][0]) == [name], got.json


def test_what_a_provider_links_to_comes_as_base64(gateway, studio):
    got = painted(gateway, studio.target("links:good.png:good.png"), "b64_json")
    assert got.status == 200, got.json
    assert [base64.b64decode(item["b64_json"]) for item in got.json["data"]] == [png()] * 2
    assert not [item for item in got.json["data"] if "url" in item]
    assert len(studio.fetched) == 2


def test_a_providers_link_is_passed_on_where_a_link_is_wanted(gateway, studio):
    assert link_of(painted(gateway, studio.target("links:good.png"))).startswith(studio.site)
    assert studio.fetched == []


@pytest.mark.parametrize("wanted", [None, "url", "b64_json"])
@pytest.mark.parametrize("model", ["links:good.png", "good"])
def test_a_kept_picture_outlives_its_provider(gateway, studio, wanted, model):
    body = {"prompt": "a"} | ({"response_format": wanted} if wanted else {})
    got = ask(gateway, body, config=studio.target(model, delivery={"persist": True}))
    [item] = got.json["data"]
    assert item["url"].startswith(gateway.url)
    assert fetch(gateway, item["url"]).body == png()
    assert ("b64_json" in item) == (wanted == "b64_json")
    if wanted == "b64_json":
        assert base64.b64decode(item["b64_json"]) == png()


# --- links of others ---


BLOCKED = (
    "https://10.0.0.1/a.png",
    "https://169.254.169.254/latest/meta-data",
    "https://[fd00:ec2::254]/latest",
    "https://[::ffff:10.0.0.1]/a.png",
    "https://0.0.0.0/a.png",
)


@pytest.mark.parametrize(
    "link",
    [
        *BLOCKED,
        "http://169.254.169.254/latest/meta-data",
        "http://example.com/a.png",
        "https://user:word@10.0.0.1/a.png",
        "https://10.0.0.1:99999/a.png",
        "http://[::1",
        "https://[x]@",
        "file:///etc/passwd",
        "javascript:alert(1)",
    ],
)
@pytest.mark.parametrize("persist", [False, True])
def test_a_providers_link_to_where_it_may_not_lead_is_no_picture(gateway, studio, link, persist):
    studio.elsewhere = link
    config = fallback(studio.target("links-to", delivery={"persist": persist}), on_status_codes=[599])
    got = painted(gateway, config, "b64_json")
    assert got.status == 502, got.json
    assert got.code.startswith("upstream_")
    assert got.maybe_billed == 1
    assert got.seconds < 1, "what may not be followed is not tried again"
    assert "not-real" not in got.error["message"]
    rescued = painted(gateway, fallback(studio.target("links-to"), studio.target("good")), "b64_json")
    assert (rescued.status, rescued.attempts) == (200, 2)


@pytest.mark.parametrize(
    ("name", "code"),
    [("redirect", "upstream_incomplete"), ("none.png", "upstream_incomplete"), ("page.png", "upstream_empty")],
)
def test_what_a_provider_links_to_has_to_be_a_picture(gateway, studio, walls, name, code):
    got = painted(gateway, studio.target(f"links:{name}"), "b64_json")
    assert (got.status, got.code, got.maybe_billed) == (502, code, 1), got.json
    assert walls[1].fetched == []


def test_a_picture_whose_middle_is_no_base64_never_breaks_the_gateway(gateway, studio):
    for wanted in ("url", "b64_json"):
        got = painted(gateway, studio.target("garbled"), wanted)
        assert got.status in (200, 502), got.json
        assert all("url" not in item for item in got.json.get("data", ()))


# --- bounds ---


def test_a_full_disk_costs_nobody_a_picture(gateway):
    """What cannot be kept is delivered in the other form, and an upload that cannot be put aside is refused."""
    pid = gateway.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    try:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1000, hard))
        got = painted(gateway, {**SANDBOX, "override_params": {"seed": 77}})
        assert (got.status, list(got.json["data"][0])) == (200, ["b64_json"])
        assert got.headers["x-gateway-adaptations"] == "response_format=url->b64_json"
        body, headers = form(("image", "x", noise(3 * MIB)), ("prompt", "a"))
        got = ask(gateway, body, path="/v1/images/edits", config=SANDBOX, **headers)
        assert (got.status, got.code) == (503, "overloaded")
        assert int(got.headers["retry-after"]) > 0
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
    assert "url" in painted(gateway, {**SANDBOX, "override_params": {"seed": 77}}).json["data"][0]


@pytest.mark.parametrize("wanted", ["b64_json", "url"])
def test_many_large_pictures_stay_within_the_byte_budget(gateway, studio, wanted):
    """16 pictures of 20 MiB at once, converted, and a small request beside them."""
    count, size = 16, 20 * MIB
    studio.pictures["large.png"] = noise(size)
    config = studio.target("links:large.png", delivery={"persist": wanted == "url"})

    def large(_):
        connection = http.client.HTTPConnection("127.0.0.1", int(gateway.url.rpartition(":")[2]), timeout=60)
        try:
            body = json.dumps({"prompt": "a", "response_format": wanted})
            headers = {"content-type": "application/json", "x-portkey-config": json.dumps(config)}
            connection.request("POST", "/v1/images/generations", body, headers)
            got = connection.getresponse()
            length = 0
            while piece := len(got.read(MIB)):  # a caller that keeps nothing, as this process is not the one watched
                length += piece
            return got.status, length
        finally:
            connection.close()

    def small():
        started = time.monotonic()
        assert ask(gateway, config=studio.target("good")).status == 200
        return time.monotonic() - started

    alone = statistics.median(small() for _ in range(20))
    forget_peak(gateway.process)
    before = memory(gateway.process)
    beside = []
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        running = [pool.submit(large, number) for number in range(count)]
        while not all(each.done() for each in running):
            beside.append(small())
        answers = {each.result() for each in running}
    grown = memory(gateway.process, "VmHWM") - before
    assert [status for status, _ in answers] == [200]
    if wanted == "b64_json":
        assert all(length > size * 4 / 3 for _, length in answers)
    assert grown < 1.5 * BUDGET + 64 * MIB, f"{grown / MIB:.0f} MiB"
    assert statistics.median(beside) < alone * 20 + 0.05


# --- settings ---


def test_a_bucket_that_cannot_be_reached_costs_nobody_a_picture(tmp_path, studio):
    needs("obstore", importlib.util.find_spec("obstore"))
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        store = f"s3://pictures?endpoint=http://127.0.0.1:{bound.getsockname()[1]}"
        env = {"BEAMSPLITTER_URL_SECRET": SECRET, "AWS_ACCESS_KEY_ID": "not-real", "AWS_SECRET_ACCESS_KEY": "not-real"}
        with serving(tmp_path, "--data", str(tmp_path), "--picture-store", store, env=env) as running:
            got = painted(running, SANDBOX)
            assert (got.status, list(got.json["data"][0])) == (200, ["b64_json"])
            assert got.headers["x-gateway-adaptations"] == "response_format=url->b64_json"
            link = Links(SECRET.encode()).link("0" * 64 + ".png", 9_999_999_999, {})
            assert (fetch(running, link).status, fetch(running, link).code) == (503, "overloaded")


def test_links_stand_under_the_public_url(tmp_path, studio):
    with serving(tmp_path, "--data", str(tmp_path / "data"), "--public-url", "https://img.example/p/") as running:
        link = link_of(painted(running, x_forwarded_proto="http"))
        assert link.startswith("https://img.example/p/v1/images/files/")
        assert fetch(running, link.replace("/p/", "/")).status == 200


def test_without_a_place_for_pictures_links_are_refused_before_anything_is_spent(tmp_path, studio):
    (tmp_path / "state").write_text("a file, where a folder is needed")
    with serving(tmp_path, "--data", "", env={"XDG_STATE_HOME": str(tmp_path / "state")}) as running:
        assert within(2, lambda: any("--data" in line for line in running.lines))
        for config in (studio.target("good"), studio.target("links:good.png", delivery={"persist": True}), SANDBOX):
            got = painted(running, config)
            assert (got.status, got.code, got.error["param"]) == (422, "unsupported", "response_format")
            assert "--data" in got.error["message"]
            assert got.maybe_billed == 0
        assert studio.seen == []
        assert painted(running, SANDBOX, "b64_json").status == 200
        assert fetch(running, "http://x/v1/images/files/a.png?expires=1&signature=a").code == "picture_not_found"
