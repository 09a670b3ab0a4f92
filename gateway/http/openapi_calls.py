"""The calls of the control plane, in words and tables: what `/openapi.json` says of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.http.openapi_tables import TEXT, Json

_MOMENT: Json = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "integer", "minimum": 0}]}
_AMOUNT: Json = {"type": "number", "minimum": 0, "maximum": 10**12}
_COUNT: Json = {"type": "integer", "minimum": 0, "maximum": 1_000_000}
_STATUSES: Json = {"type": "string", "pattern": "^[1-5][0-9]{2}(,[1-5][0-9]{2})*$"}
_HITS = "(HIT|MISS|REFRESH|DISABLED)"
_CACHES: Json = {"type": "string", "pattern": f"^{_HITS}(,{_HITS})*$"}
_PAGE: Json = {"type": "integer", "minimum": 0}

QUERY: Mapping[str, tuple[Json, str]] = {
    "time_of_generation_min": (_MOMENT, "From then on: an ISO 8601 time, or seconds since the epoch."),
    "time_of_generation_max": (_MOMENT, "Before then."),
    "status_code": (_STATUSES, "Statuses that were answered, with commas between them."),
    "ai_org": (TEXT, "Providers, with commas between them."),
    "ai_model": (TEXT, "Models, with commas between them."),
    "ai_org_model": (
        {"type": "string", "examples": ["openai__gpt-image-1"]},
        "Both: `provider__model`, with commas between them.",
    ),
    "virtual_keys": (TEXT, "Slugs of virtual keys, with commas between them."),
    "configs": (TEXT, "Ids of configs, with commas between them."),
    "api_key_ids": (TEXT, "Ids of API keys, with commas between them."),
    "metadata": (
        {"type": "string", "contentMediaType": "application/json", "contentSchema": {"additionalProperties": TEXT}},
        "A JSON object: each of its fields has to be the request's.",
    ),
    "trace_id": (TEXT, "Trace ids, with commas between them."),
    "cache_status": (_CACHES, "HIT, MISS, REFRESH or DISABLED, with commas between them."),
    "cost_min": (_AMOUNT, "US cents."),
    "cost_max": (_AMOUNT, "US cents."),
    "total_units_min": (_COUNT, "Number of pictures."),
    "total_units_max": (_COUNT, "Number of pictures."),
    "workspace_slug": (TEXT, "The workspace, where the key sees several."),
    "workspace_id": (TEXT, "The same."),
    "page_size": ({"type": "integer", "minimum": 1, "maximum": 1000}, "How many there are on a page."),
    "current_page": (_PAGE, "Which page, from 0."),
    "after": (TEXT, "What the page before told as `next`."),
    "format": ({"enum": ["ndjson", "csv"]}, "The form of the file."),
    "requested_data": (TEXT, "Fields of a request in the order that they are wanted, with commas between them."),
    "columns": (TEXT, "Fields of a group, with commas between them; all where it is left out."),
    "include_total": (TEXT, "The total is always told."),
    "order_by": (
        {"enum": ["requests", "cost", "errors", "total_units", "rescued", "cache_hits", "last_seen"]},
        "What groups are ordered by.",
    ),
    "order_by_type": ({"enum": ["asc", "desc"]}, "The smallest or the largest first."),
    "from": (TEXT, "`version_id` of the version before; the one before `to` where it is left out."),
    "to": (TEXT, "`version_id` of the version after; the one of now where it is left out."),
    "last": ({"type": "integer", "minimum": 0, "maximum": 200}, "So many from before are told first."),
    "version": (TEXT, "The version of a config, as `x-gateway-config-version` told it."),
    "expires": (TEXT, "Part of the link."),
    "signature": (TEXT, "Part of the link."),
}
_FILTERS = tuple(QUERY)[: tuple(QUERY).index("page_size")]
_PAGES = ("page_size", "current_page")
_GROUPED = (*_FILTERS, *_PAGES, "columns", "include_total", "order_by", "order_by_type")

_MONEY = ("cost", "cost_usd")
_SAVED = ("saved", "saved_usd")
_LATENCY = ("avg", "p50", "p90", "p95", "p99")
CHARTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "requests": ("Requests over time.", ("requests",)),
    "cost": ("What they cost.", (*_MONEY, "images", "requests")),
    "latency": ("How long they took.", ("requests", *_LATENCY)),
    "tokens": ("Pictures over time, where others count tokens.", ("units",)),
    "users": ("How many users there were.", ("users",)),
    "users/requests": ("Requests of each user.", ("users", "requests", "requests_per_user")),
    "errors": ("Requests that failed.", ("errors",)),
    "errors/rate": ("Their share.", ("rate", "errors", "requests")),
    "errors/stacks": ("Which errors, over time.", ("stacks",)),
    "errors/status-codes": ("Which errors, in all.", ("status_code", "count")),
    "requests/rescued": ("Requests that were answered although an attempt failed.", ("rescued", *_SAVED, "requests")),
    "cache/hit-rate": ("What the cache answered.", ("rate", "hits", "lookups", *_SAVED)),
    "cache/latency": ("How long it took to.", ("hits", *_LATENCY)),
    "feedbacks": ("Feedback over time.", ("feedbacks",)),
    "feedbacks/scores": ("Feedback by its value.", ("score", "feedbacks")),
    "feedbacks/weighted": ("Its weighted mean.", ("weighted_feedback", "feedbacks")),
    "feedbacks/ai-models": ("It by model.", ("ai_model", "ai_org", "feedbacks", "weighted_feedback")),
}
"""Path of a chart → what it shows, and the fields of its rows."""


@dataclass(frozen=True, slots=True)
class Call:
    """One method of one path."""

    does: str
    scope: str | None
    """`None`: any key will do, or none is asked for."""
    takes: str | None = None
    gives: str = ""
    streams: bool = False
    """Whether it answers with events, as they come."""
    query: tuple[str, ...] = ()
    refuses: tuple[int, ...] = ()
    is_versioned: bool = False


def chart_schema(path: str) -> str:
    """Return how the answer of a chart is called."""
    return f"graph.{path.replace('/', '.')}"


def _crud(what: str, called: str, scope: str, one: str) -> dict[str, dict[str, Call]]:
    """Return the calls of what is stored under a name; `called` is how its schemas are."""
    seen, brief = ("workspace_id",), f"{called}_brief"
    new, change = f"new_{called}", f"{called}_change"
    made = "api_key_made" if called == "api_key" else brief
    return {
        f"/{what}": {
            "get": Call(f"List the {one}s.", f"{scope}.list", gives=f"{called}s", query=(*_PAGES, *seen)),
            "post": Call(f"Make a new {one}.", f"{scope}.create", takes=new, gives=made, refuses=(409,)),
        },
        f"/{what}/{{name}}": {
            "get": Call(f"Show the {one} of a name.", f"{scope}.read", gives=called, query=seen, refuses=(409,)),
            "put": Call(
                f"Change the {one} of a name.",
                f"{scope}.update",
                takes=change,
                gives=brief,
                query=seen,
                refuses=(409,),
                is_versioned=True,
            ),
            "delete": Call(
                f"Remove the {one} of a name.",
                f"{scope}.delete",
                gives="deleted",
                query=seen,
                refuses=(409,),
                is_versioned=True,
            ),
        },
    }


_KEYS = "workspace_service_api_keys"
CALLS: Mapping[str, Mapping[str, Call]] = {
    **_crud("configs", "config", "configs", "config"),
    "/configs/{name}/versions": {
        "get": Call(
            "List the versions of a config.",
            "configs.read",
            gives="config_versions",
            query=(*_PAGES, "workspace_id"),
            refuses=(409,),
        )
    },
    "/configs/{name}/versions/{version}": {
        "get": Call(
            "Show a config as it was.", "configs.read", gives="config_version", query=("workspace_id",), refuses=(409,)
        )
    },
    "/configs/{name}/versions/{version}/restore": {
        "post": Call(
            "Roll a config back to one of its versions.",
            "configs.update",
            gives="config_brief",
            query=("workspace_id",),
            refuses=(409,),
            is_versioned=True,
        )
    },
    "/configs/{name}/diff": {
        "get": Call(
            "Tell what changed between two versions.",
            "configs.read",
            gives="diff",
            query=("from", "to", "workspace_id"),
            refuses=(409,),
        )
    },
    **_crud("virtual-keys", "virtual_key", "virtual_keys", "virtual key"),
    **_crud("api-keys", "api_key", _KEYS, "API key"),
    "/api-keys/{name}/rotate": {
        "post": Call(
            "Put a new key in the place of one.",
            f"{_KEYS}.update",
            takes="rotation",
            gives="api_key_rotated",
            query=("workspace_id",),
            refuses=(409,),
            is_versioned=True,
        )
    },
    "/api-keys/{type}/{sub_type}": {
        "post": Call(
            "Make an API key, as Portkey's SDK does.", f"{_KEYS}.create", takes="new_api_key", gives="api_key_made"
        )
    },
    "/feedback": {
        "post": Call(
            "Say what somebody thought of a picture.",
            "feedback.write",
            takes="new_feedback",
            gives="feedback_done",
            query=("workspace_id",),
        )
    },
    "/feedback/{name}": {
        "put": Call(
            "Change a piece of feedback.",
            "feedback.write",
            takes="feedback_change",
            gives="feedback_done",
            query=("workspace_id",),
        )
    },
    "/logs": {
        "get": Call("List requests.", "logs.list", gives="logs", query=(*_FILTERS, *_PAGES, "after")),
        "post": Call("Record requests that were made elsewhere.", "logs.write", takes="new_logs", gives="logs_made"),
    },
    "/logs/{id}": {"get": Call("Show one request.", "logs.view", gives="log_details")},
    "/logs/export": {"get": Call("Download the log.", "logs.export", query=(*_FILTERS, "format", "requested_data"))},
    "/logs/exports": {
        "get": Call("List exports.", "logs.export", gives="exports", query=("workspace_id",)),
        "post": Call("Make an export.", "logs.export", takes="new_export", gives="export_made"),
    },
    "/logs/exports/{id}": {
        "get": Call("Show an export.", "logs.export", gives="export"),
        "put": Call("Change an export.", "logs.export", takes="export_change", gives="export_made", refuses=(409,)),
    },
    "/logs/exports/{id}/start": {
        "post": Call("Let an export be downloaded.", "logs.export", gives="export_told", refuses=(409,))
    },
    "/logs/exports/{id}/cancel": {"post": Call("Let it be downloaded no more.", "logs.export", gives="export_told")},
    "/logs/exports/{id}/download": {
        "get": Call(
            "Give out a link to the file.", "logs.export", gives="signed_url", query=("format",), refuses=(409,)
        )
    },
    "/logs/exports/{id}/file": {
        "get": Call("The file, by a link that was given out.", None, query=("expires", "format", "signature"))
    },
    "/logs/live": {
        "get": Call("Requests under way, and as they are answered.", "logs.list", streams=True, query=("last",))
    },
    "/logs/{id}/pictures": {"get": Call("Links to the pictures of a request.", "logs.view", gives="pictures")},
    "/check": {
        "post": Call(
            "Say all there is to say of a config, and run its tests.", "configs.create", takes="draft", gives="check"
        )
    },
    "/explain": {
        "post": Call(
            "Say where a request would go, and why.",
            "configs.create",
            takes="explain_asked",
            gives="story",
            refuses=(422,),
        )
    },
    "/simulate": {
        "post": Call(
            "Say what made-up traffic would come to.",
            "configs.create",
            takes="simulate_asked",
            gives="simulation",
            refuses=(422, 503),
        )
    },
    "/routes": {"get": Call("List the configs that a request may name.", "configs.list", gives="routes")},
    "/routes/{id}": {
        "get": Call("Show one as it is written and as a tree.", "configs.read", gives="route", query=("version",))
    },
    "/health/targets": {"get": Call("Say how the targets are.", "logs.list", gives="targets_health")},
    "/budgets": {"get": Call("Say how much of what may be spent is.", "virtual_keys.list", gives="budgets")},
    "/declared-keys": {"get": Call("The keys that files declare.", "virtual_keys.list", gives="declared_keys")},
    "/schemas/config": {"get": Call("The schema of configs.", "configs.read", gives="config_schema")},
    **{
        f"/analytics/graphs/{path}": {"get": Call(does, "analytics.view", gives=chart_schema(path), query=_FILTERS)}
        for path, (does, _) in CHARTS.items()
    },
    "/analytics/groups/{by}": {
        "get": Call(
            "Requests by user, model, provider, config, key or status.",
            "analytics.view",
            gives="groups",
            query=_GROUPED,
        )
    },
    "/analytics/groups/metadata/{key}": {
        "get": Call("Requests by a field of their metadata.", "analytics.view", gives="groups", query=_GROUPED)
    },
    "/analytics/summary": {"get": Call("All of a time in one row.", "analytics.view", gives="summary", query=_FILTERS)},
    "/analytics/summary/cache": {
        "get": Call("What the cache did.", "analytics.view", gives="cache_summary", query=_FILTERS)
    },
}
