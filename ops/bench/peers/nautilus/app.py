"""nautilus_trader's back-test as its documentation sets it up: trade and quote ticks in memory, two
exponential averages per instrument in a Python strategy, market orders at their crosses.

Runs in an environment of its own (`requirements.txt`) and imports nothing of Tape. Reads ticks as
JSON lines: `["trade", instrument, ts_ns, price, quantity, side, id]` and
`["quote", instrument, ts_ns, bid, bid_qty, ask, ask_qty]`.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

FAST, SLOW = 50, 200
SIZE = "0.01000"


def main(file: str, orders: bool) -> None:
    """Runs the ticks of a file and prints how long the engine took."""
    from nautilus_trader.backtest.config import BacktestEngineConfig  # type: ignore[import-not-found]
    from nautilus_trader.backtest.engine import BacktestEngine  # type: ignore[import-not-found]
    from nautilus_trader.config import LoggingConfig  # type: ignore[import-not-found]
    from nautilus_trader.model.currencies import BTC, USDT  # type: ignore[import-not-found]
    from nautilus_trader.model.enums import AccountType, OmsType  # type: ignore[import-not-found]
    from nautilus_trader.model.identifiers import Venue  # type: ignore[import-not-found]
    from nautilus_trader.model.objects import Money  # type: ignore[import-not-found]

    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        venue=Venue("BINANCE"),
        oms_type=OmsType.NETTING,
        account_type=AccountType.CASH,
        base_currency=None,
        starting_balances=[Money(10_000_000, USDT), Money(100, BTC)],
    )
    rows = [json.loads(line) for line in Path(file).read_text().splitlines()]
    instruments = {name: _instrument(name) for name in sorted({row[1] for row in rows})}
    for instrument in instruments.values():
        engine.add_instrument(instrument)
        engine.add_strategy(_strategy(instrument, orders))
    engine.add_data([_tick(row, instruments[row[1]]) for row in rows])
    began, cpu = time.perf_counter(), time.process_time()
    engine.run()
    seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    extra = {"orders": engine.get_result().total_orders}
    work = "nautilus_orders" if orders else "nautilus_signals"
    sample = {"work": work, "events": len(rows), "seconds": seconds, "cpu_s": cpu_s}
    print(json.dumps({**sample, "extra": extra}), flush=True)


def _instrument(name: str) -> Any:
    """A spot pair with Binance's steps, under its own name."""
    from nautilus_trader.model.currencies import BTC, USDT
    from nautilus_trader.model.identifiers import InstrumentId, Symbol
    from nautilus_trader.model.instruments import CurrencyPair  # type: ignore[import-not-found]
    from nautilus_trader.model.objects import Price, Quantity

    return CurrencyPair(
        instrument_id=InstrumentId.from_str(name),
        raw_symbol=Symbol(name.partition(".")[0]),
        base_currency=BTC,
        quote_currency=USDT,
        price_precision=2,
        size_precision=5,
        price_increment=Price.from_str("0.01"),
        size_increment=Quantity.from_str("0.00001"),
        ts_event=0,
        ts_init=0,
    )


def _tick(row: list[Any], instrument: Any) -> Any:
    from nautilus_trader.model.data import QuoteTick, TradeTick  # type: ignore[import-not-found]
    from nautilus_trader.model.enums import AggressorSide
    from nautilus_trader.model.identifiers import TradeId
    from nautilus_trader.model.objects import Price, Quantity

    kind, _, ts_ns, *rest = row
    if kind == "quote":
        bid, bid_qty, ask, ask_qty = rest
        prices = (Price.from_str(bid), Price.from_str(ask))
        sizes = (Quantity.from_str(bid_qty), Quantity.from_str(ask_qty))
        return QuoteTick(instrument.id, *prices, *sizes, ts_ns, ts_ns)
    px, qty, side, number = rest
    aggressor = AggressorSide.BUYER if side == "BUY" else AggressorSide.SELLER
    size = Quantity.from_str(qty)
    return TradeTick(
        instrument.id, Price.from_str(px), size, aggressor, TradeId(number), ts_ns, ts_ns
    )


def _strategy(instrument: Any, orders: bool) -> Any:
    """Long above the cross, flat below it."""
    from nautilus_trader.indicators import (  # type: ignore[import-not-found]
        ExponentialMovingAverage,
    )
    from nautilus_trader.model.enums import OrderSide
    from nautilus_trader.model.objects import Quantity
    from nautilus_trader.trading.strategy import (  # type: ignore[import-not-found]
        Strategy,
        StrategyConfig,
    )

    class Cross(Strategy):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(StrategyConfig(strategy_id=f"cross-{instrument.id}"))
            self.fast = ExponentialMovingAverage(FAST)
            self.slow = ExponentialMovingAverage(SLOW)
            self.long = False

        def on_start(self) -> None:
            self.subscribe_trade_ticks(instrument.id)
            self.subscribe_quote_ticks(instrument.id)

        def on_trade_tick(self, tick: Any) -> None:
            self.fast.handle_trade_tick(tick)
            self.slow.handle_trade_tick(tick)
            above = self.fast.value > self.slow.value
            if above == self.long:
                return
            self.long = above
            if orders:
                side = OrderSide.BUY if above else OrderSide.SELL
                size = Quantity.from_str(SIZE)
                self.submit_order(self.order_factory.market(instrument.id, side, size))

    return Cross()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] == "orders")
