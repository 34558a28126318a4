"""Archives the log that the settings name, one archiver per run folder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ops.processes.clients import codec_of, kafka_log
from ops.processes.lock import ShardBusy, hold, owner
from ops.settings import Settings
from ops.stack.progress import Report, silent
from replay.archive.errors import ArchiveError
from replay.archive.run import Archived, archive, topics_of
from replay.archive.store import Store, store_at
from replay.rerun import Span


class ArchiveBusy(ArchiveError):
    """Another process writes the archive."""


def archive_of(settings: Settings) -> Store:
    """The archive that the settings name."""
    return store_at(settings.archive_root)


def archive_once(
    settings: Settings,
    topics: Sequence[str],
    span: Span,
    accept_gap: bool = False,
    report: Report = silent,
) -> Archived:
    """Raises `TapeError`."""
    try:
        lock = hold(settings.run_dir, "archive")
    except ShardBusy:
        who = owner(settings.run_dir, "archive")
        raise ArchiveBusy(f"process {who} is archiving already: wait for it, or stop it") from None
    with lock:
        log, codec = kafka_log(settings), codec_of(settings)
        try:
            step = partial(report, "archive")
            names = topics_of(codec, topics)
            return archive(log, codec, archive_of(settings), names, span, accept_gap, step)
        finally:
            log.close()
