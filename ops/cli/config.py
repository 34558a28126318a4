"""`tape config`: the settings in force."""

from __future__ import annotations

from typing import Any

import typer

from ops.cli._output import Form, Output, columns, emit


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(config)


def config(output: Output = Form.TEXT) -> None:
    """Print the effective settings: environment over file over default, secrets masked."""
    from ops.masking import masked
    from ops.settings import config_file, load

    values = masked(load())
    text = f"# {config_file() or 'no settings file'}\n{columns(_flat(values))}"
    emit(output, values, text)


def _flat(values: dict[str, Any], path: str = "") -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, value in values.items():
        if isinstance(value, dict) and value:
            rows += _flat(value, f"{path}{name}.")
        else:
            rows.append((path + name, "-" if value in (None, "", {}) else str(value)))
    return rows
