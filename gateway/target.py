"""The leaf of the tree: shapes a request for its model, lets the adapter talk, and looks at what came back."""

import asyncio
import functools
import logging
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from yarl import URL

from gateway.catalogue import ModelRow, find, fit, inexpressible, price, refusal
from gateway.config.shaping import shape
from gateway.config.spec import TargetSpec
from gateway.delivery.verify import Fault, look, mismatches
from gateway.errors import GatewayError
from gateway.images import Adaptation, ImageReply, ImageRequest
from gateway.secret import Secret
from gateway.transport import Transport
from gateway.wire import Adapter, Draw, Flow, MissingCredential, Outcome, Paint, Received, Send, Target, Wait
from strategies import Cause, Context, Failure, Success, Try

_log = logging.getLogger("gateway.target")

_SHORTEST_KEY = 4
"""What is shorter keeps nothing secret, and occurs in any sentence."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request as it will be sent to one target, and what had to be changed for that."""

    request: ImageRequest
    row: ModelRow | None
    adaptations: tuple[Adaptation, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ImageTarget:
    """One provider target, compiled: everything that does not depend on the request is worked out once."""

    spec: TargetSpec
    adapter: Adapter
    transport: Transport
    checks: bool
    """Whether the limits of the caller's model are still to be checked, as the edge could not do it."""
    wire: Target = field(init=False, repr=False)
    base_url: str = field(init=False)
    headers: Mapping[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Work out the address and the headers."""
        spec = self.spec
        wire = Target(provider=spec.provider, options=spec.options, credentials=spec.credentials)
        object.__setattr__(self, "wire", wire)
        base = spec.custom_host or self.adapter.base_url(wire)
        object.__setattr__(self, "base_url", base.rstrip("/"))
        object.__setattr__(self, "headers", {} if spec.passthrough else _lowered(self.adapter.authorize(wire)))

    async def __call__(self, request: ImageRequest, context: Context, /) -> Outcome:
        """Make one attempt at this target."""
        attempt = context.attempt
        if attempt is None:
            raise RuntimeError("a target runs inside an attempt")
        prepared = self.prepare(request)
        if isinstance(prepared, Failure):
            return prepared
        headers = self.headers_for(request)
        if isinstance(headers, Failure):
            return headers
        if self.adapter.local:
            attempt.sent = True  # the sandbox plays a provider: what it is asked for counts as sent, and as billed
        outcome = await self._drive(self.adapter.flow(prepared.request, self.wire), headers, attempt, context)
        if isinstance(outcome, Failure):
            return _without_keys(outcome, [*self.spec.credentials.values(), request.credential])
        return self._examine(outcome.reply, prepared)

    def prepare(self, request: ImageRequest) -> Prepared | Failure:
        """Shape the parameters, and fit them to the model they go to; pure, so that `explain` can show it."""
        spec = self.spec
        params = shape(request.params, spec.shaping)
        row = find(spec.provider, params.get("model"), spec.options)
        if row is None:
            return Prepared(replace(request, params=_without_orders(params, spec)), None, ())
        named = request.model == row.id or request.model in row.aliases
        if named and self.checks:
            refused = refusal(row, params)
            if refused is not None:
                return _unsupported(refused)
        problem = inexpressible(row, params)
        if problem is not None:
            return Failure(cause=Cause.UNSUPPORTED, message=problem, reached=False)
        params, adaptations = fit(row, params, named=named)
        if adaptations and spec.adapt == "strict":
            changes = "; ".join(map(str, adaptations))
            return Failure(
                cause=Cause.UNSUPPORTED,
                message=f"{row.id} cannot take the request as it is ({changes}) and the target says `adapt: strict`",
                reached=False,
            )
        return Prepared(replace(request, params=params), row, () if spec.adapt == "lenient" else adaptations)

    def headers_for(self, request: ImageRequest) -> dict[str, str] | Failure:
        """Return the headers of a request to this target, unless its caller has to bring a credential and did not."""
        spec = self.spec
        headers = dict(self.headers)
        if spec.passthrough:
            given = {} if request.credential is None else {"api_key": request.credential}
            wire = replace(self.wire, credentials={**given, **spec.credentials})
            try:
                headers.update(_lowered(self.adapter.authorize(wire)))
            except MissingCredential as missing:
                return Failure(cause=Cause.AUTH, message=str(missing), reached=False, code="invalid_api_key")
        for name in spec.forward_headers:
            if name in request.headers:
                headers[name] = request.headers[name]
        return headers

    async def _drive(self, flow: Flow, headers: dict[str, str], attempt: Try, context: Context) -> Outcome:
        given: Any = None
        while True:
            try:
                step = flow.send(given)
            except StopIteration as done:
                outcome: Outcome = done.value
                return outcome
            except Exception:  # noqa: BLE001 - a crash in an adapter is that target's failure, never the chain's end
                return self._crashed(attempt)
            match step:
                case Send():
                    given = await self._exchange(step, headers, attempt)
                    if isinstance(given, Failure):
                        flow.close()
                        return given
                case Wait(seconds):
                    await asyncio.sleep(seconds)
                    given = None
                case Paint(work):
                    given = await asyncio.to_thread(work)
                case Draw():
                    given = context.journey.rng.random()

    async def _exchange(self, step: Send, headers: dict[str, str], attempt: Try) -> Received | Failure:
        headers = {**headers, **_lowered(step.headers)}
        body = None
        if step.json is not None:
            body = orjson.dumps(step.json)
            headers.setdefault("content-type", "application/json")
        return await self.transport.exchange(
            step.method,
            _url(self.base_url + step.path),
            headers=headers,
            body=body,
            attempt=attempt,
            trusted=self.spec.custom_host is None or self.spec.custom_host_trusted,
        )

    def _crashed(self, attempt: Try) -> Failure:
        incident = secrets.token_hex(4)
        _log.exception("adapter of %s crashed, incident %s", self.spec.provider, incident)
        return Failure(
            cause=Cause.INCOMPLETE,
            code="upstream_bad_response",
            message=f"the answer of {self.spec.provider} could not be understood (incident {incident} in the log)",
            reached=attempt.sent,
            may_be_billed=attempt.sent,
        )

    def _examine(self, reply: ImageReply, prepared: Prepared) -> Outcome:
        params = prepared.request.params
        adaptations = prepared.adaptations
        if self.spec.verify:
            for picture in reply.pictures:
                seen = look(picture)
                if isinstance(seen, Fault):
                    return Failure(cause=Cause.EMPTY, message=f"{self.spec.provider} sent {seen.message}")
                if self.spec.adapt != "lenient":
                    adaptations += tuple(
                        found
                        for found in mismatches(params.get("size"), params.get("output_format"), seen)
                        if found not in adaptations
                    )
        wanted, given = params.get("response_format"), "b64_json" if reply.pictures[0].url is None else "url"
        if wanted not in (None, given) and self.spec.adapt != "lenient":
            adaptations += (Adaptation("response_format", str(wanted), given),)
        asked, made = params.get("n") or 1, len(reply.pictures)
        if made < asked and self.spec.adapt != "lenient":
            adaptations += (Adaptation("n", str(asked), str(made)),)
        cost = None
        if prepared.row is not None:
            cost = price(prepared.row, {**params, **reply.about}, made, reply.about.get("usage"))
        return Success(
            replace(
                reply, adaptations=adaptations, provider=self.spec.provider, model=params.get("model"), cost_usd=cost
            )
        )


def _without_orders(params: dict[str, Any], spec: TargetSpec) -> dict[str, Any]:
    """Leave out what is meant for the sandbox alone, for a model that the catalogue does not know."""
    if "sandbox" not in params or spec.provider == "sandbox":
        return params
    return {name: value for name, value in params.items() if name != "sandbox"}


def _without_keys(failure: Failure, credentials: Iterable[Secret | None]) -> Failure:
    """Return the failure without what was sent as a credential: providers quote it, and callers may not know it."""
    keys = [key for key in (each.reveal() for each in credentials if each) if len(key) >= _SHORTEST_KEY]
    told = failure.message + (failure.provider_code or "") + (failure.param or "")
    if not any(key in told for key in keys):
        return failure
    return replace(failure, message=functools.reduce(_starred, keys, failure.message), provider_code=None, param=None)


def _starred(words: str, key: str) -> str:
    return words.replace(key, "***")


def _unsupported(refused: GatewayError) -> Failure:
    return Failure(
        cause=Cause.UNSUPPORTED,
        status=refused.status,
        code=refused.code,
        param=refused.param,
        message=refused.message,
        reached=False,
    )


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@functools.lru_cache(maxsize=1024)
def _url(address: str) -> URL:
    return URL(address, encoded=True)
