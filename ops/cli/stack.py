"""`tape up | down | status`: the local Kafka broker and schema registry, and the desk on them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli._output import Form, Output, columns, emit, printable

if TYPE_CHECKING:
    from ops.desk.control import DeskStatus
    from ops.monitoring.run import Monitor
    from ops.settings import Settings
    from ops.stack import Part
    from ops.stack.progress import Bars


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(up)
    app.command()(down)
    app.command()(status)


All = Annotated[bool, typer.Option("--all", help="the whole desk with them: docs/processes.md")]


Monitoring = Annotated[
    bool, typer.Option("--monitoring", help="Prometheus and Alertmanager too, if installed")
]


def up(everything: All = False, monitoring: Monitoring = False, output: Output = Form.TEXT) -> None:
    """Start Kafka and the schema registry, whatever of them does not run yet. Interrupted, it ends
    what it started.
    """
    from ops import stack
    from ops.settings import load
    from ops.stack.progress import Bars
    from ops.starting import undone_when_interrupted

    settings = load()
    if everything:
        from ops.desk.prepare import require_desk  # which loads every pipeline

        require_desk(settings)
    wanted = stack.Wanted(
        settings.stack.kafka_port, settings.stack.controller_port, settings.stack.registry_port
    )
    with Bars() as bars, undone_when_interrupted(settings.run_dir):
        info = stack.start(
            settings.run_dir,
            wanted,
            repository=settings.stack.maven_repository,
            report=bars,
            guarded=settings.stack.guarded_port,
            lasting=settings.stack.lasting,
        )
        if everything:
            _start_desk(settings, bars)
        watching = _start_monitoring(settings, bars) if monitoring else []
    if settings.kafka.bootstrap_servers not in (None, info.bootstrap_servers):
        print(
            f"tape: kafka.bootstrap_servers is set to {settings.kafka.bootstrap_servers}: commands "
            "use that, not the broker started here",
            file=sys.stderr,
        )
    rows = [("Kafka", info.bootstrap_servers), ("registry", info.registry_url)]
    rows += watching
    rows.append(("logs", f"{settings.run_dir}/*/*.log"))
    emit(output, {**info._asdict(), "run_dir": settings.run_dir}, columns(rows))


def _start_monitoring(settings: Settings, bars: Bars) -> list[tuple[str, str]]:
    from ops.monitoring import run

    return [(one.name, f"http://{one.address}") for one in run.start(settings, bars)]


def _start_desk(settings: Settings, bars: Bars) -> None:
    from ops.desk.control import start
    from ops.desk.prepare import prepare

    prepare(settings, bars)
    start(settings, bars)


def down(output: Output = Form.TEXT) -> None:
    """End what `tape up` started; its data stays. Exit code 1 where a process of the desk did not
    stop as it should: a gateway with orders open, for one.
    """
    from ops import stack
    from ops.desk import control
    from ops.desk.record import told_end
    from ops.monitoring import run as monitoring
    from ops.settings import load

    run_dir = load().run_dir
    watching = monitoring.stop(run_dir)
    desk = control.stop(run_dir)
    said = told_end(run_dir)
    ended = stack.stop(run_dir) or bool(desk or watching)
    value = {"ended": ended, "processes": desk, **({"failed": said} if said else {})}
    emit(output, value, "stopped" if ended else f"nothing runs in {run_dir}")
    if said:
        print(f"tape: {printable(said)}", file=sys.stderr)
        raise typer.Exit(1)


def status(output: Output = Form.TEXT) -> None:
    """Say what runs. Exit code 1 where a part does not answer or a process does not run."""
    from ops import stack
    from ops.desk import control
    from ops.monitoring import run as monitoring
    from ops.settings import load

    run_dir = load().run_dir
    parts, desk = stack.status(run_dir), control.status(run_dir)
    watching = monitoring.status(run_dir)
    rows = [("part", "state", "address", "pid", "log"), *map(_row, parts)]
    text = columns(rows) if parts else f"no stack in {run_dir}"
    if watching:
        text += "\n\n" + columns([("monitoring", "address", "pid"), *map(_watching_row, watching)])
    if desk.processes:
        text += "\n\n" + _desk_text(desk)
    known = [one._asdict() for one in parts] + [one._asdict() for one in watching]
    rows_of = [*known, *(p._asdict() for p in desk.processes)]
    emit(output, rows_of, text)
    unseen = any(not one.pids for one in watching)
    if unseen or not (parts and all(map(_runs, parts)) and _all_run(desk)):
        raise typer.Exit(1)


def _watching_row(one: Monitor) -> tuple[str, ...]:
    return one.name, f"http://{one.address}", " ".join(map(str, one.pids)) or "-"


def _all_run(desk: DeskStatus) -> bool:
    """True of a desk that was never started."""
    if not desk.processes:
        return True
    return bool(desk.supervisor) and all(one.state == "RUNNING" for one in desk.processes)


def _desk_text(desk: DeskStatus) -> str:
    head = ("process", "state", "restarts", "last exit", "pid", "metrics", "log")
    rows = [
        (
            one.name,
            one.state.lower().replace("_", " "),
            str(one.restarts),
            "-" if one.code is None else str(one.code),
            "-" if one.pid is None else str(one.pid),
            one.metrics or "-",
            one.log,
        )
        for one in desk.processes
    ]
    alone = "" if desk.supervisor else "\nnobody looks after these: `tape up --all` or `tape down`"
    return columns([head, *rows]) + alone


def _runs(part: Part) -> bool:
    """An answer without a process of ours comes from somebody else at that address."""
    return part.answers and bool(part.pids)


def _row(part: Part) -> tuple[str, ...]:
    pids = " ".join(map(str, part.pids)) or "-"
    return part.name, "answers" if _runs(part) else "down", part.address, pids, str(part.log)
