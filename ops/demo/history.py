"""The log of a demo as history: archived, and one pipeline re-run from the archive alone."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from connectors.log.kafka import KafkaLog
from ops.archives import archive_of
from ops.settings import Settings
from ops.stack.progress import Report
from replay.archive.run import archive
from schemas.codec import Codec

REPLAYED = "strategy"


def archived(log: KafkaLog, codec: Codec, settings: Settings, report: Report) -> dict[str, Any]:
    """Everything on the log to Parquet; what that gave."""
    began = time.monotonic()
    step = partial(report, "archive the log")
    done = archive(log, codec, archive_of(settings), list(codec.catalog.topics), on_progress=step)
    return {
        "root": settings.archive_root,
        "files": len(done.files),
        "records": done.rows,
        "bytes": sum(written.size for written in done.files),
        "days": done.days,
        "notes": done.notes,
        "seconds": round(time.monotonic() - began, 1),
    }
