"""In which order files of tests are dealt out to the workers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

LAST_SHARE = 0.6  # of the files that do not need the broker: among the rest none begins that does


def dealt(
    counts: Mapping[Path, int], kills: Collection[Path], brokers: Collection[Path]
) -> list[Path]:
    """Every file of `counts`, tests by file. `kills`: those that kill the broker; `brokers`: those
    that need it.

    A broker that was killed looks through every partition: that takes a processor 10 s and more
    where a run has left a thousand, so it is killed first.

    Tests on the broker mostly wait, others mostly compute: dealt one kind after the other they
    would leave processors idle first and want too many of them later, so they are mixed. Of those
    on the broker few in a file take the longest each, and were one of them the last, the other
    workers would wait for it: hence by number, and none near the end. Of the others many in a file
    take the longest: those first, so that there is something to compute beside the longest waits.
    """
    numbered = sorted(counts, key=lambda path: (counts[path], path))
    rest = [path for path in numbered if path not in kills]
    waits = [path for path in rest if path in brokers]
    computes = [path for path in reversed(rest) if path not in brokers]
    place = {path: LAST_SHARE * n / len(waits) for n, path in enumerate(waits)}
    place |= {path: n / len(computes) for n, path in enumerate(computes)}
    first = [path for path in numbered if path in kills]
    return [*first, *sorted(rest, key=lambda path: (place[path], path))]
