"""The page document of a state at a moment (`ops.console`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ops.console import market_rows, order_rows, standing
from ops.console.market import INTERVAL_S, Instrument
from ops.console.state import State
from ops.console.usage import limits
from replay.times import text_of

OF_INSTRUMENT: Final[dict[str, Callable[[Instrument, int], Any]]] = {
    "candles": market_rows.candles,
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
    "account": order_rows.account,
}
SECTIONS: Final = (*OF_INSTRUMENT, *OF_DESK)


def page(state: State, instrument: str, at_ms: int, *, live: bool) -> dict[str, Any]:
    """The whole document."""
    head = {
        "at": text_of(at_ms),
        "live": live,
        "instrument": instrument,
        "instruments": state.instruments(),
        "interval_s": INTERVAL_S,
    }
    return head | {name: section(state, name, instrument, at_ms) for name in SECTIONS}


def section(state: State, name: str, instrument: str, at_ms: int) -> Any:
    """The value of one section."""
    if name in OF_INSTRUMENT:
        return OF_INSTRUMENT[name](state.market.instruments.get(instrument, Instrument()), at_ms)
    return OF_DESK[name](state, at_ms)
