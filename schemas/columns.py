"""Batches of framed values to one table per event: the columnar path.

The values of one frame are joined, without their frames, into one Avro block whose schema begins
with a `fixed` field, and polars reads that block; Python touches no record. A mark before each
body, read back in that field, proves that every record began where its body did. A block that fails
any check is decoded row by row, which finds the bad records and says what is wrong with each.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import polars as pl

from schemas import avsc
from schemas.blocks import FRAME_BYTES, MARK, Block, block_of
from schemas.decoders import Decode
from schemas.encoders import varint
from schemas.errors import DecodeError
from schemas.projection import column_type, project, readable

_MARKS: Final = pl.Series([MARK])
_SYNC: Final = bytes(16)


class Tables(NamedTuple):
    """`frames`: by event name, its table and its rows' places, ascending; None: all, in order.

    Columns are the newest version's fields: decimals `pl.Decimal`, enums and text `pl.String`,
    bytes `pl.Binary`, arrays `pl.List`, records `pl.Struct`. `errors`: the places of values that
    are no events, ascending, each with the reason.
    """

    frames: dict[str, tuple[pl.DataFrame, list[int] | None]]
    errors: list[tuple[int, str]]


class Rows(NamedTuple):
    """A table, the places of its rows, and the places left out."""

    frame: pl.DataFrame
    places: list[int]
    errors: list[tuple[int, str]]


class Table:
    """Decodes values of one frame, that is one writer version, to the reader's columns."""

    def __init__(self, writer: avsc.Parsed, reader: avsc.Parsed, row: Decode) -> None:
        self._row = row
        self._schema = {f["name"]: column_type(f["type"]) for f in reader["fields"]}
        self._projection = project(writer, reader)
        self._header = _header(writer)

    def columns(self, blocks: Sequence[Block]) -> pl.DataFrame | None:
        """One table of all `blocks`; None where only the row path can tell, or some are bad."""
        if self._projection is None:
            return None
        count = sum(block.count for block in blocks)
        try:
            frame = read_block(self._header, count, [block.bodies.data for block in blocks])
            if frame.height != count or not (frame[""] == _MARKS).all():
                return None
            # Bytes after the last record show nowhere else.
            self._row(blocks[-1].frame + blocks[-1].bodies.last)
            return self._projection.apply(frame)
        except (DecodeError, pl.exceptions.PolarsError):
            return None

    def rows(self, values: Sequence[bytes], places: Sequence[int]) -> Rows:
        """The same, row by row; `places` names the values."""
        rows: list[Any] = []
        good: list[int] = []
        errors: list[tuple[int, str]] = []
        for place, value in zip(places, values, strict=True):
            try:
                rows.append(_plain_fields(self._row(value)))
                good.append(place)
            except DecodeError as error:
                errors.append((place, str(error)))
        return Rows(pl.DataFrame(rows, schema=self._schema, orient="row"), good, errors)


def read_block(header: bytes, count: int, parts: Sequence[bytes]) -> pl.DataFrame:
    """The only call of `polars.read_avro`, which polars does not call stable: `count` records.

    Raises `DecodeError` for bytes it cannot read. Does not notice bytes after the last record.
    """
    size = sum(map(len, parts))
    block = b"".join((header, varint(count), varint(size), *parts, _SYNC))
    try:
        return pl.read_avro(io.BytesIO(block))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise DecodeError(f"polars: {error}") from None


def decode(values: Sequence[bytes], table: Callable[[bytes], tuple[str, Table]]) -> Tables:
    """One table per event. `table` gives the event's name and `Table` of a frame."""
    block = block_of(values)
    if block is not None:
        try:
            name, decoder = table(block.frame)
        except DecodeError as error:
            return Tables({}, [(place, str(error)) for place in range(len(values))])
        whole = decoder.columns([block])
        if whole is not None:
            return Tables({name: (whole, None)}, [])
    return _decode_groups(values, table)


def _decode_groups(values: Sequence[bytes], table: Callable[[bytes], tuple[str, Table]]) -> Tables:
    found, errors = _group(values)
    parts: dict[str, list[Rows]] = {}
    for frame, places in found.items():
        try:
            name, decoder = table(frame)
        except DecodeError as error:
            errors += [(place, str(error)) for place in places]
            continue
        group = [values[place] for place in places]
        block = block_of(group)
        whole = decoder.columns([block]) if block else None
        rows = decoder.rows(group, places) if whole is None else Rows(whole, places, [])
        errors += rows.errors
        parts.setdefault(name, []).append(rows)
    frames = {name: _merge(rows, len(values)) for name, rows in parts.items()}
    return Tables({n: part for n, part in frames.items() if part[0].height}, sorted(errors))


def _group(values: Sequence[bytes]) -> tuple[dict[bytes, list[int]], list[tuple[int, str]]]:
    """Places by frame, and the places of values that have none."""
    found: dict[bytes, list[int]] = {}
    errors: list[tuple[int, str]] = []
    for place, value in enumerate(values):
        frame = value[:FRAME_BYTES] if value else b""
        if len(frame) == FRAME_BYTES and not frame[0]:
            found.setdefault(frame, []).append(place)
        else:
            errors.append((place, f"no schema frame: head {frame.hex() or 'empty'}"))
    return found, errors


def _merge(parts: list[Rows], count: int) -> tuple[pl.DataFrame, list[int] | None]:
    """Several writer versions of one event as one table in the order of the values."""
    frame = pl.concat([part.frame for part in parts])
    places = [place for part in parts for place in part.places]
    if len(parts) > 1:
        order = pl.Series(places, dtype=pl.Int64).arg_sort()
        frame, places = frame[order], sorted(places)
    return frame, None if len(places) == count else places


def _header(writer: avsc.Parsed) -> bytes:
    """The start of an Avro container of marked records."""
    start = {"name": "", "type": {"type": "fixed", "name": "Mark", "size": len(MARK)}}
    body = readable(writer)
    schema = json.dumps({**body, "fields": [start, *body["fields"]]}).encode()
    texts = (b"avro.schema", schema, b"avro.codec", b"null")
    entries = b"".join(varint(len(text)) + text for text in texts)
    return b"Obj\x01" + varint(2) + entries + b"\0" + _SYNC


def _plain_fields(event: Sequence[Any]) -> tuple[Any, ...]:
    return tuple([_plain(value) for value in event])


def _plain(value: Any) -> Any:
    """A field's value as polars takes it: records as dictionaries, arrays as lists."""
    if not isinstance(value, tuple):
        return value
    fields = getattr(value, "_fields", None)
    if fields:
        return dict(zip(fields, _plain_fields(value), strict=True))
    return [_plain(item) for item in value]
