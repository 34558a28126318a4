"""`tape demo`: captures through a real broker to signals, exactly once, and the proof."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ops.cli._output import Form, Output, columns, emit

FINDING = 1


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(demo)


def demo(
    seconds: Annotated[float, typer.Option(help="how much of each capture to play")] = 40.0,
    speed: Annotated[str, typer.Option(help="times the original pace, or max")] = "2",
    output: Output = Form.TEXT,
) -> None:
    """Play captured frames through the whole pipeline on a real broker; replay it; sum up.

    Exit code 0: the replay found no difference. 1: it did. 2: could not run.
    """
    from ops.demo.run import Demo, run_demo
    from ops.settings import load
    from ops.stack.progress import Bars

    own = load()
    # A run folder, broker and registry of its own: what the user runs is never touched.
    settings = load(
        run_dir=own.run_dir / "demo", topic_prefix="", kafka={}, registry={}, shards=1, shard=None
    )
    wanted = Demo(seconds, speed_of(speed))
    with Bars() as bars:
        summary = run_demo(wanted, settings, bars)
    emit(output, summary, as_text(summary))
    if not summary["clean"]:
        raise typer.Exit(FINDING)


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
    for topic, found in summary["latency"].items():
        values = (found[f"p{share}_ms"] for share in (50, 90, 99))
        times.append((topic, f"{found['count']:,}", *(f"{value:,.1f}" for value in values)))
    parts = [columns(events), columns(epochs), columns(times), _played(summary)]
    return "\n\n".join([*parts, *_verdicts(summary["replay"])])


def _played(summary: dict[str, Any]) -> str:
    return (
        f"{summary['frames']:,} captured frames on {summary['lines']} lines each, "
        f"{summary['frames_per_second']:,} frames/s, caught up {summary['drained_after_s']} s "
        f"after the last, {summary['restarts']} processes restarted; "
        f"{summary['seconds_total']} s in all"
    )


def _verdicts(replay: dict[str, list[dict[str, Any]]]) -> list[str]:
    lines = []
    for name, shards in replay.items():
        for found in shards:
            verdict = "0 differences" if found["clean"] else found["finding"]["message"]
            lines.append(
                f"replay {name}-{found['shard']}: {found['epochs']:,} epochs, "
                f"{found['outputs']:,} outputs, {found['snapshots']} snapshots: {verdict}"
            )
    return lines
