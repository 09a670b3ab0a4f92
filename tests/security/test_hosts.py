"""S1 to S6 and S26: where connections lead. What each network's edges are, `tests/gateway/transport/` says as well."""

import base64
import ipaddress
import json
import socket
from types import SimpleNamespace

import pytest
from aiohttp import ThreadedResolver
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.document import Document
from gateway.config.parse import parse
from gateway.errors import InvalidConfig
from gateway.providers import PROVIDERS
from gateway.secret import Secret
from gateway.transport.addresses import BlockedAddress, Resolver, forbidden
from gateway.transport.exchange import Transport
from gateway.transport.origin import origin_of
from gateway.wire import MissingField, Target
from tests.end_to_end.caller import ask, fallback, target
from tests.end_to_end.provider import png
from tests.security.conftest import STORED

PICTURE = "data:image/png;base64," + base64.b64encode(png()).decode()
ROUTES = {
    "/v1/images/generations": {"prompt": "a"},
    "/images/generations": {"prompt": "a"},
    "/v1/images/edits": {"prompt": "a", "image": PICTURE},
}
HOSTS = [
    *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001"),
    *("localhost", "LOCALHOST", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
    *("0", "0.0.0.0", "0x0", "[::]", "10.0.0.1", "10.1", "172.16.0.1", "192.168.0.1", "192.168.257", "100.64.0.1"),  # noqa: S104
    *("169.254.169.254", "0xa9fea9fe", "[fd00:ec2::254]", "[::ffff:a9fe:a9fe]", "169.254.170.2", "100.100.100.200"),
    *("198.18.0.1", "192.0.0.192", "224.0.0.1", "255.255.255.255", "[fe80::1]", "[fc00::1]", "[fec0::1]", "[ff02::1]"),
    *("[2002:7f00:1::]", "[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[2001::1]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]"),
]


def blocked(got):
    return (got.status, got.code) == (400, "custom_host_blocked")


def test_s01_no_route_leads_inside(public, provider):
    assert len(HOSTS) >= 40
    for host in HOSTS:
        url = f"http://{host}:{provider.port}/v1"
        for path, body in ROUTES.items():
            got = ask(public, body, path=path, config=target(url))
            assert blocked(got), (host, path, got.body)
        got = ask(public, x_portkey_provider="openai", x_portkey_custom_host=url, authorization="Bearer test-not-real")
        assert blocked(got), (host, got.body)
    assert provider.connects == 0


NAMES = ("custom_host", "customHost", "api_base", "apiBase", "base_url", "baseURL", "host", "url", "endpoint", "proxy")
EVIL = "http://evil.example/v1"
trees = st.recursive(
    st.just({"provider": "sandbox"}),
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda found: fallback(*found)),
    max_leaves=5,
)


def places(node):
    """Yield every object of a tree, params among them."""
    yield node
    for name in ("retry", "strategy", "override_params", "default_params"):
        if isinstance(node.get(name), dict):
            yield node[name]
    for child in node.get("targets", ()):
        yield from places(child)


@given(tree=trees, name=st.sampled_from(NAMES), at=st.integers(0, 30), dressed=st.booleans())
def test_s02_a_host_at_any_depth_is_refused_or_is_no_host(tree, name, at, dressed):
    tree = json.loads(json.dumps(tree))
    for node in list(places(tree)):
        if "provider" in node:
            node.update(retry={"attempts": 1}, override_params={"model": "m"})
    found = list(places(tree))
    place = found[at % len(found)]
    place[name] = {"url": EVIL} if dressed else EVIL
    try:
        spec = parse(Document(data=tree), virtual_keys={})
    except InvalidConfig:
        return
    is_params = "model" in place
    assert is_params or name in {"custom_host", "customHost"}
    for leaf in leaves(spec.root):
        assert leaf.custom_host in ({None} if is_params else {None, EVIL})
        assert not leaf.custom_host_trusted


def leaves(node):
    children = getattr(node, "children", None)
    return [node] if children is None else [leaf for child in children for leaf in leaves(child)]


LOOPBACKS = [
    *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"),
    *("0.0.0.0", "0", "[::]", "[2002:7f00:1::]"),  # noqa: S104
]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_s03_no_link_to_a_picture_leads_inside(public, provider, scheme):
    for host in LOOPBACKS:
        url = f"{scheme}://{host}:{provider.port}/picture.png"
        got = ask(public, {"prompt": "a", "image": url}, path="/v1/images/edits", config={"provider": "sandbox"})
        assert (got.status, got.code) == (400, "invalid_image"), (host, got.body)
    assert provider.connects == 0


# Both ends of every network that a caller's host may not be in.
NETWORKS = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    *("224.0.0.0/4", "240.0.0.0/4", "::/128", "::1/128", "::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48"),
    *("100::/64", "2001::/32", "2001:db8::/32", "2002::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
]
OUTSIDE = [
    *("1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0"),
    *("169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0", "192.167.255.255"),
    *("192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0"),
    *("223.255.255.255", "8.8.8.8", "2001:1::", "2000::", "2003::", "2606:4700::1", "fbff::", "2001:db9::"),
]


@pytest.mark.parametrize("network", NETWORKS)
def test_s04_every_edge_of_every_network(network):
    net = ipaddress.ip_network(network)
    for address in (net[0], net[-1], net[net.num_addresses // 2]):
        assert forbidden(str(address), private=False, loopback=False), address
        if net.version == 4:
            for form in ("::ffff:{}", "::{}", "64:ff9b::{}", "::ffff:0:{}"):
                assert forbidden(form.format(address), private=False, loopback=False), form


@pytest.mark.parametrize("address", OUTSIDE)
def test_s04_what_is_outside_of_them_is_open(address):
    assert not forbidden(address, private=False, loopback=False)
    if "." in address:
        assert not forbidden(f"::ffff:{address}", private=False, loopback=False)


def test_s04_a_scope_means_this_machine():
    assert forbidden("2606:4700::1%eth0", private=True, loopback=True)


def answers(*addresses):
    """Return a way to look names up that always finds these."""

    async def resolve(self, host, port=0, family=socket.AF_INET):
        return [
            {"hostname": host, "host": address, "port": port, "family": family, "proto": 0, "flags": 0}
            for address in addresses
        ]

    return resolve


MIXED = [["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["8.8.8.8", "1.1.1.1", "10.0.0.1"], ["8.8.8.8", "fd00::1"]]


@pytest.mark.parametrize("addresses", MIXED, ids=" ".join)
async def test_s05_one_forbidden_address_closes_its_name(monkeypatch, addresses):
    monkeypatch.setattr(ThreadedResolver, "resolve", answers(*addresses))
    with pytest.raises(BlockedAddress) as refused:
        await Resolver(private=False, loopback=False).resolve("rebind.example", 443)
    assert not any(address in str(refused.value) for address in addresses)
    assert len(await Resolver().resolve("inside.example", 443)) == len(addresses)


async def test_s05_a_name_of_good_addresses_only_is_open(monkeypatch):
    monkeypatch.setattr(ThreadedResolver, "resolve", answers("8.8.8.8", "2606:4700::1"))
    assert len(await Resolver(private=False, loopback=False).resolve("good.example", 443)) == 2
    monkeypatch.setattr(ThreadedResolver, "resolve", answers("8.8.8.8", "127.0.0.1"))
    assert len(await Resolver(private=False, loopback=True).resolve("good.example", 443)) == 2


async def test_s05_callers_names_are_looked_up_like_that_and_operators_are_not():
    transport = Transport(max_response_bytes=1 << 20, trust_loopback=False)
    await transport.open()
    callers, operators = (transport._connectors[trusted]._resolver for trusted in (False, True))
    await transport.close()
    assert (callers._private, callers._loopback) == (False, False)
    assert operators._private


@pytest.mark.parametrize("name", ["host", ":authority", "content-length", "transfer-encoding", "connection", "te"])
def test_s06_no_header_that_says_where_to_is_forwarded(public, provider, name):
    for names in (name, name.title(), f"x-a, {name}"):
        got = ask(public, config={**target(provider), "forward_headers": names.split(", ")})
        assert (got.status, got.code) == (400, "invalid_config")
    assert provider.connects == 0


def test_s06_a_stored_key_stays_with_its_host(public, provider, elsewhere):
    for sent in (
        {"x_portkey_virtual_key": "stored", "x_portkey_custom_host": elsewhere.url},
        {"config": {"virtual_key": "stored", "custom_host": elsewhere.url}},
    ):
        got = ask(public, **sent)
        assert blocked(got), got.body
    assert elsewhere.connects == 0
    assert ask(public, x_portkey_virtual_key="stored").status == 200
    assert provider.seen[0].key == STORED


ODD = [
    "evil.example/",
    "a.evil.example",
    "a@evil.example",
    "a/../b",
    "a:80",
    "a#",
    "a?b",
    "a\\b",
    "a b",
    "a\r\nb",
    "",
    "%2f",
    "..",
    "ⓐ",
]
SAMPLE = {
    "azure_resource_name": "pictures",
    "vertex_project_id": "pictures-prod",
    "workers_ai_account_id": "0123456789abcdef0123456789abcdef",
}


@pytest.mark.parametrize("slug", sorted(PROVIDERS))
def test_s06_no_option_changes_the_host(slug):
    adapter = PROVIDERS[slug]
    fields = adapter.fields
    credentials = {name: Secret("test-not-real") for name in fields.credentials if "json" not in name}

    def host(options):
        url = adapter.base_url(Target(provider=slug, model="m", options=options, credentials=credentials))
        return origin_of(_url(url).origin()).host

    known = {name: SAMPLE[name] for name in fields.options if name in SAMPLE}
    try:
        usual = host(known)
    except (MissingField, ValueError):
        assert not fields.has_own_host or adapter.local
        return
    own = ".".join(usual.split(".")[-2:])
    for name in fields.options:
        for value in ODD:
            try:
                found = host({**known, name: value})
            except (MissingField, ValueError):
                continue
            assert found.endswith(f".{own}") or found in {own, usual}, (name, value, found)


def _url(text):
    from yarl import URL  # noqa: PLC0415 - as the leaf reads it

    return URL(text, encoded=True)


async def test_s26_ten_thousand_names_take_no_more_room_than_a_thousand(monkeypatch):
    monkeypatch.setattr(ThreadedResolver, "resolve", answers("8.8.8.8"))
    transport = Transport(max_response_bytes=1 << 20, trust_loopback=False)
    await transport.open()
    connector = transport._connectors[False]
    try:
        for number in range(10_000):
            await connector._resolve_host(f"name-{number}.example", 443)
        assert len(connector._cached_hosts._addrs_rr) <= 1000
        assert len(connector._cached_hosts._timestamps) <= 1000
        assert connector._cached_hosts._ttl <= 30
        assert len(connector._resolve_host_tasks) <= 1
        assert not connector._throttle_dns_futures
    finally:
        await transport.close()
    for number in range(3000):
        origin_of(_url(f"https://name-{number}.example").origin())
    info = SimpleNamespace(**origin_of.cache_info()._asdict())
    assert info.currsize <= info.maxsize == 1024
