"""Was the desk right? What it traded, by the log, beside what the venue remembers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connectors.log.kafka import KafkaLog
from connectors.simulated.server import INSTRUMENTS
from connectors.simulated.venue import Venue, remembered
from ops.demo.books import Books, books, last_marks, profit
from ops.demo.tap import latency
from pipelines.exact import EXACTLY, ZERO, plain
from schemas.codec import Codec


def traded(
    log: KafkaLog, codec: Codec, state: Path, account: str, venue: str, struck: Mapping[str, int]
) -> dict[str, Any]:
    """The summary of the trading path. The venue must have stopped. `equal`: every balance agrees
    to the last digit, no break is open.
    """
    found, there = books(log, codec, INSTRUMENTS), remembered(state, INSTRUMENTS)
    positions = compared(found, there, account)
    gained = profit(found, last_marks(log, codec), INSTRUMENTS, venue)
    return {
        "requested": found.requested,
        "approved": found.approved,
        "denied": dict(found.denied.most_common()),
        "canceled": found.events["OrderCanceled"],
        "orders_at_venue": len(there.exchange.orders),
        "fills": len(found.fills),
        "booked_by_reconciliation": sum(fill.reconciled for fill in found.fills),
        "profit": plain(gained),
        "tick_to_fill": fill_latency(found),
        "breaks": {
            kind: {"found": count, "open": list(found.open_breaks.values()).count(kind)}
            for kind, count in found.breaks.items()
        },
        "faults": dict(struck),
        "positions": positions,
        "equal": all(p["log"] == p["venue"] for p in positions.values()) and not found.open_breaks,
    }


def compared(found: Books, there: Venue, account: str) -> dict[str, dict[str, str]]:
    """Balances by asset, as the log and as the venue have them."""
    balances = there.exchange.balances[account]
    held = {asset: EXACTLY.add(one.free, one.locked) for asset, one in balances.items()}
    return {
        asset: {
            "log": plain(found.balances.get(asset, ZERO)),
            "venue": plain(held.get(asset, ZERO)),
        }
        for asset in sorted({*held, *found.balances})
        if held.get(asset, ZERO) or found.balances.get(asset, ZERO)
    }


def fill_latency(found: Books) -> dict[str, Any]:
    """From the tick at our socket to the fill there, of orders that took what was offered: those
    that wait have no such time.
    """
    return latency(
        [
            (fill.ts_recv_ns - found.ticks[fill.cl_ord_id]) / 1e6
            for fill in found.fills
            if fill.cl_ord_id in found.ticks and fill.last_liquidity == "TAKER"
        ]
    )
