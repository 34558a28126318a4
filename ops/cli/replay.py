"""`tape replay PIPELINE`: recorded epochs again, every digest compared. `tape tail TOPIC`:
decoded events as JSON lines.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.cli._output import Form, Output, columns, emit
from ops.cli._times import Date, From, To, span_of
from ops.cli.run import Signal, with_signals

if TYPE_CHECKING:
    from ops.processes.sources import Source
    from replay.orders import OrdersVerdict
    from replay.outputs import Kept
    from replay.rerun import Verdict
    from replay.times import Span
    from replay.what_if import WhatIf

FINDING = 1


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(replay)
    app.command()(tail)


def replay(
    pipeline: Annotated[
        str, typer.Argument(help="market, strategy, risk, reconciliation or orders")
    ],
    start: From = None,
    end: To = None,
    date: Date = None,
    shards: Annotated[
        int | None, typer.Option(help="number of shards it was run with", min=1)
    ] = None,
    shard: Annotated[int | None, typer.Option(help="only this one")] = None,
    signal: Signal = None,
    limits: Annotated[
        Path | None, typer.Option(help="risk: judge the requests by this file's limits instead")
    ] = None,
    account: Annotated[str | None, typer.Option(help="orders: only this account's")] = None,
    source: Annotated[
        str, typer.Option(help="log|archive|auto: auto takes the archive, and the log behind it")
    ] = "log",
    speed: Annotated[
        str,
        typer.Option(help="max, step (one epoch per key or line), or times as fast as received"),
    ] = "max",
    out: Annotated[
        Path | None, typer.Option(help="keep what comes out as Parquet, in a folder in this one")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1, help="processes, at full speed without --out; default: every core if it helps"
        ),
    ] = None,
    output: Output = Form.TEXT,
) -> None:
    """Run recorded epochs again and compare every digest and snapshot; `orders`: fold order events
    again from decisions and venue.raw.

    Exit code 0: equal. 1: the first epoch that differs is shown, event by event. 2: could not run.
    """
    from ops.processes.replaying import Way, replay_shards
    from ops.processes.sources import source_of
    from ops.processes.stepping import pace_of
    from ops.stack.progress import Bars, silent

    span, chosen, way = span_of(start, end, date), source_of(source), Way(pace_of(speed), out, jobs)
    in_order = speed != "max" or out is not None
    if (pipeline == "orders" or limits is not None) and (in_order or jobs is not None):
        raise typer.BadParameter("--speed, --out and --jobs are for the epochs of a pipeline")
    if in_order and jobs is not None and jobs > 1:
        raise typer.BadParameter("--jobs above 1 is for --speed max without --out")
    if pipeline == "orders":
        replay_the_orders(account, span, chosen, output)
        return
    if limits is not None:
        replay_other(pipeline, limits, span, chosen, output)
        return
    settings = with_signals(signal)
    with Bars() as bars:
        report = silent if speed == "step" else bars  # a bar and keys share no terminal
        done = replay_shards(pipeline, settings, span, shards, shard, report, chosen, way)
    emit(output, [as_json(*one) for one in done], "\n".join(as_text(*one) for one in done))
    if not all(one.verdict.clean for one in done):
        raise typer.Exit(FINDING)


def replay_the_orders(account: str | None, span: Span, source: Source, output: Form) -> None:
    """Order events against the fold of their causes. Exit code 1 where anything differs."""
    from ops.processes.replaying import replay_orders
    from ops.settings import load
    from ops.stack.progress import Bars

    with Bars() as bars:
        verdicts = replay_orders(load(), account, span, bars, source)
    shown = [
        {**vars(v), "finding": v.finding and v.finding._asdict(), "clean": v.clean}
        for v in verdicts
    ]
    emit(output, shown, "\n".join(orders_text(v) for v in verdicts))
    if not all(v.clean for v in verdicts):
        raise typer.Exit(FINDING)


def orders_text(verdict: OrdersVerdict) -> str:
    """One line per account; where it differs, the first difference side by side."""
    base = "a snapshot" if verdict.from_snapshot else "the first record"
    head = (
        f"orders of {verdict.account}: {verdict.raw} raw events ({base} on), {verdict.events} "
        f"order events, {verdict.decided} decided by the gateway, {verdict.snapshots} snapshots: "
    )
    if verdict.finding is None:
        return head + "0 differences"
    lines = [head + "DIFFERENT", verdict.finding.what]
    for recorded, now in verdict.finding.pairs:
        lines += side_by_side(recorded, now)
    return "\n".join(lines)


def replay_other(pipeline: str, limits: Path, span: Span, source: Source, output: Form) -> None:
    """What other limits would have denied or approved. Exit code 1 where anything differs."""
    from ops.processes.replaying import replay_limits
    from ops.settings import load
    from ops.stack.progress import Bars

    with Bars() as bars:
        found = replay_limits(pipeline, limits, load(), span, bars, source)
    changed = [change._asdict() for change in found.changed]
    emit(output, {**vars(found), "counts": found.counts, "changed": changed}, what_if_text(found))
    if found.changed:
        raise typer.Exit(FINDING)


def what_if_text(found: WhatIf) -> str:
    """One line per request that would have been answered otherwise, and how many of each kind."""
    head = f"{found.requests} requests in {found.epochs} epochs: {len(found.changed)} differ"
    names = ("account", "strategy", "instrument", "order", "was", "would be")
    rows = [(*change[2:6], change.recorded, change.now) for change in found.changed]
    counts = [f"{count} {change}" for change, count in found.counts.items()]
    return "\n".join([head, *([columns([names, *rows]), *counts] if rows else [])])


def as_json(verdict: Verdict, kept: Kept | None = None) -> dict[str, Any]:
    finding = verdict.finding
    shown = None
    if finding is not None:
        shown = {**finding._asdict(), "differences": [d._asdict() for d in finding.differences]}
    run = {} if kept is None else {"folder": kept.folder, "run": kept.manifest}
    return {**vars(verdict), "finding": shown, "clean": verdict.clean, **run}


def as_text(verdict: Verdict, kept: Kept | None = None) -> str:
    """The verdict, what was kept, what else there is to say."""
    run = [] if kept is None else [f"run: {kept.folder}"]
    return "\n".join([verdict_text(verdict), *verdict.notes, *run])


def verdict_text(verdict: Verdict) -> str:
    base = "a snapshot" if verdict.from_snapshot else "the first record"
    side = f" ({verdict.stretches} stretches side by side)" if verdict.stretches > 1 else ""
    head = (
        f"{verdict.pipeline}-{verdict.shard}: {verdict.epochs} epochs from {verdict.from_sequence} "
        f"on ({base}), {verdict.records} records, {verdict.outputs} outputs, "
        f"{verdict.snapshots} snapshots{side}: "
    )
    if verdict.finding is None:
        return head + "0 differences"
    lines = [head + "DIFFERENT", verdict.finding.message]
    for difference in verdict.finding.differences[:20]:
        lines += [difference.id, *side_by_side(difference.recorded, difference.rerun)]
    left = len(verdict.finding.differences) - 20
    return "\n".join([*lines, *([f"... and {left} more"] if left > 0 else [])])


def side_by_side(recorded: dict[str, Any] | None, rerun: dict[str, Any] | None) -> list[str]:
    """One line per field that differs: what was recorded, what the re-run gives."""
    if recorded is None or rerun is None:
        side = "only in the re-run" if recorded is None else "only recorded"
        return [f"  {side}: {json.dumps(rerun if recorded is None else recorded)}"]
    return [
        f"  {name:<20} recorded {json.dumps(recorded.get(name))}  now {json.dumps(value)}"
        for name, value in rerun.items()
        if recorded.get(name) != value
    ]


def tail(
    topic: Annotated[str, typer.Argument(help="logical topic, for example md.trade.v1")],
    start: From = None,
    end: To = None,
    date: Date = None,
    key: Annotated[str | None, typer.Option(help="only records with this key")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="wait for more, until --to")
    ] = False,
) -> None:
    """Print decoded events as JSON lines, with partition, offset, key and headers."""
    from ops.processes.clients import codec_of, kafka_log
    from ops.settings import load
    from replay.tail import tail as records

    settings = load()
    span = span_of(start, end, date)
    for record in records(kafka_log(settings), codec_of(settings), topic, span, key, follow):
        sys.stdout.write(json.dumps(record) + "\n")
        if follow:
            sys.stdout.flush()
