"""What a request means to ComfyUI: its parameters as the values of a workflow, checked before anything is sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.dialect.comfy_graph import Given, Graph, filled, numbered, own_graph, places, plain_graph
from gateway.dialect.encode import DROPPED, OMITTED, Adapted, Encoded, Field, encode
from gateway.dialect.unable import unsupported
from gateway.images import ImageRequest, Upload
from gateway.shapes import Size, parse_size, written
from gateway.wire import Target
from strategies import Failure

_GRID = 8
_MOST_EDGE = 2048
_USUAL = (1024, 1024)
_SEEDS = range(1 << 64)
_NAMELESS = "comfyui"
"""Stands in the catalogue for whatever a workflow does; no checkpoint is called so."""


def _on_grid(value: Any) -> Any:  # noqa: ANN401 - as the caller wrote it
    """Turn a size into edges that a latent picture can have."""
    if value == "auto":
        return OMITTED
    size = parse_size(value)
    if size is None:
        return DROPPED
    fitted = _rounded(size, 1.0)
    return size if fitted == size else Adapted(fitted, written(fitted))


def _rounded(size: Size, scale: float) -> Size:
    width, height = (max(_GRID, round(edge * scale / _GRID) * _GRID) for edge in size)
    return width, height


def _seed(value: Any) -> Any:  # noqa: ANN401 - as the caller wrote it
    return value if type(value) is int and value in _SEEDS else DROPPED


_ROWS = (
    Field("prompt"),
    Field("negative_prompt"),
    Field("seed", turn=_seed),
    Field("size", ("width", "height"), _on_grid),
    Field("n", "batch_size"),
    Field("steps"),
    Field("cfg"),
    Field("cfg_scale", "cfg"),
    Field("sampler_name"),
    Field("scheduler"),
    Field("denoise"),
    Field("denoising_strength", "denoise"),
)
_ROW_NAMES = frozenset(row.name for row in _ROWS)


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be queued, once the pictures are on the server and there is a seed."""

    own: Graph | None
    encoded: Encoded
    model: str
    scale: Size | None = None
    """What the given picture is brought to first."""

    @property
    def has_seed(self) -> bool:
        """Whether the request says what chance is to start from."""
        return "seed" in self.encoded.body

    def graph(self, names: Sequence[str], mask: str | None, seed: int) -> Graph:
        """Return the workflow; the names are those of the pictures on the server."""
        values = {"seed": seed, **self.encoded.body}
        if self.own is None:
            given = Given(image=names[0], mask=mask, scale=self.scale) if names else None
            return plain_graph(self.model, values, given)
        values = {"negative_prompt": "", "batch_size": 1, "model": self.model, **values, **numbered(names)}
        values["n"] = values["batch_size"]
        if mask is not None:
            values["mask"] = mask
        graph: Graph = filled(self.own, values)
        return graph


def planned(request: ImageRequest, target: Target) -> Plan | Failure:
    """Return what a request comes to, or why it comes to nothing."""
    images, model = request.images, request.model or ""
    if request.operation != "generate" and not images:
        return unsupported(f"{target.provider} needs the picture to work on", "image")
    if "workflow" in request.params:
        return _with_own(request, target)
    if not model or model == _NAMELESS:
        return unsupported(f"{target.provider} needs a checkpoint as `model`, or a `workflow`", "model")
    if len(images) > 1:
        return unsupported(f"{target.provider} works on one picture, unless a `workflow` says how on more", "image")
    encoded = encode(_ROWS, request.params, others=None)
    width, height = encoded.body.get("width"), encoded.body.get("height")
    if not images:
        encoded.body.update(zip(("width", "height"), _USUAL if width is None else (width, height), strict=True))
        return Plan(None, encoded, model)
    return Plan(None, encoded, model, _shrunk(images[0]) if width is None or height is None else (width, height))


def _with_own(request: ImageRequest, target: Target) -> Plan | Failure:
    params = request.params
    graph = own_graph(params["workflow"])
    if isinstance(graph, str):
        return unsupported(f"{target.provider}: {graph}", "workflow")
    wanted, given = places(graph), _given(request)
    homeless = min(given - wanted, default=None)
    if homeless is not None:
        return unsupported(f"the `workflow` has no place for this: write %{homeless}% where it belongs", "workflow")
    of_request = {name for name in wanted if name in ("prompt", "mask", "image") or name.startswith("image_")}
    if not request.model:
        of_request |= wanted & {"model"}
    lacking = min(of_request - given, default=None)
    if lacking is not None:
        return unsupported(f"the `workflow` has a place for %{lacking}%, and the request has none", lacking)
    rows = [row for row in _ROWS if not wanted.isdisjoint(_names(row))]
    rows += [Field(name) for name in params if name in wanted and name not in _ROW_NAMES]
    rows.append(Field("workflow", turn=lambda _value: OMITTED))
    encoded = encode(rows, params, others=None)
    if "width" not in encoded.body:
        first = request.images[0] if request.images else None
        size = _USUAL if first is None else _shrunk(first) or (first.width, first.height)
        encoded.body.update(width=size[0], height=size[1])
    return Plan(graph, encoded, request.model or "")


def _given(request: ImageRequest) -> set[str]:
    """Return the places without which a part of the request would be lost."""
    given = set(numbered(["" for _ in request.images]))
    if request.mask is not None:
        given.add("mask")
    if "prompt" in request.params:
        given.add("prompt")
    return given


def _names(row: Field) -> tuple[str, ...]:
    return (row.name, *((row.to,) if isinstance(row.to, str) else row.to or ()))


def _shrunk(image: Upload) -> Size | None:
    """Return what a picture that is too large is to be brought to."""
    scale = _MOST_EDGE / max(image.width, image.height)
    return None if scale >= 1 else _rounded((image.width, image.height), scale)
