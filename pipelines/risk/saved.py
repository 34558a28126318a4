"""The canonical bytes of risk's state: sorted JSON, numbers as plain text, nothing derived.

Empty cells, levels and funds are left out as well: whether they were looked at decides nothing.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Any, Final, get_type_hints

import msgspec

from pipelines.exact import ZERO, plain
from pipelines.logic import StateVersionError
from pipelines.orders.order import Order
from pipelines.risk.control import adopt
from pipelines.risk.ledger import enter
from pipelines.risk.state import (
    Cell,
    Level,
    Mark,
    RiskState,
    Unpriced,
    Working,
    cell_of,
    fund_of,
    level_of,
    mark_of,
)
from schemas.events import InstrumentTerms, Limit, LimitsChanged
from schemas.json_form import to_json

VERSION: Final = 2  # 1 did not say when a gateway was ready; no way back from 2 to 1
_encode = msgspec.json.Encoder(order="sorted").encode


def dump(state: RiskState) -> bytes:
    return _encode(
        {
            "now_ns": state.now_ns,
            "clock_ns": state.clock_ns,
            "day": state.day,
            "limits": None if state.limits is None else to_json(state.limits),
            "control": sorted(([*s, latched] for s, latched in state.control.items()), key=str),
            "ready": state.ready,
            "assets": state.assets,
            "marks": {name: _mark(m) for name, m in state.marks.items() if m.value_px is not None},
            "levels": sorted(filter(None, map(_level, state.levels.values())), key=str),
            "funds": sorted([*key, plain(f.total)] for key, f in state.funds.items() if f.total),
            "cells": sorted(_cell(cell) for cell in state.cells.values() if not _is_empty(cell)),
            "orders": {name: _working(working) for name, working in state.orders.items()},
            "recent": [[at_ns, *map(_text, request)] for at_ns, request in state.recent],
            "foreign": sorted([*identity, day] for identity, day in state.foreign.items()),
            "applied": sorted(state.applied),
            "unpriced": sorted([*fee, plain(qty)] for fee, qty in state.unpriced.items()),
        }
    )


def _text(value: Any) -> Any:
    return plain(value) if isinstance(value, Decimal) else value


def _mark(mark: Mark) -> list[Any]:
    return [_text(mark.px), mark.ts_recv_ns, _text(mark.value_px)]


def _level(level: Level) -> list[Any]:
    sums = (level.pnl, level.day_pnl, level.peak_pnl)
    if not any(sums) and not level.approved_ns:
        return []
    return [*level.scope, *map(plain, sums), list(level.approved_ns)]


def _is_empty(cell: Cell) -> bool:
    return not cell.position and not cell.executions_ns


def _cell(cell: Cell) -> list[Any]:
    position, times = plain(cell.position), list(cell.executions_ns)
    return [cell.account, cell.strategy, cell.instrument, position, times]


def _working(working: Working) -> dict[str, Any]:
    order, cell = working.order, working.cell
    return {
        "cell": [cell.account, cell.strategy, cell.instrument],
        "is_buy": working.is_buy,
        "px": plain(working.px),
        "price": _text(working.price),
        "venue": working.venue,
        "correlation_id": working.correlation_id,
        "ended_day": working.ended_day,
        "order_qty": plain(order.order_qty),
        "state": order.state,
        "cum_qty": plain(order.cum_qty),
        "final_qty": _text(order.final_qty),
        "trades": sorted(order.trades),
    }


def _ready(found: dict[str, Any]) -> dict[str, int]:
    """A gateway of version 1 was ready by the snapshot at the latest: it has to say so again."""
    ready = found["ready"]
    return ready if isinstance(ready, dict) else dict.fromkeys(ready, found["now_ns"])


def load(body: bytes, version: int) -> RiskState:
    """The state, with everything derived. Raises `StateVersionError`."""
    if version not in (1, VERSION):
        raise StateVersionError(f"risk state version {version}, not {VERSION}")
    found = msgspec.json.decode(body)
    limits = found["limits"]
    state = RiskState(
        now_ns=found["now_ns"],
        clock_ns=found["clock_ns"],
        day=found["day"],
        limits=None if limits is None else _limits(limits),
        control={tuple(scope): latched for *scope, latched in found["control"]},
        ready=_ready(found),
        assets={name: tuple(assets) for name, assets in found["assets"].items()},
        foreign={tuple(identity): day for *identity, day in found["foreign"]},
        applied=set(found["applied"]),
        unpriced=_unpriced(found["unpriced"]),
    )
    adopt(state)
    _load_sums(state, found)
    _load_orders(state, found)
    return state


def _unpriced(rows: list[list[str]]) -> dict[Unpriced, Decimal]:
    """Snapshots of before had a row for every fill."""
    found: dict[Unpriced, Decimal] = {}
    for *fee, qty in rows:
        key = Unpriced(*fee)
        found[key] = found.get(key, ZERO) + Decimal(qty)
    return found


def _load_sums(state: RiskState, found: Any) -> None:
    for name, (px, ts_recv_ns, value_px) in found["marks"].items():
        mark = mark_of(state, name)
        mark.px, mark.ts_recv_ns, mark.value_px = _number(px), ts_recv_ns, _number(value_px)
    for *scope, pnl, day_pnl, peak_pnl, times in found["levels"]:
        level = level_of(state, tuple(scope))
        level.pnl, level.day_pnl = Decimal(pnl), Decimal(day_pnl)
        level.peak_pnl, level.approved_ns = Decimal(peak_pnl), deque(times)
        level.refloor()
    for account, asset, total in found["funds"]:
        fund_of(state, account, asset).total = Decimal(total)
    for account, strategy, instrument, position, times in found["cells"]:
        cell = cell_of(state, account, strategy, instrument)
        cell.executions_ns = deque(times)
        _hold(cell, Decimal(position))


def _hold(cell: Cell, position: Decimal) -> None:
    cell.position = position
    value = abs(position) * (cell.mark.value_px or ZERO)
    for level, net in cell.sums:
        level.exposure += value
        net.long_qty += position


def _load_orders(state: RiskState, found: Any) -> None:
    for name, value in found["orders"].items():
        working = _loaded_working(state, value)
        state.orders[name] = working
        if working.ended_day is None:
            enter(working)
    for at_ns, *request, price, qty in found["recent"]:
        key = (*request, _number(price), Decimal(qty))
        state.recent.append((at_ns, key))
        state.recent_ns[key] = at_ns


def _loaded_working(state: RiskState, value: Any) -> Working:
    cum, final = Decimal(value["cum_qty"]), _number(value["final_qty"])
    trades = frozenset(map(tuple, value["trades"]))
    return Working(
        Order(Decimal(value["order_qty"]), value["state"], cum, final, trades),
        cell_of(state, *value["cell"]),
        value["is_buy"],
        Decimal(value["px"]),
        _number(value["price"]),
        value["venue"],
        value["correlation_id"],
        value["ended_day"],
    )


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _limits(value: dict[str, Any]) -> LimitsChanged:
    limits = tuple(_event(Limit, limit) for limit in value["limits"])
    instruments = tuple(_event(InstrumentTerms, terms) for terms in value["instruments"])
    return LimitsChanged(**{**value, "limits": limits, "instruments": instruments})


def _event(cls: Any, value: dict[str, Any]) -> Any:
    hints = _HINTS.get(cls) or _HINTS.setdefault(cls, get_type_hints(cls))
    return cls(**{k: Decimal(v) if hints[k] is Decimal else v for k, v in value.items()})


_HINTS: Final[dict[Any, dict[str, Any]]] = {}
