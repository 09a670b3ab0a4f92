"""What targets cost beside what `max_cost_usd` allows."""

import math
from collections.abc import Iterator

from gateway.catalogue import price_range
from gateway.config.shaping import shape
from gateway.config.spec import TargetSpec
from gateway.lint.ground import Ground, Site
from gateway.lint.rule import Found, Rule
from gateway.providers import PROVIDERS

_USUAL = {"size": "1024x1024", "quality": "auto", "n": 1}
_ANY = {"size": "auto", "quality": "auto", "n": 1}


def too_dear(ground: Ground) -> Iterator[Found]:
    """Find the targets that cost too much at any size and quality, where others do not."""
    for site, spec in ground.targets:
        cheapest = _cheapest(ground, site, _ANY)
        if spec.max_cost is None or cheapest is None or cheapest <= spec.max_cost:
            continue
        if any(each.gives("max_cost_usd") and _refused(ground, each) is not None for each in site.lines()):
            continue  # it is told of all of them together
        costs = "nobody knows what it costs" if cheapest == math.inf else f"it costs {_usd(cheapest)} at least"
        message = f"{site.called} is never asked: {costs}, and `max_cost_usd` allows {_usd(spec.max_cost)}; allow more,"
        yield Found(site.path, f"{message} or remove it.")


def _below(ground: Ground) -> Iterator[Found]:
    for site in ground.sites:
        cheapest = _refused(ground, site) if site.gives("max_cost_usd") else None
        if cheapest == math.inf:
            message = (
                "Nobody knows what the targets here cost, so that each request is refused: add the prices of their"
                " models to `catalogue` in gateway.yaml, or remove the limit."
            )
            yield Found(site.at("max_cost_usd"), message)
        elif cheapest is not None:
            message = (
                "This is less than the cheapest target here takes for one picture of 1024x1024, which is"
                f" {_usd(cheapest)}: each such request is refused; allow more, or name a cheaper model."
            )
            yield Found(site.at("max_cost_usd"), message)


def _refused(ground: Ground, holder: Site) -> float | None:
    """Return what the cheapest target below costs, where that is more than is allowed; `None` where it may be had."""
    allowed, least = holder.value("max_cost_usd"), math.inf
    for site in holder.below():
        if isinstance(site.spec, TargetSpec):
            cheapest = _cheapest(ground, site, _USUAL)
            if cheapest is None or cheapest <= allowed:
                return None
            least = min(least, cheapest)
    return least


def _cheapest(ground: Ground, site: Site, asked: dict[str, object]) -> float | None:
    """Return the least that one picture costs there: infinity where nobody knows, `None` where it may be anything."""
    spec, model = site.spec, ground.model(site)
    if not isinstance(spec, TargetSpec) or model is None or not model.always or PROVIDERS[spec.provider].local:
        return None
    prices = None if model.row is None else model.row.prices
    if model.row is None or prices is None or not (prices.images or prices.image is not None or prices.megapixel):
        return math.inf
    found = price_range(model.row, shape(asked, spec.shaping), 1)
    return None if found is None else found[0]


def _usd(dollars: float) -> str:
    return f"${dollars:.4g}"


MAX_COST_BELOW_CHEAPEST = Rule(
    name="max-cost-below-cheapest",
    severity="error",
    summary="A `max_cost_usd` below what the cheapest target costs.",
    why=(
        "What a request may cost is held against `max_cost_usd` before anything is sent. Where even the cheapest target"
        " takes more for one picture of 1024x1024 at its lowest quality, nothing of that size is ever painted."
    ),
    bad="""\
virtual_key: aws
max_cost_usd: 0.05
override_params: {model: "stability.stable-image-ultra-v1:1"}
""",
    good="""\
virtual_key: aws
max_cost_usd: 0.20
override_params: {model: "stability.stable-image-ultra-v1:1"}
""",
    find=_below,
)

RULES = (MAX_COST_BELOW_CHEAPEST,)
