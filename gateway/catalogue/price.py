"""What pictures cost: by the tokens an answer counts, else by size and quality. Unknown stays unknown."""

import functools
import math
from collections.abc import Mapping
from typing import Any

from gateway.catalogue.models import ModelRow, TokenPrices
from gateway.shapes import area_of

_MILLION = 1_000_000
# Sums of prices are cut here: well below a token's price, well above the noise of binary fractions.
_DIGITS = 10


def price(row: ModelRow, params: Mapping[str, Any], delivered: int, usage: Mapping[str, Any] | None) -> float | None:
    """Return what an answer cost in US dollars, or `None` where that is not known; zero is only what is free."""
    prices = row.prices
    if prices is None:
        return None
    if prices.tokens is not None and usage is not None:
        counted = _by_tokens(prices.tokens, params, usage)
        if counted is not None:
            return counted
    each = _each(row, params)
    if each is None or (delivered < 1 and each > 0):
        return None
    return round(each * delivered, _DIGITS)


def price_range(row: ModelRow, params: Mapping[str, Any], count: int | None = None) -> tuple[float, float] | None:
    """Return the least and the most that a request will cost, as far as prices by picture are listed.

    `count` is how many pictures are wanted, where that is not what the parameters say. Tokens of the prompt, a fraction
    of a cent, come on top where the provider counts tokens.
    """
    each = _possible(row, params)
    if not each:
        return None
    if count is None:
        asked = params.get("n")
        count = asked if type(asked) is int and asked > 0 else 1
    return round(each[0] * count, _DIGITS), round(each[-1] * count, _DIGITS)


def most(row: ModelRow, params: Mapping[str, Any], count: int | None = None) -> float | None:
    """Return what a request may cost at most, the words of its prompt included; `None` where that is not known."""
    prices = price_range(row, params, count)
    if prices is None:
        return None
    tokens, prompt = row.prices and row.prices.tokens, params.get("prompt")
    # A token has at least one byte.
    words = len(str(prompt).encode()) * tokens.text_in / _MILLION if tokens and prompt else 0.0
    return round(prices[1] + words, _DIGITS)


def _each(row: ModelRow, params: Mapping[str, Any]) -> float | None:
    each = _possible(row, params)
    return each[0] if each and each[0] == each[-1] else None


def _possible(row: ModelRow, params: Mapping[str, Any]) -> tuple[float, ...]:
    """Return the prices one picture may have, the least first; several, where size or quality is left to the model."""
    size = _chosen(params.get("size"), row.default_size)
    return _listed(row, size, _chosen(params.get("quality"), row.default_quality))


@functools.lru_cache(maxsize=4096)
def _listed(row: ModelRow, size: str | None, quality: str | None) -> tuple[float, ...]:
    prices = row.prices
    if prices is None:
        return ()
    sizes = [size] if size is not None else list(prices.images)
    found = []
    for by_quality in (prices.images.get(name, {}) for name in sizes):
        found += [usd for name, usd in by_quality.items() if quality in (None, name)]
    if found:
        return tuple(sorted(found))
    if prices.megapixel is not None:
        pixels = None if size is None else area_of(size)
        return () if pixels is None else (math.ceil(pixels / _MILLION) * prices.megapixel,)
    return () if prices.image is None else (prices.image,)


def _chosen(asked: object, default: str | None) -> str | None:
    if isinstance(asked, str) and asked != "auto":
        return asked
    return default if asked is None else None


def _by_tokens(prices: TokenPrices, params: Mapping[str, Any], usage: Mapping[str, Any]) -> float | None:
    texts, images = _input(params, usage)
    painted = _count(usage.get("output_tokens"))
    # Some hosts answer with a usage that was never filled in.
    if texts is None or images is None or not painted:
        return None
    details = usage.get("output_tokens_details")
    told = _count(details.get("text_tokens")) if isinstance(details, dict) else None
    told = min(told or 0, painted)
    if images and prices.image_in is None:
        return None
    text_out = prices.image_out if prices.text_out is None else prices.text_out
    usd = (
        texts * prices.text_in + images * (prices.image_in or 0) + told * text_out + (painted - told) * prices.image_out
    )
    return round(usd / _MILLION, _DIGITS)


def _input(params: Mapping[str, Any], usage: Mapping[str, Any]) -> tuple[int | None, int | None]:
    details = usage.get("input_tokens_details")
    if isinstance(details, dict):
        return _count(details.get("text_tokens", 0)), _count(details.get("image_tokens", 0))
    if "image" in params:
        return None, None
    return _count(usage.get("input_tokens", 0)), 0


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None
