"""Which files a signal is made of: its own, and those it imports from the same folder.

Read off the `import` statements, not off what a process happens to have loaded, so that the answer
is the same in every process. What is installed beside is covered by the lock file.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path


def sources_of(file: Path, root: Path) -> dict[str, bytes]:
    """The bytes of the files by their path below `root`, sorted."""
    found: dict[Path, bytes] = {}
    waiting = [file]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found[path] = path.read_bytes()
            waiting += imported_by(found[path], path, root)
    return {path.relative_to(root).as_posix(): found[path] for path in sorted(found)}


def imported_by(source: bytes, file: Path, root: Path) -> list[Path]:
    """The files below `root` that a file imports."""
    return list(imported(ast.parse(source, str(file)), file, root))


def module_of(path: str) -> str:
    """The name that `a/b.py` and `a/b/__init__.py` are imported by: `a.b`."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported(tree: ast.Module, file: Path, root: Path) -> Iterator[Path]:
    """The files below `root` that a module imports, wherever in it the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from files_of(root, alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            base = file.parents[node.level - 1] if node.level else root
            parts = node.module.split(".") if node.module else []
            for alias in node.names:
                yield from files_of(base, [*parts, alias.name])


def files_of(base: Path, parts: list[str]) -> Iterator[Path]:
    """Importing `a.b.c` runs `a/__init__.py`, `a/b/__init__.py` and `a/b/c.py`, as far as there."""
    for end in range(1, len(parts) + 1):
        place = base.joinpath(*parts[:end])
        for path in (place / "__init__.py", place.with_suffix(".py")):
            if path.is_file():
                yield path
