"""Acceptance cases 19 to 21: hosts that callers name, and those that providers send us to.

A host that is none in any spelling is refused while its config is read, as `invalid_config`; all others at the socket.
"""

import asyncio
import socket

import pytest

from gateway.app import build
from gateway.config.watch import NoConfigs
from gateway.settings import Settings
from tests.end_to_end.caller import ask, target
from tests.end_to_end.raw_client import serving as serving_here
from tests.running import serving

HOSTS = {
    **dict.fromkeys(("127.1", "0x7f000001", "[::ffff:7f00:1]", "[2002:7f00:1::]", "100.64.0.1"), "custom_host_blocked"),
    **dict.fromkeys(("\u2460\u2461\u2466.\u24ea.\u24ea.\u2460", "user@127.0.0.1"), "invalid_config"),
}


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    """Run a gateway that other machines reach: for it loopback is as private as the rest."""
    with serving(tmp_path_factory.mktemp("public"), "--host", "0.0.0.0", "--open") as running:  # noqa: S104
        yield running


@pytest.mark.parametrize(("host", "code"), HOSTS.items())
def test_19_custom_hosts_that_lead_inside(public, provider, host, code):
    url = f"http://{host}:{provider.port}/v1"
    got = ask(public, config=target(url))
    assert (got.status, got.code) == (400, code)
    if host.isascii():
        got = ask(public, x_portkey_provider="openai", x_portkey_custom_host=url, authorization="Bearer test-not-real")
        assert (got.status, got.code) == (400, code)
    assert provider.connects == 0


class Names:
    """Takes the place of the system's names: each look-up of `rebind.example` finds the next of these."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self._real = socket.getaddrinfo

    def __call__(self, host, port, *rest, **named):
        if host != "rebind.example":
            return self._real(host, port, *rest, **named)
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]


PUBLIC = "198.20.0.1"


@pytest.fixture
async def refusing(monkeypatch):
    """Have what is outside refuse connections: nobody there is to hear of these tests."""
    loop = asyncio.get_running_loop()
    real = loop.sock_connect

    async def connect(sock, address):
        if address[0] == PUBLIC:
            raise ConnectionRefusedError
        await real(sock, address)

    monkeypatch.setattr(loop, "sock_connect", connect)


@pytest.mark.parametrize(
    ("answers", "codes"),
    [
        ([["127.0.0.1"]], {"custom_host_blocked"}),
        ([[PUBLIC], ["127.0.0.1"]], {"upstream_unreachable", "custom_host_blocked"}),
        ([[PUBLIC, "127.0.0.1"]], {"upstream_unreachable", "custom_host_blocked"}),
    ],
    ids=["inside", "outside, then inside", "outside and inside at a time"],
)
async def test_20_names_that_change_their_address(provider, refusing, monkeypatch, answers, codes):
    monkeypatch.setattr(socket, "getaddrinfo", Names(*answers))
    application, _ = build(Settings(host="0.0.0.0", open=True), NoConfigs())  # noqa: S104
    async with serving_here(application) as here:
        here.url = f"http://127.0.0.1:{here.port}"
        config = target(f"http://rebind.example:{provider.port}/v1", request_timeout=1000)
        for _ in answers:
            got = await asyncio.to_thread(ask, here, config=config)
            assert got.code in codes
            assert got.status == (400 if got.code == "custom_host_blocked" else 502)
    assert provider.connects == 0


@pytest.mark.parametrize("status", ["301", "302", "303", "307", "308"])
def test_21_redirects_are_not_followed(gateway, provider, elsewhere, status):
    got = ask(gateway, config=target(provider, f"redirect:{status}"))
    assert (got.status, got.code, got.maybe_billed) == (502, "upstream_redirect", 0)
    assert (len(provider.seen), elsewhere.connects) == (1, 0)
