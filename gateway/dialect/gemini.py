"""Gemini's image models, on the Gemini API and on Vertex AI: words and pictures in, words and pictures out."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from gateway.dialect.answers import adapted, picture_of, reply_of
from gateway.dialect.encode import DROPPED, OMITTED, Adapted, Encoded, Field, encode, one_of
from gateway.dialect.google import SUCCESS, failure_from, laid_over, not_an_answer, settings, unwrapped
from gateway.dialect.unable import cannot, no_mask
from gateway.dialect.words import identifier, shown
from gateway.images import Embedded, ImageRequest
from gateway.shapes import nearest_ratio, parse_size, ratio_of, tier_of
from gateway.wire import Flow, Outcome, Received, Send, Target, send
from strategies import Cause, Failure

_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
_STRIPS = ("1:4", "4:1", "1:8", "8:1")
_GRADES = ("1K", "2K", "4K")
_SMALL = "512"
_EDGES = ((768, _SMALL), (1536, "1K"), (3072, "2K"))
_HARMS = ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT")
_LENIENT = [{"category": f"HARM_CATEGORY_{harm}", "threshold": "BLOCK_ONLY_HIGH"} for harm in _HARMS]
_IMAGE, _OUTPUT = "generationConfig.imageConfig", "generationConfig.imageConfig.imageOutputOptions"
# What the caller writes in Google's own words is laid over ours; these names cannot be a caller's.
_SHAPE, _OWN, _OWN_IMAGE = "*shape", "*own", "*image"
_FIELDS = (
    Field("prompt", "*prompt"),
    Field("seed", "generationConfig.seed"),
    Field("moderation", "safetySettings", one_of({"low": _LENIENT})),
    *(Field(name, turn=one_of(())) for name in ("quality", "style", "background")),
    *(Field(name, f"{_IMAGE}.aspectRatio") for name in ("aspectRatio", "aspect_ratio")),
    *(Field(name, f"{_IMAGE}.imageSize") for name in ("imageSize", "image_size")),
    *(Field(name, f"{_IMAGE}.personGeneration") for name in ("personGeneration", "person_generation")),
    *(Field(name, f"generationConfig.{name}") for name in ("temperature", "topP", "topK")),
    *(Field(name, _OWN_IMAGE, settings) for name in ("imageConfig", "image_config")),
    *(Field(name, _OWN, settings) for name in ("generationConfig", "generation_config")),
    Field("contents", turn=lambda _value: DROPPED),
)
_CONTAINERS = one_of({"png": "image/png", "jpeg": "image/jpeg"}, {"jpg": "jpeg"})
_VERTEX_FIELDS = (
    *_FIELDS,
    Field("output_format", f"{_OUTPUT}.mimeType", _CONTAINERS),
    *(Field(name, f"{_IMAGE}.prominentPeople") for name in ("prominentPeople", "prominent_people")),
)
_COMPRESSION = Field("output_compression", f"{_OUTPUT}.compressionQuality")
# `OTHER`, `IMAGE_OTHER` and `NO_IMAGE` are no refusals: the model did not get to a picture, and may the next time.
_REFUSALS = frozenset(
    {
        *("SAFETY", "PROHIBITED_CONTENT", "RECITATION", "BLOCKLIST", "SPII", "MODEL_ARMOR", "JAILBREAK"),
        *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
    }
)
_UNSAID = frozenset({"", "BLOCK_REASON_UNSPECIFIED", "FINISH_REASON_UNSPECIFIED"})
_SIGNS_OF_AN_ANSWER = frozenset({"candidates", "promptFeedback", "usageMetadata", "modelVersion", "responseId"})


def gemini(path: str, request: ImageRequest, target: Target, *, vertex: bool) -> Flow:
    """Ask for a picture at the model's path, which `:generateContent` goes behind."""
    if request.operation == "vary":
        return cannot(request, target)
    refused = no_mask(request, target)
    if refused is not None:
        return refused
    encoded = encode(_fields(request, vertex=vertex), request.params)
    received = yield from send(Send("POST", f"{path}:generateContent", json=_body(encoded, request)))
    return adapted(outcome_of(received, target.provider), encoded.adaptations)


def outcome_of(received: Received, provider: str) -> Outcome:
    """Return the pictures of an answer, or why there are none."""
    if received.status not in SUCCESS:
        return failure_from(received, provider)
    answer = unwrapped(received.json())
    if not isinstance(answer, dict) or not answer.keys() & _SIGNS_OF_AN_ANSWER:
        return not_an_answer(received, provider)
    candidates = _dicts(answer.get("candidates"))
    parts = [part for candidate in candidates for part in _parts(candidate) if part.get("thought") is not True]
    pictures = [picture_of(data) for part in parts if (data := _data(part)) is not None]
    if any(pictures):
        usage = _usage(answer.get("usageMetadata"))
        return reply_of(pictures, provider, about={} if usage is None else {"usage": usage})
    feedback = answer.get("promptFeedback")
    reason = _word(feedback, "blockReason")
    if reason is not None:
        return _refused(provider, reason, _word(feedback, "blockReasonMessage"))
    for candidate in candidates:
        reason = _word(candidate, "finishReason")
        if reason in _REFUSALS:
            return _refused(provider, reason, _word(candidate, "finishMessage"))
    return _empty(provider, candidates, parts)


def _fields(request: ImageRequest, *, vertex: bool) -> tuple[Field, ...]:
    model = request.model or ""
    if "gemini-2.0" in model:
        return (*_FIELDS, Field("size", turn=one_of(())))
    if "gemini-2.5" in model or "-lite" in model:
        size = Field("size", _SHAPE, _shape(_RATIOS, ()))
    elif "gemini-3.1-flash" in model:
        size = Field("size", _SHAPE, _shape((*_RATIOS, *_STRIPS), (_SMALL, *_GRADES)))
    else:
        size = Field("size", _SHAPE, _shape(_RATIOS, _GRADES))
    if not vertex:
        return (*_FIELDS, size)
    squeezed = request.params.get("output_format") in ("jpeg", "jpg")
    return (*_VERTEX_FIELDS, size, _COMPRESSION) if squeezed else (*_VERTEX_FIELDS, size)


def _shape(ratios: Sequence[str], grades: Sequence[str]) -> Callable[[Any], Any]:
    """Return a turn from a size to a ratio, and to the grade that is nearest to its pixels."""

    def turn(value: Any) -> Any:  # noqa: ANN401 - a parameter may be any JSON
        if value == "auto":
            return OMITTED
        pixels = tier_of(value)
        if pixels is not None:
            return _tier(value, pixels, grades)
        asked = ratio_of(value)
        if asked is None:
            return DROPPED
        name, faithful = nearest_ratio(asked, ratios)
        found, size = {"aspectRatio": name}, parse_size(value)
        if size is not None and grades:
            found["imageSize"] = _grade(math.sqrt(size[0] * size[1]), grades)
        return found if faithful else Adapted(found, " ".join(found.values()))

    return turn


def _tier(value: str, pixels: int, grades: Sequence[str]) -> Any:  # noqa: ANN401 - what a turn returns
    if not grades:
        return DROPPED
    name = _grade(math.sqrt(pixels), grades)
    return {"imageSize": name} if name == value.upper() else Adapted({"imageSize": name}, name)


def _grade(edge: float, grades: Sequence[str]) -> str:
    name = next((grade for below, grade in _EDGES if edge < below), "4K")
    return name if name in grades else grades[0]


def _body(encoded: Encoded, request: ImageRequest) -> dict[str, Any]:
    body = dict(encoded.body)
    prompt, shape, own, own_image = (body.pop(name, {}) for name in ("*prompt", _SHAPE, _OWN, _OWN_IMAGE))
    said = body.pop("generationConfig", {})
    image = laid_over({**shape, **said.pop("imageConfig", {})}, own_image)
    # Both kinds are asked for: not every model paints when words are ruled out.
    config = {"responseModalities": ["TEXT", "IMAGE"], **said, **({"imageConfig": image} if image else {})}
    parts: list[dict[str, Any]] = [{"text": prompt}] if prompt else []
    parts += [
        {"inlineData": {"mimeType": upload.media_type, "data": Embedded(upload=upload)}} for upload in request.images
    ]
    return {"contents": [{"role": "user", "parts": parts}], "generationConfig": laid_over(config, own), **body}


def _parts(candidate: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = candidate.get("content")
    return _dicts(content.get("parts")) if isinstance(content, dict) else []


def _data(part: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the JSON boundary
    match part.get("inlineData", part.get("inline_data")):
        case {"data": data, **rest} if str(rest.get("mimeType", "image/")).startswith("image/"):
            return data
        case _:
            return None


def _refused(provider: str, reason: str, told: str | None) -> Failure:
    why = f": {shown(told)}" if told else ""
    return Failure(
        cause=Cause.POLICY,
        message=f"{provider} refused this by its content policy ({shown(reason)}){why}",
        provider_code=identifier(reason),
    )


def _empty(provider: str, candidates: Iterable[Mapping[str, Any]], parts: Iterable[Mapping[str, Any]]) -> Failure:
    """Return the failure of an answer that neither is a picture nor says in so many fields that it is refused one."""
    reason = next((word for each in candidates if (word := _word(each, "finishReason")) is not None), None)
    code = None if reason in (None, "STOP") else identifier(reason)
    words = " ".join(text for part in parts if isinstance(text := part.get("text"), str)).strip()
    what = f"in words instead of a picture: {shown(words)}" if words else "without a picture"
    return Failure(
        cause=Cause.EMPTY,
        message=f"{provider} answered {what}" + (f" ({code})" if code else ""),
        provider_code=code,
    )


def _usage(counts: Any) -> dict[str, Any] | None:  # noqa: ANN401 - the JSON boundary
    """Return the tokens in OpenAI's words; what the model thought counts among the words that it answered."""
    if not isinstance(counts, dict):
        return None
    asked, answered, thought = (
        _count(counts.get(f"{kind}TokenCount")) for kind in ("prompt", "candidates", "thoughts")
    )
    if asked is None or answered is None:
        return None
    painted = answered + (thought or 0)
    total = _count(counts.get("totalTokenCount"))
    usage: dict[str, Any] = {
        "input_tokens": asked,
        "output_tokens": painted,
        "total_tokens": asked + painted if total is None else total,
    }
    given = _by_kind(counts.get("promptTokensDetails"))
    if given:
        usage["input_tokens_details"] = given
    made = _by_kind(counts.get("candidatesTokensDetails"))
    if made:
        usage["output_tokens_details"] = {**made, "text_tokens": made["text_tokens"] + (thought or 0)}
    elif thought:
        usage["output_tokens_details"] = {"text_tokens": thought, "image_tokens": answered}
    return usage


def _by_kind(details: Any) -> dict[str, int]:  # noqa: ANN401 - the JSON boundary
    found = {"text_tokens": 0, "image_tokens": 0}
    for detail in _dicts(details):
        name = f"{str(detail.get('modality')).lower()}_tokens"
        if name in found:
            found[name] += _count(detail.get("tokenCount")) or 0
    return found if any(found.values()) else {}


def _count(value: Any) -> int | None:  # noqa: ANN401 - the JSON boundary
    return value if type(value) is int and value >= 0 else None


def _word(holder: Any, name: str) -> str | None:  # noqa: ANN401 - the JSON boundary
    word = holder.get(name) if isinstance(holder, dict) else None
    return word if isinstance(word, str) and word not in _UNSAID else None


def _dicts(items: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - the JSON boundary
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
