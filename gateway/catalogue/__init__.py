"""What each model takes and costs: typed rows, refusals before spending, adaptation, prices."""

from gateway.catalogue.adapt import fit, inexpressible
from gateway.catalogue.malformed import malformed
from gateway.catalogue.models import BUILT_IN, CANONICAL, Catalogue, ModelRow, UnknownRow, row_of
from gateway.catalogue.price import most, price, price_range
from gateway.catalogue.refuse import refusal

__all__ = [
    "BUILT_IN",
    "CANONICAL",
    "Catalogue",
    "ModelRow",
    "UnknownRow",
    "fit",
    "inexpressible",
    "malformed",
    "most",
    "price",
    "price_range",
    "refusal",
    "row_of",
]
