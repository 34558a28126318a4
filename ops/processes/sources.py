"""What a replay reads: the log, the archive, or the archive and the log behind it."""

from __future__ import annotations

import enum

from connectors.log.interface import Log
from ops.archives import archive_of
from ops.processes.clients import codec_of, kafka_log
from ops.settings import Settings
from replay.archive.schemas import archived_ids, joined_ids
from replay.archive.seam import JoinedLog
from replay.archive.source import ArchiveLog
from schemas.catalog import load_catalog
from schemas.codec import Codec
from schemas.errors import TapeError


class Source(enum.StrEnum):
    """`auto`: the archive for what it holds, the log for the rest."""

    LOG = "log"
    ARCHIVE = "archive"
    AUTO = "auto"


class NoSuchSource(TapeError):
    """A replay cannot read from there."""


def source_of(name: str) -> Source:
    """Raises `NoSuchSource`."""
    if name not in list(Source):
        raise NoSuchSource(f"--source is {', '.join(Source)}, not {name}")
    return Source(name)


def opened(settings: Settings, source: Source = Source.LOG) -> tuple[Log, Codec]:
    """The source and its codec; `archive` asks neither broker nor registry."""
    if source == Source.LOG:
        return kafka_log(settings), codec_of(settings)
    store = archive_of(settings)
    if source == Source.ARCHIVE:
        catalog = load_catalog()
        return ArchiveLog(store), Codec(catalog, archived_ids(store, catalog))
    codec = codec_of(settings)
    ids = joined_ids(store, codec.catalog, codec.ids)
    return JoinedLog(ArchiveLog(store), kafka_log(settings)), Codec(codec.catalog, ids)
