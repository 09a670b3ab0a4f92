"""A server that speaks S3's protocol, in a process of its own, with one bucket."""

import contextlib
import http.client
import importlib.util
import re
import subprocess
import sys
import threading
from urllib.parse import urlsplit

from tests.end_to_end.provider import within
from tests.services.needed import needs

THERE = all(importlib.util.find_spec(name) for name in ("moto", "obstore"))
"""Whether there is both a server, and what the gateway talks to one with."""
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test-key-not-real", "AWS_SECRET_ACCESS_KEY": "test-key-not-real"}


@contextlib.contextmanager
def s3_server():
    """Yield the address of a bucket, as `--picture-store` takes it."""
    needs("a server that speaks S3's protocol", THERE)
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines, found = [], []
    reader = threading.Thread(target=lambda: lines.extend(process.stdout), daemon=True)
    reader.start()
    try:
        if not within(30, lambda: found.extend(re.findall(r"http://127\.0\.0\.1:\d+", "".join(lines))) or found):
            raise AssertionError("the server that plays S3 did not start:\n" + "".join(lines))
        with contextlib.closing(http.client.HTTPConnection(urlsplit(found[0]).netloc, timeout=10)) as connection:
            connection.request("PUT", "/pictures")
            assert connection.getresponse().status == 200
        yield f"s3://pictures?endpoint={found[0]}"
    finally:
        process.terminate()
        process.wait(10)
        reader.join(5)
        process.stdout.close()
