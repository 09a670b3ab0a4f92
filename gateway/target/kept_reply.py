"""A reply as bytes, for whatever keeps it: what it says as a line of JSON, then its pictures as they are."""

from typing import Any

import orjson

from gateway.images import Adaptation, ImageReply, Picture

_HEAD_CHARACTERS = 4096
"""Of a picture, looked for in the body that holds it: pictures of one painter may begin alike."""


def packed(reply: ImageReply) -> bytes:
    """Return a reply without events as bytes."""
    blobs: list[bytes | bytearray | memoryview] = []
    size = found_until = 0
    if reply.canonical is not None:
        blobs.append(reply.canonical)
        size = len(reply.canonical)
    pictures = []
    for picture in reply.pictures:
        spot = None
        content = picture.b64 if picture.b64 is not None else picture.data
        if content is not None:
            at = -1 if reply.canonical is None else _place(content, reply.canonical, found_until)
            if at < 0:
                at, size = size, size + len(content)
                blobs.append(content)
            else:
                found_until = at + len(content)
            spot = [at, len(content)]
        pictures.append([picture.b64 is not None, spot, picture.url, picture.revised_prompt])
    head = {
        "body": None if reply.canonical is None else len(reply.canonical),
        "pictures": pictures,
        "created": reply.created,
        "about": reply.about,
        "adaptations": [[change.param, change.asked, change.given] for change in reply.adaptations],
        "provider": reply.provider,
        "model": reply.model,
        "cost_usd": reply.cost_usd,
    }
    return b"".join([orjson.dumps(head), b"\n", *blobs])


def unpacked(value: bytes) -> ImageReply | None:
    """Return the reply that the bytes are; a store may hold anything, and then there is none."""
    end = value.find(b"\n")
    try:
        head = orjson.loads(value[: max(end, 0)])
        rest = memoryview(value)[end + 1 :]
        return ImageReply(
            pictures=tuple(_picture(rest, *each) for each in head["pictures"]),
            canonical=None if head["body"] is None else bytes(rest[: head["body"]]),
            created=head["created"],
            about=head["about"],
            adaptations=tuple(Adaptation(*each) for each in head["adaptations"]),
            provider=head["provider"],
            model=head["model"],
            cost_usd=head.get("cost_usd"),  # what was kept by the version before has none
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None


def _place(content: bytes | bytearray | memoryview, body: bytes | bytearray, start: int) -> int:
    """Return where in a body a picture stands, or a negative number."""
    at = body.find(content[:_HEAD_CHARACTERS], start)
    if at < 0 or at + len(content) > len(body):
        return -1
    return at if bytes(memoryview(body)[at : at + len(content)]) == bytes(content) else -1


def _picture(rest: memoryview, encoded: Any, spot: Any, url: Any, revised_prompt: Any) -> Picture:  # noqa: ANN401 - JSON
    content = None if spot is None else rest[spot[0] : spot[0] + spot[1]]
    if content is not None and len(content) != spot[1]:
        raise ValueError("cut")
    return Picture(
        b64=content if encoded else None,
        data=None if encoded or content is None else bytes(content),
        url=url,
        revised_prompt=revised_prompt,
    )
