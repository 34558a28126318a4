"""Silence counts in time that the process lived: one that was stopped did not listen."""

from __future__ import annotations

from connectors.gateway.inputs import SWEEP_MAX_NS, Silence

SECOND_NS = 1_000_000_000
STEP_NS = 20_000_000


def after(silence: Silence, begin_ns: int, seconds: int) -> str | None:
    """What is silent after so long, looked at every 20 ms."""
    found = None
    for at_ns in range(begin_ns, begin_ns + seconds * SECOND_NS + 1, STEP_NS):
        found = silence.now(at_ns)
    return found


def test_who_says_nothing_for_too_long_is_silent_and_may_come_back() -> None:
    silence = Silence(3 * SECOND_NS, 0)
    assert after(silence, 0, 2) is None
    silence.heard("CLOCK_SILENT")
    assert after(silence, 2 * SECOND_NS, 1) == "RISK_SILENT"
    silence.heard("RISK_SILENT")
    assert silence.now(3 * SECOND_NS) is None
    assert after(silence, 3 * SECOND_NS, 2) == "CLOCK_SILENT"


def test_a_stop_of_a_minute_counts_as_one_look() -> None:
    silence = Silence(3 * SECOND_NS, 0)
    assert after(silence, 0, 2) is None
    assert silence.now(60 * SECOND_NS) is None
    left_ns = SECOND_NS - SWEEP_MAX_NS
    assert after(silence, 60 * SECOND_NS, 0) is None
    assert silence.now(60 * SECOND_NS + SWEEP_MAX_NS - 1) is None
    for number in range(2, left_ns // SWEEP_MAX_NS + 2):
        found = silence.now(60 * SECOND_NS + number * SWEEP_MAX_NS)
    assert found == "CLOCK_SILENT"
