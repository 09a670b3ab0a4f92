"""Rules about time: what does not fit into what is around it."""

from collections.abc import Iterator

from gateway.compile import fallback_rule, retry_rule
from gateway.config.spec import DEFAULT_DEADLINE, FallbackSpec, TargetSpec
from gateway.lint.ground import Ground, Site
from gateway.lint.rule import Found, Rule
from strategies import Cause, Failure

_SLOW = tuple(
    Failure(cause=cause, message="", status=503) for cause in (Cause.TIMEOUT, Cause.UNREACHABLE, Cause.PROVIDER_ERROR)
)
"""How a target may fail after a while."""


def _beyond(ground: Ground) -> Iterator[Found]:
    told: set[str] = set()
    for site, spec in ground.targets:
        path = ground.origin(site, "request_timeout")
        if spec.request_timeout is not None and spec.request_timeout >= site.deadline and path not in told:
            told.add(path)
            yield Found(
                path,
                f"An attempt at {site.called} may take {_ms(spec.request_timeout)}, and {_whose(site)} is over by"
                " then, for all targets: write a shorter `request_timeout`, or a longer `deadline`.",
            )
    for site in ground.sites:
        if site.above is not None and site.gives("deadline"):
            written = site.value("deadline") / 1000
            if written > site.above.deadline:
                message = (
                    f"Of these {_ms(written)}, {_whose(site.above)} leaves no more than that: make the outer one"
                    " longer."
                )
                yield Found(site.at("deadline"), message)
        if isinstance(site.spec, FallbackSpec):
            yield from _without_a_turn(site, site.spec)


def _without_a_turn(site: Site, spec: FallbackSpec) -> Iterator[Found]:
    """Find the first target that is not asked where those before it use up their time."""
    rule, spent = fallback_rule(spec), 0.0
    if not any(rule.falls_through(failure) for failure in _SLOW):
        return
    for index, child in enumerate(site.children):
        if spent >= site.deadline:
            if index > 1:  # a single one that takes too long is told where it is written
                message = (
                    f"{child.called} has no turn where the targets before it use up their time: together these may take"
                    f" {_ms(spent)}, and {_whose(site)} is over by then; give them less, or the whole more."
                )
                yield Found(child.path, message)
            return
        limit = _limit(child)
        if limit is None or limit >= child.deadline:
            return
        spent += limit


def _limit(site: Site) -> float | None:
    """Return what the node may take before it fails by its time limits, whichever way it goes; `None`: not said."""
    if isinstance(site.spec, TargetSpec):
        return site.spec.request_timeout
    limits = [limit for limit in map(_limit, site.children) if limit is not None]
    if len(limits) < len(site.children):
        return None
    return sum(limits) if isinstance(site.spec, FallbackSpec) else min(limits)


def _without_room(ground: Ground) -> Iterator[Found]:
    told: set[str] = set()
    for site, spec in ground.targets:
        rule, timeout = retry_rule(spec), spec.request_timeout
        path = ground.origin(site, "retry")
        if not rule.attempts or timeout is None or timeout >= site.deadline or path in told:
            continue
        waits = sum(rule.backoff.longest(retries, rate_limited=True) for retries in range(rule.attempts))
        before = rule.attempts * timeout + waits
        if before >= site.deadline:
            told.add(path)
            retries = "The retry" if rule.attempts == 1 else f"The last of {rule.attempts} retries"
            message = (
                f"{retries} of {site.called} has no room: the attempts and waits before it may take {_ms(before)},"
                f" and {_whose(site)} is over by then; write fewer `attempts`, a shorter `request_timeout`, or a longer"
                " `deadline`."
            )
            yield Found(path, message)
    yield from _too_few(ground)


def _too_few(ground: Ground) -> Iterator[Found]:
    """Compare `max_attempts` with what the config says otherwise."""
    most = ground.config.spec.max_attempts
    if most is None:
        return
    needed = _needed(ground.root)
    if most < needed:
        message = (
            f"{most} attempts do not get to the last of {needed} targets that are tried in turn: allow {needed} or"
            " more."
        )
        yield Found(ground.root.at("max_attempts"), message)
        return
    for site, spec in ground.targets:
        if most < 1 + spec.retry.attempts:
            message = (
                f"{most} attempts leave no room for {spec.retry.attempts} retries of {site.called}: allow"
                f" {1 + spec.retry.attempts} or more, or write fewer retries."
            )
            yield Found(ground.root.at("max_attempts"), message)
            return


def _needed(site: Site) -> int:
    """Return the attempts that it takes until the last target is tried."""
    if isinstance(site.spec, TargetSpec):
        return 1
    inside = [_needed(child) for child in site.children]
    return sum(inside) if isinstance(site.spec, FallbackSpec) else min(inside)


def _idle_hedges(ground: Ground) -> Iterator[Found]:
    for site, spec in ground.targets:
        if spec.hedge is None:
            continue
        limit = min(spec.request_timeout or site.deadline, site.deadline)
        if ground.config.spec.max_attempts == 1:
            message = (
                "The next target is never asked beside this one, as `max_attempts` is 1: allow two, or remove `hedge`."
            )
            yield Found(site.at("hedge"), message)
        elif spec.hedge.after is not None and spec.hedge.after >= limit:
            message = (
                f"The next target is never asked beside this one: after {_ms(spec.hedge.after)} its attempt is over,"
                f" which has {_ms(limit)} at most; write a shorter `after_ms`."
            )
            yield Found(site.at("hedge", "after_ms"), message)


def _whose(site: Site) -> str:
    named = any(each.spec.deadline is not None for each in site.lines())
    default = not named and site.deadline == DEFAULT_DEADLINE
    return f"the deadline of {_ms(site.deadline)}{' that all requests have' if default else ''}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


TIMEOUT_BEYOND_DEADLINE = Rule(
    name="timeout-beyond-deadline",
    severity="warning",
    summary="A time limit that does not fit into the one around it.",
    why=(
        "A request has 180 seconds unless its config says otherwise, and a `deadline` inside another only ever"
        " shortens it. A target whose `request_timeout` is as long as all of that ends the request where it should"
        " have ended the attempt: the answer is 504, and no fallback has its turn. The same is true of several that"
        " use up the time together."
    ),
    bad="""\
deadline: 60000
strategy:
  mode: fallback
targets:
  - {name: openai, virtual_key: openai-prod, request_timeout: 90000, override_params: {model: gpt-image-2}}
  - {name: azure, virtual_key: azure-eu}
""",
    good="""\
deadline: 120000
strategy:
  mode: fallback
targets:
  - {name: openai, virtual_key: openai-prod, request_timeout: 60000, override_params: {model: gpt-image-2}}
  - {name: azure, virtual_key: azure-eu}
""",
    find=_beyond,
)

RETRY_WITHOUT_ROOM = Rule(
    name="retry-without-room",
    severity="warning",
    summary="Retries, or targets, that `deadline` or `max_attempts` leave no room for.",
    why=(
        "Where each attempt takes its whole `request_timeout`, the retries after it are never made, as the deadline"
        " is over. And `max_attempts` counts all attempts of a request together: a fallback keeps one for each target"
        " that is still to be tried, so that retries are the first to go, then the last targets."
    ),
    bad="""\
virtual_key: openai-prod
deadline: 60000
request_timeout: 30000
retry: {attempts: 3}
override_params: {model: gpt-image-2}
""",
    good="""\
virtual_key: openai-prod
deadline: 150000
request_timeout: 30000
retry: {attempts: 3}
override_params: {model: gpt-image-2}
""",
    find=_without_room,
)

HEDGE_NEVER_STARTS = Rule(
    name="hedge-never-starts",
    severity="warning",
    summary="A hedge that comes after its target's own time is over.",
    why=(
        "A hedge asks the next target too while the first is still working. Where `after_ms` is as long as the"
        " `request_timeout` or the deadline, the attempt has ended by then; where `max_attempts` is 1, there is no"
        " second."
    ),
    bad="""\
strategy:
  mode: fallback
targets:
  - name: openai
    virtual_key: openai-prod
    request_timeout: 20000
    override_params: {model: gpt-image-2}
    hedge: {after_ms: 30000, accept_double_billing: true}
  - {name: azure, virtual_key: azure-eu}
""",
    good="""\
strategy:
  mode: fallback
targets:
  - name: openai
    virtual_key: openai-prod
    request_timeout: 60000
    override_params: {model: gpt-image-2}
    hedge: {after_ms: 30000, accept_double_billing: true}
  - {name: azure, virtual_key: azure-eu}
""",
    find=_idle_hedges,
)

RULES = (TIMEOUT_BEYOND_DEADLINE, RETRY_WITHOUT_ROOM, HEDGE_NEVER_STARTS)
