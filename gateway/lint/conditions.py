"""Rules about conditions: those that can never hold, and requests that none of them is for."""

from collections.abc import Iterator

from gateway.config.suggest import printable
from gateway.lint.ground import Ground
from gateway.lint.queries import Queries
from gateway.lint.rule import Found, Rule


def _never_holding(ground: Ground) -> Iterator[Found]:
    for site, spec, queries in ground.conditionals:
        for index in range(len(spec.conditions)):
            why = _why_never(queries, index)
            if why is not None:
                target = printable(spec.children[spec.conditions[index].then].name or "")
                message = f"This condition, which leads to `{target}`, never holds: {why}."
                yield Found(f"{site.strategy}.conditions[{index}]", message)


def _why_never(queries: Queries, index: int) -> str | None:
    if queries.contradicts_itself(index):
        return "it contradicts itself; correct the query, or remove the condition"
    if queries.never(index):
        return "no request that the conditions above lead here meets it; correct the query, or remove the condition"
    taken = queries.taken_by(index)
    if not taken:
        return None
    if len(taken) == 1:
        return (
            f"condition {taken[0] + 1} before it takes every request it could be for; put this one first, or remove it"
        )
    return "the conditions before it together take every request it could be for; put it before them, or remove it"


def _without_default(ground: Ground) -> Iterator[Found]:
    for site, spec, queries in ground.conditionals:
        if spec.default is None and not queries.exhaust():
            yield Found(
                site.strategy,
                "Requests that meet no condition are answered 400 `no_route`: name a `default`, or let this stand and"
                " say why.",
            )


CONDITION_NEVER_HOLDS = Rule(
    name="condition-never-holds",
    severity="warning",
    summary="A condition that no request can meet, or that earlier ones leave nothing for.",
    why=(
        "The first condition that holds decides. One that asks for the same as an earlier one, or for less, is never"
        " its turn, and neither is one that contradicts itself, or the conditions that lead to its node. Reported is"
        " only what is sure for every request there could be; patterns in `$regex` are compared as they are written."
    ),
    bad="""\
strategy:
  mode: conditional
  conditions:
    - query: {metadata.plan: {$in: [pro, enterprise]}}
      then: high
    - query: {metadata.plan: enterprise}
      then: highest
  default: standard
targets:
  - {name: standard, provider: sandbox}
  - {name: high, provider: sandbox, override_params: {quality: high}}
  - {name: highest, provider: sandbox, override_params: {quality: hd}}
""",
    good="""\
strategy:
  mode: conditional
  conditions:
    - query: {metadata.plan: enterprise}
      then: highest
    - query: {metadata.plan: {$in: [pro, enterprise]}}
      then: high
  default: standard
targets:
  - {name: standard, provider: sandbox}
  - {name: high, provider: sandbox, override_params: {quality: high}}
  - {name: highest, provider: sandbox, override_params: {quality: hd}}
""",
    find=_never_holding,
)

DEFAULT_MISSING = Rule(
    name="default-missing",
    severity="notice",
    summary="A conditional without `default`, whose conditions do not cover every request.",
    why=(
        "A request that meets no condition is refused with 400 `no_route`. That may be what is wanted; more often it"
        " is a caller whose metadata nobody thought of."
    ),
    bad="""\
strategy:
  mode: conditional
  conditions:
    - query: {metadata.plan: paid}
      then: high
    - query: {metadata.plan: free}
      then: low
targets:
  - {name: high, provider: sandbox, override_params: {quality: high}}
  - {name: low, provider: sandbox, override_params: {quality: low}}
""",
    good="""\
strategy:
  mode: conditional
  conditions:
    - query: {metadata.plan: paid}
      then: high
  default: low
targets:
  - {name: high, provider: sandbox, override_params: {quality: high}}
  - {name: low, provider: sandbox, override_params: {quality: low}}
""",
    find=_without_default,
)

RULES = (CONDITION_NEVER_HOLDS, DEFAULT_MISSING)
