"""A column that keeps Avro bytes is the tuple of its decimals to whoever looks."""

from __future__ import annotations

import pickle
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.events import BookChanged
from schemas.exacts import Exacts, wires_of
from schemas.numbers import from_unscaled
from tests.pipelines.batches import local_codec

UNSCALED = st.lists(
    st.integers(0, 10**28 - 1) | st.sampled_from([0, 127, 128, 255, 256, 10**28 - 1]), max_size=5
)


def book(px: Any) -> BookChanged:
    return BookChanged("V", "I", True, None, None, None, px, (), (), (), None, 1, "A")


@given(numbers=UNSCALED)
def test_it_is_the_tuple(numbers: list[int]) -> None:
    column, same = Exacts(wires_of(numbers)), tuple(map(from_unscaled, numbers))
    assert column == same == tuple(column)
    assert same == column == Exacts(wires_of(numbers))
    assert (hash(column), repr(column), len(column)) == (hash(same), repr(same), len(same))
    assert column[1:] == same[1:]
    assert pickle.loads(pickle.dumps(column)) == same
    assert local_codec().encode(book(column)) == local_codec().encode(book(same))


def test_it_is_no_other() -> None:
    column = Exacts(wires_of([1, 2]))
    assert column != Exacts(wires_of([2, 1]))
    assert column != (Decimal(1),)
    assert column != [*column]
