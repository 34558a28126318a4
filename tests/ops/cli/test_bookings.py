"""`tape adjust` and `tape transfer`: nonsense is refused with one line, and nothing is booked."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ops.processes import names, transfers
from schemas.events import PositionAdjusted, TransferAnnounced
from tests.ops.cli.ran import Ran
from tests.ops.processes.known import Control
from tests.pipelines.risk.rig import ACCOUNT, INSTRUMENT

WHY = ("--person", "ada", "--reason", "test", "--evidence", "TICKET-7")
ADJUST = f"adjust {ACCOUNT} {INSTRUMENT}"
ANNOUNCE = f"transfer announce {ACCOUNT}"
SEE = "see `tape limits show`, or book it all the same with --unlisted"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Control:
    made = Control()
    made.serve(monkeypatch, names, transfers)
    made.take(monkeypatch, tmp_path, transfers)
    return made


@pytest.fixture
def tape(desk: Control, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ran:
    return Ran(monkeypatch, capsys)


def booked(desk: Control) -> list[Any]:
    kinds = (PositionAdjusted, TransferAnnounced)
    return [event for event in desk.told() if isinstance(event, kinds)]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param(f"{ADJUST} 0.5 --price -1", "a price is above 0; without --price", id="sign"),
        pytest.param(f"{ADJUST} 0.5 --price 0.00", "a price is above 0", id="for nothing"),
        pytest.param(f"{ADJUST} 0", "an adjustment of nothing is no adjustment", id="nothing"),
        pytest.param(f"{ADJUST} 0 --unlisted", "an adjustment of nothing", id="nothing anyway"),
        pytest.param(
            f"adjust {ACCOUNT} NOPE 1",
            f"no instrument NOPE is known, only {INSTRUMENT}: {SEE}",
            id="instrument",
        ),
        pytest.param(
            f"adjust {ACCOUNT} BTCUSDT 1", "no instrument BTCUSDT is known", id="no venue"
        ),
        pytest.param(
            f"adjust nosuch {INSTRUMENT} 1",
            f"no account nosuch is known, only {ACCOUNT} (not read: gateways, caps file): {SEE}",
            id="account",
        ),
        pytest.param(f"{ANNOUNCE} USDT 0", "a transfer of nothing is no transfer", id="no money"),
        pytest.param(
            f"{ANNOUNCE} usdt 5", f"no asset usdt is known, only BTC, USDT: {SEE}", id="asset"
        ),
        pytest.param("transfer announce nosuch USDT 5", "no account nosuch is known", id="whose"),
    ],
)
def test_what_makes_no_sense_is_not_booked(tape: Ran, desk: Control, line: str, says: str) -> None:
    code, out, err = tape(*line.split(), *WHY)
    assert (code, out, booked(desk)) == (2, "", [])
    assert err.startswith(f"tape: {says}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "line", [f"adjust  {INSTRUMENT} 1", f"adjust {ACCOUNT}  1", f"transfer announce {ACCOUNT}  1"]
)
def test_an_empty_name_is_refused_whatever_else_is_said(
    tape: Ran, desk: Control, line: str
) -> None:
    code, _, err = tape(*line.split(" "), "--unlisted", *WHY)
    assert (code, booked(desk)) == (2, [])
    assert err.endswith("is empty\n")


def test_an_opening_of_an_account_that_nobody_knows_is_refused(tape: Ran, desk: Control) -> None:
    code, _, err = tape("transfer", "opening", "nosuch", *WHY[:4])
    assert (code, booked(desk)) == (2, [])
    assert err.startswith(f"tape: no account nosuch is known, only {ACCOUNT}")


def test_what_is_known_is_booked_without_a_word(tape: Ran, desk: Control) -> None:
    bought = tape(*ADJUST.split(), "-0.5", "--price", "100.05", *WHY)
    paid = tape(*ANNOUNCE.split(), "USDT", "-5", *WHY)
    assert [(code, err) for code, _, err in (bought, paid)] == [(0, "")] * 2
    adjusted, moved = booked(desk)
    assert (adjusted.qty, adjusted.price) == (Decimal("-0.5"), Decimal("100.05"))
    assert (moved.account, moved.asset, moved.qty) == (ACCOUNT, "USDT", Decimal(-5))


def test_the_same_again_under_its_id_is_booked_once(tape: Ran, desk: Control) -> None:
    """As after a command of which nobody saw the end."""
    line = (*ANNOUNCE.split(), "USDT", "-5", *WHY, "--id", "T7", "--output", "json")
    first, again = tape(*line), tape(*line)
    assert first == again
    assert first[0] == 0
    assert len(booked(desk)) == 1


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(f"{ANNOUNCE} USDT 6", id="another amount"),
        pytest.param(f"{ANNOUNCE} BTC 5", id="another asset"),
        pytest.param(f"{ADJUST} 5", id="a position"),
    ],
)
def test_an_id_is_of_one_booking(tape: Ran, desk: Control, line: str) -> None:
    """Whoever reads the log would leave the second one out, without a word."""
    assert tape(*ANNOUNCE.split(), "USDT", "5", *WHY, "--id", "T7")[0] == 0
    code, out, err = tape(*line.split(), *WHY, "--id", "T7")
    assert (code, out, len(booked(desk))) == (2, "", 1)
    assert err.startswith("tape: id T7 is that of another booking, ops.control.v1/0/")
    assert err.endswith(f": {ACCOUNT}, BINANCE, USDT, 5\n")


def test_what_left_the_limits_can_be_booked_with_a_warning(tape: Ran, desk: Control) -> None:
    sold = tape("adjust", ACCOUNT, "LUNAUSDT.BINANCE", "-1", "--unlisted", *WHY)
    fees = tape(*ANNOUNCE.split(), "BNB", "2", "--unlisted", *WHY)
    assert [code for code, _, _ in (sold, fees)] == [0, 0]
    assert sold[2].startswith("tape: warning: no instrument LUNAUSDT.BINANCE is known")
    assert fees[2].startswith("tape: warning: no asset BNB is known")
    assert [type(event) for event in booked(desk)] == [PositionAdjusted, TransferAnnounced]


def test_a_strategy_that_trades_no_more_is_a_warning(tape: Ran, desk: Control) -> None:
    code, _, err = tape(*ADJUST.split(), "1", "--strategy", "old", *WHY)
    assert (code, len(booked(desk))) == (0, 1)
    assert err.startswith("tape: warning: no strategy old is known, only ")


def test_without_limits_it_is_booked_and_said_that_nobody_could_tell(
    tape: Ran, desk: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "limits_in_force", lambda *_: None)
    code, _, err = tape(*ADJUST.split(), "1", *WHY)
    assert (code, len(booked(desk))) == (0, 1)
    assert f"it is not known whether the instrument {INSTRUMENT} is right" in err
    assert f"it is not known whether the account {ACCOUNT} is right" in err
