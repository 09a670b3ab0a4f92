"""What providers have in common that answer in OpenAI's format, and want the request in words of their own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway.dialect.encode import DROPPED, OMITTED, Adapted, Field, one_of
from gateway.dialect.unable import unsupported
from gateway.images import Embedded, ImageRequest
from gateway.shapes import nearest_ratio, parse_size, ratio_of, tier_of
from gateway.wire import Outcome, Target
from strategies import Failure

EITHER_FORM = Field("response_format", turn=one_of(("url", "b64_json")))
JPEG_OR_PNG = one_of(("jpeg", "png"), {"jpg": "jpeg", "webp": "png"})

# Where the longer edge says that a grade of 1K would be too small, and one of 2K.
_MOST_OF_1K, _MOST_OF_2K = 1536, 3072


def no_model(request: ImageRequest, target: Target, example: str) -> Failure | None:
    """Return the failure of a request that names no model, where the provider has no default that would last."""
    if request.model:
        return None
    return unsupported(f"{target.provider} needs a model: name one, such as {example}", "model")


def too_many(request: ImageRequest, target: Target, most: int) -> Failure | None:
    """Return the failure of more pictures to work on than the provider takes."""
    if len(request.images) <= most:
        return None
    pictures = "one picture" if most == 1 else f"{most} pictures at most"
    return unsupported(f"{request.model or target.provider} of {target.provider} works on {pictures}", "image")


def data_urls(request: ImageRequest) -> list[Embedded]:
    """Return the pictures to work on as data URLs."""
    return [Embedded(upload=upload, form="data_url") for upload in request.images]


def aspect(ratios: Sequence[str], grades: Sequence[str], grade_name: str) -> Callable[[Any], Any]:
    """Return a turn from a size to an object with `aspect_ratio` and the grade of pixels, as far as the size says them.

    A size of 1K says no grade, as that is what providers paint when nothing is said.
    """
    by_tier = {tier_of(grade): grade for grade in grades}

    def turn(value: Any) -> Any:  # noqa: ANN401 - any JSON
        if value == "auto":
            return OMITTED
        pixels = tier_of(value)
        if pixels is not None:
            grade = by_tier.get(pixels)
            return {grade_name: grade} if grade else Adapted({grade_name: grades[-1]}, grades[-1])
        asked = ratio_of(value)
        if asked is None:
            return DROPPED
        name, faithful = nearest_ratio(asked, ratios)
        grade = _grade(max(parse_size(value) or (0,)), grades)
        shape = {"aspect_ratio": name, grade_name: grade} if grade else {"aspect_ratio": name}
        return shape if faithful else Adapted(shape, name)

    return turn


def spread(body: Mapping[str, Any], name: str = "size") -> dict[str, Any]:
    """Return the body with the parts of one object in its place; what the caller named itself stays."""
    parts = body.get(name, {})
    return {**parts, **{key: value for key, value in body.items() if key != name}}


def spent(outcome: Outcome, dollars: Callable[[Mapping[str, Any]], float | None]) -> Outcome:
    """Return the outcome with the cost that its `usage` tells, and without a `usage` that is not OpenAI's."""
    if isinstance(outcome, Failure):
        return outcome
    reply = outcome.reply
    usage = reply.about.get("usage", {})
    about = reply.about
    if "input_tokens" not in usage:
        about = {name: value for name, value in about.items() if name != "usage"}
    return replace(outcome, reply=replace(reply, about=about, cost_usd=dollars(usage)))


def number(value: Any) -> float | None:  # noqa: ANN401 - the JSON boundary
    """Return a number that is not negative, or `None` for anything else."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None


def _grade(edge: int, grades: Sequence[str]) -> str | None:
    if edge <= _MOST_OF_1K:
        return None
    return grades[1] if edge <= _MOST_OF_2K else grades[-1]
