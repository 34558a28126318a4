"""Every legal transition of an order, in one table; what is not in it is illegal.

A row is a state; an entry is an event and the state after it. `OrderFilled` leads to the state
given while something is left to fill, else to FILLED. `OrderResolved` leads where its resolution
says.

Reports overtake each other: a fill or the end may precede the acknowledgement, and the answer to a
repeated cancel may follow the end. After it, fills are legal as far as the final quantity named
them. An order of which no byte was sent ends by `DecisionExpired`, also where a cancel has
overtaken it or it is in doubt meanwhile; one that the venue has acknowledged cannot.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, get_args

from schemas.events import OrderResolution, OrderState

LIVE: Final[tuple[OrderState, ...]] = (
    "APPROVED",
    "SUBMITTING",
    "ACCEPTED",
    "PENDING_CANCEL",
    "OUTCOME_UNKNOWN",
)
ENDED: Final[tuple[OrderState, ...]] = (
    "FILLED",
    "CANCELED",
    "REJECTED",
    "EXPIRED",
    "ABSENT",
    "DROPPED",
)

_AT_VENUE: Final[dict[str, OrderState]] = {
    "OrderCanceled": "CANCELED",
    "OrderExpired": "EXPIRED",
    "OrderOutcomeUnknown": "OUTCOME_UNKNOWN",
}


def _late(state: OrderState) -> dict[str, OrderState]:
    return dict.fromkeys(("OrderAccepted", "OrderFilled", "OrderCancelRejected"), state)


TABLE: Final[Mapping[OrderState, Mapping[str, OrderState]]] = {
    "APPROVED": {
        "OrderSubmitting": "SUBMITTING",
        "DecisionExpired": "DROPPED",
    },
    "SUBMITTING": {
        **_AT_VENUE,
        "OrderAccepted": "ACCEPTED",
        "OrderRejected": "REJECTED",
        "OrderFilled": "ACCEPTED",
        "OrderPendingCancel": "PENDING_CANCEL",
        "DecisionExpired": "DROPPED",
    },
    "ACCEPTED": {
        **_AT_VENUE,
        "OrderAccepted": "ACCEPTED",
        "OrderFilled": "ACCEPTED",
        "OrderPendingCancel": "PENDING_CANCEL",
        "OrderCancelRejected": "ACCEPTED",
    },
    "PENDING_CANCEL": {
        **_AT_VENUE,
        "OrderAccepted": "PENDING_CANCEL",
        "OrderRejected": "REJECTED",
        "OrderFilled": "PENDING_CANCEL",
        "OrderPendingCancel": "PENDING_CANCEL",
        "OrderCancelRejected": "ACCEPTED",
        "DecisionExpired": "DROPPED",
    },
    "OUTCOME_UNKNOWN": {
        **_AT_VENUE,
        "OrderAccepted": "ACCEPTED",
        "OrderRejected": "REJECTED",
        "OrderFilled": "OUTCOME_UNKNOWN",
        "OrderPendingCancel": "OUTCOME_UNKNOWN",
        "OrderCancelRejected": "OUTCOME_UNKNOWN",
        "OrderResolved": "OUTCOME_UNKNOWN",
        "DecisionExpired": "DROPPED",
    },
    "FILLED": _late("FILLED"),
    "CANCELED": _late("CANCELED"),
    "EXPIRED": _late("EXPIRED"),
    "REJECTED": {"OrderCancelRejected": "REJECTED"},
    "ABSENT": {"OrderCancelRejected": "ABSENT"},
    "DROPPED": {"OrderCancelRejected": "DROPPED"},
}

RESOLVED: Final[Mapping[OrderResolution, OrderState]] = {
    "UNKNOWN": "OUTCOME_UNKNOWN",
    "OPEN": "ACCEPTED",
    "FILLED": "FILLED",
    "CANCELED": "CANCELED",
    "REJECTED": "REJECTED",
    "EXPIRED": "EXPIRED",
    "ABSENT": "ABSENT",
}

assert {*LIVE, *ENDED, "UNKNOWN"} == set(get_args(OrderState)), "a state without a row"
assert {*TABLE} == {*LIVE, *ENDED}
