"""What an adapter is made of: values that go over the wire, and the flow that orders them."""

from collections.abc import AsyncIterator, Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

from gateway.images import Embedded, ImageReply, ImageRequest
from gateway.long_json import loads
from gateway.retry_after import retry_after
from gateway.secret import Secret
from strategies import Cause, Failure, Success, value

_REDIRECTS = range(300, 400)


@dataclass(frozen=True, slots=True)
class FormField:
    """One part of a multipart form."""

    name: str
    value: str | Embedded
    filename: str | None = None
    """Of a file; a picture's own name is made from its format."""


@value()
class Send:
    """One HTTP request to a provider, with one of `json`, `form` and `data` as its body, or none."""

    method: str
    path: str
    """What follows the target's base URL (`/../` leads beside its last segment). Or a whole https URL that the provider
    named: it is sent the credential only where its host is the provider's own."""
    json: Any = None
    """May hold `Embedded` pictures."""
    headers: Mapping[str, str] = field(default_factory=dict)
    form: tuple[FormField, ...] | None = None
    data: Embedded | bytes | None = None
    streams: bool = False
    """Whether the answer may come as server-sent events."""
    free: bool = False
    """Whether nothing is bought by it, as by an upload."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A pause before the flow goes on, for providers that want to be polled."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Paint:
    """Work of our own off the event loop: the sandbox's stand-in for a request."""

    work: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Draw:
    """A wish for a number in [0, 1) from the request's own random numbers: flows have none, so that they replay."""


@value()
class Received:
    """A complete HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes | bytearray
    at: float = 0.0
    """When the head arrived, in seconds since 1970: what an HTTP date in it is compared with."""
    events: AsyncIterator[bytes] | None = None
    """Instead of a body: server-sent events, the first of which has come and is no error."""

    def json(self) -> Any:  # noqa: ANN401 - the JSON boundary
        """Return the decoded body, or `None` where it is not JSON; a long picture in it is a `LongText`."""
        try:
            return loads(self.body)
        except orjson.JSONDecodeError:
            return None


class StreamBroken(Exception):
    """Events that stopped coming before their end; holds what became of them."""

    def __init__(self, failure: Failure) -> None:
        """Hold it."""
        super().__init__(failure.message)
        self.failure = failure


Outcome = Success[ImageReply] | Failure
Flow = Generator[Send | Wait | Paint | Draw, Any, Outcome]


def send(request: Send) -> Generator[Send, Received, Received]:
    """Send a request, and be given its answer."""
    return (yield request)


def wait(seconds: float) -> Generator[Wait, None, None]:
    """Pause for so many seconds."""
    yield Wait(seconds)


def paint(work: Callable[[], bytes]) -> Generator[Paint, bytes, bytes]:
    """Have work done off the event loop, and be given what it made."""
    return (yield Paint(work))


def draw() -> Generator[Draw, float, float]:
    """Be given a number in [0, 1)."""
    return (yield Draw())


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a request goes: the part of a target that its adapter needs."""

    provider: str
    model: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    """The provider's own fields, such as `azure_deployment_id`."""
    credentials: Mapping[str, Secret] = field(default_factory=dict)
    """`api_key`, and whatever else of the provider's fields is secret; tokens that were minted from them as well."""


class MissingField(Exception):
    """A target lacks, or has wrong, a field without which its provider cannot be addressed; says which one to set."""


class MissingCredential(MissingField):
    """A target lacks what its provider wants to be paid by; says which field to set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFields:
    """Which fields of a config belong to a provider, which of them are secret, and what it cannot do without."""

    credentials: tuple[str, ...] = ("api_key",)
    """Secret fields, each enough to be let in."""
    secrets: tuple[str, ...] = ()
    """Fields that are secret as well, and not enough alone."""
    options: tuple[str, ...] = ()
    needs_credential: bool = True
    needs: tuple[str, ...] = ()
    has_own_host: bool = True
    """Whether there is anything to send to without `custom_host`."""
    host_option: str | None = None
    """The option that makes up the host: needed unless there is a `custom_host`, and guarded like one."""
    remote: bool = True
    """Whether anything is sent over the network at all."""

    @property
    def secret(self) -> tuple[str, ...]:
        """Every secret field."""
        return (*self.credentials, *self.secrets)

    @property
    def all(self) -> tuple[str, ...]:
        """Every field of the provider."""
        return (*self.credentials, *self.secrets, *self.options)


@dataclass(frozen=True, slots=True)
class Minted:
    """A token, made from a target's credentials, and how long it is good for."""

    credentials: Mapping[str, Secret]
    """What `authorize` and `sign` find beside the target's own credentials."""
    seconds: float


Minting = Generator[Send, Received, Minted | Failure]
Mint = Callable[[Target, float], Minting | None]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as it is about to leave, for providers that want it signed."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    at: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A provider: how to address it, how to identify to it, how to talk to it."""

    name: str
    base_url: Callable[[Target], str]
    """The base URL for a target without `custom_host`; raises `MissingField`."""
    authorize: Callable[[Target], Mapping[str, str]]
    """The headers that carry the target's credential; raises `MissingCredential`."""
    flow: Callable[[ImageRequest, Target], Flow]
    fields: ProviderFields = ProviderFields()
    own_hosts: tuple[str, ...] = ()
    """Hosts beside the base URL's that may see the credential: a name, or `.suffix`."""
    n_max: int | Callable[[Mapping[str, Any]], int] | None = None
    """Pictures per call where the catalogue does not know the model, or how many for some parameters; `None`: any."""
    mint: Mint | None = None
    """How a token is made at a time, in seconds since 1970; `None` for a target whose credential needs none."""
    sign: Callable[[Target, Outgoing], Mapping[str, str]] | None = None
    """The headers that sign a request."""
    local: bool = False
    """Whether pictures are made here, with nothing sent anywhere."""


def joined(base_url: str, path: str) -> str:
    """Return the address that a path leads to: behind the base URL, beside its last segment after `/../`, or itself."""
    if path.startswith(("https://", "http://")):
        return path
    if path.startswith("/../"):
        # Without a path of its own, what comes last in the base URL is the host: that stays.
        beside = base_url.rpartition("/")[0] if urlsplit(base_url).path.strip("/") else base_url.rstrip("/")
        return beside + path.removeprefix("/..")
    return base_url + path


def failure_of(received: Received, message: str, *, code: str | None = None, param: str | None = None) -> Failure:
    """Return the failure that a complete answer other than 2xx means, by its status alone.

    Adapters look for refusals and exhausted accounts in the typed body first; what is left is decided here.
    """
    status = received.status
    pause = retry_after(received.headers, received.at)
    if status in (401, 402, 403):
        cause = Cause.AUTH
    elif status == 429 or (status in (503, 529) and pause is not None):  # noqa: PLR2004 - HTTP's own numbers
        cause = Cause.RATE_LIMITED
    elif status == 408:  # noqa: PLR2004
        cause = Cause.TIMEOUT
    elif status in _REDIRECTS:
        return Failure(
            cause=Cause.PROVIDER_ERROR,
            message="the provider answered with a redirect, which is never followed; correct the target's address",
            status=status,
            code="upstream_redirect",
        )
    elif status >= 500:  # noqa: PLR2004
        cause = Cause.PROVIDER_ERROR
    else:
        cause = Cause.INVALID
    return Failure(cause=cause, message=message, status=status, retry_after=pause, provider_code=code, param=param)
