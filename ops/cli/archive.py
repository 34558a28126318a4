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
    output: Output = Form.TEXT,
) -> None:
    """Bring the archive up to date with the log, to the end of the range given; partitions that
    the archive does not have yet begin where the range begins.

    Exit code 1: something could not be archived yet, and is named.
    """
    from ops.processes.archiving import archive_once
    from ops.settings import load
    from ops.stack.progress import Bars

    settings, span = load(), span_of(start, end, date)
    with Bars() as bars:
        done = archive_once(settings, topic or (), span, accept_gap, bars)
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
    }


def as_text(done: Archived, root: str) -> str:
    size = sum(written.size for written in done.files)
    head = f"{root}: {len(done.files)} files written, {done.rows} records, {size} bytes"
    signed = [f"signed: {', '.join(done.signed)}"] if done.signed else []
    return "\n".join([head, *signed, *done.notes])
