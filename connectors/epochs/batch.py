"""One epoch's records, decoded: columns for `step`, rows for `decide`/`evolve`, dead letters for
what cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from typing import Any

import polars as pl

from connectors.epochs.merge import Slice, merged_order
from connectors.log.interface import Message
from pipelines.items import Epoch
from pipelines.logic import Input, Output, Position
from schemas.codec import Codec
from schemas.events import DeadLettered

ORIGINAL_BYTES_MAX = 15_000_000


class EpochBatch:
    """See `pipelines.logic.Batch`. Decoding is lazy: a pipeline pays for the form it uses."""

    def __init__(
        self,
        slices: Sequence[Slice],
        codec: Codec,
        pipeline: str,
        skipped: frozenset[Position] = frozenset(),
    ) -> None:
        self._codec, self._pipeline = codec, pipeline
        self._slices = [s for s in slices if s.messages]
        messages = [m for s in self._slices for m in s.messages]
        values = [v for s in self._slices for v in s.values]
        stamps = [t for s in self._slices for t in s.timestamps]
        kept = merged_order(self._slices)
        if skipped:
            everything = range(len(messages)) if kept is None else kept
            kept = [i for i in everything if self._position(messages[i]) not in skipped]
        if kept is not None:
            messages, stamps = [messages[i] for i in kept], [stamps[i] for i in kept]
            values = [values[i] for i in kept]
        self._kept, self._messages, self._values, self._stamps = kept, messages, values, stamps

    @property
    def count(self) -> int:
        return len(self._messages)

    @cached_property
    def _decoded(self) -> tuple[dict[str, pl.DataFrame], list[Output]]:
        found = self._codec.tables(self._values)
        tables = {name: self._placed(frame, rows) for name, (frame, rows) in found.frames.items()}
        return tables, [self._dead_letter(index, reason) for index, reason in found.errors]

    def _placed(self, frame: pl.DataFrame, rows: Sequence[int] | None) -> pl.DataFrame:
        """The frame with each record's place in front."""
        return (self._places if rows is None else self._places[list(rows)]).hstack(frame)

    @cached_property
    def _places(self) -> pl.DataFrame:
        places = pl.concat([place_frame(s) for s in self._slices])
        if self._kept is not None:
            places = places[self._kept]
        stamps = pl.Series("_timestamp_ms", self._stamps, dtype=pl.Int64)
        return places.hstack([stamps]).with_row_index("_index")

    @cached_property
    def _logical(self) -> dict[str, str]:
        """Logical topic by physical name: a log adds its environment's prefix, events never
        carry it.
        """
        return {s.messages[0].topic(): s.tp.topic for s in self._slices}

    @property
    def tables(self) -> Mapping[str, pl.DataFrame]:
        return self._decoded[0]

    @property
    def errors(self) -> Sequence[Output]:
        return self._decoded[1]

    def rows(self) -> Iterator[Input]:
        broken = {e.position for e in self.errors}
        for index, message in enumerate(self._messages):
            position = self._position(message)
            if position not in broken:
                event = self._codec.decode(self._values[index])
                yield Input(position, self._stamps[index], message.key() or b"", event)

    def _position(self, message: Message) -> Position:
        return Position(self._logical[message.topic()], message.partition(), message.offset())

    def _dead_letter(self, index: int, reason: str) -> Output:
        message = self._messages[index]
        at, value = self._position(message), self._values[index]
        code: Any
        code, _, detail = reason.partition(": ")
        letter = DeadLettered(
            code,
            self._pipeline,
            *at,
            len(value),
            sha256(value).digest(),
            value[:ORIGINAL_BYTES_MAX],
            0,
        )
        key = (message.key() or b"").decode(errors="replace")
        return Output(at, self._stamps[index], f"{at.topic}.dlq", key, letter, detail)


def place_frame(part: Slice) -> pl.DataFrame:
    """Topic, partition and offset of each record of a slice; offsets are a range unless
    transaction markers lie between.
    """
    count = len(part.messages)
    first = part.messages[0].offset()
    if part.messages[-1].offset() - first + 1 == count:
        offsets = pl.int_range(first, first + count, dtype=pl.Int64, eager=True)
    else:
        offsets = pl.Series([m.offset() for m in part.messages], dtype=pl.Int64)
    columns = [
        pl.lit(part.tp.topic).alias("_topic"),
        pl.lit(part.tp.partition, pl.Int32).alias("_partition"),
    ]
    return offsets.alias("_offset").to_frame().select(*columns, "_offset")


class Decoder:
    """The `decode` step of a flow: an `Epoch` as read becomes one with a `Batch`."""

    def __init__(self, codec: Codec, pipeline: str) -> None:
        self._codec, self._pipeline = codec, pipeline

    def __call__(self, epoch: Epoch) -> Epoch:
        slices, skipped = epoch.raw
        return epoch._replace(
            raw=None, batch=EpochBatch(slices, self._codec, self._pipeline, skipped)
        )
