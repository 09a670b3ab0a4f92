"""One exchange with a provider over real sockets: what comes back, and whether it was sent."""

import asyncio
import collections
import gzip
import socket

import aiohttp
import pytest

from gateway.transport import Transport
from gateway.transport.addresses import BlockedAddress, forbidden, guarded_socket
from gateway.wire import Received
from strategies import Cause, Failure
from tests.gateway.transport.conftest import CLOSE, RESET, client, http, provider

MIB = 1 << 20


async def test_what_is_sent_and_what_comes_back(ask):
    async with provider(http(b'{"a": 1}', headers=b"Retry-After: 7\r\n")) as upstream:
        received = await ask(
            f"{upstream.url}/v1/images?x=a%2Fb", headers={"authorization": "Bearer k"}, body=b'{"b": 2}'
        )
    assert isinstance(received, Received)
    assert (received.status, bytes(received.body), received.json()) == (200, b'{"a": 1}', {"a": 1})
    assert (received.headers["retry-after"], received.headers.get("content-length")) == ("7", "8")
    assert 1_700_000_000 < received.at < 10_000_000_000
    [request] = upstream.requests
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert head.startswith(b"POST /v1/images?x=a%2Fb HTTP/1.1\r\n")
    assert b"authorization: bearer k" in lines
    assert b"accept-encoding: identity" in lines
    assert b"content-length: 8" in lines
    assert f"host: 127.0.0.1:{upstream.port}".encode() in lines
    assert len([line for line in lines if line.startswith(b"host:")]) == 1
    assert body == b'{"b": 2}'
    assert ask.attempt.sent


async def test_a_request_without_a_body(ask):
    async with provider(http()) as upstream:
        assert (await ask(f"{upstream.url}/jobs/1", method="GET", headers={}, body=None)).status == 200
    assert upstream.requests[0].startswith(b"GET /jobs/1 HTTP/1.1\r\n")


@pytest.mark.parametrize("status", [b"400 Bad Request", b"429 Slow", b"500 Oh", b"503 Busy", b"299 Odd"])
async def test_every_complete_answer_is_received(ask, status):
    async with provider(http(b"text", status=status)) as upstream:
        received = await ask(upstream.url)
    assert (received.status, received.body, received.json()) == (int(status[:3]), b"text", None)


async def test_an_answer_in_chunks_is_put_together(ask):
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (b"abc", b"d" * 70_000, b"e"))
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    async with provider((head, 0.01, chunks, 0.01, b"0\r\n\r\n")) as upstream:
        assert (await ask(upstream.url)).body == b"abc" + b"d" * 70_000 + b"e"


async def test_an_answer_that_ends_with_its_connection_is_taken(ask):
    async with provider((b"HTTP/1.1 200 OK\r\n\r\nthe end", CLOSE)) as upstream:
        assert (await ask(upstream.url)).body == b"the end"


async def test_interim_answers_are_passed_over(ask):
    async with provider((b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", http(b"final"))) as upstream:
        assert (await ask(upstream.url)).body == b"final"


# --- nothing was sent


async def test_a_refused_connection_was_not_sent(ask):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        failed = await ask(f"http://127.0.0.1:{free.getsockname()[1]}/")
    assert (failed.cause, failed.reached, failed.billable) == (Cause.UNREACHABLE, False, False)
    assert not ask.attempt.sent


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b.invalid"])
async def test_a_host_that_does_not_exist_was_not_sent(ask, host):
    failed = await ask(f"http://{host}/")
    assert (failed.cause, failed.reached, ask.attempt.sent) == (Cause.UNREACHABLE, False, False)


async def test_a_server_without_tls_was_not_sent(ask):
    async def plain(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server:
        failed = await ask(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert (failed.cause, failed.reached, ask.attempt.sent) == (Cause.UNREACHABLE, False, False)


async def test_an_address_that_is_no_url_is_a_failure(ask):
    failed = await ask("ftp://127.0.0.1/")
    assert isinstance(failed, Failure)
    assert not ask.attempt.sent


UNWRITABLE = ["a\r\nx-evil: 1", "a\nb", "a\rb", "a\0b", "not-real-ł", "\U0001f9a6", "\udc80"]


@pytest.mark.parametrize("value", UNWRITABLE)
async def test_a_header_that_cannot_be_written_is_no_fault_of_the_providers(ask, value):
    """Nothing is sent, no other header is brought along, and asking again would change nothing."""
    async with provider(http()) as upstream:
        failed = await ask(upstream.url, headers={"x-request-id": value})
    assert (failed.cause, failed.reached, ask.attempt.sent) == (Cause.UNSUPPORTED, False, False)
    assert "x-request-id" in failed.message
    assert value not in failed.message
    assert upstream.requests == []


async def test_a_header_may_hold_latin_1(ask):
    async with provider(http()) as upstream:
        await ask(upstream.url, headers={"x-name": "Zoë"})
    assert b"x-name: Zo\xeb\r\n" in upstream.requests[0]


async def test_a_name_that_nobody_looks_up_in_time_was_not_sent(ask, monkeypatch):
    async def silent(*_, **__):
        await asyncio.sleep(60)

    monkeypatch.setattr("aiohttp.ThreadedResolver.resolve", silent)
    monkeypatch.setattr("gateway.transport.addresses._LOOKUP_SECONDS", 0.05)
    async with asyncio.timeout(2):
        failed = await ask("http://nobody-answers.example/")
    assert (failed.cause, failed.reached, ask.attempt.sent) == (Cause.UNREACHABLE, False, False)
    assert "in time" in failed.message


# --- sent, and lost

CUT = {
    "closed without an answer": (CLOSE,),
    "reset after the request": (RESET,),
    "cut in its head": (b"HTTP/1.1 200 OK\r\ncontent-le", CLOSE),
    "cut in its body": (http(b'{"data": [', length=1000), CLOSE),
    "reset in its body": (http(b'{"data": [', length=1000), 0.05, RESET),
    "cut between chunks": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", CLOSE),
    "cut in a chunk": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nabc", CLOSE),
    "not HTTP": (b"220 smtp.example ready\r\n\r\n", CLOSE),
}


@pytest.mark.parametrize("steps", CUT.values(), ids=CUT)
async def test_a_lost_answer_may_have_been_billed(ask, steps):
    async with provider(steps) as upstream:
        failed = await asyncio.wait_for(ask(upstream.url), 10)
    assert isinstance(failed, Failure)
    assert (failed.cause, failed.reached, failed.billable) == (Cause.INCOMPLETE, True, True)
    assert ask.attempt.sent
    assert len(upstream.requests) == 1, "nothing may be repeated behind the money rule's back"


async def test_a_silent_server_is_left_to_the_attempts_own_time_limit(ask):
    async with provider((60,)) as upstream:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await ask(upstream.url)
    assert ask.attempt.sent


async def test_an_answer_that_stands_still_is_given_up(ask, monkeypatch):
    monkeypatch.setattr("gateway.transport.exchange._STALL_SECONDS", 0.1)
    async with provider((http(b"half", length=1000), 60)) as upstream:
        failed = await asyncio.wait_for(ask(upstream.url), 10)
    assert (failed.cause, failed.billable) == (Cause.INCOMPLETE, True)
    assert "stood still" in failed.message


async def test_a_cancelled_exchange_closes_its_connection(ask):
    async with provider((60,), http(b"the next")) as upstream:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await ask(upstream.url)
        assert (await ask(upstream.url)).body == b"the next"
        assert upstream.connections == 2


# --- limits

LARGE = {
    "announced": http(b"", length=5000),
    "in the body": http(b"a" * 5000),
    "in chunks": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1388\r\n" + b"a" * 5000 + b"\r\n0\r\n\r\n",
    "until the connection ends": b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 5000,
}


@pytest.mark.parametrize("raw", LARGE.values(), ids=LARGE)
async def test_an_answer_over_the_limit_is_not_taken(raw):
    async with client(max_response_bytes=4999) as ask, provider((raw, CLOSE)) as upstream:
        failed = await asyncio.wait_for(ask(upstream.url), 10)
    assert isinstance(failed, Failure)
    assert (failed.cause, failed.code, failed.billable) == (Cause.INCOMPLETE, "upstream_too_large", True)
    assert "4999" in failed.message


async def test_an_answer_at_the_limit_is_taken():
    async with client(max_response_bytes=5000) as ask, provider(http(b"a" * 5000)) as upstream:
        assert len((await ask(upstream.url)).body) == 5000


async def test_a_head_without_end_is_a_failure(ask):
    endless = b"HTTP/1.1 200 OK\r\n" + b"x-a: " + b"a" * 100_000 + b"\r\n\r\n"
    async with provider((endless, CLOSE)) as upstream:
        failed = await asyncio.wait_for(ask(upstream.url), 10)
    assert (failed.cause, failed.billable) == (Cause.INCOMPLETE, True)


@pytest.mark.parametrize("coding", [b"gzip", b"GZIP", b"br", b"deflate"])
async def test_a_compressed_answer_is_not_opened(ask, coding):
    bomb = gzip.compress(b"0" * 1_000_000)
    async with provider(http(bomb, headers=b"content-encoding: %s\r\n" % coding)) as upstream:
        failed = await ask(upstream.url)
    assert (failed.cause, failed.code) == (Cause.INCOMPLETE, "upstream_bad_response")


# --- what must not happen


@pytest.mark.parametrize("status", [b"301 Moved", b"302 Found", b"303 See Other", b"307 Temporary", b"308 Permanent"])
async def test_a_redirect_is_not_followed(ask, status):
    async with provider(http()) as second:
        location = b"location: %s/stolen\r\n" % second.url.encode()
        async with provider(http(b"", status=status, headers=location)) as first:
            received = await ask(first.url, headers={"authorization": "Bearer k"})
        assert received.status == int(status[:3])
        assert (second.connections, second.requests) == (0, [])


async def test_cookies_are_not_kept(ask):
    async with provider(http(headers=b"set-cookie: session=1; path=/\r\n"), http()) as upstream:
        await ask(upstream.url)
        await ask(upstream.url)
    assert b"cookie" not in upstream.requests[1].lower()


async def test_proxies_of_the_environment_are_not_used(ask, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with provider(http()) as upstream:
        assert (await ask(upstream.url)).status == 200


async def test_a_connection_is_used_again(ask):
    async with provider(http(b"1"), http(b"2"), http(b"3")) as upstream:
        assert [(await ask(upstream.url)).body for _ in range(3)] == [b"1", b"2", b"3"]
        assert upstream.connections == 1


async def test_a_connection_that_is_to_be_closed_is_not_used_again(ask):
    async with provider(http(b"1", headers=b"connection: close\r\n"), http(b"2")) as upstream:
        assert (await ask(upstream.url)).body == b"1"
        assert (await ask(upstream.url)).body == b"2"
        assert upstream.connections == 2


async def test_a_connection_that_was_closed_while_idle_is_not_used_again(ask):
    async with provider((http(b"1"), CLOSE), http(b"2")) as upstream:
        assert (await ask(upstream.url)).body == b"1"
        await asyncio.sleep(0.05)
        assert (await ask(upstream.url)).body == b"2"


async def test_bytes_beyond_an_answer_are_not_the_next_one(ask):
    async with provider(http(b"1") + http(b"smuggled"), http(b"2")) as upstream:
        assert (await ask(upstream.url)).body == b"1"
        await asyncio.sleep(0.05)
        second = await ask(upstream.url)
    assert isinstance(second, Failure) or second.body == b"2"


async def test_large_answers_take_turns_so_that_small_ones_get_through():
    turn, pieces = 0, collections.Counter()

    def count():
        nonlocal turn
        turn += 1
        loop.call_soon(count)

    class Arrived:
        """An answer all of which is there."""

        left = 10

        async def readchunk(self):
            self.left -= 1
            pieces[turn] += 1
            return bytes(MIB), True

        def at_eof(self):
            return not self.left

        def is_eof(self):
            return False

    loop = asyncio.get_running_loop()
    loop.call_soon(count)
    transport = Transport(max_response_bytes=10 * MIB, trust_loopback=False)
    bodies = await asyncio.gather(*(transport._read(Arrived(), 10 * MIB, None) for _ in range(8)))
    assert [len(body) for body in bodies] == [10 * MIB] * 8
    assert max(list(pieces.values())[1:]) <= 2


async def test_a_slow_answer_does_not_hold_others_up(ask):
    async with provider(*[(3, http())] * 40) as slow, provider(http(b"quick")) as quick:
        waiting = [asyncio.ensure_future(ask(slow.url)) for _ in range(40)]
        await asyncio.sleep(0.1)
        async with asyncio.timeout(2):
            assert (await ask(quick.url)).body == b"quick"
        assert [received.status for received in await asyncio.gather(*waiting)] == [200] * 40


# --- the guard

# forbidden for a host that a caller chose; one inside, and just outside, of each network's edges
EDGES = [
    ("0.0.0.0", "0.255.255.255", None, "1.0.0.0"),  # noqa: S104 - nothing is bound
    ("10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"),
    ("100.64.0.0", "100.127.255.255", "100.63.255.255", "100.128.0.0"),
    ("127.0.0.0", "127.255.255.255", "126.255.255.255", "128.0.0.0"),
    ("169.254.0.0", "169.254.255.255", "169.253.255.255", "169.255.0.0"),
    ("172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0"),
    ("192.0.0.0", "192.0.0.255", "191.255.255.255", "192.0.1.0"),
    ("192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0"),
    ("192.88.99.0", "192.88.99.255", "192.88.98.255", "192.88.100.0"),
    ("192.168.0.0", "192.168.255.255", "192.167.255.255", "192.169.0.0"),
    ("198.18.0.0", "198.19.255.255", "198.17.255.255", "198.20.0.0"),
    ("198.51.100.0", "198.51.100.255", "198.51.99.255", "198.51.101.0"),
    ("203.0.113.0", "203.0.113.255", "203.0.112.255", "203.0.114.0"),
    ("224.0.0.0", "255.255.255.255", "223.255.255.255", None),
    ("::", "::1", None, None),
    ("64:ff9b::", "64:ff9b::ffff:ffff", "64:ff9a:ffff::", "64:ff9b:2::"),
    ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", None, "64:ff9b:2::"),
    ("100::", "100::ffff:ffff:ffff:ffff", "ff:ffff::", "100:0:0:1::"),
    ("2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "2000:ffff::", None),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db7:ffff::", "2001:db9::"),
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:ffff::", "2003::"),
    ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fbff::", None),
    ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None, None),
    ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None, None),
    ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None, None),
]


@pytest.mark.parametrize(("first", "last", "before", "after"), EDGES, ids=[row[0] for row in EDGES])
def test_a_callers_host_never_leads_into_private_networks(first, last, before, after):
    assert forbidden(first, private=False, loopback=False)
    assert forbidden(last, private=False, loopback=False)
    for outside in (before, after):
        assert outside is None or not forbidden(outside, private=False, loopback=False)


@pytest.mark.parametrize("row", EDGES[:14], ids=lambda row: row[0])
def test_an_ipv4_address_in_an_ipv6_one_is_still_itself(row):
    first, last, before, _ = row
    for form in ("::ffff:{}", "::FFFF:{}"):
        assert forbidden(form.format(first), private=False, loopback=False)
        assert forbidden(form.format(last), private=False, loopback=False)
        assert before is None or not forbidden(form.format(before), private=False, loopback=False)


@pytest.mark.parametrize("address", ["64:ff9b::a00:1", "64:ff9b:1::a00:1", "2002:a00:1::"])
def test_an_ipv4_address_packed_in_another_way_is_no_way_around(address):
    assert forbidden(address, private=False, loopback=False)


@pytest.mark.parametrize("address", ["::10.0.0.1", "::127.0.0.1", "::169.254.169.254"])
def test_an_address_of_the_old_ipv4_compatible_kind_is_no_way_around(address):
    assert forbidden(address, private=False, loopback=False)


@pytest.mark.parametrize("address", ["64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::"])
def test_metadata_services_are_closed_behind_a_translator_too(address):
    assert forbidden(address, private=True, loopback=True)


def test_what_an_operator_trusts_may_be_private_or_loopback():
    for address in ("10.0.0.5", "192.168.1.1", "fd12::1", "127.0.0.1", "::1", "::ffff:10.0.0.5"):
        assert not forbidden(address, private=True, loopback=True)


def test_loopback_alone_opens_nothing_else():
    assert not forbidden("127.0.0.1", private=False, loopback=True)
    assert not forbidden("::1", private=False, loopback=True)
    assert not forbidden("::ffff:127.0.0.1", private=False, loopback=True)
    assert forbidden("10.0.0.5", private=False, loopback=True)


METADATA = ["169.254.169.254", "169.254.170.2", "100.100.100.200", "fd00:ec2::254", "::ffff:169.254.169.254"]


@pytest.mark.parametrize("address", METADATA)
def test_metadata_services_are_closed_to_everybody(address):
    assert forbidden(address, private=True, loopback=True)


def test_an_address_with_a_scope_is_refused():
    assert forbidden("fe80::1%eth0", private=True, loopback=True)


def test_the_socket_itself_is_refused():
    make = guarded_socket(private=False, loopback=False)
    with pytest.raises(BlockedAddress):
        make((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80)))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{}/",
        "http://localhost:{}/",
        "http://127.1:{}/",
        "http://2130706433:{}/",
        "http://0x7f000001:{}/",
        "http://0177.0.0.1:{}/",
        "http://[::ffff:127.0.0.1]:{}/",
        "http://0.0.0.0:{}/",
    ],
)
async def test_no_spelling_of_loopback_passes_the_guard(ask, url):
    async with provider(http()) as upstream:
        failed = await ask(url.format(upstream.port), trusted=False)
    assert isinstance(failed, Failure)
    assert (failed.reached, ask.attempt.sent, upstream.connections) == (False, False, 0)
    assert failed.code == "custom_host_blocked" or failed.cause is Cause.UNREACHABLE


async def test_a_blocked_address_is_the_callers_mistake(ask):
    failed = await ask("http://10.0.0.1/", trusted=False)
    assert (failed.cause, failed.code, failed.billable) == (Cause.INVALID, "custom_host_blocked", False)
    assert "trusted_hosts" in failed.message


async def test_an_address_that_nothing_opens_is_not_said_to_be_a_matter_of_settings(ask):
    failed = await ask("http://169.254.169.254/", trusted=False)
    assert failed.code == "custom_host_blocked"
    assert "trusted_hosts" not in failed.message
    assert "no setting" in failed.message


class Names(aiohttp.abc.AbstractResolver):
    """Resolves every name to the same addresses, as a hostile name server would."""

    def __init__(self, *addresses):
        self._addresses = addresses

    async def resolve(self, host, port=0, family=socket.AF_INET):
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for address in self._addresses
        ]

    async def close(self):
        pass


@pytest.mark.parametrize("addresses", [["127.0.0.1", "::1"], ["10.0.0.1", "10.0.0.2", "fd00::1"], ["127.0.0.1"]])
async def test_a_name_with_several_addresses_inside_is_blocked_in_one_voice(ask, addresses):
    ask.transport._connectors[False]._resolver = Names(*addresses)
    async with provider(http()) as upstream:
        failed = await ask(f"http://inside.example:{upstream.port}/", trusted=False)
    assert (failed.code, upstream.connections) == ("custom_host_blocked", 0)
    assert not any(address in failed.message for address in addresses)


async def test_connections_of_the_trusted_are_not_lent_to_others(ask):
    async with provider(http(), http()) as upstream:
        assert (await ask(upstream.url, trusted=True)).status == 200
        assert (await ask(upstream.url, trusted=False)).code == "custom_host_blocked"
        assert len(upstream.requests) == 1


async def test_loopback_is_open_to_callers_of_a_gateway_on_loopback():
    async with client(trust_loopback=True) as ask, provider(http()) as upstream:
        assert (await ask(upstream.url, trusted=False)).status == 200
        assert (await ask("http://10.0.0.1/", trusted=False)).code == "custom_host_blocked"


async def test_a_transport_that_was_never_opened_closes_quietly():
    await Transport(max_response_bytes=1, trust_loopback=False).close()
