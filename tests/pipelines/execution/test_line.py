"""Orders that ended are forgotten by their ends, whatever order these come in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipelines.execution.line import Done, Ended

NONE: frozenset[tuple[str, str]] = frozenset()


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12))
def test_orders_are_forgotten_by_their_ends(steps: list[tuple[int, int]]) -> None:
    ended, wanted = Ended(), list[tuple[str, Done]]()
    for number, (end_ms, since_ms) in enumerate(steps):
        last = str(number), Done(end_ms, NONE)
        ended = ended.followed(*last, since_ms)
        wanted = [*(one for one in wanted if one[1].ended_ms > since_ms), last]
        assert list(ended) == wanted
    assert ended == tuple(wanted)
