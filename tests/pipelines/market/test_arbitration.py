"""Several lines, one stream. See `script` for the notation."""

from __future__ import annotations

import pytest

from pipelines.market.logic import MarketLogic
from pipelines.market.settings import DEFAULTS
from tests.pipelines.batches import batch_of
from tests.pipelines.market.script import PARSERS, Scribe, play, played, told

CASES = [
    # lines deliver                          -> the pipeline passes on
    ("A1 A2 A3", "1 2 3", "one line"),
    ("A1 B1 B2 A2 A3 B3", "1 2 3", "the first arrival of each identity wins"),
    ("A1 A2 A3 B3 B4 A4", "1 2 3 4", "a line joins late"),
    ("A1 B1 A2 A4 B2 B3 B4", "1 2 3 A>B:GAP 4", "a loss on one line is filled by the other"),
    ("A1 B1 B2 B4 A2 A3 A4", "1 2 3 4", "a loss on the line that does not lead"),
    ("A1 B1 A3 A4 A5 B2 B3", "1 2 A>B:GAP 3 4 5", "all that was held follows"),
    ("A1 B1 C1 C3 B2 A2 A3", "1 2 3", "the leader is late and has lost nothing"),
    ("A1 A3", "1 gap2-3 ok:GAP 3", "a loss on the only line"),
    ("A1 B1 A3 B3", "1 gap2-3 ok:GAP 3", "a loss on every line"),
    ("A1 B1 A3 B4", "1 gap2-3 ok:GAP 3 4", "a second line goes past it as well"),
    ("A1 B1 A3 A5 B6", "1 gap2-3 ok:GAP 3 gap4-5 ok:GAP 5 6", "two holes, no one to fill them"),
    ("A1 B1 A3 A5 B2 B3 B4", "1 2 A>B:GAP 3 4 5", "two holes, both filled"),
    ("A1 B1 A3 B- A4", "1 gap2-3 ok:GAP 3 4", "the other line closes"),
    ("A1 B1 A3 B-", "1 gap2-3 ok:GAP 3", "its close alone settles it"),
    ("A1 A- A'3", "1 gap2-3 ok:GAP 3", "lost while reconnecting"),
    ("A1 B1 A- B2 A'2 B3 A'3", "1 A>B:CLOSED 2 3", "the other line bridges a reconnect"),
    ("A1 A2 A'2 A'3 A3 A- A'4", "1 2 3 4", "a successor overlaps its predecessor"),
    ("A1 B1 A2 B2!", "1 2 div2:A/B", "same identity, other content"),
    ("A1 B1 A2 B2! A3 B3", "1 2 div2:A/B 3 ok:DIVERGENCE", "agreement heals a divergence"),
    ("A1 A2 A2", "1 2 dead:DUPLICATE", "a repeat on one connection"),
    ("A1 A2 A3 A2", "1 2 3 dead:OUT_OF_ORDER", "a step back on one connection"),
    ("Aq1 Aq5 Bq1 Bq5 Bq9 Aq9", "q1 q5 q9", "quotes: the first arrival wins, ids may skip"),
    ("Aq1 Aq5 Bq3 Bq5", "q1 q5", "quotes: one older than the newest is dropped"),
    ("Aq1 Bq1 Aq5 Bq5!", "q1 q5 div5:A/B", "quotes diverge"),
    ("Aq1 Aq1", "q1 dead:DUPLICATE", "quotes: a repeat on one connection"),
    ("Aq5 Aq1", "q5 dead:OUT_OF_ORDER", "quotes: a step back on one connection"),
]


@pytest.mark.parametrize(("text", "expected"), [pytest.param(*c[:2], id=c[2]) for c in CASES])
def test_lines_become_one_stream(text: str, expected: str) -> None:
    assert play(text) == expected


def test_a_hole_is_given_up_when_too_much_is_held() -> None:
    settings = DEFAULTS._replace(held_max=3)
    assert play("A1 B1 A3 A4 A5 A6 B2 B3", settings) == "1 gap2-3 ok:GAP 3 4 5 6"
    assert play("A1 B1 A3 A4 A5 B2 B3 B4 B5 A6", settings) == "1 2 A>B:GAP 3 4 5 6"


ANEW = [  # `seen_max` is 3
    ("A8 A9 A- A'1 A'2 A'3", "8 9", "as few could be another line's repeats"),
    ("A8 A9 A- A'1 A'2 A'3 A'4 A'5", "8 9 gap10-4 ok:GAP 4 5", "more cannot"),
    ("A9 B9 A- B- A'1 B'1 A'2 B'2 A'3 B'3", "9 gap10-3 ok:GAP 3", "both lines"),
    ("A9 B9 A- A'1 A'2 A'3 A'4 A'5 B10", "9 10", "the other is up and has come to the newest"),
    ("B1 A1 A2 A3 A4 A5 A6 A- B2 B3 B4 B5 B6 B7", "1 2 3 4 5 6 7", "a line that lags"),
    ("A9 A- A'1 A'2 A'- A''3 A''4 A''5", "9", "on several connections"),
    ("A9 A- A'1 A'2 A'3 A'10 A'4 A'11", "9 10 dead:OUT_OF_ORDER 11", "not in a row"),
    ("Aq9 A- A'q1 A'q2 A'q5 A'q7 A'q8", "q9 gap10-7 ok:GAP q7 q8", "quotes"),
    ("As9 A- A'd1-1 A'd2-2 A'd3-3 A'd4-4 A'd5-5 A's4", "s9 gap10-4 s4 ok:GAP d5-5", "a book"),
    ("Ad9-9 A- A'd1-1 A's4 A'd5-5", "s4 d5-5", "a book that waits for its first snapshot"),
    ("As9 Ad12-12 A- A'd5-5 A's4 A'd6-6", "s9 gap10-12 s4 ok:GAP d5-5 d6-6", "for its next"),
    ("Ad2-2 Bd2-2 Ad3-3 A- Bs1 Bd4-4", "A>B:CLOSED s1 d2-2 d3-3 d4-4", "as before: B lags"),
    ("Ad5-5 Ad6-6 A- A's3 A'd7-7 A's4", "s4 d5-5 d6-6 d7-7", "as before: too old"),
]


@pytest.mark.parametrize(("text", "expected"), [pytest.param(*c[:2], id=c[2]) for c in ANEW])
def test_ids_that_begin_anew(text: str, expected: str) -> None:
    assert play(text, DEFAULTS._replace(seen_max=3)) == expected


def test_what_waited_with_ids_of_before_waits_no_more() -> None:
    """Else it would count as a hole once a line's patience is over."""
    state, _ = played(Scribe().write("As9 Ad12-12 A- A'd5-5 A's4 A'd6-6"))
    stream = state.streams["BTCUSDT.BINANCE|depth"]
    assert (stream.held, stream.since_ms, state.holes) == ({}, None, set())


def test_ids_that_begin_anew_are_counted_through_a_snapshot() -> None:
    logic = MarketLogic(PARSERS, DEFAULTS._replace(seen_max=3))
    inputs = Scribe().write("A8 A9 A- A'1 A'2 A'3 A'4 A'5")
    for at in range(1, len(inputs)):
        state, first = logic.step(logic.initial(), batch_of(inputs[:at]))
        _, second = logic.step(logic.load(logic.dump(state), 1), batch_of(inputs[at:]))
        assert told([*first, *second]) == "8 9 gap10-4 ok:GAP 4 5"


def test_what_begins_anew_is_of_its_own_connection() -> None:
    """The same bytes came before, and may still be known as what they said then."""
    inputs = Scribe().write("A1 B1 A2 A3 A4 A5 A- B- @5 C1 C2 C3 C4")
    _, outputs = played(inputs, DEFAULTS._replace(seen_max=3))
    trade = outputs[-1].event
    assert (trade.trade_id, trade.line, trade.ts_recv_ns) == ("4", "C", 5_000_000_000)


def test_lag_is_counted_per_line() -> None:
    """B joins with trade 1, at the same time; then it is first once, and 2 s late once."""
    scribe = Scribe()
    inputs = scribe.write("A1 B1 A2 @3 B2 B3 A3")
    state, _ = played(inputs)
    lines = state.feeds["BTCUSDT.BINANCE"].lines
    assert (lines["A"].firsts, lines["A"].repeats) == (2, 1)
    assert (lines["B"].firsts, lines["B"].repeats) == (1, 2)
    assert (lines["B"].lags, lines["B"].lag_ns_max) == (1, 2_000_000_000)


def test_what_is_remembered_is_bounded() -> None:
    """Line B is up and silent: of what it has not repeated, only so much is kept."""
    ids = " ".join(f"A{number}" for number in range(2, 60))
    state, _ = played(Scribe().write(f"A1 B1 {ids}"), DEFAULTS._replace(seen_max=10))
    assert len(state.streams["BTCUSDT.BINANCE|trade"].seen) == 10


def test_what_every_line_delivered_is_forgotten() -> None:
    ids = " ".join(f"A{number} B{number}" for number in range(1, 60))
    state, _ = played(Scribe().write(ids))
    assert not state.streams["BTCUSDT.BINANCE|trade"].seen
