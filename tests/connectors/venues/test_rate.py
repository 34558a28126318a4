"""The sliding window never lets more through than the venue allows, and no fewer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connectors.venues.rate import RateLimit


def test_waits_until_the_oldest_leaves_the_window() -> None:
    limit = RateLimit(2, 10.0)
    limit.take(0.0)
    limit.take(4.0)
    assert limit.wait_s(4.0) == 6.0
    assert limit.wait_s(10.0) == 0.0
    limit.take(10.0)
    assert limit.wait_s(10.0) == 4.0


def test_a_pause_holds_all_until_it_is_over() -> None:
    limit = RateLimit(2, 10.0)
    limit.take(0.0)
    limit.pause(30.0)
    limit.pause(20.0)
    assert limit.wait_s(4.0) == 26.0
    assert limit.wait_s(30.0) == 0.0
    limit.take(30.0)
    limit.take(31.0)
    assert limit.wait_s(31.0) == 9.0


@given(st.integers(1, 5), st.lists(st.integers(0, 400), max_size=60))
def test_no_window_holds_more_than_the_limit(count: int, gaps: list[int]) -> None:
    """Whole numbers, so that sums are exact."""
    limit, window_s, now_s = RateLimit(count, 100.0), 100, 0.0
    taken: list[float] = []
    for gap in gaps:
        now_s += gap
        now_s += limit.wait_s(now_s)
        limit.take(now_s)
        taken.append(now_s)
    for start in taken:
        assert sum(start <= at < start + window_s for at in taken) <= count
