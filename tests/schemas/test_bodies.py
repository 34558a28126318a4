"""Columns back to bytes: what the row path writes, for every event, at each edge of a number."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.batches import local_codec
from schemas import bodies as laying
from schemas.blocks import FRAME_BYTES
from schemas.bodies import bodies
from schemas.encoders import varint
from schemas.events import TradePrinted
from schemas.numbers import exact, wire_encoder
from schemas.wire import decimals, sizes, varints
from tests.schemas.strategies import CATALOG, EVENTS

CODEC = local_codec()
EDGES = sorted({sign * (2**bit + off) for bit in range(63) for off in (-1, 0) for sign in (1, -1)})


def columns_of(name: str, values: Sequence[bytes]) -> pa.RecordBatch:
    frame, _ = CODEC.tables(values).frames[name]
    (batch,) = frame.to_arrow(compat_level=pl.CompatLevel.oldest()).combine_chunks().to_batches()
    texts = [field.with_type(narrow(field.type)) for field in batch.schema]
    return batch.cast(pa.schema(texts))


def narrow(kind: pa.DataType) -> pa.DataType:
    """The types of an archive's files, whose lengths have 32 bits."""
    if pa.types.is_large_list(kind):
        return pa.list_(narrow(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(narrow(field.type)) for field in kind])
    return {pa.large_string(): pa.string(), pa.large_binary(): pa.binary()}.get(kind, kind)


def repeating(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same with strings as dictionaries."""
    texts = {pa.string(), pa.binary()}
    columns = [one.dictionary_encode() if one.type in texts else one for one in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def wide(value: Any) -> bool:
    """Whether a decimal may have more digits than fit 64 bits."""
    if isinstance(value, tuple):
        return any(map(wide, value))
    return isinstance(value, Decimal) and abs(value.scaleb(18)) >= 2**63


@pytest.mark.parametrize("name", sorted(EVENTS))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_columns_give_the_bytes_they_were_decoded_from(name: str, data: st.DataObject) -> None:
    events = data.draw(st.lists(EVENTS[name], min_size=1, max_size=9))
    values = [CODEC.encode(event) for event in events]
    schema = CATALOG.events[name].newest.schema
    found = bodies(schema, columns_of(name, values), values[0][:FRAME_BYTES]).to_pylist()
    few = bodies(schema, repeating(columns_of(name, values)), values[0][:FRAME_BYTES]).to_pylist()
    for event, value, again, other in zip(events, values, found, few, strict=True):
        assert again == value or wide(event)
        assert again == other


@pytest.mark.parametrize("count", [1, 2, 7, 8])
def test_any_number_of_rows_is_laid_end_to_end(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(laying, "_ROWS", 3)
    px, qty = exact("61234.5"), exact("0.001")
    events = [
        TradePrinted("BINANCE", "X" * n, f"{n}", "BUY", px, qty, n or None, n, "A")
        for n in range(count)
    ]
    values = [CODEC.encode(event) for event in events]
    schema = CATALOG.events["TradePrinted"].newest.schema
    found = bodies(schema, columns_of("TradePrinted", values), values[0][:FRAME_BYTES])
    assert found.to_pylist() == values


@pytest.mark.parametrize("numbers", [EDGES, [-(2**63)], [0], [2**62, 2**62 + 1], [63, 64]])
def test_varints_at_every_edge(numbers: list[int]) -> None:
    assert varints(pa.array(numbers, pa.int64())).to_pylist() == list(map(varint, numbers))


@pytest.mark.parametrize("numbers", [EDGES, [0], [-128], [1, 255], [2**63 - 1]])
def test_decimals_at_every_edge(numbers: list[int]) -> None:
    exactly = [Decimal(number).scaleb(-10) for number in numbers]
    encode = wire_encoder(10, 28)
    column = pa.array([Decimal(9), *exactly], pa.decimal128(28, 10)).slice(1)
    assert decimals(column).to_pylist() == [encode(number) for number in exactly]


def test_sizes_beyond_the_table() -> None:
    counts = [0, 1, 63, 64, 4_095, 4_096, 2**31 - 1]
    assert sizes(pa.array(counts, pa.int32())).to_pylist() == list(map(varint, counts))
    assert sizes(pa.array([70, 70], pa.int32())).to_pylist() == [varint(70)]
