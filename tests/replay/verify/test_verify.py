"""An archived day is proven by its files and a public key, and any harm to it is found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from connectors.signing import BadKey, make_key
from replay.verify.audit import NothingArchived
from tests.replay.verify import independent
from tests.replay.verify.harm import KINDS
from tests.replay.verify.rounds import DAY, audited, survive
from tests.replay.verify.shelf import DAYS, Shelf, made


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return made(tmp_path_factory.mktemp("shelf"))


def test_a_whole_day_is_clean(shelf: Shelf) -> None:
    audit = audited(shelf)
    assert audit.findings == []
    assert audit.files == len(list(shelf.root.glob(f"*/dt={DAY}/*.parquet")))
    assert (audit.epochs, audit.inputs, audit.snapshots) == (8, 44, 2)
    opened = 2
    inputs = 40 + 2
    assert audit.rows == inputs + audit.outputs + audit.epochs + audit.snapshots + opened


def test_the_first_day_begins_its_chains(shelf: Shelf) -> None:
    audit = audited(shelf, DAYS[0])
    assert (audit.findings, audit.notes) == ([], [])


def test_an_open_day_is_not_signed(shelf: Shelf) -> None:
    [finding] = audited(shelf, DAYS[2]).findings
    assert "not closed" in finding.what


def test_a_day_that_never_was_cannot_be_verified(shelf: Shelf) -> None:
    with pytest.raises(NothingArchived, match="no manifest of 2030-01-01"):
        audited(shelf, "2030-01-01")


def test_another_key_verifies_nothing(shelf: Shelf, tmp_path: Path) -> None:
    make_key(tmp_path / "other")
    other = shelf._replace(public_pem=(tmp_path / "other.pub").read_bytes())
    assert any(
        "signature" in f.what and f.file == f"_days/{DAY}.json.sig" for f in audited(other).findings
    )
    with pytest.raises(BadKey):
        audited(shelf._replace(public_pem=b"none"))


def test_the_independent_script_agrees(shelf: Shelf) -> None:
    script = Path(independent.__file__)
    assert len(script.read_text().splitlines()) <= 60
    key = shelf.root.with_name("key.pem.pub")
    for day, wanted in ((DAY, 0), (DAYS[2], 1)):
        run = [sys.executable, "-I", str(script), str(shelf.root), day, str(key)]
        assert subprocess.run(run, check=False).returncode == wanted


def test_every_harm_is_found_at_its_place(shelf: Shelf) -> None:
    counts = survive(shelf, 200, seed=1)
    assert {kind.removeprefix("archive harmed: ") for kind in counts} == set(KINDS)
    assert audited(shelf).clean
