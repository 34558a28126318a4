"""What can be wrong with an archive."""

from __future__ import annotations

from schemas.errors import TapeError


class ArchiveError(TapeError):
    """The archive cannot be written or read; the text names the file or the range."""


class ArchiveCorrupt(ArchiveError):
    """A file is not what its manifest says."""


class OtherLog(ArchiveError):
    """The archive was made from another log than the one at hand."""


class ArchiveGap(ArchiveError):
    """Offsets are neither in the archive nor on the log any more."""


class ArchiveAway(ArchiveError):
    """The archive's storage does not answer, or not now: it may be tried again."""


class ArchiveConflict(ArchiveError):
    """Somebody else wrote to the archive at the same time. `place`: what of it."""

    def __init__(self, place: str) -> None:
        super().__init__(
            f"{place} was written or removed by somebody else meanwhile: does a second "
            "`tape archive` run? Nothing was overwritten; run it again when the other has ended"
        )
