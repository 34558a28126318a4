"""Compiles an event class into a function from event to framed Avro bytes.

Encoding is the narrowest place of a pipeline, so the source of each function is written for its
schema and compiled once: no interpretation of the schema per record, no dictionary per event.
The bytes equal fastavro's; a wrong type or a number with too many digits is an `EncodeError`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from schemas import avsc, events
from schemas.errors import EncodeError, TapeError
from schemas.exacts import Exacts
from schemas.numbers import PRECISION, SCALE, Exact, wire_encoder

Encode = Callable[[Any], bytes]
STRINGS_MAX: Final = 1 << 14
_TAILS_MAX: Final = 1 << 12


def varint(number: int) -> bytes:
    """An Avro int or long: zigzag, seven bits a byte, the lowest first."""
    rest = (number << 1) ^ (number >> 63)
    out = bytearray()
    while rest > 127:
        out.append(rest & 127 | 128)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def encode_long(number: Any) -> bytes:
    if number.__class__ is not int:
        raise TypeError(f"{number!r} is a {type(number).__name__}, not an int")
    if not -(1 << 63) <= number < 1 << 63:
        raise OverflowError(f"{number} does not fit 64 bits")
    return varint(number)


def encode_int(number: Any) -> bytes:
    if number.__class__ is not int:
        raise TypeError(f"{number!r} is a {type(number).__name__}, not an int")
    if not -(1 << 31) <= number < 1 << 31:
        raise OverflowError(f"{number} does not fit 32 bits")
    return varint(number)


def encode_boolean(value: Any) -> bytes:
    if value.__class__ is not bool:
        raise TypeError(f"{value!r} is a {type(value).__name__}, not a bool")
    return b"\1" if value else b"\0"


class _Strings(dict[str, bytes]):
    """Strings that repeat (venues, instruments), encoded; emptied when full."""

    def __missing__(self, text: str) -> bytes:
        if text.__class__ is not str:
            raise TypeError(f"{text!r} is a {type(text).__name__}, not a str")
        body = text.encode()
        encoded = varint(len(body)) + body
        if len(self) >= STRINGS_MAX:
            self.clear()
        if len(body) < 256:
            self[text] = encoded
        return encoded


class _Tails(dict[int, bytes]):
    """The last bytes of longs of 28 bits and more, by what is above these; emptied when full.

    Neighbouring times share all but the lowest 28 bits, so a time costs three table reads.
    """

    def __missing__(self, high: int) -> bytes:
        if not 0 < high < 1 << 36:
            raise OverflowError("the number does not fit 64 bits")
        out = bytearray()
        rest = high
        while rest > 127:
            out.append(rest & 127 | 128)
            rest >>= 7
        out.append(rest)
        if len(self) >= _TAILS_MAX:
            self.clear()
        self[high] = tail = bytes(out)
        return tail


# Fourteen bits of a varint that goes on.
_PAIRS: Final = [bytes((n & 127 | 128, n >> 7 | 128)) for n in range(1 << 14)]
_LENGTHS: Final = [varint(n) for n in range(1 << 12)]


def length(size: int) -> bytes:
    return _LENGTHS[size] if size < 1 << 12 else varint(size)


def compile_encoder(schema: avsc.Parsed, prefix: bytes) -> Encode:
    """Events of one class to `prefix` + Avro body. `schema` is the newest version of the event."""
    return _Compiler().record(schema, prefix)


class _Compiler:
    """Source text and the constants it refers to, for one schema."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {
            "long_": encode_long,
            "int_": encode_int,
            "boolean_": encode_boolean,
            "length": length,
            "Exact": Exact,
            "Exacts": Exacts,
            "P": _PAIRS,
            "T": _Tails(),
            "S": _Strings(),
            "join": b"".join,
            "fail": _fail,
            "sequence": _sequence,
        }

    def constant(self, value: Any) -> str:
        name = f"c{len(self.names)}"
        self.names[name] = value
        return name

    def record(self, schema: avsc.Parsed, prefix: bytes) -> Encode:
        name = avsc.short_name(schema["name"])
        fields = [f"f{n}" for n in range(len(schema["fields"]))]
        lines = [
            "def encode(event):",
            f"    if event.__class__ is not {self.constant(getattr(events, name))}:",
            f"        fail({name!r}, 'class', TypeError('an event of ' + type(event).__name__))",
            f"    ({', '.join(fields)},) = event",
        ]
        pieces = [repr(prefix)] if prefix else []
        for variable, field in zip(fields, schema["fields"], strict=True):
            statements, parts = self.field(field, variable)
            pieces += parts
            if statements:
                lines.append("    try:")
                lines += [f"        {statement}" for statement in statements]
                lines.append("    except Exception as error:")
                lines.append(f"        fail({name!r}, {field['name']!r}, error)")
        lines.append(f"    return join(({', '.join(pieces)},))")
        scope = dict(self.names)
        exec("\n".join(lines), scope)
        encode: Encode = scope["encode"]
        return encode

    def field(self, field: avsc.Parsed, variable: str) -> tuple[list[str], list[str]]:
        """Statements that compute a field, and the names of the pieces of its bytes in order."""
        union = avsc.optional(field["type"])
        if not union:
            return self.value(field["type"], variable, unique=field["name"].endswith("_id"))
        schema, null = union
        inner, parts = self.value(schema, variable, unique=False)
        tag = f"{variable}u"
        empty = " = ".join([*parts, 'b""'])
        return [
            f"if {variable} is None:",
            f"    {tag} = {varint(null)!r}",
            f"    {empty}",
            "else:",
            f"    {tag} = {varint(1 - null)!r}",
            *(f"    {statement}" for statement in inner),
        ], [tag, *parts]

    def value(self, schema: avsc.Parsed, v: str, unique: bool) -> tuple[list[str], list[str]]:
        kind = avsc.kind_of(schema)
        if kind == "long":
            return list(_long(v)), [f"{v}a", f"{v}b", f"{v}c"]
        if kind == "string" and not unique:
            return [f"{v}s = S[{v}]"], [f"{v}s"]
        if kind == "string":
            return [f"{v}s = {v}.encode()", f"{v}n = length(len({v}s))"], [f"{v}n", f"{v}s"]
        if kind == "bytes" and not avsc.decimal_of(schema):
            wrong = f"raise TypeError(type({v}).__name__ + ', not bytes')"
            return [f"if {v}.__class__ is not bytes: {wrong}", f"{v}n = length(len({v}))"], [
                f"{v}n",
                v,
            ]
        return [f"{v}s = {self.expression(schema, v)}"], [f"{v}s"]

    def expression(self, schema: avsc.Parsed, v: str) -> str:
        """An expression for the bytes of the value named `v`."""
        kind = avsc.kind_of(schema)
        if union := avsc.optional(schema):
            inner, null = union
            other = f"{varint(1 - null)!r} + {self.expression(inner, v)}"
            return f"({varint(null)!r} if {v} is None else {other})"
        if decimal := avsc.decimal_of(schema):
            encode = self.constant(wire_encoder(decimal[1], decimal[0]))
            if decimal == (PRECISION, SCALE):
                return f"({v}.wire if {v}.__class__ is Exact else {encode}({v}))"
            return f"{encode}({v})"
        if kind == "enum":
            return f"{self.constant(_symbols(schema))}[{v}]"
        if kind == "array":
            return self.array(schema["items"], v)
        if kind == "record":
            return f"{self.constant(self.record(schema, b''))}({v})"
        return f"{self.constant(_SCALARS[kind])}({v})"

    def array(self, items: avsc.Parsed, v: str) -> str:
        each = self.expression(items, "i")
        filled = f"length(sequence({v})) + join([{each} for i in {v}]) + b'\\0'"
        if avsc.decimal_of(items) == (PRECISION, SCALE):
            wires = f"length(len({v})) + join({v}.wires) + b'\\0'"
            filled = f"({wires} if {v}.__class__ is Exacts else {filled})"
        return f"({filled} if {v} else sequence({v}) or b'\\0')"


def _long(v: str) -> Iterator[str]:
    yield f"z = ({v} << 1) ^ ({v} >> 63)"
    yield "if z > 268435455:"
    yield f"    {v}a = P[z & 16383]"
    yield f"    {v}b = P[z >> 14 & 16383]"
    yield f"    {v}c = T[z >> 28]"
    yield "else:"
    yield f"    {v}a = long_({v})"
    yield f"    {v}b = {v}c = b''"


def _encode_string(text: Any) -> bytes:
    if text.__class__ is not str:
        raise TypeError(f"{text!r} is a {type(text).__name__}, not a str")
    body = text.encode()
    return varint(len(body)) + body


def _encode_bytes(body: Any) -> bytes:
    if body.__class__ is not bytes:
        raise TypeError(f"{body!r} is a {type(body).__name__}, not bytes")
    return varint(len(body)) + body


_SCALARS: Final[dict[str, Encode]] = {
    "string": _encode_string,
    "bytes": _encode_bytes,
    "long": encode_long,
    "int": encode_int,
    "boolean": encode_boolean,
}


class _Symbols(dict[str, bytes]):
    def __missing__(self, symbol: str) -> bytes:
        raise TypeError(f"{symbol!r} is none of {', '.join(self)}")


def _symbols(schema: avsc.Parsed) -> _Symbols:
    return _Symbols((symbol, varint(n)) for n, symbol in enumerate(schema["symbols"]))


def _sequence(values: Any) -> int:
    if not isinstance(values, tuple | list | Exacts):
        raise TypeError(f"{values!r} is a {type(values).__name__}, not a tuple")
    return len(values)


def _fail(event: str, field: str, error: Exception) -> None:
    if isinstance(error, EncodeError):
        raise EncodeError(event, f"{field}.{error.field}", error.reason) from None
    kind = (
        ""
        if isinstance(error, TapeError | TypeError | OverflowError)
        else f"{type(error).__name__}: "
    )
    raise EncodeError(event, field, f"{kind}{error}") from None
