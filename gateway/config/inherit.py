"""Settings that pass down the tree, as one node or virtual key gives them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.config.custom_host import fault_of_url, normal_url
from gateway.config.reading import FAULTY, Path, Reading, given
from gateway.config.spec import Adapt, Billing, CacheSpec, RetrySpec, Shaping
from strategies import DEFAULT_BREAKER, BreakerRule

_FORBIDDEN = frozenset(
    {
        *("host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade"),
        *("expect", "authorization", "api-key", "x-api-key", "cookie"),
        # What the answer may look like is agreed between the gateway and the provider.
        *("accept", "accept-encoding", "content-type", "content-encoding", "range"),
        *("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"),
    }
)
_PICTURES = frozenset({"image", "images", "mask"})
_FORBIDDEN_PREFIXES = ("proxy-", "x-portkey-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a node says about everything below it; `None` where it says nothing."""

    request_timeout: float | None = None
    """Seconds."""
    custom_host: str | None = None
    forward_headers: tuple[str, ...] | None = None
    retry: RetrySpec | None = None
    cache: CacheSpec | None = None
    breaker: BreakerRule | None = None
    max_in_flight: int | None = None
    adapt: Adapt | None = None
    billing: Billing | None = None
    max_cost: float | None = None
    """US dollars."""
    verify: bool | None = None
    persist: bool | None = None
    url_ttl: int | None = None
    shaping: Shaping = field(default_factory=Shaping)


NOTHING = Settings()


def below(outer: Settings, inner: Settings) -> Settings:
    """Return what holds inside: the nearer word wins, parameters are merged, drops are added up."""
    if outer is NOTHING:
        return inner
    return Settings(
        request_timeout=_nearer(inner.request_timeout, outer.request_timeout),
        custom_host=_nearer(inner.custom_host, outer.custom_host),
        forward_headers=_nearer(inner.forward_headers, outer.forward_headers),
        retry=_nearer(inner.retry, outer.retry),
        cache=_nearer(inner.cache, outer.cache),
        breaker=_nearer(inner.breaker, outer.breaker),
        max_in_flight=_nearer(inner.max_in_flight, outer.max_in_flight),
        adapt=_nearer(inner.adapt, outer.adapt),
        billing=_nearer(inner.billing, outer.billing),
        max_cost=_less(inner.max_cost, outer.max_cost),
        verify=_nearer(inner.verify, outer.verify),
        persist=_nearer(inner.persist, outer.persist),
        url_ttl=_nearer(inner.url_ttl, outer.url_ttl),
        shaping=_merged(outer.shaping, inner.shaping),
    )


def settings_of(node: dict[str, Any], path: Path, reading: Reading) -> dict[str, Any]:
    """Return the fields of `Settings` that a node gives, after reporting what the schema cannot see."""
    timeout = given(node, "request_timeout")
    for key in ("default_params", "override_params"):
        for name in _PICTURES & (given(node, key) or {}).keys():
            message = f"`{name}` comes with each request and cannot be written here; remove it."
            reading.report((*path, key, name), message)
    delivery = given(node, "delivery") or {}
    return {
        "request_timeout": None if timeout is None else timeout / 1000,
        "custom_host": _custom_host(node, path, reading),
        "forward_headers": _forward_headers(node, path, reading),
        "retry": retry_of(given(node, "retry")),
        "cache": _cache(given(node, "cache")),
        "breaker": breaker_of(_cb_config(node, path, reading)),
        "max_in_flight": given(node, "max_in_flight"),
        "adapt": given(node, "adapt"),
        "billing": given(node, "billing"),
        "max_cost": given(node, "max_cost_usd"),
        "verify": given(delivery, "verify"),
        "persist": given(delivery, "persist"),
        "url_ttl": given(delivery, "url_ttl"),
        "shaping": Shaping(
            default_params=given(node, "default_params") or {},
            override_params=given(node, "override_params") or {},
            drop_params=tuple(given(node, "drop_params") or ()),
        ),
    }


def retry_of(written: dict[str, Any] | None) -> RetrySpec | None:
    """Return what `retry:` says."""
    if written is None:
        return None
    return RetrySpec(
        attempts=given(written, "attempts") or 0,
        on_status_codes=codes_of(written),
        use_retry_after_header=bool(given(written, "use_retry_after_header")),
    )


def breaker_of(written: dict[str, Any] | None) -> BreakerRule | None:
    """Return what `cb_config:` says: the ways to open that it names replace those there are by default."""
    if written is None:
        return None
    in_a_row, percentage = given(written, "failure_threshold"), given(written, "failure_threshold_percentage")
    rule = DEFAULT_BREAKER
    if in_a_row is not None or percentage is not None:
        rule = replace(rule, consecutive=in_a_row, share=None if percentage is None else percentage / 100)
    codes, cooldown = given(written, "failure_status_codes"), given(written, "cooldown_interval")
    return replace(
        rule,
        minimum=given(written, "minimum_requests") or rule.minimum,
        cooldown=rule.cooldown if cooldown is None else cooldown / 1000,
        codes=frozenset(codes) if codes else None,
    )


def codes_of(written: dict[str, Any]) -> frozenset[int] | None:
    """Return `on_status_codes`; an empty list means the default, as leaving it out does."""
    codes = given(written, "on_status_codes")
    return frozenset(codes) if codes else None


def _cache(written: dict[str, Any] | None) -> CacheSpec | None:
    if written is None:
        return None
    usual = CacheSpec()
    return CacheSpec(
        max_age=float(given(written, "max_age") or usual.max_age), variants=given(written, "variants") or usual.variants
    )


def _cb_config(node: dict[str, Any], path: Path, reading: Reading) -> dict[str, Any] | None:
    """Return what a node says of breakers: in `strategy`, as Portkey has it, or beside it."""
    own: dict[str, Any] | None = given(node, "cb_config")
    inside: dict[str, Any] | None = given(given(node, "strategy") or {}, "cb_config")
    if own is not None and inside is not None:
        message = "`cb_config` stands beside `strategy` already; remove one of both."
        reading.report((*path, "strategy", "cb_config"), message)
    return inside if own is None else own


def _custom_host(node: dict[str, Any], path: Path, reading: Reading) -> str | None:
    url = given(node, "custom_host")
    if url is None:
        return None
    fault = fault_of_url(url)
    if fault is not None:
        reading.report((*path, "custom_host"), f"`custom_host` {fault}.")
        return None
    return normal_url(url)


def _forward_headers(node: dict[str, Any], path: Path, reading: Reading) -> tuple[str, ...] | None:
    names = given(node, "forward_headers")
    if names is None:
        return None
    kept: dict[str, None] = {}
    for index, name in enumerate(names):
        if name is FAULTY:
            continue
        lower = name.lower()
        if lower in _FORBIDDEN or lower.startswith(_FORBIDDEN_PREFIXES):
            message = f"`{lower}` is never forwarded: it belongs to the connection or is a credential; remove it."
            reading.report((*path, "forward_headers", index), message)
        kept[lower] = None
    return tuple(kept)


def _merged(outer: Shaping, inner: Shaping) -> Shaping:
    return Shaping(
        default_params=_united(outer.default_params, inner.default_params),
        override_params=_united(outer.override_params, inner.override_params),
        drop_params=tuple(dict.fromkeys((*outer.drop_params, *inner.drop_params))),
    )


def _united(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**outer, **inner} if outer and inner else inner or outer


def _less(inner: float | None, outer: float | None) -> float | None:
    return min((each for each in (inner, outer) if each is not None), default=None)


def _nearer(inner: Any, outer: Any) -> Any:  # noqa: ANN401 - whatever a setting holds
    return outer if inner is None else inner
