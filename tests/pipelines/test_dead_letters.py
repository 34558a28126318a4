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
from pipelines.logic import Output, Position
from schemas.events import DeadLettered

LIMIT = DeadLetterLimit(share=Decimal("0.1"), records=20)


def at(offset: int, partition: int = 0) -> Output:
    position = Position("md.raw.v1", partition, offset)
    event = DeadLettered("MALFORMED_JSON", "market", *position, 1, bytes(32), b"?", 0)
    return Output(position, 0, "md.raw.v1.dlq", "", event, "no JSON at byte 3")


def test_the_default_allows_one_percent_of_ten_thousand() -> None:
    assert DeadLetterLimit().allowed == 100


def test_a_window_may_hold_as_many_as_allowed() -> None:
    counts = count_all({}, [at(0), at(19), at(20), at(39)], LIMIT)
    assert counts == {"md.raw.v1/0": WindowCount(window=1, dead=2)}


def test_one_more_stops_and_names_the_place() -> None:
    with pytest.raises(DeadLetterShareExceeded) as stopped:
        count_all({}, [at(22), at(20), at(21)], LIMIT)
    assert str(stopped.value) == (
        "3 of the 20 records from md.raw.v1/0/20 were refused, 2 are allowed; the last is "
        "md.raw.v1/0/22, MALFORMED_JSON: no JSON at byte 3: mend what reads it, or raise "
        "dead_letters.share"
    )


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
    refused = [at(offset) for offset in sorted(offsets)]
    rng.shuffle(refused)  # type: ignore[attr-defined]
    whole = count_all({}, refused, limit)
    parts = count_all({}, [r for r in refused if r.position.offset < cut], limit)
    parts = count_all(parts, [r for r in refused if r.position.offset >= cut], limit)
    assert whole == parts
