"""Imagen, on Vertex AI and in its time on the Gemini API: instances and parameters in, predictions out."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from gateway.dialect.alpha import mask_of
from gateway.dialect.answers import adapted, picture_of, reply_of
from gateway.dialect.encode import DROPPED, OMITTED, Adapted, Bent, Encoded, Field, Unbending, encode, one_of
from gateway.dialect.google import SUCCESS, failure_from, filter_codes, laid_over, not_an_answer, settings, unwrapped
from gateway.dialect.unable import cannot, no_mask, unsupported
from gateway.dialect.words import shown
from gateway.images import Adaptation, Embedded, ImageRequest, Upload
from gateway.shapes import nearest_ratio, parse_size, ratio_of, tier_of
from gateway.wire import Flow, Outcome, Received, Send, Target, send
from strategies import Failure

_RATIOS = ("1:1", "3:4", "4:3", "9:16", "16:9")
_LONGEST_SMALL_EDGE = 1536
_SMALL_PIXELS = 1 << 20
_MOST_SEED = (1 << 32) - 1
_NAMES = ("imagen", "imagegeneration")
_OUTPUT = "parameters.outputOptions"
# What the caller writes in Google's own words is laid over ours; these names cannot be a caller's.
_PROMPT, _SHAPE, _OWN, _OWN_PARAMETERS = "*prompt", "*shape", "*own", "*parameters"
_FIELDS = (
    Field("prompt", _PROMPT),
    Field("n", "parameters.sampleCount"),
    Field("output_format", f"{_OUTPUT}.mimeType", one_of({"png": "image/png", "jpeg": "image/jpeg"}, {"jpg": "jpeg"})),
    Field("mimeType", f"{_OUTPUT}.mimeType"),
    Field("compressionQuality", f"{_OUTPUT}.compressionQuality"),
    Field("background", turn=one_of({"opaque": OMITTED})),
    *(Field(name, turn=one_of(())) for name in ("quality", "style")),
    Field("aspect_ratio", "parameters.aspectRatio"),
    Field("person_generation", "parameters.personGeneration"),
    Field("safety_setting", "parameters.safetySetting"),
    Field("guidance_scale", "parameters.guidanceScale"),
    *(Field(name, f"{_OWN}.{name}") for name in ("outputOptions", "upscaleConfig")),
    Field("parameters", _OWN_PARAMETERS, settings),
    Field("instances", turn=lambda _value: DROPPED),
)
_COMPRESSION = Field("output_compression", f"{_OUTPUT}.compressionQuality")
_NEGATIVE = Field("negative_prompt", "parameters.negativePrompt")
_VERTEX_FIELDS = (
    *_FIELDS,
    Field("moderation", "parameters.safetySetting", one_of({"low": "block_only_high"})),
    Field("watermark", "parameters.addWatermark"),
    Field("add_watermark", "parameters.addWatermark"),
    Field("labels"),
)
# The Gemini API has one grade of safety, and neither seeds nor a say in watermarks.
_GEMINI_API_FIELDS = (*_FIELDS, Field("moderation", turn=one_of(())))
_BESIDE_PREDICTIONS = frozenset({"metadata", "deployedModelId", "model", "modelDisplayName", "modelVersionId"})


def is_imagen(model: str) -> bool:
    """Whether a model speaks this format."""
    return model.startswith(_NAMES)


def imagen(path: str, request: ImageRequest, target: Target, *, vertex: bool) -> Flow:
    """Ask for pictures at the model's path, which `:predict` goes behind."""
    refused = _unable(request, target, vertex=vertex)
    if refused is not None:
        return refused
    encoded = _unmarked(encode(_fields(request, vertex=vertex), request.params, others="parameters"), request)
    received = yield from send(Send("POST", f"{path}:predict", json=_body(encoded, request)))
    return adapted(outcome_of(received, target.provider), encoded.adaptations)


def outcome_of(received: Received, provider: str) -> Outcome:
    """Return the pictures of an answer, or why there are none."""
    if received.status not in SUCCESS:
        return failure_from(received, provider)
    match unwrapped(received.json()):
        case {"predictions": list(predictions)}:
            # A row of this type holds what was found in the prompt, and stands for no picture.
            rows = [row for row in predictions if isinstance(row, dict) and row.get("contentType") != "Positive Prompt"]
        case dict() as answer if answer.keys() <= _BESIDE_PREDICTIONS:
            rows = []  # how it looks where every picture was filtered
        case _:
            return not_an_answer(received, provider)
    pictures = [picture_of(row.get("bytesBase64Encoded"), revised_prompt=row.get("prompt")) for row in rows]
    reasons = [reason for row in rows if isinstance(reason := row.get("raiFilteredReason"), str) and reason]
    outcome = reply_of(pictures, provider, withheld=bool(reasons) or not rows)
    if isinstance(outcome, Failure) and reasons:
        codes = filter_codes(reasons[0])
        return replace(
            outcome, message=f"{outcome.message}: {shown(reasons[0])}", provider_code=codes[0] if codes else None
        )
    return outcome


def _unable(request: ImageRequest, target: Target, *, vertex: bool) -> Failure | None:
    """Return the failure of what the model has no way to do, found before anything is sent."""
    if "storageUri" in {**request.params, **_parameters(request)}:
        return unsupported(
            "`storageUri` leaves the pictures in a bucket, where nobody can hand them over", "storageUri"
        )
    if request.operation == "generate":
        return None
    if request.operation == "vary" or not vertex:
        return cannot(request, target)
    if len(request.images) != 1:
        return unsupported(f"{request.model} works on one picture at a time", "image")
    if _enlarges(request):
        return no_mask(request, target)
    return None if "capability" in (request.model or "") else cannot(request, target)


def _enlarges(request: ImageRequest) -> bool:
    params = request.params
    return request.operation == "edit" and (
        "upscale" in (request.model or "")
        or params.get("mode") == "upscale"
        or not params.keys().isdisjoint(("upscaleConfig", "upscaleFactor"))
    )


def _fields(request: ImageRequest, *, vertex: bool) -> tuple[Field, ...]:
    params, model = request.params, request.model or ""
    fields = _VERTEX_FIELDS if vertex else _GEMINI_API_FIELDS
    if params.get("output_format") in ("jpeg", "jpg"):
        fields = (*fields, _COMPRESSION)
    if vertex:
        marked = any(params.get(name) is True for name in _WATERMARKS)
        fields = (*fields, Field("seed", "parameters.seed", _dropped if marked else _seed))
        # The fourth generation, and the last of the third, take no notice of it.
        if not model.startswith(("imagen-4", "imagen-3.0-generate-002")):
            fields = (*fields, _NEGATIVE)
    if _enlarges(request):
        factor = "parameters.upscaleConfig.upscaleFactor"
        return (*fields, Field("upscaleFactor", factor), Field("size", factor, _factor(request.images[0])))
    graded = model.startswith("imagen-4") and "fast" not in model
    return (*fields, Field("size", _SHAPE, _graded if graded else _ratio))


# What cannot be done without a mask.
_MASKED = ("EDIT_MODE_INPAINT_INSERTION", "EDIT_MODE_INPAINT_REMOVAL", "EDIT_MODE_OUTPAINT")
_WATERMARKS = ("watermark", "addWatermark", "add_watermark")


def _dropped(_value: Any) -> Any:  # noqa: ANN401 - a parameter may be any JSON
    """Leave a seed out: pictures with a watermark cannot be painted twice."""
    return DROPPED


def _seed(value: Any) -> Any:  # noqa: ANN401
    return value if type(value) is int and 0 <= value <= _MOST_SEED else DROPPED


def _ratio(value: Any) -> Any:  # noqa: ANN401
    """Turn a size into the nearest ratio, for models of one grade, which is 1K."""
    if value == "auto" or tier_of(value) == _SMALL_PIXELS:
        return OMITTED
    asked = ratio_of(value)
    if asked is None:
        return DROPPED
    name, faithful = nearest_ratio(asked, _RATIOS)
    return {"aspectRatio": name} if faithful else Adapted({"aspectRatio": name}, name)


def _graded(value: Any) -> Any:  # noqa: ANN401
    """Turn a size into the nearest ratio and the nearer of two grades."""
    pixels = tier_of(value)
    if pixels is not None:
        grade = "1K" if pixels == _SMALL_PIXELS else "2K"
        return {"sampleImageSize": grade} if grade == value.upper() else Adapted({"sampleImageSize": grade}, grade)
    size, found = parse_size(value), _ratio(value)
    if size is None or found is OMITTED or found is DROPPED:
        return found
    grade = "2K" if max(size) > _LONGEST_SMALL_EDGE else "1K"
    if isinstance(found, Adapted):
        return Adapted({**found.value, "sampleImageSize": grade}, f"{found.told} {grade}")
    return {**found, "sampleImageSize": grade}


def _factor(upload: Upload) -> Callable[[Any], Any]:
    """Return a turn from a size to how many times larger than the given picture it is."""

    def turn(value: Any) -> Any:  # noqa: ANN401
        if value == "auto":
            return OMITTED
        size = parse_size(value)
        if size is None:
            return DROPPED
        times = max(size) / max(upload.width, upload.height)
        factor = 2 if times < 3 else 4  # noqa: PLR2004 - there are these two, and three lies between them
        exact = size == (upload.width * factor, upload.height * factor)
        return f"x{factor}" if exact else Adapted(f"x{factor}")

    return turn


def _body(encoded: Encoded, request: ImageRequest) -> dict[str, Any]:
    body = dict(encoded.body)
    prompt, shape, own, whole = (body.pop(name, {}) for name in (_PROMPT, _SHAPE, _OWN, _OWN_PARAMETERS))
    parameters = {**shape, **body.pop("parameters", {})}
    instance: dict[str, Any] = {"prompt": prompt or ""}
    parameters.setdefault("sampleCount", 1)  # left out, it means four, and four are billed
    if _enlarges(request):
        instance["image"] = {"bytesBase64Encoded": Embedded(upload=request.images[0])}
        parameters["mode"] = "upscale"
        parameters["upscaleConfig"] = {"upscaleFactor": "x2", **parameters.get("upscaleConfig", {})}
    else:
        parameters.setdefault("includeRaiReason", True)  # without it a picture that was filtered is missing unexplained
        if request.operation == "edit":
            masked = "EDIT_MODE_INPAINT_INSERTION" if request.mask is not None else "EDIT_MODE_DEFAULT"
            mode = {"editMode": masked, **parameters, **_parameters(request)}["editMode"]
            parameters.setdefault("editMode", masked)
            instance["referenceImages"] = _references(request, mask_of(request) if mode in _MASKED else request.mask)
    return {"instances": [instance], "parameters": laid_over(laid_over(parameters, own), whole), **body}


def _unmarked(encoded: Encoded, request: ImageRequest) -> Encoded:
    """Switch the watermark off where there is a seed, which is refused beside it: it is on unless something is said."""
    parameters = encoded.body.get("parameters", {})
    if "seed" not in parameters or "addWatermark" in {**parameters, **_parameters(request)}:
        return encoded
    changes = (*encoded.adaptations, Adaptation("watermark", "true", "false"))
    if isinstance(request.params, Unbending):
        raise Bent(changes)
    return Encoded({**encoded.body, "parameters": {**parameters, "addWatermark": False}}, changes)


def _parameters(request: ImageRequest) -> Mapping[str, Any]:
    """Return what the caller wrote in Google's own object."""
    own = request.params.get("parameters")
    return own if isinstance(own, dict) else {}


def _references(request: ImageRequest, marked: Upload | None) -> list[Mapping[str, Any]]:
    image = request.images[0]
    references: list[Mapping[str, Any]] = [
        {
            "referenceType": "REFERENCE_TYPE_RAW",
            "referenceId": 1,
            "referenceImage": {"bytesBase64Encoded": Embedded(upload=image), "mimeType": image.media_type},
        }
    ]
    if marked is not None:
        # Whatever is not black is changed, so that a soft edge would be changed in full.
        mask = Embedded(upload=marked, mask="white", binary=True)
        references.append(
            {
                "referenceType": "REFERENCE_TYPE_MASK",
                "referenceId": 2,
                "referenceImage": {"bytesBase64Encoded": mask},
                "maskImageConfig": {"maskMode": "MASK_MODE_USER_PROVIDED"},
            }
        )
    return references
