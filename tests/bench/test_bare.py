"""The yardstick is honest: it passes on what it gets, both ways, and does nothing else."""

import functools
from unittest.mock import Mock

import aiohttp
from aioresponses import CallbackResult, aioresponses

from tests.bench.bare import app

URL = "http://provider.test/small/v1/images/generations"
# aioresponses builds answers without the writer that aiohttp asks for since 3.14.
ANSWER = functools.partial(aiohttp.ClientResponse, stream_writer=Mock(output_size=0))


async def ask(application, body):
    """Call the application as a server would, and return status and body of its answer."""
    sent = []
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/small/v1/images/generations",
        "raw_path": b"/small/v1/images/generations",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer test-key-not-real")],
    }

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    await application(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


async def test_the_bare_app_passes_body_key_and_answer_through():
    application = app("http://provider.test", "http://provider.test")
    seen = {}

    def provider(_, **request):
        seen.update(request)
        return CallbackResult(status=429, body=b'{"error": {}}', response_class=ANSWER)

    async with aiohttp.ClientSession() as session:
        application.state.session = session
        with aioresponses() as mocked:
            mocked.post(URL, callback=provider)
            assert await ask(application, b'{"prompt": "an otter"}') == (429, b'{"error": {}}')
    assert seen["data"] == b'{"prompt": "an otter"}'
    assert seen["headers"]["authorization"] == "Bearer test-key-not-real"
