"""Archives the log that the settings name, one archiver per archive."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from connectors.log.errors import LogUnreachable
from connectors.signing import make_key
from ops.archives import archive_of
from ops.figures.archive import ArchiveFigures
from ops.figures.serving import answer
from ops.processes.clients import codec_of, kafka_log
from ops.processes.lock import ShardBusy, hold, owner
from ops.settings import Settings
from ops.stack.progress import Report, silent
from ops.stopping import told_to_stop
from ops.trimming import delete_before
from replay.archive.errors import ArchiveAway, ArchiveError
from replay.archive.run import Archived, archive, topics_of
from replay.archive.signed import LastSigned
from replay.archive.store import FolderStore, Store
from replay.archive.trim import plan, trimmable
from replay.times import EVERYTHING, Span
from replay.verify.signature import own, sign_days
from schemas.errors import RegistryError
from schemas.secret import Secret

logger = logging.getLogger("tape.archive")


class ArchiveBusy(ArchiveError):
    """Another process writes the archive."""


@contextmanager
def alone(settings: Settings, store: Store) -> Iterator[None]:
    """Raises `ArchiveBusy` where another process writes the archive. A folder holds the lock
    itself, for whoever writes there. S3 has none: it refuses what would harm another's work, and
    the run folder's lock only says so sooner.
    """
    folder = Path(store.root) if isinstance(store, FolderStore) else settings.run_dir
    try:
        lock = hold(folder, "archive")
    except ShardBusy:
        runs = owner(folder, "archive")
        who = f"process {runs.pid}" if runs else "another process"
        raise ArchiveBusy(f"{who} is archiving already: wait for it, or stop it") from None
    except OSError as error:
        raise ArchiveError(f"{folder}: {error.strerror}") from None
    with lock:
        yield


def archive_once(
    settings: Settings,
    topics: Sequence[str],
    span: Span,
    accept_gap: bool = False,
    report: Report = silent,
    trim: bool = False,
) -> Archived:
    """With `trim`, the log then forgets what is proven archived. Raises `TapeError`."""
    store = archive_of(settings)
    with alone(settings, store), closing(kafka_log(settings)) as log:
        codec = codec_of(settings)
        names, last = topics_of(codec, topics), last_signed(settings, store)
        told = partial(report, "archive")
        done = archive(log, codec, store, names, span, accept_gap, told, last)
        done.signed = sign_days(store, archive_key(settings).reveal().encode(), last)
        if trim:
            done.trimmed = plan(log, codec, store, [t for t in trimmable(codec) if t in names])
            delete_before(settings, {one.tp: one.upto for one in done.trimmed})
        return done


def archive_follow(
    settings: Settings,
    topics: Sequence[str],
    every_s: float,
    accept_gap: bool,
    on_round: Callable[[Archived], None],
) -> None:
    """Again and again until SIGTERM or SIGINT; a broker, a registry or S3 that is away is
    waited for, and so is whoever archives or trims by hand. Raises every other `TapeError`.
    """
    stop = told_to_stop()
    figures = ArchiveFigures()
    answer(settings, "archive").ready = figures.why_not_ready
    while not stop.is_set():
        began_s = figures.begin()
        try:
            done = archive_once(settings, topics, EVERYTHING, accept_gap)
            figures.over(began_s, done.behind)
            on_round(done)
        except (LogUnreachable, RegistryError, ArchiveAway, ArchiveBusy) as error:
            logger.warning("%s; trying again in %g s", error, every_s)
        stop.wait(every_s)


def last_signed(settings: Settings, store: Store) -> LastSigned:
    """What the run folder knows of the archive's signed days."""
    holds = own(archive_key(settings).reveal().encode())
    return LastSigned(FolderStore(settings.run_dir), store.root, holds)


def archive_key(settings: Settings) -> Secret:
    """What days are signed with. Without a reference a key of the run folder serves, made when
    first needed.
    """
    if settings.archive.signing_key is None:
        make_key(settings.own_archive_key)
    return settings.archive_pem()
