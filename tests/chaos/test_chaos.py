"""A short round of chaos: what `make soak` runs for half an hour, with one seed and small counts.

How much a busy machine trades in so short a time is not asserted: what it traded must be right.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.simulated.faults import FAULTS
from ops.stack import StackInfo
from tests.chaos.round import Plan, Round
from tests.chaos.totals import FAULT_MIN, FILLS_MIN, ORDERS_MIN, shortfalls

SEED = 4


@pytest.mark.broker
def test_a_desk_under_chaos_stays_right(stack: StackInfo, tmp_path: Path) -> None:
    counts = Round(stack, tmp_path, SEED, Plan(seconds=15.0, kill_every_s=4.0)).run()
    assert sum(n for name, n in counts.items() if name.startswith("SIGKILL of ")) > 0, counts
    assert counts["restarts"] > 0, counts
    assert counts["venue decisions again"] > 0, counts


def test_what_never_struck_was_not_survived() -> None:
    enough = {f"fault {kind}": FAULT_MIN for kind in FAULTS}
    enough |= {"orders at the venue": ORDERS_MIN, "fills": FILLS_MIN}
    assert shortfalls(enough) == []
    assert shortfalls({**enough, "fault ban": 2}) == ["fault ban: 2 of 3"]
    assert shortfalls({**enough, "fills": 99}) == ["fills: 99 of 100"]
