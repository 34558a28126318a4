"""The sides of a canary: settings in this process, another checkout in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from connectors.log.interface import Tp
from ops.desk.prepare import desk_file
from ops.processes import canary_side, canarying
from ops.processes.canarying import (
    Here,
    NoSuchSide,
    Task,
    canary,
    overlaid,
    side,
    turn_of,
    worktree,
)
from ops.processes.replaying import replay_shards
from ops.processes.sources import Source
from ops.references import SettingsError
from ops.settings import ROOT, Settings, load, load_file
from pipelines.batches import local_codec
from replay.archive.run import archive
from replay.archive.store import FolderStore
from replay.canary.align import Kind
from replay.canary.decisions import CannotDecide, Turn
from replay.canary.policy import Policy, breaches
from replay.rerun import MoreShards, NothingRecorded
from replay.times import Span
from tests.replay import traded

TASK = Task("strategy", source=Source.ARCHIVE)
EPOCHS = Tp("strategy.epochs.v1", 0)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A run folder whose archive holds a desk's own trading."""
    folder, codec = tmp_path_factory.mktemp("canary"), local_codec()
    store = FolderStore(folder / "archive")
    archive(traded.load(), codec, store, list(codec.catalog.topics))
    return load(run_dir=folder)


def overlay(folder: Path, text: str) -> str:
    file = folder / "candidate.yaml"
    file.write_text(text)
    return str(file)


FASTER = """
strategy:
  signals:
    - {name: ema-cross, uses: ema-cross, options: {fast_span: 5, slow_span: 20}}
"""


def test_a_shard_that_nobody_asked_for_is_not_left_out(tmp_path: Path) -> None:
    log, codec, before = traded.load(), local_codec(), replace(TASK, span=Span(None, 1))
    for _, record in log.partitions[EPOCHS].committed(0, 20):
        log.append(record._replace(partition=1))
    archive(log, codec, FolderStore(tmp_path / "archive"), list(codec.catalog.topics))
    settings = load(run_dir=tmp_path)
    with pytest.raises(MoreShards, match="strategy-1 has recorded epochs"):
        canary(settings, TASK, "current", "current")
    with pytest.raises(MoreShards):
        replay_shards("strategy", settings, TASK.span, source=TASK.source)
    with pytest.raises(NothingRecorded):
        canary(settings, before, "current", "current")


def test_other_settings_are_compared_in_this_process(settings: Settings, tmp_path: Path) -> None:
    task = Task("strategy", source=Source.ARCHIVE)
    found = canary(settings, task, "current", overlay(tmp_path, FASTER))
    assert (found.noise, found.epochs) == (0, 210)
    assert found.counts[Kind.ADDED] > 0
    assert found.counts[Kind.REMOVED] > 0
    assert found.baseline_versions != found.candidate_versions


def test_a_strategy_s_requests_are_measured_by_the_market(
    settings: Settings, tmp_path: Path
) -> None:
    desk = load_file(desk_file("tape.toml"), run_dir=settings.run_dir)
    sides = (touching(desk, tmp_path, "near"), touching(desk, tmp_path, "far"))
    found = canary(desk, Task("strategy", source=Source.ARCHIVE), *sides)
    near, far = found.baseline, found.candidate
    assert near.orders == far.orders > 0
    assert near.slippage_bps is not None
    assert far.slippage_bps is not None
    assert near.slippage_bps < 0 < far.slippage_bps
    assert far.slippage == -near.slippage
    limits = Policy(max_changed_share=None, max_slippage_bps=Decimal(0))
    [broken] = breaches(limits, found)
    assert "beyond the mark" in broken


def touching(desk: Settings, folder: Path, touch: str) -> str:
    signals = [signal.model_dump(mode="json") for signal in desk.strategy.signals]
    for signal in signals:
        signal["execution"]["touch"] = touch
    (folder / touch).mkdir()
    return overlay(folder / touch, yaml.safe_dump({"strategy": {"signals": signals}}))


def test_another_checkout_decides_in_a_process_of_its_own(settings: Settings) -> None:
    task = Task("risk", source=Source.ARCHIVE)
    found = canary(settings, task, "current", str(ROOT))
    assert (found.changes, found.noise) == (0, 0)
    assert found.baseline_versions == found.candidate_versions
    assert (found.candidate.orders, found.candidate.denials) == (13, 4)


def test_what_another_side_says_is_told(settings: Settings) -> None:
    task = Task("nothing", source=Source.ARCHIVE)
    with pytest.raises(CannotDecide, match="nothing"):
        list(side(settings, str(ROOT)).turns(task))


def test_a_ref_gets_a_worktree_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "pyproject.toml").write_text("old")

    def git(*arguments: str) -> None:
        named = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"]
        subprocess.run(["git", *named, *arguments], cwd=repository, check=True, capture_output=True)

    git("init")
    git("add", "pyproject.toml")
    git("commit", "-m", "Begin")
    git("tag", "before")
    (repository / "pyproject.toml").write_text("new")
    git("commit", "-am", "Go on")
    monkeypatch.setattr(canarying, "ROOT", repository)
    made = worktree("before", tmp_path / "canary")
    assert (made / "pyproject.toml").read_text() == "old"
    assert worktree("before", tmp_path / "canary") == made
    with pytest.raises(NoSuchSide, match="nowhere"):
        worktree("nowhere", tmp_path / "canary")
    with pytest.raises(NoSuchSide, match="no git ref"):
        worktree("--all", tmp_path / "canary")


def test_a_folder_that_is_no_checkout_is_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(NoSuchSide, match="no checkout"):
        list(side(settings, str(tmp_path)).turns(Task("risk")))


OTHER_SIDE = """
import json, os
print(json.dumps([0, os.environ["MADE_BY"], 7, 1, 2, 3, []]))
"""
MAKES_ONE = f"""
mkdir -p .venv/bin
printf '#!/bin/sh\nMADE_BY=setup exec {sys.executable} "$@"\n' > .venv/bin/python
chmod +x .venv/bin/python
"""


def checkout(root: Path, setup: str) -> Path:
    """Of a version with another lock file."""
    (root / "ops" / "processes").mkdir(parents=True)
    (root / "uv.lock").write_text("another")
    (root / "ops" / "setup.sh").write_text(setup)
    (root / "ops" / "processes" / "canary_side.py").write_text(OTHER_SIDE)
    return root


def test_another_lock_file_has_an_environment_of_its_own(
    settings: Settings, tmp_path: Path
) -> None:
    other = side(settings, str(checkout(tmp_path / "other", MAKES_ONE)))
    [turn] = other.turns(Task("risk"))
    assert turn == Turn(0, "setup", 7, 1, 2, 3, [])


def test_an_environment_that_cannot_be_made_is_one_line(settings: Settings, tmp_path: Path) -> None:
    setup = "echo installing >&2; echo tape: no line to PyPI >&2; exit 2"
    other = side(settings, str(checkout(tmp_path / "other", setup)))
    with pytest.raises(NoSuchSide) as refused:
        list(other.turns(Task("risk")))
    assert str(refused.value) == f"{tmp_path / 'other'}: no line to PyPI"


def test_a_side_that_prints_something_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    turn = Turn(0, "v", 7, 1, 2, 3, [])

    def printing(_self: Here, _task: Task) -> Iterator[Turn]:
        print("debug")
        yield turn

    monkeypatch.setattr(Here, "turns", printing)
    assert canary_side.main(Task("risk").to_json()) == 0
    printed = capsys.readouterr()
    assert [turn_of(line) for line in printed.out.splitlines()] == [turn]
    assert printed.err == "debug\n"
    with pytest.raises(CannotDecide, match="'debug', which is no epoch"):
        turn_of("debug")


def test_settings_are_laid_over_settings(settings: Settings, tmp_path: Path) -> None:
    over = overlaid(settings, Path(overlay(tmp_path, "market: {stale_ms: 7}\nshards: 3\n")))
    assert (over.market.stale_ms, over.shards) == (7, 3)
    assert over.market.mark_interval_ms == settings.market.mark_interval_ms
    assert over.run_dir == settings.run_dir


@pytest.mark.parametrize("name", ["over.yaml", "over.toml"])
def test_their_numbers_are_not_rounded(settings: Settings, tmp_path: Path, name: str) -> None:
    text = {"over.yaml": "desk: {balances: {USDT: %s}}", "over.toml": "desk.balances.USDT = %s"}
    (tmp_path / name).write_text(text[name] % "100000000.1234567891")
    over = overlaid(settings, tmp_path / name)
    assert over.desk.balances["USDT"] == Decimal("100000000.1234567891")


@pytest.mark.parametrize(
    "text", ["- 1", "market: {nothing: 1}", "a: [", "market: 1", "shards: 2\nshards: 3"]
)
def test_files_that_hold_no_settings(settings: Settings, tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError):
        overlaid(settings, Path(overlay(tmp_path, text)))


def test_the_command_judges_by_its_exit_code(settings: Settings, tmp_path: Path) -> None:
    report, policy = tmp_path / "report.md", tmp_path / "policy.yaml"
    policy.write_text("max_changed_share: 1\n")
    command = [sys.executable, "-m", "ops", "canary", "strategy", "--source", "archive"]
    command += ["--candidate", overlay(tmp_path, FASTER), "--output", "json"]
    environment = {**os.environ, "TAPE_RUN_DIR": str(settings.run_dir)}

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *more], env=environment, capture_output=True, text=True, check=False
        )

    strict = run("--report", str(report))
    assert strict.returncode == 1, strict
    found = json.loads(strict.stdout)
    assert (found["clean"], found["noise"]) == (False, 0)
    assert report.read_text().startswith("# Canary: strategy, current against ")
    assert run("--policy", str(policy)).returncode == 0
    policy.write_text("max_slippage_bps: 1\n")
    unmeasured = run("--policy", str(policy))
    said = "tape: max_slippage_bps: no order could be measured by a mark\n"
    assert (unmeasured.returncode, unmeasured.stdout) == (2, "")
    assert unmeasured.stderr.endswith(said)
    wrong = run("--state", "both")
    assert (wrong.returncode, wrong.stderr) == (2, "tape: --state is own or recorded, not both\n")
