"""How the columns of one writer version become the columns of the newest: the columnar path's plan.

polars reads enums as slow categories (and panics on nullable ones), cuts an int that is too large
in silence and takes any 16 bytes for a decimal. So enums and ints are read as longs and converted
here, and decimals are counted. What is left to the row path: enums inside arrays or records
(`EpochCommitted`), changed types, defaults of new fields other than null, text, booleans, numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import polars as pl

from schemas import avsc
from schemas.errors import DecodeError

_TYPES: Final[dict[str, type[pl.DataType]]] = {
    "boolean": pl.Boolean,
    "int": pl.Int32,
    "long": pl.Int64,
    "string": pl.String,
    "bytes": pl.Binary,
    "enum": pl.String,
}


class Projection(NamedTuple):
    """`columns` select the reader's fields; `digits` bounds the writer's decimal columns."""

    columns: list[pl.Expr]
    digits: dict[str, int]

    def apply(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The reader's columns. Raises `DecodeError` or polars' error for a misfit."""
        for name, precision in self.digits.items():
            _require_digits(frame[name], precision)
        return frame.select(self.columns)


def project(writer: avsc.Parsed, reader: avsc.Parsed) -> Projection | None:
    """None where this writer's records are read row by row."""
    written = {field["name"]: field["type"] for field in writer["fields"]}
    columns = []
    for field in reader["fields"]:
        name = field["name"]
        column = _kept(name, written[name], field["type"]) if name in written else _added(field)
        if column is None:
            return None
        columns.append(column)
    precisions = {name: _precision(schema) for name, schema in written.items()}
    return Projection(columns, {name: digits for name, digits in precisions.items() if digits})


def column_type(schema: avsc.Parsed) -> pl.DataType:
    """The column type of an Avro type."""
    schema = _present(schema)
    if decimal := avsc.decimal_of(schema):
        return pl.Decimal(*decimal)
    kind = avsc.kind_of(schema)
    if kind == "array":
        return pl.List(column_type(schema["items"]))
    if kind == "record":
        return pl.Struct({f["name"]: column_type(f["type"]) for f in schema["fields"]})
    return _TYPES[kind]()


def readable(schema: avsc.Parsed, path: str = "R") -> Any:
    """The writer's type as polars is to read it: the same bytes, in types it reads well."""
    kind = avsc.kind_of(schema)
    if kind == "union":
        return [readable(branch, path) for branch in schema]
    if kind in {"enum", "int"}:
        return "long"
    if kind == "array":
        return {"type": kind, "items": readable(schema["items"], path)}
    if kind == "record":
        fields = [
            {"name": f["name"], "type": readable(f["type"], f"{path}_{f['name']}")}
            for f in schema["fields"]
        ]
        return {"type": kind, "name": path, "fields": fields}
    return schema


def _kept(name: str, written: avsc.Parsed, wanted: avsc.Parsed) -> pl.Expr | None:
    source, target = _present(written), _present(wanted)
    if avsc.kind_of(source) == "enum" == avsc.kind_of(target):
        return _symbols(name, source, target) if type(written) is type(wanted) else None
    kinds = set(_kinds(source))
    if "enum" in kinds or avsc.canonical(written) != avsc.canonical(wanted):
        return None
    return pl.col(name).cast(column_type(target)) if "int" in kinds else pl.col(name)


def _symbols(name: str, source: avsc.Parsed, target: avsc.Parsed) -> pl.Expr:
    """The writer's numbers as the reader's symbols; those unknown to the reader as its default."""
    known = [s if s in target["symbols"] else target["default"] for s in source["symbols"]]
    return pl.lit(pl.Series(known)).gather(pl.col(name)).alias(name)


def _added(field: Any) -> pl.Expr | None:
    """A field that the writer did not have yet."""
    kind, default = avsc.kind_of(_present(field["type"])), field.get("default")
    null = default is None and avsc.optional(field["type"]) is not None
    if not null and kind not in {"boolean", "int", "long", "string", "enum"}:
        return None
    return pl.lit(default, dtype=column_type(field["type"])).alias(field["name"])


def _present(schema: avsc.Parsed) -> avsc.Parsed:
    """The type of a value that is not null."""
    union = avsc.optional(schema)
    return union[0] if union else schema


def _kinds(schema: avsc.Parsed) -> Iterator[str]:
    """The kinds of a type and of all inside it."""
    kind = avsc.kind_of(schema)
    yield kind
    children: list[avsc.Parsed] = []
    if kind == "union":
        children = schema
    elif kind == "array":
        children = [schema["items"]]
    elif kind == "record":
        children = [field["type"] for field in schema["fields"]]
    for child in children:
        yield from _kinds(child)


def _precision(schema: avsc.Parsed) -> int:
    """The precision of a decimal, or of an array's decimals; 0 of other types."""
    schema = _present(schema)
    if avsc.kind_of(schema) == "array":
        schema = _present(schema["items"])
    decimal = avsc.decimal_of(schema)
    return decimal[0] if decimal else 0


def _require_digits(column: pl.Series, precision: int) -> None:
    if isinstance(column.dtype, pl.List):
        column = column.explode()
    numbers = column.to_physical()
    low, high = numbers.min(), numbers.max()
    bound = 10**precision
    if isinstance(low, int) and isinstance(high, int) and not -bound < low <= high < bound:
        raise DecodeError(f"a decimal has more than {precision} digits")
