"""What a 2xx holds: in OpenAI's format, found without copying the pictures, and the pieces of any other format."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec
import orjson

from gateway.dialect.errors import OPENAI_CODES, Codes, failure_from, failure_within
from gateway.dialect.words import identifier
from gateway.images import Adaptation, ImageReply, Picture
from gateway.long_json import LongText
from gateway.wire import Outcome, Received
from strategies import Cause, Failure, Success

_NOTHING = msgspec.Raw()
_NULL = b"null"
_SUCCESS = range(200, 300)
_CANONICAL_ITEM = frozenset({"b64_json", "url", "revised_prompt"})
_WORDS = ("size", "quality", "background", "output_format")
# Some OpenAI-compatible servers put a whole data URL where a picture belongs.
_DATA_URL = b"data:"

_Item = Mapping[str, msgspec.Raw]


class _Answer(msgspec.Struct):
    """The top level; values are left as they came, so that one odd field cannot cost a picture."""

    data: list[dict[str, msgspec.Raw]] | None = None
    images: msgspec.Raw = _NOTHING
    created: msgspec.Raw = _NOTHING
    error: msgspec.Raw = _NOTHING
    usage: msgspec.Raw = _NOTHING
    size: msgspec.Raw = _NOTHING
    quality: msgspec.Raw = _NOTHING
    background: msgspec.Raw = _NOTHING
    output_format: msgspec.Raw = _NOTHING


_decoder = msgspec.json.Decoder(_Answer)
_items_decoder = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def outcome_of(received: Received, provider: str, codes: Codes = OPENAI_CODES) -> Outcome:
    """Return the pictures of an answer in OpenAI's format, or the failure that it is."""
    if received.events is not None:
        return Success(ImageReply(events=received.events))
    if received.status not in _SUCCESS:
        return failure_from(received, provider, codes)
    try:
        return _understood(_decoder.decode(received.body), received, provider, codes)
    except (msgspec.MsgspecError, orjson.JSONDecodeError, UnicodeDecodeError):
        return unreadable(received, provider, codes)


def picture_of(text: Any, *, revised_prompt: Any = None) -> Picture | None:  # noqa: ANN401 - the JSON boundary
    """Return the picture that a link, a data URL or bare base64 is, or `None` for anything else."""
    if not isinstance(text, str) or not text:
        return None
    prompt = revised_prompt if isinstance(revised_prompt, str) and revised_prompt else None
    if text.startswith(("https://", "http://")):
        return Picture(url=text, revised_prompt=prompt)
    base64 = _unwrapped(text)
    return None if base64 is None else Picture(b64=base64, revised_prompt=prompt)


def reply_of(
    pictures: Iterable[Picture | None],
    provider: str,
    *,
    withheld: bool = False,
    about: Mapping[str, Any] | None = None,
    cost_usd: float | None = None,
) -> Outcome:
    """Return the pictures there are; none is a failure, of policy where the provider says that it withheld some."""
    found = tuple(picture for picture in pictures if picture is not None)
    if found:
        return Success(ImageReply(pictures=found, about=about or {}, cost_usd=cost_usd))
    if withheld:
        return Failure(cause=Cause.POLICY, message=f"{provider} withheld the picture because of its content filter")
    return Failure(cause=Cause.EMPTY, message=f"{provider} answered without a picture")


def adapted(outcome: Outcome, adaptations: tuple[Adaptation, ...]) -> Outcome:
    """Return the outcome with what the request had to leave out or change."""
    if not adaptations or isinstance(outcome, Failure):
        return outcome
    return Success(replace(outcome.reply, adaptations=(*outcome.reply.adaptations, *adaptations)))


def _understood(answer: _Answer, received: Received, provider: str, codes: Codes) -> Outcome:
    items = answer.data
    if not items:
        error = _value(answer.error)
        if error:
            return failure_within(received, error, provider, codes)
        items = _other_items(answer.images)
    escaped = b"\\" in received.body
    found = [_picture(item, escaped=escaped) for item in items or ()]
    pictures = tuple(picture for picture, _ in found if picture is not None)
    if not pictures:
        withheld = any(_was_filtered(item, codes) for item in items or ())
        return reply_of((), provider, withheld=withheld)
    created = _value(answer.created)
    about, sound = _about(answer)
    as_it_is = sound and _is_int(created) and bool(answer.data) and all(canonical for _, canonical in found)
    return Success(
        ImageReply(
            pictures=pictures,
            canonical=received.body if as_it_is else None,
            created=created if _is_int(created) else None,
            about=about,
        )
    )


def _picture(item: _Item, *, escaped: bool) -> tuple[Picture | None, bool]:
    """Return an item's picture, and whether the item can go to the caller as it is."""
    base64, base64_as_it_is = _base64(item.get("b64_json"), escaped=escaped)
    url = _value(item.get("url"))
    prompt = _value(item.get("revised_prompt"))
    if base64 is None and isinstance(url, str) and url.startswith("data:"):
        base64, base64_as_it_is, url = _base64(item["url"], escaped=escaped)[0], False, None
    canonical = item.keys() <= _CANONICAL_ITEM and (prompt is None or isinstance(prompt, str))
    revised_prompt = prompt if isinstance(prompt, str) else None
    if base64 is not None:
        return Picture(b64=base64, revised_prompt=revised_prompt), canonical and base64_as_it_is and url is None
    if isinstance(url, str) and url:
        return Picture(url=url, revised_prompt=revised_prompt), canonical and _is_absent(item.get("b64_json"))
    return None, False


def _base64(raw: msgspec.Raw | None, *, escaped: bool) -> tuple[memoryview | None, bool]:
    """Return the text between the quotes, and whether it is the bare text that callers expect.

    Only where the body has a backslash at all is the text searched for one, as that needs a copy.
    """
    view = memoryview(raw or b"")
    if len(view) <= len('""') or view[0] != ord('"'):
        return None, False
    text = view[1:-1]
    if bytes(text[: len(_DATA_URL)]) == _DATA_URL or (escaped and b"\\" in bytes(text)):
        return _unwrapped(orjson.loads(view)), False
    return text, True


def _unwrapped(text: str) -> memoryview | None:
    data = text.view if isinstance(text, LongText) else memoryview(text.encode())
    if text.startswith("data:"):
        head, found, _ = text.partition(";base64,")
        if not found:
            return None
        data = data[len(f"{head}{found}".encode()) :]
    return data or None


def _about(answer: _Answer) -> tuple[Mapping[str, Any], bool]:
    """Return what is said about the pictures, and whether all of it has the expected type."""
    about: dict[str, Any] = {}
    sound = True
    usage = _value(answer.usage)
    if isinstance(usage, dict):
        about["usage"] = usage
    elif usage is not None:
        sound = False
    for name in _WORDS:
        value = _value(getattr(answer, name))
        if isinstance(value, str):
            about[name] = value
        elif value is not None:
            sound = False
    return about, sound


def _other_items(images: msgspec.Raw) -> list[dict[str, msgspec.Raw]] | None:
    """Return the items of servers that say `images` instead of `data`."""
    try:
        return _items_decoder.decode(images) if memoryview(images) else None
    except msgspec.MsgspecError:
        return None


def _was_filtered(item: _Item, codes: Codes) -> bool:
    """Whether an item says that a filter took its picture out: xAI's word, Ark's error in its place, Azure's notes."""
    error = _value(item.get("error"))
    if isinstance(error, dict) and identifier(error.get("code")) in codes.policy:
        return True
    return _value(item.get("respect_moderation")) is False or any(
        isinstance(result, dict) and result.get("filtered") is True
        for name in ("content_filter_results", "prompt_filter_results")
        for result in _values(_value(item.get(name)))
    )


def unreadable(received: Received, provider: str, codes: Codes = OPENAI_CODES) -> Failure:
    """Return the failure that a 2xx means which is not what the provider's format promises."""
    body = received.body
    try:
        match orjson.loads(body):
            case {"error": error} if error:
                return failure_within(received, error, provider, codes)
            case _:
                what = "JSON that is not an answer with pictures"
    except orjson.JSONDecodeError:
        start = body[:64].lstrip()
        what = "a web page" if start.startswith(b"<") else "JSON that ends too early or is not JSON at all"
        if not start:
            what = "nothing"
    return Failure(
        cause=Cause.INCOMPLETE,
        message=f"{provider} answered {received.status} with {what}",
        code="upstream_bad_response",
    )


def _value(raw: msgspec.Raw | None) -> Any:  # noqa: ANN401 - the JSON boundary
    return None if raw is None or not memoryview(raw) else orjson.loads(memoryview(raw))


def _values(mapping: Any) -> Any:  # noqa: ANN401 - the JSON boundary
    return mapping.values() if isinstance(mapping, dict) else ()


def _is_absent(raw: msgspec.Raw | None) -> bool:
    return raw is None or memoryview(raw) == _NULL


def _is_int(value: Any) -> bool:  # noqa: ANN401 - the JSON boundary
    return isinstance(value, int) and not isinstance(value, bool)
