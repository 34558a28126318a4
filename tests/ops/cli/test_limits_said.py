"""`tape limits set`: limits of a name that nobody knows hold nothing back, and that is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.desk.prepare import desk_file
from ops.processes import limits, names
from schemas.events import LimitsChanged
from tests.ops.cli.ran import Ran
from tests.ops.processes.known import Control

EXAMPLE = desk_file("limits.yaml").read_text()
WHO = ("--person", "ada", "--reason", "test")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Control:
    made = Control()
    made.serve(monkeypatch, limits, names)
    made.take(monkeypatch, tmp_path, limits)
    monkeypatch.setenv("TAPE_CONFIG", str(desk_file("tape.toml")))
    return made


@pytest.fixture
def tape(desk: Control, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ran:
    return Ran(monkeypatch, capsys)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param("", "", "", id="right"),
        pytest.param(
            "  ema-cross:\n    EXPOSURE",
            "  emma-cross:\n    EXPOSURE",
            "no strategy emma-cross is known, only book-imbalance, ema-cross",
            id="strategy",
        ),
        pytest.param(
            "\nstrategies:",
            "\naccounts:\n  sim-2:\n    ORDERS_OPEN_MAX: 2\n\nstrategies:",
            "no account sim-2 is known, only sim-1",
            id="account",
        ),
    ],
)
def test_a_misspelt_name_is_a_warning(
    tape: Ran, desk: Control, tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in EXAMPLE
    (tmp_path / "limits.yaml").write_text(EXAMPLE.replace(old, new, 1))
    code, _, err = tape("limits", "set", str(tmp_path / "limits.yaml"), *WHO)
    assert (code, said in err, bool(err)) == (0, True, bool(said))
    assert isinstance(desk.told()[-1], LimitsChanged), "it is in force all the same"
