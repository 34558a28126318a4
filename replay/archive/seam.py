"""Archive and log as one log: the archive for what it holds, the log for the rest. A partition has
one seam, where its files end; what neither side has is an error that names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import NoReturn

from connectors.log.errors import TopicMissing
from connectors.log.interface import Log, Message, Reader, Tp
from replay.archive.errors import ArchiveGap, OtherLog
from replay.archive.same import differing
from replay.archive.source import ArchiveLog, ArchiveReader


class JoinedLog:
    """The reading half of `connectors.log.interface.Log`."""

    def __init__(self, archive: ArchiveLog, log: Log) -> None:
        self._archive, self._log = archive, log
        self._same: set[Tp] = set()

    def partition_count(self, topic: str) -> int:
        with suppress(TopicMissing):
            return self._log.partition_count(topic)
        return self._archive.partition_count(topic)

    def bounds(self, tp: Tp) -> tuple[int, int]:
        archived, logged = self._archived(tp), self._logged(tp)
        if archived is None or logged is None:
            return archived or logged or (0, 0)
        return min(archived[0], logged[0]), max(archived[1], logged[1])

    def _archived(self, tp: Tp) -> tuple[int, int] | None:
        return self._archive.bounds(tp) if tp in self._archive.files else None

    def _logged(self, tp: Tp) -> tuple[int, int] | None:
        try:
            return self._log.bounds(tp)
        except TopicMissing:
            return None

    def _seam(self, tp: Tp, start: int) -> int:
        """Where reading from `start` goes over to the log: `start` itself where the archive does
        not have it. Raises `ArchiveGap` for what neither side has.
        """
        archived, logged = self._archived(tp), self._logged(tp)
        held = archived is not None and archived[0] <= start < archived[1]
        seam = archived[1] if archived is not None and held else start
        later = [low for low, _ in filter(None, (archived, logged)) if low > seam]
        if later and (logged is None or logged[0] > seam):
            raise ArchiveGap(
                f"{tp.topic}/{tp.partition}: offsets {seam} to {min(later) - 1} are neither in the "
                f"archive at {self._archive.store.root} nor on the log any more"
            )
        reach = max(seam, archived[1] if archived else 0)
        if logged is None or reach > logged[1]:
            raise OtherLog(
                f"{tp.topic}/{tp.partition}: the archive at {self._archive.store.root} goes to "
                f"offset {reach}, the log does not: it is another log (--source archive reads it)"
            )
        return seam

    def _require_same(self, tps: Iterable[Tp]) -> None:
        """Of partitions that are read on both sides. Raises `OtherLog`."""
        files = {tp: self._archive.files[tp] for tp in tps if tp not in self._same}
        found = differing(self._log, self._archive.store, files)
        if found is not None:
            (topic, partition), offset = found
            raise OtherLog(
                f"{topic}/{partition}: offset {offset} holds another record in the archive at "
                f"{self._archive.store.root} than on the log: it is another log "
                "(--source archive reads it)"
            )
        self._same.update(files)

    def offset_at(self, tp: Tp, timestamp_ms: int) -> int:
        archived, logged = self._archived(tp), self._logged(tp)
        if archived is not None and not (logged and logged[0] < archived[0] <= logged[1]):
            found = self._archive.offset_at(tp, timestamp_ms)
            if found < archived[1] or logged is None:
                return found
        return self._log.offset_at(tp, timestamp_ms)

    def read(self, tp: Tp, start: int, end: int, deadline_s: float) -> list[Message]:
        archived = self._archived(tp)
        inside = archived is not None and archived[0] <= start and end <= archived[1]
        seam = end if inside else self._seam(tp, start)
        if start < seam < end:
            self._require_same([tp])
        old = self._archive.read(tp, start, min(seam, end), deadline_s) if seam > start else []
        return [*old, *(self._log.read(tp, seam, end, deadline_s) if seam < end else [])]

    def reader(self, positions: Mapping[Tp, int]) -> Reader:
        old, new = self._parted(positions)
        return JoinedReader(self._archive.reader(old), self._log.reader(new))

    def opener(self, positions: Mapping[Tp, int]) -> Callable[[], Reader] | None:
        old, new = self._parted(positions)
        log = self._log.opener(new)
        return log and partial(opened, self._archive.elsewhere(old), log)

    def _parted(self, positions: Mapping[Tp, int]) -> tuple[dict[Tp, int], dict[Tp, int]]:
        """Where the archive's reader begins, and where the log's does."""
        seams = {tp: self._seam(tp, start) for tp, start in positions.items()}
        old = {tp: at for tp, at in positions.items() if seams[tp] > at}
        self._require_same(old)
        return old, seams

    def writer(self, transactional_id: str) -> NoReturn:
        self._archive.writer(transactional_id)

    def group_offsets(self, group: str, tps: Sequence[Tp]) -> Mapping[Tp, int]:
        return {}

    def commit_group(self, group: str, positions: Mapping[Tp, int]) -> None:
        """A replay is nobody's progress."""

    def close(self) -> None:
        self._log.close()


class JoinedReader:
    """See `connectors.log.interface.Reader`. The log's reader stands still at the seam until the
    archive's has handed out everything before it.
    """

    def __init__(self, old: ArchiveReader, new: Reader) -> None:
        self._old, self._new = old, new
        self._waiting = old.partitions()
        self._paused: set[Tp] = set()
        new.pause(sorted(self._waiting))

    def poll(self, max_records: int, timeout_s: float) -> Mapping[Tp, Sequence[Message]]:
        found = self._old.poll(max_records, 0.0) if self._waiting else {}
        over = [tp for tp in sorted(self._waiting) if self._old.done(tp)]
        self._waiting.difference_update(over)
        self._new.resume([tp for tp in over if tp not in self._paused])
        return {**self._new.poll(max_records, 0.0 if found else timeout_s), **found}

    def end(self, tp: Tp) -> int:
        return max(self._old.end(tp), self._new.end(tp))

    def end_seen(self, tp: Tp, position: int) -> int:
        return position if tp in self._waiting else self._new.end_seen(tp, position)

    def pause(self, tps: Sequence[Tp]) -> None:
        self._paused.update(tps)
        self._old.pause(tps)
        self._new.pause(tps)

    def resume(self, tps: Sequence[Tp]) -> None:
        self._paused.difference_update(tps)
        self._old.resume(tps)
        self._new.resume([tp for tp in tps if tp not in self._waiting])

    def close(self) -> None:
        self._old.close()
        self._new.close()


def opened(old: Callable[[], ArchiveReader], new: Callable[[], Reader]) -> JoinedReader:
    """A reader of both, made where it is used."""
    return JoinedReader(old(), new())
