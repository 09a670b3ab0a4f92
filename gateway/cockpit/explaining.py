"""`POST /v1/explain`: where a request would go through a config that is being written, with targets as they are now."""

import asyncio
from typing import Any

from starlette.requests import Request

from gateway.admission import objection
from gateway.cockpit.desk import Desk
from gateway.cockpit.drafts import body_names, draft_of, route_of
from gateway.compile import Route
from gateway.explain import explain as explained
from gateway.http.control.operator import operator_of
from gateway.http.control.plane import Told
from gateway.http.control.reading import Body, body_of, object_of
from gateway.images import ImageRequest, InMemory, Upload
from gateway.rehearsal import PIXEL, Act, UnknownAct, act_of
from gateway.secret import Secret

_CALLERS_KEY = Secret("stands-for-the-key-that-the-caller-would-send")
_PATHS = {"generate": "/v1/images/generations", "edit": "/v1/images/edits", "vary": "/v1/images/variations"}


async def explain(desk: Desk, request: Request) -> Told:
    """Answer one request."""
    operator = operator_of(request, "configs.create")
    names = body_names("request", "metadata", "headers", "operation", "assume")
    body = object_of(await body_of(request), names)
    route = route_of(desk, await draft_of(desk, operator, body))
    asked = _request(body)
    acts = _acts(body, route)
    body.check()
    refused = objection(asked, route, desk.chooser().catalogue)
    if refused is not None:
        raise refused
    now = asyncio.get_running_loop().time()
    kept = {path: await cache.verdict(asked) for path, cache in route.caches.items()}
    return explained(route, asked, desk.leaf_of(), acts, kept=kept, now=now)


def _request(body: Body) -> ImageRequest:
    params = {name: value for name, value in _object(body, "request").items() if value is not None}
    operation = body.data.get("operation") or "generate"
    if operation not in _PATHS:
        body.fault("`operation` must be generate, edit or vary.", "operation")
        operation = "generate"
    for name in ("image", "images", "mask"):
        if params.pop(name, None) is not None:
            body.fault("Pictures are made up here; leave them out, and say which `operation` it is.", "request", name)
    if operation != "generate":
        params["image"] = [Upload(content=InMemory(PIXEL), format="png", width=1, height=1)]
    return ImageRequest(
        params=params,
        path=_PATHS[operation],
        metadata=_texts(body, "metadata"),
        headers={name.lower(): value for name, value in _texts(body, "headers").items()},
        credential=_CALLERS_KEY,
    )


def _acts(body: Body, route: Route) -> dict[str, Act]:
    known = {name for path, target in route.targets.items() for name in (path, target.name)}
    acts = {}
    for target, answer in _object(body, "assume").items():
        if target not in known:
            body.fault("No target of this config is called that.", "assume", target)
            continue
        try:
            acts[target] = act_of(answer)
        except UnknownAct as unknown:
            body.fault(str(unknown), "assume", target)
    return acts


def _object(body: Body, name: str) -> dict[str, Any]:
    value = body.data.get(name)
    if value is not None and not isinstance(value, dict):
        body.fault(f"`{name}` must be an object.", name)
        return {}
    return value or {}


def _texts(body: Body, name: str) -> dict[str, str]:
    found = {}
    for key, value in _object(body, name).items():
        if isinstance(value, str):
            found[key] = value
        else:
            body.fault("Every value here must be a text.", name, key)
    return found
