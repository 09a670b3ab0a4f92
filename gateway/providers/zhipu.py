"""Zhipu: CogView and GLM-Image, one picture a call."""

from typing import Any

from gateway.dialect.address import at, key_in
from gateway.dialect.answers import adapted, outcome_of, picture_of, reply_of
from gateway.dialect.encode import DROPPED, OMITTED, Field, encode, one_of
from gateway.dialect.openai_like import no_model
from gateway.dialect.unable import cannot
from gateway.dialect.zhipu import ZHIPU_CODES
from gateway.images import ImageRequest
from gateway.wire import Adapter, Flow, Outcome, Received, Send, Target, send
from strategies import Cause, Failure

_QUALITIES = {"low": "standard", "medium": "standard", "high": "hd", "xhigh": "hd", "max": "hd"}
_USER_LENGTHS = range(6, 129)
_FIELDS = (
    *(Field("model"), Field("prompt")),
    Field("size", turn=lambda size: OMITTED if size == "auto" else size),
    Field("quality", turn=one_of(("standard", "hd"), _QUALITIES)),
    Field("user", "user_id", lambda user: user if len(str(user)) in _USER_LENGTHS else DROPPED),
    # Not switched off unasked: only accounts that signed a waiver may.
    Field("watermark", "watermark_enabled"),
)
# 0 is the worst; 3 stands beside pictures that are given out as well.
_SEVERE = range(3)
_PICTURES = ("url", "image_url", "b64_json", "b64_image")


def _flow(request: ImageRequest, target: Target) -> Flow:
    if request.operation != "generate":
        return cannot(request, target)
    failure = no_model(request, target, "cogview-4")
    if failure is not None:
        return failure
    encoded = encode(_FIELDS, request.params)
    received = yield from send(Send("POST", "/images/generations", json=encoded.body))
    return adapted(_understood(received, target.provider), encoded.adaptations)


def _understood(received: Received, provider: str) -> Outcome:
    outcome = outcome_of(received, provider, ZHIPU_CODES)
    if not isinstance(outcome, Failure) or outcome.cause is not Cause.EMPTY:
        return outcome
    match received.json():
        case {"data": list(items), **rest}:
            found = (item.get(name) for item in items if isinstance(item, dict) for name in _PICTURES)
            return reply_of(map(picture_of, found), provider, withheld=_was_filtered(rest.get("content_filter")))
        case {"content_filter": notes} if _was_filtered(notes):
            return reply_of((), provider, withheld=True)
        case _:
            return outcome


def _was_filtered(notes: Any) -> bool:  # noqa: ANN401 - the JSON boundary
    return isinstance(notes, list) and any(isinstance(note, dict) and note.get("level") in _SEVERE for note in notes)


ADAPTERS = (
    Adapter(
        name="zhipu",
        base_url=at("https://open.bigmodel.cn/api/paas/v4"),
        authorize=key_in(),
        flow=_flow,
        n_max=1,
    ),
)
