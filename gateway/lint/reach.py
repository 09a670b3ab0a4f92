"""The rule about targets that no request gets to."""

from collections.abc import Iterator

from gateway.config.spec import ConditionalSpec, FallbackSpec, LoadBalanceSpec, SingleSpec
from gateway.lint.failing import stopping
from gateway.lint.fallbacks import never_fires
from gateway.lint.ground import Ground, Site
from gateway.lint.money import too_dear
from gateway.lint.rule import Found, Rule


def _unreachable(ground: Ground) -> Iterator[Found]:
    for site in ground.sites:
        match site.spec:
            case ConditionalSpec():
                yield from _without_condition(site, site.spec)
            case LoadBalanceSpec():
                yield from _without_weight(site, site.spec)
            case SingleSpec():
                for child in site.children[1:]:
                    message = f"{child.called} is never asked: `mode: single` uses the first target alone; remove it."
                    yield Found(child.path, message)
            case FallbackSpec():
                yield from _behind(site)
    for site, spec, queries in ground.conditionals:
        if spec.default is not None and queries.exhaust():
            message = (
                "The default is never used: the conditions hold for every request; remove `default`, or a condition."
            )
            yield Found(site.at("strategy", "default"), message)
    yield from too_dear(ground)


def _without_condition(site: Site, spec: ConditionalSpec) -> Iterator[Found]:
    led_to = {condition.then for condition in spec.conditions} | {spec.default}
    for index, child in enumerate(site.children):
        if index not in led_to:
            message = f"{child.called} is never asked: no condition leads to it, and it is not the default; remove it."
            yield Found(child.path, message)


def _without_weight(site: Site, spec: LoadBalanceSpec) -> Iterator[Found]:
    for child, weight in zip(site.children, spec.weights, strict=True):
        if not weight:
            message = f"{child.called} is never asked: its weight is 0; give it some, or remove it."
            yield Found(child.at("weight"), message)


def _behind(site: Site) -> Iterator[Found]:
    stop = stopping(site)
    if stop is not None and not never_fires(site):
        behind = site.children[stop + 1]
        message = (
            f"{behind.called} is never asked, nor is what follows it: no failure of {site.children[stop].called},"
            " which is before it, makes this fallback move on; change the order, or what it moves on after."
        )
        yield Found(behind.path, message)


TARGET_UNREACHABLE = Rule(
    name="target-unreachable",
    severity="warning",
    summary="A target that no request gets to.",
    why=(
        "It looks like a reserve and is none: a target of weight 0, one that no condition leads to, the second one in"
        " `mode: single`, one that costs more than `max_cost_usd` allows at every size and quality, or one behind a"
        " target after which its fallback never moves on. Whoever keeps such a target on purpose, to give it weight"
        " some day, says so in a comment."
    ),
    bad="""\
strategy:
  mode: conditional
  conditions:
    - query: {metadata.plan: paid}
      then: high
  default: low
targets:
  - {name: high, provider: sandbox, override_params: {quality: high}}
  - {name: medium, provider: sandbox, override_params: {quality: medium}}
  - {name: low, provider: sandbox, override_params: {quality: low}}
""",
    good="""\
strategy:
  mode: conditional
  conditions:
    - query: {metadata.plan: paid}
      then: high
    - query: {metadata.plan: trial}
      then: medium
  default: low
targets:
  - {name: high, provider: sandbox, override_params: {quality: high}}
  - {name: medium, provider: sandbox, override_params: {quality: medium}}
  - {name: low, provider: sandbox, override_params: {quality: low}}
""",
    find=_unreachable,
)

RULES = (TARGET_UNREACHABLE,)
