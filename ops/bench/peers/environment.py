"""An environment of its own for a peer, from its pinned and hashed requirements."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from ops.settings import ROOT
from ops.stack.progress import Report
from schemas.errors import TapeError

REQUIREMENTS = "requirements.txt"
INSTALL_S_MAX = 600.0


class NotInstalled(TapeError):
    """The peer's environment could not be made."""


def peer_python(peer: str, folder: Path, report: Report) -> Path:
    """Its interpreter; the environment is made once per folder. Raises `NotInstalled`."""
    python = folder / peer / "bin" / "python"
    if python.exists():
        return python
    report(f"install {peer}", 0, None)
    uv = _uv()
    _run([uv, "venv", "-q", "-p", sys.executable, str(folder / f"{peer}.new")])
    fresh = folder / f"{peer}.new" / "bin" / "python"
    install = [uv, "pip", "install", "-q", "-p", str(fresh), "--require-hashes"]
    _run([*install, "-r", str(Path(__file__).parent / peer / REQUIREMENTS)])
    (folder / f"{peer}.new").rename(folder / peer)
    report(f"install {peer}", 1, 1)
    return python


def _uv() -> str:
    found = ROOT / ".uv" / "bin" / "uv"
    uv = str(found) if found.exists() else shutil.which("uv")
    if uv is None:
        raise NotInstalled("uv is not here: run `make setup`")
    return uv


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_S_MAX)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        raise NotInstalled(f"{said.strip().splitlines()[-1]}") from None
