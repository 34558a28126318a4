"""A canary's result outlives its command, as figures of the supervisor."""

from __future__ import annotations

from pathlib import Path

from ops.figures import canary

FOUND = {"decisions": 40, "counts": {"ADDED": 2, "REMOVED": 0}, "changed": ["large"]}


def test_the_newest_of_each_pipeline_is_shown(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    assert canary.facts(canary.kept(run_dir), "decisions") == {}
    canary.keep(run_dir, "strategy", FOUND)
    canary.keep(run_dir, "risk", {**FOUND, "decisions": 7})
    canary.keep(run_dir, "strategy", {**FOUND, "decisions": 41})
    found = canary.kept(run_dir)
    assert canary.facts(found, "decisions") == {("strategy",): 41, ("risk",): 7}
    assert canary.changes(found)["risk", "ADDED"] == 2
    assert len(canary.changes(found)) == 4


def test_one_that_could_not_run_has_a_verdict_and_no_decisions(tmp_path: Path) -> None:
    canary.keep(tmp_path, "strategy", {"verdict": 2, "reason": "no broker"})
    found = canary.kept(tmp_path)
    assert canary.facts(found, "verdict") == {("strategy",): 2}
    assert canary.facts(found, "decisions") == canary.changes(found) == {}


def test_a_file_that_is_not_ours_shows_nothing(tmp_path: Path) -> None:
    (tmp_path / canary.FILE).write_text("{")
    assert canary.kept(tmp_path) == {}
