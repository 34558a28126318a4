"""A time line, over a real traded run and over courses made by hand.

1. The run's moments and counts are those of its log, found by reading it whole.
2. A span cuts: what lies outside is not told, what opened a shard inside is.
3. Log and archive tell the same.
4. Crash, fence, upgrade, missing epochs and silences are told; an orderly stop is not a silence.
5. What people wrote cannot break a table, and the review has the time line in it.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from connectors.log.interface import OutRecord, Tp
from connectors.log.memory import MemoryLog
from ops import cli
from ops.review import review_of
from pipelines.batches import local_codec
from replay.archive.schemas import archived_ids
from replay.archive.source import ArchiveLog
from replay.archive.store import FolderStore
from replay.timeline.courses import SILENT_MS, GatewayCourse, ShardCourse
from replay.timeline.moments import COUNTED, HOW, Moment, told
from replay.timeline.reading import Records
from replay.timeline.run import NAMES, Timeline, timeline
from replay.timeline.text import as_json, as_markdown, cell, stamp
from replay.times import EVERYTHING, Span
from schemas import events
from schemas.catalog import load_catalog
from schemas.codec import Codec
from schemas.events import EpochCommitted, GatewayReady, ShardOpened, TradingHalted
from tests.connectors.epochs import toy
from tests.connectors.epochs.crash import At, exit_of, survives
from tests.connectors.epochs.test_law_crash import BOUNDS, short_log
from tests.replay import traded

CODEC = local_codec()
WITHOUT_MARKET = ("md.trade.v1", "md.quote.v1", "md.mark.v1", "signal.target.v1")


@pytest.fixture(scope="module")
def whole(traded_log: MemoryLog) -> Timeline:
    return timeline(traded_log, CODEC, EVERYTHING)


def names(log: MemoryLog) -> Counter[str]:
    return Counter(
        CODEC.name_of(record.value)
        for tp, part in log.partitions.items()
        if tp.topic not in WITHOUT_MARKET
        for _, record in part.committed(0, part.end)
    )


def test_everything_that_the_log_holds_is_told_or_counted(
    whole: Timeline, traded_log: MemoryLog
) -> None:
    held, moments = names(traded_log), Counter(one.what for one in whole.moments)
    counts: Counter[str] = Counter()
    for one in whole.counts:
        counts[one.what] += one.times
    assert counts == {name: n for name, n in held.items() if name in COUNTED}
    assert {name: moments[name] for name in HOW if name in held} == {
        name: n for name, n in held.items() if name in HOW
    }
    assert moments["Started"] == moments["Stopped"] == held["ShardOpened"] == 4
    assert moments["GatewayReady"] == 1, "the same one again and again"
    assert not whole.notes


def test_moments_are_in_order_and_lie_where_they_say(
    whole: Timeline, traded_log: MemoryLog
) -> None:
    assert whole.moments == sorted(whole.moments)
    for one in whole.moments:
        topic, partition, offset = one.place.split("/")
        part = traded_log.partitions[Tp(topic, int(partition))]
        [(_, record)] = part.committed(int(offset), int(offset) + 1)
        if one.what in HOW:
            assert CODEC.name_of(record.value) == one.what


def test_a_span_cuts_on_both_sides(whole: Timeline, traded_log: MemoryLog) -> None:
    opened = next(one for one in whole.moments if one.what == "Started" and "strat" in one.whom)
    cleared = next(one for one in whole.moments if one.what == "BreakCleared")
    found = timeline(traded_log, CODEC, Span(opened.at_ms, cleared.at_ms))
    inside = [one for one in whole.moments if opened.at_ms <= one.at_ms < cleared.at_ms]
    silences = {one for one in inside if one.what == "GatewaySilent"}
    assert {*found.moments} | silences == {*inside}, "a silence may end outside"
    assert opened in found.moments
    assert cleared not in found.moments
    assert sum(one.times for one in found.counts) < sum(one.times for one in whole.counts)


def test_an_archive_tells_what_its_log_does(
    whole: Timeline, traded_log: MemoryLog, traded_root: Path
) -> None:
    store, catalog = FolderStore(traded_root), load_catalog()
    codec = Codec(catalog, archived_ids(store, catalog))
    archived = timeline(ArchiveLog(store), codec, EVERYTHING)
    assert (archived.moments, archived.counts) == (whole.moments, whole.counts)


def test_what_is_trimmed_or_cannot_be_read_is_said() -> None:
    log = traded.load()
    tp = Tp("recon.break.v1", 3)
    log.append(OutRecord("ops.control.v1", 0, b"", b"\0\0\0\0\1?", 1))
    log.trim(tp, log.bounds(tp)[1])
    notes = timeline(log, CODEC, EVERYTHING).notes
    assert notes == [
        "may begin too late, trimmed before: recon.break.v1/3",
        "1 records that no schema decodes are left out",
    ]


OPENED = ShardOpened("risk", 0, 1, "a" * 32, "host", 1, "v" * 64, "x86_64", 7, (), 0)
EPOCH: Any = EpochCommitted(
    "risk", 0, 1, 7, "INPUT", (), (), 0, b"", False, None, None, "v" * 64, "a" * 32, "", b""
)
STOP = EPOCH._replace(sequence=8, reason="STOP")
SUCCESSOR = OPENED._replace(instance="b" * 32, next_sequence=8)
CARRY = events.Boundary("UPGRADE_CARRY", "v" * 64, "w" * 64, "new limits", "", 3, 9, 1, 2)


def shard(*records: tuple[int, Any], end_ms: int = 0) -> list[tuple[int, str, str]]:
    course = ShardCourse("risk-0")
    told = [one for at, event in records for one in course.take(event, at, "p")]
    return [(one.at_ms, one.what, one.how) for one in [*told, *course.end(end_ms)]]


def whats(*records: tuple[int, Any], end_ms: int = 0) -> list[str]:
    return [what for _, what, _ in shard(*records, end_ms=end_ms)]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        pytest.param([(0, OPENED), (1, EPOCH), (2, STOP)], ["Started", "Stopped"], id="orderly"),
        pytest.param(
            [(0, OPENED), (1, EPOCH), (2, SUCCESSOR)], ["Started", "Replaced"], id="no stop"
        ),
        pytest.param(
            [(0, OPENED), (1, SUCCESSOR)], ["Started", "Replaced"], id="before its first epoch"
        ),
        pytest.param(
            [(1, STOP), (99_000, SUCCESSOR._replace(next_sequence=9))],
            ["Stopped", "Started"],
            id="stopped for long",
        ),
        pytest.param(
            [(1, EPOCH), (2, EPOCH._replace(sequence=10))], ["EpochsMissing"], id="epochs missing"
        ),
        pytest.param([(1, EPOCH), (2, STOP._replace(sequence=8))], ["Stopped"], id="none missing"),
        pytest.param(
            [(1, EPOCH), (1 + SILENT_MS, STOP)], ["EpochsSilent", "Stopped"], id="silent for long"
        ),
        pytest.param([(1, EPOCH), (SILENT_MS, STOP)], ["Stopped"], id="silent for a moment"),
        pytest.param(
            [(1, EPOCH._replace(boundary=CARRY, reason="BOUNDARY"))],
            ["UPGRADE_CARRY"],
            id="upgraded",
        ),
    ],
)
def test_the_course_of_a_shard(records: list[tuple[int, Any]], expected: list[str]) -> None:
    assert whats(*records) == expected


def recorded(log: MemoryLog) -> list[Moment]:
    """What is told of a toy shard's own records."""
    course, records = ShardCourse("toy-0"), Records(log, toy.CODEC, EVERYTHING, NAMES)
    return [
        moment
        for one in records.shards("toy.epochs.v1")
        for moment in course.take(one.event, one.timestamp_ms, one.place)
    ]


@pytest.mark.parametrize("point", ["opening-sent", "epoch-cut", "epoch-sent"])
def test_a_process_that_was_killed_is_replaced(point: str) -> None:
    log = short_log()
    assert not survives(partial(toy.live, log, toy.shard(**BOUNDS), point=At(point, 0)))
    toy.live(log, toy.shard(**BOUNDS))
    opened = [one for one in toy.committed(log, "toy.epochs.v1") if isinstance(one, ShardOpened)]
    told = [one for one in recorded(log) if one.what in ("Started", "Replaced", "EpochsMissing")]
    assert [one.what for one in told] == ["Started", "Replaced"][: len(opened)]
    assert all(o.instance[:12] in t.how for o, t in zip(opened, told, strict=True))
    assert len(opened) == (1 if point == "opening-sent" else 2)


def test_a_process_that_was_fenced_is_replaced() -> None:
    log = short_log()
    successor = At("epoch-cut", 2, lambda: (toy.live(log, toy.shard(**BOUNDS)), None)[1])
    assert exit_of(partial(toy.live, log, toy.shard(**BOUNDS), point=successor)) == "exit 70"
    whats = [one.what for one in recorded(log)]
    assert whats.count("Replaced") == 1
    assert "EpochsMissing" not in whats


def test_a_shard_that_never_came_back_is_told_at_its_last_epoch() -> None:
    [(at_ms, what, how)] = shard((1_500, EPOCH), end_ms=63_750)
    assert (at_ms, what, how) == (1_500, "EpochsSilent", "no epoch for 62.250 s")
    assert shard((1, STOP), end_ms=99_000)[1:] == []


def test_who_replaces_says_how_long_the_other_was_silent() -> None:
    _, (_, _, how) = shard((0, OPENED), (1_000, EPOCH), (2_500, SUCCESSOR))
    assert how == (
        "instance bbbbbbbbbbbb, version vvvvvvvvvvvv, goes on with epoch 8; the one before left no "
        "stop: it crashed, or this fenced it, its last epoch 1.500 s ago"
    )


def test_an_upgrade_says_what_it_would_have_done() -> None:
    [(_, _, how)] = shard((1, EPOCH._replace(boundary=CARRY)))
    assert how == (
        "version vvvvvvvvvvvv to wwwwwwwwwwww; new limits; "
        "3 epochs compared: 1 outputs added, 2 removed"
    )


def test_the_course_of_a_gateway() -> None:
    ready = GatewayReady("sim-1", "BINANCE", "one", False, "c", 0, 0, "s", 0)
    course = GatewayCourse("sim-1")
    told = [
        *course.take(ready, 0, "p"),
        *course.take(ready, 2_000, "p"),
        *course.take(ready._replace(instance="two", takeover=True), 9_000, "p"),
        *course.end(14_000),
    ]
    assert [(one.at_ms, one.what, one.how) for one in told] == [
        (0, "GatewayReady", "instance one"),
        (2_000, "GatewaySilent", "no word that it is ready for 7.000 s"),
        (9_000, "GatewayReady", "instance two, takes over"),
        (9_000, "GatewaySilent", "no word that it is ready for 5.000 s"),
    ]


HALTED = TradingHalted(
    None, "ema", None, True, "OPERATOR", "ada", "a | b\n<script>", None, 1_772_460_180_120_000_000
)


def test_a_kill_names_its_scope_and_stays_in_its_cell() -> None:
    moment = told(HALTED, 1_772_460_180_120, "ops.control.v1/0/7")
    assert moment == Moment(
        1_772_460_180_120,
        "TradingHalted",
        "*/ema/*",
        "all orders canceled; OPERATOR ada: a | b\n<script>",
        "ops.control.v1/0/7",
    )
    found = Timeline(EVERYTHING, [moment], [], [])
    [row] = [line for line in as_markdown(found).splitlines() if "TradingHalted" in line]
    assert row == (
        "| 2026-03-02T14:03:00.120Z | TradingHalted | */ema/* | all orders canceled; OPERATOR ada: "
        "a \\| b &lt;script> | `ops.control.v1/0/7` |"
    )
    assert cell("a\n\n b") == "a b"


def test_the_review_has_the_time_line_in_it(whole: Timeline) -> None:
    text = review_of(whole)
    assert as_markdown(whole) in text
    assert "{{" not in text
    assert stamp(None) is None


def test_json_says_the_same(whole: Timeline) -> None:
    found = as_json(whole)
    assert [one["what"] for one in found["moments"]] == [one.what for one in whole.moments]
    assert found["moments"][0]["time"] == stamp(whole.moments[0].at_ms)
    assert sum(one["times"] for one in found["counts"]) == sum(one.times for one in whole.counts)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param([], "| time | what | whom |", id="the tables"),
        pytest.param(["--review"], "# Review: WHAT HAPPENED", id="a review"),
        pytest.param(["--output", "json"], '"what": "GatewayReady"', id="json"),
        pytest.param(["--date", "2030-01-01"], "2030-01-01T00:00:00.000Z to", id="an empty day"),
    ],
)
def test_the_command_in_its_forms(
    arguments: list[str], says: str, traded_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAPE_ARCHIVE__ROOT", str(traded_root))
    done = CliRunner().invoke(cli.build(), ["timeline", "--source", "archive", *arguments])
    assert done.exit_code == 0, done.output
    assert says in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--from", "yesterday"], "'yesterday' is not an RFC 3339 time"),
        (["--source", "memory"], "--source is log, archive, auto, not memory"),
        (["--source", "archive"], "more hold no record"),
    ],
)
def test_a_command_that_cannot_run_says_why_in_one_line(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAPE_ARCHIVE__ROOT", str(tmp_path))
    done = CliRunner().invoke(cli.build(), ["timeline", *arguments])
    assert done.exit_code == 2
    [line] = [one for one in done.stderr.splitlines() if one.startswith("tape: ")]
    assert says in line
