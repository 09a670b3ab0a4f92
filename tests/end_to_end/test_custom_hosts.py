"""Hosts that callers name: none leads inside, and none gets a key that its caller did not send."""

import socket
import textwrap

import pytest

from tests.end_to_end.caller import alive, ask, fallback, target
from tests.end_to_end.conftest import STORED_KEY
from tests.running import serving

PORT = 59_999  # nobody listens, so whoever gets through is `unreachable` and not `blocked`

METADATA = ["169.254.169.254", "169.254.170.2", "100.100.100.200", "[fd00:ec2::254]", "[::ffff:169.254.169.254]"]
SPELLINGS_OF_METADATA = ["0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "[::ffff:a9fe:a9fe]", "169.254.43518"]
LOOPBACK = ["127.0.0.1", "127.255.0.1", "0x7f000001", "[::1]", "[::ffff:7f00:1]", "localhost"]
SPELLINGS_OF_LOOPBACK = ["127.1", "2130706433", "0177.0.0.1", "127.0.1"]
PRIVATE = [
    *("0.0.0.0", "0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1", "224.0.0.1"),  # noqa: S104
    *("255.255.255.255", "[::]", "[2002:7f00:1::]", "[64:ff9b::7f00:1]", "[fe80::1]", "[fc00::1]", "[::ffff:10.0.0.1]"),
]
NO_HOST = [
    *("user@127.0.0.1", "user:pass@127.0.0.1", "127.0.0.1#@example.org", "example.org\\@127.0.0.1", "[fe80::1%25lo]"),
    *(
        "127.0.0.1:80:80",
        "127.0.0.1:99999",
        "[::1",
        "exa mple.org",
        "\u2460\u2461\u2466.0.0.1",
        "127\u30020\u30020\u30021",
    ),
]


def blocked(got):
    return (got.status, got.code) == (400, "custom_host_blocked")


@pytest.mark.parametrize("host", [*METADATA, *SPELLINGS_OF_METADATA])
def test_metadata_services_are_never_reached(gateway, host):
    url = f"http://{host}:{PORT}/v1"
    assert blocked(ask(gateway, x_portkey_provider="openai", x_portkey_custom_host=url, authorization="Bearer x"))
    assert blocked(ask(gateway, config=target(url)))


@pytest.mark.parametrize("host", [*PRIVATE, *SPELLINGS_OF_LOOPBACK])
def test_private_addresses_are_not_reached(gateway, host):
    url = f"http://{host}:{PORT}/v1"
    got = ask(gateway, x_portkey_provider="openai", x_portkey_custom_host=url, authorization="Bearer x")
    assert blocked(got), got.body
    assert blocked(ask(gateway, config=target(url)))


@pytest.mark.parametrize("host", NO_HOST)
def test_what_is_no_host_is_refused_when_it_is_read(gateway, host):
    got = ask(gateway, config=target(f"http://{host}/v1"))
    assert (got.status, got.code) == (400, "invalid_config")


def test_a_blocked_host_yields_to_a_fallback_and_is_not_billed(gateway, provider):
    got = ask(gateway, config=fallback(target("http://10.0.0.1/v1"), target(provider)))
    assert (got.status, got.attempts, got.maybe_billed) == (200, 2, 0)


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_is_reached_while_the_gateway_is_there_too(gateway, host):
    got = ask(gateway, config=target(f"http://{host}:{PORT}/v1"))
    assert (got.status, got.code) == (502, "upstream_unreachable")


def test_a_stored_key_is_not_sent_to_the_callers_host(gateway, provider):
    for sent in (
        {"x_portkey_virtual_key": "stored", "x_portkey_custom_host": provider.url},
        {"x_portkey_provider": "@stored", "x_portkey_custom_host": provider.url},
        {"config": {"virtual_key": "stored"}, "x_portkey_custom_host": provider.url},
        {"config": {"virtual_key": "stored", "custom_host": provider.url}},
        {"config": {"virtual_key": "stored", "customHost": provider.url}},
        {"config": {"custom_host": provider.url, "targets": [{"virtual_key": "stored", "custom_host": provider.url}]}},
        {"config": {"custom_host": provider.url}, "x_portkey_virtual_key": "stored"},
        {"body": {"prompt": "a", "model": "@stored/good"}, "x_portkey_custom_host": provider.url},
        {"config": fallback(target(provider), {"virtual_key": "stored"}), "x_portkey_custom_host": provider.url},
        {"config": {"virtual_key": "azure", "azure_resource_name": "evil"}},
        {"x_portkey_virtual_key": "azure", "x_portkey_azure_resource_name": "evil"},
    ):
        got = ask(gateway, **sent)
        assert blocked(got), (sent, got.body)
    assert provider.connects == 0


@pytest.fixture(scope="module")
def open_gateway(walls, tmp_path_factory):
    """Run a gateway that other machines reach: for them loopback is as private as any other address inside."""
    folder = tmp_path_factory.mktemp("open")
    port = walls[0].port
    (folder / "gateway.yaml").write_text(
        textwrap.dedent(f"""
            server: {{trusted_hosts: ["127.0.0.3:{port}", "169.254.169.254"]}}
            virtual_keys:
              inside: {{provider: openai, api_key: {STORED_KEY}, custom_host: "http://127.0.0.1:{port}/v1"}}
        """)
    )
    (folder / "stored.yaml").write_text(f"{{provider: openai, api_key: {STORED_KEY}, custom_host: {walls[0].url}}}")
    with serving(folder, "--host", "0.0.0.0", "--open") as running:  # noqa: S104
        yield running
        assert alive(running)


@pytest.mark.parametrize("host", [*LOOPBACK, *SPELLINGS_OF_LOOPBACK, *PRIVATE, *METADATA])
def test_an_open_gateway_reaches_nothing_inside(open_gateway, provider, host):
    url = f"http://{host}:{provider.port}/v1"
    assert blocked(ask(open_gateway, config=target(url)))
    assert blocked(ask(open_gateway, x_portkey_provider="openai", x_portkey_custom_host=url, authorization="Bearer x"))
    assert provider.connects == 0


def test_an_open_gateway_reaches_what_its_operator_wrote(open_gateway, provider):
    assert ask(open_gateway, config="stored").status == 200
    assert ask(open_gateway, x_portkey_virtual_key="inside").status == 200
    trusted = f"http://127.0.0.3:{provider.port}/v1"
    # A trusted host may be named by callers, with stored keys too; one that hands out credentials stays closed.
    got = ask(open_gateway, config={"virtual_key": "inside", "custom_host": trusted})
    assert (got.status, got.code) == (502, "upstream_unreachable")  # nobody listens there, but it was tried
    assert blocked(ask(open_gateway, config=target("http://169.254.169.254/v1")))


def test_a_stored_config_with_a_key_of_its_own_stays_with_its_host(open_gateway, gateway, provider):
    got = ask(open_gateway, config="stored", x_portkey_custom_host="http://192.0.2.1/v1")
    assert blocked(got)
    got = ask(gateway, config="with-key", x_portkey_custom_host=provider.url)
    assert blocked(got)
    assert provider.connects == 0


def test_a_trusted_host_on_another_port_is_not_trusted(open_gateway, provider):
    assert blocked(ask(open_gateway, config=target(f"http://127.0.0.3:{provider.port + 1}/v1")))


def test_connections_of_the_trusted_are_not_lent_to_the_others(open_gateway, provider):
    """A kept connection to an operator's host must not serve a caller that names the same address."""
    assert ask(open_gateway, config="stored").status == 200
    assert blocked(ask(open_gateway, config=target(provider)))


def test_the_name_of_this_machine(open_gateway, provider):
    host = socket.gethostname()
    got = ask(open_gateway, config=target(f"http://{host}:{provider.port}/v1"))
    assert blocked(got) or got.code in {"upstream_unreachable", "invalid_config"}
    assert provider.connects == 0
