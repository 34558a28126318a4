"""The columnar path equals the row path: same events, same places, same refusals.

The strategy: values of generated events of every class, some written with older versions, some
damaged; `Codec.decode` of each value says what `Codec.tables` must say of the batch.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import fastavro
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import avsc
from schemas.catalog import Catalog, EventType, SchemaVersion, schema_version
from schemas.codec import Codec, SchemaIds
from schemas.columns import Tables
from schemas.errors import DecodeError
from schemas.events import CLASSES, ConnectionOpened, FrameReceived, QuoteChanged, TradePrinted
from schemas.numbers import exact
from schemas.projection import project
from tests.schemas.strategies import ANY_EVENT, CATALOG, EVENTS, cell, datum


def older(schema: Any) -> Any:
    """A version from before: fields that have a default are not there yet, and enums have a symbol
    in front that is gone since, so that every number means another symbol."""
    if isinstance(schema, list):
        return [older(branch) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    if schema["type"] == "enum":
        return {**schema, "symbols": ["GONE", *schema["symbols"]]}
    if schema["type"] == "array":
        return {**schema, "items": older(schema["items"])}
    if schema["type"] == "record":
        fields = [f for f in schema["fields"] if "default" not in f]
        return {**schema, "fields": [{**f, "type": older(f["type"])} for f in fields]}
    return schema


def with_older(event: EventType) -> EventType:
    text = json.dumps(older(json.loads(event.newest.text)))
    first = schema_version(event.name, 1, text, "older")
    newest = SchemaVersion(event.name, 2, event.newest.text, event.newest.schema, event.fingerprint)
    versions = {1: first, 2: newest} if first.fingerprint != newest.fingerprint else {2: newest}
    return EventType(event.name, versions)


BOTH = Catalog({name: with_older(event) for name, event in CATALOG.events.items()}, {})
CODEC = Codec(BOTH, SchemaIds.local(BOTH))
OLD_WRITERS = {
    name: fastavro.parse_schema(json.loads(event.versions[1].text))
    for name, event in BOTH.events.items()
    if 1 in event.versions
}


def old_value(event: Any) -> bytes:
    """The event as its older version would have been written."""
    name = type(event).__name__
    schema = BOTH.events[name].versions[1]
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, OLD_WRITERS[name], _trimmed(schema.schema, datum(event)))
    return b"\0" + CODEC.ids.id_of(schema).to_bytes(4, "big") + buffer.getvalue()


def _trimmed(schema: avsc.Parsed, value: Any) -> Any:
    """The value without the fields that the schema does not have; one symbol in two is GONE."""
    if isinstance(schema, list):
        return None if value is None else _trimmed((avsc.optional(schema) or ("", 0))[0], value)
    kind = avsc.kind_of(schema)
    if kind == "array":
        return [_trimmed(schema["items"], item) for item in value]
    if kind == "record":
        return {f["name"]: _trimmed(f["type"], value[f["name"]]) for f in schema["fields"]}
    return "GONE" if value == "SELL" else value


def assert_equal_to_rows(codec: Codec, values: Sequence[Any], tables: Tables) -> None:
    expected: dict[str, list[tuple[int, Any]]] = {}
    refused = []
    for place, value in enumerate(values):
        try:
            event = codec.decode(value or b"")
            expected.setdefault(type(event).__name__, []).append((place, event))
        except DecodeError:
            refused.append(place)
    assert [place for place, _ in tables.errors] == refused
    assert all(reason for _, reason in tables.errors)
    assert tables.frames.keys() == expected.keys()
    for name, (frame, places) in tables.frames.items():
        assert frame.columns == list(CLASSES[name]._fields)  # type: ignore[attr-defined]
        rows = expected[name]
        assert (places or list(range(len(values)))) == [place for place, _ in rows]
        assert (places is None) == (len(rows) == len(values))
        assert [list(row) for row in frame.rows()] == [
            [cell(value) for value in event] for _, event in rows
        ]


VALUES = st.one_of(
    ANY_EVENT.map(CODEC.encode),
    st.one_of(*(EVENTS[name] for name in OLD_WRITERS)).map(old_value),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes | None:
    value = draw(ANY_EVENT.map(CODEC.encode))
    forms = [
        None,
        b"",
        value[: draw(st.integers(0, len(value) - 1))],
        value + draw(st.binary(min_size=1, max_size=9)),
        value + value,
        b"\1" + value[1:],
        b"\0\0\0\0\1" + value[5:],
    ]
    return draw(st.sampled_from(forms))


@pytest.mark.parametrize("name", CLASSES)
def test_one_events_values_make_one_table(name: str) -> None:
    @settings(max_examples=25, deadline=None)
    @given(st.lists(EVENTS[name], min_size=1, max_size=6))
    def check(events: list[Any]) -> None:
        values = [CODEC.encode(event) for event in events]
        tables = CODEC.tables(values)
        assert not tables.errors
        assert_equal_to_rows(CODEC, values, tables)

    check()


@pytest.mark.parametrize("name", OLD_WRITERS)
def test_an_older_versions_values_are_read_as_the_newest(name: str) -> None:
    @settings(max_examples=25, deadline=None)
    @given(st.lists(EVENTS[name], min_size=1, max_size=6), st.booleans())
    def check(events: list[Any], mixed: bool) -> None:
        values = [
            CODEC.encode(event) if mixed and place % 2 else old_value(event)
            for place, event in enumerate(events)
        ]
        tables = CODEC.tables(values)
        assert not tables.errors
        assert_equal_to_rows(CODEC, values, tables)

    check()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(VALUES | damaged(), max_size=12))
def test_any_batch_equals_its_rows(values: list[Any]) -> None:
    assert_equal_to_rows(CODEC, values, CODEC.tables(values))


def trades(count: int) -> list[bytes]:
    price, quantity = exact("61837.63"), exact("0.00012")
    return [
        CODEC.encode(
            TradePrinted("V", "I.V", str(n), "BUY", price, quantity, None, 10**18 + n, "A")
        )
        for n in range(count)
    ]


@pytest.mark.parametrize(
    "poison",
    [
        pytest.param(lambda v: v[:-1], id="cut"),
        pytest.param(lambda v: v[:6], id="cut to its frame"),
        pytest.param(lambda v: v + b"\0", id="longer by one"),
        pytest.param(lambda v: v + v, id="twice"),
        pytest.param(lambda v: v + v[:20], id="one and a half"),
        pytest.param(lambda v: v[:5] + b"\x04\xff\xfe" + v[7:], id="text that is no unicode"),
        pytest.param(lambda v: v.replace(b"\x02\x0e\x02", b"\x12\x0e\x02"), id="no such symbol"),
        pytest.param(lambda v: b"\1" + v[1:], id="magic"),
        pytest.param(lambda v: b"\0\0\0\0\7" + v[5:], id="unknown id"),
        pytest.param(lambda v: b"", id="empty"),
        pytest.param(lambda v: None, id="null"),
        pytest.param(
            lambda v: v.replace(exact("61837.63").wire, b"\x1a" + b"\x7f" * 13),  # type: ignore[attr-defined]
            id="decimal of 31 digits",
        ),
        pytest.param(
            lambda v: v.replace(exact("61837.63").wire, b"\x2e" + b"\x7f" * 23),  # type: ignore[attr-defined]
            id="decimal of 23 bytes",
        ),
    ],
)
@pytest.mark.parametrize("place", [0, 57, 99])
def test_a_poisoned_record_is_named_and_the_others_decode(poison: Any, place: int) -> None:
    values: list[Any] = trades(100)
    poisoned = poison(values[place])
    assert poisoned != values[place]
    values[place] = poisoned
    tables = CODEC.tables(values)
    assert [at for at, _ in tables.errors] == [place]
    frame, places = tables.frames["TradePrinted"]
    assert places == [at for at in range(100) if at != place]
    assert frame["trade_id"].to_list() == [str(at) for at in places]


def test_records_that_fill_each_others_gaps_are_found() -> None:
    """One value longer, the next one shorter by as much: the sum is right, the values are not."""
    first, second, third = trades(3)
    values = [first + second[:20], second[20:], third]
    assert [at for at, _ in CODEC.tables(values).errors] == [0, 1]
    frame = second[:5]
    tables = CODEC.tables([first, second + frame, b"\0" + third])
    assert [at for at, _ in tables.errors] == [1, 2]


def test_a_record_that_swallows_the_next_is_found_though_all_add_up() -> None:
    """Value 0 claims a payload that reaches to the end of value 1, value 2 holds two records."""
    one = CODEC.encode(FrameReceived("V", "A", "c", 1, b"{}"))
    start = 8 + 5  # the mark and the frame before each record of a block
    greedy = CODEC.encode(FrameReceived("V", "A", "c", 1, b"x" * (8 + len(one))))
    values = [greedy[: -8 - len(one)], one, one + b"y" * start + one[5:], one]
    tables = CODEC.tables(values)
    assert [at for at, _ in tables.errors] == [0, 2]
    assert tables.frames["FrameReceived"][1] == [1, 3]


def test_an_empty_batch_has_no_tables() -> None:
    assert CODEC.tables([]) == Tables({}, [])


def test_a_batch_of_nothing_readable_has_only_errors() -> None:
    assert CODEC.tables([b"x", b"\0\0\0\0\1"]).frames == {}
    assert [at for at, _ in CODEC.tables([b"\0\0\0\0\1"] * 3).errors] == [0, 1, 2]


def test_events_of_two_classes_keep_their_places() -> None:
    frames = [CODEC.encode(FrameReceived("V", "A", "c", n, b"{}")) for n in range(4)]
    opened = CODEC.encode(ConnectionOpened("V", "A", "c", 9, "wss://v", ("a", "b")))
    tables = CODEC.tables([frames[0], opened, *frames[1:]])
    assert tables.frames["FrameReceived"][1] == [0, 2, 3, 4]
    assert tables.frames["ConnectionOpened"][1] == [1]
    assert tables.frames["ConnectionOpened"][0]["streams"].to_list() == [["a", "b"]]


def test_columns_have_their_documented_types() -> None:
    price = exact("1.5")
    quote = QuoteChanged("V", "I.V", None, price, price, price, price, None, 1, "A")
    frame, places = CODEC.tables([CODEC.encode(quote)]).frames["QuoteChanged"]
    assert places is None
    assert frame.schema == {
        "venue": pl.String,
        "instrument": pl.String,
        "sequence": pl.Int64,
        "bid_px": pl.Decimal(28, 10),
        "bid_qty": pl.Decimal(28, 10),
        "ask_px": pl.Decimal(28, 10),
        "ask_qty": pl.Decimal(28, 10),
        "ts_event_ns": pl.Int64,
        "ts_recv_ns": pl.Int64,
        "line": pl.String,
    }


def test_the_common_events_take_the_columnar_path() -> None:
    by_row = {
        name
        for name, event in BOTH.events.items()
        for schema in event.versions.values()
        if project(schema.schema, event.newest.schema) is None
    }
    rare = {"LimitsChanged", "OpenOrdersObserved", "TradesObserved"}
    assert by_row == {"EpochCommitted", *rare}
