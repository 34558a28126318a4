"""The page of a past moment is what the page was then, and it is the document that is promised.

1. A log read in any order of partitions, or its archive, gives the same page of any moment.
2. Every section of the promised document is there, with the promised names.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connectors.log.interface import Message, Tp
from connectors.log.memory import MemoryLog
from ops.console.document import SECTIONS, page
from ops.console.reading import Telling, apply, past, places, until
from ops.console.state import State
from ops.settings import ROOT
from pipelines.batches import local_codec
from replay.archive.schemas import archived_ids
from replay.archive.source import ArchiveLog
from replay.archive.store import FolderStore
from schemas.catalog import load_catalog
from schemas.codec import Codec
from tests.ops.console.rig import newest_ms

CODEC = local_codec()
SAMPLE = ROOT / "tests" / "data" / "console" / "page.json"
BACK_MS = (0, 3_000, 9_000, 20_000)


def followed(log: MemoryLog, at_ms: int) -> State:
    """As a live console has it: begun earlier, fed in small pieces, partitions side by side."""
    state, telling = State(), Telling(CODEC)
    starts = places(log, at_ms - 5_000)
    ends = {tp: log.offset_at(tp, at_ms + 1) for tp in starts}
    pieces: dict[Tp, list[list[Message]]] = {tp: [] for tp in starts}
    for tp, messages in until(log, starts, ends):
        pieces[tp] += [messages[n : n + 7] for n in range(0, len(messages), 7)]
    while any(pieces.values()):
        for tp in sorted(pieces, reverse=True):
            if pieces[tp]:
                apply(state, CODEC, telling.of(tp, pieces[tp].pop(0)))
    return state


@pytest.mark.parametrize("back_ms", BACK_MS)
@pytest.mark.parametrize("instrument", ["ETHUSDT.BINANCE", "BTC-USD.COINBASE"])
def test_the_past_is_what_the_page_was(
    traded_log: MemoryLog, traded_root: Path, instrument: str, back_ms: int
) -> None:
    at_ms = newest_ms(traded_log) - back_ms
    store, catalog = FolderStore(traded_root), load_catalog()
    archived = past(ArchiveLog(store), Codec(catalog, archived_ids(store, catalog)), at_ms)
    live = followed(traded_log, at_ms)
    assert page(archived, instrument, at_ms, live=False) == page(
        live, instrument, at_ms, live=False
    )


def test_a_page_is_the_promised_document(traded_log: MemoryLog) -> None:
    at_ms = newest_ms(traded_log) - 2_000
    found = page(past(traded_log, CODEC, at_ms), "ETHUSDT.BINANCE", at_ms, live=True)
    sample = json.loads(SAMPLE.read_text())
    assert found.keys() == sample.keys()
    assert {*SECTIONS} < found.keys()
    for name, rows in sample.items():
        if isinstance(rows, list) and rows and isinstance(rows[0], dict) and found[name]:
            assert found[name][0].keys() == rows[0].keys(), name
    for name in ("candles", "trades", "signals", "fills", "orders", "positions", "limits"):
        assert found[name], name
    assert json.loads(json.dumps(found)) == found
