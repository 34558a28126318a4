"""What the exchange asks of an order before it looks at money or market.

Source: Binance developer documentation, "Filters". `PERCENT_PRICE_BY_SIDE` there compares with the
average of five minutes; here with the last trade, else the best price.
"""

from __future__ import annotations

from decimal import Decimal

from pipelines.exact import EXACTLY
from pipelines.matching.amounts import is_multiple
from pipelines.matching.model import Instrument, PlaceOrder, Reason


def broken_filter(
    order: PlaceOrder, instrument: Instrument, reference_px: Decimal | None
) -> Reason | None:
    """The first filter that an order breaks. `reference_px` None: nothing is known of the market,
    and what compares with it passes.
    """
    if order.ord_type == "MARKET":
        return _market(order, instrument, reference_px)
    if not 0 < order.price <= instrument.px_max or not is_multiple(order.price, instrument.tick):
        return "PRICE_FILTER"
    if not _fits(order.order_qty, instrument, instrument.qty_max):
        return "LOT_SIZE"
    if reference_px is not None and not _near(order, instrument, reference_px):
        return "PERCENT_PRICE_BY_SIDE"
    return _notional(EXACTLY.multiply(order.price, order.order_qty), instrument)


def _market(
    order: PlaceOrder, instrument: Instrument, reference_px: Decimal | None
) -> Reason | None:
    if order.quote_order_qty:
        return _notional(order.quote_order_qty, instrument)
    if not _fits(order.order_qty, instrument, instrument.qty_max):
        return "LOT_SIZE"
    if order.order_qty > instrument.market_qty_max:
        return "MARKET_LOT_SIZE"
    if reference_px is None:
        return None
    return _notional(EXACTLY.multiply(reference_px, order.order_qty), instrument)


def _fits(qty: Decimal, instrument: Instrument, qty_max: Decimal) -> bool:
    return instrument.lot <= qty <= qty_max and is_multiple(qty, instrument.lot)


def _near(order: PlaceOrder, instrument: Instrument, reference_px: Decimal) -> bool:
    if order.side == "BUY":
        up, down = instrument.bid_multiplier_up, instrument.bid_multiplier_down
    else:
        up, down = instrument.ask_multiplier_up, instrument.ask_multiplier_down
    low, high = EXACTLY.multiply(reference_px, down), EXACTLY.multiply(reference_px, up)
    return low <= order.price <= high if up else True


def _notional(amount: Decimal, instrument: Instrument) -> Reason | None:
    return None if instrument.notional_min <= amount <= instrument.notional_max else "NOTIONAL"
