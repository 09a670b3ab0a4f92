"""What a config means: frozen, every default filled, inheritance resolved, every node knowing its path."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.images import ImageRequest
from gateway.ledger import Account
from gateway.secret import Secret
from strategies import DEFAULT_BREAKER, BreakerRule, Cause

Adapt = Literal["strict", "report", "lenient"]
Algorithm = Literal["weighted", "least_latency", "least_inflight", "cheapest"]
Billing = Literal["strict", "once", "any"]

DEFAULT_DEADLINE = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySpec:
    """`retry:`, in effect for one target."""

    attempts: int = 0
    on_status_codes: frozenset[int] | None = None
    """`None` stands for the default list."""
    use_retry_after_header: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeSpec:
    """`hedge:`, for one target that has a sibling after it."""

    after: float | None = None
    """Seconds; `None`: as long as 95 % of its answers take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StickySpec:
    """`sticky:`, compiled: `read` returns the named fields of a request, `None` where it has none of them."""

    hash_fields: tuple[str, ...]
    read: Callable[[ImageRequest], str | None] = field(repr=False, compare=False)
    ttl: int = 3600
    """Seconds that a choice holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSpec:
    """`cache:`, in effect for one target."""

    max_age: float = 604_800.0
    """Seconds."""
    variants: int = 1
    """How many different pictures are kept for the same request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaping:
    """What happens to the parameters on the way to one target, in this order."""

    default_params: Mapping[str, Any] = field(default_factory=dict)
    override_params: Mapping[str, Any] = field(default_factory=dict)
    drop_params: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSpec:
    """A leaf: one provider, with everything that concerns it."""

    path: str
    """As `x-portkey-last-used-option-index` shows it: `config`, `config.targets[1]`, …"""
    provider: str
    name: str | None = None
    virtual_key: str | None = None
    """The slug it was resolved from, for people to read."""
    counted_as: str | None = None
    """The same as budgets know it: another workspace may have another one of that slug."""
    account: Account | None = None
    """What is counted for that virtual key, where it has limits."""
    expires: float | None = None
    """When that virtual key ends, in seconds since the epoch."""
    credentials: Mapping[str, Secret] = field(default_factory=dict)
    """`api_key`, `azure_ad_token`: the provider fields that are secret."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The other provider fields, such as `azure_resource_name` or `openai_organization`."""
    passthrough: bool = False
    """Whether the caller's own provider credential is used."""
    custom_host: str | None = None
    custom_host_trusted: bool = False
    """Written in a file, or listed in `trusted_hosts`: may be a private address."""
    forward_headers: tuple[str, ...] = ()
    request_timeout: float | None = None
    """Seconds, one attempt."""
    retry: RetrySpec = RetrySpec()
    cache: CacheSpec | None = None
    breaker: BreakerRule = DEFAULT_BREAKER
    max_in_flight: int | None = None
    """Requests that this target has under way at a time, in each worker."""
    hedge: HedgeSpec | None = None
    shaping: Shaping = Shaping()
    adapt: Adapt = "report"
    billing: Billing = "once"
    max_cost: float | None = None
    """US dollars that a request may cost by the time this target has answered."""
    fan_out: bool = False
    """Whether several calls are made where one makes fewer pictures than the caller asked for."""
    verify: bool = True
    persist: bool = False
    """Whether every picture is kept here, and answered with a link of our own."""
    url_ttl: int = 3600
    """Seconds that a link of our own is good for."""
    deadline: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackSpec:
    """`mode: fallback`."""

    path: str
    children: "tuple[NodeSpec, ...]"
    name: str | None = None
    on_status_codes: frozenset[int] | None = None
    """`None`: not given (an empty list means not given, too)."""
    on_causes: frozenset[str] | None = None
    deadline: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadBalanceSpec:
    """`mode: loadbalance`."""

    path: str
    children: "tuple[NodeSpec, ...]"
    weights: tuple[float, ...]
    algorithm: Algorithm = "weighted"
    sticky: StickySpec | None = None
    name: str | None = None
    deadline: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionSpec:
    """One row of `conditions:`, compiled: `holds` answers for a request, `query` is what was written."""

    query: Mapping[str, Any]
    holds: Callable[[ImageRequest], bool] = field(repr=False, compare=False)
    then: int
    """Index of the child."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionalSpec:
    """`mode: conditional`."""

    path: str
    children: "tuple[NodeSpec, ...]"
    conditions: tuple[ConditionSpec, ...]
    default: int | None = None
    name: str | None = None
    deadline: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleSpec:
    """`mode: single`: the first target, whatever else is listed."""

    path: str
    children: "tuple[NodeSpec, ...]"
    name: str | None = None
    deadline: float | None = None


NodeSpec = TargetSpec | FallbackSpec | LoadBalanceSpec | ConditionalSpec | SingleSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectSpec:
    """What a test expects; `None` where it says nothing."""

    status: int | None = None
    target: str | None = None
    """Name or path of the target whose answer is told."""
    attempts: int | None = None
    tried: tuple[str, ...] | None = None
    """The targets of all attempts, in order."""
    cause: str | None = None
    code: str | None = None
    adaptations: tuple[str, ...] | None = None
    """All of them, each as `x-gateway-adaptations` says it."""
    headers: Mapping[str, str] | None = None
    cost_usd: float | None = None
    max_cost_usd: float | None = None
    max_seconds: float | None = None
    maybe_billed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSpec:
    """What a provider is taken to do with one call."""

    answer: int | Cause = 200
    seconds: float = 0.0
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSpec:
    """One entry of `tests:`."""

    name: str
    index: int
    request: Mapping[str, Any]
    metadata: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    path: str = "/v1/images/generations"
    given: Mapping[str, tuple[AnswerSpec, ...]] = field(default_factory=dict)
    """Path of a target → what it answers, call by call; the last answer is repeated."""
    expect: ExpectSpec = ExpectSpec()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigSpec:
    """A whole config."""

    root: NodeSpec
    id: str | None = None
    description: str | None = None
    version: str = ""
    """The first 12 hex digits of the SHA-256 of the canonical document: `x-gateway-config-version`."""
    max_attempts: int | None = None
    cases: "tuple[CaseSpec, ...]" = ()
    """The tests that are written in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsSpec:
    """A config of settings alone: each request names the target that they are put beside."""

    settings: Mapping[str, Any]
    """As they are written, in their own spelling."""
    id: str | None = None
    version: str = ""


def leaves(node: NodeSpec) -> tuple[TargetSpec, ...]:
    """Return the targets of a tree, in the order they are written."""
    if isinstance(node, TargetSpec):
        return (node,)
    return tuple(leaf for child in node.children for leaf in leaves(child))
