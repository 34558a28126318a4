"""`replay.scan` and `explain` beside an archiver: they show the archive as it was listed, whatever
takes a listed file's place before it is opened.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

import replay
from connectors.log.memory import MemoryLog
from replay import frames
from replay.archive.schemas import archived_ids
from replay.archive.source import ArchiveLog
from replay.archive.store import FolderStore
from replay.explain.chain import explain
from replay.explain.found import Past
from replay.explain.text import as_json
from schemas.codec import Codec
from schemas.events import OrderRequested
from tests.connectors.epochs import toy
from tests.replay.growing import (
    CODEC,
    MORE,
    ROUNDS,
    Growing,
    Overtaken,
    restless,
    steps_of,
    times_between,
)

PLACE = ("_partition", "_offset")


@pytest.fixture
def growing(tmp_path: Path) -> Growing:
    return Growing(tmp_path / "archive")


def scanned(growing: Growing, start: str | None = None) -> pl.LazyFrame:
    return replay.scan(toy.TRADES, start, root=growing.store.root)


@pytest.mark.parametrize("start", [None, "2026-02-01", "1970-01-02T00:00:01Z"])
def test_a_frame_shows_what_was_there_when_it_was_made(growing: Growing, start: str | None) -> None:
    frame = scanned(growing, start)
    growing.grow()
    for engine in ("in-memory", "streaming"):
        assert frame.select(PLACE).collect(engine=engine).height == MORE
    assert scanned(growing, start).collect().height == 2 * MORE


def test_a_file_that_grows_between_its_listing_and_its_opening(
    growing: Growing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def steps() -> Iterator[None]:
        for _ in range(3):
            growing.grow()
            yield

    overtaken = Overtaken(Path(growing.store.root), steps())
    monkeypatch.setattr(frames, "store_at", lambda _: overtaken)
    found = scanned(growing, "1970-01-02T00:00:01Z").collect()
    assert found.height >= 2 * MORE
    assert found.select(PLACE).n_unique() == found.height


def test_no_frame_fails_beside_a_restless_archiver(growing: Growing) -> None:
    heights = []
    with restless(growing) as done:
        while not done.is_set():
            found = scanned(growing).select(PLACE).collect()
            assert found.n_unique() == found.height
            heights.append(found.height)
    assert heights == sorted(heights)
    assert scanned(growing).collect().height == (1 + ROUNDS) * MORE


def test_an_order_is_explained_by_the_archive_as_it_was_listed(
    traded_log: MemoryLog, tmp_path: Path
) -> None:
    root, before = tmp_path / "archive", tmp_path / "before"
    steps = steps_of(traded_log, root, times_between(traded_log, 8))
    next(steps)
    shutil.copytree(root, before)
    codec = Codec(CODEC.catalog, archived_ids(FolderStore(before), CODEC.catalog))
    still = Past(ArchiveLog(FolderStore(before)), codec)
    names = [one.event.cl_ord_id for one in still.topic("oms.order-request.v1")
             if isinstance(one.event, OrderRequested)]  # fmt: skip
    past = Past(ArchiveLog(Overtaken(root, steps)), codec)
    assert names
    for name in names:
        assert as_json(explain(past, name)) == as_json(explain(still, name))
    assert next(steps, "all taken") == "all taken"
