"""The sides of a canary: this checkout, another one, a git ref in a worktree of its own, or this
checkout under other settings; each decides over the same recorded epochs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from ops.processes.catalog import pipeline as made_of
from ops.processes.run import shard_of
from ops.processes.sources import Source, opened
from ops.references import SettingsError
from ops.settings import ROOT, Settings, config_file, load
from ops.stack.progress import Report, silent
from replay.canary.decisions import CannotDecide, Decision, Turn, turns
from replay.canary.run import Comparison, compare
from replay.rerun import require_all
from replay.times import EVERYTHING, Span
from schemas.errors import TapeError, one_line
from schemas.yaml_files import Decimals

CURRENT = "current"
FILES = (".yaml", ".yml", ".toml")
SIDE = "ops.processes.canary_side"


class NoSuchSide(TapeError):
    """A side of a canary that cannot be had."""


@dataclass(frozen=True)
class Task:
    """What a side runs over. `own_state` None: where that can be, see `Pipeline.rebuildable`."""

    pipeline: str
    span: Span = EVERYTHING
    shards: int | None = None
    source: Source = Source.LOG
    own_state: bool | None = None

    def to_json(self) -> str:
        return json.dumps({**vars(self), "span": list(self.span)})

    @classmethod
    def from_json(cls, text: str) -> Task:
        values = json.loads(text)
        span, source = Span(*values.pop("span")), Source(values.pop("source"))
        return cls(**values, span=span, source=source)


def canary(
    settings: Settings, task: Task, baseline: str, candidate: str, report: Report = silent
) -> Comparison:
    """Runs both sides by their names. Raises `TapeError`."""
    return compared(task, side(settings, baseline), side(settings, candidate), report)


def compared(task: Task, base: Side, other: Side, report: Report = silent) -> Comparison:
    """Runs both sides, and the baseline once more. Raises `TapeError`."""
    step = partial(report, f"canary {task.pipeline}")
    with ExitStack() as stack:
        first, again, then = (
            stack.enter_context(closing(one.turns(task))) for one in (base, base, other)
        )
        return compare(first, again, then, lambda done: step(done, None))


@dataclass(frozen=True)
class Here:
    """This checkout, in this process."""

    settings: Settings

    def turns(self, task: Task) -> Generator[Turn, None, None]:
        """Every shard's epochs, one shard after the other."""
        log, codec = opened(self.settings, task.source)
        made = made_of(task.pipeline, self.settings)
        own = made.rebuildable if task.own_state is None else task.own_state
        wanted = self.settings.shards if task.shards is None else task.shards
        count = 1 if made.one_shard else wanted
        try:
            require_all(log, task.pipeline, count, task.span)
            for number in range(count):
                made = made_of(task.pipeline, self.settings)
                shard = shard_of(made, number, count, self.settings)
                yield from turns(log, codec, shard, made.logic, task.span, own)
        finally:
            log.close()


@dataclass(frozen=True)
class Elsewhere:
    """Another checkout, in a process of its own with the environment of its lock file."""

    root: Path
    run_dir: Path
    extra: Mapping[str, str] = field(default_factory=dict)

    def turns(self, task: Task) -> Generator[Turn, None, None]:
        with tempfile.TemporaryFile("w+") as said:
            command = [str(python_of(self.root)), "-m", SIDE, task.to_json()]
            process = subprocess.Popen(
                command, cwd=self.root, env=self._environment(), stdout=subprocess.PIPE,
                stderr=said, text=True,
            )  # fmt: skip
            assert process.stdout is not None
            try:
                yield from map(turn_of, process.stdout)
                if process.wait():
                    said.seek(0)
                    last = (said.read().strip().splitlines() or ["it said nothing"])[-1]
                    raise CannotDecide(f"{self.root}: {last.removeprefix('tape: ')}")
            finally:
                process.kill()
                process.stdout.close()
                process.wait()

    def _environment(self) -> dict[str, str]:
        """The same settings, whatever file is in force here; code from there alone."""
        own = {"PYTHONPATH": str(self.root), "TAPE_RUN_DIR": str(self.run_dir)}
        file = config_file()
        named = {"TAPE_CONFIG": str(file.absolute())} if file else {}
        return {**os.environ, **own, **named, "TAPE_LOG_LEVEL": "ERROR", **self.extra}


Side = Here | Elsewhere


def side(settings: Settings, name: str) -> Side:
    """What a name stands for: `current`, a file of settings, a checkout's folder, or a git ref."""
    path = Path(name)
    if name == CURRENT:
        return Here(settings)
    if path.suffix in FILES:
        return Here(overlaid(settings, path))
    if path.is_dir():
        return Elsewhere(path.absolute(), settings.run_dir)
    return Elsewhere(worktree(name, settings.run_dir / "canary"), settings.run_dir)


def overlaid(settings: Settings, file: Path) -> Settings:
    """The settings with those of a file over them; tables join, lists and values replace."""
    try:
        text = file.read_text()
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from None
    return load(**joined(settings.model_dump(), _table(file, text)))


def _table(file: Path, text: str) -> dict[str, Any]:
    import tomllib

    try:
        if file.suffix == ".toml":
            found = tomllib.loads(text, parse_float=Decimal)
        else:
            found = yaml.load(text, Loader=Decimals)
    except (tomllib.TOMLDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{file}: {one_line(error)}") from None
    if not isinstance(found, dict):
        raise SettingsError(f"{file} holds no settings")
    return found


def joined(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """One table over another."""
    found = dict(below)
    for name, value in above.items():
        under = found.get(name)
        both = isinstance(under, dict) and isinstance(value, dict)
        found[name] = joined(under, value) if both else value  # type: ignore[arg-type]
    return found


def worktree(ref: str, folder: Path) -> Path:
    """A checkout of a git ref, made once per commit. Raises `NoSuchSide`."""
    if ref.startswith("-"):
        raise NoSuchSide(f"{ref} is no git ref")
    commit = _git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}", what=ref)
    path = folder / commit[:12]
    if not (path / "pyproject.toml").is_file():
        _git("worktree", "prune", what=ref)
        _git("worktree", "add", "--detach", "--force", str(path), commit, what=ref)
    return path


def _git(*arguments: str, what: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if run.returncode:
        said = run.stderr.strip().splitlines()
        reason = said[-1] if said else "no settings file, no folder and no commit has that name"
        raise NoSuchSide(f"{what}: {reason}")
    return run.stdout.strip()


def python_of(root: Path) -> Path:
    """The interpreter for a checkout: this one where both have the same lock file, else that of
    the checkout's own environment, which is made. Raises `NoSuchSide`.
    """
    lock = root / "uv.lock"
    if not lock.is_file() or not (root / f"{SIDE.replace('.', '/')}.py").is_file():
        raise NoSuchSide(f"{root} is no checkout of Tape, or one of before there was a canary")
    if lock.read_bytes() == (ROOT / "uv.lock").read_bytes():
        return Path(sys.executable)
    made = subprocess.run(
        ["sh", "ops/setup.sh"], cwd=root, capture_output=True, text=True, check=False
    )
    if made.returncode:
        last = (made.stderr.strip().splitlines() or ["its environment cannot be made"])[-1]
        raise NoSuchSide(f"{root}: {last.removeprefix('tape: ')}")
    return root / ".venv" / "bin" / "python"


def turn_of(line: str) -> Turn:
    """A line of another side. Raises `CannotDecide`."""
    try:
        turn = Turn(*json.loads(line))
        return turn._replace(decisions=[Decision(*decision) for decision in turn.decisions])
    except (ValueError, TypeError):
        raise CannotDecide(f"the other side says {line[:80]!r}, which is no epoch") from None
