"""Writes `schemas/events.py` from the newest `.avsc` of each event: `python -m schemas.generate`.

A test and `tape schemas check` fail where the file is not what this writes.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from typing import Final

from schemas import avsc
from schemas.catalog import ROOT, Catalog, load_catalog
from schemas.errors import SchemaError, TapeError

PATH: Final = ROOT / "events.py"
_WIDTH: Final = 100
_PRIMITIVES: Final = {
    "boolean": "bool",
    "int": "int",
    "long": "int",
    "string": "str",
    "bytes": "bytes",
}
_TUPLE_METHODS: Final = frozenset({"count", "index"})
_HEADER: Final = '''\
# tidy: generated, and as long as there are events
"""The events as Python classes; fields in the order of the schema.

Generated from `schemas/avro` by `python -m schemas.generate`: change the schema, not this file.
Times (`ts_*_ns`) are nanoseconds UTC.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple, TypeAlias
'''


def main() -> int:
    try:
        PATH.write_text(source(load_catalog()), "utf-8")
    except TapeError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def source(catalog: Catalog) -> str:
    """The text of `events.py`. Raises `SchemaError` where a name is defined twice, differently."""
    named: dict[str, avsc.Parsed] = {}
    for event in catalog.events.values():
        for definition in avsc.definitions(event.newest.schema):
            _add(named, definition)
    enums = [_enum(schema) for schema in named.values() if schema["type"] == "enum"]
    records = [_record(schema) for schema in named.values() if schema["type"] == "record"]
    return "\n".join([_HEADER, *enums, *records, "", _classes(catalog)])


def _add(named: dict[str, avsc.Parsed], definition: avsc.Parsed) -> None:
    name = avsc.short_name(definition["name"])
    if avsc.canonical(named.setdefault(name, definition)) != avsc.canonical(definition):
        raise SchemaError(f"{name} is defined twice, differently")


def _enum(schema: avsc.Parsed) -> str:
    name = avsc.short_name(schema["name"])
    symbols = ", ".join(f'"{symbol}"' for symbol in schema["symbols"])
    line = f"{name}: TypeAlias = Literal[{symbols}]"
    if len(line) <= _WIDTH:
        return line
    symbols = "".join(f'    "{symbol}",\n' for symbol in schema["symbols"])
    return f"{name}: TypeAlias = Literal[\n{symbols}]"


def _record(schema: avsc.Parsed) -> str:
    lines = ["", "", f"class {avsc.short_name(schema['name'])}(NamedTuple):"]
    if schema.get("doc"):
        lines += [f'    """{schema["doc"]}"""', ""]
    for field in schema["fields"]:
        lines += _field(field)
    return "\n".join(lines)


def _field(field: avsc.Parsed) -> Iterator[str]:
    line = f"    {field['name']}: {annotation(field['type'])}"
    if field["name"] in _TUPLE_METHODS:
        line += "  # type: ignore[assignment]"
    doc = field.get("doc", "")
    if doc and len(line) + len(doc) + 4 <= _WIDTH:
        yield f"{line}  # {doc}"
        return
    for comment in textwrap.wrap(doc, _WIDTH - 6):
        yield f"    # {comment}"
    yield line


def annotation(schema: avsc.Parsed) -> str:
    """The Python type of an Avro type."""
    union = avsc.optional(schema)
    if union:
        return f"{annotation(union[0])} | None"
    if avsc.decimal_of(schema):
        return "Decimal"
    kind = avsc.kind_of(schema)
    if kind == "array":
        return f"tuple[{annotation(schema['items'])}, ...]"
    return _PRIMITIVES.get(kind) or avsc.short_name(schema["name"])


def _classes(catalog: Catalog) -> str:
    rows = "".join(f'    "{name}": {name},\n' for name in catalog.events)
    return f"\nCLASSES: Final[dict[str, type[tuple[Any, ...]]]] = {{\n{rows}}}\n"


if __name__ == "__main__":
    sys.exit(main())
