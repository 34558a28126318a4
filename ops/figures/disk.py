"""How much room the disks have that a desk writes to: its run folder and its archive."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from connectors.metrics import declared
from connectors.metrics.kinds import Rows
from ops.settings import Settings


def show(settings: Settings) -> None:
    """Asked at every scrape from here on."""
    folders = folders_of(settings)
    declared.DISK_FREE.read = lambda: rows(folders, lambda path: shutil.disk_usage(path).free)
    declared.DISK_SIZE.read = lambda: rows(folders, lambda path: shutil.disk_usage(path).total)


def folders_of(settings: Settings) -> dict[str, Path]:
    """By name; an archive in a bucket has no disk here."""
    found = {"run": settings.run_dir}
    if "://" not in settings.archive_root:
        found["archive"] = Path(settings.archive_root)
    return found


def rows(folders: Mapping[str, Path], asked: Callable[[Path], int]) -> Rows:
    """Of the disk that each folder is on, or will be on."""
    return {(name,): asked(existing(folder)) for name, folder in folders.items()}


def existing(folder: Path) -> Path:
    """The folder, or the nearest above it that there is."""
    return next(one for one in (folder, *folder.absolute().parents) if one.exists())
