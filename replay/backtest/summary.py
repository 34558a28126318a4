"""A backtest in numbers, as JSON: exact amounts as text, ratios rounded once where they divide."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pipelines.exact import EXACTLY, ZERO, plain, total
from replay.backtest.story import BASIS, Fill, Story
from replay.ratio import ratio


def summary(story: Story) -> dict[str, Any]:
    """Counts, money in `currency`, slippage in basis points against the mark at decision time."""
    account, last = story.account, story.last
    fills = [fill.event for fill in story.fills]
    return {
        "currency": account.currency,
        "requested": story.events["OrderRequested"],
        "approved": story.events["OrderApproved"],
        "denied": by_count(story.denied),
        "dropped_by_gateway": by_count(story.dropped),
        "rejected_by_venue": by_count(story.rejected),
        "canceled": story.events["OrderCanceled"],
        "fills": len(fills),
        "maker_fills": sum(fill.last_liquidity == "MAKER" for fill in fills),
        "turnover": plain(story.turnover),
        "fees": {asset: plain(qty) for asset, qty in sorted(account.fees.items()) if asset},
        "profit": plain(last.profit if last else ZERO),
        "equity": plain(last.equity if last else ZERO),
        "drawdown_max": plain(story.drawdown.largest),
        "exposure_max": plain(story.exposure_max),
        "positions": {name: plain(qty) for name, qty in sorted(account.positions.items())},
        "balances": {asset: plain(qty) for asset, qty in sorted(account.balances.items()) if asset},
        "slippage_bps": {
            name: slippage_bps([fill for fill in story.fills if fill.event.instrument == name])
            for name in sorted({fill.instrument for fill in fills})
        },
    }


def by_count(found: Counter[str]) -> dict[str, int]:
    """Most frequent first, then by name."""
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


def slippage_bps(fills: list[Fill]) -> str:
    """Weighted by value at the mark; positive: worse than the mark."""
    lost = total([fill.slippage for fill in fills])
    value = total([EXACTLY.multiply(fill.mark_px, fill.event.last_qty) for fill in fills])
    return plain(ratio(EXACTLY.multiply(lost, BASIS), value))
