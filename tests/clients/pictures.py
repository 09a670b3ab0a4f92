"""Pictures that tests send along, and a look at those that come back."""

import base64
import functools
import io
import random
import urllib.request

from PIL import Image

from tests.fake_openai.uploads import sha256


@functools.lru_cache
def picture(container="PNG", size=(64, 64), seed=1):
    """Return a picture of noise: its bytes are like no other's, and a megabyte where it is large."""
    noise = random.Random(seed).randbytes(size[0] * size[1] * 3)
    buffer = io.BytesIO()
    Image.frombytes("RGB", size, noise).save(buffer, container)
    return buffer.getvalue()


@functools.lru_cache
def mask(size=(64, 64)):
    """Return a mask whose left half is to be changed."""
    made = Image.new("RGBA", size, (0, 0, 0, 255))
    made.paste((0, 0, 0, 0), (0, 0, size[0] // 2, size[1]))
    buffer = io.BytesIO()
    made.save(buffer, "PNG")
    return buffer.getvalue()


def opened(b64):
    """Return a picture of an answer, decoded to its last pixel."""
    made = Image.open(io.BytesIO(base64.b64decode(b64, validate=True)))
    made.load()
    return made


def sent(*pictures):
    return [sha256(one) for one in pictures]


def arrived(request, name=None):
    """Return the hashes of the pictures of a request that a provider saw."""
    return [file.sha256 for file in request["files"] if name in (None, file.name)]


def fetched(link):
    """Return the type and the bytes of what a link leads to."""
    with urllib.request.urlopen(link, timeout=10) as answer:  # noqa: S310 - a link that a test was given
        return answer.headers["content-type"], answer.read()
