"""The example questions, each a file whose first comment asks it."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from replay.sql.errors import SqlError

FOLDER: Final = Path(__file__).parent / "examples"


class Example(NamedTuple):
    """One question: in words, and in SQL."""

    name: str
    question: str
    sql: str


def examples() -> list[Example]:
    """All of them, in alphabetical order."""
    return [_load(path) for path in sorted(FOLDER.iterdir())]


def example(name: str) -> Example:
    """One by name. Raises `SqlError`."""
    found = {each.name: each for each in examples()}
    if name not in found:
        raise SqlError(f"there is no example {name}, only {', '.join(found)}")
    return found[name]


def _load(path: Path) -> Example:
    sql = path.read_text("utf-8")
    asked, _, _ = sql.removeprefix("-- ").partition("\n")
    return Example(path.stem, asked, sql)
