"""Archives the log that the settings name, one archiver per run folder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from connectors.signing import make_key
from ops.processes.clients import codec_of, kafka_log
from ops.processes.lock import ShardBusy, hold, owner
from ops.settings import Settings
from ops.stack.progress import Report, silent
from replay.archive.errors import ArchiveError
from replay.archive.run import Archived, archive, topics_of
from replay.archive.store import Store, store_at
from replay.rerun import Span
from replay.verify.signature import sign_days


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
            names, store = topics_of(codec, topics), archive_of(settings)
            done = archive(log, codec, store, names, span, accept_gap, step)
            done.signed = sign_days(store, _key(settings))
            return done
        finally:
            log.close()


def _key(settings: Settings) -> bytes:
    """What days are signed with. Without a reference a key of the run folder serves, made when
    first needed.
    """
    if settings.archive.signing_key is None:
        make_key(settings.own_archive_key)
    return settings.archive_pem().encode()
