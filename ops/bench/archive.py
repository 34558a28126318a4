"""What history costs: the log to Parquet, its size, and recorded epochs from either."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from connectors.epochs.tuning import tune
from connectors.log.interface import Log
from ops.bench.samples import Sample
from ops.bench.works import TRADES, Watch
from ops.processes.catalog import pipeline
from ops.processes.clients import codec_of, kafka_log
from ops.processes.run import shard_of
from ops.settings import Settings
from replay.archive import run
from replay.archive.source import ArchiveLog
from replay.archive.store import FolderStore
from replay.rerun import rerun
from schemas.errors import TapeError


class ReplayDiffers(TapeError):
    """A measured replay is not what was recorded."""


def archive(settings: Settings, events: int, arguments: dict[str, Any]) -> Sample:
    """Trades to Parquet; `extra` has bytes per trade there and on the topic. What a replay needs
    beside them is archived as well, after the watch was read.
    """
    tune()
    log, codec, store = kafka_log(settings), codec_of(settings), _store(settings, arguments)
    watch = Watch()
    done = run.archive(log, codec, store, [TRADES])
    sample = watch.sample("archive", done.rows)
    segments = settings.run_dir.rglob(f"{settings.topic_prefix}{TRADES}-*/*.log")
    sample.extra = {
        "archived": sum(file.size for file in done.files) / max(done.rows, 1),
        "logged": sum(path.stat().st_size for path in segments) / max(done.rows, 1),
    }
    own = arguments["pipeline"]
    run.archive(log, codec, store, [f"{own}.epochs.v1", f"{own}.snapshots.v1"])
    return sample


def _store(settings: Settings, arguments: dict[str, Any]) -> FolderStore:
    return FolderStore(settings.run_dir / "archives" / arguments["pipeline"])


def replay_log(settings: Settings, events: int, arguments: dict[str, Any]) -> Sample:
    """The strategy's recorded epochs again, from the log."""
    return _replay("replay_log", kafka_log(settings), settings, arguments)


def replay_archive(settings: Settings, events: int, arguments: dict[str, Any]) -> Sample:
    """The same from the archive."""
    log = ArchiveLog(_store(settings, arguments))
    return _replay("replay_archive", log, settings, arguments)


def _replay(name: str, log: Log, settings: Settings, arguments: dict[str, Any]) -> Sample:
    tune()
    made = pipeline("strategy", settings)
    shard = replace(shard_of(made, 0, 1, settings), pipeline=arguments["pipeline"])
    watch = Watch()
    verdict = rerun(log, codec_of(settings), shard, made.logic)
    if verdict.finding is not None:
        raise ReplayDiffers(f"{name}: {verdict.finding.message}")
    sample = watch.sample(name, verdict.records)
    sample.extra = {"epochs": verdict.epochs}
    return sample
