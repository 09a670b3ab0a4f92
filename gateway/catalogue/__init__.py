"""What each model takes and costs: typed rows, refusals before spending, adaptation, prices."""

from gateway.catalogue.adapt import fit, inexpressible
from gateway.catalogue.malformed import malformed
from gateway.catalogue.models import CANONICAL, ModelRow, all_rows, find, provider_of, row_of
from gateway.catalogue.price import price, price_range
from gateway.catalogue.refuse import refusal

__all__ = [
    "CANONICAL",
    "ModelRow",
    "all_rows",
    "find",
    "fit",
    "inexpressible",
    "malformed",
    "price",
    "price_range",
    "provider_of",
    "refusal",
    "row_of",
]
