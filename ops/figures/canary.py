"""What the newest canary of each pipeline found: a command's result, kept in the run folder so that
the supervisor can show it after the command has ended.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Final

from connectors.metrics import declared
from connectors.metrics.kinds import Rows
from ops.settings import Settings

FILE: Final = "canary.json"


def keep(run_dir: Path, pipeline: str, found: dict[str, Any]) -> None:
    """In place of the pipeline's last one. `found`: a comparison, or a reason for none, and the
    verdict.
    """
    known = kept(run_dir)
    told: dict[str, Any] = {
        name: found[name] for name in ("verdict", "decisions", "counts") if name in found
    }
    known[pipeline] = {**told, "time": time.time()}
    run_dir.mkdir(parents=True, exist_ok=True)
    fresh = run_dir / f"{FILE}.new"
    fresh.write_text(json.dumps(known, indent=2) + "\n")
    fresh.replace(run_dir / FILE)


def kept(run_dir: Path) -> dict[str, dict[str, Any]]:
    """By pipeline; none where there is no file or it is not ours."""
    try:
        found: dict[str, dict[str, Any]] = json.loads((run_dir / FILE).read_text())
    except (OSError, ValueError):
        return {}
    return found


def show(settings: Settings) -> None:
    """Read at every scrape from here on."""
    declared.CANARY_VERDICT.read = lambda: facts(kept(settings.run_dir), "verdict")
    declared.CANARY_TIME.read = lambda: facts(kept(settings.run_dir), "time")
    declared.CANARY_DECISIONS.read = lambda: facts(kept(settings.run_dir), "decisions")
    declared.CANARY_CHANGES.read = lambda: changes(kept(settings.run_dir))


def facts(found: dict[str, dict[str, Any]], name: str) -> Rows:
    """One number of each; a canary that could not run has no decisions."""
    return {(pipeline,): one[name] for pipeline, one in found.items() if name in one}


def changes(found: dict[str, dict[str, Any]]) -> Rows:
    return {
        (pipeline, kind): count
        for pipeline, one in found.items()
        for kind, count in one.get("counts", {}).items()
    }
