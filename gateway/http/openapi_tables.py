"""The headers and the refusals of the API, in words: what `/openapi.json` says of them."""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

Header = tuple[Json, str]
"""What may stand in it, and what it means."""

TEXT: Json = {"type": "string"}
WHOLE: Json = {"type": "integer"}
_FLAG: Json = {"type": "string", "enum": ["true", "false", "True", "False", "1", "0"]}
_MILLISECONDS: Json = {"type": "integer", "minimum": 1, "maximum": 600_000}

REQUEST_HEADERS: Mapping[str, Header] = {
    "x-portkey-api-key": (TEXT, "The caller's gateway key."),
    "x-portkey-config": (
        {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/Config"},
        },
        "A config: its JSON, plain or in base64, or the id of a stored one.",
    ),
    "x-portkey-provider": (TEXT, "A provider's slug, or `@slug` of a virtual key; its key comes in Authorization."),
    "x-portkey-virtual-key": (TEXT, "A virtual key's slug."),
    "x-portkey-custom-host": (TEXT, "Base URL in the place of the provider's."),
    "x-portkey-trace-id": ({"type": "string", "maxLength": 256}, "Kept and echoed; made up where it is absent."),
    "x-portkey-metadata": (
        {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"type": "object", "additionalProperties": TEXT},
        },
        "A JSON object of strings, for conditions and logs.",
    ),
    "x-portkey-cache-force-refresh": (_FLAG, "Paint again, and replace what is kept."),
    "x-portkey-cache-namespace": (TEXT, "Keep the answer apart from others'."),
    "x-portkey-request-timeout": (_MILLISECONDS, "Milliseconds for each attempt."),
    "x-portkey-forward-headers": (TEXT, "Headers of this request that go to the provider as well, with commas."),
    "idempotency-key": (TEXT, "The same key and request again get the same answer, paid once."),
    "x-gateway-deadline": (
        {"type": "integer", "minimum": 1_000, "maximum": 600_000},
        "Milliseconds for the whole request, all attempts included.",
    ),
    "x-gateway-assume": (
        {**TEXT, "examples": ["primary=429, backup=timeout"]},
        "Take targets, by name or path, to fail so, without asking them: to see what happens then.",
    ),
    "x-gateway-explain": (_FLAG, "Answer with the story of the route; nothing is sent or spent."),
}
ANSWER_HEADERS: Mapping[str, Header] = {
    "x-portkey-trace-id": (TEXT, "The request's trace id."),
    "x-portkey-last-used-option-index": (TEXT, "The target that answered, such as `config.targets[1]`."),
    "x-portkey-retry-attempt-count": (WHOLE, "Retries of that target; -1 where they are spent."),
    "x-portkey-cache-status": ({"enum": ["DISABLED", "MISS", "HIT", "REFRESH"]}, "What the cache had to do with it."),
    "x-portkey-provider": (TEXT, "The provider that answered."),
    "x-gateway-model": (TEXT, "The model that painted."),
    "x-gateway-attempts": (WHOLE, "Attempts in all."),
    "x-gateway-maybe-billed": (WHOLE, "Failed attempts that may have been billed."),
    "x-gateway-cost-usd": (TEXT, "What the pictures cost; `null` where nobody knows."),
    "x-gateway-adaptations": (TEXT, "What was changed to fit the model, such as `size=1000x1000->1024x1024; n=3->2`."),
    "x-gateway-config-version": (TEXT, "The version of the config that routed the request."),
    "server-timing": (TEXT, "Where the time went: gateway, queue, upstream."),
}
FAILURE_HEADERS: Mapping[str, Header] = {
    "retry-after": (WHOLE, "Seconds after which another try makes sense."),
    "x-should-retry": ({"const": "false"}, "There where a client's own repeats would only cost more."),
}
REFUSED = {
    400: "It cannot be served so: `invalid_json`, `invalid_request`, `invalid_config`, `invalid_size`, `no_route` …",
    401: "`invalid_api_key`",
    403: "`not_allowed`",
    404: "`config_not_found`, `model_not_found`, `picture_not_found`, `not_found`, `unknown_url`",
    405: "`method_not_allowed`",
    408: "`timeout_error`: an attempt's time ran out; `request_body_timeout`: the body came too slowly",
    409: "`version_conflict`, `already_exists`, `ambiguous`, `not_started`, `export_stopped`; "
    "of pictures `outcome_unknown`, or the provider's own",
    413: "`body_too_large`",
    415: "`unsupported_encoding`",
    422: "`idempotency_key_reused`, `unsupported`, `max_cost_exceeded`, `simulation_too_long`",
    429: "`upstream_rate_limited`, `rate_limit_exceeded`, `budget_exceeded`: which limit it was is in the message",
    431: "`headers_too_large`",
    500: "`internal_error`, `simulation_failed`",
    502: "`upstream_unreachable`, `upstream_error`, `upstream_incomplete`, `upstream_empty`, `upstream_auth` …",
    503: "`overloaded`, `shutting_down`, `budget_unavailable`, `store_unavailable`, or the provider's own",
    504: "`deadline_exceeded`",
}
ANYWHERE = (400, 404, 405, 413, 431)
