"""The latch file: who reads it knows what is halted, or that everything is."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.gateway.latch import Halt, Latch, LatchBroken, halts, hold, latch_path, release
from pipelines.gateway.scopes import HALTED, States

DESK = Halt(None, None, None, "ada", "spread looks wrong", 1)
ONE = Halt("desk", None, "BTCUSDT.BINANCE", "bob", "drift", 2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = latch_path(tmp_path)
    found.parent.mkdir()
    return found


def test_what_is_held_is_read_at_once_and_gone_when_released(path: Path) -> None:
    latch = Latch(path)
    assert latch.states() == States()
    hold(path, DESK)
    assert latch.states() == States({DESK.scope: HALTED})
    hold(path, ONE)
    assert latch.states() == States({DESK.scope: HALTED, ONE.scope: HALTED})
    release(path, DESK.scope)
    assert latch.states() == States({ONE.scope: HALTED})
    release(path, DESK.scope)
    release(path, ONE.scope)
    assert latch.states() == States()
    assert not path.exists()


def test_the_newest_word_on_a_scope_stays(path: Path) -> None:
    hold(path, DESK)
    again = Halt(None, None, None, "eve", "again", 3)
    hold(path, again)
    assert halts(path) == [again]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[{]", id="no JSON"),
        pytest.param(b"{}", id="no list"),
        pytest.param(b'[{"account": null}]', id="half an entry"),
        pytest.param(b'[{"account": 1}]', id="another type"),
    ],
)
def test_a_latch_that_cannot_be_read_halts_everything(path: Path, body: bytes) -> None:
    latch = Latch(path)
    path.write_bytes(body)
    assert latch.states() is None
    with pytest.raises(LatchBroken, match=r"latch\.json"):
        release(path, DESK.scope)
    assert latch.states() is None
    hold(path, ONE)  # what it said is not known any more: everything stays halted
    assert latch.states() == States({DESK.scope: HALTED, ONE.scope: HALTED})


def test_a_folder_that_is_gone_or_in_the_way_halts_everything(path: Path) -> None:
    latch = Latch(path)
    path.mkdir()
    assert latch.states() is None
    path.rmdir()
    assert latch.states() == States()
    path.parent.rmdir()
    assert latch.states() is None
    path.parent.touch()
    assert latch.states() is None


def test_the_file_is_read_again_only_when_it_changed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(path, DESK)
    latch = Latch(path)
    assert latch.states() is not None
    monkeypatch.setattr("connectors.gateway.latch.halts", None)
    assert latch.states() == States({DESK.scope: HALTED})
