"""The story of a route before it runs."""

from gateway.explain.shape import mode_of, shape_of
from gateway.explain.walk import explain

__all__ = ["explain", "mode_of", "shape_of"]
