"""Silence, failover and recovery, by log time alone (limit: 10 s)."""

from __future__ import annotations

import re

import pytest

from pipelines.logic import Input
from pipelines.market.logic import CLOCK, MarketLogic
from pipelines.market.settings import DEFAULTS
from schemas.events import FeedGapped, FeedRecovered, FeedWentStale
from tests.pipelines.batches import batch_of
from tests.pipelines.market.script import PARSERS, Scribe, play, played, told

QUOTES = "@8 Aq1 Bq1"  # both lines are heard
CASES = [
    ("A1 T5 T10", "1", "silent for less than the limit"),
    ("A1 T5 T11", "1 stale:A", "silent for the limit"),
    ("A1 T11 T12 T30", "1 stale:A", "told once"),
    ("A1 T11 @12 A2", "1 stale:A ok:STALE 2", "it speaks again"),
    ("A1 B1 @8 B2 T11 A2", "1 2 stale:A ok:STALE", "the leader was stale, the other silent since"),
    ("A1 B1 @8 B2 T11 B3 A2", "1 2 stale:A A>B:STALE 3 ok:STALE", "the other line leads"),
    ("A1 B1 @8 A2 T11 A3", "1 2 stale:B 3", "a line that does not lead"),
    ("A1 B1 T11", "1 stale:A stale:B", "both"),
    ("A1 B1 A3 @8 A4 T11", "1 stale:B gap2-3 ok:GAP 3 4", "silence ends the wait for a line"),
    ("A1 B1 B- A3", "1 gap2-3 ok:GAP 3", "so does a close"),
    (f"A1 B1 A3 {QUOTES} T10", "1 q1", "a hole younger than the limit"),
    (f"A1 B1 A3 {QUOTES} T11", "1 q1 gap2-3 ok:GAP 3", "B's quotes go on, its trades do not"),
    (f"A1 B1 A3 {QUOTES} T11 A5", "1 q1 gap2-3 ok:GAP 3 gap4-5 ok:GAP 5", "nor are waited for"),
    (f"A1 B1 A3 {QUOTES} T11 B2 B3 B4 A5", "1 q1 gap2-3 ok:GAP 3 4 5", "until they go on"),
    (f"A1 B1 A3 {QUOTES} A5 T11", "1 q1 gap2-3 ok:GAP 3 gap4-5 ok:GAP 5", "two holes"),
    (f"A1 B1 A3 @5 B2 A5 {QUOTES} T11", "1 2 A>B:GAP 3 q1", "the second is younger"),
    (f"A1 B1 A3 @5 B2 A5 {QUOTES} T15", "1 2 A>B:GAP 3 q1 gap4-5 ok:GAP 5", "and waits as long"),
    (f"As1 Bs1 Ad2-2 Bd2-2 Ad4-4 {QUOTES} T11 As4", "s1 d2-2 q1 gap3-4 s4 ok:GAP", "a book"),
    ("A1 B1 A3 A- B- T11", "1 stale:A stale:B gap2-3 ok:GAP 3", "none is left to fill a hole"),
    ("T100 @5 A1 B1 A3 T20 T109", "1", "a hole's time is the clock's, which was set back"),
    ("A1 A- T10", "1", "its last connection closed less than the limit ago"),
    ("A1 A- T11 T12 T30", "1 stale:A", "its last connection closed and none came"),
    ("A1 @8 A- T11 T17", "1", "a close is a sign of life"),
    ("A1 @8 A- T11 T18", "1 stale:A", "the last one"),
    ("A1 A- T11 @12 A'2", "1 stale:A ok:STALE 2", "its next connection, late"),
    ("A1 A- @10 A'2 T12 T19", "1 2", "its next connection, within the limit"),
    ("A1 A'2 A- @8 A'3 T11 T17", "1 2 3", "a successor that came first"),
    ("A1 A- A'2 A'- T11", "1 2 stale:A", "the successor closed too"),
    ("A1 T11 A- T30", "1 stale:A", "closed when it was stale: told once"),
    ("A1 A- @8 A2 T11 T17 T18", "1 2 stale:A", "it speaks after its close"),
    ("A1 B1 A- @8 B2 T11 A'2", "1 A>B:CLOSED 2 stale:A ok:STALE", "the leader closed"),
    ("A1 B1 A- B- T11", "1 stale:A stale:B", "all lines closed"),
    ("A1 A- B2 A'2 A'3 B3", "1 A>B:CLOSED 2 3", "no fail-back"),
    ("A1 A- A'2", "1 2", "a reconnect is no failover"),
    ("A1 @8 A'2 T12 T17", "1 2", "a predecessor that fell silent without a close"),
    ("A1 @8 A'2 T12 T18", "1 2 stale:A", "then its successor"),
    ("@30 A1 T20 T35", "1", "frames newer than the clock"),
    ("T100 @5 A1 T20 T109", "1", "the clock was set back: silent since 100 s"),
    ("T100 @5 A1 T105 A2 T114", "1 2", "heard again at 105 s"),
    ("T100 @5 A1 T20 T110", "1 stale:A", "and then it is stale"),
    ("@10 A1 @5 A2 T19", "1 2", "the frames' clock was set back: heard at 10 s"),
    ("@10 A1 @5 A2 T20", "1 2 stale:A", "and 10 s after that it is stale"),
    ("Ag T30", "dead:MALFORMED_JSON", "garbage alone makes no feed"),
    ("A1 @8 Ag T11", "1 dead:MALFORMED_JSON stale:A", "garbage is no sign of life"),
]


@pytest.mark.parametrize(("text", "expected"), [pytest.param(*c[:2], id=c[2]) for c in CASES])
def test_silence_and_failover(text: str, expected: str) -> None:
    assert play(text) == expected


def test_a_hole_waits_as_long_through_a_snapshot() -> None:
    """A state saved before there was such a limit counts from its stream's next message."""
    logic, text = MarketLogic(PARSERS), f"A1 B1 A3 {QUOTES} A4 T11 @12 A5 @20 Aq2 Bq2 T21 T22"
    inputs = Scribe().write(text)
    state, _ = logic.step(logic.initial(), batch_of(inputs[:7]))
    body = logic.dump(state)
    assert told(logic.step(logic.load(body, 1), batch_of(inputs[7:8]))[1]) == "gap2-3 ok:GAP 3 4"
    before = re.sub(rb'"since_ms":[^,}]*,', b"", body)
    assert before != body
    loaded, outputs = logic.step(logic.load(before, 1), batch_of(inputs[7:-1]))
    assert told(outputs) == "q2"
    assert told(logic.step(loaded, batch_of(inputs[-1:]))[1]) == "gap2-3 ok:GAP 3 4 5"


def test_closed_connections_leave_nothing_behind() -> None:
    """A line that reconnects each second."""
    ends = [f"@{at} A{chr(39) * at}{at} A{chr(39) * at}-" for at in range(1, 60)]
    state, _ = played(Scribe().write(" ".join([*ends, "T60 T80 T100"])))
    (feed,) = state.feeds.values()
    assert len(feed.connections) == 1
    assert not state.due


def test_an_hour_of_backlog_makes_nothing_stale() -> None:
    """Frames and ticks of an hour, one a second, merged by log time."""
    text = " ".join(f"@{second} A{second} B{second} T{second}" for second in range(1, 3601))
    assert told(played(Scribe().write(text))[1]).split() == [str(n) for n in range(1, 3601)]


def test_event_times_do_not_matter() -> None:
    """The frames' own times are of 1970, the log's of 2001."""
    assert play("@1000000000 A1 T1000000005 A2 T1000000009") == "1 2"


def test_the_limit_is_the_venues() -> None:
    settings = DEFAULTS._replace(stale_ms_of={"BINANCE": 60_000})
    assert play("A1 T59", settings) == "1"
    assert play("A1 T61", settings) == "1 stale:A"


def test_a_close_counts_in_its_own_partition_only() -> None:
    """The same connection feeds two keys: each hears of its end in its own order."""
    bitcoin, ether = Scribe(), Scribe("ethusdt", partition=1)
    inputs = [*bitcoin.write("A1 B1 A3"), *map(_of_bitcoins_connections, ether.write("A1 B1 A3"))]
    close = bitcoin.record("B", "B", "-")
    _, before = played(inputs)
    _, after = played([*inputs, close])
    assert told(before) == "1 1"
    assert told(after) == "1 1 gap2-3 ok:GAP 3"
    assert {output.event.instrument for output in after if output.topic == "md.trade.v1"} == {
        "BTCUSDT.BINANCE",
        "ETHUSDT.BINANCE",
    }


def _of_bitcoins_connections(record: Input) -> Input:
    line = record.event.line
    return record._replace(event=record.event._replace(connection=f"btcusdt/{line}"))


def test_a_tick_costs_the_same_however_many_feeds() -> None:
    """A tick looks again only at connections not looked at for the limit."""
    inputs = [record for n in range(50) for record in Scribe(f"s{n}").write("A1")]
    state, _ = played(inputs)
    looked_at = list(state.due)
    state, _ = played([*inputs, *Scribe().write("T2 T3 T4 T5")])
    assert state.due == looked_at


def test_what_a_tick_shows_has_the_ticks_time() -> None:
    """A gap that silence settles: nothing was received, so the clock's time is its age's basis."""
    _, outputs = played(Scribe().write("A1 B1 A3 @8 A4 T11"))
    told_by_it = [o.event for o in outputs if o.position.topic == CLOCK]
    found = [e.ts_recv_ns for e in told_by_it if isinstance(e, FeedGapped | FeedRecovered)]
    assert found == [11_000_000_000, 11_000_000_000]
    assert [e.ts_ns for e in told_by_it if isinstance(e, FeedWentStale)] == [11_000_000_000]
