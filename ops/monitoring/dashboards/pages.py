"""The dashboards by file name, as Grafana reads them."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from ops.monitoring.dashboards import operations, research
from ops.monitoring.dashboards.parts import Row, built
from ops.settings import ROOT

FOLDER: Final = ROOT / "ops" / "monitoring" / "dashboards"
ROWS: Final[dict[str, tuple[Row, ...]]] = {
    "operations": operations.ROWS,
    "research": research.ROWS,
}
TEXTS: Final = {
    "operations": "May the desk trade, does it see, is anything piling up?",
    "research": "What signals wanted, what they got, at which price.",
}


def pages() -> dict[str, str]:
    """JSON by file name."""
    return {f"{name}.json": page(name) for name in ROWS}


def page(name: str) -> str:
    made = built(f"Tape: {name}", f"tape-{name}", TEXTS[name], ROWS[name])
    return JSONEncoder(sort_keys=True, indent=1).encode(made.build()) + "\n"
