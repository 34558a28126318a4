"""The desk's verbs as people use them, on the real broker with risk, gateway and venue.

1. flatten while a strategy trades: it closes its position and opens none, also after a restart.
2. pause, reduce, flatten, resume: what risk answers, what is canceled, what is left.
3. kill by every path; both processes are stopped and started: still halted; resumed, it goes on.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.gateway.latch import latch_path
from ops.stack import StackInfo
from schemas.events import TransferAnnounced
from tests.connectors.gateway.rig import key_text
from tests.ops.processes.desk import Desk
from tests.ops.processes.flattened import a_live_strategy_closes_and_stays_out
from tests.ops.processes.test_gateway import CAPS, LIMITS
from tests.ops.processes.test_risk import WHO, Scribe
from tests.ops.processes.trading import WHY, Trade, play
from tests.pipelines.risk.rig import ACCOUNT, INSTRUMENT, STRATEGY, VENUE


@pytest.fixture(scope="module")
def desk(stack: StackInfo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(stack, f"t{uuid.uuid4().hex[:8]}.", tmp_path_factory.mktemp("verbs"))
    try:
        (made.folder / "limits.yaml").write_text(LIMITS)
        (made.folder / "caps.yaml").write_text(CAPS)
        set_limits = made.tape("limits", "set", "limits.yaml", *WHO)
        assert set_limits.code == 0, set_limits.err
        made.environment |= {
            "TAPE_GATEWAY__KEY": "env:TRADING_KEY",
            "TAPE_GATEWAY__CAPS": "caps.yaml",
            "TAPE_GATEWAY__RECV_WINDOW_MS": "2000",
            "TRADING_KEY": key_text(),
        }
        yield made
    finally:
        made.close()


def test_the_verbs_from_pause_to_kill(desk: Desk, stack: StackInfo, tmp_path: Path) -> None:
    money = TransferAnnounced(
        "t", ACCOUNT, VENUE, "USDT", Decimal(10_000), "ada", "", "", time.time_ns()
    )
    Scribe(desk, stack).write("ops.control.v1", money, "desk")

    async def act(trade: Trade) -> None:
        processes = await trade.start("--from", "earliest")
        await a_live_strategy_closes_and_stays_out(trade)
        assert await trade.request("BUY", "100.5") == "OrderFilled"
        assert await trade.request() == "OrderAccepted"
        paused = await trade.tape("pause", "--strategy", STRATEGY, *WHY)
        assert (paused.code, "PAUSED */ema/*" in paused.out) == (0, True), paused
        assert await trade.request() == "STATE_PAUSED"
        assert trade.open() == 1
        await trade.resume((None, STRATEGY, None))
        misspelt = await trade.tape("pause", "--instrument", "BTCUSD.BINANCE", *WHY)
        assert (misspelt.code, "no instrument BTCUSD.BINANCE is" in misspelt.err) == (0, True)
        await trade.resume((None, None, "BTCUSD.BINANCE"))
        reduced = await trade.tape("reduce", "--instrument", INSTRUMENT, *WHY)
        assert (reduced.code, f"REDUCING */*/{INSTRUMENT}" in reduced.out) == (0, True), reduced
        await trade.until(lambda: trade.open() == 0, "what raises exposure is canceled")
        assert await trade.request() == "STATE_REDUCING"
        await trade.resume((None, None, INSTRUMENT))
        assert await trade.request() == "OrderAccepted"
        left = await trade.tape("flatten", *WHY, "--within", "0.1", "--output", "json")
        assert left.code == 1, left
        [cell] = json.loads(left.out)["remaining"]
        assert (cell["strategy"], Decimal(cell["position_qty"])) == (STRATEGY, Decimal("0.0999"))
        await trade.until(lambda: trade.open() == 0, "what raises exposure is canceled")
        assert await trade.request() == "STATE_REDUCING"
        assert await trade.request("SELL", "99.5", "0.0999") == "OrderFilled"
        flat = await trade.tape("flatten", *WHY)
        assert (flat.code, "flat: less than a lot is left" in flat.out) == (0, True), flat
        still = await trade.resume((None, STRATEGY, None))
        assert [one.state for one in still.still] == ["FLATTENED", "FLATTENED"]
        await trade.resume()
        assert await trade.request() == "OrderAccepted"
        killed = await trade.tape("kill", *WHY, "--output", "json")
        assert killed.code == 0, killed
        assert [way["worked"] for way in json.loads(killed.out)["paths"]] == [True] * 3, killed.out
        assert trade.open() == 0
        assert await trade.request() == "STATE_HALTED"
        await trade.stop(processes)
        processes = await trade.start()
        assert await trade.request() == "STATE_HALTED"
        resumed = await trade.tape("resume", *WHY)
        assert "ended: HALTED desk by ada: test" in resumed.out
        assert not latch_path(desk.folder / "run").exists()
        assert await trade.request() == "OrderAccepted"
        await trade.stop(processes)

    play(desk, stack, tmp_path, act)
