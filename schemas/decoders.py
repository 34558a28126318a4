"""Compiles an event's schema into a function from Avro body to event: the row path, on fastavro."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import fastavro

from schemas import avsc, events
from schemas.blocks import FRAME_BYTES
from schemas.errors import DecodeError
from schemas.numbers import body_decoder

Decode = Callable[[bytes], Any]


def compile_decoder(writer: avsc.Parsed, reader: avsc.Parsed) -> Decode:
    """Framed bytes, written with `writer`, to an event of the class named by `reader`.

    Raises `DecodeError` for bytes that are not exactly one record: truncated, trailing, invalid.
    """
    written = avsc.without_decimals(writer)
    same = avsc.canonical(writer) == avsc.canonical(reader)
    wanted = None if same else avsc.without_decimals(reader)
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

    def constant(self, value: Any) -> str:
        name = f"c{len(self.names)}"
        self.names[name] = value
        return name

    def record(self, schema: avsc.Parsed) -> Callable[[dict[str, Any]], Any]:
        cls = self.constant(getattr(events, avsc.short_name(schema["name"])))
        values = [self.expression(f["type"], f"d[{f['name']!r}]") for f in schema["fields"]]
        build: Callable[[dict[str, Any]], Any] = eval(
            f"lambda d: {cls}({', '.join(values)})", dict(self.names)
        )
        return build

    def expression(self, schema: avsc.Parsed, v: str) -> str:
        if union := avsc.optional(schema):
            inner = self.expression(union[0], v)
            return v if inner == v else f"(None if {v} is None else {inner})"
        if decimal := avsc.decimal_of(schema):
            return f"{self.constant(body_decoder(decimal[1], decimal[0]))}({v})"
        kind = avsc.kind_of(schema)
        if kind == "array":
            inner = self.expression(schema["items"], "i")
            return f"tuple({v})" if inner == "i" else f"tuple([{inner} for i in {v}])"
        if kind == "record":
            return f"{self.constant(self.record(schema))}({v})"
        return f"{self.constant(_int32)}({v})" if kind == "int" else v


def _int32(number: int) -> int:
    """fastavro reads an Avro int as a long."""
    if not -(1 << 31) <= number < 1 << 31:
        raise DecodeError(f"{number} does not fit 32 bits")
    return number
