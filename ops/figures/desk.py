"""The supervisor's figures, and where all its processes show theirs.

`targets.json` in the run folder is Prometheus' own form (`file_sd_configs`), so that a Prometheus
finds every process of a desk, and the supervisor itself, without being told.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from connectors.metrics import declared
from connectors.metrics.kinds import Rows
from ops.figures import canary, disk
from ops.figures.serving import answer
from ops.settings import MetricsSettings, Settings
from ops.stack.ports import HOST, reserve
from ops.supervisor.model import Standing, State

TARGETS: Final = "targets.json"
NAME: Final = "desk"
Standings = Callable[[], Sequence[Standing]]


@dataclass
class Own:
    """Where the supervisor itself is seen, and when its loop last turned."""

    address: str
    turned_s: float


@contextmanager
def shown(settings: Settings, standings: Standings) -> Iterator[Own]:
    """Answers for the supervisor, on the port set or on one of its own."""
    port, held = settings.metrics.port, None
    if not port:
        held = reserve()
        port = held.getsockname()[1]
    own = Own(f"{HOST}:{port}", time.monotonic())
    chosen = settings.model_copy(update={"metrics": MetricsSettings(port=port)})
    health = answer(chosen, NAME)
    health.turned_s = lambda: own.turned_s
    health.ready = lambda: why_not_ready(standings())
    declared.PROCESS_STATE.read = lambda: states(standings())
    disk.show(settings)
    canary.show(settings)
    declared.PROCESS_RESTARTS.read = lambda: {(one.name,): one.restarts for one in standings()}
    try:
        yield own
    finally:
        if held is not None:
            held.close()


def states(standings: Sequence[Standing]) -> Rows:
    """Every state of every process, 1 for the one it is in."""
    return {(one.name, state): int(one.state == state) for one in standings for state in STATES}


def why_not_ready(standings: Sequence[Standing]) -> str:
    return ", ".join(f"{one.name} is {one.state}" for one in standings if one.state != "RUNNING")


def write_targets(run_dir: Path, own: str, standings: Sequence[Standing]) -> None:
    """Replaces the file in one step."""
    found = [(NAME, own), *((one.name, one.metrics) for one in standings if one.metrics)]
    groups = [{"targets": [at], "labels": {"process": name}} for name, at in found if at]
    fresh = run_dir / f"{TARGETS}.new"
    fresh.write_text(json.dumps(groups, indent=2) + "\n")
    fresh.replace(run_dir / TARGETS)


STATES: Final[tuple[State, ...]] = get_args(State)
