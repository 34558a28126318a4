"""Reading an archive that grows meanwhile: the archiver puts a longer file in the place of a
partition's last one, and whoever had listed the shorter one finds it gone.

The longer one begins with the same records in the same row groups, so it is read in its stead, as
far as the shorter one went.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from replay.archive import manifest
from replay.archive.errors import ArchiveCorrupt, ArchiveError
from replay.archive.layout import FileName
from replay.archive.manifest import FileManifest
from replay.archive.reader import index
from replay.archive.store import Store

Found = TypeVar("Found")


def standing(store: Store, name: FileName, read: Callable[[FileName], Found]) -> Found:
    """What `read` makes of a file, or of the longer one that took its place since it was listed.
    Raises what `read` raises where there is none.
    """
    while True:
        try:
            return read(name)
        except ArchiveCorrupt:
            raise
        except ArchiveError:
            longer = _longer(store, name)
            if longer is None:
                raise
            name = longer


def manifest_of(store: Store, name: FileName) -> FileManifest:
    """What a file says of itself. Raises what `manifest.read` does."""
    return standing(store, name, partial(manifest.read, store))


def _longer(store: Store, name: FileName) -> FileName | None:
    files = index(store, [name.topic]).get(name.tp, [])
    return next((one for one in files if one.start == name.start and one.end > name.end), None)
