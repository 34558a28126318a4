"""A backtest as one HTML file: no script, no font, no picture from anywhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from html import escape
from typing import Any, Final

from pipelines.exact import plain
from replay.backtest.chart import Mark, bar_chart, clock, time_chart
from replay.backtest.parted import rows_of
from replay.backtest.story import Fill, Story

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
MARKS_MAX: Final = 1_500
STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b2430; --soft: #64707f; --rule: #e3e7ec; --card: #fff;
  --page: #f6f7f9; --line: #2c6bd1; --fill: #2c6bd122; --buy: #12875a; --sell: #c8443b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #97a3b3; --rule: #2b3441;
  --card: #161d27; --page: #0e131a; --line: #6fa2f4; --fill: #6fa2f433; --buy: #3cc98d;
  --sell: #f0746b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui,
  -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; font-variant-numeric: tabular-nums; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 24px; margin: 0; } h2 { font-size: 16px; margin: 0 0 2px; }
p { margin: 0 0 10px; color: var(--soft); } .empty { padding: 12px 0; }
section { background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
  padding: 16px 20px; margin-top: 16px; overflow-x: auto; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); gap: 12px;
  margin-top: 16px; }
.tile { background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
  padding: 12px 16px; }
.tile span { display: block; color: var(--soft); font-size: 13px; }
.tile b { font-size: 20px; font-weight: 600; } .gain { color: var(--buy); }
.loss { color: var(--sell); }
svg { display: block; width: 100%; min-width: 640px; height: auto; }
text { fill: var(--soft); font-size: 12px; } .y, .name { text-anchor: end; }
.x { text-anchor: middle; } .count { fill: var(--ink); }
.grid { stroke: var(--rule); } .zero { stroke: var(--soft); stroke-dasharray: 3 3; }
.line { fill: none; stroke: var(--line); stroke-width: 1.6; stroke-linejoin: round; }
.area { fill: var(--fill); } .bar { fill: var(--line); }
.buy, .good { fill: var(--buy); } .sell, .bad { fill: var(--sell); }
.buy, .sell { stroke: var(--card); stroke-width: 1; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; padding: 5px 14px 5px 0; border-bottom: 1px solid var(--rule);
  vertical-align: top; } th { color: var(--soft); font-weight: 500; }
td.n, th.n { text-align: right; } code { font-size: 12px; overflow-wrap: anywhere; }
"""


def page(
    title: str,
    story: Story,
    numbers: Mapping[str, Any],
    facts: Sequence[tuple[str, str]],
    apart: Mapping[str, Any] | None = None,
) -> str:
    """The whole file. `numbers` is the summary, `facts` what is to be known of the run, `apart`
    where it and a live run part.
    """
    account = story.account
    body = [
        f"<header><h1>{escape(title)}</h1><p>{escape(_span(story))}</p></header>",
        _tiles(numbers),
        _section(
            "Profit and loss",
            f"{account.currency}, all assets at their marks, less what the account began with; "
            "fees in it",
            time_chart(story.profit.rows, zero=True),
        ),
        _section(
            "Drawdown",
            f"{account.currency} below the best moment so far",
            time_chart([(at, -value) for at, value in story.drawdowns.rows], "area", height=150),
        ),
        _section(
            "Exposure",
            f"{account.currency}, positions in absolute value at their marks",
            time_chart(story.exposure.rows, "area", height=150),
        ),
        *(_fills(name, story) for name in _traded(story)),
        _slippage(story, account.currency),
        _section(
            "Why orders were not placed",
            "denied by risk, kept back by the gateway, refused by the venue",
            bar_chart(_refusals(numbers)),
        ),
        "" if apart is None else _apart(apart),
        _numbers(numbers),
        _facts(facts),
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main>{''.join(body)}</main></body></html>\n"
    )


def _span(story: Story) -> str:
    if story.first_ms is None or story.last is None:
        return "no time passed"
    return f"{clock(story.first_ms)} to {clock(story.last.ts_ms)} UTC, log time"


def _tiles(numbers: Mapping[str, Any]) -> str:
    currency, profit = numbers["currency"], Decimal(numbers["profit"])
    kind = "gain" if profit > 0 else "loss" if profit < 0 else ""
    denied = sum(numbers["denied"].values())
    tiles = [
        ("Profit and loss", f'<b class="{kind}">{money(profit)}</b> {escape(currency)}'),
        ("Largest drawdown", f"<b>{money(Decimal(numbers['drawdown_max']))}</b> {currency}"),
        ("Largest exposure", f"<b>{money(Decimal(numbers['exposure_max']))}</b> {currency}"),
        ("Turnover", f"<b>{money(Decimal(numbers['turnover']))}</b> {currency}"),
        ("Fills", f"<b>{numbers['fills']:,}</b> {numbers['maker_fills']:,} as maker"),
        ("Requests", f"<b>{numbers['requested']:,}</b> {denied:,} denied"),
    ]
    shown = (f'<div class="tile"><span>{name}</span>{value}</div>' for name, value in tiles)
    return f'<div class="tiles">{"".join(shown)}</div>'


def money(value: Decimal) -> str:
    """To two decimals, for a tile; the exact number stands in the table."""
    return f"{value:,.2f}"


def _section(title: str, says: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2><p>{escape(says)}</p>{body}</section>"


def _traded(story: Story) -> list[str]:
    return sorted({fill.event.instrument for fill in story.fills})


def _fills(name: str, story: Story) -> str:
    fills = [fill for fill in story.fills if fill.event.instrument == name]
    marks = [
        Mark(fill.ts_ms, fill.event.last_px, fill.event.side.lower(), _says(fill))
        for fill in fills[-MARKS_MAX:]
    ]
    left = f"; the last {MARKS_MAX:,} are drawn" if len(fills) > MARKS_MAX else ""
    says = f"mark price, and {len(fills):,} fills: up bought, down sold{left}"
    return _section(f"Fills of {name}", says, time_chart(story.prices[name].rows, marks=marks))


def _says(fill: Fill) -> str:
    one = fill.event
    return (
        f"{clock(fill.ts_ms)}  {one.strategy}: {one.side} {plain(one.last_qty)} at "
        f"{plain(one.last_px)}, mark {plain(fill.mark_px)}, {one.last_liquidity.lower()}, "
        f"fee {plain(one.commission)} {one.comm_currency}"
    )


def _slippage(story: Story, currency: str) -> str:
    marks = [
        Mark(one.ts_ms, one.slippage, "bad" if one.slippage > 0 else "good", _says(one))
        for one in story.fills[-MARKS_MAX:]
    ]
    says = f"{currency} per fill against the mark when its order was approved; above zero is worse"
    first, last = story.first_ms, story.last
    span = (first, last.ts_ms) if first is not None and last is not None else None
    return _section("Slippage", says, time_chart((), marks=marks, height=180, zero=True, span=span))


def _refusals(numbers: Mapping[str, Any]) -> list[tuple[str, int]]:
    places = (("denied", ""), ("dropped_by_gateway", "gateway: "), ("rejected_by_venue", "venue: "))
    return [
        (f"{prefix}{name}", count)
        for place, prefix in places
        for name, count in numbers[place].items()
    ]


def _numbers(numbers: Mapping[str, Any]) -> str:
    rows = []
    for name, value in numbers.items():
        shown = value
        if isinstance(value, dict):
            shown = ", ".join(f"{key} {one}" for key, one in value.items()) or "none"
        rows.append((name.replace("_", " "), str(shown)))
    return _section("In numbers", "exact, as in summary.json", _table(rows))


def _apart(found: Mapping[str, Any]) -> str:
    says = "orders and fills of the live run of this range beside these, by the tick behind them"
    return _section("Where live and backtest part", says, _table(list(rows_of(found))))


def _facts(facts: Sequence[tuple[str, str]]) -> str:
    return _section("What was run", "as in run.json: the same again gives the same", _table(facts))


def _table(rows: Sequence[tuple[str, str]]) -> str:
    body = (
        f"<tr><th>{escape(name)}</th><td><code>{escape(value)}</code></td></tr>"
        for name, value in rows
    )
    return f"<table>{''.join(body)}</table>"
