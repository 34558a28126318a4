"""A user's own repository: one signal, its test, its configuration, and recorded trades to try.

The template's files lie beside this module, each with `.in` after its name. `@NAME@` and
`@TAPE_HOME@` in them become the repository's name and the place of this checkout.
"""

from __future__ import annotations

import re
from pathlib import Path

from schemas.errors import TapeError

TEMPLATE = Path(__file__).parent / "template"
SUFFIX = ".in"
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class CannotInit(TapeError):
    """The name is no name for a folder, or the folder is there already."""


def create(folder: Path, tape_home: Path) -> list[Path]:
    """Makes the repository, named like its folder. Gives its files. Raises `CannotInit`."""
    if not NAME.fullmatch(folder.name):
        raise CannotInit(f"{folder.name!r} is no name: letters, digits, - and _, a letter first")
    if folder.exists():
        raise CannotInit(f"{folder} is there already: choose another name, or remove it")
    try:
        folder.mkdir(parents=True)
        return [_write(path, folder, tape_home) for path in sorted(TEMPLATE.glob(f"*{SUFFIX}"))]
    except OSError as error:
        raise CannotInit(f"cannot write {folder}: {error.strerror}") from None


def _write(source: Path, folder: Path, tape_home: Path) -> Path:
    name = source.name.removesuffix(SUFFIX)
    target = folder / (".gitignore" if name == "gitignore" else name)
    text = source.read_text().replace("@NAME@", folder.name)
    target.write_text(text.replace("@TAPE_HOME@", str(tape_home)))
    return target
