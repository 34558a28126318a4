"""Archived rows verified a second: trades that the strategy pipeline read, in epochs as long as
they get behind a backlog, with its outputs and snapshots.

The log is in memory and the archive in a temporary folder; only the audit is measured.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NoReturn

from connectors.epochs.batch import Decoder
from connectors.epochs.bytewax_ends import EpochSink, EpochSource, run_flow
from connectors.epochs.encode import Encoder, counts_of
from connectors.epochs.model import Intent
from connectors.epochs.opening import open_session
from connectors.log.interface import OutRecord
from connectors.log.memory import MemoryLog
from connectors.signing import make_key
from ops.bench import data
from ops.bench.samples import Sample
from ops.bench.works import Watch
from ops.processes.catalog import pipeline
from ops.processes.run import shard_of
from ops.settings import Settings
from pipelines.batches import local_codec
from pipelines.flow import build_flow
from replay.archive.layout import DAY_MS, day_of
from replay.archive.run import archive
from replay.archive.store import FolderStore
from replay.verify.audit import verify as audited
from replay.verify.signature import sign_days

FIRST_MS: Final = 20_000 * DAY_MS


class NotClean(AssertionError):
    """What was just archived does not verify: the measurement means nothing."""


def verify(settings: Settings, events: int, _: dict[str, Any]) -> Sample:
    """The audit of a day of so many trades; counts every archived row once."""
    with tempfile.TemporaryDirectory(prefix="tape-bench-") as name:
        folder, codec = Path(name), local_codec()
        log, store = recorded(settings, events), FolderStore(folder / "archive")
        held = {tp.topic for tp, part in log.partitions.items() if part.end}
        topics = [topic for topic in codec.catalog.topics if topic in held]
        archive(log, codec, store, topics)
        make_key(folder / "key")
        sign_days(store, (folder / "key").read_bytes())
        public = (folder / "key.pub").read_bytes()
        watch = Watch()
        found = audited(store, codec.catalog, day_of(FIRST_MS), public)
        sample = watch.sample("verify", found.rows)
    if not found.clean or found.inputs < events:
        raise NotClean(f"{found.inputs} of {events} rows read, findings: {found.findings[:1]}")
    return sample


def recorded(settings: Settings, events: int) -> MemoryLog:
    """Trades of one day, what the strategy pipeline made of them, and a trade of the next day,
    which closes the first.
    """
    catalog = local_codec().catalog
    log = MemoryLog({name: topic.partitions for name, topic in catalog.topics.items()})
    *day, last = timed(events + 1)
    for record in day:
        log.append(record)
    _run(settings, log)
    log.append(last._replace(timestamp_ms=FIRST_MS + DAY_MS))
    return log


def timed(number: int) -> Iterator[OutRecord]:
    names = data.instruments(data.INSTRUMENTS)
    for at, record in enumerate(data.trades(number, names, local_codec())):
        yield record._replace(timestamp_ms=FIRST_MS + at // 100)


def _run(settings: Settings, log: MemoryLog) -> None:
    def die(code: int, message: str) -> NoReturn:
        raise AssertionError(f"exit {code}: {message}")

    codec, made = local_codec(), pipeline("strategy", settings)
    shard = shard_of(made, 0, 1, settings)
    session = open_session(log, codec, shard, Intent(start="earliest"), until=lambda: True)
    source, sink = EpochSource(session), EpochSink(session, die)
    encode, decode = Encoder(shard, codec, counts_of(log)), Decoder(codec, made.name)
    run_flow(build_flow(source, sink, made.logic, decode, encode), session)
