"""`tape limits set FILE | show`: the desk's limits, as an event in force from its own offset on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli._output import Form, Output, columns, emit, warn

if TYPE_CHECKING:
    from connectors.control import Decided

Person = Annotated[str, typer.Option(help="who changes them")]
Reason = Annotated[str, typer.Option(help="why, in your own words")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(help="What risk allows.", no_args_is_help=True)
    group.command("set")(set_limits)
    group.command("show")(show)
    app.add_typer(group, name="limits")


def set_limits(
    file: Annotated[Path, typer.Argument(help="limits in YAML: docs/risk.md")],
    reason: Reason,
    person: Person,
    output: Output = Form.TEXT,
) -> None:
    """Put the limits of a file in force; they replace all that were there."""
    from ops.processes.limits import change_limits, doubts
    from ops.settings import load
    from schemas.json_form import to_json

    settings = load()
    changed = change_limits(file, person, reason, settings)
    for doubt in doubts(changed.event, settings):
        warn(doubt)
    event = changed.event
    text = f"limits {event.limits_version} are in force from ops.control.v1/0/{changed.offset} on"
    emit(output, {"offset": changed.offset, **to_json(event)}, text)


def show(output: Output = Form.TEXT) -> None:
    """The limits in force."""
    from ops.processes.limits import newest_limits
    from ops.settings import load
    from schemas.json_form import to_json

    found = newest_limits(load())
    emit(output, {"offset": found.offset, **to_json(found.event)}, as_text(found))


def as_text(found: Decided) -> str:
    from ops.limits import rows

    event = found.event
    who = f"by {event.person}: {event.reason}"
    head = f"limits {event.limits_version}, in {event.currency}, from offset {found.offset}, {who}"
    names = ", ".join(terms.instrument for terms in event.instruments)
    return "\n".join([head, columns(rows(event)), f"instruments: {names}"])
