"""The pause between transactions: long where the broker was not ready, short on a busy machine."""

from __future__ import annotations

import pytest

from connectors.log.kafka_writer import gap_after


@pytest.mark.parametrize(
    ("first_acks_ms", "gap_ms"),
    [
        pytest.param([3] * 50, 2.0, id="an idle broker"),
        pytest.param([12, 19] * 50, 2.0, id="a busy machine"),
        pytest.param([23] * 50, 20.0, id="begun too early each time"),
        pytest.param([23] * 50 + [3] * 50, 2.0, id="begun too early once"),
        pytest.param([23, 3], 2.7, id="up by half, down by a tenth"),
    ],
)
def test_a_pause_follows_what_the_client_had_to_wait(
    first_acks_ms: list[float], gap_ms: float
) -> None:
    gap_s = 0.002
    for first_ack_ms in first_acks_ms:
        gap_s = gap_after(gap_s, first_ack_ms / 1_000)
    assert gap_s * 1_000 == pytest.approx(gap_ms)
