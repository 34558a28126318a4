"""What a supervisor cannot do for one process, or cannot write down, ends no other."""

from __future__ import annotations

import errno
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from ops.desk import run
from ops.desk.record import note_end, record, recorded, told_end
from ops.figures.desk import Own
from ops.stack import processes
from ops.starting import undone_when_interrupted
from ops.supervisor import leftovers
from ops.supervisor.supervisor import last_words
from tests.ops.cli.ran import Ran
from tests.ops.test_supervisor import NOTES, STAYS, Scripted, script

ANGRY = """
import signal, sys
def end(*_):
    print("stopped with orders that may be open: a, b")
    sys.exit(1)
signal.signal(15, end)
print("ready", flush=True)
signal.pause()
"""
FULL = OSError(errno.ENOSPC, "No space left on device", "desk.json.new")


class Watched(Event):
    """Looked at once a step: `holds` ends the desk."""

    def __init__(self, holds: Callable[[], bool]) -> None:
        super().__init__()
        self._holds = holds

    def wait(self, timeout: float | None = None) -> bool:
        return self._holds() or super().wait(timeout)


def test_a_full_disk_ends_no_desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried = 0

    def fails_at_first(*told: Any) -> None:
        nonlocal tried
        tried += 1
        if tried < 5:
            raise FULL
        record(*told)

    monkeypatch.setattr(run, "record", fails_at_first)
    with Scripted(tmp_path) as desk:
        begun = iter([lambda: os.kill(desk.pid("market") or 0, signal.SIGKILL)])

        def over() -> bool:
            next(begun, lambda: None)()
            return {one.name: one.state for one in recorded(tmp_path)} == {
                "gateway": "RUNNING",
                "market": "BACKING_OFF",
            }

        wanted = [script("gateway", STAYS), script("market", STAYS)]
        run.supervise(desk, wanted, run.Kept(tmp_path), Watched(over), Own("127.0.0.1:1", 0.0))
        assert desk.pid("gateway") in processes.find(desk.folder / "gateway")
    assert caplog.text.count("No space left on device") == 1


def test_who_cannot_be_started_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def spawn(*_: Any) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    with Scripted(tmp_path) as desk:
        desk.add(script("gateway", STAYS))
        with monkeypatch.context() as patch:
            patch.setattr(processes, "spawn", spawn)
            desk.add(script("market", STAYS))
        assert (desk.state("gateway"), desk.state("market")) == ("RUNNING", "BACKING_OFF")
        assert "market cannot be started: Resource temporarily unavailable" in caplog.text
        desk.now_s += 1_000.0
        desk.step()
        assert (desk.state("market"), desk.restarts) == ("RUNNING", 1)


def test_whatever_ends_a_supervisor_the_rest_is_stopped_politely(tmp_path: Path) -> None:
    def broken() -> bool:
        if all("ready" in _said(desk, name) for name in ("venue", "gateway")):
            raise RuntimeError("a bug")
        return False

    with Scripted(tmp_path) as desk:
        venue = script("venue", NOTES.format("venue"))
        gateway = script("gateway", NOTES.format("gateway"), after=("venue",))
        kept, own = run.Kept(tmp_path), Own("127.0.0.1:1", 0.0)
        with pytest.raises(RuntimeError, match="a bug"):
            run.until_stopped(desk, [venue, gateway], kept, Watched(broken), own)
    assert (tmp_path / "ended").read_text().split() == ["gateway", "venue"]
    assert json.loads((tmp_path / "desk.json").read_text()) == []


@pytest.mark.parametrize(("gateway", "said"), [(ANGRY, "a, b"), (NOTES.format("gateway"), "")])
def test_what_did_not_stop_as_it_should_is_told_by_who_ends_the_desk(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    gateway: str,
    said: str,
) -> None:
    with Scripted(tmp_path) as desk:
        began = Watched(lambda: "ready" in _said(desk, "gateway"))
        kept, own = run.Kept(tmp_path), Own("127.0.0.1:1", 0.0)
        code = run.until_stopped(desk, [script("gateway", gateway)], kept, began, own)
        assert code == int(bool(said))
    monkeypatch.setenv("TAPE_RUN_DIR", str(tmp_path))
    tape = Ran(monkeypatch, capsys)
    assert capsys.readouterr().err.endswith(
        f"{said} (see {desk.log_of('gateway')})\n" if said else ""
    )
    code, _, err = tape("down")
    assert (code, err.count("\n")) == (int(bool(said)), int(bool(said)))
    assert said in err
    assert tape("down")[::2] == (0, ""), "told once"


def test_an_interrupted_start_tells_it_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ops.starting.interrupted_by_sigterm", lambda: None)
    note_end(tmp_path, "gateway ended with exit code 1")
    with pytest.raises(KeyboardInterrupt), undone_when_interrupted(tmp_path):
        raise KeyboardInterrupt
    assert capsys.readouterr().err == "tape: gateway ended with exit code 1\n"
    assert told_end(tmp_path) == ""


def test_a_supervisor_has_the_time_that_it_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To those that stop one after the other: strategy, gateway, what that needs."""
    asked: dict[str, float] = {}

    def end(folder: Path, grace_s: float) -> bool:
        asked[folder.name] = grace_s
        return True

    for name in (leftovers.SUPERVISOR, "gateway"):
        (tmp_path / leftovers.FOLDER / name).mkdir(parents=True)
    monkeypatch.setattr(processes, "end", end)
    leftovers.end_leftovers(tmp_path)
    assert asked["desk"] >= 3 * asked["gateway"]


def _said(desk: Scripted, name: str) -> str:
    path = desk.log_of(name)
    return path.read_text() if path.exists() else ""


def test_of_a_long_log_the_end_is_read(tmp_path: Path) -> None:
    log = tmp_path / "market.log"
    with log.open("wb") as file:
        file.seek(1 << 34)  # holes: more than there is memory
        file.write("\nlast: ü".encode())
    assert last_words("market", 2, log).startswith("market ended with exit code 2: last: ü (see")
    assert last_words("market", None, tmp_path).startswith("market ended: nothing (see")
