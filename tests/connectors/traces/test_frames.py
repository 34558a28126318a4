"""What a connector shows of its frames: each second once, when all of it is on the log."""

from __future__ import annotations

from connectors.traces.frames import LATE_NS, FrameSpans
from connectors.traces.ids import frames_ids
from connectors.traces.spans import Span

S = 10**9


class Line:
    """Line A of a venue, its clock, and what it showed."""

    def __init__(self) -> None:
        self.now_ns, self.shown = 0, list[Span]()
        self.spans = FrameSpans(self.shown.append, "BINANCE", "A", lambda: self.now_ns)

    def at(self, now_ns: int) -> list[Span]:
        """What a turn at that time adds."""
        self.now_ns, before = now_ns, len(self.shown)
        self.spans.turn()
        return self.shown[before:]

    def confirmed(self, recv_ns: int, took_s: float = 0.001) -> None:
        self.spans.confirmed(recv_ns, took_s, 100)


def test_a_second_is_shown_once_all_of_it_is_on_the_log() -> None:
    line = Line()
    for recv_ns in (5 * S + 1, 5 * S + 2, 6 * S):
        line.spans.given(recv_ns)
    line.confirmed(5 * S + 1, 0.002)
    assert line.at(6 * S + 5) == [], "one record is under way"
    line.confirmed(5 * S + 2, 0.25)
    [span] = line.at(6 * S + 7 + LATE_NS)
    assert (span.service, span.name, span.failed) == ("connector", "frames", False)
    assert span.ids == frames_ids("BINANCE", "A", 5 * S + 999)
    assert (span.start_ns, span.end_ns) == (5 * S + 1, 6 * S + 5)
    assert (span.facts["tape.records"], span.facts["tape.bytes"]) == (2, 200)
    assert span.facts["tape.slowest_us"] == 250_000
    line.confirmed(6 * S)
    assert line.at(6 * S + 9 + LATE_NS) == [], "the second is not over"
    assert len(line.at(7 * S + LATE_NS)) == 1


def test_a_frame_that_waited_for_a_busy_process_is_in_its_second() -> None:
    line = Line()
    line.spans.given(5 * S)
    line.confirmed(5 * S)
    assert line.at(7 * S) == [], "more of it may wait"
    line.spans.given(6 * S - 1)
    line.confirmed(6 * S - 1)
    [span] = line.at(6 * S + LATE_NS)
    assert (span.facts["tape.records"], span.start_ns) == (2, 5 * S)
    assert span.end_ns >= 6 * S - 1


def test_what_is_not_confirmed_at_the_end_is_said() -> None:
    line = Line()
    line.spans.given(5 * S)
    line.spans.given(5 * S + 1)
    line.confirmed(5 * S)
    line.now_ns = 9 * S
    line.spans.close()
    [span] = line.shown
    assert (span.failed, span.end_ns) == (True, 9 * S)
    assert (span.facts["tape.records"], span.facts["tape.unconfirmed"]) == (2, 1)


def test_a_clock_that_is_set_back_shows_no_second_twice() -> None:
    line = Line()
    for recv_ns in (5 * S, 5 * S + 1):
        line.spans.given(recv_ns)
        line.confirmed(recv_ns)
        line.at(6 * S + LATE_NS)
    assert len(line.shown) == 1


def test_lines_venues_and_seconds_differ() -> None:
    names = {
        frames_ids(venue, line, recv_ns)
        for venue in ("BINANCE", "COINBASE")
        for line in ("A", "B")
        for recv_ns in (0, S)
    }
    assert len(names) == 8
