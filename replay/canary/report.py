"""The comparison in Markdown, fit for a pull request."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from pipelines.exact import plain
from replay.canary.align import Change, Kind
from replay.canary.run import Comparison

SHOWN = 20


def markdown(title: str, found: Comparison, broken: Sequence[str]) -> str:
    """The whole report; `broken` are the limits of the policy that do not hold."""
    verdict = f"**{'FAIL' if broken else 'PASS'}**"
    lines = [f"# Canary: {title}", "", f"{verdict} · {found.epochs} epochs · {_changed(found)}", ""]
    lines += [f"- {one}" for one in broken] + ([""] if broken else [])
    lines += [*_kinds(found), "", *_sides(found)]
    lines += ["", *_examples(found)] if found.changed else []
    return "\n".join(lines) + "\n"


def _changed(found: Comparison) -> str:
    return (
        f"{found.changes} of {found.decisions} decisions differ · baseline against itself: "
        f"{found.noise}"
    )


def _kinds(found: Comparison) -> list[str]:
    head = ["| difference | decisions |", "|---|---:|"]
    rows = [f"| {kind.value} | {found.counts[kind]} |" for kind in Kind]
    return [*head, *rows, f"| new denials | {found.new_denials} |"]


def _sides(found: Comparison) -> list[str]:
    def row(name: str, value: Any) -> str:
        return f"| {name} | {value(found.baseline)} | {value(found.candidate)} |"

    versions = (_versions(side) for side in (found.baseline_versions, found.candidate_versions))
    return [
        "| | baseline | candidate |",
        "|---|---:|---:|",
        f"| version | {' | '.join(versions)} |",
        row("decisions", lambda m: m.decisions),
        row("orders", lambda m: m.orders),
        row("denials", lambda m: m.denials),
        row("turnover of orders", lambda m: plain(m.ordered.turnover)),
        row("largest exposure of orders", lambda m: plain(m.ordered.exposure_max)),
        row("turnover of targets", lambda m: plain(m.targeted.turnover)),
        row("largest exposure of targets", lambda m: plain(m.targeted.exposure_max)),
        row("beyond the mark, bps", lambda m: _known(m.slippage_bps)),
        row("processor time per record, ns", lambda m: m.cpu_ns_per_record),
    ]


def _known(value: Decimal | None) -> str:
    return "-" if value is None else plain(value)


def _versions(versions: set[str]) -> str:
    return ", ".join(f"`{version[:12]}`" for version in sorted(versions))


def _examples(found: Comparison) -> list[str]:
    shown = found.changed[:SHOWN]
    left = found.changes - len(shown)
    rows = [f"| {c.kind} | {c.cause} | {c.topic} {c.key} | {_what(c)} |" for c in shown]
    head = ["| difference | cause | decision | baseline -> candidate |", "|---|---|---|---|"]
    return [*head, *rows, *([f"\n... and {left} more"] if left else [])]


def _what(change: Change) -> str:
    before, after = change.baseline, change.candidate
    if before is None or after is None:
        side = after if before is None else before
        return f"{'only candidate' if before is None else 'only baseline'}: {_short(side or {})}"
    return "; ".join(_fields(before, after))


def _fields(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    for name in dict.fromkeys([*before, *after]):
        was, now = before.get(name), after.get(name)
        if was != now:
            yield f"{name} {_text(was)} -> {_text(now)}"


def _short(event: dict[str, Any]) -> str:
    names = ("event", "strategy", "side", "target_qty", "order_qty", "price", "reason")
    return " ".join(_text(event[name]) for name in names if event.get(name) is not None)


def _text(value: Any) -> str:
    """No cell of the table ends early."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text.replace("|", "\\|")
