"""The rule about settings that change nothing."""

from collections.abc import Iterator

from gateway.config.spec import LoadBalanceSpec
from gateway.config.suggest import printable
from gateway.lint.ground import Ground, Site
from gateway.lint.rule import Found, Rule


def _idle(ground: Ground) -> Iterator[Found]:
    for site in ground.sites:
        yield from _weight(site)
        yield from _retry(site)
        yield from _params(site)
        yield from _choice(site)


def _weight(site: Site) -> Iterator[Found]:
    shared = site.above is not None and isinstance(site.above.spec, LoadBalanceSpec)
    if site.gives("weight") and not shared:
        message = (
            "`weight` shares out the requests of a `loadbalance`, and nothing here is one: remove it, or change the"
            " mode."
        )
        yield Found(site.at("weight"), message)


def _retry(site: Site) -> Iterator[Found]:
    written = site.value("retry")
    if (
        isinstance(written, dict)
        and len(written) > site.gives("retry", "attempts")
        and not site.value("retry", "attempts")
    ):
        message = "This `retry` never repeats anything: say how often by `attempts`, from 1 to 5, or remove it."
        yield Found(site.at("retry"), message)


def _params(site: Site) -> Iterator[Found]:
    default, override = site.value("default_params") or {}, site.value("override_params") or {}
    for name in default:
        if name in override:
            message = (
                f"`override_params` sets `{printable(name)}` each time, so this default is never used: remove one of"
                " both."
            )
            yield Found(site.at("default_params", name), message)
    for name in site.value("drop_params") or ():
        for key, written in (("default_params", default), ("override_params", override)):
            if name in written:
                message = (
                    f"`drop_params` takes `{printable(name)}` away again, so this is never sent: remove one of both."
                )
                yield Found(site.at(key, name), message)


def _choice(site: Site) -> Iterator[Found]:
    spec = site.spec
    if not isinstance(spec, LoadBalanceSpec) or sum(1 for weight in spec.weights if weight) != 1:
        return
    for key in ("sticky", "algorithm"):
        if site.gives("strategy", key):
            message = (
                f"`{key}` has nothing to choose from, as one target takes all requests: remove it, or add a target."
            )
            yield Found(site.at("strategy", key), message)


SETTING_WITHOUT_EFFECT = Rule(
    name="setting-without-effect",
    severity="warning",
    summary="A setting that changes nothing where it stands.",
    why=(
        "Somebody counts on it: a `weight` outside of a load balance, a `retry` that lists codes and no `attempts`, a"
        " parameter that the same node overrides or drops, `sticky` or `algorithm` where one target takes all requests."
    ),
    bad="""\
virtual_key: openai-prod
retry: {on_status_codes: [429, 503]}
override_params: {model: gpt-image-2}
""",
    good="""\
virtual_key: openai-prod
retry: {attempts: 2, on_status_codes: [429, 503]}
override_params: {model: gpt-image-2}
""",
    find=_idle,
)

RULES = (SETTING_WITHOUT_EFFECT,)
