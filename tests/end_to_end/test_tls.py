"""Providers behind TLS, as all real ones are: with a certificate to be trusted, and with others."""

import http.client
import json
import shutil
import ssl
import subprocess

import pytest

from tests.fake_provider import KEY, FakeOpenAI
from tests.running import serving

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="this machine has no openssl to make keys with")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Make a certificate for localhost that lives as long as these tests."""
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", made),
        ],
        check=True,
        capture_output=True,
    )
    return made, key


@pytest.fixture(scope="module")
def provider(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with FakeOpenAI(tls=context) as fake:
        yield fake


@pytest.fixture(scope="module")
def gateway(certificate, tmp_path_factory):
    """Run a gateway that trusts the certificate, as operators have theirs trusted: by the system's own variable."""
    with serving(tmp_path_factory.mktemp("trusting"), env={"SSL_CERT_FILE": str(certificate[0])}) as running:
        yield running


def ask(gateway, url):
    config = {"provider": "openai", "api_key": KEY, "custom_host": url, "override_params": {"model": "gpt-image-2"}}
    line = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=20)
    headers = {"content-type": "application/json", "x-portkey-config": json.dumps(config)}
    line.request("POST", "/v1/images/generations", json.dumps({"prompt": "an otter"}), headers)
    answer = line.getresponse()
    body = json.loads(answer.read())
    line.close()
    return answer, body


def test_a_trusted_provider_paints_and_its_connection_is_kept(gateway, provider):
    provider.seen.clear()
    for _ in range(2):
        answer, body = ask(gateway, f"https://localhost:{provider.port}/v1")
        assert answer.status == 200, body
        assert body["data"][0]["b64_json"].startswith("iVBOR")
    assert provider.seen[0]["headers"]["host"] == f"localhost:{provider.port}"
    assert provider.seen[0]["connection"] == provider.seen[1]["connection"]


def test_a_certificate_for_another_name_is_not_taken(gateway, provider):
    provider.seen.clear()
    answer, body = ask(gateway, f"https://127.0.0.1:{provider.port}/v1")
    assert (answer.status, body["error"]["code"]) == (502, "upstream_unreachable")
    assert "certificate" in body["error"]["message"]
    assert answer.headers["x-gateway-maybe-billed"] == "0"
    assert provider.seen == []


def test_a_certificate_that_nobody_vouches_for_is_not_taken(provider, tmp_path):
    provider.seen.clear()
    with serving(tmp_path) as distrusting:
        answer, body = ask(distrusting, f"https://localhost:{provider.port}/v1")
    assert (answer.status, body["error"]["code"]) == (502, "upstream_unreachable")
    assert "certificate" in body["error"]["message"]
    assert provider.seen == []
