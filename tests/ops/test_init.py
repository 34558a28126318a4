"""`tape init` and the page that explains it: the commands of docs/signals.md are run as they stand.

1. The first block of the page is run as one script in an empty folder: init, test, try.
2. The folder's test must fail when its two forms differ, and say how.
3. A user's mistakes are one line and exit code 2.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ops.init import CannotInit, create
from ops.settings import ROOT

PAGE = (ROOT / "docs" / "signals.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A shell in the folder, with no settings but where Tape is."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TAPE_")}
    return subprocess.run(
        ["sh", "-eu", "-c", script],
        cwd=folder,
        env={**kept, "TAPE_HOME": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    create(tmp_path / "mydesk", ROOT)
    return tmp_path / "mydesk"


def test_the_page_works_as_it_stands(tmp_path: Path) -> None:
    done = run(BLOCKS[0], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "3 passed" in done.stdout
    targets = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [t["value"]["event"] for t in targets] == ["TargetChanged"] * 6
    assert {t["value"]["strategy"] for t in targets} == {"momentum"}
    assert "6 targets from 300 records" in done.stderr


def test_the_page_prepares_the_log_before_a_signal_runs_on_it() -> None:
    said = BLOCKS[1].splitlines()
    before = said[: said.index("make run")]
    for words in ("tape up", "tape topics apply", "tape schemas register", "tape run clock &"):
        assert f"$TAPE_HOME/{words}" in before


def test_the_code_of_the_page_is_the_code_of_the_template(desk: Path) -> None:
    """The example is the template's `columns`, shorter: it must keep the same words."""
    code = (desk / "signals.py").read_text()
    for words in ('pl.col("last_px").cast(pl.Float64)', 'pl.coalesce("average", px)', "quantity("):
        assert words in PAGE
        assert words in code


def test_the_folder_names_no_place_but_tapes(desk: Path) -> None:
    for path in desk.iterdir():
        text = path.read_text()
        assert "@NAME@" not in text
        assert "@TAPE_HOME@" not in text
    assert f"TAPE_HOME ?= {ROOT}" in (desk / "Makefile").read_text()
    assert str(ROOT) not in (desk / "signals.py").read_text()


def test_the_template_is_formatted_and_clean(desk: Path) -> None:
    ruff = [sys.executable, "-m", "ruff"]
    style = ["--isolated", "--line-length", "100", "."]
    for command in (["check", "--select", "E,F,I,B,UP,RUF"], ["format", "--check"]):
        subprocess.run([*ruff, *command, *style], cwd=desk, check=True)


def test_its_test_fails_when_the_two_forms_differ(desk: Path) -> None:
    signals = desk / "signals.py"
    text = signals.read_text()
    assert "above = px > pl.col" in text
    signals.write_text(text.replace("above = px > pl.col", "above = px >= pl.col"))
    done = run("make test", desk)
    assert done.returncode != 0
    assert "1 failed, 2 passed" in done.stdout
    assert "columns() want 0.0100000000 of BTCUSDT.BINANCE at offset 0" in done.stdout


def test_another_source_is_another_version(desk: Path) -> None:
    first = versions(desk)
    assert versions(desk) == first
    (desk / "signals.py").write_text((desk / "signals.py").read_text() + "\n")
    assert versions(desk) != first


def versions(desk: Path) -> set[str]:
    lines = run("make try", desk).stdout.splitlines()
    return {json.loads(line)["value"]["strategy_version"] for line in lines}


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ('"$TAPE_HOME/tape" init ../mydesk', "mydesk is there already"),
        ('"$TAPE_HOME/tape" init 5', "'5' is no name"),
        ('"$TAPE_HOME/tape" try gone.jsonl', "cannot read gone.jsonl: No such file"),
        ('echo {} | "$TAPE_HOME/tape" try -', "line 1 is not a tick"),
        ('"$TAPE_HOME/tape" try trades.jsonl --signal signals.py:Gone', "has no class Gone"),
        ("sed -i s/span/spin/ tape.toml && make try", "Momentum has no option spin; it has size"),
    ],
)
def test_a_users_mistake_is_one_line(desk: Path, script: str, says: str) -> None:
    done = run(script, desk)
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.startswith("tape: ")]
    assert len(lines) == 1
    assert says in lines[0]
    assert "Traceback" not in done.stderr


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotInit, match=r"cannot write .*file/mydesk"):
        create(tmp_path / "file" / "mydesk", ROOT)
