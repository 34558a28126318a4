"""Events to Kafka values and back: Confluent framing (0x00, 4-byte schema id) around Avro.

Rows go through compiled encoders and fastavro; batches go through `schemas.columns`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from schemas import events
from schemas.blocks import FRAME_BYTES, Block, framed_as
from schemas.catalog import Catalog, EventType, load_catalog
from schemas.decoders import Decode, compile_decoder
from schemas.encoders import Encode, compile_encoder
from schemas.errors import DecodeError, EncodeError, UnknownSchemaError
from schemas.ids import SchemaIds

if TYPE_CHECKING:  # polars takes as long to load as all the rest: only whoever reads batches pays
    import polars as pl

    from schemas.columns import Table, Tables

__all__ = ["FRAME_BYTES", "Codec", "SchemaIds", "load_catalog"]


class Codec:
    """Writes the newest version of each event; reads every version of it."""

    def __init__(self, catalog: Catalog, ids: SchemaIds) -> None:
        self.catalog = catalog
        self.ids = ids
        self._encoders: dict[type[Any], Encode] = {}
        self._decoders: dict[bytes, Decode] = {}
        self._tables: dict[bytes, tuple[str, Table]] = {}

    def encoder(self, cls: type[Any]) -> Encode:
        """A function from events of `cls` to framed bytes, for hot paths. Raises `EncodeError`."""
        if cls not in self._encoders:
            event = self.catalog.events.get(cls.__name__)
            if event is None or events.CLASSES.get(cls.__name__) is not cls:
                raise EncodeError(cls.__name__, "class", "not an event")
            prefix = framed_as(self.ids.id_of(event.newest))
            self._encoders[cls] = compile_encoder(event.newest.schema, prefix)
        return self._encoders[cls]

    def learn(self, topics: Iterable[str]) -> None:
        """Asks now for the ids of all that these topics carry, so that whoever has to go on while
        no registry answers can write and read it. Raises `RegistryError`.
        """
        for name in dict.fromkeys(event for t in topics for event in self.catalog.topics[t].events):
            for version in self.catalog.events[name].versions.values():
                self.ids.learn(version)

    def encode(self, event: Any) -> bytes:
        """The framed bytes of an event of any class."""
        encode = self._encoders.get(type(event)) or self.encoder(type(event))
        return encode(event)

    def decode(self, value: bytes) -> Any:
        """The event in a framed value, as its newest class. Raises `DecodeError`."""
        prefix = value[:FRAME_BYTES]
        decode = self._decoders.get(prefix) or self._decoder(prefix)
        return decode(value)

    def tables(self, values: Sequence[bytes]) -> Tables:
        """A batch of framed values as one table per event, equal to `decode` of each value."""
        from schemas import columns

        return columns.decode(values, self._table)

    def table(self, blocks: Sequence[Block]) -> tuple[str, pl.DataFrame] | None:
        """The event and the table of blocks of one frame (`schemas.blocks.block_of`).

        None where `tables` has to tell what is wrong with which value.
        """
        try:
            name, table = self._table(blocks[0].frame)
        except DecodeError:
            return None
        whole = table.columns(blocks)
        return None if whole is None else (name, whole)

    def fingerprint_of(self, value: bytes) -> bytes:
        """The fingerprint of the schema a value was written with, from its frame alone."""
        return self.ids.schema_of(schema_id(value)).fingerprint

    def name_of(self, value: bytes) -> str:
        """The short name of the event in a value, from its frame alone."""
        return self.ids.schema_of(schema_id(value)).event

    def _decoder(self, prefix: bytes) -> Decode:
        writer = self.ids.schema_of(schema_id(prefix))
        decode = compile_decoder(writer.schema, self.reader_of(prefix).newest.schema)
        self._decoders[prefix] = decode
        return decode

    def _table(self, prefix: bytes) -> tuple[str, Table]:
        if prefix not in self._tables:
            from schemas.columns import Table

            writer = self.ids.schema_of(schema_id(prefix))
            reader = self.reader_of(prefix)
            row = self._decoders.get(prefix) or self._decoder(prefix)
            table = Table(writer.schema, reader.newest.schema, row)
            self._tables[prefix] = (reader.name, table)
        return self._tables[prefix]

    def reader_of(self, prefix: bytes) -> EventType:
        """The event type that values with this frame are read as."""
        writer = self.ids.schema_of(schema_id(prefix))
        reader = self.catalog.events.get(writer.event)
        if reader is None or reader.fullname != writer.fullname:
            raise UnknownSchemaError(f"{writer.fullname} is not an event of this version")
        return reader


def schema_id(value: bytes) -> int:
    """The id in a frame. Raises `DecodeError` where `value` is no frame."""
    if len(value) < FRAME_BYTES or value[0] != 0:
        raise DecodeError(f"no schema frame: {len(value)} bytes, head {value[:FRAME_BYTES].hex()}")
    return int.from_bytes(value[1:FRAME_BYTES], "big")
