"""How a command prints its result: lines for a person, or one JSON document for a program."""

from __future__ import annotations

import enum
import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

_CONTROLS: Final = {
    code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"
}


class Form(enum.StrEnum):
    """The value of `--output`."""

    TEXT = "text"
    JSON = "json"


Output = Annotated[Form, typer.Option("--output", help="text for people, json for programs")]


def emit(form: Form, value: Any, text: str) -> None:
    """Prints `text`, or `value` as JSON, to stdout; what is not JSON (a path) by its string."""
    if form is Form.JSON:
        print(json.dumps(value, indent=2, default=str), flush=True)
    else:
        show(text)


def show(text: str) -> None:
    """Prints lines for a person."""
    print(printable(text), flush=True)


def printable(text: str) -> str:
    """Without the control characters by which words from outside could steer a terminal."""
    return text.translate(_CONTROLS)


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
