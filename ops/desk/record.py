"""What a supervisor leaves for whoever asks later: `desk.json` with the standings of its processes,
`desk.end` with what did not stop as it should, and the environment that they are given.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ops.settings import Settings, config_file
from ops.supervisor.model import Standing

END = "desk.end"


def environment(settings: Settings) -> dict[str, str]:
    """This process's own, with what is relative to its working folder made absolute."""
    own, file = {"TAPE_RUN_DIR": str(settings.run_dir)}, config_file()
    if file is not None:
        own["TAPE_CONFIG"] = str(file.absolute())
    return {**os.environ, **own}


def record(run_dir: Path, standings: list[Standing]) -> None:
    """Replaces the record in one step: a reader sees the old or the new one."""
    fresh = run_dir / "desk.json.new"
    fresh.write_text(json.dumps([one._asdict() for one in standings], indent=2) + "\n")
    fresh.replace(run_dir / "desk.json")


def note_end(run_dir: Path, said: str) -> None:
    """For who ended the supervisor; empty where all stopped as it should."""
    (run_dir / END).write_text(said)


def told_end(run_dir: Path) -> str:
    """What the last supervisor noted, once; empty where nothing is noted, or can be read."""
    try:
        said = (run_dir / END).read_text()
        (run_dir / END).unlink()
    except (OSError, ValueError):
        return ""
    return said


def recorded(run_dir: Path) -> list[Standing]:
    """What the supervisor wrote last; empty where none ran, or it ended as it should."""
    try:
        found: list[dict[str, Any]] = json.loads((run_dir / "desk.json").read_text())
        return [Standing(**one) for one in found]
    except (OSError, ValueError, TypeError):
        return []
