"""Ids of traces and spans: functions of events, so that every process, and a replay, has the same
without asking another.

A trace is the tick that started everything (`correlation_id`). A span is an event: an order's by
its `cl_ord_id`, any other by the id that its record has. The parent of an order's event is a step
of that order, not always the record that `causation_id` names: a frame of the venue's is no span.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, NamedTuple

TRACE_HEADER: Final = "traceparent"
_TRACE_DIGITS, _SPAN_DIGITS = 32, 16
NS_PER_S: Final = 10**9
_SLASHES_OF_AN_OUTPUT: Final = 5  # see `pipelines.ids`
ONCE: Final = frozenset({"OrderRequested", "OrderApproved", "OrderSubmitting"})
"""Steps that an order takes once: their spans can be named by its other events."""
_STEP_ABOVE: Final = {
    "OrderApproved": "OrderRequested",
    "OrderDenied": "OrderRequested",
    "CancelRequested": "OrderRequested",
    "CancelApproved": "OrderRequested",
    "OrderSubmitting": "OrderApproved",
    "DecisionExpired": "OrderApproved",
    "OrderAccepted": "OrderSubmitting",
    "OrderRejected": "OrderSubmitting",
    "OrderFilled": "OrderSubmitting",
    "OrderPendingCancel": "OrderSubmitting",
    "OrderCanceled": "OrderSubmitting",
    "OrderCancelRejected": "OrderSubmitting",
    "OrderExpired": "OrderSubmitting",
    "OrderOutcomeUnknown": "OrderSubmitting",
    "OrderResolved": "OrderSubmitting",
    "OrderTransitionRefused": "OrderSubmitting",
}


class Ids(NamedTuple):
    """Hexadecimal: 32 digits of the trace, 16 of a span; `parent` is empty at the root."""

    trace: str
    span: str
    parent: str = ""


def ids_of(event: Any, identifier: str = "") -> Ids:
    """Of an event with a `correlation_id`, or of a break that a round of snapshots showed;
    `identifier` is its record's, `ce_id`.
    """
    if getattr(event, "snapshot_id", ""):
        above = round_ids(event.account, event.snapshot_id)
        return Ids(above.trace, _span(identifier), above.span)
    name, order = type(event).__name__, getattr(event, "cl_ord_id", None) or ""
    return Ids(
        trace_of(event.correlation_id),
        _span(_key(event, name, order, identifier)),
        _span(_key_above(event, name, order)),
    )


def _key(event: Any, name: str, order: str, identifier: str) -> str:
    if name in ONCE:
        return f"{name}/{order}"
    if order:
        return f"{name}/{order}/{event.causation_id}/{getattr(event, 'trade_id', '')}"
    return identifier


def _key_above(event: Any, name: str, order: str) -> str:
    step = _STEP_ABOVE.get(name)
    if step is not None:
        return f"{step}/{order}"
    cause: str = event.causation_id
    return cause if cause.count("/") >= _SLASHES_OF_AN_OUTPUT else event.correlation_id


def trace_of(correlation_id: str) -> str:
    return _digest(correlation_id)[:_TRACE_DIGITS]


def tick_ids(correlation_id: str) -> Ids:
    """The record that started everything, below the frame it came in where it is market data."""
    above = _span(f"frame/{correlation_id}") if correlation_id.startswith("md.") else ""
    return Ids(trace_of(correlation_id), _span(correlation_id), above)


def frame_ids(correlation_id: str) -> Ids:
    """The frame that a tick came in."""
    return Ids(trace_of(correlation_id), _span(f"frame/{correlation_id}"))


def frames_ids(venue: str, line: str, recv_ns: int) -> Ids:
    """All that one line of a venue received in the second of `recv_ns`: a trace of its own."""
    name = f"frames/{venue}/{line}/{recv_ns // NS_PER_S}"
    return Ids(trace_of(name), _span(name))


def round_ids(account: str, snapshot_id: str) -> Ids:
    """A round of questions about an account, as its snapshots on the log name it: a trace of its
    own, with the breaks that it showed.
    """
    name = f"round/{account}/{snapshot_id}"
    return Ids(trace_of(name), _span(name))


def epoch_ids(pipeline: str, shard: int, sequence: int) -> Ids:
    """An epoch is a trace of its own, which links to those it has part in."""
    name = f"{pipeline}/{shard}/{sequence}"
    return Ids(trace_of(name), _span(name))


def request_ids(step: Ids, request_id: str) -> Ids:
    """A request to the venue, below the step of the order, or the round, that made it."""
    return Ids(step.trace, _span(f"request/{request_id}"), step.span)


def step_ids(correlation_id: str, step: str, order: str) -> Ids:
    """A step of `ONCE`; without its parent."""
    return Ids(trace_of(correlation_id), _span(f"{step}/{order}"))


def sampled(trace: str, share: float) -> bool:
    """Whether a trace that no order is in is kept: the same in every process."""
    return int(trace[:8], 16) < share * 0x1_0000_0000


def traceparent(event: Any, identifier: str) -> bytes:
    """The W3C header from which a reader of the record goes on: its trace, and its own span."""
    ids = ids_of(event, identifier)
    return f"00-{ids.trace}-{ids.span}-01".encode()


def _span(key: str) -> str:
    return _digest(key)[:_SPAN_DIGITS]


@lru_cache(4_096)
def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
