"""What a replay decided, as a run folder: Parquet in the archive's layout, and `run.json`.

The outputs never go to a log: no writer of one exists here. Their offsets count from 0 in each
partition of the run, because a replay of a part of the log does not know theirs.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from connectors.epochs.digest import outputs_digest
from connectors.log.interface import OutRecord, Tp
from replay.archive import days
from replay.archive.incoming import records as archived
from replay.archive.manifest import FileManifest
from replay.archive.reader import index
from replay.archive.source import keep_partitions
from replay.archive.store import FolderStore
from replay.archive.writer import PartitionWriter
from replay.kept import MANIFEST, canonical, input_ranges, name_of, schema_hashes, write
from replay.pace import log_time
from replay.times import EVERYTHING, Span
from schemas.codec import Codec
from schemas.errors import TapeError
from schemas.events import EpochCommitted

Counts = Callable[[str], int]


class NoDay(TapeError):
    """Outputs without a time, which lie in no day."""


class NotKept(TapeError):
    """The folder for runs cannot be written."""


class Kept(NamedTuple):
    """A kept replay; `manifest` is `run.json`."""

    folder: Path
    manifest: dict[str, Any]


class Outputs:
    """Given the epochs of one shard in order, and what each gave; keeps those of the span.
    `counts`: partitions of the topics. `finish` names the folder, `discard` leaves nothing. Raises
    `NotKept` at once, not after an hour's re-run.
    """

    def __init__(
        self, root: Path, name: str, codec: Codec, counts: Counts, span: Span = EVERYTHING
    ) -> None:
        self._root, self._codec, self._counts, self._span = root, codec, counts, span
        self._fresh, self._made = root / f".{name}.new", not root.exists()
        shutil.rmtree(self._fresh, ignore_errors=True)
        try:
            self._fresh.mkdir(parents=True)
        except OSError as error:
            raise NotKept(f"{root} cannot be written: {error.strerror}") from None
        self._store = FolderStore(self._fresh)
        self._writers: dict[Tp, PartitionWriter] = {}
        self._ends: Counter[Tp] = Counter()
        self._digests: dict[str, Any] = {}
        self._ranges: dict[Tp, tuple[int, int]] = {}
        self._written: list[FileManifest] = []
        self._epochs: list[int] = []

    def __call__(self, epoch: EpochCommitted, records: Sequence[OutRecord]) -> None:
        """One epoch."""
        if self._span.from_ms is not None and log_time(epoch) < self._span.from_ms:
            return  # it was run to have the state
        self._epochs = [*self._epochs[:1], epoch.sequence]
        for read in epoch.inputs:
            tp = Tp(read.topic, read.partition)
            self._ranges[tp] = (self._ranges.get(tp, (read.start, 0))[0], read.end)
        by_tp: dict[Tp, list[OutRecord]] = {}
        for record in records:
            by_tp.setdefault(Tp(record.topic, record.partition), []).append(record)
        for tp in sorted(by_tp):
            self._add(tp, by_tp[tp])

    def _add(self, tp: Tp, records: list[OutRecord]) -> None:
        if tp not in self._writers:
            self._writers[tp] = PartitionWriter(
                self._store, self._codec, tp, 0, on_file=self._written.append
            )
        hasher = self._digests.setdefault(tp.topic, sha256())
        hasher.update(outputs_digest(records, self._codec.fingerprint_of))
        _, _, keys, values, times, headers = zip(*records, strict=True)
        offsets = range(self._ends[tp], self._ends[tp] + len(records))
        columns = ([*times], [*keys], [*values], [*headers])
        self._writers[tp].add(archived(offsets, *columns))
        self._ends[tp] += len(records)

    def finish(self, facts: Mapping[str, Any]) -> Kept | None:
        """A run of the same name is the same and is replaced; None where no epoch of the span was
        run. Raises `NoDay`.
        """
        if not self._epochs:
            self.discard()
            return None
        for tp, writer in self._writers.items():
            writer.finish(self._ends[tp])
        written, given = sum(made.rows for made in self._written), self._ends.total()
        if written != given:
            raise NoDay(f"{given - written} outputs have no time, so no day to lie in")
        topics = {tp.topic for tp in self._ends}
        keep_partitions(self._store, {topic: self._counts(topic) for topic in sorted(topics)})
        days.write(
            self._store,
            days.kept(self._store),
            index(self._store),
            {made.day for made in self._written},
        )
        manifest = self._manifest(facts)
        write(self._fresh / MANIFEST, canonical(manifest))
        folder = self._root / f"replay-{manifest['run']}"
        shutil.rmtree(folder, ignore_errors=True)
        self._fresh.rename(folder)
        return Kept(folder, manifest)

    def _manifest(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        ranges = input_ranges((tp, *self._ranges[tp]) for tp in sorted(self._ranges))
        given = {**facts, "inputs": ranges, "schemas": schema_hashes(self._codec.catalog)}
        counted: Counter[str] = Counter()
        for tp, end in self._ends.items():
            counted[tp.topic] += end
        outputs = {
            topic: {"records": counted[topic], "digest": hasher.hexdigest()}
            for topic, hasher in sorted(self._digests.items())
        }
        epochs = {"first": self._epochs[0], "last": self._epochs[-1]}
        return {"run": name_of(given), **given, "epochs": epochs, "outputs": outputs}

    def discard(self) -> None:
        """Nothing of an unfinished run stays."""
        shutil.rmtree(self._fresh, ignore_errors=True)
        if self._made:
            with suppress(OSError):  # where it holds a finished one
                self._root.rmdir()
