"""An archived day is proven by its files and a public key, and any harm to it is found."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.log.interface import Tp
from connectors.signing import BadKey, make_key
from replay.archive.layout import day_manifest
from replay.archive.reader import index
from replay.verify.audit import NothingArchived
from tests.connectors.epochs import toy
from tests.replay.verify import independent
from tests.replay.verify.forge import Change, added, dropped, flipped, forge, with_price, with_value
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
    assert any(f"_days/{DAY}.json.sig" in f.what for f in audited(other).findings)
    with pytest.raises(BadKey):
        audited(shelf._replace(public_pem=b"none"))


def test_the_independent_script_agrees(shelf: Shelf) -> None:
    script = Path(independent.__file__)
    assert len(script.read_text().splitlines()) <= 60
    key = shelf.root.with_name("key.pem.pub")
    for day, wanted in ((DAY, 0), (DAYS[2], 1)):
        run = [sys.executable, "-I", str(script), str(shelf.root), day, str(key)]
        assert subprocess.run(run, check=False).returncode == wanted


@pytest.mark.parametrize(
    ("topic", "change", "what"),
    [
        pytest.param(toy.TRADES, dropped(3), "rows of md.trade.v1/1 from here on", id="input gone"),
        pytest.param(toy.TRADES, with_value(3, flipped), "are not those it read", id="input other"),
        pytest.param(toy.TRADES, with_price(3), "are not those it read", id="input repriced"),
        pytest.param(toy.TARGETS, dropped(3), "it wrote", id="output gone"),
        pytest.param(
            toy.TARGETS, with_value(3, flipped), "not those it recorded", id="other output"
        ),
        pytest.param(toy.TARGETS, added(2), "it wrote", id="output added"),
        pytest.param("toy.epochs.v1", dropped(2), "it follows epoch", id="epoch gone"),
        pytest.param(
            "toy.epochs.v1", with_value(2, flipped), "hash chain breaks", id="epoch other"
        ),
        pytest.param("toy.snapshots.v1", dropped(0), "its snapshot", id="snapshot gone"),
        pytest.param(
            "toy.snapshots.v1", with_value(0, flipped), "its snapshot", id="snapshot other"
        ),
    ],
)
def test_who_holds_the_key_cannot_change_what_epochs_recorded(
    shelf: Shelf, tmp_path: Path, topic: str, change: Change, what: str
) -> None:
    shutil.copytree(shelf.root.parent, tmp_path / "copy")
    forged = shelf._replace(root=tmp_path / "copy" / "archive")
    name = next(n for n in index(forged.store, [topic])[Tp(topic, 1)] if n.day == DAY)
    forge(forged, name, change)
    assert independent.verdict(forged.root, DAY, forged.public_pem)
    found = [str(finding) for finding in audited(forged).findings]
    assert any(what in text and "epoch toy-1/" in text for text in found), found


@pytest.mark.parametrize(
    ("there", "harm"),
    [
        (b'"ids"', b'"idr"'),
        (b'"partitions":{', b'"partitions":[{'),
        (b'"schemas":{', b'"schemaz":{'),
    ],
)
def test_a_day_manifest_of_another_form_is_a_finding(
    shelf: Shelf, tmp_path: Path, there: bytes, harm: bytes
) -> None:
    shutil.copytree(shelf.root.parent, tmp_path / "copy")
    harmed = shelf._replace(root=tmp_path / "copy" / "archive")
    name = day_manifest(DAY)
    data = harmed.store.read(name)
    assert there in data
    (harmed.root / name).write_bytes(data.replace(there, harm))
    found = [str(finding) for finding in audited(harmed).findings]
    assert any("it is not a day manifest" in text and name in text for text in found), found


def test_every_harm_is_found_at_its_place(shelf: Shelf) -> None:
    counts = survive(shelf, 200, seed=1)
    assert {kind.removeprefix("archive harmed: ") for kind in counts} == set(KINDS)
    assert audited(shelf).clean
