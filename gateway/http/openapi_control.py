"""The control plane in `/openapi.json`: its paths, and the schemas of what they take and answer."""

from collections.abc import Iterator, Mapping

from gateway.http.control.analytics import GROUPS
from gateway.http.control.api_key_fields import SUB_TYPES, TYPES
from gateway.http.openapi_calls import CALLS, CHARTS, QUERY, Call, chart_schema
from gateway.http.openapi_tables import ANYWHERE, TEXT, WHOLE, Json
from schemas import load

_SCHEMAS = "#/components/schemas"
_NUMBER: Json = {"type": "number"}
_MAYBE_TEXT: Json = {"type": ["string", "null"]}
_FIELDS: Mapping[str, Json] = {
    "ai_model": _MAYBE_TEXT,
    "ai_org": _MAYBE_TEXT,
    "stacks": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"status_code": WHOLE, "count": WHOLE},
            "required": ["status_code", "count"],
        },
    },
}
"""Fields of charts that are no numbers."""

_PARTS: Mapping[str, Json] = {
    "type": {"enum": [*TYPES]},
    "sub_type": {"enum": [*SUB_TYPES]},
    "by": {"enum": [*GROUPS]},
}
"""Parts of paths that are one of a few words."""

_FILE: Json = {
    "description": "One request in each line.",
    "content": {"application/x-ndjson": {"schema": TEXT}, "text/csv": {"schema": TEXT}},
}
_IF_MATCH: Json = {
    "name": "if-match",
    "in": "header",
    "schema": TEXT,
    "description": "The `version_id` that was read: 409 where it is another one by now.",
}


def control_paths() -> Json:
    """Return the paths of the control plane."""
    return {
        f"/v1{path}": {method: _operation(path, call) for method, call in calls.items()}
        for path, calls in CALLS.items()
    }


def control_parameters() -> Iterator[tuple[str, Json]]:
    """Yield the parameters that several of its calls have."""
    for name, (schema, text) in QUERY.items():
        yield f"query.{name}", {"name": name, "in": "query", "schema": schema, "description": text}


def control_schemas() -> Json:
    """Return the schemas that are made of others: charts, and virtual keys with the fields of all providers."""
    charts = {f"Control.{chart_schema(path)}": _chart(*chart) for path, chart in CHARTS.items()}
    own = load("control")["$defs"]["virtual_key_fields"]["properties"]
    entry = load("gateway_config")["$defs"]["virtual_key_entry"]["properties"]
    fields = {name: {"$ref": f"{_SCHEMAS}/Config.virtual_key_entry/properties/{name}"} for name in entry}
    change: Json = {
        "type": "object",
        "description": "What is to change of a virtual key; `***` keeps a credential, null takes a field away.",
        "properties": {**{name: {"anyOf": [field, {"type": "null"}]} for name, field in fields.items()}, **own},
    }
    new: Json = {
        "type": "object",
        "description": "A provider's credential, and what goes with it; the credential is sealed.",
        "properties": {**fields, **own},
        "required": ["name", "provider"],
    }
    return {**charts, "Control.new_virtual_key": new, "Control.virtual_key_change": change}


def _operation(path: str, call: Call) -> Json:
    parts = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    parameters: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": _PARTS.get(name, TEXT)} for name in parts
    ]
    parameters += [_asked(name, call) for name in call.query]
    asks = ({"gatewayKey": [call.scope]}, {"bearer": [call.scope]}) if call.scope else ()
    told: Json = {"summary": call.does, "parameters": parameters, "security": list(asks)}
    refused = {*ANYWHERE, 403, 503, *call.refuses, *((401,) if call.scope else ())}
    if call.scope:
        told["description"] = f"Asks for the scope `{call.scope}`, or for the admin key."
    if call.is_versioned:
        parameters.append(_IF_MATCH)
    if call.takes:
        refused |= {408, 415}
        schema = {"$ref": f"{_SCHEMAS}/Control.{call.takes}"}
        required = call.takes != "rotation"
        told["requestBody"] = {"required": required, "content": {"application/json": {"schema": schema}}}
    statuses = {str(status): {"$ref": f"#/components/responses/Refused{status}"} for status in sorted(refused)}
    told["responses"] = {"200": _answer(call), **statuses, "default": {"$ref": "#/components/responses/Refused"}}
    return told


def _asked(name: str, call: Call) -> Json:
    if call.scope == "analytics.view" and name.startswith("time_of_generation_"):
        return {**dict(control_parameters())[f"query.{name}"], "required": True}
    return {"$ref": f"#/components/parameters/query.{name}"}


def _answer(call: Call) -> Json:
    if call.streams:
        return {"description": call.does, "content": {"text/event-stream": {"schema": TEXT}}}
    if not call.gives:
        return _FILE
    schema = {"$ref": f"{_SCHEMAS}/Control.{call.gives}"}
    return {"description": call.does, "content": {"application/json": {"schema": schema}}}


def _chart(summary: str, fields: tuple[str, ...]) -> Json:
    row = {
        "timestamp": {"type": "string", "format": "date-time"},
        **{name: _FIELDS.get(name, _NUMBER) for name in fields},
    }
    return {
        "type": "object",
        "description": f"{summary} Rates in percent, amounts in US cents or as named, latencies in milliseconds.",
        "properties": {
            "object": {"const": "analytics-graph"},
            "data": {"type": "array", "items": {"type": "object", "properties": row, "required": [*row]}},
        },
        "required": ["object", "data"],
    }
