"""Price levels and quotes, checked and exact."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from connectors.venues.refusals import BadFrame
from pipelines.market.parsed import Refused
from schemas.numbers import exact

Levels = tuple[tuple[Decimal, ...], tuple[Decimal, ...]]


def levels(pairs: Sequence[tuple[str, str]]) -> Levels:
    """Prices and quantities. Raises `NotExact`, and `BadFrame` for a price that is not positive."""
    if not pairs:
        return (), ()
    prices, quantities = zip(*pairs, strict=True)
    px = tuple(map(exact, prices))
    if not all(px):
        raise bad_price("0")
    return px, tuple(map(exact, quantities))


def check_signs(payload: bytes) -> None:
    """Raises `BadFrame` where any number sent as text is negative: none in market data may be."""
    at = payload.find(b'"-')
    if at >= 0:
        raise bad_price(payload[at + 1 : at + 30].split(b'"', 1)[0].decode("ascii", "replace"))


def bad_price(text: str) -> BadFrame:
    return BadFrame(Refused("NEGATIVE_PRICE", f"{text} is no price or quantity"))


def crossed(bid: Decimal, ask: Decimal) -> BadFrame:
    return BadFrame(Refused("CROSSED_QUOTE", f"best bid {bid} is not below best ask {ask}"))
