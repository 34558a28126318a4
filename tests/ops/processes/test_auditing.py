"""`tape verify` as a person calls it: the exit code is the verdict, findings have places."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.log.interface import Tp
from ops.processes.auditing import NoPublicKey, audit_days
from ops.references import SettingsError
from ops.settings import load
from replay.archive import days
from replay.archive.errors import ArchiveCorrupt
from replay.archive.reader import index
from replay.archive.store import FolderStore
from replay.verify.audit import NothingArchived
from schemas.secret import Secret
from tests.replay.verify.shelf import DAYS, Shelf, made


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return made(tmp_path_factory.mktemp("shelf"))


@pytest.fixture
def copy(shelf: Shelf, tmp_path: Path) -> Shelf:
    shutil.copytree(shelf.root, tmp_path / "archive")
    return shelf._replace(root=tmp_path / "archive")


def tape(shelf: Shelf, *arguments: str) -> subprocess.CompletedProcess[str]:
    key = shelf.root.parent / "public.pem"
    key.write_bytes(shelf.public_pem)
    command = [sys.executable, "-m", "ops", "verify", "--archive", str(shelf.root)]
    return subprocess.run(
        [*command, "--public-key", str(key), *arguments],
        env={**os.environ, "TAPE_RUN_DIR": str(shelf.root.parent / "run")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_closed_day_is_verified(shelf: Shelf) -> None:
    found = tape(shelf)
    assert found.returncode == 0, found
    lines = found.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == list(DAYS[:2])
    assert all(line.endswith(": no findings") for line in lines)


def test_a_finding_is_exit_code_1_with_its_place(copy: Shelf) -> None:
    [name, *_] = [n for n in index(copy.store)[Tp("signal.target.v1", 1)] if n.day == DAYS[1]]
    file = copy.root / name.path
    file.write_bytes(file.read_bytes()[:-1])
    found = tape(copy, "--date", DAYS[1], "--output", "json")
    assert found.returncode == 1, found
    [audit] = json.loads(found.stdout)
    assert audit["clean"] is False
    assert audit["findings"][0]["file"] == name.path


def test_what_cannot_be_verified_is_exit_code_2(shelf: Shelf, tmp_path: Path) -> None:
    found = tape(shelf, "--date", "2030-01-01")
    assert found.returncode == 2
    assert found.stderr == f"tape: {shelf.root} has no manifest of 2030-01-01\n"
    settings = load(run_dir=tmp_path)
    with pytest.raises(NoPublicKey, match=r"archive-signing-key.pem.pub: .* once a day is over"):
        audit_days(settings, DAYS, None, str(shelf.root))
    with pytest.raises(NothingArchived, match="holds no day"):
        audit_days(settings, (), shelf.root.parent / "key.pem.pub", str(tmp_path))


def test_a_signed_file_that_is_gone_stops_the_archive(copy: Shelf) -> None:
    store = FolderStore(copy.root)
    lost = next(names[0] for names in index(store).values() if names[0].day == DAYS[0])
    store.remove(lost.manifest)
    before = store.read(f"_days/{DAYS[0]}.json.sig")
    with pytest.raises(ArchiveCorrupt, match=r"is gone, but .* is signed"):
        days.write(store, days.kept(store), index(store), ())
    assert store.read(f"_days/{DAYS[0]}.json.sig") == before


def test_a_key_is_given_by_reference(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="by reference"):
        load(archive={"signing_key": "-----BEGIN PRIVATE KEY-----"})
    (tmp_path / "key").write_text("a key")
    settings = load(archive={"signing_key": f"file:{tmp_path / 'key'}"})
    assert settings.archive_pem() == Secret("a key")
