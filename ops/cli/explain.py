"""`tape explain ORDER`: why an order was sent, and what came of it."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.cli._output import Form, Output, emit
from ops.cli._times import Date, From, To, span_of


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(explain)


def explain(
    order: Annotated[str, typer.Argument(help="its cl_ord_id, or the first letters of it")],
    start: From = None,
    end: To = None,
    date: Date = None,
    source: Annotated[
        str, typer.Option(help="archive|log|auto: auto takes the archive, and the log behind it")
    ] = "archive",
    output: Output = Form.TEXT,
) -> None:
    """Show the chain from the tick over signal, request, decision and sending to fills and
    position, with the times between, and the code, limits and caps that decided.
    """
    from ops.processes.sources import opened, source_of
    from ops.settings import load
    from replay.explain.chain import explain as explained
    from replay.explain.found import Past
    from replay.explain.text import as_json, as_text

    span = span_of(start, end, date)
    log, codec = opened(load(), source_of(source))
    try:
        found = explained(Past(log, codec, span), order)
    finally:
        log.close()
    emit(output, as_json(found), as_text(found))
