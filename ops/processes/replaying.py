"""Replays the shards of a pipeline one after the other, with a progress bar."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ops.limits import load_limits
from ops.processes.catalog import pipeline as made_of
from ops.processes.run import shard_of
from ops.processes.sources import Source, opened
from ops.settings import Settings
from ops.stack.progress import Report, silent
from replay.orders import OrdersVerdict, accounts, refold
from replay.rerun import NothingRecorded, Span, Verdict, rerun
from replay.what_if import WhatIf, what_if
from schemas.errors import TapeError


def replay_shards(
    name: str,
    settings: Settings,
    span: Span,
    shards: int | None = None,
    only: int | None = None,
    report: Report = silent,
    source: Source = Source.LOG,
) -> list[Verdict]:
    """One verdict per shard. Raises `TapeError` when it cannot run."""
    log, codec = opened(settings, source)
    made = made_of(name, settings)
    count = 1 if made.one_shard else shards if shards is not None else settings.shards
    verdicts = []
    for number in range(count) if only is None else [only]:
        made = made_of(name, settings)
        shard = shard_of(made, number, count, settings)
        step = partial(report, f"replay {name}-{number}")
        verdicts.append(rerun(log, codec, shard, made.logic, span, step))
    return verdicts


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
