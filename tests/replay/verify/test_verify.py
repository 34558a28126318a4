"""An archived day is proven by its files and a public key, and any harm to it is found."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.log.interface import Tp
from connectors.signing import BadKey, make_key
from replay.archive.errors import ArchiveError
from replay.archive.layout import IDS, PARTITIONS, day_manifest
from replay.archive.reader import index
from replay.frames import scan
from replay.sql.session import ask
from replay.verify.audit import NothingArchived
from tests.connectors.epochs import toy
from tests.replay.verify import independent
from tests.replay.verify.forge import Change, added, dropped, flipped, forge, with_price, with_value
from tests.replay.verify.harm import ELSEWHERE, KINDS, again
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
    forged = copied(shelf, tmp_path)
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
    harmed = copied(shelf, tmp_path)
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


@pytest.mark.parametrize("table", [IDS, PARTITIONS])
def test_a_byte_that_changes_no_value_is_found_too(shelf: Shelf, table: str) -> None:
    path = shelf.root / table
    whole = path.read_bytes()
    for harm in (whole[:-1], whole + b" ", b" " + whole):
        path.write_bytes(harm)
        audit = audited(shelf)
        assert [finding.file for finding in audit.findings] == [table]
        assert not independent.verdict(shelf.root, DAY, shelf.public_pem)
    path.write_bytes(whole)
    assert audited(shelf).clean


@pytest.mark.parametrize("day", ELSEWHERE)
@pytest.mark.parametrize("more", [0, 1])
def test_a_signed_file_again_on_another_day_is_found_and_not_read(
    shelf: Shelf, tmp_path: Path, day: str, more: int
) -> None:
    harmed = copied(shelf, tmp_path)
    [signed, *_] = [n for n in index(harmed.store)[Tp(toy.TRADES, 1)] if n.day == DAY]
    fresh = again(harmed.root, harmed.root / signed.path, day, more)
    for verified in DAYS[:2]:
        found = {finding.file for finding in audited(harmed, verified).findings}
        assert found == {fresh, fresh.replace(".parquet", ".json")}
        assert not independent.verdict(harmed.root, verified, harmed.public_pem)
    with pytest.raises(ArchiveError, match="hold the same offsets"):
        scan(toy.TRADES, root=str(harmed.root))
    with pytest.raises(ArchiveError, match="hold the same offsets"):
        ask(harmed.store, toy.CODEC.catalog, "SELECT count(*) FROM trade_printed")


def test_what_an_archiver_at_work_leaves_is_no_finding_on_other_days(
    shelf: Shelf, tmp_path: Path
) -> None:
    """Nor is it while its manifest is not there yet, or while the shorter file is not gone."""
    harmed = copied(shelf, tmp_path)
    for tp, names in index(harmed.store).items():
        last = names[-1]
        for end in (last.end - 1, last.end + 9):
            harmed.store.write(last._replace(end=end).path, b"")
        following = last._replace(start=last.end + 9, end=last.end + 18, day="2024-10-07")
        for path in (following.path, following.manifest, f"{tp.topic}/dt={DAY}/{tp.topic}.tmp"):
            harmed.store.write(path, b"")
    assert audited(harmed).findings == []


def test_newest_days_that_were_removed_whole_are_found(shelf: Shelf, tmp_path: Path) -> None:
    harmed = copied(shelf, tmp_path)
    for day in DAYS[1:]:
        for path in (*harmed.root.glob(f"*/dt={day}/*"), *harmed.root.glob(f"_days/{day}.*")):
            path.unlink()
    [found] = audited(harmed, DAYS[0]).findings
    assert (
        str(found)
        == f"{day_manifest(DAYS[0])}: a day after {DAYS[0]} is missing: this one is closed"
    )
    assert not independent.verdict(harmed.root, DAYS[0], harmed.public_pem)


def copied(shelf: Shelf, folder: Path) -> Shelf:
    shutil.copytree(shelf.root.parent, folder / "copy")
    return shelf._replace(root=folder / "copy" / "archive")
