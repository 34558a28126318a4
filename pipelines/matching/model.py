"""The nouns of matching: instruments, orders, balances; what is asked and what comes of it.

Prices are in quote currency per base unit, quantities in base units, times nanoseconds UTC. Names
are FIX's where FIX has them.

`gc=False`: none of these can be part of a cycle, and there are many of them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from pipelines.exact import ZERO

Side = Literal["BUY", "SELL"]
OrdType = Literal["LIMIT", "LIMIT_MAKER", "MARKET"]  # LIMIT_MAKER: post-only
TimeInForce = Literal["GTC", "IOC", "FOK"]
SelfTradePrevention = Literal["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"]
Status = Literal["NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"]
OPEN: Final = ("NEW", "PARTIALLY_FILLED")
OTHER_SIDE: Final[dict[Side, Side]] = {"BUY": "SELL", "SELL": "BUY"}


class Instrument(NamedTuple):
    """What may be traded and how finely. A percent band of 0 on top means no band."""

    symbol: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    px_max: Decimal = Decimal(1_000_000)
    qty_max: Decimal = Decimal(9_000)
    market_qty_max: Decimal = Decimal(100)
    notional_min: Decimal = Decimal(5)
    notional_max: Decimal = Decimal(9_000_000)
    bid_multiplier_up: Decimal = Decimal(5)
    bid_multiplier_down: Decimal = Decimal("0.2")
    ask_multiplier_up: Decimal = Decimal(5)
    ask_multiplier_down: Decimal = Decimal("0.2")
    open_orders_max: int = 200


class Fees(NamedTuple):
    """Rates on what is received. The defaults are Binance Spot's for everybody."""

    maker: Decimal = Decimal("0.001")
    taker: Decimal = Decimal("0.001")


class Balance(msgspec.Struct, gc=False):
    """`locked` is reserved by open orders."""

    free: Decimal = ZERO
    locked: Decimal = ZERO


class Order(msgspec.Struct, gc=False):
    """An order the exchange took. `reserved` (quote for BUY, base for SELL) is its part of
    `Balance.locked`. `ahead_qty`: market volume that must trade at its price before it; None while
    the depth there is not known.
    """

    order_id: int
    account: str
    symbol: str
    cl_ord_id: str
    side: Side
    ord_type: OrdType
    time_in_force: TimeInForce
    price: Decimal
    order_qty: Decimal
    quote_order_qty: Decimal
    self_trade_prevention: SelfTradePrevention
    reserved: Decimal
    ts_ns: int
    status: Status = "NEW"
    cum_qty: Decimal = ZERO
    cum_quote: Decimal = ZERO
    prevented_qty: Decimal = ZERO
    update_ns: int = 0
    working: bool = False
    ahead_qty: Decimal | None = None

    @property
    def leaves_qty(self) -> Decimal:
        return self.order_qty - self.cum_qty

    @property
    def open(self) -> bool:
        return self.status in OPEN


class PlaceOrder(NamedTuple):
    """`price` 0 for MARKET; one of `order_qty` and `quote_order_qty` (MARKET only) is 0."""

    account: str
    symbol: str
    cl_ord_id: str
    side: Side
    ord_type: OrdType
    time_in_force: TimeInForce = "GTC"
    price: Decimal = ZERO
    order_qty: Decimal = ZERO
    quote_order_qty: Decimal = ZERO
    self_trade_prevention: SelfTradePrevention = "EXPIRE_MAKER"


class CancelOrder(NamedTuple):
    """`cl_ord_id`: the id of the cancel itself."""

    account: str
    order_id: int
    cl_ord_id: str = ""


class Transfer(NamedTuple):
    """Money from outside (or, negative, to it)."""

    account: str
    asset: str
    amount: Decimal


Request: TypeAlias = PlaceOrder | CancelOrder | Transfer


class OrderAdded(msgspec.Struct, tag="order_added", gc=False):
    """Taken, before anything traded."""

    order: Order


class OrderTraded(msgspec.Struct, tag="order_traded", gc=False):
    """One order's half of a trade. `from_depth`: it took displayed volume."""

    order_id: int
    symbol: str
    trade_id: int
    last_px: Decimal
    last_qty: Decimal
    maker: bool
    commission: Decimal
    commission_asset: str
    ts_ns: int
    from_depth: bool = False


class OrderEnded(msgspec.Struct, tag="order_ended", gc=False):
    """No more of it will trade. `cl_ord_id`: of the cancel, where one was asked for."""

    order_id: int
    status: Status
    ts_ns: int
    cl_ord_id: str = ""
    prevented_qty: Decimal = ZERO
    counter_order_id: int = 0


class Transferred(msgspec.Struct, tag="transferred", gc=False):
    """A balance changed from outside."""

    account: str
    asset: str
    amount: Decimal
    ts_ns: int


Event: TypeAlias = OrderAdded | OrderTraded | OrderEnded | Transferred

Reason = Literal[
    "UNKNOWN_SYMBOL",
    "UNKNOWN_ORDER",
    "DUPLICATE_CL_ORD_ID",
    "INSUFFICIENT_BALANCE",
    "WOULD_TAKE",
    "PRICE_FILTER",
    "LOT_SIZE",
    "MARKET_LOT_SIZE",
    "NOTIONAL",
    "PERCENT_PRICE_BY_SIDE",
    "MAX_NUM_ORDERS",
]


class OrderRefused(Exception):
    """The exchange does not take a request; nothing changed."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason
