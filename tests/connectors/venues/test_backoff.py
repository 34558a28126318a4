"""The back-off policy: time and chance are arguments, so it is a table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.venues.backoff import Backoff

BACKOFF = Backoff(base_s=0.5, cap_s=60.0, settled_s=30.0)


@pytest.mark.parametrize(
    ("failures", "ceiling_s"),
    [(1, 0.5), (2, 1.0), (3, 2.0), (7, 32.0), (8, 60.0), (9, 60.0), (10_000, 60.0)],
)
def test_ceiling_doubles_up_to_the_cap(failures: int, ceiling_s: float) -> None:
    assert BACKOFF.ceiling_s(failures) == ceiling_s


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_jitter_is_full(failures: int, fraction: float) -> None:
    """Any delay from nothing up to the ceiling."""
    assert BACKOFF.delay_s(failures, fraction) == fraction * BACKOFF.ceiling_s(failures)
    assert BACKOFF.delay_s(failures, 0.0) == 0.0


@pytest.mark.parametrize(
    ("before", "lived_s", "failures"),
    [
        pytest.param(0, 0.0, 1, id="first failure"),
        pytest.param(4, 0.0, 5, id="never live"),
        pytest.param(4, 29.9, 5, id="accepted, then hung up: still failing"),
        pytest.param(4, 30.0, 1, id="settled: starts anew"),
    ],
)
def test_failures_in_a_row(before: int, lived_s: float, failures: int) -> None:
    assert BACKOFF.failures(before, lived_s) == failures
