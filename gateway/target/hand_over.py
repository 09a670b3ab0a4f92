"""From what a provider answered to what the caller gets: looked at, in the form asked for, priced, and owned up to."""

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import Any

from gateway.catalogue import price
from gateway.delivery import NotKept
from gateway.delivery.verify import Fault, Seen, canonical_base64, look, mismatches
from gateway.images import Adaptation, ImageReply, Picture
from gateway.target.conversation import Conversation
from gateway.target.prepare import Prepared
from gateway.target.redact import events_without_keys
from gateway.wire import Outcome, Received
from strategies import Cause, Failure, Success

_log = logging.getLogger("gateway.target")

_FORMS = ("url", "b64_json")
_NOT_KEPT = Adaptation("delivery.persist", "true", "not kept")


@dataclass(slots=True)
class _Ready:
    """One picture in its final form, and what was seen of it."""

    picture: Picture
    seen: Seen
    short: tuple[Adaptation, ...] = ()
    """What could not be given as it was asked for."""


async def handed_over(reply: ImageReply, prepared: Prepared, conversation: Conversation, wanted: Any) -> Outcome:  # noqa: ANN401 - as the caller wrote it
    """Return the pictures that are whole, in the form that is wanted; none of them whole is a failure."""
    target = conversation.target
    spec, params = target.spec, prepared.request.params
    adaptations = (*prepared.adaptations, *reply.adaptations)
    if reply.events is not None:
        return Success(
            replace(
                reply,
                provider=spec.provider,
                model=params.get("model"),
                adaptations=_told(adaptations, spec.adapt),
                until=conversation.until,
                events=events_without_keys(reply.events, [*conversation.credentials, conversation.request.credential]),
            )
        )
    if wanted is None and conversation.request.params.get("stream") is True:
        wanted = "b64_json"  # what an event holds
    if wanted not in _FORMS and not spec.persist:
        made = [_looked_at(picture, conversation) for picture in reply.pictures]
    else:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_formed(picture, conversation, wanted)) for picture in reply.pictures]
        made = [task.result() for task in tasks]
    good = [each for each in made if isinstance(each, _Ready)]
    faults = [each for each in made if isinstance(each, Failure)]
    if not good:
        nothing = Failure(cause=Cause.EMPTY, message=f"{spec.provider} answered without a picture")
        return faults[0] if faults else nothing
    for fault in faults:
        _log.warning("a picture of several was left out: %s", fault.message)
    for each in good:
        adaptations += mismatches(params.get("size"), params.get("output_format"), each.seen) + each.short
    asked = params.get("n") or 1
    if type(asked) is int and len(good) < asked:
        adaptations += (Adaptation("n", str(asked), str(len(good))),)
    pictures = tuple(each.picture for each in good)
    return Success(
        ImageReply(
            pictures=pictures,
            shapes=tuple((each.seen.format, each.seen.width, each.seen.height) for each in good),
            canonical=reply.canonical if pictures == reply.pictures else None,
            created=reply.created,
            about=reply.about,
            adaptations=_told(adaptations, spec.adapt),
            provider=spec.provider,
            model=params.get("model"),
            cost_usd=_cost(reply, prepared, good),
        )
    )


def _looked_at(picture: Picture, conversation: Conversation) -> _Ready | Failure:
    spec = conversation.target.spec
    if not spec.verify:
        return _Ready(picture, Seen())
    seen = look(picture)
    if isinstance(seen, Fault):
        return Failure(cause=Cause.EMPTY, message=f"{spec.provider} sent {seen.message}")
    return _Ready(picture, seen)


async def _formed(picture: Picture, conversation: Conversation, wanted: Any) -> _Ready | Failure:  # noqa: ANN401
    """Return one picture in the form that is wanted: fetched, or kept and linked to."""
    spec = conversation.target.spec
    if picture.url is not None and (wanted == "b64_json" or spec.persist):
        checked = look(picture)
        if isinstance(checked, Fault):
            return Failure(cause=Cause.EMPTY, message=f"{spec.provider} sent {checked.message}")
        received = await conversation.fetch(picture.url)
        if not isinstance(received, Received):
            # It is painted and paid for: the provider's own link is better than nothing, where a link will do.
            return received if wanted == "b64_json" else _Ready(picture, checked, (_NOT_KEPT,))
        picture = Picture(data=received.body, revised_prompt=picture.revised_prompt)
    elif picture.url is not None or (wanted == "b64_json" and not spec.persist):
        return _looked_at(picture, conversation)
    # What was fetched, or is kept here, has to be a picture, whether or not the target wants its answers verified.
    seen = look(picture)
    if isinstance(seen, Fault):
        return Failure(cause=Cause.EMPTY, message=f"{spec.provider} sent {seen.message}")
    if wanted == "b64_json" and not spec.persist:
        return _Ready(picture, seen)
    return await _linked(picture, seen, conversation, wanted)


async def _linked(picture: Picture, seen: Seen, conversation: Conversation, wanted: Any) -> _Ready:  # noqa: ANN401
    spec, request = conversation.target.spec, conversation.request
    plain = canonical_base64(picture)
    try:
        link = await conversation.target.outside.delivery.link(
            plain, seen.format or "png", seconds=spec.url_ttl, headers=request.headers
        )
    except NotKept:
        # It is painted and paid for: better in the other form than not at all.
        short = _NOT_KEPT if wanted == "b64_json" else Adaptation("response_format", "url", "b64_json")
        return _Ready(picture, seen, (short,))
    if wanted == "b64_json":
        return _Ready(replace(picture, url=link), seen)
    return _Ready(Picture(url=link, revised_prompt=picture.revised_prompt), seen)


def _cost(reply: ImageReply, prepared: Prepared, good: list[_Ready]) -> float | None:
    if reply.cost_usd is not None or prepared.row is None:
        return reply.cost_usd
    params = {**prepared.request.params, **reply.about}
    prices = prepared.row.prices
    seen = good[0].seen
    if prices is not None and prices.megapixel is not None and seen.width is not None:
        params["size"] = f"{seen.width}x{seen.height}"
    return price(prepared.row, params, len(good), reply.about.get("usage"))


def _told(adaptations: tuple[Adaptation, ...], adapt: str) -> tuple[Adaptation, ...]:
    if not adaptations or adapt == "lenient":
        return ()
    return tuple(dict.fromkeys(adaptations))
