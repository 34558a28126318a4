"""The laws of `market_on_broker`; `make soak` repeats them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.stack import StackInfo
from tests.connectors.epochs import market_on_broker
from tests.faults.rig import Rig

SEED = 20_260


@pytest.fixture
def rig(stack: StackInfo, stack_dir: Path, tmp_path: Path) -> Rig:
    return Rig(stack.bootstrap_servers, stack_dir, tmp_path, SEED)


def test_restarts_amid_the_books_of_100_instruments(rig: Rig) -> None:
    market_on_broker.books_restarted(rig, 800)


def test_no_line_looks_stale_in_an_hour_of_backlog(rig: Rig) -> None:
    market_on_broker.hour_of_market(rig)


def test_a_line_that_was_silent_in_an_hour_of_backlog_was_stale(rig: Rig) -> None:
    market_on_broker.hour_of_market(rig, silent=range(1_000, 1_030))
