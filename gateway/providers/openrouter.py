"""OpenRouter: many makers' models behind one image endpoint, and behind chat for those who ask in chat's words."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson

from gateway.dialect.address import at, key_in
from gateway.dialect.answers import adapted, outcome_of, picture_of, reply_of, unreadable
from gateway.dialect.encode import OMITTED, Adapted, Encoded, Field, encode, one_of
from gateway.dialect.errors import OPENAI_CODES, failure_from, failure_saying, failure_within, said_in
from gateway.dialect.openai_like import aspect, data_urls, no_model, number, spent, spread
from gateway.dialect.unable import cannot, no_mask
from gateway.images import ImageRequest
from gateway.shapes import parse_size, ratio_of, tier_of
from gateway.wire import Adapter, Flow, Outcome, Received, Send, Target, send
from strategies import Failure

_RATIOS = (
    *("1:1", "1:2", "1:4", "1:8", "2:1", "2:3", "3:2", "3:4", "4:1", "4:3", "4:5", "5:4", "8:1"),
    *("9:16", "16:9", "9:19.5", "19.5:9", "9:20", "20:9", "9:21", "21:9"),
)
_CHAT_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
_SUCCESS = range(200, 300)
_BODY_OF_AN_ERROR = 262_144
_MOST = 10
# A target that says one of these asks for the chat endpoint: no other has them.
_CHAT_WORDS = frozenset({"modalities", "image_config"})
_CHAT_GRADES = {"low": "1K", "standard": "1K", "medium": "2K", "high": "4K", "hd": "4K"}
_WITHHELD = frozenset({"content_filter", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "PROHIBITED_CONTENT", "SAFETY"})
_LINKED = re.compile(r"!\[[^\]]*\]\(((?:data:image/|https?://)[^)\s]+)\)")


def _size(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if value != "auto" and (parse_size(value) or tier_of(value) or ratio_of(value) is None):
        return {"size": value}
    return aspect(_RATIOS, (), "resolution")(value)


_FIELDS = (
    *(Field("model"), Field("prompt"), Field("n"), Field("seed"), Field("output_compression")),
    Field("size", turn=_size),
    Field(
        "quality",
        turn=one_of(("low", "medium", "high"), {"standard": "medium", "hd": "high", "xhigh": "high", "max": "high"}),
    ),
    Field("background", turn=one_of(("transparent", "opaque"))),
    Field("output_format", turn=one_of(("png", "jpeg", "webp", "svg"), {"jpg": "jpeg", "gif": "png"})),
)
_CHAT_FIELDS = (
    *(Field("model"), Field("prompt"), Field("seed")),
    Field("n", turn=lambda count: OMITTED if count == 1 else Adapted(1)),
    Field("size", turn=aspect(_CHAT_RATIOS, ("1K", "2K", "4K"), "image_size")),
)


def _chat_quality(word: Any) -> Any:  # noqa: ANN401 - any JSON
    turned = one_of(_CHAT_GRADES)(word)
    return Adapted(turned) if isinstance(turned, str) else turned


def _chat_fields(params: Mapping[str, Any]) -> tuple[Field, ...]:
    """Return the rows: what quality there is, is more pixels, so it has no say where the size names them."""
    size = params.get("size")
    named = parse_size(size) is not None or tier_of(size) is not None
    return _CHAT_FIELDS if named else (*_CHAT_FIELDS, Field("quality", turn=_chat_quality))


def _flow(request: ImageRequest, target: Target) -> Flow:
    if request.operation == "vary":
        return cannot(request, target)
    failure = no_model(request, target, "google/gemini-2.5-flash-image") or no_mask(request, target)
    if failure is not None:
        return failure
    if _CHAT_WORDS & request.params.keys():
        encoded = encode(_chat_fields(request.params), request.params)
        received = yield from send(Send("POST", "/chat/completions", json=_chat(request, encoded)))
        outcome = _said(received, target.provider)
    else:
        encoded = encode(_FIELDS, request.params)
        references = [{"image_url": {"url": url}} for url in data_urls(request)]
        body = {**spread(encoded.body), **({"input_references": references} if references else {})}
        received = yield from send(Send("POST", "/images", json=body))
        outcome = _refused(received, target.provider) or outcome_of(received, target.provider)
        outcome = spent(outcome, lambda usage: number(usage.get("cost")))
    return adapted(outcome, encoded.adaptations)


def _chat(request: ImageRequest, encoded: Encoded) -> Mapping[str, Any]:
    """Return the conversation that asks for a picture."""
    body = dict(encoded.body)
    body.pop("n", None)
    prompt, shape, grade, config = (body.pop(name, None) for name in ("prompt", "size", "quality", "image_config"))
    content = [
        *({"type": "image_url", "image_url": {"url": url}} for url in data_urls(request)),
        {"type": "text", "text": prompt},
    ]
    config = {
        **({"image_size": grade} if grade else {}),
        **(shape or {}),
        **(config if isinstance(config, dict) else {}),
    }
    return {
        "modalities": ["image", "text"],
        **body,
        "messages": [{"role": "user", "content": content if request.images else prompt}],
        **({"image_config": config} if config else {}),
    }


def _said(received: Received, provider: str) -> Outcome:
    """Return the pictures of a chat's answer."""
    refused = _refused(received, provider)
    if refused is not None:
        return refused
    if received.status not in _SUCCESS:
        return failure_from(received, provider)
    body = received.json()
    match body:
        case {"error": error} | {"choices": [{"error": error}, *_]} if error:
            return failure_within(received, error, provider)
        case {"choices": [dict(), *_] as choices}:
            pictures = (picture_of(link) for choice in choices for link in _links(choice))
            withheld = any(_was_withheld(choice) for choice in choices)
        case _:
            return unreadable(received, provider)
    match body:
        case {"usage": {"cost": cost}}:
            return reply_of(pictures, provider, withheld=withheld, cost_usd=number(cost))
    return reply_of(pictures, provider, withheld=withheld)


def _links(choice: Any) -> Iterator[Any]:  # noqa: ANN401 - the JSON boundary
    """Return the pictures of a choice: in a list of their own, or among the words as some relays have them."""
    match choice:
        case {"message": {"images": [_, *_] as parts}}:
            yield from map(_link, parts)
        case {"message": {"content": list(parts)}}:
            yield from map(_link, parts)
        case {"message": {"content": str(text)}}:
            yield from _LINKED.findall(text)


def _link(part: Any) -> Any:  # noqa: ANN401 - the JSON boundary
    match part:
        case {"image_url": {"url": link}} | {"image_url": link}:
            return link
    return None


def _was_withheld(choice: Any) -> bool:  # noqa: ANN401 - the JSON boundary
    reasons = (choice.get("finish_reason"), choice.get("native_finish_reason")) if isinstance(choice, dict) else ()
    return any(isinstance(reason, str) and reason in _WITHHELD for reason in reasons)


def _refused(received: Received, provider: str) -> Failure | None:
    """Return the refusal that an error is whose metadata gives the moderation's reasons, or its maker's own code."""
    if len(received.body) > _BODY_OF_AN_ERROR:
        return None
    match received.json():
        case {"choices": [{"error": dict(error)}, *_]}:
            body = {"error": error}
        case body:
            pass
    match body:
        case {"error": {"metadata": {"reasons": [_, *_]}}}:
            said = replace(said_in(body), moderated=True, code=None)
        case {"error": {"metadata": {"raw": str(raw)}}} if _policy_code(raw) is not None:
            said = replace(said_in(body), moderated=True, code=_policy_code(raw))
        case _:
            return None
    failure = failure_saying(said, received, provider)
    return replace(failure, status=None) if received.status in _SUCCESS else failure


def _policy_code(raw: str) -> str | None:
    """Return the code by which the model's maker refused, where its answer was handed on."""
    try:
        kinds = said_in(orjson.loads(raw)).kinds
    except orjson.JSONDecodeError:
        return None
    return next((kind for kind in kinds if kind in OPENAI_CODES.policy), None)


ADAPTERS = (
    Adapter(
        name="openrouter",
        base_url=at("https://openrouter.ai/api/v1"),
        authorize=key_in(),
        flow=_flow,
        n_max=lambda params: 1 if _CHAT_WORDS & params.keys() else _MOST,
    ),
)
