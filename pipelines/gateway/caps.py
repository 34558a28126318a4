"""Hard caps: the gateway's own, from a file that is read at the start and at no other time.

They repeat what risk checks, on purpose and with another quote: a wrong limit, a bug in risk or a
stolen signing key must still not send more than this. Nothing here divides, so nothing rounds.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from pipelines.exact import EXACTLY, ZERO, plain
from schemas.errors import NotExact, TapeError
from schemas.events import DecisionExpiry, Fact, OrderApproved
from schemas.numbers import exact

BASIS = Decimal(10_000)
_is_instrument: Final = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch
_AMOUNTS = ("order_notional_max", "notional_per_day_max")


class CapsRefused(TapeError):
    """The caps file does not say clearly what is allowed."""


class Caps(NamedTuple):
    """Amounts in quote currency, positions in base units, `price_band_bps` in basis points.

    `position_max` names the allowed instruments. `live`: the account may trade at a real venue.
    """

    account: str
    live: bool
    order_notional_max: Decimal
    notional_per_day_max: Decimal
    orders_per_second_max: int
    orders_per_day_max: int
    open_orders_max: int
    price_band_bps: int
    position_max: Mapping[str, Decimal]

    @property
    def version(self) -> str:
        """Equal for caps that allow the same, however their file is written."""
        values = self._asdict() | {
            "position_max": {name: plain(qty) for name, qty in self.position_max.items()},
            **{name: plain(getattr(self, name)) for name in _AMOUNTS},
        }
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


class Quote(NamedTuple):
    """Best bid and ask as the gateway itself read them from the venue."""

    bid_px: Decimal
    ask_px: Decimal
    ts_recv_ns: int


class Usage(NamedTuple):
    """What counts against the caps at the moment of a decision, this order not included."""

    orders_this_second: int
    orders_today: int
    notional_today: Decimal
    open_orders: int
    exposure_qty: Decimal  # what is held if all that works on this order's side fills
    parent_used_qty: Decimal  # of the same parent: filled or still open


class Refused(NamedTuple):
    """Why a decision is not sent, and the numbers that were compared."""

    reason: DecisionExpiry
    facts: tuple[Fact, ...]


def parse_caps(given: Mapping[str, Any]) -> Caps:
    """The caps in a file's values. Raises `CapsRefused` for a name missing, unknown or unclear."""
    names = {*Caps._fields}
    unknown, missing = sorted({*given} - names), sorted(names - {*given} - {"live"})
    if unknown or missing:
        what = f"does not know {', '.join(unknown)}" if unknown else f"lacks {', '.join(missing)}"
        raise CapsRefused(f"the caps file {what}")
    if not isinstance(given["position_max"], Mapping) or not given["position_max"]:
        raise CapsRefused("position_max: a table of the allowed instruments")
    return Caps(
        account=_text("account", given["account"]),
        live=_flag("live", given.get("live", False)),
        order_notional_max=_amount("order_notional_max", given["order_notional_max"]),
        notional_per_day_max=_amount("notional_per_day_max", given["notional_per_day_max"]),
        orders_per_second_max=_count("orders_per_second_max", given["orders_per_second_max"]),
        orders_per_day_max=_count("orders_per_day_max", given["orders_per_day_max"]),
        open_orders_max=_count("open_orders_max", given["open_orders_max"]),
        price_band_bps=_count("price_band_bps", given["price_band_bps"]),
        position_max={
            _instrument(name): _amount(f"position_max.{name}", qty)
            for name, qty in given["position_max"].items()
        },
    )


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise CapsRefused(f"{name}: {value!r} is no name")
    return value


def _instrument(name: Any) -> str:
    """A part of it goes to the venue, in every request about it."""
    if not isinstance(name, str) or not _is_instrument(name):
        raise CapsRefused(f"position_max: {name!r} is no name of an instrument")
    return name


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise CapsRefused(f"{name}: {value!r} is neither true nor false")
    return value


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise CapsRefused(f"{name}: {value!r} is no whole number from 0 on")
    return value


def _amount(name: str, value: Any) -> Decimal:
    """From an integer or a text; a float has lost digits before anyone sees it."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise CapsRefused(f"{name}: {value!r} is no exact number; write it in quotes")
    try:
        amount = exact(str(value))
    except NotExact as error:
        raise CapsRefused(f"{name}: {error}") from None
    if amount < 0:
        raise CapsRefused(f"{name}: {value} is negative")
    return amount


def notional(order: OrderApproved) -> Decimal:
    """Value of an order, quote currency: at its limit, or as risk reserved it if that is more."""
    if order.price is None:
        return order.reserved_notional
    return max(EXACTLY.multiply(order.price, order.order_qty), order.reserved_notional)


def check(order: OrderApproved, usage: Usage, quote: Quote | None, caps: Caps) -> Refused | None:
    """The first cap that an order would break; None if it breaks none."""
    if order.account != caps.account:
        return _refused("ACCOUNT_FOREIGN", account=order.account, allowed=caps.account)
    position_max = caps.position_max.get(order.instrument)
    if position_max is None:
        return _refused("CAP_INSTRUMENT", instrument=order.instrument)
    if quote is None:
        return _refused("CAP_QUOTE_MISSING", instrument=order.instrument)
    return (
        _rates(order, usage, caps)
        or _sizes(order, usage, position_max)
        or _price(order, quote, caps)
    )


def _rates(order: OrderApproved, usage: Usage, caps: Caps) -> Refused | None:
    value = notional(order)
    today = EXACTLY.add(usage.notional_today, value)
    if value > caps.order_notional_max:
        return _over("CAP_ORDER_NOTIONAL", value, caps.order_notional_max)
    if today > caps.notional_per_day_max:
        return _over("CAP_NOTIONAL_PER_DAY", today, caps.notional_per_day_max)
    if usage.orders_this_second >= caps.orders_per_second_max:
        return _over("CAP_ORDERS_PER_SECOND", usage.orders_this_second, caps.orders_per_second_max)
    if usage.orders_today >= caps.orders_per_day_max:
        return _over("CAP_ORDERS_PER_DAY", usage.orders_today, caps.orders_per_day_max)
    if usage.open_orders >= caps.open_orders_max:
        return _over("CAP_OPEN_ORDERS", usage.open_orders, caps.open_orders_max)
    return None


def _sizes(order: OrderApproved, usage: Usage, position_max: Decimal) -> Refused | None:
    """Long only: what is bought must fit the cap, what is sold must be held."""
    held = usage.exposure_qty
    after = (
        EXACTLY.add(held, order.order_qty)
        if order.side == "BUY"
        else EXACTLY.subtract(held, order.order_qty)
    )
    if after < ZERO or (order.side == "BUY" and after > position_max):
        return _over("CAP_POSITION", after, position_max)
    children = EXACTLY.add(usage.parent_used_qty, order.order_qty)
    if children > order.parent_qty:
        return _over("CAP_PARENT", children, order.parent_qty)
    return None


def _price(order: OrderApproved, quote: Quote, caps: Caps) -> Refused | None:
    """At most so far beyond the other side's best price; a market order must come with a quote."""
    if order.price is None:
        return None
    band, scaled = Decimal(caps.price_band_bps), EXACTLY.multiply(order.price, BASIS)
    above = EXACTLY.multiply(quote.ask_px, EXACTLY.add(BASIS, band))
    below = EXACTLY.multiply(quote.bid_px, EXACTLY.subtract(BASIS, band))
    if not below <= scaled <= above:
        return _refused(
            "CAP_PRICE",
            price=plain(order.price),
            bid_px=plain(quote.bid_px),
            ask_px=plain(quote.ask_px),
            band_bps=str(caps.price_band_bps),
        )
    return None


def _over(reason: DecisionExpiry, value: Decimal | int, limit: Decimal | int) -> Refused:
    return _refused(reason, value=plain(Decimal(value)), limit=plain(Decimal(limit)))


def _refused(reason: DecisionExpiry, **facts: str) -> Refused:
    return Refused(reason, tuple(Fact(name, value) for name, value in facts.items()))
