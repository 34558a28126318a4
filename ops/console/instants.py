"""How a page writes ages, and how far back it looks.

Whatever is older is not on a page, however long the console ran: so a page of the past is what the
page was.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from ops.console.candles import WIDEST_MS
from pipelines.exact import plain

MARKET_MS: Final = 3_600_000
ORDERS_MS: Final = 86_400_000
FRAMES_MS: Final = 60_000


def seconds(milli: int) -> str:
    """An age, exactly."""
    return plain(Decimal(milli).scaleb(-3))


def market_since(at_ms: int) -> int:
    """Where the market on a page of that time begins: with a whole candle of every interval."""
    return (at_ms - MARKET_MS) // WIDEST_MS * WIDEST_MS
