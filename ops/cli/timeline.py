"""`tape timeline`: what happened on the desk between two times, and a review begun with it."""

from __future__ import annotations

import enum
import json
from typing import Annotated

import typer

from ops.cli._output import show
from ops.cli._times import Date, From, To, span_of


class Form(enum.StrEnum):
    """The value of `--output`."""

    MARKDOWN = "markdown"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(timeline)


def timeline(
    start: From = None,
    end: To = None,
    date: Date = None,
    source: Annotated[
        str, typer.Option(help="archive|log|auto: auto takes the archive, and the log behind it")
    ] = "log",
    review: Annotated[
        bool, typer.Option("--review", help="the template of a review, the time line in it")
    ] = False,
    output: Annotated[Form, typer.Option("--output")] = Form.MARKDOWN,
) -> None:
    """Tell what happened between two times: starts, stops, fences, upgrades, kills, halts, limits,
    breaks, feeds, silences; orders and fills in counts.
    """
    from ops.processes.sources import opened, source_of
    from ops.review import review_of
    from ops.settings import load
    from ops.stack.progress import Bars
    from replay.timeline.run import timeline as read
    from replay.timeline.text import as_json, as_markdown

    span = span_of(start, end, date)
    log, codec = opened(load(), source_of(source))
    try:
        with Bars() as bars:
            found = read(log, codec, span, lambda done, total: bars("read topics", done, total))
    finally:
        log.close()
    if output is Form.JSON:
        print(json.dumps(as_json(found), indent=2), flush=True)
    else:
        show(review_of(found) if review else as_markdown(found))
