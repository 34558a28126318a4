"""`tape flatten` while a strategy trades on quotes that never stop asking for a position."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Any, Final

from connectors.gateway.ledger import EVENTS
from connectors.log.places import place_of
from schemas.events import OrderFilled, OrderRequested, QuoteChanged
from tests.connectors.asynchronous import repeated
from tests.nursery import Running
from tests.ops.processes.test_choices import TERMS
from tests.ops.processes.test_gateway import BEAT_S
from tests.ops.processes.trading import WHY, Trade
from tests.pipelines.risk.rig import ACCOUNT, INSTRUMENT, VENUE

NAME: Final = "live"
SCOPE: Final = (None, NAME, None)
QUOTES, REQUESTS = "md.quote.v1", "oms.order-request.v1"
SIZE, LOT = Decimal("0.3"), Decimal(TERMS["lot_size"])
LOOKED: Final = 20  # quotes that a strategy must have seen before it counts as staying out
SIGNAL: Final = {
    "name": NAME,
    "uses": "book-imbalance",
    "instruments": [INSTRUMENT],
    "options": {"size": str(SIZE)},
    "execution": {
        "account": ACCOUNT,
        "touch": "far",
        "instruments": [{**TERMS, "child_qty_max": "0.1"}],
    },
}


async def a_live_strategy_closes_and_stays_out(trade: Trade) -> None:
    """Killed while it is flattened, it comes back flattened; resumed, it opens again."""
    async with quotes(trade):
        strategy = await started(trade, "--from", "earliest")
        await trade.until(lambda: held(trade) > SIZE - LOT * 100, "a position", strategy)
        await flattened(trade)
        asked = len(buys(trade))
        strategy.send_signal(signal.SIGKILL)
        await asyncio.to_thread(trade.desk.ended, strategy)
        strategy = await started(trade)
        await seen(trade, LOOKED)
        assert (len(buys(trade)), abs(held(trade)) < LOT) == (asked, True)
        await trade.resume(SCOPE)
        await trade.until(lambda: len(buys(trade)) > asked and held(trade) > LOT, "another")
        await flattened(trade)
        assert (await asyncio.to_thread(trade.desk.stop, strategy)).code == 0
    await trade.resume(SCOPE)


def quotes(trade: Trade) -> AbstractAsyncContextManager[None]:
    """What is bid outweighs what is asked, at the prices of the venue."""
    a, b, c, d = map(Decimal, ("99.5", "5", "100.5", "1"))

    def beat() -> None:
        now = QuoteChanged(VENUE, INSTRUMENT, None, a, b, c, d, None, time.time_ns(), "A")
        trade.scribe.write(QUOTES, now, INSTRUMENT)

    return repeated(beat, BEAT_S)


async def started(trade: Trade, *first: str) -> Running:
    more = {"TAPE_STRATEGY__SIGNALS": json.dumps([SIGNAL])}
    process = trade.desk.start("run", "strategy", *first, more=more)
    await asyncio.to_thread(trade.desk.wait_opened, process, "strategy")
    return process


async def flattened(trade: Trade) -> None:
    done = await trade.tape("flatten", "--strategy", NAME, *WHY)
    assert (done.code, "flat: less than a lot is left" in done.out) == (0, True), done
    assert abs(held(trade)) < LOT
    assert not trade.open()


async def seen(trade: Trade, number: int) -> None:
    """Until the strategy has read so many quotes more."""
    log = trade.desk.log
    tp = place_of(log, QUOTES, INSTRUMENT.encode())
    wanted = log.bounds(tp)[1] + number
    await trade.until(
        lambda: log.group_offsets("tape.strategy", [tp]).get(tp, 0) >= wanted, "it reads on"
    )


def buys(trade: Trade) -> list[Any]:
    """What the strategy asked for."""
    told = [e for e in trade.told(REQUESTS) if isinstance(e, OrderRequested)]
    return [one for one in told if (one.strategy, one.side) == (NAME, "BUY")]


def held(trade: Trade) -> Decimal:
    """Its position by the fills, their fees in BTC taken off."""
    total = Decimal(0)
    for one in trade.told(EVENTS):
        if isinstance(one, OrderFilled) and one.strategy == NAME:
            total += one.last_qty if one.side == "BUY" else -one.last_qty
            total -= one.commission if one.comm_currency == "BTC" else 0
    return total
