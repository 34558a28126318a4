"""A canary that follows the log: a candidate judged again and again over what was recorded last.

Each round is a canary of the newest window; its verdict stays in the run folder until the next, for
figures.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from connectors.epochs.history import newest_committed
from ops.figures import canary as figures
from ops.figures.serving import answer
from ops.processes.canarying import Side, Task, compared
from ops.processes.catalog import pipeline as made_of
from ops.processes.run import shard_of
from ops.processes.sources import opened
from ops.settings import Settings
from ops.stopping import Stopped, left_when_told, told_to_stop
from replay.canary.policy import Policy, breaches
from replay.canary.run import Comparison
from replay.pace import log_time
from replay.rerun import NothingRecorded
from replay.times import Span
from schemas.errors import TapeError

logger = logging.getLogger("tape.canary")


@dataclass(frozen=True)
class Shadow:
    """What is compared, and how: the last `window_ms` of log time, every `every_s` seconds. Sides
    and policy are those of the beginning: a ref or a file that changes meanwhile changes nothing.
    """

    task: Task
    baseline: Side
    candidate: Side
    policy: Policy
    window_ms: int
    every_s: float


@dataclass(frozen=True)
class Round:
    """One verdict: `broken` is what lies beyond the policy, `reason` why there was none."""

    span: Span
    found: Comparison | None
    broken: list[str]
    reason: str = ""

    @property
    def verdict(self) -> int:
        """As the exit codes of `tape canary`."""
        return 2 if self.found is None else int(bool(self.broken))

    def as_json(self) -> dict[str, Any]:
        said = {"from_ms": self.span.from_ms, "to_ms": self.span.to_ms, "verdict": self.verdict}
        found = self.found.as_json() if self.found else {"reason": self.reason}
        return {**said, "broken": self.broken, **found}


def follow(settings: Settings, shadow: Shadow, on_round: Callable[[Round], None]) -> int:
    """Rounds until SIGTERM or SIGINT; the last one's verdict. A round that cannot run is one
    too.
    """
    stop, last = told_to_stop(), 2
    figures.show(settings)
    health = answer(settings, "canary")
    while not stop.is_set():
        try:
            with left_when_told(stop):
                done = judged(settings, shadow)
        except Stopped:
            break
        health.ready = lambda reason=done.reason: reason  # type: ignore[misc]
        figures.keep(settings.run_dir, shadow.task.pipeline, done.as_json())
        on_round(done)
        last = done.verdict
        stop.wait(shadow.every_s)
    return last


def judged(settings: Settings, shadow: Shadow) -> Round:
    """One round, over the window that ends now."""
    span = Span()
    try:
        span = window(settings, shadow.task, shadow.window_ms)
        task = replace(shadow.task, span=span)
        found = compared(task, shadow.baseline, shadow.candidate)
        return Round(span, found, list(breaches(shadow.policy, found)))
    except TapeError as error:
        logger.warning("no verdict: %s; trying again in %g s", error, shadow.every_s)
        return Round(span, None, [], str(error))


def window(settings: Settings, task: Task, length_ms: int) -> Span:
    """The last stretch of log time that every shard has passed: an epoch that is committed while
    one side runs is in neither. Raises `NothingRecorded`.
    """
    made = made_of(task.pipeline, settings)
    wanted = settings.shards if task.shards is None else task.shards
    count = 1 if made.one_shard else wanted
    shards = [shard_of(made, number, count, settings) for number in range(count)]
    log, codec = opened(settings, task.source)
    with closing(log):
        newest = [newest_committed(log, codec, shard) for shard in shards]
    known = [log_time(epoch) for epoch in newest if epoch is not None]
    if len(known) < count:
        raise NothingRecorded(f"{task.pipeline}: {count - len(known)} shards have no recent epoch")
    return Span(max(min(known) - length_ms, 0), min(known))
