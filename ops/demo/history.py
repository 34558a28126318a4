"""The log of a demo as history: archived, what nobody writes any more at once, the rest in the end.
One pipeline is re-run from the archive alone.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, Self

from ops.archives import archive_of
from ops.demo.cast import Cast
from ops.processes.clients import codec_of, kafka_log
from replay.archive.manifest import FileManifest
from replay.archive.run import Archived, archive
from schemas.catalog import load_catalog
from schemas.topics import Topic

REPLAYED = "strategy"


class Pass(NamedTuple):
    """What archiving some topics gave, and how long it took."""

    done: Archived
    seconds: float


def written_by(topics: Mapping[str, Topic], roles: Collection[str]) -> list[str]:
    """The topics that nobody else writes."""
    return [name for name, topic in topics.items() if set(topic.producers) <= set(roles)]


def per_topic(files: Iterable[FileManifest], topics: Iterable[str]) -> dict[str, int]:
    """Events of each topic that has some, in the order given."""
    rows = Counter[str]()
    for file in files:
        rows[file.topic] += file.rows
    return {topic: rows[topic] for topic in topics if rows[topic]}


class History:
    """Archives beside whoever has it, one pass after the other."""

    def __init__(self, cast: Cast) -> None:
        self._cast, self._topics = cast, load_catalog().topics
        self._pool = ThreadPoolExecutor(1, "archive")
        self._passes: list[Future[Pass]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def begin(self, *roles: str) -> None:
        """With the topics that only these write, who have all stopped."""
        self._archive("archive the market", written_by(self._topics, roles))

    def finished(self) -> dict[str, Any]:
        """Everything on the log is in Parquet; what that gave. Raises `TapeError`."""
        self._archive("archive the log", list(self._topics))
        passes = [one.result() for one in self._passes]
        files = [file for one in passes for file in one.done.files]
        return {
            "root": self._cast.settings.archive_root,
            "files": len(files),
            "records": sum(one.done.rows for one in passes),
            "topics": per_topic(files, self._topics),
            "bytes": sum(file.size for file in files),
            "days": sorted({day for one in passes for day in one.done.days}),
            "notes": [note for one in passes for note in one.done.notes],
            "seconds": round(sum(one.seconds for one in passes), 1),
        }

    def _archive(self, step: str, topics: Sequence[str]) -> None:
        self._passes.append(self._pool.submit(self._pass, step, topics))

    def _pass(self, step: str, topics: Sequence[str]) -> Pass:
        began, settings = time.monotonic(), self._cast.settings
        log, store = kafka_log(settings), archive_of(settings)
        said = partial(self._cast.report, step)
        done = archive(log, codec_of(settings), store, topics, on_progress=said)
        log.close()
        return Pass(done, time.monotonic() - began)
