"""What a replay over several processes needs. Light on purpose: each of them loads this."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from connectors.log.interface import Log
from ops.cores import cores
from ops.processes.catalog import pipeline as made_of
from ops.settings import Settings
from pipelines.logic import Logic
from replay.rerun import Spread
from replay.stretches import START_RECORDS
from schemas.codec import Codec


def spread_of(
    jobs: int | None, name: str, settings: Settings, opening: Callable[[], tuple[Log, Codec]]
) -> Spread | None:
    """Over that many processes, which open the log by `opening`; None for one alone."""
    most, start = (cores(), START_RECORDS) if jobs is None else (jobs, 0)
    logic = partial(logic_of, name, settings)
    return Spread(most, start, opening, logic) if most > 1 else None


def logic_of(name: str, settings: Settings) -> Logic[Any]:
    """A pipeline's logic, in whatever process asks."""
    return made_of(name, settings).logic
