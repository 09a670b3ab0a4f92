"""A request for pictures, the pictures that come with it, and those that answer it."""

import math
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from gateway.ledger import Account
from gateway.secret import Secret
from strategies import value

Operation = Literal["generate", "edit", "vary"]
CacheStatus = Literal["DISABLED", "MISS", "HIT", "REFRESH"]
Polarity = Literal["transparent", "white", "black"]
"""What marks the part of a picture that is to be changed."""


class Bytes(Protocol):
    """A picture's bytes, wherever they are: any part can be had without the rest."""

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    def at(self, offset: int, count: int) -> bytes:
        """Return some of them; fewer where there are no more."""
        ...


class InMemory:
    """Bytes as they are."""

    def __init__(self, data: bytes | bytearray) -> None:
        """Hold them."""
        self._data = data
        self.size = len(data)

    def at(self, offset: int, count: int) -> bytes:
        """Return some of them."""
        return bytes(self._data[offset : offset + count])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Upload:
    """A picture that came with the request, looked at already."""

    content: Bytes
    format: str
    """`png`, `jpeg`, `webp` or `gif`."""
    width: int
    height: int

    @property
    def media_type(self) -> str:
        """The picture's type, as HTTP names it."""
        return f"image/{self.format}"

    def __str__(self) -> str:
        """Return what messages and explanations show in place of the bytes."""
        return f"<{self.format} {self.width}x{self.height}, {self.content.size} bytes>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """A picture of the request where a provider wants it; whoever sends it writes the bytes, off the event loop."""

    upload: Upload
    form: Literal["base64", "data_url", "bytes"] = "base64"
    mask: Polarity | None = None
    """For a mask: what marks the part to change. `None` leaves the bytes as they are."""
    binary: bool = False
    """Whether the mask may have no soft edges."""


class Room(Protocol):
    """Memory for what a request brings in, held until the request is answered."""

    async def take(self, count: int, *, last: bool = False) -> None:
        """Wait until there is room for so many more bytes: `last` behind all who wait for an answer."""
        ...

    def give(self, count: int) -> None:
        """Give some of it back early."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """The share of a request that one call makes, where a model makes too few pictures at once."""

    first: int
    """The number of its first picture, from 0: seeds are varied by it."""
    count: int


@value(kw_only=True)
class ImageRequest:
    """What the caller asked for, in OpenAI's words; `null` parameters are gone already.

    `params["image"]` is a list of `Upload`s and `params["mask"]` one, where the request has them.
    """

    params: Mapping[str, Any]
    path: str = "/v1/images/generations"
    metadata: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """The caller's headers, names in lower case."""
    credential: Secret | None = None
    """The provider's key, where the caller sent it."""
    tenant: str = ""
    """Whose request it is: nothing that is kept for one tenant is shown to another."""
    payers: tuple[Account, ...] = ()
    """Whose budgets it is paid from, beside those of the target."""
    part: Part | None = None
    room: Room | None = field(default=None, compare=False)
    prepared: Any = field(default=None, compare=False, repr=False)
    """What the one target that it is about to be sent to made of it, where that was looked at already."""

    @property
    def model(self) -> str | None:
        """The model the caller named."""
        return self.params.get("model")

    def with_params(self, params: Mapping[str, Any], prepared: object = None) -> "ImageRequest":
        """Return this request with other parameters, as `dataclasses.replace` does, which is slow for every request."""
        return ImageRequest(
            params=params,
            path=self.path,
            metadata=self.metadata,
            headers=self.headers,
            credential=self.credential,
            tenant=self.tenant,
            payers=self.payers,
            part=self.part,
            room=self.room,
            prepared=prepared,
        )

    @property
    def operation(self) -> Operation:
        """What is to be done: new pictures, changes to given ones, or variations of one."""
        if "image" not in self.params and self.path.endswith("/generations"):
            return "generate"
        return "vary" if self.path.endswith("/variations") else "edit"

    @property
    def images(self) -> tuple[Upload, ...]:
        """The pictures to work on."""
        return tuple(self.params.get("image", ()))

    @property
    def mask(self) -> Upload | None:
        """What marks the part to change."""
        return self.params.get("mask")


@value(kw_only=True)
class Picture:
    """One picture, in the form the provider gave it, or the form it was turned into for the caller."""

    b64: memoryview | None = None
    """Base64 text, a view into the provider's answer."""
    data: bytes | bytearray | None = None
    url: str | None = None
    revised_prompt: str | None = None


LEFT_OUT: Final = "dropped"
"""What an adaptation says was given for a parameter that was not sent at all."""


@dataclass(frozen=True, slots=True)
class Adaptation:
    """One parameter that was changed or left out to fit the model."""

    param: str
    asked: str
    given: str

    def __str__(self) -> str:
        """Return the form of `x-gateway-adaptations`."""
        return f"{self.param}={self.asked}->{self.given}"


@value(kw_only=True)
class ImageReply:
    """Pictures on their way to the caller."""

    pictures: tuple[Picture, ...] = ()
    canonical: bytes | bytearray | None = None
    """The provider's body, where it is already the answer the caller gets."""
    shapes: tuple[tuple[str | None, int | None, int | None], ...] = ()
    """Format, width and height of each picture that was looked at."""
    created: int | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    """`usage`, `size`, `quality`, `background`, `output_format`, where known."""
    adaptations: tuple[Adaptation, ...] = ()
    provider: str = ""
    model: str | None = None
    cost_usd: float | None = None
    """What the pictures cost: as the provider says, else by the catalogue; `None` where nobody knows."""
    events: AsyncIterator[bytes] | None = None
    """Server-sent events instead of pictures, each with the empty line that ends it."""
    until: float = math.inf
    """When the last of them has to be there, on the loop's clock."""
    cache: CacheStatus = "DISABLED"
    """What the cache had to do with it, as `x-portkey-cache-status` says it."""
    spared_usd: float | None = None
    """What it would have cost, where it was kept."""
    kept_by: str | None = None
    """The path of the target that it was kept for, where no attempt was made."""
