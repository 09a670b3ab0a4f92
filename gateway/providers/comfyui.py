"""ComfyUI: queue a workflow, look into the history until it is there, and fetch what it saved."""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from gateway.dialect.address import key_if_any, nowhere
from gateway.dialect.answers import adapted, reply_of, unreadable
from gateway.dialect.comfy_plan import Plan, planned
from gateway.dialect.errors import Said, failure_from, failure_of_job, failure_saying, said_in
from gateway.dialect.polling import poll
from gateway.images import Embedded, ImageReply, ImageRequest, Picture
from gateway.wire import Adapter, Draw, Flow, FormField, Outcome, ProviderFields, Received, Send, Target, draw, send
from strategies import Cause, Failure, Success

_SUCCESS = range(200, 300)
_DRAWN_SEEDS = 1 << 48
_FOLDER = "beamsplitter"
_SAVED = "output"
_WORTH_READING = 262_144


def _flow(request: ImageRequest, target: Target) -> Flow:
    plan = planned(request, target)
    if isinstance(plan, Failure):
        return plan
    names: list[str] = []
    pictures = [Embedded(upload=upload, form="bytes") for upload in request.images]
    if request.mask is not None:
        pictures.append(Embedded(upload=request.mask, form="bytes", mask="white"))
    for picture in pictures:
        name = yield from _uploaded(picture, target)
        if isinstance(name, Failure):
            return name
        names.append(name)
    mask = None if request.mask is None else names.pop()
    graph = plan.graph(names, mask, (yield from _seed(plan)))
    queued = yield from send(Send("POST", "/prompt", json={"prompt": graph}))
    if queued.status not in _SUCCESS:
        return _refused(queued, target.provider)
    match queued.json():
        case {"prompt_id": str(job)} if job:
            outcome = yield from _made(job, target)
            return adapted(outcome, plan.encoded.adaptations)
        case _:
            return unreadable(queued, target.provider)


def _seed(plan: Plan) -> Generator[Draw, float, int]:
    if plan.has_seed:
        return 0
    return int((yield from draw()) * _DRAWN_SEEDS)


def _uploaded(picture: Embedded, target: Target) -> Generator[Send, Received, str | Failure]:
    """Put a picture where workflows can load it; return its name there."""
    form = (FormField("image", picture), FormField("subfolder", _FOLDER))
    received = yield from send(Send("POST", "/upload/image", form=form, free=True))
    if received.status not in _SUCCESS:
        return failure_from(received, target.provider)
    match received.json():
        case {"name": str(name)} as there if name:
            folder, kind = there.get("subfolder"), there.get("type")
            path = f"{folder}/{name}" if isinstance(folder, str) and folder else name
            return f"{path} [{kind}]" if isinstance(kind, str) and kind not in ("", "input") else path
        case _:
            return unreadable(received, target.provider)


def _refused(received: Received, provider: str) -> Failure:
    """Return the failure of a workflow that was not queued, with what is wrong with the first of its nodes."""
    body = received.json() if len(received.body) <= _WORTH_READING else None
    said = said_in(body)
    match body:
        case {"node_errors": dict(nodes)}:
            for node in nodes.values():
                match node:
                    case {"errors": [{"message": str(message), "details": str(details)}, *_]}:
                        said = replace(said, message=f"{said.message or 'refused'}: {message} ({details})")
                        break
    return failure_saying(said, received, provider)


def _made(job: str, target: Target) -> Flow:
    """Wait for a workflow to end, and fetch its pictures."""
    outcome = yield from poll(
        Send("GET", f"/history/{quote(job, safe='')}"),
        lambda received: _understood(received, job, target.provider),
        provider=target.provider,
        seconds=0.5,
        slowest=1.5,
    )
    if isinstance(outcome, Failure):
        return outcome
    pictures: list[Picture] = []
    status = None
    for there in outcome.reply.pictures:
        received = yield from send(Send("GET", there.url or ""))
        if received.status in _SUCCESS and received.body:
            pictures.append(Picture(data=received.body))
        else:
            status = received.status
    if status is None or pictures:
        return reply_of(pictures, target.provider)
    return Failure(cause=Cause.INCOMPLETE, message=f"{target.provider} answered {status} when asked for its picture")


def _understood(received: Received, job: str, provider: str) -> Outcome | None:
    """Return what became of a workflow: pictures are where they can be fetched, behind the server's address."""
    match received.json():
        case dict() as history if job not in history:
            return None
        case dict() as history:
            entry = history[job]
        case _:
            return unreadable(received, provider)
    match entry:
        case {"status": {"status_str": "error"} as status}:
            return failure_of_job(provider, Said(message=_reason(status.get("messages")) or "the workflow failed"))
        case {"outputs": dict(outputs)}:
            files = [file for output in outputs.values() for file in _files(output)]
            # Previews count only where nothing is saved.
            chosen = [file for file in files if file["type"] == _SAVED] or files
            return Success(ImageReply(pictures=tuple(Picture(url=f"/view?{urlencode(file)}") for file in chosen)))
        case _:
            return unreadable(received, provider)


def _files(output: Any) -> Iterator[Mapping[str, str]]:  # noqa: ANN401 - the JSON boundary
    match output:
        case {"images": [*images]}:
            for image in images:
                match image:
                    case {"filename": str(name)}:
                        folder, kind = image.get("subfolder"), image.get("type")
                        yield {"filename": name, "subfolder": str(folder or ""), "type": str(kind or _SAVED)}


def _reason(messages: Any) -> str | None:  # noqa: ANN401 - the JSON boundary
    for message in messages if isinstance(messages, list) else ():
        match message:
            case ["execution_error", {"exception_message": str(text)} as told]:
                return f"{told.get('node_type') or 'a node'}: {text}"
            case ["execution_interrupted", _]:
                return "the workflow was interrupted"
    return None


ADAPTERS = (
    Adapter(
        name="comfyui",
        base_url=nowhere,
        authorize=key_if_any,
        flow=_flow,
        fields=ProviderFields(needs_credential=False, has_own_host=False),
        n_max=4,
    ),
)
