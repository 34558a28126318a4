"""Small libraries preloaded in front of libc's, which lie to one process about its machine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def compiler() -> bool:
    """Whether a shim can be built here."""
    return shutil.which("cc") is not None


def build(source: Path, folder: Path) -> Path:
    """The library, made of a C file."""
    cc = shutil.which("cc")
    assert cc is not None, "no C compiler: see `compiler`"
    library = folder / f"{source.stem}.so"
    command = [cc, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True)
    return library
