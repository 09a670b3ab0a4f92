"""What hosts of Stable Diffusion have in common: styles, finish reasons, how near an edit stays to its picture."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from gateway.dialect.answers import picture_of, reply_of, unreadable
from gateway.dialect.encode import DROPPED, OMITTED, Field, one_of
from gateway.dialect.errors import Codes, Said, failure_inside, failure_of_job, said_in
from gateway.images import ImageRequest, Picture
from gateway.wire import Outcome, Received

JSON_PLEASE: Mapping[str, str] = {"accept": "application/json"}

NEUTRAL_PROMPT = "a variation of this picture"
"""What a variation is asked for with where nothing is painted without words."""

STYLES = (
    *("3d-model", "analog-film", "anime", "cinematic", "comic-book", "digital-art", "enhance", "fantasy-art"),
    *("isometric", "line-art", "low-poly", "modeling-compound", "neon-punk", "origami", "photographic", "pixel-art"),
    "tile-texture",
)
STYLE = Field("style", "style_preset", one_of(STYLES))

# What these models do anyway is no loss when it is left out.
TAKEN_FOR_GRANTED = (
    Field("quality", turn=one_of(())),
    Field("moderation", turn=one_of(())),
    Field("background", turn=one_of({"opaque": OMITTED})),
    Field("watermark", turn=lambda value: OMITTED if value is False else DROPPED),
)

# Low is what these hosts do when nothing is said.
IMAGE_STRENGTH = Field("input_fidelity", "image_strength", one_of({"low": OMITTED, "high": 0.7}))

_FILTERED, _BROKEN = "CONTENT_FILTERED", "ERROR"
_RAW = ("image/", "application/octet-stream")


def in_path(model: str) -> str | None:
    """Return a model's name as part of a path, or `None` where it would lead elsewhere."""
    if any(step in ("", ".", "..") for step in model.split("/")):
        return None
    return quote(model, safe="/")


def prompted(body: dict[str, Any], request: ImageRequest) -> None:
    """Say something neutral for a variation, as these hosts paint nothing without words."""
    if request.operation == "vary":
        body.setdefault("prompt", NEUTRAL_PROMPT)


def outcome_of_artifacts(received: Received, provider: str, codes: Codes) -> Outcome:
    """Return the pictures of a 2xx: raw with the finish reason in a header, or base64 with the reason beside it."""
    if received.headers.get("content-type", "").startswith(_RAW):
        reason = received.headers.get("finish-reason")
        return _finished([(reason, Picture(data=received.body) if received.body else None)], provider)
    match received.json():
        case {"artifacts": list(items)} | list(items):
            return _finished([found for item in items if isinstance(item, dict) for found in _pictures(item)], provider)
        case dict(item) if item.keys() & {"base64", "image", "result", "finish_reason", "finishReason"}:
            return _finished(_pictures(item), provider)
        case dict(body) if said_in(body).message:
            return failure_inside(received, body, provider, codes)
        case _:
            return unreadable(received, provider, codes)


def _pictures(item: Mapping[str, Any]) -> list[tuple[Any, Picture | None]]:
    reason = item.get("finishReason") or item.get("finish_reason")
    found = next((item[name] for name in ("base64", "image", "result") if item.get(name)), None)
    return [(reason, picture_of(text)) for text in (found if isinstance(found, list) else [found])]


def _finished(found: Iterable[tuple[Any, Picture | None]], provider: str) -> Outcome:
    """Return the pictures that ended well: filtered ones are blurred, broken ones are nothing to look at."""
    ended = [(reason.upper() if isinstance(reason, str) else None, picture) for reason, picture in found]
    good = [picture for reason, picture in ended if picture and reason not in (_FILTERED, _BROKEN)]
    reasons = {reason for reason, _ in ended}
    if not good and _FILTERED not in reasons and _BROKEN in reasons:
        return failure_of_job(provider, Said(message=f"{provider} gave the picture up ({_BROKEN})"))
    return reply_of(good, provider, withheld=_FILTERED in reasons)
