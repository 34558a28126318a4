"""The folder for what can be had again: every run folder of a user shares it."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`TAPE_CACHE`, else `tape` in the user's cache folder."""
    named = os.environ.get("TAPE_CACHE")
    if named:
        return Path(named).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "tape"
