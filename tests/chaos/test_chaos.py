"""A short round of chaos: what `make soak` runs for half an hour, with one seed and small counts.

How much a busy machine trades in so short a time is not asserted: what it traded must be right.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.simulated.faults import FAULTS
from ops.stack import StackInfo
from tests.chaos.round import STRUCK_MIN, Plan, Round
from tests.chaos.totals import KILLED, WANTED, shortfalls

SEED = 5  # its first victim is the registry
# A dead broker takes long.
PLAN = Plan(seconds=15.0, kill_every_s=4.0, fault_every_s=0.8, stack=("registry",))


@pytest.mark.broker
def test_a_desk_under_chaos_stays_right(stack: StackInfo, stack_dir: Path, tmp_path: Path) -> None:
    counts = Round(stack_dir, tmp_path, SEED, PLAN).run()
    assert sum(n for name, n in counts.items() if name.startswith("SIGKILL of ")) > 0, counts
    assert counts["restarts"] > 0, counts
    assert [kind for kind in FAULTS if not counts[f"offered {kind}"]] == [], counts
    assert sum(counts[f"fault {kind}"] > 0 for kind in FAULTS) >= STRUCK_MIN, counts
    assert counts["venue decisions again"] > 0, counts


def test_what_never_struck_was_not_survived() -> None:
    assert shortfalls(WANTED) == []
    assert shortfalls({**WANTED, "fault ban": 2}) == ["fault ban: 2 of 3"]
    assert shortfalls({**WANTED, "fills": 99}) == ["fills: 99 of 100"]


def test_what_was_never_killed_was_not_survived() -> None:
    """Broker, registry, and every process of the desk."""
    processes = {"venue", "clock", "market", "risk", "reconciliation", "gateway", "strategy"}
    assert {f"SIGKILL of {name}" for name in {*processes, "binance-a", "kafka"}} < {*KILLED}
    for name in KILLED:
        assert shortfalls({**WANTED, name: 0}) == [f"{name}: 0 of 3"]
