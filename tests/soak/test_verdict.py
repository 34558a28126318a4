"""What a soak says of its counts, and with which exit code: fed with a finished state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chaos.totals import WANTED
from tests.soak import __main__ as soak
from tests.soak.pieces import PIECES
from tests.soak.state import ROOT, Done, State, code_hash, loaded
from tests.soak.verdict import ZERO

KILLS = "kill switch, Kafka broken"
CRASHES, CHAOS = PIECES[0].name, PIECES[-1].name


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    """All is done and well; the page is a copy, and no broker is started."""
    done = {p.name: Done(code_hash(p.about), "c0ffee", p.wanted) for p in PIECES}
    done[CRASHES].counts |= dict.fromkeys(ZERO[:4], 0)
    done[KILLS].counts |= {f"{KILLS}: {word}": 0 for word in ZERO[4:]}
    done[CHAOS].counts |= WANTED
    found = State(done)
    page = tmp_path / "reliability.md"
    page.write_text(f"before\n{soak.BEGIN}\nold\n{soak.END}\nafter\n")
    monkeypatch.setattr(soak, "PAGE", page)
    monkeypatch.setattr(soak, "loaded", lambda: found)
    monkeypatch.setattr(soak, "own_stack", no_stack)
    monkeypatch.setattr("sys.argv", ["soak", "--minutes", "0"])
    return found


@contextmanager
def no_stack() -> Iterator[None]:
    yield


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.strip()


def test_a_soak_that_is_well_says_its_counts(
    state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    state.done[CRASHES].seconds = 120.0
    assert soak.main() == 0
    assert f"| {CRASHES} | 300 | 2 | c0ffee |" in soak.PAGE.read_text()
    assert said(capsys) == (
        "all done: 0 lost, 0 duplicated, 0 different, 0 disordered, 0 too late, "
        "0 not free and no alarm: see reliability.md"
    )


@pytest.mark.parametrize(
    ("piece", "count", "told"),
    [
        *((CRASHES, word, f"{CRASHES}: 7 {word}") for word in ZERO[:4]),
        *((KILLS, f"{KILLS}: {word}", f"{KILLS}: 7 {word}") for word in ZERO[4:]),
    ],
)
def test_a_count_that_must_be_0_fails_the_soak(
    state: State, capsys: pytest.CaptureFixture[str], piece: str, count: str, told: str
) -> None:
    state.done[piece].counts[count] = 7
    assert soak.main() == 1
    assert said(capsys) == f"must be 0: {told}"
    assert f"| {count} | 7 |" in soak.PAGE.read_text()


def test_it_fails_a_soak_that_is_not_done_too(
    state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    del state.done[CHAOS]
    assert soak.main() == 0
    assert said(capsys).endswith("rounds done: run again to go on")
    state.done[CRASHES].counts["lost"] = 1
    assert soak.main() == 1


def test_other_code_is_not_judged_by_counts_from_before(
    state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    state.done[CRASHES].code, state.done[CRASHES].counts["lost"] = "other", 1
    assert soak.main() == 0
    assert "run again to go on" in said(capsys)


def test_what_was_run_with_other_code_keeps_its_row_and_is_marked(
    state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    state.done[KILLS] = Done("0ld", "badcafe", 100)
    soak.main()
    rows = soak.PAGE.read_text().splitlines()
    assert [row for row in rows if row.endswith("*changed since* |")] == [
        f"| {KILLS} | 100 | - | badcafe | 0ld, *changed since* |"
    ]
    assert f"| {CRASHES} | 300 | - | c0ffee | {state.done[CRASHES].code} |" in rows
    told = said(capsys).splitlines()
    assert [line for line in told if "changed since" in line] == [
        f"{KILLS}: changed since badcafe, out of date"
    ]


def test_what_was_never_counted_is_no_zero(
    state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    del state.done[CRASHES].counts["duplicated"]
    assert soak.main() == 1
    assert "duplicated: never counted" in said(capsys)


def test_the_page_shows_what_is_kept() -> None:
    page, kept = (ROOT / "docs" / "reliability.md").read_text(), loaded()
    for name, done in kept.done.items():
        assert f"| {done.commit} | {done.code}" in row(page, name), name
        assert row(page, name).split(" | ")[1].split(" ")[0] == f"{done.rounds:,}", name
    assert all(f"| {name} | {number:,} |" in page for name, number in kept.counts.items())


def row(page: str, name: str) -> str:
    return next(line for line in page.splitlines() if line.startswith(f"| {name} |"))
