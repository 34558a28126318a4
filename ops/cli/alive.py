"""`tape alive`: which processes show themselves on the log."""

from __future__ import annotations

import time

import typer

from ops.cli._output import Form, Output, columns, emit


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(alive)


def alive(output: Output = Form.TEXT) -> None:
    """Who is alive, by the log: exit code 1 if a process that ran on it has fallen silent."""
    from ops.alive import lives
    from ops.processes.clients import kafka_log
    from ops.settings import load

    log = kafka_log(load())
    try:
        found = lives(log, time.time_ns() // 1_000_000)
    finally:
        log.close()
    rows = [(f"{one.process}-{one.which}", *_state(one.age_ms, one.alive)) for one in found]
    text = columns([("process", "state", "last seen"), *rows])
    emit(output, [one._asdict() for one in found], text if rows else "nobody ran on this log yet")
    if not all(one.alive for one in found):
        raise typer.Exit(1)


def _state(age_ms: int, lives: bool) -> tuple[str, str]:
    return "alive" if lives else "SILENT", f"{age_ms / 1_000:.1f} s ago"
