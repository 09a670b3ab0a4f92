"""S7, S23, S28 and S30: which doors there are, and who is let in by them."""

import http.client
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.choose.callers import Callers
from gateway.cli import main
from gateway.errors import InvalidKey
from gateway.http.door import Door
from gateway.http.guard import Guard
from tests.end_to_end.caller import ask
from tests.end_to_end.process import open_files
from tests.end_to_end.provider import within
from tests.end_to_end.raw_client import connect, lifespan, reply, request
from tests.end_to_end.raw_client import serving as serving_here
from tests.running import serving
from tests.security.conftest import KEYS, TEAM, knowing


async def anything(scope, receive, send):
    """Answer whatever is asked for: what comes here has passed the door."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    else:
        await reply(send)


@pytest.fixture
async def doors():
    """Serve everything behind a door with a key, and behind one without."""
    closed, open_ = knowing(TEAM), knowing()
    async with (
        serving_here(Guard(Door(anything, lambda: closed), cap=lambda _: 1 << 20)) as locked,
        serving_here(Guard(Door(anything, lambda: open_), cap=lambda _: 1 << 20)) as unlocked,
    ):
        yield locked.port, unlocked.port


CLOSED = [
    *(b"/v1/models", b"/v1/images/generations", b"/models", b"/", b"/nope", b"/admin", b"/consoles", b"/metrics/x"),
    *(b"/v1/configs", b"/v1/api-keys", b"/livez/", b"/livez/x", b"/LIVEZ", b"/livez;x", b"/livez%2f", b"/%6civez"),
    *(b"/livez/../v1/models", b"/v1/images/files/", b"/v1/images/files/../models", b"/v1/images/files/..%2fmodels"),
    *(b"/v1/images/files/a/../../models", b"/v1/images/files/a%00", b"/v1/images/files/%2e%2e", b"/x/livez"),
]
CONTROL = {
    b"/v1/check",
    b"/v1/routes",
    b"/v1/logs/live",
    b"/budgets",
    b"/v1/configs",
    b"/v1/api-keys",
    b"/v1/%63onfigs",
    b"/logs",
    b"/v1/analytics/graphs/cost",
    b"/feedback/",
}
"""Not even an open gateway shows these to somebody without a key."""
CLOSED += sorted(CONTROL - set(CLOSED))
OPEN = [
    b"/livez",
    b"/readyz",
    b"/openapi.json",
    b"/docs",
    b"/llms.txt",
    b"/metrics",
    b"/console",
    b"/console/app.js",
    b"/livez?a=b",
    b"/v1/images/files/0a1b.png?e=1&s=2",
    b"/images/files/a.png",
]


@pytest.mark.parametrize("path", CLOSED)
async def test_s07_whatever_is_not_listed_as_open_needs_a_key(doors, path):
    locked, unlocked = doors
    for method in (b"GET", b"POST", b"DELETE", b"OPTIONS"):
        async with connect(locked) as client:
            await client.send(request(path, method=method))
            answer = await client.answer()
            assert (answer.status, answer.code) in {(401, "invalid_api_key"), (400, "bad_target")}
            assert await client.closed()
    if b"%00" not in path:
        async with connect(locked) as client:
            await client.send(request(path, f"x-portkey-api-key: {TEAM}".encode()))
            assert (await client.answer()).status == 200
        async with connect(unlocked) as client:
            await client.send(request(path))
            assert (await client.answer()).status == (401 if path in CONTROL else 200)


@pytest.mark.parametrize("path", OPEN)
async def test_s07_what_is_open_needs_none(doors, path):
    async with connect(doors[0]) as client:
        await client.send(request(path))
        assert (await client.answer()).status == 200


async def test_s07_a_refusal_says_whose_it_is_and_reads_no_body(doors):
    async with connect(doors[0]) as client:
        await client.send(request(b"/a", b"x-portkey-trace-id: t-1", b"Content-Length: 1000000", method=b"POST"))
        answer = await client.answer()
        assert (answer.status, answer.headers["x-portkey-trace-id"]) == (401, "t-1")
        assert answer.headers["connection"] == "close"
    async with connect(doors[0]) as client:
        await client.send(request(b"/a", b"x-portkey-trace-id: " + b"t" * 300))
        assert (await client.answer()).status == 401


UNHEARD = {
    "no Host": b"GET /v1/models HTTP/1.0\r\n\r\n",
    "a Host with a path": b"GET /v1/models HTTP/1.1\r\nHost: evil/?x=\r\n\r\n",
    "an absolute target": b"GET http://g/livez HTTP/1.1\r\nHost: g\r\n\r\n",
    "a NUL": b"GET /v1/models%00 HTTP/1.1\r\nHost: g\r\n\r\n",
    "bytes that are no ASCII": b"GET /v1/models HTTP/1.1\r\nHost: g\r\nx-a: \xff\r\n\r\n",
    "another's path in a header": b"GET /v1/models HTTP/1.1\r\nHost: g\r\nX-Original-URL: /livez\r\n"
    b"X-Rewrite-URL: /livez\r\nX-Forwarded-Prefix: /livez\r\n\r\n",
    "another method in a header": b"GET /v1/models HTTP/1.1\r\nHost: g\r\nX-HTTP-Method-Override: HEAD\r\n\r\n",
    "a key in the query": b"GET /v1/models?x-portkey-api-key=" + TEAM.encode() + b" HTTP/1.1\r\nHost: g\r\n\r\n",
    "a key as a cookie": b"GET /v1/models HTTP/1.1\r\nHost: g\r\nCookie: x-portkey-api-key="
    + TEAM.encode()
    + b"\r\n\r\n",
    "an empty key before a good one": b"GET /v1/models HTTP/1.1\r\nHost: g\r\nx-portkey-api-key: no\r\n"
    b"x-portkey-api-key: " + TEAM.encode() + b"\r\n\r\n",
}


@pytest.mark.parametrize("what", UNHEARD)
async def test_s07_no_trick_with_the_head_opens_a_route(keyed, what):
    async with connect(int(keyed.url.rpartition(":")[2])) as client:
        await client.send(UNHEARD[what])
        answer = await client.answer()
        assert (answer.status, answer.code) in {
            *((400, code) for code in ("bad_host", "bad_target", "bad_header")),
            (401, "invalid_api_key"),
        }


def test_s07_the_door_is_in_its_place(keyed):
    assert ask(keyed, b"", method="GET", path="/nope").status == 401
    assert ask(keyed, b"", method="GET", path="/nope", x_portkey_api_key=TEAM).status == 404


def test_s07_without_any_key_a_gateway_is_open_or_closed_to_all():
    assert Callers({}).caller({}) is None
    for headers in ({}, {"x-portkey-api-key": TEAM}, {"authorization": f"Bearer {TEAM}"}):
        with pytest.raises(InvalidKey):
            Callers({}, open_without_keys=False).caller(headers)


def test_s28_files_have_no_ranges(keyed):
    got = ask(
        keyed,
        {"prompt": "a", "response_format": "url"},
        config={"provider": "sandbox"},
        x_portkey_api_key=TEAM,
    )
    path = got.json["data"][0]["url"].removeprefix(keyed.url)
    lengths = set()
    for ranges in ("bytes=0-9", "bytes=" + ",".join(f"{n}-{n}" for n in range(1000)), "bytes=-1", "x"):
        status, headers, size = _fetched(keyed, path, ranges)
        assert (status, headers["accept-ranges"]) == (200, "none")
        lengths.add(size)
    assert len(lengths) == 1


def _fetched(gateway, path, ranges):
    line = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=10)
    try:
        line.request("GET", path, headers={"range": ranges})
        got = line.getresponse()
        return got.status, {name.lower(): value for name, value in got.getheaders()}, len(got.read())
    finally:
        line.close()


LISTENING = "0A"


def listens(gateway):
    """Return the addresses that the process listens on, as the system has them."""
    ours = {name.removeprefix("socket:[").removesuffix("]") for name in open_files(gateway.process, "socket:")}
    found = []
    for table in ("tcp", "tcp6"):
        path = Path("/proc/net") / table
        rows = [line.split() for line in path.read_text().splitlines()[1:]] if path.exists() else []
        found += [row[1] for row in rows if row[3] == LISTENING and row[9] in ours]
    return found


def test_s30_only_loopback_hears_a_gateway_that_was_told_nothing(tmp_path):
    with serving(tmp_path) as running:
        [address] = listens(running)
        host, port = address.split(":")
        assert bytes.fromhex(host)[::-1] == bytes([127, 0, 0, 1])
        assert int(port, 16) == int(running.url.rpartition(":")[2])


def refusal(*arguments):
    """Return what `serve` says where it does not begin."""
    done = CliRunner().invoke(main, ["serve", "--port", "0", *arguments])
    return done.exit_code, done.output


@pytest.mark.parametrize("secret", ["xyzzy", "changeme", "s" * 31])
def test_s23_a_secret_that_can_be_guessed_is_refused(secret):
    code, said = refusal("--print-settings", "--url-secret", secret)
    assert code == 2
    assert "url_secret" in said
    assert secret not in said


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "0", "127.0.0.1.example", "169.254.1.1", "::ffff:0:0"])  # noqa: S104
def test_s30_without_a_key_nobody_else_is_let_in(host):
    code, said = refusal("--host", host)
    assert code == 2
    assert "Refusing to listen" in said


def test_s30_an_edit_does_not_open_what_was_closed(tmp_path):
    file = tmp_path / "gateway.yaml"
    file.write_text(KEYS)
    (tmp_path / "a.yaml").write_text("{provider: sandbox}\n")
    with serving(tmp_path, "--host", "0.0.0.0") as running:  # noqa: S104
        assert ask(running, config="a").status == 401
        file.write_text("default_config: a\n")
        within(4, lambda: ask(running, b"", method="GET", path="/readyz").json["reloads"])
        assert ask(running, config="a").status == 401
