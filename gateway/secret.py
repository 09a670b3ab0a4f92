"""A string that never shows itself, and what is kept of one that only has to be recognised."""

import hashlib
import hmac
import secrets

_PEPPER = secrets.token_bytes(32)
"""Made anew by each start: fingerprints stay in the memory of one process and those it forks."""


class Secret:
    """Holds a credential; `repr`, `str` and formatting say `***`, only `reveal()` gives it out."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Keep the value."""
        self._value = value

    def reveal(self) -> str:
        """Return the value, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        """Say `***`."""
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        """Say `***` in f-strings too."""
        return "***"

    def __eq__(self, other: object) -> bool:
        """Compare in constant time."""
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        """Hash the value."""
        return hash((Secret, self._value))


class Fingerprint:
    """Recognises a key and cannot tell it: two are equal where they were taken of the same text."""

    __slots__ = ("_digest",)

    def __init__(self, text: str) -> None:
        """Keep a digest that nobody can compute, or search for, without the pepper."""
        self._digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=_PEPPER, digest_size=32).digest()

    def __repr__(self) -> str:
        """Say `***`."""
        return "***"

    def __eq__(self, other: object) -> bool:
        """Compare in constant time."""
        return isinstance(other, Fingerprint) and hmac.compare_digest(self._digest, other._digest)

    def __hash__(self) -> int:
        """Place it in a table by its first bytes, which say nothing about the text."""
        return int.from_bytes(self._digest[:8])
