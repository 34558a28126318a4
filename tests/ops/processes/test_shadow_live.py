"""Canaries as shadows of a desk that trades: a real broker, frames of a feed, an archive behind.

1. Market and strategy run, the archive follows, frames come in; two shadows follow both log and
   archive: one of the same settings, one of others.
2. Each shows its verdict and the moment of it, again and again; once there is one, every later
   round has one too, however the archive grows meanwhile.
3. A shadow ends with its last verdict for an exit code.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from connectors.feed.capture import load
from connectors.feed.server import Options
from connectors.log.interface import Tp
from ops.demo.play import Player
from ops.figures.canary import kept
from ops.stack import StackInfo
from ops.stack.ports import HOST, free_ports
from ops.stack.processes import wait_for
from replay.archive.reader import index
from replay.archive.store import FolderStore
from tests.nursery import Running
from tests.ops.exposed import families
from tests.ops.processes.desk import Desk

PATIENCE_S = 60.0
WINDOW_S = 300.0  # the whole run: what was decided otherwise once, stays in every later window
EPOCHS = Tp("strategy.epochs.v1", 0)
ARCHIVED = (EPOCHS.topic, "strategy.snapshots.v1", "signal.target.v1", "md.trade.v1", "md.quote.v1")
SIGNAL = {"name": "book", "uses": "book-imbalance"}
OTHER = """
strategy:
  signals:
    - {name: book, uses: book-imbalance, options: {enter: "0.9", leave: "0.5"}}
"""


class Shadow(NamedTuple):
    """A canary that follows, and where it shows itself."""

    process: Running
    address: str
    folder: Path

    @property
    def told(self) -> dict[str, Any]:
        """The newest verdict, as the run folder keeps it."""
        return kept(self.folder).get("strategy", {"time": 0.0})

    @property
    def decided(self) -> bool:
        return bool(self.told.get("decisions"))

    def figure(self, name: str) -> float:
        """As `/metrics` shows it."""
        return float(sum(one.value for one in families(self.address)[name].samples))


@pytest.fixture
def desk(stack: StackInfo, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(stack, f"t{uuid.uuid4().hex[:8]}.", tmp_path)
    made.environment |= {
        "TAPE_STRATEGY__SIGNALS": json.dumps([SIGNAL]),
        "TAPE_ARCHIVE__ROOT": str(tmp_path / "archive"),
    }
    yield made
    made.close()


def shadow(desk: Desk, name: str, candidate: str) -> Shadow:
    """In a run folder of its own: the newest verdict of a pipeline is one per folder."""
    [port] = free_ports(1)
    own = {"TAPE_RUN_DIR": str(desk.folder / name), "TAPE_METRICS__PORT": str(port)}
    window = f"{WINDOW_S:g}"
    follow = ("--follow", "--window", window, "--every", "0.5", "--source", "auto")
    command = ("canary", "strategy", "--candidate", candidate, *follow, "--output", "json")
    return Shadow(desk.start(*command, more=own), f"{HOST}:{port}", desk.folder / name)


def rounds(out: str) -> list[dict[str, Any]]:
    """One JSON value after the other."""
    found, decoder, left = [], json.JSONDecoder(), out.strip()
    while left:
        one, end = decoder.raw_decode(left)
        found.append(one)
        left = left[end:].strip()
    return found


def wait(condition: Any, what: str) -> None:
    assert wait_for(condition, PATIENCE_S), what


def grown(desk: Desk) -> int:
    """How many epochs of the strategy are archived."""
    files = index(FolderStore(desk.folder / "archive"), [EPOCHS.topic]).get(EPOCHS, [])
    return files[-1].end if files else 0


def test_shadows_of_a_live_desk(desk: Desk) -> None:
    (desk.folder / "other.yaml").write_text(OTHER)
    live = [desk.start("run", name, "--from", "earliest") for name in ("market", "strategy")]
    desk.wait_opened(live[-1], "strategy")
    archived = [part for topic in ARCHIVED for part in ("--topic", topic)]
    live.append(desk.start("archive", "--follow", "--every", "0.5", *archived))
    frames = load(["binance_spot_btcusdt_20240808"], 1.0, 300.0)
    with Player(frames, Options(1.0, wait_for=1)) as player:
        feed = ("--venue", "BINANCE", "--url", player.urls["BINANCE"], "BTCUSDT")
        live.append(desk.start("run", "connector", *feed))
        wait(lambda: grown(desk), "the archive follows")
        shadows = [shadow(desk, "same", "current"), shadow(desk, "other", "other.yaml")]
        wait(lambda: all(one.decided for one in shadows), "decisions were compared")
        wait(lambda: shadows[1].told["verdict"] == 1, "the other decides otherwise")
        begun = [(one.told["time"], grown(desk)) for one in shadows]
        wait(lambda: grown(desk) > begun[-1][1], "the archive follows meanwhile")
        now_s = time.time()
        wait(lambda: all(one.told["time"] > now_s for one in shadows), "verdicts go on")
        shown = [one.figure("tape_canary_verdict") for one in shadows]
        later_s = [one.figure("tape_canary_timestamp_seconds") for one in shadows]
        assert not player.finished, "the market is over: nothing is live any more"
        printed = [desk.stop(one.process) for one in shadows]
    assert shown == [0, 1]
    assert min(later_s) > now_s
    for ended, verdict in zip(printed, (0, 1), strict=True):
        assert ended.code == verdict, ended.err
        verdicts = [one["verdict"] for one in rounds(ended.out)]
        begun_at = next(at for at, one in enumerate(verdicts) if one != 2)
        assert 2 not in verdicts[begun_at:], [one.get("reason") for one in rounds(ended.out)]
    for process in live:
        assert desk.stop(process).code == 0
