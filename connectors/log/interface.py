"""What the epoch protocol needs of a log. Topic names here are logical; a log adds its
environment's prefix itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, NoReturn, Protocol


class Tp(NamedTuple):
    """One partition of a logical topic."""

    topic: str
    partition: int


class OutRecord(NamedTuple):
    """A record to be written; `partition` is always explicit."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    timestamp_ms: int
    headers: Sequence[tuple[str, bytes]] = ()


class Message(Protocol):
    """A record as read: the part of confluent_kafka's Message that the protocol uses."""

    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def timestamp(self) -> tuple[int, int]: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes: ...
    def headers(self) -> list[tuple[str, bytes]] | None: ...


class Reader(Protocol):
    """Reads committed records of fixed partitions from given offsets. Never joins a group.

    For one thread: a client's object that two threads call at once stands still.
    """

    def poll(self, max_records: int, timeout_s: float) -> Mapping[Tp, Sequence[Message]]: ...

    def end(self, tp: Tp) -> int:
        """Where the partition ends, markers included (best knowledge, never blocks); once all that
        is committed was read, before what open transactions have written.
        """
        ...

    def end_seen(self, tp: Tp, position: int) -> int:
        """`position`, or the end of the partition beyond it when only transaction markers lie
        between.
        """
        ...

    def pause(self, tps: Sequence[Tp]) -> None: ...
    def resume(self, tps: Sequence[Tp]) -> None: ...
    def close(self) -> None: ...


class Writer(Protocol):
    """One transactional producer. Any error ends it: `WriterError` names the exit code and
    nothing may follow.
    """

    def fence(self) -> None:
        """Ends any predecessor of the same id and resolves its open transaction."""
        ...

    def begin(self) -> None: ...
    def send(self, records: Sequence[OutRecord]) -> None: ...
    def commit(self) -> Mapping[Tp, int]:
        """Commits; gives, for each partition written, one past the last offset delivered."""
        ...

    def close(self) -> None: ...


class Log(Protocol):
    """A cluster, or its stand-in in memory."""

    def partition_count(self, topic: str) -> int:
        """Raises `TopicMissing`."""
        ...

    def bounds(self, tp: Tp) -> tuple[int, int]:
        """First offset still held, and one past the last written, committed or not."""
        ...

    def offset_at(self, tp: Tp, timestamp_ms: int) -> int:
        """First offset whose timestamp is at or after the given one; the end if there is none."""
        ...

    def read(self, tp: Tp, start: int, end: int, deadline_s: float) -> list[Message]:
        """All committed records in [start, end). Raises `TransactionHangs` when an open one
        hides some past the deadline.
        """
        ...

    def reader(self, positions: Mapping[Tp, int]) -> Reader: ...
    def opener(self, positions: Mapping[Tp, int]) -> Callable[[], Reader] | None:
        """What opens the same reader in another process too (it can be pickled); None for a log
        that lives in this one.
        """
        ...

    def writer(self, transactional_id: str) -> Writer: ...
    def group_offsets(self, group: str, tps: Sequence[Tp]) -> Mapping[Tp, int]:
        """Committed offsets of a consumer group, for those partitions that have one."""
        ...

    def commit_group(self, group: str, positions: Mapping[Tp, int]) -> None:
        """Best effort, for lag tools only; never waits and never raises."""
        ...

    def close(self) -> None: ...


class Abort(Protocol):
    """Ends the process with an exit code; tests raise instead."""

    def __call__(self, code: int, message: str) -> NoReturn: ...
