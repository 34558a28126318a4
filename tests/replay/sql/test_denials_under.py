"""Denials as other limits would have judged them, each version with an answer of its own.

1. A small archive: four denials, and nine versions of the limits.
2. A position is compared with the limit of the scope that denied, and with no other.
3. A version that was not set in the time asked for is one line.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.log.interface import OutRecord
from connectors.log.memory import MemoryLog
from pipelines.batches import local_codec
from replay.archive.run import archive
from replay.archive.store import FolderStore
from replay.sql.errors import SqlError
from replay.sql.session import ask
from replay.sql.shipped import example
from replay.times import EVERYTHING, Span
from schemas.events import Fact, Limit, LimitKind, LimitsChanged, OrderDenied
from tests.replay import traded

CODEC = local_codec()
BTC, EMA, ACCOUNT = "BTCUSDT.BINANCE", "ema-cross", "sim-1"
SET_MS, DENIED_MS = 1_772_000_000_000, 1_772_100_000_000
POSITION: LimitKind = "POSITION_QTY_MAX"
NOTIONAL: LimitKind = "ORDER_NOTIONAL_MAX"
WINDOW: LimitKind = "DUPLICATE_WINDOW_MS"


def limit(kind: LimitKind, value: str, account: str | None = None, name: str | None = None) -> Any:
    return Limit(kind, account, name, BTC if kind == POSITION else None, Decimal(value))


DESK, MINE = limit(POSITION, "1"), limit(POSITION, "0.01", name=EMA)
MOST, TWICE = limit(NOTIONAL, "5000"), limit(WINDOW, "500")
VERSIONS: dict[int, tuple[Limit, ...]] = {
    1: (DESK, MINE, MOST, TWICE),
    2: (DESK, limit(POSITION, "0.02", name=EMA), MOST, TWICE),
    3: (limit(POSITION, "0.001"), limit(POSITION, "0.02", name=EMA), MOST, TWICE),
    4: (limit(POSITION, "5"), MINE, limit(NOTIONAL, "6000"), TWICE),
    5: (DESK, MINE, limit(NOTIONAL, "6000"), limit(NOTIONAL, "10", name=EMA), TWICE),
    6: (limit(POSITION, "0.001"), MOST, limit(WINDOW, "200")),
    7: (MOST,),
    8: (limit(POSITION, "3"), limit(POSITION, "3", account=ACCOUNT), MOST, TWICE),
    9: (limit(POSITION, "9"), limit(POSITION, "2", account=ACCOUNT), MOST, TWICE),
}
DENIALS: dict[str, tuple[Any, int, dict[str, str]]] = {
    "mine": ("POSITION_ABOVE_MAX", 1, {"with_open": "0.0099", "qty": "0.005", "max": "0.01"}),
    "desk": ("POSITION_ABOVE_MAX", 8, {"with_open": "2.9", "qty": "0.2", "max": "3"}),
    "large": ("NOTIONAL_ABOVE_MAX", 1, {"notional": "5500", "max": "5000"}),
    "twice": ("ORDER_DUPLICATE", 1, {"age_ms": "228", "window_ms": "500"}),
    "away": ("GATEWAY_NOT_READY", 1, {"account": ACCOUNT, "age_ms": "6212"}),
}
LIFTED = {
    1: set(),
    2: {"mine"},
    3: {"mine"},
    4: {"large", "desk"},
    5: set(),
    6: {"mine", "twice"},
    7: {"twice"},
    8: {"mine"},
    9: {"mine", "desk"},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each version was set by two people at once, of whom the first counts."""
    log = MemoryLog({name: topic.partitions for name, topic in CODEC.catalog.topics.items()})
    limits, denied = (recorded(kind) for kind in (LimitsChanged, OrderDenied))
    for version, values in VERSIONS.items():
        append(log, "ops.control.v1", limits._replace(limits_version=version, limits=values))
        overtaken = (limit(POSITION, "99"), limit(NOTIONAL, "1"), limit(WINDOW, "1"))
        append(log, "ops.control.v1", limits._replace(limits_version=version, limits=overtaken))
    for name, (reason, by, facts) in DENIALS.items():
        told = denied._replace(cl_ord_id=name, reason=reason, limits_version=by)
        told = told._replace(facts=tuple(Fact(*one) for one in facts.items()))
        append(log, "risk.decision.v1", told._replace(strategy=EMA, account=ACCOUNT))
    folder = tmp_path_factory.mktemp("limits")
    archive(log, CODEC, FolderStore(folder), ("ops.control.v1", "risk.decision.v1"))
    return folder


def recorded(kind: type[Any]) -> Any:
    """The first of the traded run, for BTC where it names an instrument."""
    log = traded.load()
    parts = [part.committed(0, part.end) for part in log.partitions.values()]
    found = [
        CODEC.decode(r.value)
        for part in parts
        for _, r in part
        if CODEC.name_of(r.value) == kind.__name__
    ]
    return next(event for event in found if getattr(event, "instrument", BTC) == BTC)


def append(log: MemoryLog, topic: str, event: Any) -> None:
    at_ms = SET_MS + event.limits_version if isinstance(event, LimitsChanged) else DENIED_MS
    log.append(OutRecord(topic, 0, b"", CODEC.encode(event), at_ms))


def asked(root: Path, question: str, span: Span = EVERYTHING) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(FolderStore(root), CODEC.catalog, question, span).to_pylist()
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_lifts_its_own_denials(root: Path, version: int) -> None:
    found = asked(root, f"FROM denials_under({version})")
    assert {row["cl_ord_id"] for row in found} == LIFTED[version]


def test_the_example_asks_of_the_newest_limits(root: Path) -> None:
    assert asked(root, example("other-limits").sql) == asked(
        root, "FROM denials_under(9) ORDER BY _time, cl_ord_id"
    )


def test_a_position_is_compared_with_the_limit_of_the_scope_that_denied(root: Path) -> None:
    [row] = asked(root, "FROM denials_under(3)")
    assert (row["new_limit"], row["asked_for"]) == (Decimal("0.02"), Decimal("0.0149"))
    [desk] = asked(root, "FROM denials_under(9) WHERE cl_ord_id = 'desk'")
    assert (desk["new_limit"], desk["asked_for"]) == (Decimal(9), Decimal("3.1"))
    [gone] = asked(root, "FROM denials_under(6) WHERE cl_ord_id = 'mine'")
    assert (gone["denied_by"], gone["compared_with"], gone["new_limit"]) == (1, 6, None)


@pytest.mark.parametrize(
    ("version", "span", "says"),
    [
        (10, EVERYTHING, "limits version 10 was not set"),
        (2, Span(SET_MS + 3, None), "limits version 2 was not set"),
        (3, Span(SET_MS + 3, None), "limits version 1 denied, and was set before"),
        ("(SELECT max(limits_version) FROM limits_changed)", Span(DENIED_MS, None), "no limits"),
    ],
)
def test_limits_that_are_not_there_are_one_line(
    root: Path, version: Any, span: Span, says: str
) -> None:
    with pytest.raises(SqlError, match=says) as caught:
        asked(root, f"FROM denials_under({version})", span)
    assert "\n" not in str(caught.value)
