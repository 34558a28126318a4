"""The limit on refused records, and that it depends on positions alone."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.dead_letters import (
    DeadLetterLimit,
    DeadLetterShareExceeded,
    WindowCount,
    count_all,
)
from pipelines.logic import Position

LIMIT = DeadLetterLimit(share=Decimal("0.1"), records=20)


def at(offset: int, partition: int = 0) -> Position:
    return Position("md.raw.v1", partition, offset)


def test_the_default_allows_one_percent_of_ten_thousand() -> None:
    assert DeadLetterLimit().allowed == 100


def test_a_window_may_hold_as_many_as_allowed() -> None:
    counts = count_all({}, [at(0), at(19), at(20), at(39)], LIMIT)
    assert counts == {"md.raw.v1/0": WindowCount(window=1, dead=2)}


def test_one_more_stops_and_names_the_place() -> None:
    with pytest.raises(DeadLetterShareExceeded, match=r"3 of the 20 .* md\.raw\.v1/0/20 .* 2 are"):
        count_all({}, [at(20), at(21), at(22)], LIMIT)


def test_partitions_are_counted_apart() -> None:
    count_all({}, [at(0), at(1), at(0, 1), at(1, 1)], LIMIT)


def test_a_share_of_zero_stops_at_the_first() -> None:
    with pytest.raises(DeadLetterShareExceeded):
        count_all({}, [at(7)], DeadLetterLimit(share=Decimal(0)))


@settings(deadline=None)
@given(st.sets(st.integers(0, 99), max_size=10), st.integers(0, 99), st.randoms())
def test_the_count_does_not_depend_on_cuts_or_order(
    offsets: set[int], cut: int, rng: object
) -> None:
    limit = DeadLetterLimit(share=Decimal("0.5"), records=20)
    positions = [at(offset) for offset in sorted(offsets)]
    rng.shuffle(positions)  # type: ignore[attr-defined]
    whole = count_all({}, positions, limit)
    parts = count_all({}, [p for p in positions if p.offset < cut], limit)
    parts = count_all(parts, [p for p in positions if p.offset >= cut], limit)
    assert whole == parts
