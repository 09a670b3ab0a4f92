"""ComfyUI's workflows: the plain one for a checkpoint, and the caller's own with the request written into it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.shapes import Size

_PLACE = re.compile(r"%([a-z][a-z0-9_]{0,63})%")
_PREFIX = "beamsplitter"

# The nodes of the plain workflow, by the numbers that ComfyUI's own first example gives them.
_SAMPLER, _CHECKPOINT, _LATENT, _POSITIVE, _NEGATIVE, _DECODED, _SAVED = "3", "4", "5", "6", "7", "8", "9"
_PICTURE, _SCALED, _MASK, _MASK_SCALED, _MASK_ALONE, _MASKED, _REPEATED = "10", "11", "12", "13", "14", "15", "16"

Graph = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The pictures of a request, by their names on the server."""

    image: str
    mask: str | None = None
    scale: Size | None = None
    """What they are brought to first."""


def plain_graph(model: str, values: Mapping[str, Any], given: Given | None) -> Graph:
    """Return the workflow that every checkpoint runs, new pictures without `given`."""
    graph = {
        _CHECKPOINT: _node("CheckpointLoaderSimple", ckpt_name=model),
        _POSITIVE: _node("CLIPTextEncode", text=values.get("prompt", ""), clip=[_CHECKPOINT, 1]),
        _NEGATIVE: _node("CLIPTextEncode", text=values.get("negative_prompt", ""), clip=[_CHECKPOINT, 1]),
    }
    count = values.get("batch_size", 1)
    if given is None:
        size = {"width": values["width"], "height": values["height"]}
        graph[_LATENT] = _node("EmptyLatentImage", **size, batch_size=count)
        latent = _LATENT
    else:
        latent = _add_given(graph, given, count)
    graph[_SAMPLER] = _node(
        "KSampler",
        seed=values["seed"],
        steps=values.get("steps", 20),
        cfg=values.get("cfg", 7.0),
        sampler_name=values.get("sampler_name", "euler"),
        scheduler=values.get("scheduler", "normal"),
        denoise=values.get("denoise", 1.0 if given is None else 0.75),
        model=[_CHECKPOINT, 0],
        positive=[_POSITIVE, 0],
        negative=[_NEGATIVE, 0],
        latent_image=[latent, 0],
    )
    graph[_DECODED] = _node("VAEDecode", samples=[_SAMPLER, 0], vae=[_CHECKPOINT, 2])
    graph[_SAVED] = _node("SaveImage", images=[_DECODED, 0], filename_prefix=_PREFIX)
    return graph


def _add_given(graph: Graph, given: Given, count: Any) -> str:  # noqa: ANN401 - as the caller wrote it
    """Add the nodes that turn pictures into what is painted on; return the last of them."""
    graph[_PICTURE] = _node("LoadImage", image=given.image)
    pixels = _scaled(graph, _PICTURE, _SCALED, given.scale)
    graph[_LATENT] = _node("VAEEncode", pixels=[pixels, 0], vae=[_CHECKPOINT, 2])
    last = _LATENT
    if given.mask is not None:
        graph[_MASK] = _node("LoadImage", image=given.mask)
        graph[_MASK_ALONE] = _node(
            "ImageToMask", image=[_scaled(graph, _MASK, _MASK_SCALED, given.scale), 0], channel="red"
        )
        graph[_MASKED] = _node("SetLatentNoiseMask", samples=[last, 0], mask=[_MASK_ALONE, 0])
        last = _MASKED
    if count != 1:
        graph[_REPEATED] = _node("RepeatLatentBatch", samples=[last, 0], amount=count)
        last = _REPEATED
    return last


def _scaled(graph: Graph, of: str, name: str, size: Size | None) -> str:
    if size is None:
        return of
    width, height = size
    graph[name] = _node(
        "ImageScale", image=[of, 0], upscale_method="lanczos", width=width, height=height, crop="center"
    )
    return name


def _node(kind: str, **inputs: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    return {"class_type": kind, "inputs": inputs}


def own_graph(workflow: Any) -> Graph | str:  # noqa: ANN401 - as the caller wrote it
    """Return the caller's workflow, or what is wrong with it; in a form it is JSON in a text."""
    if isinstance(workflow, str):
        try:
            workflow = orjson.loads(workflow)
        except orjson.JSONDecodeError:
            return "the `workflow` is not JSON"
    match workflow:
        case {"nodes": [*_]}:
            return "the `workflow` is one for ComfyUI's screen: export it in the API format"
        case dict() if workflow and all(_is_node(node) for node in workflow.values()):
            return workflow
        case _:
            return "the `workflow` has to be an object of nodes with a `class_type` each, as ComfyUI's API format is"


def _is_node(node: Any) -> bool:  # noqa: ANN401 - as the caller wrote it
    return isinstance(node, dict) and isinstance(node.get("class_type"), str)


def places(graph: Any) -> frozenset[str]:  # noqa: ANN401 - any JSON value
    """Return the names between percent signs in the texts of a workflow."""
    return frozenset(name for text in _texts(graph) for name in _PLACE.findall(text))


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def filled(value: Any, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON value
    """Return a workflow with values in their places: a text that is one place becomes the value, whatever its type.

    Names without a value stay: ComfyUI has places of its own, such as `%date%`.
    """
    if isinstance(value, dict):
        return {name: filled(item, values) for name, item in value.items()}
    if isinstance(value, list):
        return [filled(item, values) for item in value]
    if not isinstance(value, str):
        return value
    whole = _PLACE.fullmatch(value)
    if whole is not None and whole[1] in values:
        return values[whole[1]]
    return _PLACE.sub(lambda found: str(values[found[1]]) if found[1] in values else found[0], value)


def numbered(names: Sequence[str]) -> dict[str, str]:
    """Return pictures by the names of their places: `image` is the first, `image_2` the second."""
    return {"image" if number == 1 else f"image_{number}": name for number, name in enumerate(names, 1)}
