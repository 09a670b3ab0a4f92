"""Rules about fallbacks: those that never move on, and targets that stand beside themselves."""

from collections.abc import Iterator
from dataclasses import replace

from gateway.compile import fallback_rule
from gateway.config.spec import FallbackSpec, LoadBalanceSpec, TargetSpec
from gateway.lint.failing import failing, passed_by
from gateway.lint.ground import Ground, Site
from gateway.lint.rule import Found, Rule
from gateway.providers import PROVIDERS
from strategies import Cause, FallbackRule


def never_fires(site: Site) -> bool:
    """Whether a fallback moves on after no failure at all."""
    spec = site.spec
    return isinstance(spec, FallbackSpec) and not _of_earlier(site) & passed_by(fallback_rule(spec))


def _of_earlier(site: Site) -> int:
    found = 0
    for child in site.children[:-1]:
        found |= failing(child)
    return found


def _never_firing(ground: Ground) -> Iterator[Found]:
    for site in ground.sites:
        spec = site.spec
        if not isinstance(spec, FallbackSpec):
            continue
        if len(site.children) == 1:
            message = "This fallback has one target and nothing to go on to: add another one, or say `mode: single`."
            yield Found(site.at("strategy", "mode"), message)
            continue
        yield from _dead_words(site, spec)


def _dead_words(site: Site, spec: FallbackSpec) -> Iterator[Found]:
    """Say which words of the lists are for nothing: all of them together, or one by one."""
    causes, codes = sorted(spec.on_causes or ()), sorted(spec.on_status_codes or ())
    rules = {f"`{cause}`": FallbackRule(on_causes=frozenset({Cause(cause)})) for cause in causes}
    on_causes = len(rules)
    rules |= {f"{code}": FallbackRule(on_status_codes=frozenset({code})) for code in codes}
    failures = _of_earlier(site)
    dead = [word for word, rule in rules.items() if not failures & passed_by(rule)]
    if dead and len(dead) == len(rules):
        key = "on_causes" if causes else "on_status_codes"
        message = (
            f"After no failure does this fallback move on ({'; '.join(dict.fromkeys(map(_reason, dead)))}): the next"
            " target is asked only while one before it is passed over. List what should make it move on, or remove"
            " the list."
        )
        yield Found(site.at("strategy", key), message)
        return
    for index, word in enumerate(rules):
        if word in dead:
            key = "on_causes" if index < on_causes else "on_status_codes"
            message = f"{word} never makes this fallback move on: {_reason(word)}; take it out of the list."
            yield Found(site.at("strategy", key), message)


def _reason(word: str) -> str:
    if word == f"`{Cause.DEADLINE}`":
        return "the deadline is over for all targets, as none of them has a shorter one of its own"
    return "`billing: strict` ends the request with what may have been billed"


def _twins(ground: Ground) -> Iterator[Found]:
    for site in ground.sites:
        if not isinstance(site.spec, FallbackSpec | LoadBalanceSpec):
            continue
        advice = (
            "tries the same again at once: `retry` does so after a while"
            if isinstance(site.spec, FallbackSpec)
            else "shares nothing out: add its weight to the other one's"
        )
        seen: list[tuple[TargetSpec, Site]] = []
        for child in site.children:
            spec = child.spec
            if not isinstance(spec, TargetSpec) or PROVIDERS[spec.provider].local:
                continue
            alike = replace(spec, path="", name=None)
            twin = next((other for known, other in seen if known == alike), None)
            if twin is None:
                seen.append((alike, child))
                continue
            yield Found(child.path, f"{child.called} is {twin.called} once more, which {advice}.")


FALLBACK_NEVER_FIRES = Rule(
    name="fallback-never-fires",
    severity="warning",
    summary="A fallback that moves on after nothing that could happen.",
    why=(
        "The last target looks like a rescue and never is one: the fallback has one target only, or lists causes and"
        " codes that no failure before it could have. `deadline` is over for all targets, unless one of them has a"
        " shorter deadline of its own; `timeout`, `incomplete` and `empty` may have been billed, so that"
        " `billing: strict` ends the request with them."
    ),
    bad="""\
billing: strict
strategy:
  mode: fallback
  on_causes: [timeout]
targets:
  - name: openai
    virtual_key: openai-prod
    request_timeout: 60000
    override_params: {model: gpt-image-2}
  - name: azure
    virtual_key: azure-eu
""",
    good="""\
billing: once
strategy:
  mode: fallback
  on_causes: [timeout]
targets:
  - name: openai
    virtual_key: openai-prod
    request_timeout: 60000
    override_params: {model: gpt-image-2}
  - name: azure
    virtual_key: azure-eu
""",
    find=_never_firing,
)

SAME_TARGET_TWICE = Rule(
    name="same-target-twice",
    severity="warning",
    summary="A target that is listed twice in one fallback or load balance, with nothing different.",
    why=(
        "What is down, rate limited or out of quota is so for both: they share a breaker and a credential. Usually"
        " one of them was meant to name another key, region or model. Targets of the sandbox are left out, as they"
        " stand in for others."
    ),
    bad="""\
strategy:
  mode: fallback
targets:
  - {name: first, virtual_key: openai-prod, override_params: {model: gpt-image-2}}
  - {name: second, virtual_key: openai-prod, override_params: {model: gpt-image-2}}
""",
    good="""\
strategy:
  mode: fallback
targets:
  - {name: first, virtual_key: openai-prod, override_params: {model: gpt-image-2}}
  - {name: second, virtual_key: azure-eu}
""",
    find=_twins,
)

RULES = (FALLBACK_NEVER_FIRES, SAME_TARGET_TWICE)
