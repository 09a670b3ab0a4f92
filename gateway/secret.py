"""A string that never shows itself."""

import hmac


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
