"""Replays the shards of a pipeline one after the other, with a progress bar."""

from __future__ import annotations

from functools import partial

from ops.processes.catalog import pipeline as made_of
from ops.processes.run import codec_of, kafka_log, shard_of
from ops.settings import Settings
from ops.stack.progress import Report, silent
from replay.rerun import Span, Verdict, rerun


def replay_shards(
    name: str,
    settings: Settings,
    span: Span,
    shards: int | None = None,
    only: int | None = None,
    report: Report = silent,
) -> list[Verdict]:
    """One verdict per shard. Raises `TapeError` when it cannot run."""
    log, codec = kafka_log(settings), codec_of(settings)
    count = shards if shards is not None else settings.shards
    verdicts = []
    for number in range(count) if only is None else [only]:
        made = made_of(name, settings)
        shard = shard_of(made, number, count, settings)
        step = partial(report, f"replay {name}-{number}")
        verdicts.append(rerun(log, codec, shard, made.logic, span, step))
    return verdicts
