"""What a request asks for, in the plain tuples that its checks hand on.

A tuple with names costs several times as much to make, to read and to take apart.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from schemas.events import (
    OrderApproved,
    OrderDenied,
    OrderRequested,
    OrdType,
    Side,
    TimeInForce,
)

Asked = tuple[
    str,  # account
    str,  # strategy
    str,  # strategy_version
    str,  # venue
    str,  # instrument
    str,  # cl_ord_id
    str,  # parent_id
    Decimal,  # parent_qty
    int,  # child
    Side,
    OrdType,
    TimeInForce,
    bool,  # post_only
    Decimal | None,  # price
    Decimal,  # order_qty
]
"""`request[:15]`: the order, as decisions repeat it."""

Tick = tuple[str, str, int | None, int]
"""`request[17:]`: correlation_id, causation_id, ts_event_ns, ts_recv_ns of the tick behind it."""

Request = tuple[str, str, str, str, Decimal | None, Decimal]
"""What makes two requests alike: account, strategy, instrument, side, price, quantity."""

Worth = tuple[Request, Decimal, Decimal]
"""What an order that passed is booked with, so that nothing is reckoned twice: what makes another
like it, the price its value is reserved at, the value there.
"""

_FIELDS: Final = OrderRequested._fields
assert OrderApproved._fields[:15] == OrderDenied._fields[:15] == _FIELDS[:15]
assert _FIELDS[9:15] == (
    *("side", "ord_type", "time_in_force", "post_only"),
    *("price", "order_qty"),
)
assert _FIELDS[17:] == ("correlation_id", "causation_id", "ts_event_ns", "ts_recv_ns")
