"""Midjourney through the task API of proxies: words and flags in, one sheet of four out, of which each is asked for."""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

from gateway.dialect.address import missing_key, nowhere
from gateway.dialect.answers import adapted, picture_of, reply_of, unreadable
from gateway.dialect.errors import Codes, Said, failure_inside, failure_of_job, failure_saying, said_in
from gateway.dialect.midjourney_prompt import Worded, worded
from gateway.dialect.polling import poll
from gateway.dialect.unable import cannot, no_mask, unsupported
from gateway.dialect.words import identifier
from gateway.images import Adaptation, Embedded, ImageReply, ImageRequest, Picture
from gateway.wire import Adapter, Flow, Outcome, ProviderFields, Received, Send, Target, send
from strategies import Cause, Failure, Success

_SUCCESS = range(200, 300)
# 1: taken on; 22: waits in a queue; 21: there was such a task already.
_ACCEPTED = frozenset({1, 21, 22})
_SHEET = 4
_FAILED = frozenset({"FAILURE", "CANCEL"})
_NEEDS_AN_ANSWER = "MODAL"
_WORTH_READING = 262_144
# 3: the proxy has no account free to use; 23: its queue is full; 24: banned words; 30: too much asked of a group.
_CODES = Codes(
    policy=frozenset({"24"}),
    exhausted=frozenset({"quota_not_enough"}),
    rate_limited=frozenset({"23", "30"}),
    invalid=frozenset({"4"}),
    provider_error=frozenset({"3", "5", "9"}),
)


def _flow(request: ImageRequest, target: Target) -> Flow:
    if request.operation == "vary":
        return cannot(request, target)
    refused = no_mask(request, target)
    if refused is not None:
        return refused
    if request.params.get("prompt") is None:
        return unsupported(f"{target.provider} needs a prompt", "prompt")
    asked = worded(request)
    if not isinstance(asked, Worded):
        return unsupported(asked, "model")
    body = {**asked.others, "prompt": asked.prompt}
    if request.images:
        body["base64Array"] = [Embedded(upload=upload, form="data_url") for upload in request.images]
    task = _job_of((yield from send(Send("POST", "/mj/submit/imagine", json=body))), target.provider)
    if isinstance(task, Failure):
        return task
    sheet = yield from _awaited(task, target.provider)
    if isinstance(sheet, Failure):
        return sheet
    return adapted((yield from _singled_out(task, sheet, _count(request), target.provider)), asked.adaptations)


def _count(request: ImageRequest) -> int:
    asked = request.params.get("n")
    return min(max(asked, 1), _SHEET) if type(asked) is int else 1


def _awaited(job: str, provider: str) -> Flow:
    return poll(
        Send("GET", f"/mj/task/{quote(job, safe='')}/fetch"),
        lambda received: _understood(received, provider),
        provider=provider,
        seconds=3.0,
        slowest=5.0,
        codes=_CODES,
    )


def _singled_out(task: str, sheet: Success[ImageReply], count: int, provider: str) -> Flow:
    """Have pictures of the sheet drawn singly; where none is to be had, the sheet, which is paid for, stands in."""
    jobs: list[str | Outcome] = []
    for index in range(1, count + 1):
        change = {"taskId": task, "action": "UPSCALE", "index": index}
        submitted = yield from send(Send("POST", "/mj/submit/change", json=change))
        job = _there_already(submitted, provider) or _job_of(submitted, provider)
        if isinstance(job, Failure):
            break
        jobs.append(job)
    pictures: list[Picture] = []
    for job in jobs:
        outcome = (yield from _awaited(job, provider)) if isinstance(job, str) else job
        if isinstance(outcome, Success):
            pictures += outcome.reply.pictures
    if pictures:
        return Success(ImageReply(pictures=tuple(pictures)))
    return adapted(sheet, (Adaptation("n", str(count), f"a sheet of {_SHEET}"),))


def _there_already(submitted: Received, provider: str) -> Outcome | None:
    """Return the picture that was asked for before."""
    match submitted.json():
        case {"code": 21, "properties": {"status": "SUCCESS", "imageUrl": str(link)}}:
            return reply_of([picture_of(link)], provider)
    return None


def _job_of(submitted: Received, provider: str) -> str | Failure:
    """Return the task that was taken on, or why there is none."""
    if submitted.status not in _SUCCESS:
        return _refused(submitted, provider)
    match submitted.json():
        case {"code": int(code), "result": str() | int() as job} if job and code in _ACCEPTED:
            return str(job)
        case {"code": int(code)} as body if code not in _ACCEPTED:
            return failure_inside(submitted, body, provider, _CODES)
        case _:
            return unreadable(submitted, provider, _CODES)


def _refused(received: Received, provider: str) -> Failure:
    body = received.json() if len(received.body) <= _WORTH_READING else None
    said = said_in(body)
    match body:
        case {"type": str(), "description": str(text)}:
            # Relays put their own name of the error before what the proxy said.
            first = identifier(text.partition(" ")[0])
            said = said if first is None else replace(said, kinds=(*said.kinds, first))
    return failure_saying(said, received, provider, _CODES)


def _understood(received: Received, provider: str) -> Outcome | None:
    match received.json():
        case {"status": "SUCCESS", "imageUrl": str(link)}:
            return reply_of([picture_of(link)], provider)
        case {"status": "SUCCESS"}:
            return reply_of([], provider)
        case {"status": str(status)} as task if status in _FAILED:
            reason = task.get("failReason")
            said = reason if isinstance(reason, str) and reason else f"{provider} gave the task up ({status})"
            return failure_of_job(provider, Said(message=said), _CODES)
        case {"status": str(status)} if status == _NEEDS_AN_ANSWER:
            return Failure(
                cause=Cause.PROVIDER_ERROR,
                message=f"{provider} waits for an answer to a dialogue, which nobody gives ({status})",
                may_be_billed=True,
            )
        case {"status": str()}:
            return None
        case _:
            return unreadable(received, provider, _CODES)


def _authorize(target: Target) -> Mapping[str, str]:
    key = target.credentials.get("api_key")
    if key is None:
        raise missing_key(target)
    # The proxies read the one, the relays before them the other.
    return {"Authorization": f"Bearer {key.reveal()}", "mj-api-secret": key.reveal()}


ADAPTERS = (
    Adapter(
        name="midjourney",
        base_url=nowhere,
        authorize=_authorize,
        flow=_flow,
        fields=ProviderFields(has_own_host=False),
        n_max=_SHEET,
    ),
)
