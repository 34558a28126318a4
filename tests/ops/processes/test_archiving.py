"""One archiver per archive: a folder tells the second one, whatever its run folder is."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Event

import pytest

from ops.processes import archiving
from ops.processes.archiving import ArchiveBusy, alone, archive_follow
from ops.settings import load
from replay.archive.errors import ArchiveError
from replay.archive.store import FolderStore


def test_a_folder_has_one_archiver(tmp_path: Path) -> None:
    one, other = (
        load().model_copy(update={"run_dir": tmp_path / name}) for name in ("one", "other")
    )
    store = FolderStore(tmp_path / "archive")
    with alone(one, store):
        with pytest.raises(ArchiveBusy, match=f"process {os.getpid()} is archiving already"):
            alone(other, store).__enter__()
        with alone(other, FolderStore(tmp_path / "another")):
            pass
    with alone(other, store):
        pass


class OneRound(Event):
    """Is set when somebody waits for it."""

    def wait(self, timeout: float | None = None) -> bool:
        self.set()
        return True


def test_who_follows_waits_for_a_round_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    own = load().model_copy(update={"run_dir": tmp_path / "run"})
    monkeypatch.setattr(archiving, "told_to_stop", OneRound)
    told: list[object] = []
    with alone(own, FolderStore(Path(own.archive_root))):
        archive_follow(own, (), 60.0, False, told.append)
    assert told == []
    assert "is archiving already" in caplog.text
    assert "trying again in 60 s" in caplog.text


def test_a_folder_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ArchiveError, match=r"file.*: (File exists|Not a directory)"),
        alone(load(), FolderStore(tmp_path / "file")),
    ):
        pass
