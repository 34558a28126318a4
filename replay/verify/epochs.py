"""The hash chain over a shard's epochs, and what each epoch says it read and wrote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from connectors.epochs.digest import chain_digest
from connectors.epochs.history import CHAIN_BYTES, places_after
from connectors.epochs.model import Place
from connectors.log.interface import Tp
from replay.archive.layout import FileName
from replay.verify.findings import Audit
from replay.verify.rows import RAW, UNREADABLE, Files, first_line
from schemas.blocks import FRAME_BYTES
from schemas.codec import Codec
from schemas.errors import TapeError
from schemas.events import EpochCommitted, ShardOpened


class Record(NamedTuple):
    """A record of an epochs partition, with where it lies; `value` as on the log."""

    file: str
    row: int
    offset: int
    value: bytes
    event: EpochCommitted | ShardOpened


def label(epoch: EpochCommitted) -> str:
    """How findings name an epoch."""
    return f"{epoch.pipeline}-{epoch.shard}/{epoch.sequence}"


def records(files: Files, name: FileName, codec: Codec, audit: Audit) -> Iterator[Record]:
    """The records of one file; one that no schema decodes is a finding."""
    row = 0
    try:
        for batch in files.batches(name, RAW):
            columns = zip(
                batch.column("_offset").to_pylist(), batch.column("_value").to_pylist(), strict=True
            )
            for number, (offset, value) in enumerate(columns, row):
                try:
                    event = codec.decode(value or b"")
                except TapeError as error:
                    audit.find(str(error), name.path, row=number, offset=offset)
                    continue
                yield Record(name.path, number, offset, value, event)
            row += batch.num_rows
    except UNREADABLE as error:
        audit.find(f"it cannot be read: {first_line(error)}", name.path)


@dataclass
class Chain:
    """One shard's epochs in order. Without an epoch before the first, that one is taken at its
    word, unless the log itself begins there.
    """

    audit: Audit
    sequence: int | None = None
    link: bytes = b""
    places: dict[Tp, Place] = field(default_factory=dict)

    def follow(self, record: Record) -> None:
        """Notes where a record leaves off, and checks nothing."""
        epoch = record.event
        if isinstance(epoch, EpochCommitted):
            self.sequence, self.link, self.places = epoch.sequence, epoch.chain, places_after(epoch)
        elif self.sequence is None and epoch.next_sequence == 0:
            self.sequence = -1
            self.places = {Tp(p.topic, p.partition): Place(p.offset, -1) for p in epoch.start}

    def check(self, record: Record) -> None:
        """The next record: its number, its link, and that it reads on where the last one ended."""
        epoch = record.event
        if isinstance(epoch, ShardOpened):
            self._opened(record, epoch)
            return
        if not isinstance(epoch, EpochCommitted):
            self._find(record, f"a {type(epoch).__name__} is no record of an epoch")
            return
        if self.sequence is not None:
            if epoch.sequence != self.sequence + 1:
                self._find(record, f"it follows epoch {self.sequence}")
            covered = record.value[FRAME_BYTES:-CHAIN_BYTES]
            if epoch.chain != chain_digest(self.link, covered):
                self._find(record, "the hash chain breaks here")
            self._reads_on(record, epoch)
        self.follow(record)

    def _opened(self, record: Record, opened: ShardOpened) -> None:
        if self.sequence is not None and opened.next_sequence != self.sequence + 1:
            text = f"the shard opened at epoch {opened.next_sequence}, after epoch {self.sequence}"
            self.audit.find(text, record.file, row=record.row, offset=record.offset)
        self.follow(record)

    def _reads_on(self, record: Record, epoch: EpochCommitted) -> None:
        for each in epoch.inputs:
            place = self.places.get(Tp(each.topic, each.partition))
            if place is not None and place.offset != each.start:
                text = f"it reads {each.topic}/{each.partition} from {each.start} on, "
                self._find(record, text + f"the epoch before it ended at {place.offset}")

    def _find(self, record: Record, what: str) -> None:
        epoch = record.event
        name = label(epoch) if isinstance(epoch, EpochCommitted) else None
        self.audit.find(what, record.file, row=record.row, offset=record.offset, epoch=name)


def epochs_of(files: Files, tp: Tp, day: str, codec: Codec, audit: Audit) -> list[EpochCommitted]:
    """A shard's epochs of one day, chain checked."""
    chain, found = Chain(audit), []
    before = [name for name in files.of(tp) if name.day < day]
    for name in reversed(before):
        for record in records(files, name, codec, Audit(day)):  # findings there are that day's
            chain.follow(record)
        if chain.sequence is not None:
            break
    names = [name for name in files.of(tp) if name.day == day]
    for record in (record for name in names for record in records(files, name, codec, audit)):
        if chain.sequence is None and isinstance(record.event, EpochCommitted):
            _begun_late(chain, record, audit)
        chain.check(record)
        if isinstance(record.event, EpochCommitted):
            found.append(record.event)
    audit.epochs += len(found)
    return found


def _begun_late(chain: Chain, record: Record, audit: Audit) -> None:
    """The first epoch there is: the log's own beginning, or where the archive begins."""
    epoch = record.event
    assert isinstance(epoch, EpochCommitted)
    where = {"row": record.row, "offset": record.offset, "epoch": label(epoch)}
    if record.offset == 0 or epoch.sequence == 0:
        audit.find("no record says that the shard was opened", record.file, **where)  # type: ignore[arg-type]
    else:
        audit.notes.append(f"epochs before {label(epoch)} are not in the archive")
