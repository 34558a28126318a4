"""What is left for cancels, and when the venue wants silence."""

from __future__ import annotations

import pytest

from pipelines.watch.pace import Pace

MINUTE_MS = 60_000


@pytest.mark.parametrize(
    ("used", "weight", "at_ms", "allowed"),
    [
        pytest.param(0, 80, 0, True, id="fresh"),
        pytest.param(780, 20, 0, True, id="up to four fifths"),
        pytest.param(781, 20, 0, False, id="the last fifth is for cancels"),
        pytest.param(1_000, 20, MINUTE_MS - 1, False, id="the same minute"),
        pytest.param(1_000, 20, MINUTE_MS, True, id="the next minute"),
    ],
)
def test_a_fifth_stays_free(used: int, weight: int, at_ms: int, allowed: bool) -> None:
    assert Pace(1_000).spent(1, used, 0).allows(weight, at_ms) is allowed


def test_without_the_venues_word_its_own_requests_count() -> None:
    pace = Pace(100)
    for _ in range(4):
        assert pace.allows(20, 0)
        pace = pace.spent(20, None, 0)
    assert not pace.allows(20, 0)
    assert pace.spent(20, None, MINUTE_MS).allows(20, MINUTE_MS)


def test_silence_lasts_as_long_as_the_venue_says() -> None:
    pace = Pace(1_000).told_to_wait(120, 5_000).told_to_wait(1, 6_000)
    assert not pace.allows(1, 124_999)
    assert pace.allows(1, 125_000)
