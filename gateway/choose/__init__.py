"""Which config applies to a request, and who may use it."""

from gateway.choose.chooser import Choice, Chooser

__all__ = ["Choice", "Chooser"]
