"""A short round of chaos: what `make soak` runs for half an hour, with one seed and small counts.

How much a busy machine trades in so short a time is not asserted: what it traded must be right.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.simulated.faults import FAULTS
from ops.stack import StackInfo
from tests.chaos.round import Plan, Round
from tests.chaos.totals import FAULT_MIN, FILLS_MIN, KILLED, ORDERS_MIN, shortfalls

SEED = 5  # its first victim is the registry
PLAN = Plan(seconds=15.0, kill_every_s=4.0, stack=("registry",))  # a dead broker takes long


@pytest.mark.broker
def test_a_desk_under_chaos_stays_right(stack: StackInfo, stack_dir: Path, tmp_path: Path) -> None:
    counts = Round(stack_dir, tmp_path, SEED, PLAN).run()
    assert sum(n for name, n in counts.items() if name.startswith("SIGKILL of ")) > 0, counts
    assert counts["restarts"] > 0, counts
    assert counts["venue decisions again"] > 0, counts


def test_what_never_struck_was_not_survived() -> None:
    enough = {f"fault {kind}": FAULT_MIN for kind in FAULTS} | dict.fromkeys(KILLED, FAULT_MIN)
    enough |= {"orders at the venue": ORDERS_MIN, "fills": FILLS_MIN}
    assert shortfalls(enough) == []
    assert shortfalls({**enough, "fault ban": 2}) == ["fault ban: 2 of 3"]
    assert shortfalls({**enough, "fills": 99}) == ["fills: 99 of 100"]
    assert shortfalls({**enough, "SIGKILL of kafka": 0}) == ["SIGKILL of kafka: 0 of 3"]
