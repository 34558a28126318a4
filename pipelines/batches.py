"""A `Batch` in memory, made of events: for tests, and for running a signal without a log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from pipelines.logic import Input, Output, Position
from schemas.codec import Codec, SchemaIds, load_catalog

if TYPE_CHECKING:
    import polars as pl


class EventBatch:
    """See `pipelines.logic.Batch`. The tables come from the codec, so their types are the log's."""

    def __init__(self, inputs: Sequence[Input], errors: Sequence[Output] = ()) -> None:
        self._inputs = list(inputs)
        self.errors: Sequence[Output] = list(errors)

    @property
    def count(self) -> int:
        return len(self._inputs) + len(self.errors)

    def rows(self) -> Iterator[Input]:
        return iter(self._inputs)

    @cached_property
    def tables(self) -> Mapping[str, pl.DataFrame]:
        found = local_codec().tables([local_codec().encode(item.event) for item in self._inputs])
        assert not found.errors, found.errors
        places = self._places()
        return {
            name: (places if rows is None else places[rows]).hstack(frame)
            for name, (frame, rows) in found.frames.items()
        }

    def _places(self) -> pl.DataFrame:
        import polars as pl

        schema = {
            "_topic": pl.String,
            "_partition": pl.Int32,
            "_offset": pl.Int64,
            "_timestamp_ms": pl.Int64,
        }
        rows = [(*item.position, item.timestamp_ms) for item in self._inputs]
        return pl.DataFrame(rows, schema, orient="row").with_row_index("_index")


def batch_of(inputs: Sequence[Input], errors: Sequence[Output] = ()) -> EventBatch:
    """One epoch with these records, in this order."""
    return EventBatch(inputs, errors)


def inputs_of(
    events: Sequence[Any], topic: str, partition: int = 0, offset: int = 0
) -> list[Input]:
    """The events as consecutive records of one partition, a millisecond apart."""
    return [
        Input(Position(topic, partition, at), at, key_of(event).encode(), event)
        for at, event in enumerate(events, start=offset)
    ]


def key_of(event: Any) -> str:
    """The instrument, where an event has one."""
    return str(getattr(event, "instrument", ""))


def cut(inputs: Sequence[Input], sizes: Sequence[int]) -> Iterator[EventBatch]:
    """The records in epochs of these sizes; the last takes what is left."""
    rest = iter(inputs)
    for size in sizes:
        yield batch_of(list(islice(rest, size)))
    yield batch_of(list(rest))


@cache
def local_codec() -> Codec:
    """A codec whose schema ids need no registry."""
    catalog = load_catalog()
    return Codec(catalog, SchemaIds.local(catalog))
