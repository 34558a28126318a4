"""The archive that the settings name, or another one reached in the same way."""

from __future__ import annotations

from ops.settings import Settings
from replay.archive.options import S3Options
from replay.archive.store import Store, store_at


def archive_of(settings: Settings, root: str | None = None) -> Store:
    """Raises `ArchiveError` where there can be none."""
    options = S3Options(**settings.archive.model_dump(exclude={"root", "signing_key"}))
    return store_at(root or settings.archive_root, options)
