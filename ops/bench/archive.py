"""What history costs: the log to Parquet, its size, and recorded epochs from either."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from connectors.epochs.tuning import tune
from connectors.log.interface import Log
from ops.bench.samples import Sample
from ops.bench.works import TRADES, Watch, peak_mb
from ops.processes.catalog import pipeline
from ops.processes.clients import codec_of, kafka_log
from ops.processes.run import shard_of
from ops.processes.sources import opened
from ops.processes.spreading import spread_of
from ops.settings import Settings
from replay.archive import run
from replay.archive.source import ArchiveLog
from replay.archive.store import FolderStore
from replay.rerun import rerun
from schemas.codec import Codec
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
    return _replay("replay_log", partial(opened, settings), settings, arguments)


def replay_archive(settings: Settings, events: int, arguments: dict[str, Any]) -> Sample:
    """The same from the archive."""
    return _replay("replay_archive", partial(_archived, settings, arguments), settings, arguments)


def _archived(settings: Settings, arguments: dict[str, Any]) -> tuple[Log, Codec]:
    return ArchiveLog(_store(settings, arguments)), codec_of(settings)


def _replay(
    name: str,
    opening: Callable[[], tuple[Log, Codec]],
    settings: Settings,
    arguments: dict[str, Any],
) -> Sample:
    """With as many processes as `tape replay` takes unless it is told."""
    tune()
    made = pipeline("strategy", settings)
    shard = replace(shard_of(made, 0, 1, settings), pipeline=arguments["pipeline"])
    spread = spread_of(arguments.get("jobs"), "strategy", settings, opening)
    log, codec = opening()
    watch = Watch()
    verdict = rerun(log, codec, shard, made.logic, spread=spread)
    if verdict.finding is not None:
        raise ReplayDiffers(f"{name}: {verdict.finding.message}")
    sample = watch.sample(name, verdict.records)
    # Each stretch has a process, and one that reads the log ahead for it; the first is this one.
    readers = verdict.stretches if name == "replay_log" else 0
    sample.rss_mb = peak_mb(verdict.stretches - 1 + readers)
    sample.extra = {"epochs": verdict.epochs, "stretches": verdict.stretches}
    return sample
