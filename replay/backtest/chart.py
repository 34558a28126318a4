"""Charts as SVG text, drawn by hand: a report then needs no script and asks nobody for anything.

Numbers become floats here alone, where they become pixels; what is read off a chart is written
beside it from the exact value.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from html import escape
from math import ceil, floor, log10
from typing import Final, NamedTuple

WIDTH: Final = 1040
HEIGHT: Final = 240
LEFT, RIGHT, TOP, BOTTOM = 92, 16, 12, 26
ROW: Final = 26  # of a bar chart
LABELS: Final = 230
Series = Sequence[tuple[int, Decimal]]


class Mark(NamedTuple):
    """A point to be pointed at; `kind` is its class: buy, sell, good or bad."""

    ts_ms: int
    value: Decimal
    kind: str
    says: str


class Scale(NamedTuple):
    """From time and value to pixels."""

    first_ms: int
    last_ms: int
    low: float
    high: float
    height: int

    def x(self, ts_ms: int) -> float:
        share = (ts_ms - self.first_ms) / max(self.last_ms - self.first_ms, 1)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: Decimal | float) -> float:
        share = (float(value) - self.low) / (self.high - self.low)
        return self.height - BOTTOM - share * (self.height - TOP - BOTTOM)


def time_chart(
    series: Series,
    kind: str = "line",
    marks: Sequence[Mark] = (),
    height: int = HEIGHT,
    zero: bool = False,
    span: tuple[int, int] | None = None,
) -> str:
    """A line or, `kind="area"`, a filled one down to zero; `zero`: zero is always shown."""
    rows = [*series] or [(mark.ts_ms, mark.value) for mark in marks]
    if not rows:
        return '<p class="empty">nothing to show</p>'
    scale = scale_of(rows, marks, height, zero or kind == "area", span)
    steps = ticks(scale.low, scale.high)
    body = [*(_grid(scale, step, steps) for step in steps), *_times(scale)]
    if scale.low < 0 < scale.high:
        body.append(_level(scale, 0.0, "zero"))
    body.append(_path(rows, scale, kind) if series else "")
    body += [_mark(one, scale) for one in marks]
    return _svg("".join(body), height)


def scale_of(
    rows: Series,
    marks: Sequence[Mark],
    height: int,
    zero: bool,
    span: tuple[int, int] | None,
) -> Scale:
    """Room for everything, with a little air."""
    values = [float(value) for _, value in rows] + [float(mark.value) for mark in marks]
    values += [0.0] if zero else []
    low, high = min(values), max(values)
    air = (high - low) * 0.06 or abs(high) * 0.001 or 1.0
    first, last = span or (rows[0][0], rows[-1][0])
    low = 0.0 if zero and low >= 0 else low - air
    high = 0.0 if zero and high <= 0 and low < 0 else high + air
    return Scale(first, last, low, high, height)


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers between two."""
    raw = (high - low) / wanted
    base = 10.0 ** floor(log10(raw))
    step = next(base * m for m in (1, 2, 2.5, 5, 10) if base * m >= raw)
    return [n * step for n in range(ceil(low / step), floor(high / step) + 1)]


def shown(value: float, step: float) -> str:
    """With as many decimals as tell one tick from the next."""
    decimals = max(0, -floor(log10(step) + 1e-9)) if step < 1 else 0
    if step * 10**decimals % 1 > 1e-9:
        decimals += 1
    return f"{value:,.{decimals}f}"


def _grid(scale: Scale, value: float, steps: Sequence[float]) -> str:
    step = steps[1] - steps[0] if len(steps) > 1 else abs(value) or 1.0
    label = (
        f'<text class="y" x="{LEFT - 8}" y="{scale.y(value) + 4:.1f}">{shown(value, step)}</text>'
    )
    return _level(scale, value, "grid") + label


def _level(scale: Scale, value: float, name: str) -> str:
    y = f"{scale.y(value):.1f}"
    return f'<line class="{name}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'


def _times(scale: Scale) -> list[str]:
    """At most seven round times."""
    span = scale.last_ms - scale.first_ms
    rounds = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
    step = next((s * 1000 for s in rounds if span <= s * 7000), 86_400_000)
    step *= max(1, ceil(span / (step * 7)))
    first = -(-scale.first_ms // step) * step
    form = "%H:%M:%S" if step < 60_000 else "%H:%M" if step < 86_400_000 else "%m-%d"
    return [
        f'<text class="x" x="{scale.x(at):.1f}" y="{scale.height - 6}">{clock(at, form)}</text>'
        for at in range(first, scale.last_ms + 1, step)
    ]


def clock(ts_ms: int, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A time for people, UTC."""
    return datetime.fromtimestamp(ts_ms // 1000, UTC).strftime(form)


def _path(rows: Series, scale: Scale, kind: str) -> str:
    points = " ".join(f"{scale.x(at):.1f},{scale.y(value):.1f}" for at, value in rows)
    if kind != "area":
        return f'<polyline class="line" points="{points}"/>'
    ground = f"{scale.y(0.0):.1f}"
    first, last = f"{scale.x(rows[0][0]):.1f}", f"{scale.x(rows[-1][0]):.1f}"
    fill = f'<polygon class="area" points="{first},{ground} {points} {last},{ground}"/>'
    return f'{fill}<polyline class="line" points="{points}"/>'


def _mark(one: Mark, scale: Scale) -> str:
    x, y = scale.x(one.ts_ms), scale.y(one.value)
    title = f"<title>{escape(one.says)}</title>"
    if one.kind in ("buy", "sell"):
        tip, foot = (y - 7, y + 5) if one.kind == "buy" else (y + 7, y - 5)
        corners = f"{x:.1f},{tip:.1f} {x - 6:.1f},{foot:.1f} {x + 6:.1f},{foot:.1f}"
        return f'<polygon class="{one.kind}" points="{corners}">{title}</polygon>'
    return f'<circle class="{one.kind}" cx="{x:.1f}" cy="{y:.1f}" r="4">{title}</circle>'


def bar_chart(counts: Sequence[tuple[str, int]]) -> str:
    """Horizontal bars with their counts."""
    if not counts:
        return '<p class="empty">none</p>'
    most = max(count for _, count in counts)
    room = WIDTH - LABELS - 90
    body = []
    for row, (name, count) in enumerate(counts):
        y, wide = row * ROW + 4, max(2.0, count / most * room)
        body.append(
            f'<text class="name" x="{LABELS - 10}" y="{y + 14}">{escape(name)}</text>'
            f'<rect class="bar" x="{LABELS}" y="{y}" width="{wide:.1f}" height="18" rx="2"/>'
            f'<text class="count" x="{LABELS + wide + 8:.1f}" y="{y + 14}">{count:,}</text>'
        )
    return _svg("".join(body), len(counts) * ROW + 4)


def _svg(body: str, height: int) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img">{body}</svg>'
