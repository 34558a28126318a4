"""The kept result of a backtest.

1. The desk's records lie in the archive's layout; the same run gives the same bytes.
2. A real browser shows the report: every chart is drawn, nothing is asked of anybody.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.exact import plain
from replay.archive.reader import index
from replay.archive.store import FolderStore
from replay.backtest.chart import Mark, bar_chart, shown, ticks, time_chart
from replay.backtest.report import page
from replay.backtest.store import store
from replay.backtest.story import Story
from replay.backtest.summary import summary
from tests.browser import chromium, visit
from tests.replay.backtest.market import captured, log_of
from tests.replay.backtest.test_run import SECONDS, example, run, setting

FACTS = {"configuration": "tape.toml", "configuration_sha256": "00", "code_version": "11"}
GIVEN = {**FACTS, "parameters": {}, "assumed": {"order_ms": "5"}}


def files_of(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_the_same_run_gives_the_same_files(tmp_path: Path) -> None:
    first = store(example(), GIVEN, tmp_path / "a")
    again = store(example(), GIVEN, tmp_path / "b")
    assert first.folder.name == again.folder.name
    assert files_of(first.folder) == files_of(again.folder)
    other = store(example(), {**GIVEN, "assumed": {"order_ms": "6"}}, tmp_path / "a")
    assert other.folder != first.folder


def test_a_result_of_the_same_name_is_replaced(tmp_path: Path) -> None:
    """The ranges of a log that was wiped, or of a corrected import, name other records."""
    other = run(log_of(captured(SECONDS)), taker_fee=Decimal("0.002"))
    assert other.records.counts() == example().records.counts()
    wanted = store(other, GIVEN, tmp_path / "a")
    kept = store(example(), GIVEN, tmp_path / "b")
    again = store(other, GIVEN, tmp_path / "b")
    assert again.folder == kept.folder
    assert files_of(again.folder) == files_of(wanted.folder)
    assert [again.folder] == list((tmp_path / "b").iterdir())


def test_every_record_lies_in_the_archives_layout(tmp_path: Path) -> None:
    run = store(example(), GIVEN, tmp_path)
    rows: dict[str, int] = {}
    for tp, files in index(FolderStore(run.folder)).items():
        for name in files:
            table = pq.read_table(run.folder / name.path, columns=["_event", "_value"])
            rows[tp.topic] = rows.get(tp.topic, 0) + table.num_rows
            assert None not in table["_event"].to_pylist()
    assert rows == example().records.counts()
    kept = json.loads((run.folder / "run.json").read_text())
    assert {name: one["digest"] for name, one in kept["outputs"].items()} == (
        example().records.digests()
    )
    assert json.loads((run.folder / "summary.json").read_text())["fills"] >= 5


def test_the_summary_adds_up() -> None:
    numbers, story = summary(example().story), example().story
    assert numbers["requested"] == numbers["approved"] + sum(numbers["denied"].values())
    assert numbers["fills"] == story.events["OrderFilled"]
    assert story.last is not None
    assert numbers["profit"] == plain(story.last.profit)
    assert story.drawdown.largest >= -story.last.profit


# ---- the report ----------------------------------------------------------------------------------


def test_the_report_asks_nobody_for_anything(tmp_path: Path) -> None:
    text = store(example(), GIVEN, tmp_path).report.read_text()
    assert not re.search(r"https?://|<script|<link|<img|@import|url\(", text)
    assert "default-src &#x27;none&#x27;" in text or "default-src 'none'" in text


def test_a_browser_shows_the_report(tmp_path: Path) -> None:
    run = store(example(), GIVEN, tmp_path)
    with chromium() as browser, visit(browser, (1200, 2600)) as seen:
        seen.page.goto(run.report.as_uri())
        dom, picture = seen.page.content(), seen.page.screenshot()
        assert seen.said == []
        assert seen.asked == [run.report.as_uri()]
    assert dom.count("<svg") == 7, "profit, drawdown, exposure, two instruments, slippage, denials"
    assert (
        dom.count('<polygon class="buy"') + dom.count('<polygon class="sell"')
        == (run.numbers["fills"])
    )
    assert len(picture) > 40_000, "an empty page compresses to far less"


def test_a_run_without_a_single_fill_has_a_report() -> None:
    story = Story(setting().limits)
    shown_ = page("nothing happened", story, summary(story), [])
    assert shown_.count("nothing to show") >= 4
    assert "<b" in shown_


def test_texts_cannot_become_markup() -> None:
    story = Story(setting().limits)
    text = page("<b>&", story, summary(story), [("<i>", "<script>")])
    assert "<script>" not in text
    assert "&lt;b&gt;&amp;" in text


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.0, 100.0, ["0", "20", "40", "60", "80", "100"]),
        (-0.05, 0.05, ["-0.04", "-0.02", "0.00", "0.02", "0.04"]),
        (61_750.0, 61_860.0, ["61,750", "61,775", "61,800", "61,825", "61,850"]),
    ],
)
def test_ticks_are_round(low: float, high: float, labels: list[str]) -> None:
    steps = ticks(low, high)
    assert [shown(step, steps[1] - steps[0]) for step in steps] == labels


def test_one_point_and_equal_points_are_drawn() -> None:
    one = time_chart([(1_000, Decimal(5))], marks=[Mark(1_000, Decimal(5), "buy", "here")])
    assert "NaN" not in one
    assert one.count("<polygon") == 1
    level = time_chart([(1_000, Decimal(5)), (2_000, Decimal(5))], "area")
    assert level.count("<polyline") == 1
    for number in (0, -1, 1):
        flat = [(1_000, Decimal(number)), (2_000, Decimal(number))]
        assert time_chart(flat, "area").count("<polyline") == 1
        assert time_chart(flat, zero=True).count('class="y"') >= 2
    assert bar_chart([]) == '<p class="empty">none</p>'
