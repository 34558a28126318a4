"""The page document of a state at a moment (`ops.console`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ops.console import market_rows, order_rows, standing
from ops.console.candles import INTERVAL_S, INTERVALS_S
from ops.console.market import Instrument
from ops.console.state import State
from ops.console.usage import limits
from replay.times import text_of

CANDLES: Final = "candles"  # the one section that also depends on an interval
OF_INSTRUMENT: Final[dict[str, Callable[[Instrument, int], Any]]] = {
    "trades": market_rows.trades,
    "book": market_rows.book,
}
OF_DESK: Final[dict[str, Callable[[State, int], Any]]] = {
    "signals": order_rows.signals,
    "fills": order_rows.fills,
    "orders": order_rows.orders,
    "positions": standing.positions,
    "limits": limits,
    "denials": order_rows.denials,
    "feeds": market_rows.feeds,
    "breaks": standing.breaks,
    "epochs": order_rows.epochs,
    "replays": order_rows.replays,
    "trading": standing.trading,
    "kill": standing.kill,
    "accounts": order_rows.accounts,
}
SECTIONS: Final = (CANDLES, *OF_INSTRUMENT, *OF_DESK)


def page(
    state: State, instrument: str, at_ms: int, interval_s: int = INTERVAL_S, *, live: bool
) -> dict[str, Any]:
    """The whole document."""
    head = {
        "at": text_of(at_ms),
        "live": live,
        "instrument": instrument,
        "instruments": state.instruments(),
        "interval_s": interval_s,
        "intervals_s": [*INTERVALS_S],
    }
    return head | {name: section(state, name, instrument, at_ms, interval_s) for name in SECTIONS}


def section(
    state: State, name: str, instrument: str, at_ms: int, interval_s: int = INTERVAL_S
) -> Any:
    """The value of one section."""
    if name == CANDLES:
        one = state.market.instruments.get(instrument, Instrument())
        return market_rows.candles(one, at_ms, interval_s)
    if name in OF_INSTRUMENT:
        return OF_INSTRUMENT[name](state.market.instruments.get(instrument, Instrument()), at_ms)
    return OF_DESK[name](state, at_ms)
