"""Values that are made for every request: immutable to whoever reads or checks the code, cheap to the interpreter."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

_T = TypeVar("_T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(*, kw_only: bool = False) -> Callable[[type[_T]], type[_T]]:
    """Make a dataclass that the type checker calls frozen, and that compares and hashes as a frozen one does.

    A frozen dataclass sets its fields one by one through `object.__setattr__`: three times the price, for a hundred
    fields a request. What is made once, as specs are, stays `@dataclass(frozen=True)`.
    """

    def made(cls: type[_T]) -> type[_T]:
        return dataclass(slots=True, kw_only=kw_only, unsafe_hash=True)(cls)

    return made
