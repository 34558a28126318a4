"""A past page beside an archiver.

1. A page is that of the archive as it was listed, whatever takes a listed file's place meanwhile.
2. Who asks for one moment at the same time waits his turn: a state is put in order as it is shown.
3. A moment asked for while the archiver was between two topics is read again when there is more.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from connectors.log.memory import MemoryLog
from ops.console.archived import Archived
from ops.console.rendered import View
from ops.console.state import State
from replay.archive.run import archive
from replay.archive.store import FolderStore
from replay.times import text_of
from tests.replay.growing import CODEC, TOPICS, Overtaken, steps_of, times_between

VIEW = View("BTCUSDT.BINANCE")


def page(archived: Archived, at_ms: int) -> dict[str, Any]:
    return archived.page(VIEW, text_of(at_ms))


@pytest.mark.parametrize("asked", ["page", "span"])
def test_what_was_listed_is_shown(traded_log: MemoryLog, tmp_path: Path, asked: str) -> None:
    root, before = tmp_path / "archive", tmp_path / "before"
    times = times_between(traded_log, 8)
    steps = steps_of(traded_log, root, times)
    next(steps)
    shutil.copytree(root, before)
    still, overtaken = Archived(FolderStore(before)), Archived(Overtaken(root, steps))
    if asked == "page":
        assert page(overtaken, times[0] - 5_000) == page(still, times[0] - 5_000)
    else:
        assert overtaken.span()["first"] == still.span()["first"]
    next(steps, None)


def test_one_moment_is_shown_to_one_after_the_other(traded_root: Path) -> None:
    inside, most = [0], [0]

    class Watched(State):
        def instruments(self) -> list[str]:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.05)
            inside[0] -= 1
            return super().instruments()

    archived = Archived(FolderStore(traded_root), fresh=Watched)
    last = archived.span()["last"]
    asking = [Thread(target=archived.page, args=(VIEW, last)) for _ in range(3)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    assert most == [1]


def test_a_moment_is_read_again_when_there_is_more(traded_log: MemoryLog, tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    market = [topic for topic in TOPICS if topic.startswith(("md.", "ops.clock"))]
    archive(traded_log, CODEC, store, market)
    [at_ms] = times_between(traded_log, 1)
    archived = Archived(store)
    assert page(archived, at_ms)["orders"] == []
    archive(traded_log, CODEC, store, TOPICS)
    assert page(archived, at_ms)["orders"]
    assert page(archived, at_ms) == page(Archived(store), at_ms)
