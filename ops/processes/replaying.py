"""Replays the shards of a pipeline one after the other, with a progress bar."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from connectors.epochs.model import Shard
from connectors.log.interface import Log
from ops import replays as noting
from ops.limits import load_limits
from ops.processes.catalog import pipeline as made_of
from ops.processes.run import shard_of
from ops.processes.sources import Source, opened
from ops.processes.spreading import spread_of
from ops.settings import Settings
from ops.stack.progress import Report, silent
from pipelines.logic import Logic
from replay.kept import canonical
from replay.orders import OrdersVerdict, accounts, refold
from replay.outputs import Kept, Outputs
from replay.pace import Pace, at_once
from replay.rerun import NothingRecorded, Verdict, require_all, rerun
from replay.times import Span
from replay.what_if import WhatIf, what_if
from schemas.codec import Codec
from schemas.errors import TapeError


class Way(NamedTuple):
    """How to replay: `pace` makes the pace of one shard, `out` is the folder that keeps runs,
    `jobs` the number of processes (None: every core where that is quicker). At a pace, and to keep
    what comes out, there is one.
    """

    pace: Callable[[], Pace] = lambda: at_once
    out: Path | None = None
    jobs: int | None = 1


class Replayed(NamedTuple):
    """One shard's verdict, and what was kept of it."""

    verdict: Verdict
    kept: Kept | None = None


AT_ONCE: Final = Way()


def replay_shards(
    name: str,
    settings: Settings,
    span: Span,
    shards: int | None = None,
    only: int | None = None,
    report: Report = silent,
    source: Source = Source.LOG,
    way: Way = AT_ONCE,
) -> list[Replayed]:
    """One verdict per shard. Raises `TapeError` when it cannot run."""
    log, codec = opened(settings, source)
    made = made_of(name, settings)
    count = 1 if made.one_shard else shards if shards is not None else settings.shards
    if only is None:
        require_all(log, name, count, span)
    done = []
    for number in range(count) if only is None else [only]:
        made = made_of(name, settings)
        shard = shard_of(made, number, count, settings)
        step = partial(report, f"replay {name}-{number}")
        done.append(_one(log, codec, shard, made.logic, span, step, way, settings, source))
        noting.note(settings.run_dir, noted(shard, done[-1].verdict, source))
    return done


def noted(shard: Shard, found: Verdict, source: Source) -> noting.Replayed:
    """What is told of it afterwards."""
    text = f"epochs from {found.from_sequence} on, from the {source.value}"
    said = [text] if found.finding is None else [text, found.finding.message]
    now_ms = time.time_ns() // 1_000_000
    name = f"{shard.pipeline}-{shard.number}"
    return noting.Replayed(now_ms, name, found.clean, found.epochs, "; ".join(said))


def _one(
    log: Log,
    codec: Codec,
    shard: Shard,
    logic: Logic[Any],
    span: Span,
    step: Callable[[int, int], None],
    way: Way,
    settings: Settings,
    source: Source,
) -> Replayed:
    """One shard; what it gave is kept where `way` says."""
    if way.out is None:
        pace, opening = way.pace(), partial(opened, settings, source)
        spread = spread_of(way.jobs, shard.pipeline, settings, opening) if pace is at_once else None
        return Replayed(rerun(log, codec, shard, logic, span, step, pace, spread=spread))
    keep = Outputs(way.out, f"{shard.pipeline}-{shard.number}", codec, log.partition_count, span)
    try:
        found = rerun(log, codec, shard, logic, span, step, way.pace(), keep)
        return Replayed(found, keep.finish(_facts(shard, span, found, settings)))
    finally:
        keep.discard()


def _facts(shard: Shard, span: Span, found: Verdict, settings: Settings) -> dict[str, Any]:
    """What made this run this run. Nothing is drawn by chance, so there is no seed to tell."""
    chosen = getattr(settings, shard.pipeline, None)
    values = {} if chosen is None else chosen.model_dump(mode="json")
    return {
        "pipeline": shard.pipeline,
        "shard": shard.number,
        "shards": shard.shards,
        "code_version": shard.version,
        "recorded_versions": found.versions,
        "configuration_sha256": sha256(canonical(values).encode()).hexdigest(),
        "seed": None,
        "span": span._asdict(),
        "finding": None if found.finding is None else found.finding.message,
    }


def replay_limits(
    name: str,
    file: Path,
    settings: Settings,
    span: Span,
    report: Report = silent,
    source: Source = Source.LOG,
) -> WhatIf:
    """What the limits of a file would have decided. Raises `TapeError` when it cannot run."""
    if name != "risk":
        raise NoLimitsThere(f"--limits are risk's: {name} has none")
    limits = load_limits(file, 1, "replay", "what if", 0)
    log, codec = opened(settings, source)
    shard = shard_of(made_of(name, settings), 0, 1, settings)
    return what_if(log, codec, shard, limits, span, partial(report, f"replay {name}-0"))


def replay_orders(
    settings: Settings,
    account: str | None,
    span: Span,
    report: Report = silent,
    source: Source = Source.LOG,
) -> list[OrdersVerdict]:
    """One verdict per account. Raises `TapeError` when it cannot run."""
    log, codec = opened(settings, source)
    names = accounts(log) if account is None else [account]
    if not names:
        raise NothingRecorded("no account has order events")
    return [refold(log, codec, n, span, partial(report, f"replay orders {n}")) for n in names]


class NoLimitsThere(TapeError):
    """Limits were given to a pipeline that knows none."""
