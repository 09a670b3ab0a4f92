"""A request for pictures, and the pictures that answer it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRequest:
    """What the caller asked for, in OpenAI's words; `null` parameters are gone already."""

    params: Mapping[str, Any]
    path: str = "/v1/images/generations"
    metadata: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """The caller's headers, names in lower case."""
    credential: Secret | None = None
    """The provider's key, where the caller sent it."""

    @property
    def model(self) -> str | None:
        """The model the caller named."""
        return self.params.get("model")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture, in the form the provider gave it: exactly one of `b64`, `data` and `url` is set."""

    b64: memoryview | None = None
    """Base64 text, a view into the provider's answer."""
    data: bytes | None = None
    url: str | None = None
    revised_prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Adaptation:
    """One parameter that was changed or left out to fit the model."""

    param: str
    asked: str
    given: str

    def __str__(self) -> str:
        """Return the form of `x-gateway-adaptations`."""
        return f"{self.param}={self.asked}->{self.given}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageReply:
    """Pictures on their way to the caller."""

    pictures: tuple[Picture, ...]
    canonical: bytes | None = None
    """The provider's body, where it is already the answer the caller gets."""
    created: int | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    """`usage`, `size`, `quality`, `background`, `output_format`, where known."""
    adaptations: tuple[Adaptation, ...] = ()
    provider: str = ""
    model: str | None = None
    cost_usd: float | None = None
    """What the pictures cost by the catalogue; `None` where it does not know."""
