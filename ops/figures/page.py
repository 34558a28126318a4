"""docs/metrics.md, from the list in `connectors.metrics.declared`.

`python -m ops.figures.page > docs/metrics.md` writes it; a test keeps both equal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from connectors.metrics.declared import FIGURES
from connectors.metrics.kinds import Declared

HEAD = """# Metrics

Written by `python -m ops.figures.page` from `connectors/metrics/declared.py`: change that.

Every process of a desk answers on a loopback port of its own, which `tape status` shows; a process
started by hand answers where `TAPE_METRICS__PORT` says, and nowhere by default.

| path | answers |
|---|---|
| `/metrics` | the figures below, as text for Prometheus or OpenMetrics |
| `/livez` | 200 while the main loop turns, else 503 with the reason |
| `/readyz` | 200 while the process may do its work, else 503 with the reason |
| `/errors` | JSON: what was said from WARNING on, grouped and counted, first and last time |

A pipeline is ready once its history is re-run, the gateway while orders may be sent.

Figures are for looking at: floats, read from what a process holds or counted once per committed
epoch. No decision reads one. Re-run epochs are not counted again. Figures of the process, of Python
and its garbage collector (`process_*`, `python_*`) come with all of them. Prometheus adds the label
`process` from `targets.json` in the run folder ([monitoring.md](monitoring.md)).
"""


def page() -> str:
    return "\n".join([HEAD, *_tables()])


def _tables() -> Iterator[str]:
    for by in dict.fromkeys(one.by for one in FIGURES):
        yield f"## {by[0].upper()}{by[1:]}\n\n| metric | kind | labels | shows |\n|---|---|---|---|"
        yield "\n".join(_row(one) for one in FIGURES if one.by == by) + "\n"


def _row(one: Declared) -> str:
    labels = ", ".join(f"`{label}`" for label in one.labels) or "-"
    return f"| `{one.name}` | {one.kind} | {labels} | {one.text} |"


if __name__ == "__main__":
    sys.stdout.write(page())
