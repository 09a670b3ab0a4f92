"""Configs that must be refused: (what is wrong, document, path, code, words of the message)."""

# ruff: noqa: E501 - one row of a table is one line

from gateway.config.virtual_key import VirtualKey
from gateway.secret import Secret

PAINT = {"provider": "sandbox"}
VIRTUAL_KEYS = {
    "openai-prod": VirtualKey(slug="openai-prod", provider="openai", credentials={"api_key": Secret("stored")}),
    "azure-eu": VirtualKey(
        slug="azure-eu",
        provider="azure-openai",
        credentials={"api_key": Secret("stored")},
        options={"azure_resource_name": "pictures-eu", "azure_deployment_id": "image-2"},
    ),
}
_BLOCKED, _REGEX, _ORDINARY = "custom_host_blocked", "unsupported_regex", "invalid_config"


def chain(length, leaf=PAINT):
    for _ in range(length - 1):
        leaf = {"targets": [leaf]}
    return leaf


def asking(query, **more):
    strategy = {"mode": "conditional", "conditions": [{"query": query, "then": "a"}], **more}
    return {"strategy": strategy, "targets": [{**PAINT, "name": "a"}]}


def balanced(*weights):
    return {"strategy": {"mode": "loadbalance"}, "targets": [{**PAINT, "weight": weight} for weight in weights]}


HEDGE = {"after_ms": 20_000, "accept_double_billing": True}


def hedged(hedge, mode="fallback", **more):
    return {"strategy": {"mode": mode}, "targets": [{**PAINT, "hedge": hedge, **more}, PAINT]}


def sticky(written, mode="loadbalance"):
    return {"strategy": {"mode": mode, "sticky": written}, "targets": [PAINT, PAINT]}


QUERY = "$.strategy.conditions[0].query"

SHAPE = [
    ("a config is no list", [], "$", "must be an object"),
    ("a config is no null", None, "$", "null"),
    ("an unknown key gets the nearest one", {**PAINT, "retires": {}}, "$.retires", "did you mean `retry`?"),
    ("a key of another object is shown its place", {**PAINT, "attempts": 2}, "$.attempts", "inside `retry`"),
    ("a parameter is shown its place", {**PAINT, "size": "64x64"}, "$.size", "inside `override_params`"),
    ("so is what the sandbox is told", {**PAINT, "sandbox": {"status": 503}}, "$.sandbox", "inside `override_params`"),
    ("a number in quotes is no number", {**PAINT, "request_timeout": "60000"}, "$.request_timeout", "leave out the quotes"),
    ("a word is no number", {**PAINT, "request_timeout": "2m"}, "$.request_timeout", "not `2m`."),
    ("an unknown key of a small object lists its keys", {**PAINT, "retry": {"x": 1}}, "$.retry.x", "`attempts`"),
    ("keys are strings", {**PAINT, 1: 2}, "$", "string"),
    ("camelCase does not bypass a check", {**PAINT, "requestTimeout": 0}, "$.requestTimeout", "1 to 600000"),
    ("camelCase below a list does not either", {"targets": [{**PAINT, "dropParams": 1}]}, "$.targets[0].dropParams", "list"),
    ("two spellings of one key", {**PAINT, "maxAttempts": 1, "max_attempts": 1}, "$.maxAttempts", "same key"),
    ("true is no number of attempts", {**PAINT, "retry": {"attempts": True}}, "$.retry.attempts", "not true"),
    ("six attempts are too many", {**PAINT, "retry": {"attempts": 6}}, "$.retry.attempts", "0 to 5"),
    ("half an attempt", {**PAINT, "retry": {"attempts": 1.5}}, "$.retry.attempts", "whole number"),
    ("200 is no status to retry", {**PAINT, "retry": {"on_status_codes": [200]}}, "$.retry.on_status_codes[0]", "400 to 599"),
    ("a mistyped mode", {"strategy": {"mode": "falback"}, "targets": [PAINT]}, "$.strategy.mode", "did you mean `fallback`?"),
    ("a strategy without a mode", {"strategy": {}, "targets": [PAINT]}, "$.strategy", "needs `mode`"),
    ("empty targets", {"strategy": {"mode": "single"}, "targets": []}, "$.targets", "empty"),
    ("33 targets", {"strategy": {"mode": "single"}, "targets": [PAINT] * 33}, "$.targets", "32"),
    ("nine nodes on a path", chain(9), "$" + ".targets[0]" * 8, "nested 8 deep"),
    ("a negative weight", balanced(-1, 2), "$.targets[0].weight", "0 or more"),
    ("an infinite weight", balanced(float("inf")), "$.targets[0].weight", "finite"),
    ("a weight that is not a number", balanced(float("nan")), "$.targets[0].weight", "finite"),
    ("a weight of true", balanced(True), "$.targets[0].weight", "not true"),
    ("an unknown cause", {"strategy": {"mode": "fallback", "on_causes": ["timeot"]}, "targets": [PAINT]}, "$.strategy.on_causes[0]", "did you mean `timeout`?"),
    ("a drop path with a hole", {**PAINT, "drop_params": ["a..b"]}, "$.drop_params[0]", "a[*].b"),
    ("a header name with a space", {**PAINT, "forward_headers": ["a b"]}, "$.forward_headers[0]", "name of a header"),
    ("compliance cannot be turned off", {**PAINT, "strict_open_ai_compliance": False}, "$.strict_open_ai_compliance", "always"),
    ("the deadline is at most ten minutes", {**PAINT, "deadline": 600_001}, "$.deadline", "600000"),
    ("33 attempts at most is too many", {**PAINT, "max_attempts": 33}, "$.max_attempts", "1 to 32"),
    ("max_attempts below the root", {"targets": [{**PAINT, "max_attempts": 2}]}, "$.targets[0].max_attempts", "root"),
    ("a key with a line break", {"provider": "openai", "api_key": "a\n"}, "$.api_key", "not this string"),
    ("an empty key", {"provider": "openai", "api_key": ""}, "$.api_key", "credential itself"),
    ("a resource name with a slash", {"provider": "azure-openai", "api_key": "k", "azure_deployment_id": "d", "resource_name": "evil.example/#"}, "$.resource_name", "letters, digits and hyphens"),
    ("an unknown provider", {"provider": "opnai"}, "$.provider", "did you mean `openai`?"),
    ("a provider that is no slug", {"provider": "Open AI"}, "$.provider", "Unknown provider `Open AI`; did you mean `openai`?"),
    ("a region that is none", {"provider": "bedrock", "api_key": "k", "aws_region": "eu/west"}, "$.aws_region", "such as us-east-1"),
    ("a link of no time", {**PAINT, "delivery": {"url_ttl": 0}}, "$.delivery.url_ttl", "1 to 604800"),
    ("a link of more than a week", {**PAINT, "delivery": {"urlTtl": 604_801}}, "$.delivery.urlTtl", "1 to 604800"),
    ("a word for whether to persist", {**PAINT, "delivery": {"persist": "yes"}}, "$.delivery.persist", "true or false"),
    ("a number for whether to fan out", {**PAINT, "fan_out": 3}, "$.fan_out", "true or false"),
    ("an unknown algorithm", {"strategy": {"mode": "loadbalance", "algorithm": "least_latencey"}, "targets": [PAINT]}, "$.strategy.algorithm", "did you mean `least_latency`?"),
    ("no failure at all opens a breaker", {**PAINT, "cb_config": {"failure_threshold": 0}}, "$.cb_config.failure_threshold", "1 to 1000000"),
    ("true is no number of failures", {**PAINT, "cbConfig": {"failureThreshold": True}}, "$.cbConfig.failureThreshold", "not true"),
    ("more than a hundred per cent", {**PAINT, "cb_config": {"failure_threshold_percentage": 101}}, "$.cb_config.failure_threshold_percentage", "not 101"),
    ("an outcome is needed for a percentage", {**PAINT, "cb_config": {"minimum_requests": 0}}, "$.cb_config.minimum_requests", "1 to 1000000"),
    ("a cool-down of no time", {**PAINT, "cb_config": {"cooldown_interval": 0}}, "$.cb_config.cooldown_interval", "milliseconds from 1 to 3600000"),
    ("a success is no failure", {**PAINT, "cb_config": {"failure_status_codes": [200]}}, "$.cb_config.failure_status_codes[0]", "400 to 599"),
    ("an unknown key of a breaker", {**PAINT, "cb_config": {"threshold": 5}}, "$.cb_config.threshold", "`failure_threshold`"),
    ("room for no request", {**PAINT, "max_in_flight": 0}, "$.max_in_flight", "1 to 100000"),
    ("a number of requests in quotes", {**PAINT, "max_in_flight": "8"}, "$.max_in_flight", "leave out the quotes"),
    ("a hedge at once", hedged({**HEDGE, "after_ms": 0}), "$.targets[0].hedge.after_ms", "milliseconds from 1 to 600000"),
    ("a hedge of seconds", hedged({**HEDGE, "after_ms": 1.5}), "$.targets[0].hedge.after_ms", "whole milliseconds"),
    ("a word for whether to hedge", hedged(True), "$.targets[0].hedge", "must be an object"),
    ("an unknown key of a hedge", hedged({**HEDGE, "max": 2}), "$.targets[0].hedge.max", "`after_ms`, `after_p95` and `accept_double_billing`"),
    ("sticky without fields", sticky({}), "$.strategy.sticky", "needs `hash_fields`"),
    ("sticky by nothing", sticky({"hash_fields": []}), "$.strategy.sticky.hash_fields", "empty"),
    ("sticky for no time", sticky({"hash_fields": ["metadata._user"], "ttl": 0}), "$.strategy.sticky.ttl", "1 to 31536000"),
    ("sticky outside of its strategy", {**PAINT, "sticky": {"hash_fields": ["metadata._user"]}}, "$.sticky", "inside `strategy`"),
    ("a condition without then", {"strategy": {"mode": "conditional", "conditions": [{"query": {}}]}, "targets": [PAINT]}, "$.strategy.conditions[0]", "needs `then`"),
]  # fmt: skip
"""What the schema can see; a standard validator refuses these, too."""

BEYOND_JSON = [
    ("parameters with infinity", {**PAINT, "override_params": {"a": [float("inf")]}}, "$.override_params.a[0]", "finite"),
    ("parameters with a huge number", {**PAINT, "default_params": {"a": 2**64}}, "$.default_params.a", "64 bits"),
    ("parameters with half a character", {**PAINT, "default_params": {"a": "\ud800"}}, "$.default_params.a", "surrogate"),
    ("parameters with a number as key", {**PAINT, "default_params": {1: 2}}, "$.default_params", "string"),
]  # fmt: skip

MEANING = [
    ("no target at all", {}, "$", _ORDINARY, "names no target"),
    ("a target that names nothing", {"targets": [{"weight": 1}]}, "$.targets[0]", _ORDINARY, "names no provider"),
    ("no credential", {"provider": "openai"}, "$", _ORDINARY, "nothing is ever sent without one"),
    ("two credentials", {"provider": "openai", "api_key": "k", "passthrough": True}, "$.passthrough", _ORDINARY, "Keep one"),
    ("a field of another provider", {"provider": "openai", "api_key": "k", "azure_ad_token": "t"}, "$.azure_ad_token", _ORDINARY, "belongs to `azure-openai`"),
    ("a field of another cloud", {**PAINT, "aws_region": "eu-west-1"}, "$.aws_region", _ORDINARY, "belongs to `bedrock`"),
    ("fan-out on a node with targets", {"fan_out": True, "targets": [PAINT]}, "$.fan_out", _ORDINARY, "not inherited"),
    ("azure without its resource", {"provider": "azure-openai", "api_key": "k", "azure_deployment_id": "d"}, "$", _ORDINARY, "`azure_resource_name`"),
    ("a self-hosted server without its host", {"provider": "openai-compatible"}, "$", _ORDINARY, "`custom_host`"),
    ("an unknown virtual key", {"virtual_key": "openai-prd"}, "$.virtual_key", _ORDINARY, "did you mean `openai-prod`?"),
    ("a virtual key beside a provider", {"provider": "openai", "virtual_key": "openai-prod"}, "$.virtual_key", _ORDINARY, "brings its own provider"),
    ("a virtual key beside a key", {"virtual_key": "openai-prod", "api_key": "k"}, "$.api_key", _ORDINARY, "brings its own credential"),
    ("a stored key at a caller's host", {"virtual_key": "openai-prod", "custom_host": "https://evil.example"}, "$.custom_host", _BLOCKED, "trusted_hosts"),
    ("a stored key at an inherited host", {"customHost": "https://evil.example", "targets": [{"provider": "@openai-prod"}]}, "$.targets[0]", _BLOCKED, "trusted_hosts"),
    ("a stored key at a caller's resource", {"virtual_key": "azure-eu", "azure_resource_name": "evil"}, "$.azure_resource_name", _BLOCKED, "trusted_hosts"),
    ("a provider on a node with targets", {"provider": "openai", "targets": [PAINT]}, "$.provider", _ORDINARY, "not inherited"),
    ("targets without a strategy", {"targets": [PAINT, PAINT]}, "$.targets", _ORDINARY, "add `strategy`"),
    ("a strategy without targets", {"strategy": {"mode": "single"}}, "$.strategy", _ORDINARY, "needs `targets`"),
    ("a key of another mode", {"strategy": {"mode": "single", "default": "a"}, "targets": [PAINT]}, "$.strategy.default", _ORDINARY, "`mode: conditional` only"),
    ("all weights zero", balanced(0, 0), "$.targets", _ORDINARY, "above 0"),
    ("weights without a finite sum", balanced(1e308, 1e308), "$.targets", _ORDINARY, "too large"),
    ("two siblings of one name", {"strategy": {"mode": "fallback"}, "targets": [{**PAINT, "name": "a"}] * 2}, "$.targets[1].name", _ORDINARY, "taken"),
    ("an unknown default", asking({}, default="b"), "$.strategy.default", _ORDINARY, "`a`"),
    ("conditional without conditions", {"strategy": {"mode": "conditional"}, "targets": [PAINT]}, "$.strategy", _ORDINARY, "needs `conditions`"),
    ("an id outside of files", {**PAINT, "id": "a"}, "$.id", _ORDINARY, "files only"),
    ("a user name in a host", {"provider": "openai-compatible", "custom_host": "https://u:p@a.example"}, "$.custom_host", _ORDINARY, "user name"),
    ("a query in a host", {"provider": "openai-compatible", "custom_host": "https://a.example?x=1"}, "$.custom_host", _ORDINARY, "no `?`"),
    ("a host of another scheme", {"provider": "openai-compatible", "custom_host": "file:///etc/passwd"}, "$.custom_host", _ORDINARY, "https://"),
    ("a host with a backslash", {"provider": "openai-compatible", "custom_host": "https://a.example\\@b"}, "$.custom_host", _ORDINARY, "backslashes"),
    ("a host with a bad port", {"provider": "openai-compatible", "custom_host": "https://a.example:99999"}, "$.custom_host", _ORDINARY, "port"),
    ("a forwarded credential", {**PAINT, "forward_headers": ["Authorization"]}, "$.forward_headers[0]", _ORDINARY, "never forwarded"),
    ("a forwarded gateway header", {**PAINT, "forward_headers": ["X-Portkey-Api-Key"]}, "$.forward_headers[0]", _ORDINARY, "never forwarded"),
    ("an unknown operator", asking({"metadata.plan": {"$eqq": 1}}), f"{QUERY}.metadata.plan.$eqq", _ORDINARY, "did you mean `$eq`?"),
    ("an unknown area", asking({"meta.plan": 1}), f"{QUERY}.meta.plan", _ORDINARY, "did you mean `metadata.plan`?"),
    ("a pattern with look-ahead", asking({"metadata.a": {"$regex": "(?=x)"}}), f"{QUERY}.metadata.a.$regex", _REGEX, "(?="),
    ("a pattern that is no pattern", asking({"metadata.a": {"$regex": "("}}), f"{QUERY}.metadata.a.$regex", _REGEX, "missing )"),
    ("a pattern that is too long", asking({"metadata.a": {"$regex": "a" * 513}}), f"{QUERY}.metadata.a.$regex", _REGEX, "512"),
    ("a fault beside $or", asking({"$or": [{"params.n": 1}], "params.n": {"$gt": "x"}}), f"{QUERY}.params.n.$gt", _ORDINARY, "a number"),
    ("an empty $and", asking({"$and": []}), f"{QUERY}.$and", _ORDINARY, "at least one"),
    ("null in a query", asking({"params.seed": None}), f"{QUERY}.params.seed", _ORDINARY, "$exists"),
    ("a hedge that nobody agreed to pay for", hedged({"after_ms": 1}), "$.targets[0].hedge", _ORDINARY, "may be paid twice: say so by `accept_double_billing: true`"),
    ("a hedge that is not agreed to", hedged({"after_ms": 1, "accept_double_billing": False}), "$.targets[0].hedge", _ORDINARY, "or remove `hedge`"),
    ("a hedge without a time", hedged({"accept_double_billing": True}), "$.targets[0].hedge", _ORDINARY, "either `after_ms` or `after_p95: true`"),
    ("a hedge with two times", hedged({**HEDGE, "after_p95": True}), "$.targets[0].hedge", _ORDINARY, "and not both"),
    ("a hedge on the last target", {"strategy": {"mode": "fallback"}, "targets": [PAINT, {**PAINT, "hedge": HEDGE}]}, "$.targets[1].hedge", _ORDINARY, "there is none; remove it"),
    ("a hedge in a load balance", hedged(HEDGE, "loadbalance"), "$.targets[0].hedge", _ORDINARY, "in a fallback"),
    ("a hedge at the root", {**PAINT, "hedge": HEDGE}, "$.hedge", _ORDINARY, "in a fallback"),
    ("a hedge of the only target", {"targets": [{**PAINT, "hedge": HEDGE}]}, "$.targets[0].hedge", _ORDINARY, "in a fallback"),
    ("a hedge on a node with targets", {**hedged(HEDGE), "targets": [{"targets": [PAINT], "hedge": HEDGE}, PAINT]}, "$.targets[0].hedge", _ORDINARY, "move it into a target"),
    ("a hedge that must never pay twice", hedged(HEDGE, billing="strict"), "$.targets[0].hedge", _ORDINARY, "`billing: strict` never pays twice"),
    ("a hedge where nothing may be paid twice", {**hedged(HEDGE), "billing": "strict"}, "$.targets[0].hedge", _ORDINARY, "remove one of both"),
    ("sticky by an unknown area", sticky({"hash_fields": ["metadata._user", "meta.team"]}), "$.strategy.sticky.hash_fields[1]", _ORDINARY, "`metadata.…`, `params.…`, `headers.…`"),
    ("sticky in a fallback", sticky({"hash_fields": ["metadata._user"]}, "fallback"), "$.strategy.sticky", _ORDINARY, "`mode: loadbalance` only"),
    ("a bare list in a query", asking({"params.n": [1]}), f"{QUERY}.params.n", _ORDINARY, "$in"),
]  # fmt: skip
"""What only the reading of the whole can see."""

NOT_YET = [
    ({"is_open": True}, "$.is_open"),
    ({"cb_config": {"isOpen": False}}, "$.cb_config.isOpen"),
    ({"usage_limits": {}}, "$.usage_limits"),
    ({"rate_limits": []}, "$.rate_limits"),
    ({"inputGuardrails": []}, "$.inputGuardrails"),
    ({"output_guardrails": []}, "$.output_guardrails"),
    ({"before_request_hooks": []}, "$.before_request_hooks"),
    ({"after_request_hooks": []}, "$.after_request_hooks"),
    ({"prompt_id": "p"}, "$.prompt_id"),
]
"""What has no effect yet, and where."""
