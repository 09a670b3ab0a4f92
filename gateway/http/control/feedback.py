"""`/v1/feedback`: what people thought of what they got, by the trace id of its request."""

from typing import Any

import orjson
from starlette.requests import Request

from gateway.config.api_key import PAINT
from gateway.http.control.operator import OPERATOR, Operator, operator_of
from gateway.http.control.plane import Plane
from gateway.http.control.reading import Body, body_of, object_of, seen_by, workspace_asked
from gateway.http.control.telling import Told
from gateway.store import feedback

_NEW = ("trace_id", "value", "weight", "metadata")
_CHANGED = ("value", "weight", "metadata")
_VALUES = range(-10, 11)
_MOST = 1000
_METADATA_BYTES = 16 * 1024
_VALUE = f"`value` must be a whole number from {_VALUES[0]} to {_VALUES[-1]}."


async def create(plane: Plane, request: Request) -> Told:
    """Keep one piece of feedback, or a list of them: all or none."""
    operator = _operator(request)
    data = await body_of(request)
    several = isinstance(data, list)
    whole = Body({})
    if several and not 0 < len(data) <= _MOST:
        whole.fault(f"A list of feedback holds from 1 to {_MOST} entries.")
        whole.check()
    rows = []
    for index, entry in enumerate(data if several else [data]):
        body = object_of(entry, _NEW, f"$[{index}]" if several else "$")
        trace_id = body.text("trace_id", required=True)
        if "value" not in body:
            body.fault(_VALUE, "value")
        rows.append({"weight": 1.0, "metadata": {}, "trace_id": trace_id, **_values(body)})
        whole.problems.extend(body.problems)
    whole.check()
    workspace = operator.workspace_for(workspace_asked(request))
    return _done("kept", await feedback.add(plane.database, workspace, rows))


async def update(plane: Plane, request: Request) -> Told:
    """Change a piece of feedback."""
    workspace = seen_by(_operator(request), request)
    body = object_of(await body_of(request), _CHANGED)
    values = _values(body)
    if not body.data:
        body.fault("Give what is to be changed: `value`, `weight` or `metadata`.")
    body.check()
    id_ = request.path_params["name"]
    await feedback.change(plane.database, workspace, id_, values)
    return _done("changed", [id_])


def _operator(request: Request) -> Operator:
    """Return who sends feedback: whoever may have pictures made may also say what they think of them."""
    operator: Operator = request.scope[OPERATOR]
    if operator.scopes is not None and PAINT in operator.scopes:
        return operator
    return operator_of(request, "feedback.write")


def _values(body: Body) -> dict[str, Any]:
    """Return the fields that are given, after noting what is wrong with them."""
    found = {name: body.data[name] for name in _CHANGED if name in body}
    value, weight, metadata = found.get("value"), found.get("weight", 1), found.get("metadata")
    if "value" in found and not (type(value) is int and value in _VALUES):
        body.fault(_VALUE, "value")
    if "weight" in found and (type(weight) not in (int, float) or not 0 <= weight <= 1):
        body.fault("`weight` must be a number from 0 to 1.", "weight")
    if "metadata" in found and not isinstance(metadata, dict):
        body.fault("`metadata` must be an object.", "metadata")
    elif "metadata" in found and len(orjson.dumps(metadata)) > _METADATA_BYTES:
        body.fault(f"`metadata` may take {_METADATA_BYTES // 1024} KiB as JSON.", "metadata")
    return found


def _done(what: str, ids: list[str]) -> Told:
    return {"status": "success", "message": f"Feedback was {what}.", "feedback_ids": ids}
