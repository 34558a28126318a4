"""`tape up | down | status`: the local Kafka broker and schema registry."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from ops.cli._output import Form, Output, columns, emit

if TYPE_CHECKING:
    from ops.stack import Part


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(up)
    app.command()(down)
    app.command()(status)


def up(output: Output = Form.TEXT) -> None:
    """Start Kafka and the schema registry, whatever of them does not run yet."""
    from ops import stack
    from ops.settings import load
    from ops.stack.progress import Bars

    settings = load()
    wanted = stack.Wanted(
        settings.stack.kafka_port, settings.stack.controller_port, settings.stack.registry_port
    )
    with Bars() as bars:
        info = stack.start(
            settings.run_dir,
            wanted,
            repository=settings.stack.maven_repository,
            report=bars,
            guarded=settings.stack.guarded_port,
        )
    if settings.kafka.bootstrap_servers not in (None, info.bootstrap_servers):
        print(
            f"tape: kafka.bootstrap_servers is set to {settings.kafka.bootstrap_servers}: commands "
            "use that, not the broker started here",
            file=sys.stderr,
        )
    rows = [("Kafka", info.bootstrap_servers), ("registry", info.registry_url)]
    rows.append(("logs", f"{settings.run_dir}/*/*.log"))
    emit(output, {**info._asdict(), "run_dir": settings.run_dir}, columns(rows))


def down(output: Output = Form.TEXT) -> None:
    """End what `tape up` started; its data stays."""
    from ops import stack
    from ops.settings import load

    run_dir = load().run_dir
    ended = stack.stop(run_dir)
    emit(output, {"ended": ended}, "stopped" if ended else f"nothing runs in {run_dir}")


def status(output: Output = Form.TEXT) -> None:
    """Say what runs. Exit code 1 if a part does not answer."""
    from ops import stack
    from ops.settings import load

    run_dir = load().run_dir
    parts = stack.status(run_dir)
    rows = [_row(part) for part in parts]
    text = columns([("part", "state", "address", "pid", "log"), *rows])
    emit(output, [part._asdict() for part in parts], text if rows else f"no stack in {run_dir}")
    if not (parts and all(map(_runs, parts))):
        raise typer.Exit(1)


def _runs(part: Part) -> bool:
    """An answer without a process of ours comes from somebody else at that address."""
    return part.answers and bool(part.pids)


def _row(part: Part) -> tuple[str, ...]:
    pids = " ".join(map(str, part.pids)) or "-"
    return part.name, "answers" if _runs(part) else "down", part.address, pids, str(part.log)
