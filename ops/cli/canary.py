"""`tape canary`: two versions of a pipeline over the same recorded epochs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli._output import Form, Output, emit
from ops.cli._times import Date, From, To, span_of

if TYPE_CHECKING:
    from ops.processes.shadowing import Round

FINDING = 1
SIDES = "current, a git ref, a checkout's folder, or a file of settings (.yaml, .toml)"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(canary)


def canary(
    pipeline: Annotated[str, typer.Argument(help="market, strategy, risk or reconciliation")],
    candidate: Annotated[str, typer.Option(help=SIDES)],
    baseline: Annotated[str, typer.Option(help=SIDES)] = "current",
    start: From = None,
    end: To = None,
    date: Date = None,
    shards: Annotated[
        int | None, typer.Option(help="number of shards it was run with", min=1)
    ] = None,
    source: Annotated[str, typer.Option(help="log, archive or auto")] = "log",
    state: Annotated[
        str | None, typer.Option(help="what the state follows: own or recorded decisions")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="limits in YAML; without one no decision may change")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="write the report, in Markdown")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="again and again over what was recorded last")
    ] = False,
    window_s: Annotated[
        float, typer.Option("--window", min=1, help="with --follow: seconds of log time")
    ] = 900.0,
    every_s: Annotated[
        float, typer.Option("--every", min=0.1, help="with --follow: seconds between two rounds")
    ] = 60.0,
    output: Output = Form.TEXT,
) -> None:
    """Run two versions over the same recorded epochs and compare their decisions by cause.

    Exit code 0: within the policy. 1: beyond it. 2: could not run. With --follow: until SIGTERM, a
    line and figures per round, the exit code of the last.
    """
    from ops.figures.canary import keep
    from ops.processes.canarying import Task, side
    from ops.processes.canarying import canary as run
    from ops.processes.shadowing import Shadow
    from ops.processes.shadowing import follow as follow_log
    from ops.processes.sources import source_of
    from ops.settings import load
    from ops.stack.progress import Bars
    from replay.canary.policy import Policy, breaches, load_policy
    from replay.canary.report import markdown

    span, limits = span_of(start, end, date), load_policy(policy) if policy else Policy()
    settings = load()
    task = Task(pipeline, span, shards, source_of(source), own_state(state))
    if follow:
        if span != span_of(None, None, None) or report is not None:
            raise typer.BadParameter("--follow takes no range, and writes no report")
        base, other = (side(settings, name) for name in (baseline, candidate))
        shadow = Shadow(task, base, other, limits, int(window_s * 1_000), every_s)
        raise typer.Exit(follow_log(settings, shadow, lambda done: _tell(output, done)))
    with Bars() as bars:
        found = run(settings, task, baseline, candidate, bars)
    broken = list(breaches(limits, found))
    keep(settings.run_dir, pipeline, {**found.as_json(), "verdict": int(bool(broken))})
    text = markdown(f"{pipeline}, {baseline} against {candidate}", found, broken)
    if report is not None:
        _write(report, text)
    emit(output, {**found.as_json(), "broken": broken, "clean": not broken}, text.rstrip())
    if broken:
        raise typer.Exit(FINDING)


def _tell(output: Form, done: Round) -> None:
    """A line per round."""
    from replay.times import text_of

    said = "; ".join(done.broken) or done.reason or "within the policy"
    counts = f"{done.found.changes} of {done.found.decisions} changed, " if done.found else ""
    emit(output, done.as_json(), f"{text_of(done.span.to_ms or 0)} {counts}{said}")


def own_state(state: str | None) -> bool | None:
    """None where the pipeline decides. Raises `TapeError`."""
    from schemas.errors import TapeError

    if state not in (None, "own", "recorded"):
        raise TapeError(f"--state is own or recorded, not {state}")
    return None if state is None else state == "own"


def _write(file: Path, text: str) -> None:
    from schemas.errors import TapeError

    try:
        file.write_text(text)
    except OSError as error:
        raise TapeError(f"{file}: {error.strerror}") from None
