"""An answer's values are shown as they are or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from replay.sql.errors import SqlError
from replay.sql.exactly import require_held
from replay.sql.render import values_of

NS = "2026-11-21 09:30:00.123456789"


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as one:
        yield one


def shown(connection: duckdb.DuckDBPyConnection, expression: str) -> Any:
    found = connection.sql(f"SELECT {expression} AS x")
    require_held(found)
    [(value,)] = values_of(found.to_arrow_table())
    return value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("make_timestamp_ns(1795253400123456789)", "2026-11-21T09:30:00.123456789"),
        (f"TIMESTAMPTZ_NS '{NS}+00'", "2026-11-21T09:30:00.123456789Z"),
        ("TIME_NS '09:30:00.123456789'", "09:30:00.123456789"),
        ("TIMESTAMP '2026-11-21 09:30:00.123456'", "2026-11-21T09:30:00.123456"),
        ("TIMESTAMPTZ '2026-11-21 09:30:00+00'", "2026-11-21T09:30:00Z"),
        ("TIME '23:59:59.999999'", "23:59:59.999999"),
        ("[TIME '12:00', NULL]", ["12:00:00", None]),
        ("MAP {'a': [{'b': DATE '2026-11-21'}]}", [["a", [{"b": "2026-11-21"}]]]),
        ("union_value(a := TIME '12:00')", "12:00:00"),
        ("INTERVAL '1 month 1.5 seconds'", "P1M0DT1.5S"),
        ("NULL::TIMESTAMP_NS", None),
        ("NULL::TIME", None),
        ("[]", []),
        ("18446744073709551615::UBIGINT", 18446744073709551615),
        ("(-170141183460469231731687303715884105728)::HUGEINT", f"-{2**127}"),
    ],
)
def test_a_value_is_shown_whole(
    connection: duckdb.DuckDBPyConnection, expression: str, value: Any
) -> None:
    assert shown(connection, expression) == value


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("340282366920938463463374607431768211455::UHUGEINT", "column x: .* UHUGEINT"),
        ("[{'a': 1::UHUGEINT}]", "column x: .* UHUGEINT"),
        ("[1::UHUGEINT]::UHUGEINT[1]", "column x: .* UHUGEINT"),
        ("MAP {'a': TIMETZ '12:00:00+05:30'}", "column x: .* TIME WITH TIME ZONE"),
        ("TIMETZ '12:00:00+05:30'", "column x: .* TIME WITH TIME ZONE: cast it to text"),
        ("1::BIGNUM", "column x: .* BIGNUM"),
        ("'101'::BIT", "column x: .* BIT"),
        ("'{}'::JSON::VARIANT", "column x: .* VARIANT"),
        ("TIME '24:00:00'", "24:00:00 .* cast such times to text"),
        ("TIME_NS '24:00:00'", "24:00:00"),
        ("[TIME '24:00:00']", "24:00:00"),
        ("{'a': TIME '24:00:00'}", "24:00:00"),
        ("MAP {'a': TIME '24:00:00'}", "24:00:00"),
        ("union_value(a := TIME '24:00:00')", "24:00:00"),
        ("'infinity'::TIMESTAMP_NS", "infinity"),
        ("'-infinity'::TIMESTAMP_NS", "infinity"),
        ("'infinity'::TIMESTAMPTZ", "cast such times to text"),
        ("['-infinity'::DATE]", "cast such times to text"),
        ("DATE '0001-01-01' - 1", "cast such times to text"),
        (f"[TIMESTAMP_NS '{NS}']", "Nanosecond .* cast such times to text"),
    ],
)
def test_another_is_refused(
    connection: duckdb.DuckDBPyConnection, expression: str, says: str
) -> None:
    with pytest.raises(SqlError, match=says):
        shown(connection, expression)


def test_what_is_refused_would_be_shown_as_something_else(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """Of DuckDB and Arrow, so that a version that mends it is noticed."""
    wrong = {
        "340282366920938463463374607431768211455::UHUGEINT": "-1",
        "TIMETZ '12:00:00+05:30'": "12:00:00",
        "TIME '24:00:00'": "00:00:00",
    }
    for expression, other in wrong.items():
        found = connection.sql(f"SELECT {expression} AS x").to_arrow_table()
        assert str(found["x"].to_pylist()[0]) == other
