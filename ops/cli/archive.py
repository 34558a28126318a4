"""`tape archive`: the log to Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.cli._output import Form, Output, emit
from ops.cli._times import Date, From, To, span_of

if TYPE_CHECKING:
    from replay.archive.run import Archived

FINDING = 1


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(archive)


def archive(
    topic: Annotated[list[str] | None, typer.Option(help="only this one; may be repeated")] = None,
    start: From = None,
    end: To = None,
    date: Date = None,
    accept_gap: Annotated[
        bool, typer.Option("--accept-gap", help="go on behind offsets that nobody has any more")
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="until SIGTERM")] = False,
    every_s: Annotated[
        float, typer.Option("--every", min=0.1, help="with --follow: seconds between two runs")
    ] = 60.0,
    trim: Annotated[
        bool,
        typer.Option("--verify-then-trim", help="then delete from the log what is proven archived"),
    ] = False,
    output: Output = Form.TEXT,
) -> None:
    """Bring the archive up to date with the log, to the end of the range given; partitions that
    the archive does not have yet begin where the range begins.

    Exit code 1: something could not be archived yet, and is named.
    """
    from ops.processes.archiving import archive_follow, archive_once
    from ops.settings import load
    from ops.stack.progress import Bars

    settings, span = load(), span_of(start, end, date)
    if follow:
        if trim or span != span_of(None, None, None):
            raise typer.BadParameter("--follow takes no range, and trims nothing")

        def told(done: Archived) -> None:
            if done.files or done.notes:
                emit(output, as_json(done, settings.archive_root), as_text(done, "archive"))

        archive_follow(settings, topic or (), every_s, accept_gap, told)
        return
    with Bars() as bars:
        done = archive_once(settings, topic or (), span, accept_gap, bars, trim)
    emit(output, as_json(done, settings.archive_root), as_text(done, settings.archive_root))
    if done.notes:
        raise typer.Exit(FINDING)


def as_json(done: Archived, root: str) -> dict[str, Any]:
    return {
        "root": root,
        "files": [written.name.path for written in done.files],
        "rows": done.rows,
        "days": done.days,
        "signed": done.signed,
        "notes": done.notes,
        "trimmed": [{**one._asdict(), "tp": list(one.tp)} for one in done.trimmed],
    }


def as_text(done: Archived, root: str) -> str:
    size = sum(written.size for written in done.files)
    head = f"{root}: {len(done.files)} files written, {done.rows} records, {size} bytes"
    signed = [f"signed: {', '.join(done.signed)}"] if done.signed else []
    gone = [
        f"{tp.topic}/{tp.partition}: deleted offsets {low} to {upto - 1}, up to {kept_by}"
        for tp, low, upto, kept_by in done.trimmed
    ]
    return "\n".join([head, *signed, *gone, *done.notes])
