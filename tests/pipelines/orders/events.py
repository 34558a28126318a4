"""Order events of one order, made from the few fields that its state depends on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from schemas import events

KINDS = (
    "OrderSubmitting",
    "OrderAccepted",
    "OrderRejected",
    "OrderFilled",
    "OrderPendingCancel",
    "OrderCanceled",
    "OrderCancelRejected",
    "OrderExpired",
    "OrderOutcomeUnknown",
    "OrderResolved",
    "DecisionExpired",
)
_USUAL: dict[str, Any] = {
    "account": "sim-1",
    "strategy": "s",
    "venue": "BINANCE",
    "instrument": "BTCUSDT.BINANCE",
    "cl_ord_id": "C1",
    "order_id": "7",
    "side": "BUY",
    "price": Decimal(100),
    "last_px": Decimal(100),
    "reconciled": False,
    "comm_currency": "USDT",
    "ts_event_ns": None,
    "ts_recv_ns": 1,
}
_BY_TYPE: dict[str, Any] = {"str": "", "int": 0, "Decimal": Decimal(0), "bool": False, "bytes": b""}


def event(kind: str, /, **given: Any) -> Any:
    """An event of this class; fields that are not given hold something of their type."""
    cls: Any = events.CLASSES[kind]
    return cls(*(given.get(name, _USUAL.get(name, _empty(cls, name))) for name in cls._fields))


def _empty(cls: Any, name: str) -> Any:
    hint = cls.__annotations__[name]
    text = getattr(hint, "__forward_arg__", hint)
    return _BY_TYPE.get(text, () if text.startswith("tuple") else "UNKNOWN")
