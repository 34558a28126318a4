"""`tape bench`: what the product costs, beside peers, over the same data in one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli._output import Form, Output, columns, emit

if TYPE_CHECKING:
    from ops.bench.run import Found

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...",
        help="messages columns strategy stock quix market latency growth archive risk venue "
        "trading seeing verify sql backtest; default: all",
    ),
]
Events = Annotated[int, typer.Option(help="trades on the topic", min=1_000)]
Repeat = Annotated[int, typer.Option(help="how often everything is measured, in turn", min=1)]
Live = Annotated[float, typer.Option(help="how long latency is watched, at the captures' pace")]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(bench)


def bench(
    names: Names = None,
    events: Events = 2_000_000,
    repeat: Repeat = 3,
    live_seconds: Live = 30.0,
    output: Output = Form.TEXT,
) -> None:
    """Measure on a stack of its own. A run of everything writes docs/benchmarks.md."""
    import os

    from ops.bench import report
    from ops.bench.run import GROUPS, Plan, run_bench
    from ops.settings import ROOT, load
    from ops.stack.progress import Bars
    from ops.stopping import interrupted_by_sigterm

    if unknown := sorted(set(names or ()) - set(GROUPS)):
        raise typer.BadParameter(f"no measurement {unknown[0]}: there are {' '.join(GROUPS)}")
    plan = Plan(frozenset(names or GROUPS), events, repeat, live_seconds)
    own = load()
    settings = load(run_dir=own.run_dir / "bench", topic_prefix="", kafka={}, registry={})
    interrupted_by_sigterm()
    load_before = os.getloadavg()[0]
    with Bars() as bars:
        found = run_bench(plan, settings, bars)
    emit(output, report.as_json(found, load_before), as_text(found, load_before))
    if plan.groups == frozenset(GROUPS):
        page = ROOT / "docs" / "benchmarks.md"
        page.write_text(report.as_markdown(found, plan, load_before))


def as_text(found: Found, load_before: float) -> str:
    """The tables for a person."""
    from ops.bench import report

    parts = [columns([report.VERDICT_HEAD, *report.verdicts(found)])]
    if more := report.beside(found.samples):
        parts.append(columns(more))
    parts.append(columns([report.RATE_HEAD, *report.rates(found.samples)]))
    if latencies := list(report.latencies(found.samples)):
        parts.append(columns([report.LATENCY_HEAD, *latencies]))
    parts += [f"{name}: not measured: {why}" for name, why in found.missing.items()]
    return "\n\n".join([*parts, report.noise(load_before)])
