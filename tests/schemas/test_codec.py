"""The row path: bytes equal fastavro's, every event comes back, everything else is an error."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.catalog import SchemaVersion
from schemas.codec import Codec, SchemaIds
from schemas.errors import DecodeError, EncodeError, UnknownSchemaError
from schemas.events import (
    CLASSES,
    BookChanged,
    ClockTick,
    EpochCommitted,
    FeedDiverged,
    OutputRange,
    TradePrinted,
)
from schemas.numbers import exact
from tests.schemas.strategies import ANY_EVENT, CATALOG, EVENTS, datum

CODEC = Codec(CATALOG, SchemaIds.local(CATALOG))
WRITERS = {
    name: fastavro.parse_schema(json.loads(event.newest.text))
    for name, event in CATALOG.events.items()
}
TRADE = TradePrinted(
    venue="BINANCE",
    instrument="BTCUSDT.BINANCE",
    trade_id="3720301234",
    aggressor_side="BUY",
    last_px=exact("61837.63"),
    last_qty=Decimal("0.00012"),
    ts_event_ns=None,
    ts_recv_ns=1_723_161_254_087_891_268,
    line="A",
)


def by_fastavro(event: Any) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, WRITERS[type(event).__name__], datum(event))
    return buffer.getvalue()


@pytest.mark.parametrize("name", CLASSES)
def test_bytes_equal_fastavros(name: str) -> None:
    @settings(max_examples=60, deadline=None)
    @given(EVENTS[name])
    def check(event: Any) -> None:
        value = CODEC.encode(event)
        assert value[:1] == b"\0"
        assert value[5:] == by_fastavro(event)

    check()


@settings(max_examples=300, deadline=None)
@given(ANY_EVENT)
def test_every_event_comes_back(event: Any) -> None:
    value = CODEC.encode(event)
    again = CODEC.decode(value)
    assert again == event
    assert type(again) is type(event)
    assert CODEC.encode(again) == value
    name = type(event).__name__
    assert CODEC.fingerprint_of(value) == CATALOG.events[name].fingerprint
    assert CODEC.name_of(value) == name


@settings(max_examples=200, deadline=None)
@given(ANY_EVENT, st.data())
def test_a_cut_or_longer_value_is_an_error(event: Any, data: st.DataObject) -> None:
    value = CODEC.encode(event)
    cut = data.draw(st.integers(0, len(value) - 1))
    with pytest.raises(DecodeError):
        CODEC.decode(value[:cut])
    with pytest.raises(DecodeError):
        CODEC.decode(value + data.draw(st.binary(min_size=1, max_size=4)))


@settings(max_examples=200, deadline=None)
@given(ANY_EVENT, st.data())
def test_a_damaged_value_is_an_event_or_an_error(event: Any, data: st.DataObject) -> None:
    value = bytearray(CODEC.encode(event))
    value[data.draw(st.integers(5, len(value) - 1))] = data.draw(st.integers(0, 255))
    try:
        again = CODEC.decode(bytes(value))
    except DecodeError:
        return
    CODEC.encode(again)  # and what it is fits its schema


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        pytest.param("venue", b"BINANCE", "not a str", id="bytes for text"),
        pytest.param("venue", None, "not a str", id="none for text"),
        pytest.param("venue", ["BINANCE"], "unhashable", id="list for text"),
        pytest.param("venue", "\ud800", "surrogates", id="text that is no unicode"),
        pytest.param("trade_id", 3720301234, "encode", id="int for an id"),
        pytest.param("trade_id", b"37", "encode", id="bytes for an id"),
        pytest.param("aggressor_side", "buy", "none of UNKNOWN, BUY, SELL", id="no symbol"),
        pytest.param("aggressor_side", 1, "none of UNKNOWN", id="int for a symbol"),
        pytest.param("last_px", 61837.63, "not a Decimal", id="float for a decimal"),
        pytest.param("last_px", 61837, "not a Decimal", id="int for a decimal"),
        pytest.param("last_px", "61837.63", "not a Decimal", id="text for a decimal"),
        pytest.param("last_px", Decimal("NaN"), "not a number", id="nan"),
        pytest.param("last_px", Decimal("Infinity"), "not a number", id="infinity"),
        pytest.param("last_px", Decimal("1E-11"), "does not fit decimal(28,10)", id="decimals"),
        pytest.param("last_px", Decimal(10**18), "does not fit decimal(28,10)", id="digits"),
        pytest.param("ts_recv_ns", 1.5, "unsupported operand", id="float for a long"),
        pytest.param("ts_recv_ns", "1", "unsupported operand", id="text for a long"),
        pytest.param("ts_recv_ns", None, "unsupported operand", id="none for a long"),
        pytest.param("ts_recv_ns", True, "not an int", id="bool for a long"),
        pytest.param("ts_recv_ns", 2**63, "does not fit 64 bits", id="long too large"),
        pytest.param("ts_recv_ns", -(2**63) - 1, "does not fit 64 bits", id="long too small"),
        pytest.param("ts_event_ns", 1.5, "unsupported operand", id="float for null or long"),
    ],
)
def test_a_field_that_does_not_fit_is_named(field: str, value: Any, reason: str) -> None:
    with pytest.raises(EncodeError, match=f"TradePrinted.{field}: ") as caught:
        CODEC.encode(TRADE._replace(**{field: value}))
    assert caught.value.field == field
    assert reason in str(caught.value)


def test_a_field_inside_an_array_is_named() -> None:
    committed = EpochCommitted(
        pipeline="market",
        shard=0,
        shards=1,
        sequence=0,
        reason="INPUT",
        inputs=(),
        outputs=(),
        output_count=0,
        outputs_digest=b"",
        snapshot_taken=False,
        snapshot=None,
        boundary=None,
        version="v",
        instance="i",
        cpu="c",
        chain=b"",
    )
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"inputs": ({"topic": "x"},)}, "inputs.class: an event of dict"),
        ({"outputs": (OutputRange("t", 2**31, 0, 0),)}, "outputs.partition: 2147483648 does not"),
        ({"shard": 2**31}, "shard: 2147483648 does not fit 32 bits"),
        ({"snapshot_taken": 1}, "snapshot_taken: 1 is a int, not a bool"),
        ({"chain": "x"}, "chain: str, not bytes"),
    ]
    for fields, reason in wrong:
        with pytest.raises(EncodeError, match=f"EpochCommitted.{reason}"):
            CODEC.encode(committed._replace(**fields))


@pytest.mark.parametrize("prices", ["12", {Decimal(1)}, None, 5, (1.5,)])
def test_an_array_is_a_tuple_or_list_of_its_type(prices: Any) -> None:
    book = BookChanged("V", "I", True, None, None, None, (), (), (), (), None, 1, "A")
    listed: Any = [Decimal(1)]
    assert CODEC.decode(CODEC.encode(book._replace(bid_px=listed))).bid_px == (Decimal(1),)
    with pytest.raises(EncodeError, match=r"BookChanged.bid_px: "):
        CODEC.encode(book._replace(bid_px=prices))


def test_an_encoder_takes_events_of_its_class_only() -> None:
    encode = CODEC.encoder(TradePrinted)
    with pytest.raises(EncodeError, match=r"TradePrinted.class: an event of ClockTick"):
        encode(ClockTick(1))
    with pytest.raises(EncodeError, match=r"TradePrinted.class: an event of tuple"):
        encode(tuple(TRADE))
    with pytest.raises(EncodeError, match=r"dict.class: not an event"):
        CODEC.encode({"ts_ns": 1})


@pytest.mark.parametrize(
    ("value", "error", "reason"),
    [
        pytest.param(b"", DecodeError, "no schema frame: 0 bytes", id="empty"),
        pytest.param(b"\0\0\0", DecodeError, "no schema frame: 3 bytes", id="short"),
        pytest.param(b"\1\0\0\0\1x", DecodeError, "head 0100000001", id="magic"),
        pytest.param(b"\0\0\0\0\1x", UnknownSchemaError, "schema id 1 is unknown", id="id"),
    ],
)
def test_what_is_no_frame_is_an_error(value: bytes, error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=reason):
        CODEC.decode(value)
    with pytest.raises(error, match=reason):
        CODEC.fingerprint_of(value)


def test_a_decimal_of_too_many_digits_is_not_rounded() -> None:
    value = CODEC.encode(TRADE)
    damaged = value.replace(exact("61837.63").wire, b"\x1a" + b"\x7f" * 13)  # type: ignore[attr-defined]
    assert damaged != value
    with pytest.raises(DecodeError, match=r"do not fit decimal\(28,10\)"):
        CODEC.decode(damaged)


def test_what_was_learnt_needs_no_registry_any_more() -> None:
    there, asked = SchemaIds.local(CATALOG), list[str]()

    def find(schema: SchemaVersion) -> int:
        asked.append(schema.event)
        return there.id_of(schema)

    codec = Codec(CATALOG, SchemaIds({}, find_id=find))
    codec.learn(["md.trade.v1", "md.quote.v1", "md.trade.v1"])
    versions = CATALOG.events["TradePrinted"].versions
    assert asked.count("TradePrinted") == len(versions)
    assert set(asked) == {
        *CATALOG.topics["md.trade.v1"].events,
        *CATALOG.topics["md.quote.v1"].events,
    }
    asked.clear()
    assert codec.decode(codec.encode(TRADE)) == TRADE
    assert asked == []


def test_local_ids_are_the_same_in_every_process() -> None:
    again = Codec(CATALOG, SchemaIds.local(CATALOG))
    assert again.encode(TRADE) == CODEC.encode(TRADE)
    expected = int.from_bytes(CATALOG.events["TradePrinted"].fingerprint[:4], "big") >> 1
    assert CODEC.encode(TRADE)[1:5] == expected.to_bytes(4, "big")


def test_strings_that_repeat_are_cached_in_bounds() -> None:
    encode = CODEC.encoder(FeedDiverged)
    event = FeedDiverged("V", "S", "I", "A", "B", b"", b"", 1)
    for number in range(40_000):
        assert CODEC.decode(encode(event._replace(identity=f"{number}"))).identity == f"{number}"
