"""The project's Python files as syntax trees, for the tests that read the code itself."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("schemas", "pipelines", "connectors", "replay", "ops", "tests")
ESCAPE = "# tidy: "


@dataclass(frozen=True)
class Source:
    """One file; `path` is relative to the root of the project."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def comments(self) -> dict[int, str]:
        """By line."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return {t.start[0]: t.string for t in tokens if t.type == tokenize.COMMENT}

    def excused(self, line: int) -> bool:
        """A line is excused by a comment that gives a reason."""
        _, found, reason = self.comments.get(line, "").partition(ESCAPE)
        return bool(found and reason.strip())

    def imports(self) -> Iterator[tuple[int, str]]:
        """Line and dotted name of everything imported, `a.b` for `from a import b`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{self.path}:{node.lineno}: relative import"
                yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def sources(*folders: str) -> list[Source]:
    """The project's files, in order; those of some folders where folders are named."""
    paths = sorted(p for name in folders or FOLDERS for p in (ROOT / name).rglob("*.py"))
    return [Source(p.relative_to(ROOT).as_posix(), p.read_text()) for p in paths]
