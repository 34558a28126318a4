"""Headers become columns and are the same again, whatever records have in common."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from replay.archive.headers import Headers, headers_column, whole_headers

HEADER = st.tuples(st.sampled_from(["id", "type"]), st.sampled_from([b"", b"a", b"bc", None]))
ANY = st.none() | st.lists(HEADER, max_size=4)


@st.composite
def of_a_kind(draw: st.DrawFn) -> list[Headers]:
    """As many in each record, some of which all records have alike."""
    first, count = draw(st.lists(HEADER, max_size=4)), draw(st.integers(1, 5))
    alike = [draw(st.booleans()) for _ in first]
    return [
        [one if same else draw(HEADER) for one, same in zip(first, alike, strict=True)]
        for _ in range(count)
    ]


def plain(column: pa.ListArray) -> list[list[tuple[str, bytes | None]]]:
    return [[(one["name"], one["value"]) for one in some] for some in column.to_pylist()]


@given(of_a_kind() | st.lists(ANY, min_size=1, max_size=5), st.data())
def test_headers_come_back_from_columns(headers: list[Headers], data: st.DataObject) -> None:
    column = headers_column(headers)
    wanted = [[*(some or ())] for some in headers]
    assert plain(whole_headers(column)) == wanted
    start = data.draw(st.integers(0, len(headers)))
    assert plain(whole_headers(column.slice(start))) == wanted[start:]


def test_what_all_records_have_is_kept_once() -> None:
    column = headers_column([[("id", b"%d" % n), ("type", b"T"), ("by", b"x")] for n in range(100)])
    assert len(column.values.dictionary) == 102
