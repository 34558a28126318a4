"""One event, told: which events are moments, which are counted, and in which words."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from schemas.json_form import to_json

_BY: Final = "{source} {person}: {reason}"
_CONTROL: Final = ("TradingHalted", "TradingReduced", "TradingPaused", "TradingFlattened")
HOW: Final = {
    **dict.fromkeys((*_CONTROL, "TradingResumed"), _BY),
    "LogCreated": "log {log_id}, environment {environment}",
    "LimitsChanged": "version {limits_version} by {person}: {reason}",
    "TransferAnnounced": "{qty} {asset} by {person}: {reason}",
    "PositionAdjusted": "{qty} by {person}: {reason}",
    "BreakFound": "{break_id}: {detail}",
    "BreakCleared": "{break_id}: {reason}",
    "FeedWentStale": "{stream} silent for {age_ms} ms",
    "FeedRecovered": "{stream} after {after}",
    "FeedFailedOver": "{stream} from line {from_line} to {to_line}: {reason}",
    "VenueStreamOpened": "private stream {connection}",
    "VenueStreamClosed": "private stream {connection}: {reason}",
}
COUNTED: Final = {
    # what tells one from another of the same name
    **dict.fromkeys(("OrderRequested", "OrderApproved", "OrderSubmitting", "OrderAccepted"), ""),
    **dict.fromkeys(("OrderDenied", "OrderRejected", "DecisionExpired", "OrderExpired"), "reason"),
    **dict.fromkeys(("OrderCanceled", "OrderCancelRejected", "OrderOutcomeUnknown"), "reason"),
    "OrderFilled": "side",
    "OrderResolved": "resolution",
    "OrderTransitionRefused": "reason",
    "FeedGapped": "line",
    "FeedDiverged": "venue",
    "DeadLettered": "reason",
}
_SCOPE: Final = ("account", "strategy", "instrument")
_FEED: Final = ("venue", "line")


class Moment(NamedTuple):
    """Something that happened at a time, in milliseconds UTC; `place`: topic/partition/offset."""

    at_ms: int
    what: str
    whom: str
    how: str
    place: str


def time_of(event: Any, timestamp_ms: int) -> int:
    """By the clock of who wrote it where the event has one, else log time."""
    ts_ns = getattr(event, "ts_ns", None)
    return timestamp_ms if ts_ns is None else ts_ns // 1_000_000


def told(event: Any, at_ms: int, place: str) -> Moment:
    """An event whose name is in `HOW`."""
    name = type(event).__name__
    fields = {field: to_json(value) for field, value in event._asdict().items()}
    how = HOW[name].format(**fields)
    if fields.get("cancel_orders"):
        how = f"all orders canceled; {how}"
    return Moment(at_ms, name, whom(event), how, place)


def whom(event: Any) -> str:
    """A scope, `*` where it is all; a feed's line; an account."""
    name = type(event).__name__
    if name in _CONTROL or name == "TradingResumed":
        return "/".join(getattr(event, part) or "*" for part in _SCOPE)
    parts = _FEED if name.startswith("Feed") else ("account", "strategy", "instrument")
    found = (getattr(event, part, None) for part in parts)
    return " ".join(part for part in found if part)


def of_which(event: Any) -> str:
    """The kind of an event whose name is in `COUNTED`."""
    field = COUNTED[type(event).__name__]
    return str(getattr(event, field)) if field else ""
