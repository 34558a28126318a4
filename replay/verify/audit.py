"""The audit of one archived day: from its signature down to the rows that epochs read and wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from connectors.epochs.model import EPOCHS, SNAPSHOTS
from connectors.log.interface import Tp
from replay.archive.errors import ArchiveError
from replay.archive.layout import FileName
from replay.archive.manifest import FileManifest
from replay.archive.schemas import archived_ids
from replay.archive.store import Store
from replay.verify.columns import marked_columns_of
from replay.verify.days import Day, chain
from replay.verify.epochs import epochs_of
from replay.verify.files import Offsets, check_bytes, check_seams, manifest_of
from replay.verify.findings import Audit
from replay.verify.inputs import Reading, check_held, readings
from replay.verify.listing import check_listing
from replay.verify.outputs import check_outputs
from replay.verify.rows import PLACES, RAW, UNREADABLE, Files, first_line
from replay.verify.schemas import check_schemas
from replay.verify.signature import checked_by
from replay.verify.snapshots import check_snapshots
from schemas.catalog import Catalog
from schemas.codec import Codec
from schemas.errors import TapeError
from schemas.events import EpochCommitted

OnFile = Callable[[int, int], None]


class NothingArchived(ArchiveError):
    """The archive has no such day, nor says that it had one."""


def verify(
    store: Store, catalog: Catalog, day: str, public_pem: bytes, on_file: OnFile = lambda *_: None
) -> Audit:
    """Audits a day. Raises `BadKey`, and `NothingArchived` where there is nothing to look at; what
    is wrong with the archive is in the audit.
    """
    audit = Audit(day)
    days = chain(store, checked_by(public_pem), audit)
    if day not in days and not audit.findings:
        raise NothingArchived(f"{store.root} has no manifest of {day}")
    check_listing(store, days, day, audit)
    check_schemas(store, days, day, audit)
    if day not in days:
        audit.find("its day manifest is missing or cannot be read", f"dt={day}")
        return audit
    if not days[day].closed:
        audit.find("the day is not closed, so it is not signed", f"dt={day}")
    _Day(store, catalog, days, days[day], audit, on_file).check()
    return audit


class _Day:
    """The contents of one day."""

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        days: dict[str, Day],
        day: Day,
        audit: Audit,
        on_file: OnFile,
    ) -> None:
        self._catalog = catalog
        self._store, self._day, self._audit, self._on_file = store, day, audit, on_file
        self._files = Files(store, [e.name for d in days.values() for e in d.entries])
        self._readings: dict[Tp, list[Reading]] = {}

    def check(self) -> None:
        check_seams(self._files, self._day.day, self._audit)
        manifests = {}
        for entry in self._day.entries:
            check_bytes(self._files, entry, self._audit)
            manifests[entry.name] = manifest_of(self._store, entry, self._audit)
        self._check_epochs()
        self._check_rows(manifests)

    def _check_epochs(self) -> None:
        """Chains, outputs and snapshots now; inputs are claims until the rows are read."""
        tps = {e.name.tp for e in self._day.entries if e.name.topic.endswith(EPOCHS)}
        if not tps:
            return
        try:
            codec = Codec(self._catalog, archived_ids(self._store, self._catalog))
        except TapeError as error:
            self._audit.find(f"epochs cannot be decoded: {error}", "_schemas")
            return
        for tp in sorted(tps):
            self._check_shard(tp, codec)

    def _check_shard(self, tp: Tp, codec: Codec) -> None:
        epochs = epochs_of(self._files, tp, self._day.day, codec, self._audit)
        check_outputs(self._files, epochs, codec.fingerprint_of, self._audit)
        snapshots = Tp(tp.topic.removesuffix(EPOCHS) + SNAPSHOTS, tp.partition)
        check_snapshots(self._files, snapshots, epochs, codec, self._audit)
        self._claim(epochs, codec)

    def _claim(self, epochs: Iterable[EpochCommitted], codec: Codec) -> None:
        for tp, reading in readings(epochs, codec.fingerprint_of, self._audit).items():
            check_held(self._files, reading, self._audit)
            if reading.claims:
                self._readings.setdefault(tp, []).append(reading)

    def _check_rows(self, manifests: dict[FileName, FileManifest | None]) -> None:
        """Every file of the day once, and those of other days that its epochs read."""
        todo = dict(manifests)
        for tp, some in self._readings.items():
            start, end = min(r.start for r in some), max(r.end for r in some)
            todo.update({n: None for n in self._files.over(tp, start, end) if n not in todo})
        names = sorted(todo, key=lambda n: (n.topic, n.partition, n.start))
        for number, name in enumerate(names, 1):
            self._read(name, todo[name])
            self._on_file(number, len(names))
        for reading in (r for some in self._readings.values() for r in some):
            reading.finish()

    def _read(self, name: FileName, manifest: FileManifest | None) -> None:
        offsets = Offsets(manifest, self._audit) if manifest is not None else None
        wanted = [r for r in self._readings.get(name.tp, ()) if r.claims and r.start < name.end]
        own = name.day == self._day.day
        try:
            for batch in self._files.batches(name, RAW if wanted else PLACES):
                self._audit.rows += batch.num_rows if own else 0
                if offsets is not None:
                    offsets.add(batch)
                if wanted and batch.num_rows:
                    columns = marked_columns_of(batch)
                    for reading in wanted:
                        reading.feed(columns, columns.offsets[-1] + 1)
        except UNREADABLE as error:
            self._audit.find(f"its rows cannot be read: {first_line(error)}", name.path)
        else:
            if offsets is not None:
                offsets.end()
        for reading in wanted:
            reading.feed(None, name.end)
        self._audit.files += own
