"""Reports on their way never halt anything, however late; a real drift always does.

1. A model venue trades; its books are the truth that rounds of snapshots show. The stream tells the
   same later, each order's reports in order. It may trade between the two requests of a round, list
   trades of any age, and days may pass.
2. Without a fault: no halt, no drift; once all is told and another round was read, no break is left
   and the position of record is the venue's to the last digit.
3. With a foreign trade on the account beyond a lot: two rounds later the instrument is halted.
4. Wherever epochs are cut the outputs are the same; so they are under another hash seed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from hashlib import sha256
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ops.settings import ROOT
from pipelines.logic import Output
from schemas.events import AccountTrade, BreakFound, OpenOrder, TradingHalted
from tests.pipelines.batches import cut
from tests.pipelines.reconciliation.rig import ACCOUNT, BTC, Rig, fill_fields, listed, trade

LOT = Decimal("0.1")
picks = st.integers(0, 10**6)


class Order:
    """An order at the venue."""

    def __init__(self, name: str, side: str, qty: Decimal) -> None:
        self.name, self.side, self.qty = name, side, qty
        self.cum, self.open = Decimal(0), True

    def as_listed(self) -> OpenOrder:
        return listed(self.name, str(self.qty), self.cum, self.side)


class Venue(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig()
        self.orders: list[Order] = []
        self.late: list[tuple[str, str, dict[str, Any]]] = []
        self.traded = 0
        self.trades: list[AccountTrade] = []
        self.btc = self.usdt = Decimal(0)

    @rule(lots=st.integers(1, 200), sell=st.booleans())
    def send(self, lots: int, sell: bool) -> None:
        """The write-ahead is always on the log before the venue knows of an order."""
        order = Order(f"C{len(self.orders)}", "SELL" if sell else "BUY", lots * LOT)
        self.orders.append(order)
        fields = {"order_qty": order.qty, "side": order.side}
        for kind in ("OrderApproved", "OrderSubmitting"):
            self.rig.tell(kind, order.name, order_id=None, **fields)
        self.late.append(("OrderAccepted", order.name, {}))

    @precondition(lambda self: any(order.open for order in self.orders))
    @rule(pick=picks, px=st.integers(90, 110))
    def trade(self, pick: int, px: int) -> None:
        alive = [order for order in self.orders if order.open]
        order = alive[pick % len(alive)]
        qty = LOT * (1 + pick % int((order.qty - order.cum) / LOT))
        self.traded += 1
        order.cum += qty
        order.open = order.cum < order.qty
        sign = 1 if order.side == "BUY" else -1
        self.btc += sign * qty
        self.usdt -= sign * qty * px + Decimal("0.01")
        fee: dict[str, Any] = {
            "commission": Decimal("0.01"),
            "comm_currency": "USDT",
            "last_px": Decimal(px),
        }
        fee["ts_event_ns"] = self.rig.now_ms * 10**6
        fields = {**fill_fields(str(qty), str(self.traded)), **fee, "side": order.side}
        told = (str(qty), str(self.traded), order.name, "0.01", str(px), order.side)
        self.trades.append(trade(*told, ts_event_ns=fee["ts_event_ns"]))
        self.late.append(("OrderFilled", order.name, fields))

    @precondition(lambda self: any(order.open for order in self.orders))
    @rule(pick=picks)
    def cancel(self, pick: int) -> None:
        alive = [order for order in self.orders if order.open]
        order = alive[pick % len(alive)]
        order.open = False
        self.late.append(("OrderCanceled", order.name, {"cum_qty": order.cum}))

    @precondition(lambda self: self.late)
    @rule(pick=picks)
    def deliver(self, pick: int) -> None:
        """The oldest report of some order; it is received now, long after it was made."""
        name = self.late[pick % len(self.late)][1]
        at = next(at for at, report in enumerate(self.late) if report[1] == name)
        kind, order, fields = self.late.pop(at)
        self.rig.tell(kind, order, **fields)

    @rule()
    def look(self) -> None:
        self.rig.now_ms += 5
        self.rig.round(self.btc, self.usdt, [o.as_listed() for o in self.orders if o.open])
        self.rig.now_ms += 5

    @precondition(lambda self: any(order.open for order in self.orders))
    @rule(pick=picks, px=st.integers(90, 110))
    def look_while_it_trades(self, pick: int, px: int) -> None:
        """The balances are read first, and the orders after the trade."""
        balances = self.btc, self.usdt
        self.rig.now_ms += 5
        self.trade(pick, px)
        self.rig.round(*balances, [o.as_listed() for o in self.orders if o.open])
        self.rig.now_ms += 5

    @precondition(lambda self: self.trades)
    @rule(newest=st.integers(1, 5))
    def list_trades(self, newest: int) -> None:
        self.rig.now_ms += 5
        self.rig.trades(*self.trades[-newest:])

    @rule(ms=st.sampled_from([10, 1_000, 5_000, 3 * 86_400_000]))
    def tick(self, ms: int) -> None:
        self.rig.tick(ms)

    @invariant()
    def nothing_is_halted(self) -> None:
        said = [output.event for output in self.rig.outputs]
        assert not [event for event in said if isinstance(event, TradingHalted)]
        drifts = [e for e in said if isinstance(e, BreakFound) and e.kind.endswith("_DRIFT")]
        assert not drifts

    def teardown(self) -> None:
        while self.late:
            kind, order, fields = self.late.pop(0)
            self.rig.tell(kind, order, **fields)
        self.rig.now_ms += 10
        for _ in range(2):
            self.look()
        self.tick(1)
        self.nothing_is_halted()
        if self.trades:  # of whatever age: nothing is counted again, and what was booked is cleared
            self.rig.trades(*self.trades)
            self.tick(3 * 86_400_000)
            self.rig.trades(*self.trades)
            self.look()
        account = self.rig.state.accounts.get(ACCOUNT)
        assert account is not None
        assert not account.broken, "every break is cleared"
        assert sum(holding.qty for holding in account.holdings.values()) == self.btc
        self.rig.check_saved()
        self._check_cuts()
        self.btc += 1000
        for _ in range(2):
            self.look()
        halts = [o.event for o in self.rig.outputs if isinstance(o.event, TradingHalted)]
        assert [halt.instrument for halt in halts] == [BTC]

    def _check_cuts(self) -> None:
        logic, outputs = self.rig.logic, list[Output]()
        state = logic.initial()
        for batch in cut(self.rig.inputs, (5, 0, 17)):
            state, found = logic.step(state, batch)
            outputs += found
        assert outputs == self.rig.outputs
        assert logic.dump(state) == logic.dump(self.rig.state)


Venue.TestCase.settings = settings(deadline=None, max_examples=30, stateful_step_count=50)
TestVenue = Venue.TestCase


def story() -> str:
    """A digest of what a fixed story leads to."""
    rig = Rig()
    for order in ("C1", "C2", "C3"):
        rig.open(order, "5")
        rig.fill("1", "1", order)
        rig.trades(trade("1", "1", order), trade("2", "2", order), trade("1", "1", "X"))
    rig.tick(2_000)
    rig.round("9", "1", [listed("C9")])
    rig.tick(2_000)
    said = repr([tuple(output) for output in rig.outputs]).encode()
    return sha256(said + rig.logic.dump(rig.state)).hexdigest()


def test_another_process_with_another_hash_seed_agrees() -> None:
    code = "from tests.pipelines.reconciliation.test_delays import story; print(story())"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {story()}
