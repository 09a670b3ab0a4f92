"""The story of a route before it runs."""

from gateway.explain.walk import explain

__all__ = ["explain"]
