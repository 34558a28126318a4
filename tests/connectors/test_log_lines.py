"""Lines of log: one JSON object each, with what the process is; repeats counted, objects hidden."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from io import StringIO

import pytest

from connectors import log_lines
from connectors.log_repeats import GROUPS_MAX, PASS, WINDOW_S, Repeats
from ops.settings import ROOT
from schemas.errors import TapeError


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def said(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """What a process writes as JSON; the logger is `tape.said`."""
    stream, logger = StringIO(), logging.getLogger("tape.said")
    monkeypatch.setattr(log_lines, "_bound", {})
    monkeypatch.setattr(log_lines, "_epoch", [])
    handler = log_lines.handler_to(stream, "json", Repeats(clock))
    logger.addHandler(handler)
    logger.setLevel("DEBUG")
    yield stream
    logger.removeHandler(handler)


LOG = logging.getLogger("tape.said")


def lines(stream: StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_says_what_process_and_what_order_it_is_about(said: StringIO) -> None:
    log_lines.bind(process="market", pipeline="market", shard=0, version="abc")
    log_lines.follow_epoch(lambda: 7)
    LOG.warning("cancel of %s", "c1", extra={"cl_ord_id": "c1", "correlation_id": "t1"})
    [line] = lines(said)
    assert str(line.pop("ts")).endswith("+00:00")
    assert line == {
        "level": "WARNING",
        "logger": "tape.said",
        "message": "cancel of c1",
        "process": "market",
        "pipeline": "market",
        "shard": 0,
        "version": "abc",
        "cl_ord_id": "c1",
        "correlation_id": "t1",
        "epoch": 7,
    }


def test_an_error_with_its_lines_stays_one_line(said: StringIO) -> None:
    try:
        raise TapeError("two\nlines")
    except TapeError:
        LOG.exception("broken")
    [line] = lines(said)
    assert "two\nlines" in str(line["exception"])


class Held:
    """Something that holds a secret."""

    def __str__(self) -> str:
        return "canary"

    __repr__ = __str__


@pytest.mark.parametrize(
    "value", [Held(), {"password": "canary"}, ["canary"], b"canary"], ids=lambda v: type(v).__name__
)
def test_an_object_cannot_spill_what_it_holds(said: StringIO, value: object) -> None:
    LOG.error("with %s and %r", value, value)
    [line] = lines(said)
    assert line["message"] == f"with <{type(value).__name__}> and '<{type(value).__name__}>'"


def test_repeats_are_left_out_and_counted(said: StringIO, clock: Clock) -> None:
    for number in range(PASS + 3):
        LOG.warning("no answer, attempt %d", number)
    assert len(lines(said)) == PASS
    clock.now_s += WINDOW_S
    LOG.warning("no answer, attempt %d", 99)
    *_, last = lines(said)
    assert (last["message"], last["left_out"]) == ("no answer, attempt 99", 3)


def test_what_was_left_out_is_told_before_the_next_line(said: StringIO, clock: Clock) -> None:
    for number in range(PASS + 3):
        LOG.warning("no answer, attempt %d", number)
    clock.now_s += WINDOW_S
    LOG.info("something else")
    *_, late, last = lines(said)
    assert (late["message"], late["left_out"]) == ("no answer, attempt 7", 2), "and two more"
    assert "left_out" not in last
    LOG.info("something else again")
    assert len(lines(said)) == PASS + 3, "told once"


def test_what_was_left_out_is_told_at_the_end(said: StringIO) -> None:
    for _ in range(PASS + 1):
        LOG.warning("no answer")
    [handler] = LOG.handlers
    assert isinstance(handler, log_lines.Handler)
    handler.finish()
    handler.finish()
    assert len(lines(said)) == PASS + 1


def test_the_labels_are_documented_and_bounded(said: StringIO) -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text()
    *names, last = (f"`{name}`" for name in log_lines.LABELS)
    assert f"{', '.join(names)} and {last} have few values: labels for Loki" in page
    assert not {*log_lines.LABELS} & {*log_lines.ABOUT, "epoch", "message", "ts", "version"}


def test_what_is_critical_is_never_left_out(said: StringIO) -> None:
    for _ in range(3 * PASS):
        LOG.critical("fenced")
    assert len(lines(said)) == 3 * PASS


def test_different_things_said_alike_are_not_repeats(said: StringIO) -> None:
    for number in range(2 * PASS):
        LOG.info("%s opened", number)
        LOG.warning("%s", f"error {number}")
    assert len(lines(said)) == 4 * PASS


def test_errors_are_kept_grouped_and_bounded(clock: Clock) -> None:
    repeats = Repeats(clock)
    for number in range(GROUPS_MAX + 1):
        for _ in range(2):
            made = logging.LogRecord("x", logging.ERROR, "f", 1, f"error {number}", (), None)
            made.created = float(number)
            repeats.filter(made)
    rows = repeats.rows()
    assert len(rows) == GROUPS_MAX
    assert (rows[0]["last"], rows[0]["count"]) == (f"error {GROUPS_MAX}", 2)
    assert "error 0" not in {row["last"] for row in rows}, "the oldest makes room"
