"""One provider target: has its adapter talk to the provider, and hands over what came back."""

import logging
import math
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from gateway.catalogue import BUILT_IN, Catalogue, most, price_range
from gateway.config.spec import TargetSpec
from gateway.delivery import Delivery
from gateway.images import ImageRequest
from gateway.state import Flights, Memory, SingleFlight, State
from gateway.target.conversation import Conversation
from gateway.target.hand_over import handed_over
from gateway.target.pools import Pools, identity_of, identity_under
from gateway.target.prepare import Prepared, prepare
from gateway.target.redact import without_keys
from gateway.target.till import Till
from gateway.target.tokens import Tokens
from gateway.transport import Transport
from gateway.wire import Adapter, MissingCredential, MissingField, Outcome, Target
from strategies import Cause, Context, Failure, Health, Journey, Try

_log = logging.getLogger("gateway.target")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What targets share: the way out, what is known of models, where pictures and tokens are kept."""

    transport: Transport
    catalogue: Catalogue = BUILT_IN
    delivery: Delivery = field(default_factory=Delivery)
    tokens: Tokens = field(default_factory=Tokens)
    pools: Pools = field(default_factory=Pools)
    state: State = field(default_factory=lambda: Memory(0))
    """Where answers are kept that may be given again."""
    flights: SingleFlight[Outcome] = field(default_factory=Flights)
    till: Till = field(default_factory=Till)
    """Where attempts are paid."""
    trusts: Callable[[str], bool] = field(default=lambda _authority: False)
    """Whether an operator trusts a host, written with its port, although it may be private."""
    traced: Callable[[Journey, Try], Mapping[str, str]] | None = None
    """What tells a provider, by headers, which trace an attempt belongs to; `None` where there are no traces."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageTarget:
    """One provider target, compiled: everything that does not depend on the request is worked out once."""

    spec: TargetSpec
    adapter: Adapter
    outside: Outside
    checks: bool
    """Whether the limits of the caller's model are still to be checked, as the edge could not do it."""
    wire: Target = field(init=False, repr=False)
    base_url: str = field(init=False)
    headers: Mapping[str, str] = field(init=False, repr=False)
    identity: bytes = field(init=False, repr=False)
    known_as: bytes = field(init=False, repr=False)
    """The same under the limits of this config."""
    model: str | None = field(init=False)
    """The model that is sent whatever the caller names, where there is one."""
    sets_n: bool = field(init=False)
    """Whether the number of pictures may come from the target itself."""

    def __post_init__(self) -> None:
        """Work out the address and the headers."""
        spec = self.spec
        wire = Target(provider=spec.provider, options=spec.options, credentials=spec.credentials)
        object.__setattr__(self, "wire", wire)
        base = spec.custom_host or self.adapter.base_url(wire)
        object.__setattr__(self, "base_url", base.rstrip("/"))
        credentials = {} if spec.passthrough else spec.credentials
        object.__setattr__(self, "identity", identity_of(spec.provider, self.base_url, credentials))
        object.__setattr__(self, "known_as", identity_under(self.identity, spec.breaker, spec.max_in_flight))
        model = spec.shaping.override_params.get("model")
        object.__setattr__(self, "model", model if isinstance(model, str) else None)
        object.__setattr__(self, "headers", {} if spec.passthrough else lowered(self.adapter.authorize(wire)))
        shaping = spec.shaping
        object.__setattr__(self, "sets_n", "n" in shaping.override_params or "n" in shaping.default_params)

    async def __call__(self, request: ImageRequest, context: Context, /) -> Outcome:
        """Make one attempt at this target."""
        attempt = context.attempt
        if attempt is None:
            raise RuntimeError("a target runs inside an attempt")
        ready = self.ready(request)
        if isinstance(ready, Failure):
            return ready
        prepared, headers = ready
        if self.adapter.local:
            attempt.sent = True  # the sandbox plays a provider: what it is asked for counts as sent, and as billed
        conversation = Conversation(self, request, headers, attempt, context)
        try:
            outcome = await conversation.run(prepared.request)
            if not isinstance(outcome, Failure):
                outcome = await handed_over(outcome.reply, prepared, conversation, self.wanted(request))
        except Exception:  # noqa: BLE001 - a crash in an adapter is that target's failure, never the chain's end
            outcome = self._crashed(attempt)
        finally:
            conversation.leave()
        if isinstance(outcome, Failure):
            return without_keys(outcome, [*conversation.credentials, request.credential])
        return outcome

    def ready(self, request: ImageRequest) -> tuple[Prepared, dict[str, str]] | Failure:
        """Return the request as it will be sent, and its headers, unless it cannot be sent at all."""
        prepared = request.prepared or self.prepare(request)
        if isinstance(prepared, Failure):
            return prepared
        headers = self.headers_for(request)
        return headers if isinstance(headers, Failure) else (prepared, headers)

    def prepare(self, request: ImageRequest) -> Prepared | Failure:
        """Shape the parameters, and fit them to the model they go to; pure, so that `explain` can show it."""
        wanted = self.wanted(request)
        prepared = prepare(
            request,
            self.spec,
            self.outside.catalogue,
            n_max=self.adapter.n_max,
            checks=self.checks,
            events=wanted != "url" and not self.spec.persist,
        )
        return prepared if isinstance(prepared, Failure) else self._cannot_deliver(wanted, prepared) or prepared

    def health(self, request: ImageRequest) -> Health:
        """Return what is known of this target across requests, for the model and the credential of this one."""
        identity, model = self.called(request)
        return self.outside.pools.health(identity, model, self.spec.breaker, self.spec.max_in_flight)

    def called(self, request: ImageRequest) -> tuple[bytes, str]:
        """Return the identity and the model under which that is known."""
        known_as, spec = self.known_as, self.spec
        if spec.passthrough and request.credential is not None:
            callers = identity_of(spec.provider, self.base_url, {"api_key": request.credential})
            known_as = identity_under(callers, spec.breaker, spec.max_in_flight)
        model = self.model or request.model or ""
        if self.adapter.local:  # the sandbox plays as many providers as there are ways to behave
            model += repr(self._shaped("sandbox", request))
        return known_as, model

    def price(self, request: ImageRequest) -> float:
        """Return what the request costs at most here, as far as the catalogue knows; else infinity."""
        prepared = self.prepare(request)
        if isinstance(prepared, Failure) or prepared.row is None:
            return math.inf
        prices = price_range(prepared.row, prepared.request.params, prepared.asked)
        return math.inf if prices is None else prices[1]

    def estimate(self, prepared: Prepared) -> float | None:
        """Return what a request costs at most here, `None` where nobody knows."""
        if prepared.row is None:
            return 0.0 if self.adapter.local else None
        return most(prepared.row, prepared.request.params, prepared.asked)

    def headers_for(self, request: ImageRequest) -> dict[str, str] | Failure:
        """Return the headers of a request to this target, unless its caller has to bring a credential and did not."""
        spec = self.spec
        if spec.expires is not None and time.time() >= spec.expires:  # noqa: TID251 - dates are the world's
            message = f"the virtual key {spec.virtual_key!r} has expired"
            return Failure(cause=Cause.AUTH, message=message, reached=False)
        headers = dict(self.headers)
        if spec.passthrough:
            try:
                headers.update(lowered(self.adapter.authorize(self.wire_for(request))))
            except MissingCredential as missing:
                return Failure(cause=Cause.AUTH, message=str(missing), reached=False, code="invalid_api_key")
            except MissingField as missing:
                return Failure(cause=Cause.UNSUPPORTED, message=str(missing), reached=False)
        for name in spec.forward_headers:
            if name in request.headers:
                headers[name] = request.headers[name]
        return headers

    def wire_for(self, request: ImageRequest) -> Target:
        """Return the target as the adapter sees it for a request: with the caller's credential, where it is used."""
        if not self.spec.passthrough or request.credential is None:
            return self.wire
        return replace(self.wire, credentials={"api_key": request.credential, **self.spec.credentials})

    def wanted(self, request: ImageRequest) -> object:
        """Return the form to deliver; `drop_params` only keeps the word from the provider."""
        return self._shaped("response_format", request)

    def _shaped(self, name: str, request: ImageRequest) -> object:
        """Return a parameter as the config leaves it, as long as nobody drops it."""
        shaping = self.spec.shaping
        for words in (shaping.override_params, request.params, shaping.default_params):
            if name in words:
                return words[name]
        return None

    def _cannot_deliver(self, wanted: object, prepared: Prepared) -> Failure | None:
        """Find out before anything is spent that there is no place for the pictures."""
        linked = prepared.row is not None and "url" in prepared.row.responses
        if not self.outside.delivery.keeps and (self.spec.persist or (wanted == "url" and not linked)):
            return Failure(
                cause=Cause.UNSUPPORTED,
                message="links need a place for the pictures, and this gateway has none: start it with --data DIR,"
                " or ask for response_format b64_json",
                reached=False,
                param="response_format",
            )
        return None

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


def lowered(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers with their names in lower case."""
    return {name.lower(): value for name, value in headers.items()}
