"""`POST /v1/simulate`: a config under made-up traffic, in a process of its own, so that no request waits for it."""

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request

from gateway.cockpit.desk import Desk
from gateway.cockpit.drafts import Draft, body_names, draft_of, route_of, workspace_of
from gateway.config.document import Document
from gateway.config.spec import ConfigSpec
from gateway.errors import GatewayError, Overloaded
from gateway.http.control.operator import Operator, operator_of
from gateway.http.control.plane import Told
from gateway.http.control.reading import Body, body_of, object_of
from gateway.http.control.secrets import SPELLINGS

_MOST_REQUESTS = 20_000
_USUAL_REQUESTS = 2000
_MOST_SEED = 2**63 - 1
_LONGEST_SECONDS = 60.0
_PLACEHOLDER = "stands-for-a-credential"
_NO_FAULTS: Mapping[str, Any] = {"targets": {}}
_NAMES = ("compare", "traffic", "faults", "requests", "seed")

_one_at_a_time = asyncio.Semaphore(1)


async def simulate(desk: Desk, request: Request) -> Told:
    """Answer one request."""
    operator = operator_of(request, "configs.create")
    body = object_of(await body_of(request), body_names(*_NAMES))
    count = _whole(body, "requests", _USUAL_REQUESTS, _MOST_REQUESTS)
    seed = _whole(body, "seed", 1, _MOST_SEED)
    for name in ("traffic", "faults", "compare"):
        if body.data.get(name) is not None and not isinstance(body.data[name], dict):
            body.fault(f"`{name}` must be an object.", name)
    body.check()
    drafts = {"config": await draft_of(desk, operator, body)}
    if body.data.get("compare") is not None:
        drafts["compare"] = await draft_of(desk, operator, object_of(body.data["compare"], body_names(), "$.compare"))
    asked: dict[str, Any] = {name: _plain(desk, draft) for name, draft in drafts.items()}
    _check(body, *(draft.spec for draft in drafts.values() if draft.spec is not None))
    asked |= {"traffic": body.data.get("traffic"), "faults": body.data.get("faults") or _NO_FAULTS}
    asked |= {"requests": count, "seed": seed, "virtual_keys": _virtual_keys(desk, operator)}
    asked |= {"catalogue": desk.snapshot.gateway.own_rows}
    if _one_at_a_time.locked():
        raise Overloaded("A simulation is running already; wait for its end, then try again.")
    async with _one_at_a_time:
        return await _simulated(asked)


async def _simulated(asked: dict[str, Any]) -> dict[str, Any]:
    """Have it done by a process of its own, which ends with whoever waits for it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.simulate"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_LONGEST_SECONDS):
            out, _ = await process.communicate(orjson.dumps(asked))
    except TimeoutError:
        message = (
            f"The simulation took longer than {_LONGEST_SECONDS:.0f} s: ask for fewer requests, or use the command."
        )
        raise GatewayError(message, status=422, code="simulation_too_long") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        told: dict[str, Any] = orjson.loads(out)
    except orjson.JSONDecodeError:
        words = "The simulation ended without a result; the same is done by `beamsplitter simulate`, which says why."
        raise GatewayError(words, status=500, code="simulation_failed") from None
    if "error" in told:
        raise GatewayError(str(told["error"]), code="invalid_simulation")
    return told


def _check(body: Body, *specs: ConfigSpec) -> None:
    """Read the traffic and the faults here: a process takes a second to say that they are wrong."""
    from gateway.simulate import Unusable, names_of, read_faults, read_written  # noqa: PLC0415 - servers seldom need it

    try:
        read_written(Document(data=body.data.get("traffic")))
        read_faults(Document(data=body.data.get("faults") or _NO_FAULTS), names_of(*specs))
    except Unusable as unusable:
        raise GatewayError(str(unusable), code="invalid_simulation") from None


def _plain(desk: Desk, draft: Draft) -> Any:  # noqa: ANN401 - any JSON value
    """Return a config without its secrets, after making sure that it has a route."""
    route_of(desk, draft)
    assert draft.document is not None  # what has a route was read  # noqa: S101
    assert isinstance(draft.spec, ConfigSpec)  # noqa: S101
    return _without_secrets(draft.document.data)


def _virtual_keys(desk: Desk, operator: Operator) -> dict[str, Any]:
    """Return the virtual keys that configs may name, as documents that hold no credential."""
    found = {}
    for slug, key in desk.chooser().virtual_keys(workspace_of(operator)).items():
        credentials = dict.fromkeys(key.credentials, _PLACEHOLDER)
        host = {} if key.custom_host is None else {"custom_host": key.custom_host}
        found[slug] = {"provider": key.provider, **key.options, **credentials, **host}
    return found


def _without_secrets(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return {
            name: _PLACEHOLDER if name in SPELLINGS and item is not None else _without_secrets(item)
            for name, item in value.items()
            if name != "tests"
        }
    return [_without_secrets(item) for item in value] if isinstance(value, list) else value


def _whole(body: Body, name: str, usual: int, most: int) -> int:
    value = body.data.get(name, usual)
    if type(value) is int and 1 <= value <= most:
        return value
    body.fault(f"`{name}` must be a whole number from 1 to {most}.", name)
    return usual
