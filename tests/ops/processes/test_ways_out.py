"""A process that cannot go on says by which command it can, and that command does it.

1. One trade makes a signal raise: exit 2 names it; with the `--skip` that is printed the rest is
   decided, for ever without it, and a replay agrees.
2. The same version decides otherwise (it looked at its environment): exit 1 names the epoch; with
   the `--accept-divergence` that is printed the shard goes on.
"""

from __future__ import annotations

import re
import shlex
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.log.places import read_whole
from ops.stack import StackInfo
from tests.nursery import Running
from tests.ops.processes.desk import Desk, Ended

INPUTS = ("md.trade.v1", "md.quote.v1")
BITCOIN = "BTCUSDT.BINANCE"
LIMIT_S = 30.0
SIGNAL = """
import os
from decimal import Decimal
from typing import NamedTuple

import msgspec
from schemas.events import TradePrinted


class State(NamedTuple):
    trades: int


class Weak(msgspec.Struct, frozen=True):
    @property
    def reads(self):
        return TradePrinted

    def initial(self):
        return State(0)

    def row(self, state, event):
        if event.trade_id == "POISON":
            raise ZeroDivisionError
        size = Decimal(os.environ.get("SIZE", "1"))
        return State(state.trades + 1), size if state.trades % 2 else Decimal(0)
"""


@pytest.fixture
def desk(stack: StackInfo, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(stack, f"t{uuid.uuid4().hex[:8]}.", tmp_path)
    del made.environment["TAPE_CONFIG"]  # beside which signals.py would be looked for
    yield made
    made.close()


def produced(desk: Desk, seconds: float, start_s: float) -> None:
    """More of the market."""
    desk.produce(seconds, start_s)
    first = () if read_whole(desk.log, "md.trade.v1", LIMIT_S) else ("--from", "earliest")
    desk.run_until_drained("market", *first, inputs=("md.raw.v1",))


def run(desk: Desk, *more: str, **environment: str) -> Running:
    arguments = ("run", "strategy", "--signal", "signals.py:Weak", *more)
    return desk.start(*arguments, more=environment)


def drained(desk: Desk, process: Running) -> None:
    desk.wait_opened(process, "strategy")
    desk.wait_drained("strategy", *INPUTS)


def told_to(ended: Ended, code: int, option: str) -> list[str]:
    """The words that the last line names as the way out."""
    assert (ended.code, "Traceback" in ended.err) == (code, False), ended.err
    found = re.search(rf"{option} \S+ --reason", ended.err.splitlines()[-1])
    assert found, ended.err
    return [*shlex.split(found[0]), "a bad tick"]


def test_what_a_process_says_leads_out(desk: Desk) -> None:
    produced(desk, 10.0, 1.0)
    trades = read_whole(desk.log, "md.trade.v1", LIMIT_S)
    bad = next(m for m in trades[len(trades) // 2 :] if m.key() == BITCOIN.encode())
    poison = desk.codec.decode(bad.value()).trade_id
    (desk.folder / "signals.py").write_text(SIGNAL.replace("POISON", poison))

    out = told_to(desk.ended(run(desk, "--from", "earliest")), 2, "--skip")
    assert out[1] == f"md.trade.v1/{bad.partition()}/{bad.offset()}"
    skipping = run(desk, *out)
    drained(desk, skipping)
    assert desk.stop(skipping).code == 0
    replayed = desk.tape("replay", "strategy", "--signal", "signals.py:Weak")
    assert (replayed.code, "0 differences" in replayed.out) == (0, True), replayed
    causes = [
        desk.codec.decode(m.value()).causation_id
        for m in read_whole(desk.log, "signal.target.v1", LIMIT_S)
    ]
    assert len(causes) > 10
    assert out[1] not in causes

    killed = run(desk)
    produced(desk, 5.0, 12.0)
    drained(desk, killed)
    killed.kill()
    assert desk.ended(killed).code != 0
    out = told_to(desk.ended(run(desk, SIZE="2")), 1, "--accept-divergence")
    going_on = run(desk, *out, SIZE="2")
    drained(desk, going_on)
    assert desk.stop(going_on).code == 0
    wrong = desk.ended(run(desk, "--skip", "md.trade.v1/1", "--reason", "half a place"))
    assert (wrong.code, "not TOPIC/PARTITION/OFFSET" in wrong.err) == (2, True), wrong
