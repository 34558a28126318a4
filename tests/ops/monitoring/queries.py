"""What a PromQL expression names, metrics and labels, and which of that nobody declared.

Names and selectors are found by their form, which is enough for what is written here; that an
expression is one is promtool's to say.
"""

from __future__ import annotations

import re
from typing import Final

from connectors.metrics.declared import FIGURES
from ops.monitoring.objectives import OBJECTIVES, UP, WINDOWS, recorded

NAME: Final = re.compile(r"(?<![\w:$])((?:tape|trading|process|slo)[_:][\w:]+|up)(?![\w:(])")
SELECTED: Final = re.compile(r"(?<![\w:$])([a-z][\w:]+)\{([^}]*)\}")
GROUPED: Final = re.compile(r"\b(?:by|on|without|ignoring) \(([^)]*)\)")
TARGET: Final = {"job", "instance", "process"}  # what a scrape adds to every series


def _known() -> dict[str, set[str]]:
    """Labels by metric: of what is declared, recorded, Prometheus' own and the client library's."""
    found = {one.name: {*one.labels} for one in FIGURES}
    for one in FIGURES:
        if one.kind == "histogram":
            found |= {f"{one.name}_{part}": {*one.labels} for part in ("count", "sum")}
            found[f"{one.name}_bucket"] = {*one.labels, "le"}
    found |= {recorded(one, w): {one.by} for one in OBJECTIVES for w in WINDOWS}
    found |= {f"slo:{name}:seen": found[figure] for name, figure, _ in UP}
    found |= {f"slo:{name}:up": {by} for name, _, by in UP}
    names = ("up", "process_resident_memory_bytes", "process_cpu_seconds_total")
    return found | {name: set[str]() for name in names}


KNOWN: Final = _known()


def unknown(expr: str, shown: str = "") -> set[str]:
    """Metrics and labels of an expression, and of the text `shown` beside it, that do not exist."""
    bare = re.sub(r'"[^"]*"', '""', expr)
    metrics = {*NAME.findall(GROUPED.sub("", re.sub(r"\{[^}]*\}", "", bare)))}
    labels = {label for name in metrics for label in KNOWN.get(name, ())} | TARGET
    grouped = {part.strip() for found in GROUPED.findall(bare) for part in found.split(",")}
    named = {*re.findall(r"\{\{ *(?:\$labels\.)?(\w+) *\}\}", shown)}
    wrong = {name for name in metrics if name not in KNOWN}
    return wrong | (grouped | named) - labels | _selected(bare)


def _selected(expr: str) -> set[str]:
    """Labels that a selector asks of a metric that does not have them."""
    return {
        f"{name}{{{label}}}"
        for name, selector in SELECTED.findall(expr)
        for label in re.findall(r"(\w+)\s*[=!]", selector)
        if label not in KNOWN.get(name, set()) | TARGET
    }
