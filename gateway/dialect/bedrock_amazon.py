"""Amazon's own image models on Bedrock, Titan and Nova Canvas: a task, its parameters, and what all tasks share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.dialect.alpha import mask_of
from gateway.dialect.answers import picture_of, reply_of, unreadable
from gateway.dialect.encode import DROPPED, OMITTED, Adapted, Encoded, Field, edges, encode, one_of, without
from gateway.dialect.stable_diffusion import NEUTRAL_PROMPT
from gateway.dialect.unable import no_mask, unsupported
from gateway.images import Embedded, ImageRequest, Polarity
from gateway.plain import either
from gateway.shapes import parse_size
from gateway.wire import Outcome, Received, Target
from strategies import Failure

_MOST_VARIED = 5
_CONFIG = "imageGenerationConfig"
_STYLES = (
    *("3D_ANIMATED_FAMILY_FILM", "DESIGN_SKETCH", "FLAT_VECTOR_ILLUSTRATION", "GRAPHIC_NOVEL_ILLUSTRATION"),
    *("MAXIMALISM", "MIDCENTURY_RETRO", "PHOTOREALISM", "SOFT_DIGITAL_PAINTING"),
)


@dataclass(frozen=True, slots=True)
class _Task:
    """What Amazon's models can be told to do."""

    params: str
    """The object that holds the task's parameters."""
    pictures: tuple[str, ...]
    """What each picture is called."""
    listed: int = 0
    """Instead: how many pictures go into one list at most."""
    mask: Polarity | None = None
    sized: bool = False
    """Whether the size is free; else it follows the picture."""
    worded: bool = True
    configured: bool = True
    """Whether `imageGenerationConfig` may go along."""


_TASKS = {
    "TEXT_IMAGE": _Task("textToImageParams", ("conditionImage",), sized=True),
    # Black marks what is inside the mask: inpainting paints there, outpainting everywhere else.
    "INPAINTING": _Task("inPaintingParams", ("image",), mask="black"),
    "OUTPAINTING": _Task("outPaintingParams", ("image",), mask="white"),
    "IMAGE_VARIATION": _Task("imageVariationParams", (), listed=_MOST_VARIED, sized=True),
    "COLOR_GUIDED_GENERATION": _Task("colorGuidedGenerationParams", ("referenceImage",), sized=True),
    "BACKGROUND_REMOVAL": _Task("backgroundRemovalParams", ("image",), worded=False, configured=False),
    "VIRTUAL_TRY_ON": _Task("virtualTryOnParams", ("sourceImage", "referenceImage"), worded=False),
}
# Words of Amazon's that belong inside the task's parameters; callers may say them without the object around them.
_INSIDE = (
    *("negativeText", "conditionImage", "controlMode", "controlStrength", "maskPrompt", "maskImage", "returnMask"),
    *("outPaintingMode", "similarityStrength", "colors", "maskType", "imageBasedMask", "garmentBasedMask"),
    *("promptBasedMask", "maskExclusions", "mergeStyle"),
)
_OBJECTS = frozenset({_CONFIG, *(task.params for task in _TASKS.values())})
# What the caller writes in these objects is laid over ours; this name cannot be a caller's.
_OWN = "*own"
_quality = one_of(
    {"standard": "standard", "premium": "premium", "hd": "premium"},
    {"low": "standard", "medium": "standard", "high": "premium"},
)


def encoded(request: ImageRequest, target: Target) -> Encoded | Failure:
    """Return the body of a request; the caller's own `taskType` goes before what the request looks like."""
    wished = request.params.get("taskType") or _usual(request)
    task = _TASKS.get(wished) if isinstance(wished, str) else None
    if task is None:
        return unsupported(f"`taskType` must be {either(tuple(_TASKS))}", "taskType")
    pictures = _pictures(task, request, target)
    if isinstance(pictures, Failure):
        return pictures
    # Titan has no styles.
    styled = wished == "TEXT_IMAGE" and "nova" in (request.model or "")
    odd = [name for name, value in request.params.items() if name in _OBJECTS and not isinstance(value, dict)]
    if odd:
        return unsupported(f"`{odd[0]}` must be an object", odd[0])
    found = encode(_fields(task, request, styled=styled), without(request.params, {"taskType"}))
    body = {**found.body, "taskType": wished}
    for name, value in body.pop(_OWN, {}).items():
        body[name] = {**body.get(name, {}), **value}
    if pictures:
        body[task.params] = {**body.get(task.params, {}), **pictures}
    if wished == "IMAGE_VARIATION" and "titan" in (request.model or ""):
        # Nova does without words; that Titan does is said nowhere.
        body[task.params] = {"text": NEUTRAL_PROMPT, **body.get(task.params, {})}
    return Encoded(body, found.adaptations)


def understood(received: Received, provider: str) -> Outcome:
    """Return the pictures of an answer; `error` beside them says that some were withheld."""
    match received.json():
        case {"images": list(images), **rest}:
            withheld = isinstance(rest.get("error"), str) and bool(rest["error"])
            return reply_of(map(picture_of, images), provider, withheld=withheld)
        case {"error": str(error), **rest} if error and rest.get("images") is None:
            return reply_of((), provider, withheld=True)
        case _:
            return unreadable(received, provider)


def follows(request: ImageRequest) -> Callable[[Any], Any]:
    """Return the turn of a size that is the given picture's, whatever is asked for."""

    def turn(value: Any) -> Any:  # noqa: ANN401
        first = next(iter(request.images), None)
        same = first is not None and parse_size(value) == (first.width, first.height)
        return OMITTED if same or value == "auto" else DROPPED

    return turn


def _usual(request: ImageRequest) -> str:
    if request.operation == "generate":
        return "TEXT_IMAGE"
    return "INPAINTING" if request.mask is not None or "maskPrompt" in request.params else "IMAGE_VARIATION"


def _fields(task: _Task, request: ImageRequest, *, styled: bool) -> list[Field]:
    inside = task.params
    fields = [Field(name, f"{inside}.{name}") for name in _INSIDE]
    fields += [Field(name, f"{_OWN}.{name}") for name in sorted(_OBJECTS)]
    fields += [
        Field("output_format", turn=one_of({"png": OMITTED})),
        Field("background", turn=one_of({"opaque" if task.configured else "transparent": OMITTED})),
    ]
    if task.worded:
        fields += [Field("prompt", f"{inside}.text"), Field("negative_prompt", f"{inside}.negativeText")]
    if styled:
        fields.append(Field("style", f"{inside}.style", one_of(_STYLES)))
    if task.listed:
        fields.append(Field("input_fidelity", f"{inside}.similarityStrength", _similarity))
    if task.sized:
        fields.append(Field("size", (f"{_CONFIG}.width", f"{_CONFIG}.height"), edges))
    else:
        fields.append(Field("size", turn=follows(request)))
    if not task.configured:
        return [*fields, Field("n", turn=lambda count: OMITTED if count == 1 else DROPPED)]
    return [
        *fields,
        Field("n", f"{_CONFIG}.numberOfImages"),
        Field("quality", f"{_CONFIG}.quality", _quality),
        Field("seed", f"{_CONFIG}.seed"),
        Field("cfgScale", f"{_CONFIG}.cfgScale"),
    ]


def _similarity(value: Any) -> Any:  # noqa: ANN401
    strength = {"high": 0.9, "low": 0.5}.get(value) if isinstance(value, str) else None
    return DROPPED if strength is None else Adapted(strength, f"similarityStrength {strength}")


def _pictures(task: _Task, request: ImageRequest, target: Target) -> Mapping[str, Any] | Failure:
    most = task.listed or len(task.pictures)
    if len(request.images) > most:
        what = "one picture" if most == 1 else f"{most} pictures"
        return unsupported(f"{request.model} works on {what} at most in this task", "image")
    embedded = [Embedded(upload=upload) for upload in request.images]
    found: dict[str, Any] = dict(zip(task.pictures, embedded, strict=False))
    if task.listed and embedded:
        found["images"] = embedded
    if task.mask is None:
        return no_mask(request, target) or found
    marked = not request.params.keys().isdisjoint(("maskPrompt", "maskImage", task.params))
    mask = request.mask if marked else mask_of(request)
    # Anything but pure black and pure white is refused.
    return found if mask is None else {**found, "maskImage": Embedded(upload=mask, mask=task.mask, binary=True)}
