"""Where on a log something lies: the partitions of topics, the one that a key is in, and what of
several comes first.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from itertools import accumulate
from typing import Final, TypeVar

from connectors.log.errors import TopicMissing
from connectors.log.interface import Log, Message, Tp
from connectors.partitioner import murmur2_partition

_Place = TypeVar("_Place", bound=Hashable)
WRITTEN_HEADER: Final = "tape_written_ms"
MS_DIGITS: Final = 14


def partitions(log: Log, *topics: str) -> list[Tp]:
    """Every partition of these topics, in their order. Raises `TopicMissing`."""
    return [Tp(topic, number) for topic in topics for number in range(log.partition_count(topic))]


def present(log: Log, *topics: str) -> list[Tp]:
    """Every partition of those topics that the log has, in their order."""
    found: list[Tp] = []
    for topic in topics:
        with suppress(TopicMissing):
            found += partitions(log, topic)
    return found


def place_of(log: Log, topic: str, key: bytes) -> Tp:
    """The partition of a topic in which a key's records are. Raises `TopicMissing`."""
    return Tp(topic, murmur2_partition(key, log.partition_count(topic)))


def read_whole(log: Log, topic: str, deadline_s: float) -> list[Message]:
    """Every committed record of a topic, partition by partition. Raises what `Log.read` raises."""
    tps = partitions(log, topic)
    return [message for tp in tps for message in log.read(tp, *log.bounds(tp), deadline_s)]


def as_written(found: Mapping[_Place, Sequence[Message]]) -> list[tuple[_Place, Message]]:
    """Records of some partitions in the order in which they were written: by the running maximum of
    a partition's times of writing; where it is equal, the order given. That of an edge's record is
    its timestamp; a pipeline's has its cause's, and `WRITTEN_HEADER` where it may be much later.
    """
    timed: list[tuple[int, _Place, Message]] = []
    for place, messages in found.items():
        times = accumulate(map(written_ms, messages), max)
        timed += [(ms, place, m) for ms, m in zip(times, messages, strict=True)]
    return [(place, message) for _, place, message in sorted(timed, key=lambda one: one[0])]


def written_ms(message: Message) -> int:
    """When a record was written; see `as_written`."""
    said = dict(message.headers() or ()).get(WRITTEN_HEADER) or b""
    # Who may write decisions of people may write any header: one that is no time says nothing.
    return max(
        message.timestamp()[1], int(said) if said.isdigit() and len(said) <= MS_DIGITS else 0
    )
