"""Compiles an event's schema into a function from Avro body to event: the row path, on fastavro."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import fastavro

from schemas import avro, events
from schemas.errors import DecodeError
from schemas.numbers import body_decoder

Decode = Callable[[bytes], Any]
FRAME_BYTES = 5  # 0x00 and the schema id, big-endian


def compile_decoder(writer: avro.Parsed, reader: avro.Parsed) -> Decode:
    """Framed bytes, written with `writer`, to an event of the class named by `reader`.

    Raises `DecodeError` for bytes that are not exactly one record: truncated, trailing, invalid.
    """
    written = fastavro.parse_schema(avro.as_bytes(writer), _force=True)
    same = avro.canonical(writer) == avro.canonical(reader)
    wanted = None if same else fastavro.parse_schema(avro.as_bytes(reader), _force=True)
    build = _Builder().record(reader)
    read: Callable[..., Any] = fastavro.schemaless_reader

    def decode(value: bytes) -> Any:
        buffer = io.BytesIO(value)
        buffer.seek(FRAME_BYTES)
        try:
            event = build(read(buffer, written, wanted))
        except Exception as error:
            raise DecodeError(f"not a record of its schema: {error!r}") from None
        if buffer.tell() != len(value):
            raise DecodeError(f"{len(value) - buffer.tell()} bytes follow the record")
        return event

    return decode


class _Builder:
    """Source text of a function from fastavro's dictionary to an event."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self.named: dict[str, avro.Parsed] = {}

    def constant(self, value: Any) -> str:
        name = f"c{len(self.names)}"
        self.names[name] = value
        return name

    def record(self, schema: avro.Parsed) -> Callable[[dict[str, Any]], Any]:
        self.named[schema["name"]] = schema
        cls = self.constant(getattr(events, avro.short_name(schema["name"])))
        values = [self.expression(f["type"], f"d[{f['name']!r}]") for f in schema["fields"]]
        build: Callable[[dict[str, Any]], Any] = eval(
            f"lambda d: {cls}({', '.join(values)})", dict(self.names)
        )
        return build

    def expression(self, schema: avro.Parsed, v: str) -> str:
        if union := avro.optional(schema):
            inner = self.expression(union[0], v)
            return v if inner == v else f"(None if {v} is None else {inner})"
        if isinstance(schema, str):
            return self.expression(self.named[schema], v) if schema in self.named else v
        if decimal := avro.decimal_of(schema):
            return f"{self.constant(body_decoder(decimal[1], decimal[0]))}({v})"
        if schema["type"] == "array":
            inner = self.expression(schema["items"], "i")
            return f"tuple({v})" if inner == "i" else f"tuple([{inner} for i in {v}])"
        if schema["type"] == "record":
            return f"{self.constant(self.record(schema))}({v})"
        return v
