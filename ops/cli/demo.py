"""`tape demo`: captures through a real broker to signals, orders and fills, and the proof."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ops.cli._output import Form, Output, columns, emit

FINDING = 1


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(demo)


def demo(
    seconds: Annotated[float, typer.Option(help="how much of each capture to play", min=1)] = 25.0,
    speed: Annotated[str, typer.Option(help="1 trades; another, or max: as far as signals")] = "1",
    output: Output = Form.TEXT,
) -> None:
    """Trade captured markets on a real broker and a simulated venue; replay it; sum up.

    Exit code 0: the replay found no difference, every balance is the venue's, every fault struck.
    1: not so. 2: could not run.
    """
    from ops.demo.model import Demo
    from ops.demo.run import run_demo
    from ops.settings import load
    from ops.stack.progress import Bars
    from ops.stopping import interrupted_by_sigterm

    # A run folder, broker, registry and venue of its own: what the user runs is never touched.
    interrupted_by_sigterm()
    with Bars() as bars:
        summary = run_demo(Demo(seconds, speed_of(speed)), load().run_dir / "demo", bars)
    emit(output, summary, as_text(summary))
    if never := summary.get("faults_missed"):
        typer.echo(f"tape: {line_of(never, summary['trading'])}", err=True)
    if not summary["clean"]:
        raise typer.Exit(FINDING)


def line_of(never: list[str], trading: dict[str, Any]) -> str:
    """About the faults that met no order to strike."""
    return (
        f"faults that never struck: {', '.join(never)}; {trading['approved']} of "
        f"{trading['requested']} orders were approved: a longer --seconds, or a machine with less "
        "to do, gives faults orders to meet"
    )


def speed_of(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not speed > 0:
        raise typer.BadParameter(f"--speed {text}: a number above 0, or max")
    return speed


def as_text(summary: dict[str, Any]) -> str:
    """The summary for a person."""
    events = [("topic", "events"), *((t, f"{n:,}") for t, n in summary["topics"].items())]
    epochs = [("pipeline", "records in", "epochs", "snapshots")]
    for name, found in summary["pipelines"].items():
        counts = (found["records_in"], found["epochs"], found["snapshots"])
        epochs.append((name, *(f"{count:,}" for count in counts)))
    times = [("tick to", "count", "p50 ms", "p90 ms", "p99 ms")]
    measured = dict(summary["latency"])
    if "trading" in summary:
        measured["fill"] = summary["trading"]["tick_to_fill"]
    for topic, found in measured.items():
        values = (found[f"p{share}_ms"] for share in (50, 90, 99))
        times.append((topic, f"{found['count']:,}", *(f"{value:,.1f}" for value in values)))
    parts = [columns(events), columns(epochs), columns(times), *_traded(summary), _played(summary)]
    parts.append(_archived(summary["archive"]))
    parts += _answers(summary["answers"])
    return "\n\n".join([*parts, *_verdicts(summary["replay"]), *_again(summary)])


def _answers(found: dict[str, Any]) -> list[str]:
    """What `tape sql` and `tape explain` say about the archive."""
    from replay.sql.render import table_of

    asked = found["sql"]
    names = list(asked["rows"][0]) if asked["rows"] else ["no row"]
    rows = [list(row.values()) for row in asked["rows"]]
    head = f"tape sql --example {asked['name']}: {asked['question']}"
    parts = [f"{head}\n{table_of(names, rows)}"]
    if found["explained"] is not None:
        text = found["explained"]["text"]
        parts.append(f"tape explain {found['explained']['cl_ord_id'][:8]}:\n{text}")
    return parts


def _again(summary: dict[str, Any]) -> list[str]:
    """The venue from its arrivals, and where to look at what was traded."""
    lines = [
        f"again from the venue's arrivals: {one['compared']:,} {one['name']}: "
        f"{one['finding'] or '0 differences'}"
        for one in summary.get("venue_again", ())
    ]
    return [*lines, *([f"report: {summary['report']}"] if "report" in summary else [])]


def _traded(summary: dict[str, Any]) -> list[str]:
    """What the desk did, and whether the venue agrees."""
    found = summary.get("trading")
    if found is None:
        return ["nothing was traded: what trades runs at --speed 1"]
    denied = ", ".join(f"{count} {reason}" for reason, count in found["denied"].items()) or "none"
    faults = ", ".join(f"{count} {kind}" for kind, count in found["faults"].items()) or "none"
    breaks = ", ".join(
        f"{one['found']} {kind} ({one['open']} open)" for kind, one in found["breaks"].items()
    )
    rows = [
        ("order requests", f"{found['requested']:,}"),
        ("approved", f"{found['approved']:,}"),
        ("denied", denied),
        ("orders at the venue", f"{found['orders_at_venue']:,}"),
        ("canceled", f"{found['canceled']:,}"),
        ("fills", f"{found['fills']:,}, {found['booked_by_reconciliation']} by reconciliation"),
        ("profit and loss", f"{found['profit']} USDT at the last marks, fees in it"),
        ("injected faults", faults),
        ("breaks", breaks or "none"),
    ]
    held = [("balance", "by the log", "by the venue")]
    held += [(asset, one["log"], one["venue"]) for asset, one in found["positions"].items()]
    verdict = "equal to the last digit" if found["equal"] else "DIFFERENT"
    return [columns(rows), columns(held), f"log and venue: {verdict}"]


def _played(summary: dict[str, Any]) -> str:
    return (
        f"{summary['frames']:,} captured frames on {summary['lines']} lines each, "
        f"{summary['frames_per_second']:,} frames/s, caught up {summary['drained_after_s']} s "
        f"after the last, {summary['restarts']} processes restarted; "
        f"{summary['seconds_total']} s in all"
    )


def _archived(found: dict[str, Any]) -> str:
    return "\n".join(
        [
            f"{found['records']:,} records archived in {found['files']:,} files, "
            f"{found['bytes']:,} bytes, {found['seconds']} s: {found['root']}",
            *found["notes"],
        ]
    )


def _verdicts(replay: dict[str, list[dict[str, Any]]]) -> list[str]:
    lines = []
    for name, shards in replay.items():
        for found in shards:
            verdict = "0 differences" if found["clean"] else found["finding"]["message"]
            source = " from the archive" if name == "archive" else ""
            lines.append(
                f"replay {found['pipeline']}-{found['shard']}{source}: {found['epochs']:,} epochs, "
                f"{found['outputs']:,} outputs, {found['snapshots']} snapshots: {verdict}"
            )
    return lines
