"""How a command prints its result: lines for a person, or one JSON document for a program."""

from __future__ import annotations

import enum
import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer


class Form(enum.StrEnum):
    """The value of `--output`."""

    TEXT = "text"
    JSON = "json"


Output = Annotated[Form, typer.Option("--output", help="text for people, json for programs")]


def emit(form: Form, value: Any, text: str) -> None:
    """Prints `text`, or `value` as JSON, to stdout; what is not JSON (a path) by its string."""
    print(json.dumps(value, indent=2, default=str) if form is Form.JSON else text, flush=True)


def warn(warning: str) -> None:
    """One line on stderr: what was done stands."""
    print(f"tape: warning: {warning}", file=sys.stderr)


def columns(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows as aligned text."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
