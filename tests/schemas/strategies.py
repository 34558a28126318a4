"""Hypothesis strategies for events of every class, made from the schemas."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Any

from hypothesis import strategies as st

from schemas import avsc, events
from schemas.catalog import load_catalog
from schemas.numbers import Exact, from_unscaled

CATALOG = load_catalog()
_WIDE = Context(prec=60)
_TIME_NS = 1_723_161_254_087_891_268


def decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    """Every decimal of the type: zero, its extremes, and plain as well as cached forms."""
    bound = 10**precision - 1
    unscaled = st.integers(-bound, bound) | st.sampled_from([0, 1, -1, -128, bound, -bound])

    def plain(number: int) -> Decimal:
        return _WIDE.scaleb(Decimal(number), -scale)

    def cached(number: int) -> Decimal:
        return from_unscaled(number) if (precision, scale) == (28, 10) else plain(number)

    def short(number: int) -> Decimal:
        return plain(number).normalize(_WIDE)

    return st.builds(lambda form, n: form(n), st.sampled_from([plain, cached, short]), unscaled)


_LONGS = st.integers(-(2**63), 2**63 - 1) | st.integers(_TIME_NS, _TIME_NS + 10**12)
_LONG_EDGES = [0, -1, 63, 64, 2**27 - 1, 2**27, -(2**27), 2**63 - 1, -(2**63)]
_SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": _LONGS | st.sampled_from(_LONG_EDGES),
    "string": st.text(max_size=12) | st.sampled_from(["BTCUSDT.BINANCE", "", "é€😀" * 100]),
    "bytes": st.binary(max_size=40) | st.just(b"\0" * 300),
}


def values(schema: avsc.Parsed) -> st.SearchStrategy[Any]:
    """Python values of an Avro type, as the event classes hold them."""
    if union := avsc.optional(schema):
        return st.none() | values(union[0])
    if decimal := avsc.decimal_of(schema):
        return decimals(*decimal)
    kind = avsc.kind_of(schema)
    if kind == "enum":
        return st.sampled_from(schema["symbols"])
    if kind == "array":
        return st.lists(values(schema["items"]), max_size=4).map(tuple)
    if kind == "record":
        cls = getattr(events, avsc.short_name(schema["name"]))
        return st.tuples(*(values(f["type"]) for f in schema["fields"])).map(
            lambda fields: cls(*fields)
        )
    return _SCALARS[kind]


EVENTS = {name: values(event.newest.schema) for name, event in CATALOG.events.items()}
ANY_EVENT = st.one_of(*EVENTS.values())


def datum(value: Any) -> Any:
    """An event as fastavro writes it: records as dictionaries, plain decimals."""
    if isinstance(value, Exact):
        return Decimal(value)
    if isinstance(value, tuple):
        fields = getattr(value, "_fields", None)
        if fields is None:
            return [datum(item) for item in value]
        return {name: datum(item) for name, item in zip(fields, value, strict=True)}
    return value


def cell(value: Any) -> Any:
    """A value as a polars table gives it back."""
    return datum(value)
