"""Rules about edits that are led to models which only paint anew."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.config.conditions import compile_query
from gateway.config.document import Document
from gateway.config.reading import Reading
from gateway.config.spec import ConditionalSpec, FallbackSpec, LoadBalanceSpec, SingleSpec, TargetSpec
from gateway.images import ImageRequest
from gateway.lint.ground import Ground, Site
from gateway.lint.rule import Found, Rule

_EDITS = "/v1/images/edits"
_PATHS = frozenset({"/v1/images/generations", _EDITS, "/v1/images/variations"})
_PICTURES = frozenset({"params.image", "params.mask"})

Arriving = Iterator[tuple[Site, frozenset[str]]]


def _arriving(site: Site, paths: frozenset[str] = _PATHS) -> Arriving:
    """Yield each node that requests get to, with the paths that they may have come by."""
    yield site, paths
    match site.spec:
        case ConditionalSpec() as spec:
            yield from _by_condition(site, spec, paths)
        case LoadBalanceSpec() as spec:
            for child, weight in zip(site.children, spec.weights, strict=True):
                if weight:
                    yield from _arriving(child, paths)
        case SingleSpec():
            yield from _arriving(site.children[0], paths)
        case _:
            for child in site.children:
                yield from _arriving(child, paths)


def _by_condition(site: Site, spec: ConditionalSpec, paths: frozenset[str]) -> Arriving:
    led: dict[int, frozenset[str]] = {}
    left = paths
    for condition in spec.conditions:
        met = left & _met(condition.query)
        led[condition.then] = led.get(condition.then, frozenset()) | met
        if condition.query.keys() == {"url.pathname"}:
            left -= met
    if spec.default is not None:
        led[spec.default] = led.get(spec.default, frozenset()) | left
    for index, arriving in led.items():
        yield from _arriving(site.children[index], arriving)


def _met(query: Mapping[str, Any]) -> frozenset[str]:
    """Return the paths by which a request that meets the query may have come."""
    found = _PATHS
    for key, operand in query.items():
        if key == "url.pathname":
            holds = compile_query({key: operand}, (), Reading(Document(data=None)))
            found &= {path for path in _PATHS if holds(ImageRequest(params={}, path=path))}
        elif key in _PICTURES and operand == {"$exists": True}:
            found -= {"/v1/images/generations"}
        elif key == "$and":
            for part in operand:
                found &= _met(part)
        elif key == "$or":
            found &= frozenset().union(*map(_met, operand))
    return found


def _edits(ground: Ground, site: Site) -> bool | None:
    """Whether a node can edit pictures, by any of its targets; `None` where nobody knows."""
    if not isinstance(site.spec, TargetSpec):
        able = {_edits(ground, child) for child in site.children}
        return True if True in able else None if None in able else False
    model = ground.model(site)
    return model.row.edit if model is not None and model.row is not None and model.always else None


def _unsupported(ground: Ground) -> Iterator[Found]:
    told: set[str] = set()
    for site, paths in _arriving(ground.root):
        edits_alone = _EDITS in paths and "/v1/images/generations" not in paths
        if not edits_alone or _edits(ground, site) is not False:
            continue
        if site.above is None or site.above.path not in told:
            message = (
                f"Edits are led here, and {_cannot(ground, site)}: name a model that does, or lead them elsewhere."
            )
            yield Found(site.path, message)
        told.add(site.path)


def _cannot(ground: Ground, site: Site) -> str:
    if not isinstance(site.spec, TargetSpec):
        return f"no model below {site.called} can edit pictures"
    model = ground.model(site)
    name = f"`{model.row.id}`" if model is not None and model.row is not None else site.called
    return f"{name} cannot edit pictures"


def _partly(ground: Ground) -> Iterator[Found]:
    for site, paths in _arriving(ground.root):
        if _EDITS not in paths or not isinstance(site.spec, FallbackSpec | LoadBalanceSpec):
            continue
        weights = site.spec.weights if isinstance(site.spec, LoadBalanceSpec) else [1.0] * len(site.children)
        children = [child for child, weight in zip(site.children, weights, strict=True) if weight]
        able = [_edits(ground, child) for child in children]
        if True not in able or False not in able:
            continue
        unable = children[able.index(False)]
        if isinstance(site.spec, LoadBalanceSpec):
            told = f"Of the edits here, those that fall to {unable.called} fail"
        elif able.index(False) > able.index(True):
            told = f"Edits that fail before it find no help at {unable.called}"
        else:
            told = f"Edits never stay at {unable.called}"
        advice = "lead edits elsewhere by a condition on `url.pathname`, or name a model that edits"
        yield Found(unable.path, f"{told}: {_cannot(ground, unable)}; {advice}.")


EDITS_UNSUPPORTED = Rule(
    name="edits-unsupported",
    severity="warning",
    summary="Edits that are led to models which cannot edit.",
    why=(
        "A condition picks out the edits, and what it leads to paints from words alone: each of these requests fails"
        " with `unsupported`, before anything is sent."
    ),
    bad="""\
strategy:
  mode: conditional
  conditions:
    - query: {url.pathname: /v1/images/edits}
      then: edits
  default: new
targets:
  - {name: edits, virtual_key: aws, override_params: {model: "stability.stable-image-ultra-v1:1"}}
  - {name: new, virtual_key: openai-prod, override_params: {model: gpt-image-2}}
""",
    good="""\
strategy:
  mode: conditional
  conditions:
    - query: {url.pathname: /v1/images/edits}
      then: edits
  default: new
targets:
  - {name: edits, virtual_key: openai-prod, override_params: {model: gpt-image-2}}
  - {name: new, virtual_key: aws, override_params: {model: "stability.stable-image-ultra-v1:1"}}
""",
    find=_unsupported,
)

EDITS_PARTLY = Rule(
    name="edits-partly",
    severity="notice",
    summary="A fallback, or a load balance, in which some targets can edit pictures and others cannot.",
    why=(
        "New pictures survive an outage, edits do not; or edits fail as often as the draw falls on the wrong target."
        " Where nobody edits, that is all right: a comment says so."
    ),
    bad="""\
strategy:
  mode: fallback
targets:
  - {name: openai, virtual_key: openai-prod, override_params: {model: gpt-image-2}}
  - {name: stable-diffusion, virtual_key: aws, override_params: {model: "stability.stable-image-ultra-v1:1"}}
""",
    good="""\
strategy:
  mode: fallback
targets:
  - {name: openai, virtual_key: openai-prod, override_params: {model: gpt-image-2}}
  - {name: kontext, virtual_key: flux, override_params: {model: flux-kontext-pro}}
""",
    find=_partly,
)

RULES = (EDITS_UNSUPPORTED, EDITS_PARTLY)
